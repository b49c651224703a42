"""The SMS service: Twilio's dialect, the plain gateway, reports, switches, the ledger (services/twilio.md)."""

import errno
import json
import socket
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from b24app.sandbox import Sandbox
from b24app.sandbox.sms.reports import sign_callback
from tests.sandbox.clients import Listener

ACCOUNT = "AC" + "1" * 32
AUTH = (ACCOUNT, "token-of-this-test")


class Client:
    """Sends texts the way a Twilio client does."""

    def __init__(self, box: Sandbox, app: Listener, session: requests.Session) -> None:
        self.session = session
        self.base = f"{box.sms_url}/2010-04-01/Accounts/{ACCOUNT}"
        self.callback = f"{app.url}/report/?id=7"

    def send(self, to: str = "+12025550100", auth: tuple[str, str] = AUTH, **changes: str) -> tuple[int, Any]:
        form = {"To": to, "From": "Sendline", "Body": "Hello", "StatusCallback": self.callback, **changes}
        answer = self.session.post(f"{self.base}/Messages.json", data=form, auth=auth, timeout=30)
        return answer.status_code, answer.json()

    def get(self, resource: str) -> Any:
        return self.session.get(f"{self.base}{resource}", auth=AUTH, timeout=30).json()


@pytest.fixture
def twilio(box: Sandbox, app: Listener, session: requests.Session) -> Client:
    box.sms.switches.delay = 0.1
    return Client(box, app, session)


def reports(box: Sandbox, app: Listener, count: int) -> list[dict[str, str]]:
    assert box.wait_until(lambda: len(app.arrivals) >= count)
    return [dict(parse_qsl(arrival.body.decode())) for arrival in app.arrivals]


def test_the_signature_is_that_of_the_documented_example() -> None:
    fields = {
        "MessageSid": "SM00000000000000000000000000000001",
        "MessageStatus": "delivered",
        "To": "+15005550006",
        "ErrorCode": "",
    }
    url = "https://sms.example.org/hook/twilio/7?acc=42"

    assert sign_callback("docs_auth_token", url, fields) == "YuAcPa2baPWuAKsuids6eJbvpMM="


def test_a_text_is_delivered_with_signed_reports(box: Sandbox, app: Listener, twilio: Client) -> None:
    status, body = twilio.send()
    words = reports(box, app, 2)

    assert (status, body["status"], body["num_segments"], body["price"]) == (201, "queued", "1", None)
    assert [word["MessageStatus"] for word in words] == ["sent", "delivered"]
    assert {word["MessageSid"] for word in words} == {body["sid"]}
    signed = [sign_callback(AUTH[1], twilio.callback, word) for word in words]
    assert [arrival.headers["x-twilio-signature"] for arrival in app.arrivals] == signed
    shown = twilio.get(f"/Messages/{body['sid']}.json")
    assert (shown["status"], shown["price"], shown["error_code"]) == ("delivered", "-0.00750", None)


@pytest.mark.parametrize(("ending", "final", "code"), [("98", "undelivered", "30003"), ("97", "failed", "30005")])
def test_number_endings_decide(box: Sandbox, app: Listener, twilio: Client, ending: str, final: str, code: str) -> None:
    twilio.send(f"+120255501{ending}")
    words = reports(box, app, 2)

    assert [word["MessageStatus"] for word in words] == ["sent", final]
    assert words[1]["ErrorCode"] == code


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"to": "+12025550199"}, 400, 21211),
        ({"to": "+12025550196"}, 400, 21610),
        ({"to": "12025550100"}, 400, 21211),
        ({"to": ""}, 400, 21604),
        ({"From": ""}, 400, 21603),
        ({"Body": ""}, 400, 21602),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"auth": (ACCOUNT, "wrong-token")}, 401, 20003),
        ({"auth": ("AC" + "2" * 32, "token")}, 401, 20003),
    ],
)
def test_refusals_take_nothing_in(
    box: Sandbox, twilio: Client, changes: dict[str, Any], status: int, code: int
) -> None:
    answered, body = twilio.send(**changes)

    assert (answered, body["code"], body["status"]) == (status, code, status)
    assert box.sms.entries() == []


def test_a_key_signs_with_the_accounts_own_token(box: Sandbox, app: Listener, twilio: Client) -> None:
    twilio.get(".json")
    assert twilio.send(auth=("SK" + "1" * 32, "key-secret"))[0] == 201
    word = reports(box, app, 1)[0]

    assert app.arrivals[0].headers["x-twilio-signature"] == sign_callback(AUTH[1], twilio.callback, word)


