"""Keep the filters of a view however long a search is; PostgreSQL rewrites nothing for it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0006_saved_views'),
    ]

    operations = [
        migrations.AlterField(
            model_name='savedview',
            name='query',
            field=models.TextField(),
        ),
    ]
