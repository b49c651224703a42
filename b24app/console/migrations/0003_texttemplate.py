import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0001_initial'),
        ('portals', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='TextTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('title', models.CharField(max_length=60)),
                ('text', models.TextField()),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_by', models.BigIntegerField(blank=True, null=True)),
                ('portal', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='text_templates', to='portals.portal')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('portal', 'title'), name='a_template_title_is_used_once')],
            },
        ),
    ]
