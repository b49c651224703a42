"""Update the message catalogues from the code and the templates, and count what is not translated."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_javascript, extract_python
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation.template import templatize

KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
PYTHON_ROOTS = ("b24app", "providers")
NOT_TRANSLATED = ("migrations", "sandbox", "management", "local")


class Command(BaseCommand):
    """Update every catalogue; with --check change nothing, and fail where a text is missing or untranslated."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing, fail where a translation is missing")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        template = _extract_messages(settings.BASE_DIR)
        has_missing = False
        for path in sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po")):
            with path.open("rb") as file:
                catalog = read_po(file, locale=path.parts[-3], domain="django")
            template.creation_date = catalog.creation_date  # or every run would be a change
            catalog.update(template, no_fuzzy_matching=True, update_header_comment=False)
            catalog.obsolete.clear()
            missing = [message for message in catalog if message.id and not _is_translated(message.string)]
            has_missing = has_missing or bool(missing)
            self.stdout.write(f"{path.parts[-3]}: {len(catalog)} texts, {len(missing)} not translated")
            if not check:
                with path.open("wb") as file:
                    write_po(file, catalog, width=120, no_location=True, sort_output=True)
        if check and has_missing:
            raise SystemExit(1)


def _is_translated(translation: str | tuple[str, ...] | list[str] | None) -> bool:
    return all(translation) if isinstance(translation, tuple | list) else bool(translation)


def _extract_messages(root: Path) -> Catalog:
    catalog = Catalog(domain="django", charset="utf-8")
    for path, found in [*_find_in_python(root), *_find_in_templates(root)]:
        _lineno, function, words, _comments = found
        context, message = _read_call(function, words)
        if message and (isinstance(message, tuple) or message.strip()):
            catalog.add(message, locations=[(path.relative_to(root).as_posix(), 0)], context=context)
    return catalog


def _read_call(function: str, words: Any) -> tuple[str | None, str | tuple[str, ...]]:
    given = words if isinstance(words, tuple) else (words,)
    context = given[0] if "pgettext" in function else None
    texts = tuple(given[1:] if context else given)
    return context, (texts[0], texts[1]) if function.startswith(("ngettext", "npgettext")) else texts[0]


def _find_in_python(root: Path) -> Iterator[tuple[Path, Any]]:
    for top in PYTHON_ROOTS:
        for path in sorted((root / top).rglob("*.py")):
            if not set(path.parts) & set(NOT_TRANSLATED):
                with path.open("rb") as file:
                    yield from ((path, found) for found in extract_python(file, KEYWORDS, (), {}))


def _find_in_templates(root: Path) -> Iterator[tuple[Path, Any]]:
    for path in sorted((root / "templates").rglob("*.html")):
        # Django turns a template into calls of gettext with blanks around; Babel's tolerant reader finds those.
        calls = BytesIO(templatize(path.read_text(encoding="utf-8")).encode())
        yield from ((path, found) for found in extract_javascript(calls, KEYWORDS, (), {}))
