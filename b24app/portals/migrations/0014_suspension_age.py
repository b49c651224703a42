from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # as the index is built beside the traffic

    dependencies = [
        ('portals', '0013_pushing'),
    ]

    operations = [
        migrations.AddField(
            model_name='portal',
            name='suspended_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='portal',
            name='client_refused_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        AddIndexConcurrently(
            model_name='portal',
            index=models.Index(
                condition=models.Q(('client_refused_at__isnull', False)),
                fields=['client_refused_at'],
                name='portal_client_refused',
            ),
        ),
    ]
