"""Compiled translations, which Django reads: made of the catalogues by one function, wherever they are needed.

Not by `pybabel compile`: it holds the first form of a plural against the English singular, and so refuses a language
whose first form is for more than one ("%(days)s days" in Russian for 21, in Japanese for all).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parents[1] / "locale"


def compile_catalogues() -> None:
    """Compile each catalogue that has changed since it was compiled; two processes may do so at once."""
    for source, compiled in _find_catalogues():
        changed_at = source.stat().st_mtime_ns
        # The same moment, not a later one: an older release that is unpacked over a newer one has older files.
        if compiled.exists() and compiled.stat().st_mtime_ns == changed_at:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3], domain="django")
        half = compiled.with_suffix(f".{os.getpid()}.half")
        with half.open("wb") as file:
            write_mo(file, catalogue)
        os.utime(half, ns=(changed_at, changed_at))
        half.replace(compiled)


def _find_catalogues() -> Iterator[tuple[Path, Path]]:
    for source in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        yield source, source.with_suffix(".mo")
