"""`manage.py document_settings`: writes docs/configuration.md and .env.example anew."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app.core.configuration import rendering

PAGES = {"docs/configuration.md": rendering.render_page, ".env.example": rendering.render_form}


class Command(BaseCommand):
    """Both are made of the settings that are declared. With --check it writes nothing, and fails where one is old."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say whether they are current")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        for name, render in PAGES.items():
            path, text = settings.BASE_DIR / name, render()
            if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
                raise CommandError(f"{name} is not what the settings say: run `manage.py document_settings`.")
            if not check:
                path.write_text(text, encoding="utf-8")
