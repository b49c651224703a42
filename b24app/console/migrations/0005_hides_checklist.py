from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0003_texttemplate'),
    ]

    operations = [
        migrations.AddField(
            model_name='preference',
            name='hides_checklist',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
