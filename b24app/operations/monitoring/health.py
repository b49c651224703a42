"""/healthz and /readyz, answered before Django: no host is checked, no store asked and no thread of pages needed."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from b24app.console.help.releases import VERSION
from b24app.operations.monitoring.readiness import Readiness

HEALTHZ, READYZ = "/healthz", "/readyz"
PATHS = (HEALTHZ, READYZ)


def answer_health(path: str, start_response: Any, readiness: Callable[[], Readiness], role: str) -> Iterable[bytes]:
    """Answer 200 at /healthz because the process lives; at /readyz 200 or 503, with each check in JSON."""
    status, answer = "200 OK", {"role": role, "version": VERSION}
    if path == READYZ:
        found = readiness()
        status = "200 OK" if found.is_ready else "503 Service Unavailable"
        sweep_age = None if found.sweep_age is None or found.sweep_age == float("inf") else round(found.sweep_age)
        answer |= {"ready": found.is_ready, "checks": dict(found.checks), "sweep_age_seconds": sweep_age}  # type: ignore[dict-item]
    body = json.dumps(answer, ensure_ascii=False).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(status, headers)
    return [body]
