import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0018_grace_period'),
    ]

    operations = [
        migrations.CreateModel(
            name='PortalCopy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('host', models.CharField(max_length=255)),
                ('state', models.CharField(choices=[('noticed', 'noticed'), ('allowed', 'allowed'), ('blocked', 'blocked')], default='noticed', max_length=8)),
                ('noticed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('due_at', models.DateTimeField(blank=True, null=True)),
                ('portal', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='copies', to='portals.portal')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='copy_due')],
                'constraints': [models.UniqueConstraint(fields=('portal', 'host'), name='a_copy_is_noticed_once')],
            },
        ),
    ]
