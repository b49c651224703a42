"""Compiled translations: made wherever a catalogue is newer than what was compiled of it."""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parents[2] / "locale"


def compile_stale() -> None:
    """Compile what is not up to date; two processes may do so at once."""
    for source in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        compiled = source.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalog = read_po(file, locale=source.parts[-3], domain="django")
        half = compiled.with_suffix(f".{os.getpid()}.half")
        with half.open("wb") as file:
            write_mo(file, catalog)
        half.replace(compiled)
