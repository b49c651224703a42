"""The application as a whole, for `python -m b24app.server b24app.wsgi`: pages, and webhooks too where no proxy routes
them to a process of their own (wsgi_webhooks.py).

Nothing here may open a connection or start a thread: a server may import it once and fork. Where the process could not
do its work the import ends it.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

import django

from b24app.server.policy import OVERLOADED, Policy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")
django.setup(set_prefix=False)

# By name, for models can be imported only from here on.
import_module("b24app.operations.starting").check_can_start()
_webhooks = import_module("b24app.webhooks.wsgi")
_bodies = import_module("b24app.webhooks.request_body")
_look_after_spool = import_module("b24app.webhooks.spool_replay").keep_replaying
_answer = _webhooks.route_webhooks(import_module("b24app.webhooks.page_forms").Pages())
_say_busy = _webhooks.SingleViewHandler(import_module("b24app.console.frame.errors").busy_for_anybody)
import_module("providers.kit.registry").services()

LONGEST_UPLOAD = 8 * 1024 * 1024  # what is longer than console/formats/csv_files.py takes is still told so by the page
_UPLOAD = re.compile(r"/p/[0-9a-f]{32}/stop-list/import/")


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Every web process looks after its node's spool, at the latest from its first request."""
    with suppress(RuntimeError):  # no thread can be started now: this call is answered all the same
        _look_after_spool()
    busy = environ.get(OVERLOADED) and not environ["PATH_INFO"].startswith(_webhooks.PATHS)
    answering = _say_busy if busy else _answer
    answer: Iterable[bytes] = answering(environ, start_response)
    return answer


def _longest_body(path: str) -> int:
    longest: int = _bodies.longest_body(path)
    return max(longest, LONGEST_UPLOAD) if _UPLOAD.fullmatch(path) else longest


os.register_at_fork(after_in_child=_look_after_spool)
policy = Policy(
    longest_body=_longest_body,
    reserved=_webhooks.NEVER_REPEATED,
    in_turn=_webhooks.PATHS,
    on_too_long=import_module("b24app.webhooks.portal_messages").count_too_long,
    on_start=_look_after_spool,
    exit_code=import_module("b24app.core.shutdown").exit_code,
)
