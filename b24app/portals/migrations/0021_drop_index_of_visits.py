from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False  # the index is dropped beside the traffic

    dependencies = [
        ('portals', '0016_portal_copies'),
    ]

    operations = [
        RemoveIndexConcurrently(
            model_name='portal',
            name='portal_by_visit',
        ),
    ]
