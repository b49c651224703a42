"""Not starting: a sentence each on standard error, and an exit code that tells a supervisor not to try again."""

import sys
from collections.abc import Iterable
from typing import NoReturn

EXIT_CODE = 78  # EX_CONFIG of <sysexits.h>


def refuse_to_start(sentences: Iterable[str]) -> NoReturn:
    """Say what is wrong, a line each, and raise SystemExit."""
    for sentence in sentences:
        sys.stderr.write(f"Sendline does not start: {sentence}\n")
    raise SystemExit(EXIT_CODE)
