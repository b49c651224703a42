import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

KINDS = [('senders', 'senders'), ('events', 'events'), ('places', 'places'), ('tokens', 'tokens')]


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0016_failure_alerts'),
        ('portals', '0018_grace_period'),
    ]

    operations = [
        migrations.CreateModel(
            name='MaintenanceJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=KINDS, max_length=10)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_urgent', models.BooleanField(default=False)),
                ('requests', models.IntegerField(default=0)),
                ('tries', models.SmallIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('done_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.CharField(blank=True, default='', max_length=60)),
                ('portal', models.ForeignKey(
                    db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portals.portal'
                )),
            ],
            options={
                'indexes': [
                    models.Index(fields=['due_at'], name='job_due'),
                    models.Index(condition=models.Q(('is_urgent', True)), fields=['due_at'], name='job_urgent'),
                ],
                'constraints': [models.UniqueConstraint(fields=('portal', 'kind'), name='one_job_of_a_kind')],
            },
        ),
    ]
