import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import b24app.core.sealing


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0024_maintenance_jobs'),
        ('portals', '0018_grace_period'),
    ]

    operations = [
        migrations.CreateModel(
            name='AppEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('generation', models.IntegerField(null=True)),
                ('name', models.CharField(max_length=60)),
                ('payload', b24app.core.sealing.SealedJSON()),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tries', models.SmallIntegerField(default=0)),
                ('portal', models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portals.portal'
                )),
            ],
            options={'indexes': [models.Index(fields=['due_at'], name='app_event_due')]},
        ),
    ]
