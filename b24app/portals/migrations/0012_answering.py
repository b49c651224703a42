from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0011_first_run'),
    ]

    operations = [
        migrations.AddField(
            model_name='portal',
            name='asked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='portal',
            name='silent_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
