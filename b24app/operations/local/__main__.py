"""`python -m b24app.operations.local run | demo | clean`."""

import argparse
import shutil
import sys

from b24app.operations.local import embedded
from b24app.operations.local.demo import run_demo
from b24app.operations.local.run import LOCAL, run_local
from b24app.operations.local.supervisor import stopped_by_signals


def remove_local_data() -> int:
    """Remove the data, keys and logs of `run`; refuse while it is running."""
    try:
        embedded.remove_data(LOCAL)
    except embedded.Busy as error:
        print(error, file=sys.stderr)
        return 1
    shutil.rmtree(LOCAL, ignore_errors=True)
    return 0


COMMANDS = {"run": run_local, "demo": run_demo, "clean": remove_local_data}


def run_command() -> int:
    """Run the command named on the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m b24app.operations.local", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    with stopped_by_signals():
        return COMMANDS[parser.parse_args().command]()


if __name__ == "__main__":
    try:
        sys.exit(run_command())
    except KeyboardInterrupt:
        sys.exit(130)
