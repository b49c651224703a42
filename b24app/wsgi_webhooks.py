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
from b24app.operations.starting import check_can_start  # noqa: E402
from b24app.webhooks import portal_messages, request_body, spool_replay  # noqa: E402
from b24app.webhooks import wsgi as webhooks  # noqa: E402

check_can_start()
_answer = webhooks.WebhooksHandler()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request, and see to it that this process replays its node's spool."""
    with suppress(RuntimeError):  # no thread can be started now: this call is answered all the same
        spool_replay.keep_replaying()
    return _answer(environ, start_response)


policy = Policy(
    max_body_size=request_body.max_body_size,
    reserved_paths=webhooks.NEVER_REPEATED,
    serialized_paths=webhooks.PATHS,
    is_trusted_proxy=trusted_proxies.is_trusted_proxy,
    on_body_too_large=portal_messages.count_oversized_call,
    on_start=spool_replay.keep_replaying,
    exit_code=shutdown.exit_code,
)
