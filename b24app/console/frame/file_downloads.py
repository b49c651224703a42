"""Files on their way out: one at a time of a portal whatever its kind, some of all, and no reader who does not read.

Who is writing stands in Redis, for all processes; without Redis each process has its own limit all the same.
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

SILENT_SECONDS = 60  # after which nobody writes any more: a writer says something with every piece
KEEP_SECONDS = 10.0
PATIENCE = 30.0  # seconds for one piece; a piece is some tens of thousands of characters
SLOWEST = 4000  # characters a second on the average, once the reader has had that long

_KEEP = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('expire', KEYS[1], ARGV[2]) end"
_FREE = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"


class TooSlow(BrokenPipeError):
    """The reader hardly reads. Ends the connection, so that nobody takes the half of a file for the whole."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the reader is too slow")


class Download(Iterator[str]):
    """The pieces of a file, which hold a place until they are over, left, or not read."""

    def __init__(
        self, pieces: Iterable[str], held: ExitStack, keep: Callable[[], None], *, patience: float = PATIENCE
    ) -> None:
        self._pieces, self._held, self._keep, self._patience = iter(pieces), held, keep, patience
        self._kept_at, self._handed_at = time.monotonic(), 0.0
        self._written, self._waited = 0, 0.0

    def __next__(self) -> str:
        try:
            self._look_at_reader()
            piece = next(self._pieces)
        except BaseException:
            self.close()
            raise
        self._written += len(piece)
        self._handed_at = time.monotonic()
        return piece

    def _look_at_reader(self) -> None:
        now = time.monotonic()
        if self._handed_at:
            took = now - self._handed_at
            self._waited += took
            if took > self._patience or self._waited > self._patience + self._written / SLOWEST:
                raise TooSlow
        if now - self._kept_at > KEEP_SECONDS:
            self._kept_at = now
            self._keep()

    def close(self) -> None:
        """Let the place go, also where nothing was ever read; the server calls it whatever happens."""
        end = getattr(self._pieces, "close", None)
        try:
            if end:
                end()
        finally:
            self._held.close()

    def __del__(self) -> None:
        self.close()


def send_file(
    request: HttpRequest,
    portal: Portal,
    make: Callable[[], Iterable[str]],
    *,
    name: str,
    content_type: str,
    job: str = "",
) -> HttpResponseBase:
    """Answer with the file that `make` writes, once the portal has a place for it; raise Busy.

    `job` is what `current` then tells. A HEAD is told of the file and takes no place.
    """
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=content_type)
    else:
        job = job or uuid.uuid4().hex
        with ExitStack() as held:
            held.enter_context(hold_file(portal, job))
            pieces = Download(make(), held.pop_all(), lambda: _ask(_KEEP, portal, job, str(SILENT_SECONDS)))
        response = StreamingHttpResponse(pieces, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@contextmanager
def hold_file(portal: Portal, job: str) -> Iterator[None]:
    """Hold the portal's one place for a file; raise Busy where it is taken, here or in another process."""
    with FILES.hold(portal.uuid.hex):
        if not _take(portal, job):
            raise Busy
        try:
            yield
        finally:
            _ask(_FREE, portal, job)


def current(portal: Portal) -> str:
    """Return the job of the file that is being written now, "" for none."""
    try:
        value = redis_client().get(_key(portal))
    except redis.RedisError:
        return ""
    return value.decode() if isinstance(value, bytes) else ""


def ask_to_wait() -> HttpResponse:
    """Answer a button that would begin a second file; the page stays as it is."""
    words = _("Another file is being prepared. Try again when it has finished.")
    return with_toast(HttpResponse(status=204), words)


def _take(portal: Portal, job: str) -> bool:
    try:
        return bool(redis_client().set(_key(portal), job, nx=True, ex=SILENT_SECONDS))
    except redis.RedisError:
        return True


def _ask(script: str, portal: Portal, *values: str) -> None:
    """Change the place only where it is still ours: one that was silent too long may be another's by now."""
    try:
        redis_client().eval(script, 1, _key(portal), *values)
    except redis.RedisError:
        return


def _key(portal: Portal) -> str:
    return f"export:{portal.uuid.hex}"
