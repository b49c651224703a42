import django.db.models.deletion
from django.db import migrations, models


# Breakdowns are added to again and again, like the tallies; with room in its page a row is changed in place.
ROOM = "ALTER TABLE messaging_daybreakdown SET (fillfactor = 70)"
NO_ROOM = "ALTER TABLE messaging_daybreakdown RESET (fillfactor)"


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0007_sender_rewriting'),
        ('portals', '0004_push_after'),
    ]

    operations = [
        # Those that are here already have none, and so the breakdowns leave them out: they could count only the rest of
        # their way. No row is rewritten, and processes of the version before may still write rows without it.
        migrations.AddField(
            model_name='message',
            name='country',
            field=models.CharField(blank=True, max_length=2, null=True),
        ),
        migrations.AlterField(
            model_name='message',
            name='country',
            field=models.CharField(blank=True, default='', max_length=2, null=True),
        ),
        migrations.AddField(
            model_name='daytally',
            name='last_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='DayBreakdown',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimension', models.CharField(choices=[('country', 'country'), ('source', 'source'), ('employee', 'employee')], max_length=8)),
                ('day', models.DateField()),
                ('value', models.CharField(blank=True, default='', max_length=20)),
                ('currency', models.CharField(blank=True, default='', max_length=3)),
                ('messages', models.IntegerField(default=0)),
                ('delivered', models.IntegerField(default=0)),
                ('undelivered', models.IntegerField(default=0)),
                ('failed', models.IntegerField(default=0)),
                ('stopped', models.IntegerField(default=0)),
                ('money', models.DecimalField(decimal_places=5, default=0, max_digits=16)),
                ('took_2', models.IntegerField(default=0)),
                ('took_5', models.IntegerField(default=0)),
                ('took_10', models.IntegerField(default=0)),
                ('took_30', models.IntegerField(default=0)),
                ('took_60', models.IntegerField(default=0)),
                ('took_300', models.IntegerField(default=0)),
                ('took_3600', models.IntegerField(default=0)),
                ('took_longer', models.IntegerField(default=0)),
                ('portal', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portals.portal')),
                ('sender', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='messaging.sender')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('portal', 'dimension', 'day', 'sender', 'value', 'currency'), name='one_breakdown')],
            },
        ),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.CreateModel(
            name='UncountedClimb',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sender_id', models.BigIntegerField()),
                ('day', models.DateField()),
                ('country', models.CharField(max_length=2)),
                ('source', models.CharField(max_length=10)),
                ('author_id', models.BigIntegerField(null=True)),
                ('was', models.CharField(max_length=12)),
                ('was_price', models.DecimalField(decimal_places=5, max_digits=12, null=True)),
                ('was_currency', models.CharField(max_length=3)),
                ('became', models.CharField(max_length=12)),
                ('price', models.DecimalField(decimal_places=5, max_digits=12, null=True)),
                ('currency', models.CharField(max_length=3)),
                ('took', models.FloatField(null=True)),
            ],
        ),
    ]
