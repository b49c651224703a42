import django.utils.timezone
from django.db import migrations, models

import b24app.core.sealing


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0021_drop_index_of_visits'),
    ]

    operations = [
        migrations.CreateModel(
            name='LocalApplication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client_id', models.CharField(max_length=100, unique=True)),
                ('client_secret', b24app.core.sealing.SealedText()),
                ('host', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
    ]
