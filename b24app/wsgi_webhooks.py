"""Webhooks alone, for `python -m b24app.server b24app.wsgi_webhooks`: what machines call has no page beside it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

import django

from b24app.server.policy import Policy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")
django.setup(set_prefix=False)

# By name, for models can be imported only from here on.
import_module("b24app.operations.starting").check_can_start()
_webhooks = import_module("b24app.webhooks.wsgi")
_answer = _webhooks.WebhooksHandler()
_look_after_spool = import_module("b24app.webhooks.spool_replay").keep_replaying


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Every web process looks after its node's spool, at the latest from its first request."""
    with suppress(RuntimeError):  # no thread can be started now: this call is answered all the same
        _look_after_spool()
    answer: Iterable[bytes] = _answer(environ, start_response)
    return answer


policy = Policy(
    longest_body=import_module("b24app.webhooks.request_body").longest_body,
    reserved=_webhooks.NEVER_REPEATED,
    in_turn=_webhooks.PATHS,
    on_too_long=import_module("b24app.webhooks.portal_messages").count_too_long,
    on_start=_look_after_spool,
    exit_code=import_module("b24app.core.shutdown").exit_code,
)
