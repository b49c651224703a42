"""A launch that came while too many others were asked about: its page posts it again by itself, a few seconds later.

What the portal posted stands sealed in that page: it holds tokens, and no page of ours shows one.
"""

import json
import random
import time
from collections.abc import Mapping

from django.http import HttpRequest

from b24app.core import sealing

FIELD, PURPOSE = "again", "launch"
SECONDS, MOST_TRIES = 300, 8
SOON, LATER = 2.0, 6.0  # seconds until the next try, by chance, so that many do not come at once
POSTED = (
    "AUTH_ID", "REFRESH_ID", "AUTH_EXPIRES", "member_id", "SERVER_ENDPOINT", "APPLICATION_TOKEN", "PLACEMENT",
    "PLACEMENT_OPTIONS",
)  # fmt: skip


def read_posted(request: HttpRequest) -> dict[str, str]:
    """Return what the portal's page posted, now or to begin with; nothing where it is none of ours or too old."""
    if FIELD not in request.POST:
        return request.POST.dict()
    try:
        said = json.loads(sealing.unseal(request.POST[FIELD].encode()))
    except (sealing.CannotOpen, ValueError):
        return {}
    is_good = isinstance(said, dict) and said.get("for") == PURPOSE and said["until"] > time.time()
    return {**said["posted"], FIELD: str(said["tries"])} if is_good else {}


def context_of(posted: Mapping[str, str]) -> dict[str, str]:
    """Return what `launch_busy.html` takes: the launch, sealed, and after how many seconds it is posted by itself."""
    tries = int(posted.get(FIELD, "0")) + 1
    launch = {name: posted[name] for name in POSTED if name in posted}
    said = {"for": PURPOSE, "until": time.time() + SECONDS, "tries": tries, "posted": launch}
    seconds = f"{random.uniform(SOON, LATER):.1f}" if tries <= MOST_TRIES else ""  # noqa: S311 - no secret
    return {"again": sealing.seal(json.dumps(said).encode()).decode(), "seconds": seconds}
