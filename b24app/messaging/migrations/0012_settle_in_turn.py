from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False  # as indexes of a big table are built beside the traffic

    dependencies = [
        ('messaging', '0011_dead_letters'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='deliveryreport',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['connection', 'due_at'], name='report_to_settle'),
        ),
        RemoveIndexConcurrently(
            model_name='deliveryreport',
            name='report_due',
        ),
    ]
