from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0028_address_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="claimed_by",
            field=models.UUIDField(blank=True, null=True),
        ),
    ]
