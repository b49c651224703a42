from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0010_crm_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='portal',
            name='installed_by',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='portal',
            name='region_set_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
