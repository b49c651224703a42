from django.db import migrations

# Portals that left before there was a grace period have the whole of it from now on.
BEGIN_GRACE_PERIOD = """
UPDATE portals_portal SET erase_at = now() + interval '30 days' WHERE uninstalled_at IS NOT NULL AND erase_at IS NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0015_paused_methods'),
    ]

    operations = [
        migrations.RunSQL(BEGIN_GRACE_PERIOD, migrations.RunSQL.noop),
    ]
