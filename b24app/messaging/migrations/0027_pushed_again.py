from django.db import migrations, models

KINDS = [
    ('senders', 'senders'), ('events', 'events'), ('places', 'places'), ('tokens', 'tokens'), ('statuses', 'statuses'),
]


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0026_notice_of_copies'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='pushed_again_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        # Of the choices alone, which the database does not know.
        migrations.AlterField(
            model_name='maintenancejob',
            name='kind',
            field=models.CharField(choices=KINDS, max_length=10),
        ),
    ]
