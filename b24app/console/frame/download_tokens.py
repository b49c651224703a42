"""Addresses of downloads: a page cannot send its ticket along with one, so what may be taken is sealed into it."""

import json
import time
from typing import Any

from django.http import Http404

from b24app.core import sealing

SECONDS = 60


def sealed(purpose: str, said: dict[str, Any]) -> str:
    """What stands for it in an address for a minute; of URL-safe characters, and not to be read in a log."""
    claim = {**said, "for": purpose, "until": int(time.time()) + SECONDS}
    return sealing.seal(json.dumps(claim).encode()).decode()


def opened(purpose: str, token: str) -> dict[str, Any]:
    """What was sealed for this purpose within the last minute, for an administrator; Http404 for anything else."""
    try:
        said = json.loads(sealing.unseal(token.encode()))
    except (sealing.CannotOpen, ValueError):
        raise Http404 from None
    if not isinstance(said, dict) or said.pop("for", "") != purpose or said.get("is_admin") is not True:
        raise Http404
    if said.pop("until", 0) < time.time():
        raise Http404
    return said
