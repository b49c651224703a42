import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("portals", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Preference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_id", models.BigIntegerField()),
                (
                    "theme",
                    models.CharField(
                        choices=[("light", "light"), ("dark", "dark"), ("system", "system")],
                        default="light",
                        max_length=6,
                    ),
                ),
                ("language", models.CharField(blank=True, default="", max_length=10)),
                (
                    "portal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="portals.portal"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.UniqueConstraint(fields=("portal", "user_id"), name="one_preference_per_user"),
        ),
    ]
