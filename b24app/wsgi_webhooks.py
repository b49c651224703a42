"""Webhooks alone, for `python -m b24app.server b24app.wsgi_webhooks`: a process where no page competes with them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import django

from b24app.server.policy import Policy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")
django.setup(set_prefix=False)

# Models can be imported only once Django is set up.
from b24app.core import shutdown, trusted_proxies  # noqa: E402
from b24app.operations.monitoring import doors, health, monitor  # noqa: E402
from b24app.operations.schema import wait_for_migrations  # noqa: E402
from b24app.operations.starting import check_can_start  # noqa: E402
from b24app.webhooks import portal_messages, request_body, spool_replay  # noqa: E402
from b24app.webhooks import wsgi as webhooks  # noqa: E402

check_can_start()
ROLE = "webhooks"
_answer = doors.watch_doors(webhooks.WebhooksHandler(), ROLE)


def _start_threads() -> None:
    spool_replay.keep_replaying()
    monitor.keep_monitoring(ROLE)


def _count_unread_call(path: str) -> None:
    doors.count_unread_call(path)
    portal_messages.count_oversized_call(path)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request, and see to it that this process replays its node's spool and watches itself."""
    with suppress(RuntimeError):  # no thread can be started now: this call is answered all the same
        _start_threads()
    return _answer(environ, start_response)


policy = Policy(
    max_body_size=request_body.max_body_size,
    reserved_paths=(*webhooks.NEVER_REPEATED, *health.PATHS),
    serialized_paths=webhooks.PATHS,
    is_trusted_proxy=trusted_proxies.is_trusted_proxy,
    on_body_too_large=_count_unread_call,
    prepare=wait_for_migrations,
    on_start=_start_threads,
    exit_code=shutdown.exit_code,
)
