import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0019_local_applications'),
    ]

    operations = [
        migrations.AddField(
            model_name='portal',
            name='application',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='portals', to='portals.localapplication'),
        ),
        migrations.AddField(
            model_name='portaltoken',
            name='application',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='portals.localapplication'),
        ),
    ]
