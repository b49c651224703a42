from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

NEVER_PUSHED = (
    models.Q(('push_at__isnull', True))
    & models.Q(('status', 'queued'), _negated=True)
    & models.Q(('pushed', models.F('status')), _negated=True)
)
REFUSED = models.Q(('push_error', ''), _negated=True) | models.Q(('push_tries__gt', 0))


class Migration(migrations.Migration):

    atomic = False  # as the index of a big table is built beside the traffic

    dependencies = [
        ('messaging', '0027_pushed_again'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(
                condition=models.Q(('message_id__isnull', False)) & (REFUSED | NEVER_PUSHED),
                fields=['portal', '-received_at', '-id'],
                name='message_in_doubt',
            ),
        ),
    ]
