"""`python -m tests.system.tenants SMS_PORT TLS_PORT COUNT`: tenants of the bench's, in the environment's database.

Prints, as JSON, what their portals need to call their senders' handlers.
"""

import json
import sys
from types import SimpleNamespace
from typing import Any

import django

from bench.service import Stub


def main(sms: int, tls: int, count: int) -> None:
    """Install portals, connect accounts of the stub's service, register a sender each."""
    django.setup()
    from b24app.core import signed_urls  # noqa: PLC0415 - models need the set-up
    from bench import sendline_side  # noqa: PLC0415

    lab: Any = SimpleNamespace(stub=Stub(sms, tls))
    made = [sendline_side.tenant(lab, f"t{number}").sender for number in range(count)]
    calls = [(signed_urls.handler_url(one.uuid.hex, one.generation), one.code, one.portal.member_id) for one in made]
    print(json.dumps(calls))  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
