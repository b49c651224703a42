"""Compiled translations, which Django reads; one function compiles the catalogues wherever they are needed.

Not `pybabel compile`: it compares the first plural form with the English singular, and so rejects a language whose
first form is not for one alone ("%(days)s days" in Russian for 21, in Japanese for all).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parents[1] / "locale"


def compile_catalogues() -> None:
    """Compile each catalogue that has changed since it was compiled; safe in two processes at once."""
    for source, compiled in _find_catalogues():
        changed_at = source.stat().st_mtime_ns
        # Equal, not later: an older release unpacked over a newer one has older files.
        if compiled.exists() and compiled.stat().st_mtime_ns == changed_at:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3], domain="django")
        scratch = compiled.with_suffix(f".{os.getpid()}.tmp")
        with scratch.open("wb") as file:
            write_mo(file, catalogue)
        os.utime(scratch, ns=(changed_at, changed_at))
        scratch.replace(compiled)


def _find_catalogues() -> Iterator[tuple[Path, Path]]:
    for source in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        yield source, source.with_suffix(".mo")
