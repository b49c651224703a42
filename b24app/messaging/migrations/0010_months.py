import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0009_notices'),
        ('portals', '0004_push_after'),
    ]

    operations = [
        migrations.CreateModel(
            name='MonthBreakdown',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimension', models.CharField(choices=[('country', 'country'), ('source', 'source'), ('employee', 'employee')], max_length=8)),
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
                ('month', models.DateField()),
                ('portal', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portals.portal')),
                ('sender', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='messaging.sender')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('portal', 'dimension', 'month', 'sender', 'value', 'currency'), name='one_month_breakdown')],
            },
        ),
    ]
