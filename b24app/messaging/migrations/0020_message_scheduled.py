from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # as indexes of a big table are built beside the traffic

    dependencies = [
        ('messaging', '0019_scheduled'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(
                condition=models.Q(('scheduled_at__isnull', False), models.Q(('text', ''), _negated=True)),
                fields=['portal', 'scheduled_at'],
                name='message_scheduled',
            ),
        ),
    ]
