"""The web server's way in.

Nothing here may open a connection or start a thread: with gunicorn's --preload it is imported once, before the workers
are forked, so that they share what was imported. Where the process could not do its work the import ends it.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")
_everything = get_wsgi_application()

# By name, for models can be imported only from here on.
import_module("b24app.operations.starting").check_can_start()
_answer = import_module("b24app.doors.wsgi").beside(_everything)
_look_after_spool = import_module("b24app.doors.replay").keep_replaying
import_module("providers.kit.registry").services()

os.register_at_fork(after_in_child=_look_after_spool)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Every web process looks after its node's spool, at the latest from its first request."""
    with suppress(RuntimeError):  # no thread can be started now: this call is answered all the same
        _look_after_spool()
    answer: Iterable[bytes] = _answer(environ, start_response)
    return answer
