"""`python -m b24app.server MODULE`: serve the WSGI `application` of a module by its `policy`, until SIGTERM."""

import argparse
import signal
import sys
from importlib import import_module
from threading import Event
from types import FrameType

from b24app.server.listening import LOOK_EVERY, Server
from b24app.server.policy import Policy
from b24app.server.requests import Settings

KILOBYTE = 1024
HELD_IN_MEMORY = 64 * KILOBYTE  # of a body; the rest of it lies in a temporary file until it is complete
UNREAD_IN_MEMORY = 256 * KILOBYTE  # of an answer, likewise
UNREAD = 64 * KILOBYTE * KILOBYTE  # of an answer that its client does not read, until the thread waits for it
LONGEST_HEAD = 16 * KILOBYTE
TURN = 0.0005  # seconds of computing; then another thread goes on
READ_AT_ONCE = 64 * KILOBYTE  # one thread reads for all: a body of megabytes should not take it hundreds of turns


def main() -> int:
    """Serve, and return the exit code once what had come in is answered."""
    asked = _arguments()
    # With Python's own five milliseconds a few threads that take apart large bodies would hold up a small call, which
    # needs some ten turns, for longer than its caller should feel.
    sys.setswitchinterval(TURN)
    module = import_module(asked.module)
    policy: Policy = getattr(module, "policy", Policy())
    server = Server(module.application, _settings(asked, policy), asked.reserved)
    asked_to_stop = _when_asked_to_stop(server)
    policy.on_start()
    server.run(until=asked_to_stop.is_set)
    return policy.exit_code()


def _when_asked_to_stop(server: Server) -> Event:
    asked = Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        asked.set()
        server.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return asked


def _settings(asked: argparse.Namespace, policy: Policy) -> Settings:
    return Settings(
        policy,
        host=asked.host,
        port=asked.port,
        threads=asked.threads,
        connection_limit=asked.connections,
        backlog=2048,
        ident=None,
        cleanup_interval=LOOK_EVERY,
        recv_bytes=READ_AT_ONCE,
        inbuf_overflow=HELD_IN_MEMORY,
        outbuf_overflow=UNREAD_IN_MEMORY,
        outbuf_high_watermark=UNREAD,
        max_request_header_size=LONGEST_HEAD,
        log_socket_errors=False,
        # The application trusts what its proxy says, and README says what the proxy must strip.
        clear_untrusted_proxy_headers=False,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m b24app.server", description=__doc__)
    parser.add_argument("module", help="of the WSGI application, for example b24app.wsgi")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=12, help="that answer")
    parser.add_argument("--reserved", type=int, default=4, help="threads for reserved addresses and refusals alone")
    parser.add_argument("--connections", type=int, default=400, help="at once, slow ones and idle ones included")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
