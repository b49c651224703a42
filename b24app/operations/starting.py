"""Checks before a process serves: one that would seem healthy yet fail exits with a clear message instead.

Run before a worker consumes its queue and before a web server opens its port.
"""

from django.conf import settings

from b24app.core import spool
from b24app.operations import spool_adoption
from b24app.operations.key_checks import find_key_faults


def check_can_start() -> None:
    """Raise SystemExit, with a message for the operator, where this process could not do its work."""
    for fault in find_key_faults():
        raise SystemExit(f"Sendline does not start: {fault}")
    try:
        spool.check_writable()
        spool_adoption.hold_spool()
    except OSError as error:
        why = error.strerror or error
        raise SystemExit(
            f"Sendline does not start: nothing can be kept in SPOOL_DIR, {settings.SPOOL_DIR} ({why}). "
            "It has to be a folder on a disk that this process may write to."
        ) from None
    if any(_uncompiled_languages()):
        raise SystemExit(
            "Sendline does not start: its translations are not compiled. "
            "Run `python -m b24app.operations.build` where the code is."
        )


def _uncompiled_languages() -> list[str]:
    sources = (path for folder in settings.LOCALE_PATHS for path in folder.glob("*/LC_MESSAGES/*.po"))
    return [source.parts[-3] for source in sources if not source.with_suffix(".mo").exists()]
