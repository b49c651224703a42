"""The whole application, for `python -m b24app.server b24app.wsgi`: pages, and webhooks that no proxy routes away.

Importing it opens no connection and starts no thread, because a server may import it once and fork. The import raises
SystemExit where the process could not do its work.
"""

import os
import re
from collections.abc import Iterable
from functools import partial
from typing import Any

import django

from b24app.server.policy import OVERLOADED

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "b24app.settings")
django.setup(set_prefix=False)

# Models can be imported only once Django is set up.
from b24app.console.frame.errors import show_busy_to_anyone  # noqa: E402
from b24app.operations import serving  # noqa: E402
from b24app.operations.starting import check_can_start  # noqa: E402
from b24app.webhooks import page_forms, request_body  # noqa: E402
from b24app.webhooks import wsgi as webhooks  # noqa: E402
from providers.kit import registry  # noqa: E402

check_can_start()
ROLE = "web"
_answer_all = webhooks.route_webhooks(page_forms.PagesHandler())
_answer_busy = webhooks.SingleViewHandler(show_busy_to_anyone)
registry.services()

LONGEST_UPLOAD = 8 * 1024 * 1024  # the page itself refuses what is longer than console/formats/csv_files.py reads
_UPLOAD = re.compile(r"/p/[0-9a-f]{32}/stop-list/import/")


def _answer_unless_busy(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    is_page = not environ["PATH_INFO"].startswith(webhooks.PATHS)
    answer = _answer_busy if environ.get(OVERLOADED) and is_page else _answer_all
    return answer(environ, start_response)


application = serving.serve_watched(_answer_unless_busy, ROLE)


def _max_body_size(path: str) -> int:
    longest = request_body.max_body_size(path)
    return max(longest, LONGEST_UPLOAD) if _UPLOAD.fullmatch(path) else longest


os.register_at_fork(after_in_child=partial(serving.start_threads, ROLE))
policy = serving.build_policy(ROLE, _max_body_size)
