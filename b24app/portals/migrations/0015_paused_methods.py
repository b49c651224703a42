import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0014_suspension_age'),
    ]

    operations = [
        migrations.CreateModel(
            name='PausedMethod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('method', models.CharField(max_length=100)),
                ('code', models.CharField(max_length=60)),
                ('message', models.CharField(blank=True, default='', max_length=300)),
                ('scope', models.CharField(blank=True, default='', max_length=500)),
                ('since', models.DateTimeField()),
                ('ask_at', models.DateTimeField()),
                ('portal', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='paused_methods', to='portals.portal')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('portal', 'method'), name='one_pause_per_method')],
            },
        ),
    ]
