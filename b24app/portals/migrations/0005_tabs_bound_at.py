from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("portals", "0004_push_after"),
    ]

    operations = [
        migrations.AddField(
            model_name="portal",
            name="tabs_bound_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
