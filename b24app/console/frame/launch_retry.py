"""Retries of a launch that came while too many others were running: its page posts it again a few seconds later.

The posted fields are sealed in that page: they hold tokens, and no page of ours shows one.
"""

import json
import random
import time
from collections.abc import Mapping

from django.http import HttpRequest

from b24app.core import sealing

FIELD, PURPOSE = "again", "launch"
LIFETIME, MAX_TRIES = 300, 8
MIN_DELAY, MAX_DELAY = 2.0, 6.0  # seconds until the next try, at random, so that many do not come at once
LAUNCH_FIELDS = (
    "AUTH_ID", "REFRESH_ID", "AUTH_EXPIRES", "member_id", "SERVER_ENDPOINT", "APPLICATION_TOKEN", "PLACEMENT",
    "PLACEMENT_OPTIONS",
)  # fmt: skip


def read_posted(request: HttpRequest) -> dict[str, str]:
    """Return what the portal's page posted, now or at first; an empty dict where it is not ours or too old."""
    if FIELD not in request.POST:
        return request.POST.dict()
    try:
        sealed = json.loads(sealing.unseal(request.POST[FIELD].encode()))
    except (sealing.CannotOpen, ValueError):
        return {}
    is_good = isinstance(sealed, dict) and sealed.get("for") == PURPOSE and sealed["until"] > time.time()
    return {**sealed["posted"], FIELD: str(sealed["tries"])} if is_good else {}


def retry_context(posted: Mapping[str, str]) -> dict[str, str]:
    """Return the context of `launch_busy.html`: the sealed launch, and the seconds until it is posted again."""
    tries = int(posted.get(FIELD, "0")) + 1
    launch = {name: posted[name] for name in LAUNCH_FIELDS if name in posted}
    page = {"for": PURPOSE, "until": time.time() + LIFETIME, "tries": tries, "posted": launch}
    seconds = f"{random.uniform(MIN_DELAY, MAX_DELAY):.1f}" if tries <= MAX_TRIES else ""  # noqa: S311 - no secret
    return {"again": sealing.seal(json.dumps(page).encode()).decode(), "seconds": seconds}
