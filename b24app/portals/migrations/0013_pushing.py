from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portals', '0012_answering'),
    ]

    operations = [
        migrations.AddField(
            model_name='portal',
            name='push_batch_size',
            field=models.SmallIntegerField(db_default=50, default=50),
        ),
        migrations.AddField(
            model_name='portal',
            name='statuses_given_up',
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='portal',
            name='token_retry_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
