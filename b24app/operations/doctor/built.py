"""Checks of what the build makes: translations and static files."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from b24app.operations.doctor.findings import Finding, error, ok

BUILD = "Run `python -m b24app.operations.build` where the code is."


def check_translations() -> Iterator[Finding]:
    """Find translations that are not compiled: notices and pages would be in English, silently."""
    sources = [path for folder in settings.LOCALE_PATHS for path in folder.glob("*/LC_MESSAGES/*.po")]
    missing = sorted(source.parts[-3] for source in sources if not source.with_suffix(".mo").exists())
    if missing:
        yield error(f"Translations are not compiled ({', '.join(missing)}).", BUILD)
    else:
        yield ok(f"The translations are compiled: {len(sources)} languages.")


def check_static_files() -> Iterator[Finding]:
    """Find that static files were not collected: every page would be an error."""
    if not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        yield error(f"Static files are not collected in {settings.STATIC_ROOT}.", BUILD)
    else:
        yield ok("Static files are collected.")
