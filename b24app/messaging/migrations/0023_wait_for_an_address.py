from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0025_app_events'),
        ('portals', '0016_portal_copies'),
    ]

    operations = [
        # Only the list of choices: no statement is run.
        migrations.AlterField(
            model_name='message',
            name='wait',
            field=models.CharField(blank=True, choices=[('', ''), ('rate', 'rate'), ('retry', 'retry'), ('paused', 'paused'), ('blocked', 'blocked'), ('unavailable', 'unavailable'), ('quiet_hours', 'quiet hours'), ('cap', 'cap'), ('scheduled', 'scheduled'), ('copy', 'copy')], default='', max_length=12),
        ),
    ]
