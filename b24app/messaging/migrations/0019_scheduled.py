from django.db import migrations, models

WAITS = [
    ('', ''), ('rate', 'rate'), ('retry', 'retry'), ('paused', 'paused'), ('blocked', 'blocked'),
    ('unavailable', 'unavailable'), ('quiet_hours', 'quiet hours'), ('cap', 'cap'), ('scheduled', 'scheduled'),
]


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0013_handler_generations'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='scheduled_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='message',
            name='wait',
            field=models.CharField(blank=True, choices=WAITS, default='', max_length=12),
        ),
    ]
