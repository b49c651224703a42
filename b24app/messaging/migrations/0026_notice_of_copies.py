from django.db import migrations, models

KINDS = [
    ('broken', 'broken'), ('portal', 'portal'), ('balance', 'balance'), ('senders', 'senders'),
    ('undecided', 'undecided'), ('copy', 'copy'), ('failures', 'failures'),
]


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0023_wait_for_an_address'),
    ]

    operations = [
        # Of the choices alone, which the database does not know.
        migrations.AlterField(
            model_name='notice',
            name='kind',
            field=models.CharField(choices=KINDS, max_length=10),
        ),
    ]
