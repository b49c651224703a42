"""The application of the server's tests: responses that are immediate, late, long, or fail."""

import time
from collections.abc import Iterable
from typing import Any

from b24app.core.logs import configure_logging
from b24app.server.policy import OVERLOADED, Deadlines, Policy

configure_logging("json", "INFO")
RESERVED = "/h/"
LARGE = 300_000
LENGTHS = {"/long/": 200_000, "/huge/": 30_000_000}  # of an answer


IN_TURN = "/turn/"


def _max_body_size(path: str) -> int:
    return LARGE if path.startswith((RESERVED, IN_TURN)) else 64 * 1024


DEADLINES = Deadlines(head=2, request=4, idle=3, stalled=2, response=4)
EXIT_CODE = 7
policy = Policy(
    max_body_size=_max_body_size,
    reserved_paths=(RESERVED,),
    serialized_paths=(IN_TURN,),
    deadlines=DEADLINES,
    exit_code=lambda: EXIT_CODE,
)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ.get(OVERLOADED):
        start_response("503 Service Unavailable", [("Content-Length", "4")])
        return [b"busy"]
    path = environ["PATH_INFO"]
    if path == "/broken/":
        raise ValueError("a secret")
    if path in {"/slow/", IN_TURN}:
        time.sleep(float(environ["QUERY_STRING"]))
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    said = b"x" * LENGTHS[path] if path in LENGTHS else f"{path} {len(body)} {environ['SCRIPT_NAME']}".encode()
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said]
