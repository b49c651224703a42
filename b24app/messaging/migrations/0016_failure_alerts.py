from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0020_message_scheduled'),
    ]

    operations = [
        # A row per portal at most, with defaults of the database, so that processes of the version before may write some.
        migrations.AddField(
            model_name='noticerules',
            name='failures',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name='noticerules',
            name='failure_percent',
            field=models.SmallIntegerField(db_default=50, default=50),
        ),
        migrations.AddField(
            model_name='noticerules',
            name='failure_messages',
            field=models.IntegerField(db_default=20, default=20),
        ),
        migrations.AlterField(
            model_name='notice',
            name='kind',
            field=models.CharField(choices=[('broken', 'broken'), ('portal', 'portal'), ('balance', 'balance'), ('senders', 'senders'), ('undecided', 'undecided'), ('failures', 'failures')], max_length=10),
        ),
    ]