def test_account_balance_and_numbers(twilio: Client) -> None:
    assert twilio.get(".json")["friendly_name"] == "Sandbox account"
    assert twilio.get("/Balance.json") == {"account_sid": ACCOUNT, "balance": "42.10", "currency": "EUR"}
    numbers = twilio.get("/IncomingPhoneNumbers.json")["incoming_phone_numbers"]
    assert [item["phone_number"] for item in numbers] == ["+12025550100", "+442079460000"]
    assert twilio.get("/SMS/ShortCodes.json")["short_codes"][0]["short_code"] == "55501"
    assert twilio.get("/Nothing.json")["code"] == 20404


def test_throttling_and_errors_before_acceptance(box: Sandbox, twilio: Client) -> None:
    box.sms.switches.throttle = 1
    box.sms.switches.server_error = 1

    assert [twilio.send()[1].get("code") for _ in range(3)] == [20429, 20500, None]
    assert len(box.sms.entries()) == 1


def test_a_closed_connection_after_acceptance_is_in_the_ledger(box: Sandbox, twilio: Client) -> None:
    box.sms.switches.close = 1
    with pytest.raises(requests.ConnectionError):
        twilio.send()
    twilio.send()

    assert [entry["accepted"] for entry in box.sms.entries()] == [2, 2]


def test_a_held_answer_is_accepted(box: Sandbox, twilio: Client) -> None:
    box.sms.switches.hold, box.sms.switches.hold_seconds = 1, 0.2
    answer = twilio.send()

    assert answer[0] == 201
    assert box.sms.switches.hold == 0


def test_nonsense_and_bad_gateway_after_acceptance(box: Sandbox, twilio: Client) -> None:
    box.sms.switches.nonsense = box.sms.switches.server_error_after = 1
    form = {"To": "+12025550100", "From": "S", "Body": "B"}
    answers = [twilio.session.post(f"{twilio.base}/Messages.json", data=form, auth=AUTH) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [502, 201]
    assert len(box.sms.entries()) == 2


def test_a_refusal_may_say_when_to_come_back(box: Sandbox, twilio: Client, session: requests.Session) -> None:
    box.sms.switches.throttle = 2
    box.sms.switches.retry_after = 4
    form = {"To": "+12025550100", "From": "S", "Body": "B"}
    asked = [
        session.post(f"{twilio.base}/Messages.json", data=form, auth=AUTH, timeout=30),
        session.post(f"{box.sms_url}/gateway/send", json={"to": "+12025550100", "text": "B"}, timeout=30),
    ]

    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in asked] == [(429, "4")] * 2


def test_a_service_that_hangs_takes_nothing_in(box: Sandbox, twilio: Client) -> None:
    box.sms.switches.hang, box.sms.switches.hang_seconds = 1, 0.2
    with pytest.raises(requests.ConnectionError):
        twilio.send()

    assert box.sms.entries() == []


def test_the_troubles_tell_which_send_was_hit_by_what(
    box: Sandbox, app: Listener, session: requests.Session, twilio: Client
) -> None:
    switches = box.sms.switches
    switches.throttle = switches.server_error = switches.hold = switches.nonsense = 1
    switches.hold_seconds = 0.1
    for number in range(4):
        form = {"To": "+12025550100", "From": "S", "Body": f"text {number}"}
        session.post(f"{twilio.base}/Messages.json", data=form, auth=AUTH, timeout=30)
    troubles = session.get(f"{box.sms_url}/_/troubles").json()["troubles"]

    assert [(one["fault"], one["body"], one["accepted"]) for one in troubles] == [
        ("throttle", "text 0", False),
        ("server_error", "text 1", False),
        ("hold", "text 2", True),
        ("nonsense", "text 2", True),
    ]
    assert {one["to"] for one in troubles} == {"+12025550100"}
    assert [one["seconds"] for one in troubles] == [0, 0, 0.1, 0.1]


def test_the_ledger_tells_what_became_of_each_report(box: Sandbox, app: Listener, twilio: Client) -> None:
    app.status = 403
    box.sms.switches.wrong_signature = True
    twilio.send()
    reports(box, app, 2)
    assert box.wait_until(lambda: len(box.sms.entries()[0]["reports"]) == 2)

    told = [(one["word"], one["status"], one["genuine"]) for one in box.sms.entries()[0]["reports"]]
    assert told == [("sent", 403, False), ("delivered", 403, False)]


