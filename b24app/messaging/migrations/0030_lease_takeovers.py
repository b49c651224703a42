import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0029_message_claimed_by"),
    ]

    operations = [
        migrations.CreateModel(
            name="LeaseTakeover",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.BigIntegerField()),
                ("previous_holder", models.UUIDField()),
                ("holder", models.UUIDField()),
                ("ended_at", models.DateTimeField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("stranded", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [models.Index(fields=["connection_id", "at"], name="takeover_of_connection")],
            },
        ),
    ]
