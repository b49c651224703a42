"""The webhooks' own WSGI handler responds as Django's test client does, without the pages' middleware."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
from werkzeug.test import Client

from b24app.core import signed_urls
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Phase
from b24app.server.policy import DEFAULT_BODY_SIZE
from b24app.webhooks import request_body
from b24app.webhooks.wsgi import route_webhooks
from b24app.wsgi import LONGEST_UPLOAD, policy
from tests.handler_calls import FORM, fields, path

pytestmark = pytest.mark.django_db(transaction=True)
KEY = uuid4().hex


def everything(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"a page"]


@pytest.fixture
def web() -> Client:
    return Client(route_webhooks(everything))


def test_a_call_becomes_a_message_and_no_header_of_a_page_is_answered(web: Client, sender: Sender) -> None:
    answer = web.post(path(sender), data=urlencode(fields()), content_type=FORM)
    assert (answer.status_code, answer.data) == (200, b"")
    assert dict(answer.headers) == {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": "0",
        "X-Content-Type-Options": "nosniff",
    }
    assert Message.objects.get().phase == Phase.WAITING


def test_refusals_are_the_same(web: Client, sender: Sender) -> None:
    assert web.get(path(sender)).status_code == 405
    assert web.post(f"/h/{sender.uuid.hex}/1/AAAAAAAAAAAAAAAAAAAAAA/").status_code == 403
    assert web.post(path(sender), data=b"--x\r\n", content_type="multipart/form-data; boundary=").status_code == 400
    assert web.post(path(sender), data=b"x" * (1024 * 1024 + 1), content_type=FORM).status_code == 413
    nothing = web.post("/h/nothing/")
    assert (nothing.status_code, nothing.data) == (404, b"")
    assert not Message.objects.exists()


def test_everything_else_is_left_to_the_pages(web: Client) -> None:
    assert web.get("/app/").data == b"a page"
    assert web.get("/install/").data == b"a page"
    assert web.get("/h").data == b"a page"


def test_how_long_a_body_may_be_is_a_matter_of_its_address() -> None:
    handler, report = (urlsplit(one).path for one in (signed_urls.handler_url(KEY, 1), signed_urls.report_url(KEY)))
    assert policy.max_body_size(handler) == request_body.MAX_CALL
    assert policy.max_body_size(report) == request_body.MAX_REPORT
    assert policy.max_body_size(f"/p/{KEY}/stop-list/import/") == LONGEST_UPLOAD
    forged = handler[:-23] + "A" * 22 + "/"
    pages = ("/app/", "/install/", "/card/", "/session/", "/oauth/", f"/p/{KEY}/settings/")
    for one in (urlsplit(signed_urls.events_url(KEY, 1)).path, forged, forged.replace("/h/", "/r/"), *pages, "/h/", ""):
        assert policy.max_body_size(one) == DEFAULT_BODY_SIZE


IMPORTED_AND_FORKED = """
import os, threading
from wsgiref.util import setup_testing_defaults
from b24app.wsgi import application
from django.db import connections
def replaying(): return [one.name for one in threading.enumerate()].count("spool-replay")
print(replaying(), threading.active_count(), connections["default"].connection)
child = os.fork()
if child == 0:
    environ = {"PATH_INFO": "/h/x/1/y/"}
    setup_testing_defaults(environ)
    application(environ, print)
    print(replaying(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_before_the_fork_nothing_is_begun_and_after_it_each_process_looks_after_its_spool(tmp_path: Path) -> None:
    """A server may import it and fork: a thread or connection would be useless or harmful in a child."""
    said = subprocess.run(
        [sys.executable, "-uc", IMPORTED_AND_FORKED],
        env={**os.environ, "SPOOL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = said.stdout.splitlines()
    assert (lines[0], lines[1].split(" [")[0], lines[2]) == ("0 1 None", "403 Forbidden", "1"), said.stderr
