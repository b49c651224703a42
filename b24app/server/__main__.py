"""`python -m b24app.server MODULE`: serve a module's WSGI `application` by its `policy` until SIGTERM."""

import argparse
import signal
import sys
from importlib import import_module
from threading import Event
from types import FrameType

from b24app.server.parser import ServerAdjustments
from b24app.server.policy import Policy
from b24app.server.web_server import MAINTENANCE_INTERVAL, WebServer

KILOBYTE = 1024
BODY_IN_MEMORY = 64 * KILOBYTE  # of a request body; the rest is in a temporary file until it is complete
RESPONSE_IN_MEMORY = 256 * KILOBYTE  # of a response, likewise
MAX_UNREAD_RESPONSE = 64 * KILOBYTE * KILOBYTE  # of a response; beyond it the thread waits for the client to read
MAX_HEAD = 16 * KILOBYTE
SWITCH_INTERVAL = 0.0005  # seconds a thread runs before another one may
READ_SIZE = 64 * KILOBYTE  # one thread reads for all clients: a body of megabytes should not take it hundreds of reads


def main() -> int:
    """Serve, and return the exit code once all accepted requests are answered."""
    arguments = _parse_arguments()
    # With Python's default of five milliseconds, a few threads that parse large bodies would delay a small call, which
    # needs about ten switches, for longer than its caller should notice.
    sys.setswitchinterval(SWITCH_INTERVAL)
    module = import_module(arguments.module)
    policy: Policy = getattr(module, "policy", Policy())
    policy.prepare()
    server = WebServer(module.application, _build_adjustments(arguments, policy), arguments.reserved)
    stop_requested = _stop_event(server)
    policy.on_start()
    server.run(until=stop_requested.is_set)
    return policy.exit_code()


def _stop_event(server: WebServer) -> Event:
    stop_requested = Event()

    def request_stop(_signal: int, _frame: FrameType | None) -> None:
        stop_requested.set()
        server.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    return stop_requested


def _build_adjustments(arguments: argparse.Namespace, policy: Policy) -> ServerAdjustments:
    return ServerAdjustments(
        policy,
        host=arguments.host,
        port=arguments.port,
        threads=arguments.threads,
        connection_limit=arguments.connections,
        backlog=2048,
        ident=None,
        cleanup_interval=MAINTENANCE_INTERVAL,
        recv_bytes=READ_SIZE,
        inbuf_overflow=BODY_IN_MEMORY,
        outbuf_overflow=RESPONSE_IN_MEMORY,
        outbuf_high_watermark=MAX_UNREAD_RESPONSE,
        max_request_header_size=MAX_HEAD,
        log_socket_errors=False,
        # The policy says whose headers are believed: waitress knows only one proxy, by its address.
        clear_untrusted_proxy_headers=False,
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m b24app.server", description=__doc__)
    parser.add_argument("module", help="of the WSGI application, for example b24app.wsgi")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=12, help="that answer requests")
    parser.add_argument("--reserved", type=int, default=4, help="threads for reserved paths and refusals only")
    parser.add_argument("--connections", type=int, default=400, help="at once, slow ones and idle ones included")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
