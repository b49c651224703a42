from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

WITH_PORTAL = [('peer__in', ('bitrix24', 'oauth'))]


class Migration(migrations.Migration):

    atomic = False  # as indexes of a big table are built beside the traffic

    dependencies = [
        ('journal', '0003_rest_log'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='exchange',
            index=models.Index(
                condition=models.Q(*WITH_PORTAL), fields=['portal_id', '-at', '-id'], name='rest_log_of_portal'
            ),
        ),
        AddIndexConcurrently(
            model_name='exchange',
            index=models.Index(
                condition=models.Q(*WITH_PORTAL), fields=['portal_id', 'name', '-at', '-id'], name='rest_log_by_name'
            ),
        ),
        AddIndexConcurrently(
            model_name='exchange',
            index=models.Index(
                condition=models.Q(*WITH_PORTAL, models.Q(('error', ''), _negated=True)),
                fields=['portal_id', '-at', '-id'],
                name='rest_log_of_errors',
            ),
        ),
        AddIndexConcurrently(
            model_name='exchange',
            index=models.Index(
                condition=models.Q(*WITH_PORTAL, ('method__in', ('CALL', 'EVENT', 'LAUNCH'))),
                fields=['portal_id', '-at', '-id'],
                name='rest_log_incoming',
            ),
        ),
        AddIndexConcurrently(
            model_name='exchange',
            index=GinIndex(
                condition=models.Q(('messages__isnull', False)), fields=['messages'], name='rest_log_of_messages'
            ),
        ),
    ]
