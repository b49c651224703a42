"""`python -m b24app.operations.build`: generate what processes need, before any of them is started.

Compiles the translations and collects the static files. Run once wherever the code is deployed, with requirements.txt
and no settings at all; nothing that runs afterwards writes into the code's folder.
"""

import os

import django
from django.core.management import call_command

from b24app.operations import translations

# The settings do not load without these; nothing generated depends on them.
UNUSED = {
    "SECRET_KEY": "unused",
    "SECRETS_KEYS": "unused",
    "ADDRESS_KEYS": "unused",
    "B24_CLIENT_ID": "unused",
    "B24_CLIENT_SECRET": "unused",
    "PUBLIC_URL": "https://sendline.example",
    "DATABASE_URL": "postgresql:///unused?host=/nonexistent",
    "REDIS_URL": "unix:///nonexistent?db=0",
}


def build_application() -> None:
    """Compile translations and collect static files; safe to repeat."""
    translations.compile_catalogues()
    for name in UNUSED:
        os.environ.pop(f"{name}_FILE", None)  # a secret is in one place only
    os.environ.update(UNUSED | {"DJANGO_SETTINGS_MODULE": "b24app.settings", "DEBUG": "false"})
    django.setup()
    call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    build_application()
