import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journal', '0002_exchanges_by_portal'),
    ]

    operations = [
        # No row is rewritten, and processes of the version before may write rows without these columns.
        migrations.AddField(
            model_name='exchange',
            name='name',
            field=models.CharField(blank=True, db_default='', default='', max_length=100),
        ),
        migrations.AddField(
            model_name='exchange',
            name='messages',
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name='exchange',
            name='commands',
            field=models.JSONField(blank=True, null=True),
        ),
    ]
