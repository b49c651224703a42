"""`python -m b24app.sandbox`: the sandbox as a process of its own."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from b24app.sandbox.box import Sandbox


def run_sandbox() -> None:
    """Run until SIGTERM or SIGINT; print one line `ready …` with the addresses once all ports listen."""
    options = _parse_arguments()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    ports = (options.http, options.tls, options.sms)
    box = Sandbox(options.state, options.app, options.client_id, options.client_secret, ports)
    try:
        box.start()
    except OSError as error:
        sys.exit(f"sandbox: {error}")
    sys.stdout.write(
        f"ready portal={box.http_url} rest={box.tls_url} oauth={box.oauth_url} sms={box.sms_url} ca={box.ca_file}\n"
    )
    sys.stdout.flush()
    stopped.wait()
    box.stop()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m b24app.sandbox", description=__doc__)
    parser.add_argument("--http", type=int, default=8001, help="port of the portal pages, 0 for any free one")
    parser.add_argument("--tls", type=int, default=8444, help="port of REST and OAuth")
    parser.add_argument("--sms", type=int, default=8002, help="port of the SMS service")
    parser.add_argument("--state", type=Path, help="folder kept between two starts")
    parser.add_argument("--app", default="http://127.0.0.1:8000", help="where the application answers")
    parser.add_argument("--client-id", default="sandbox.app")
    parser.add_argument("--client-secret", default="sandbox-secret")
    return parser.parse_args()


if __name__ == "__main__":
    run_sandbox()
