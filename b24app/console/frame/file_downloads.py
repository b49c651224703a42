"""Files on their way out: one at a time per portal whatever its kind, a few per process, and no stalled readers.

The current writer of a portal is kept in Redis, for all processes; without Redis each process still has its own limit.
"""

import errno
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import redis
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _

from b24app.console.frame.long_requests import FILES
from b24app.console.frame.screen import with_toast
from b24app.core.concurrency_limit import Busy
from b24app.core.redis import redis_client
from b24app.portals.models import Portal

LEASE_SECONDS = 60  # a writer that has not renewed its place for so long is gone
RENEW_SECONDS = 10.0
PATIENCE = 30.0  # seconds for one piece, which is some tens of thousands of characters
MIN_RATE = 4000  # characters per second on average, once the reader has had `PATIENCE`

_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('expire', KEYS[1], ARGV[2]) end"
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"


class TooSlow(BrokenPipeError):
    """The reader has stalled. Ends the connection, so that nobody takes half of a file for the whole."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the reader is too slow")


class Download(Iterator[str]):
    """The pieces of a file; they hold a place until they end, are abandoned, or are not read."""

    def __init__(
        self, pieces: Iterable[str], place: ExitStack, renew: Callable[[], None], *, patience: float = PATIENCE
    ) -> None:
        self._pieces, self._place, self._renew, self._patience = iter(pieces), place, renew, patience
        self._renewed_at, self._yielded_at = time.monotonic(), 0.0
        self._sent, self._waited = 0, 0.0

    def __next__(self) -> str:
        try:
            self._check_reader()
            piece = next(self._pieces)
        except BaseException:
            self.close()
            raise
        self._sent += len(piece)
        self._yielded_at = time.monotonic()
        return piece

    def _check_reader(self) -> None:
        """Raise TooSlow for a reader who hardly reads; else renew the place from time to time."""
        now = time.monotonic()
        if self._yielded_at:
            took = now - self._yielded_at
            self._waited += took
            if took > self._patience or self._waited > self._patience + self._sent / MIN_RATE:
                raise TooSlow
        if now - self._renewed_at > RENEW_SECONDS:
            self._renewed_at = now
            self._renew()

    def close(self) -> None:
        """Release the place, also where nothing was ever read; the server calls it whatever happens."""
        close_pieces = getattr(self._pieces, "close", None)
        try:
            if close_pieces:
                close_pieces()
        finally:
            self._place.close()

    def __del__(self) -> None:
        self.close()


def send_file(
    request: HttpRequest,
    portal: Portal,
    write: Callable[[], Iterable[str]],
    *,
    name: str,
    content_type: str,
    job: str = "",
) -> HttpResponseBase:
    """Respond with the file that `write` yields, once the portal has a place for it; raise Busy.

    `job` is what `current_file` returns meanwhile. A HEAD gets the headers and takes no place.
    """
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=content_type)
    else:
        job = job or uuid.uuid4().hex
        with ExitStack() as place:
            place.enter_context(hold_file(portal, job))
            pieces = Download(write(), place.pop_all(), lambda: _run_if_holder(_RENEW, portal, job, str(LEASE_SECONDS)))
        response = StreamingHttpResponse(pieces, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@contextmanager
def hold_file(portal: Portal, job: str) -> Iterator[None]:
    """Hold the portal's one place for a file; raise Busy where it is taken, here or in another process."""
    with FILES.hold(portal.uuid.hex):
        if not _acquire_place(portal, job):
            raise Busy
        try:
            yield
        finally:
            _run_if_holder(_RELEASE, portal, job)


def current_file(portal: Portal) -> str:
    """Return the job of the file that is being written now, "" for none."""
    try:
        value = redis_client().get(_place_key(portal))
    except redis.RedisError:
        return ""
    return value.decode() if isinstance(value, bytes) else ""


def refuse_second_file() -> HttpResponse:
    """Respond to a button that would begin a second file; the page stays as it is."""
    words = _("Another file is being prepared. Try again when it has finished.")
    return with_toast(HttpResponse(status=204), words)


def _acquire_place(portal: Portal, job: str) -> bool:
    try:
        return bool(redis_client().set(_place_key(portal), job, nx=True, ex=LEASE_SECONDS))
    except redis.RedisError:
        return True


def _run_if_holder(script: str, portal: Portal, *values: str) -> None:
    """Run a script on the place if `values` begins with its holder: an expired one may be another's by now."""
    try:
        redis_client().eval(script, 1, _place_key(portal), *values)
    except redis.RedisError:
        return


def _place_key(portal: Portal) -> str:
    return f"export:{portal.uuid.hex}"