def test_connections_are_refused_for_a_while_on_the_same_port(app: Listener, session: requests.Session) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Sandbox(app_url=app.url, ports=(0, 0, port))
    box.start()
    try:
        session.post(f"{box.sms_url}/_/refuse", json={"seconds": 0.5}, timeout=30)
        assert box.wait_until(lambda: _refused(port))
        assert box.wait_until(lambda: not _refused(port), timeout=30)
        assert session.get(f"{box.sms_url}/_/ledger", timeout=30).json() == {"ledger": []}
    finally:
        box.stop()


def _refused(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_reports_repeat_reorder_and_lie(box: Sandbox, app: Listener, twilio: Client) -> None:
    switches = box.sms.switches
    switches.repeat_reports = switches.reorder_reports = switches.wrong_signature = True
    sid = twilio.send()[1]["sid"]
    words = reports(box, app, 4)

    assert [word["MessageStatus"] for word in words] == ["delivered", "delivered", "sent", "sent"]
    assert app.arrivals[0].headers["x-twilio-signature"] != sign_callback(AUTH[1], twilio.callback, words[0])
    assert twilio.get(f"/Messages/{sid}.json")["status"] == "delivered"


def test_dropped_reports_change_only_the_look_up(box: Sandbox, app: Listener, twilio: Client) -> None:
    box.sms.switches.drop_reports = True
    sid = twilio.send()[1]["sid"]

    assert box.wait_until(lambda: twilio.get(f"/Messages/{sid}.json")["status"] == "delivered")
    assert app.arrivals == []


def gateway(box: Sandbox, session: requests.Session, **asked: str) -> tuple[int, Any]:
    answer = session.post(f"{box.sms_url}/gateway/send", json={"to": "+12025550100", "text": "Hi", **asked}, timeout=30)
    return answer.status_code, answer.json()


def test_the_gateway_knows_a_reference_again(box: Sandbox, app: Listener, session: requests.Session) -> None:
    box.sms.switches.delay = 0.1
    asked = {"reference": "r-1", "report_url": f"{app.url}/plain/"}
    first, second = gateway(box, session, **asked)[1], gateway(box, session, **asked)[1]
    assert box.wait_until(lambda: len(app.arrivals) == 2)
    words = [json.loads(arrival.body) for arrival in app.arrivals]

    assert first["id"] == second["id"]
    assert [(entry["accepted"], entry["asked"]) for entry in box.sms.entries()] == [(1, 2)]
    assert [word["status"] for word in words] == ["sent", "delivered"]
    assert words[0] == {"id": first["id"], "reference": "r-1", "to": "+12025550100", "status": "sent", "error": 0}


def test_the_gateway_without_memory_accepts_twice(box: Sandbox, session: requests.Session) -> None:
    box.sms.switches.idempotent = False
    for _ in range(2):
        gateway(box, session, reference="r-1")

    assert [entry["accepted"] for entry in box.sms.entries()] == [2, 2]


def test_the_gateway_takes_queries_and_refuses(box: Sandbox, session: requests.Session) -> None:
    url = f"{box.sms_url}/gateway/send"
    query = {"to": "+12025550100", "text": "Hi"}

    assert session.get(url, params=query).json()["status"] == "accepted"
    assert session.get(url, params=query | {"key": "wrong"}).status_code == 401
    assert session.post(url, data={"to": "+12025550199", "text": "Hi"}).json() == {"error": {"code": "invalid_number"}}
    assert session.post(url, data={"to": "+12025550100"}).json() == {"error": {"code": "missing_field"}}
    assert len(box.sms.entries()) == 1


def test_switches_and_ledger_over_http(box: Sandbox, session: requests.Session, twilio: Client) -> None:
    twilio.send()
    answer = session.post(f"{box.sms_url}/_/switches", json={"delay": 2, "reject": {"*": 30002}, "throttle": 1})
    ledger = session.get(f"{box.sms_url}/_/ledger").json()["ledger"]

    assert (answer.json()["delay"], answer.json()["reject"], answer.json()["throttle"]) == (2.0, {"*": 30002}, 1)
    assert [(entry["to"], entry["reference"], entry["accepted"]) for entry in ledger] == [
        ("+12025550100", twilio.callback, 1)
    ]
    assert "secret" not in ledger[0]
    assert session.post(f"{box.sms_url}/_/switches", json={"nothing": 1}).status_code == 400
    session.post(f"{box.sms_url}/_/clear")
    assert session.get(f"{box.sms_url}/_/ledger").json() == {"ledger": []}
