"""Apprise: real plugins behind our own door, and what their word is worth."""

import ast
import json
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from providers.apprise import SERVICES, Apprise
from providers.kit.contract import Accepted, Sms
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.fields import BadField
from providers.kit.testing import (
    FakeHttp,
    MemoryMemo,
    Script,
    make_account,
    not_allowed,
    read_timeout,
    refused,
    reply,
    reset,
)

BULK = "bulksms://token-id:token-secret@+12025550199"
SMS = Sms(to="+12025550147", text="Hello", reference="0123456789abcdef0123456789abcdef")
AUSTRALIAN = "+61491570006"
TAKEN = reply(201, json=[{"id": "b-1", "type": "SENT"}])


def make(url: str, *replies: Script) -> tuple[Apprise, FakeHttp]:
    account = make_account(Apprise, url=url)
    http = FakeHttp(*replies, secrets=Apprise.secrets(account))
    return Apprise(account, http, MemoryMemo()), http


def body_of(http: FakeHttp) -> Any:
    return json.loads(http.asked[0].body)


# Scheme -> an address, what the service says when it takes a message, and what it is asked then.
BODY, FORM, PARAMS = "body", "form", "params"
EVERY: Mapping[str, tuple[str, Script, str, str, Mapping[str, object]]] = {
    "bulksms": (BULK, TAKEN, "POST https://api.bulksms.com/v1/messages", BODY, {"to": "+12025550147", "body": "Hello"}),
    "bulkvs": (
        "bulkvs://user:secret-1@12025550100/12025550199",
        reply(json={"RefId": "r-1"}),
        "POST https://portal.bulkvs.com/api/v1.0/messageSend",
        BODY,
        {"From": "12025550100", "To": "12025550147", "Message": "Hello"},
    ),
    "burstsms": (
        "burstsms://key11111:secret11@12025550100/12025550199",
        reply(json={"message_id": 7, "error": {"code": "SUCCESS"}}),
        "POST https://api.transmitsms.com/send-sms.json",
        FORM,
        {"from": "12025550100", "to": "12025550147", "message": "Hello"},
    ),
    "cm": (
        "cm://Acme@0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f/12025550199",
        reply(json={"details": "Created 1 message(s)", "errorCode": 0, "messages": []}),
        "POST https://gw.messaging.cm.com/v1.0/message",
        BODY,
        {
            "messages": {
                "msg": [
                    {
                        "allowedChannels": ["SMS"],
                        "from": "Acme",
                        "to": [{"number": "0012025550147"}],
                        "body": {"type": "auto", "content": "Hello"},
                        "minimumNumberOfMessageParts": 1,
                        "maximumNumberOfMessageParts": 8,
                    }
                ]
            }
        },
    ),
    "d7sms": (
        "d7sms://token-1@12025550199",
        reply(json={"request_id": "r-1", "status": "accepted"}),
        "POST https://api.d7networks.com/messages/v1/send",
        BODY,
        {"messages": [{"recipients": ["12025550147"], "content": "Hello", "data_coding": "auto"}]},
    ),
    "eight00com": (
        "eight00com://token-1@12025550100/12025550199",
        reply(json={"id": 1}),
        "POST https://api.800.com/message",
        BODY,
        {"sender": "+12025550100", "recipient": "+12025550147", "message": "Hello"},
    ),
    "exotel": (
        "exotel://sid-1234:token-1@12025550100/12025550199?region=in",
        reply(text="<?xml version='1.0'?>\n<TwilioResponse><SMSMessage><Sid>s-1</Sid></SMSMessage></TwilioResponse>"),
        "POST https://api.in.exotel.com/v1/Accounts/sid-1234/Sms/send",
        FORM,
        {"From": "12025550100", "To": "12025550147", "Body": "Hello", "EncodingType": "plain"},
    ),
    "httpsms": (
        "httpsms://key-1@12025550100/12025550199",
        reply(json={"status": "success", "data": {"id": "h-1"}}),
        "POST https://api.httpsms.com/v1/messages/send",
        BODY,
        {"from": "+12025550100", "to": "+12025550147", "content": "Hello"},
    ),
    "kaleyra": (
        "kaleyra://HXAP1691512345IN:key-1@Acme/12025550199?region=eu",
        reply(202, json={"id": "k-1", "error": {}}),
        "POST https://api.eu.kaleyra.io/v1/HXAP1691512345IN/messages",
        BODY,
        {"to": "12025550147", "sender": "Acme", "body": "Hello"},
    ),
    "kudosity": (
        "kudosity://key11111:secret11@12025550100/12025550199",
        reply(json={"message_id": 7}),
        "POST https://api.transmitsms.com/send-sms.json",
        FORM,
        {"to": "12025550147"},
    ),
    "mobilemessage": (
        "mobilemessage://user:secret-1@Acme/61491570156",
        reply(json={"status": "complete", "results": [{"to": "61491570006", "status": "success"}]}),
        "POST https://api.mobilemessage.com.au/v1/messages",
        BODY,
        {"messages": [{"to": "61491570006", "message": "Hello", "sender": "Acme"}], "enable_unicode": False},
    ),
    "notifyre": (
        "notifyre://key-1/12025550199?mode=fax",
        reply(json={"success": True, "payload": {"id": "n-1"}}),
        "POST https://api.notifyre.com/20220711/sms/send",
        BODY,
        {"body": "Hello", "recipients": [{"type": "mobile_number", "value": "+12025550147"}]},
    ),
    "octopush": (
        "octopush://me@acme.example/key-1/12025550199",
        reply(201, json={"sms_ticket": "o-1"}),
        "POST https://api.octopush.com/v1/public/sms-campaign/send",
        BODY,
        {"recipients": [{"phone_number": "+12025550147"}], "text": "Hello"},
    ),
    "serwersms": (
        "serwersms://user:secret-1@Acme/12025550199",
        reply(json={"success": True, "queued": 1}),
        "POST https://api2.serwersms.pl/messages/send_sms",
        BODY,
        {"phone": "+12025550147", "text": "Hello", "sender": "Acme"},
    ),
    "seven": (
        "seven://key-1/12025550199",
        reply(json={"success": "100"}),
        "POST https://gateway.seven.io/api/sms",
        BODY,
        {"to": "+12025550147", "text": "Hello"},
    ),
    "sfr": (
        "sfr://user:secret-1@space-1/12025550199",
        reply(json={"success": True, "response": 7}),
        "POST https://www.dmc.sfr-sh.fr/DmcWS/1.5.8/JsonService/MessagesUnitairesWS/addSingleCall",
        PARAMS,
        {"authenticate": '{"serviceId": "user", "servicePassword": "secret-1", "spaceId": "space-1", "lang": "fr_FR"}'},
    ),
    "smsmanager": (
        "smsmanager://key-1@12025550199",
        reply(text="OK|r-1|12025550147"),
        "GET https://http-api.smsmanager.cz/Send",
        PARAMS,
        {"apikey": "key-1", "number": "+12025550147", "message": "Hello"},
    ),
    "smstunnel": (
        "smstunnel://sk_live_0123456789abcdef/12025550199",
        reply(json={"success": True, "messageId": "t-1"}),
        "POST https://smstunnel.io/api/v1/sms/send",
        BODY,
        {"to": "+12025550147", "message": "Hello"},
    ),
    "telesign": (
        "telesign://FFFFFFFF-EEEE-DDDD-1234-AB1234567890:secret-1@12025550199",
        reply(json={"reference_id": "T-1", "status": {"code": 290}}),
        "POST https://rest-ww.telesign.com/v1/messaging",
        FORM,
        {"phone_number": "12025550147", "message": "Hello"},
    ),
    "voipms": (
        "voipms://secret-1:me@acme.example/12025550100/12025550199",
        reply(json={"status": "success", "sms": 7}),
        "GET https://voip.ms/api/v1/rest.php",
        PARAMS,
        {"api_password": "secret-1", "did": "2025550100", "dst": "2025550147", "message": "Hello"},
    ),
}


@pytest.mark.parametrize("scheme", SERVICES)
def test_every_service_gets_one_request_for_the_one_recipient(scheme: str) -> None:
    url, answer, asked, where, said = EVERY[scheme]
    to = AUSTRALIAN if scheme == "mobilemessage" else SMS.to
    apprise, http = make(url, answer)

    assert apprise.send(Sms(to=to, text="Hello", reference=SMS.reference)) == Accepted()
    assert [f"{one.method} {one.url}" for one in http.asked] == [asked]
    whole = body_of(http) if where == BODY else getattr(http.asked[0], where)
    assert {name: whole[name] for name in said} == said
    assert "5550199" not in repr(http.asked)
    http.done()


@pytest.mark.parametrize("scheme", SERVICES)
def test_no_secret_of_any_service_is_kept(scheme: str) -> None:
    url = EVERY[scheme][0]
    apprise, http = make(url, reply(400, text=" ".join(re.split("[:/@?]", url))))

    with pytest.raises(SmsError) as raised:
        apprise.send(Sms(to=AUSTRALIAN if scheme == "mobilemessage" else SMS.to, text="Hello", reference=SMS.reference))
    kept = repr(http.exchanges) + repr(vars(raised.value))
    words = ("secret-1", "token-1", "token-secret", "key-1", "key11111", "secret11", "0123456789abcdef", "0a1b2c3d")
    assert any(word in url for word in words)
    assert [word for word in words if word in kept] == []


# --- the door --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted({module for module, _hosts in SERVICES.values()}))
def test_a_plugin_knows_no_other_way_to_the_network(module: str) -> None:
    """What our stand-in for requests does not cover would go out unseen; so each plugin's source is read here."""
    spec = util.find_spec(f"apprise.plugins.{module}")
    assert spec is not None
    tree = ast.parse(Path(str(spec.origin)).read_text(encoding="utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = {"." * node.level + str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "requests"
    }
    assert plain | froms <= {
        *("requests", "json", "re", "base64", "contextlib", "hashlib", "itertools", "typing", "uuid", "__future__"),
        *("..common", "..exception", "..locale", "..url", "..utils.parse", ".base"),
    }
    assert used <= {"get", "post", "codes", "RequestException"}


def test_what_the_address_says_of_certificates_and_redirects_goes_unheard() -> None:
    apprise, http = make(
        f"{BULK}?verify=no&redirect=yes&rto=99", reply(302, headers={"Location": "https://elsewhere.example"})
    )

    with pytest.raises(Uncertain):
        apprise.send(SMS)
    assert [one.url for one in http.asked] == ["https://api.bulksms.com/v1/messages"]


def test_a_plugin_that_asks_another_host_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SERVICES, "bulksms", ("bulksms", frozenset({"api.elsewhere.example"})))
    apprise, http = make(BULK)

    with pytest.raises(Rejected):
        apprise.send(SMS)
    assert http.asked == []


def test_sends_at_the_same_time_keep_to_their_own_door() -> None:
    together = threading.Barrier(8, timeout=20)

    class Slow(FakeHttp):
        def _send_request(self, prepared: object, timeout: float) -> tuple[int, Mapping[str, str], bytes]:
            together.wait()
            return super()._send_request(prepared, timeout)

    doors = [Slow(TAKEN) for _nth in range(8)]
    account = make_account(Apprise, url=BULK)

    def send(nth: int) -> None:
        sms = Sms(to=f"+1202555010{nth}", text=f"Text {nth}", reference=SMS.reference)
        assert Apprise(account, doors[nth], MemoryMemo()).send(sms) == Accepted()

    threads = [threading.Thread(target=send, args=(nth,)) for nth in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(len(door.asked), body_of(door)["to"], body_of(door)["body"]) for door in doors] == [
        (1, f"+1202555010{nth}", f"Text {nth}") for nth in range(8)
    ]


def test_only_what_is_needed_of_apprise_is_loaded_and_its_own_modules_stay_as_they_are() -> None:
    script = (
        "import sys, json\n"
        "from providers.apprise import Apprise\n"
        "from providers.kit.testing import make_account\n"
        "plugins = lambda: [name for name in sys.modules if name.startswith('apprise.plugins.')]\n"
        "before = plugins()\n"
        f"make_account(Apprise, url={BULK!r})\n"
        "import apprise.plugins.bulksms, requests\n"
        "print(json.dumps([before, apprise.plugins.bulksms.requests is requests]))\n"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)

    assert json.loads(told.stdout) == [["apprise.plugins.base"], True]


# --- what is said ----------------------------------------------------------------------------------------------------


def test_the_sender_goes_along_where_the_plugin_takes_one() -> None:
    apprise, http = make(BULK, TAKEN)
    apprise.send(Sms(to=SMS.to, text="Hello", reference=SMS.reference, sender="+12025550111"))

    assert body_of(http)["from"] == "+12025550111"


@pytest.mark.parametrize(("text", "encoding"), [("Hello €", "TEXT"), ("Привет", "UNICODE")])
def test_the_alphabet_is_what_the_text_needs(text: str, encoding: str) -> None:
    apprise, http = make(f"{BULK}?unicode=no", TAKEN)
    apprise.send(Sms(to=SMS.to, text=text, reference=SMS.reference))

    assert (body_of(http)["body"], body_of(http)["encoding"]) == (text, encoding)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (reply(400, text='{"title": "bad"}'), Rejected, '{"title": "bad"}'),
        (reply(404, text="<html>"), Rejected, "HTTP 404"),
        (reply(401, text="no"), AccountBlocked, "no"),
        (reply(403), AccountBlocked, "HTTP 403"),
        (reply(402, text="empty"), AccountBlocked, "empty"),
        (reply(429, text="slow"), Throttled, "slow"),
        (reply(500, text="oh"), Uncertain, "oh"),
        (reply(503), Uncertain, "HTTP 503"),
        (reply(text="<html>sign in</html>"), Uncertain, "The response is missing required data."),
        (reply(201, text=""), Uncertain, "The response is missing required data."),
        (reply(202, json={"id": "b-1"}), Uncertain, '{"id": "b-1"}'),
    ],
)
def test_an_answer_that_is_no_receipt_is_told_by_its_status(answer: Script, kind: type[SmsError], words: str) -> None:
    apprise, http = make(BULK, answer)

    with pytest.raises(SmsError) as raised:
        apprise.send(SMS)
    assert (type(raised.value), raised.value.words) == (kind, words)
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (EVERY["voipms"][0], '{"status": "invalid_credentials", "message": "no"}'),
        (EVERY["voipms"][0], '[{"status": "success"}]'),  # its plugin breaks on a list
        (EVERY["serwersms"][0], '{"success": false, "error": {"code": 1001}}'),
        (EVERY["notifyre"][0], '{"success": false, "message": "no"}'),
    ],
)
def test_a_refusal_inside_a_success_is_uncertain_and_says_what_the_service_said(url: str, answer: str) -> None:
    apprise, http = make(url, reply(text=answer))

    with pytest.raises(Uncertain) as raised:
        apprise.send(SMS)
    assert raised.value.words == answer
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("script", "kind"),
    [(refused(), Unreachable), (not_allowed(), AccountBlocked), (read_timeout(), Uncertain), (reset(), Uncertain)],
)
def test_trouble_on_the_way_is_told_apart(script: Script, kind: type[SmsError]) -> None:
    apprise, http = make(BULK, script)

    with pytest.raises(SmsError) as raised:
        apprise.send(SMS)
    assert type(raised.value) is kind
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("url", "sms"),
    [
        (EVERY["mobilemessage"][0], SMS),  # Australian numbers only
        (BULK, Sms(to=SMS.to, text="Hello", reference=SMS.reference, sender="Acme")),  # numbers only
    ],
)
def test_what_a_plugin_does_not_take_is_rejected_and_nothing_asked(url: str, sms: Sms) -> None:
    apprise, http = make(url)

    with pytest.raises(Rejected) as raised:
        apprise.send(sms)
    assert (raised.value.reason, bool(raised.value.hint)) == ("invalid_request", True)
    assert http.asked == []


# --- the address -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1/x",
        "jsons://acme.example/x",
        "xml://127.0.0.1",
        "form://acme.example",
        "mailto://user:secret@acme.example",
        "smpp://user:secret@10.0.0.1/12025550100/12025550199",
        "signal://10.0.0.1/12025550100",
        "infobip://key@inner.example/12025550199",
        "acs://key@inner.example/12025550100/12025550199",
        "kavenegar://key-1/12025550199",
        "twilio://AC1:token@12025550100/12025550199",
        "file:///etc/passwd",
        "https://api.bulksms.com/v1/messages",
        "bulksms",
        "a-token-pasted-alone",
        " bulksms2://a:b@12025550199",
    ],
)
def test_only_known_services_are_spoken_to(url: str) -> None:
    with pytest.raises(BadField) as raised:
        make_account(Apprise, url=url)
    assert "one of the supported services" in raised.value.words


@pytest.mark.parametrize(
    "url", ["bulksms://", "burstsms://12025550199", "kaleyra://Acme", "telesign://12025550199", "seven://", "cm://"]
)
def test_an_address_that_its_plugin_cannot_read_is_a_wrong_field(url: str) -> None:
    with pytest.raises(BadField) as raised:
        make_account(Apprise, url=url)
    assert "Apprise can’t read this URL" in raised.value.words


def test_the_list_of_the_set_up_is_the_list_that_is_kept_to() -> None:
    told = next(step.text for step in Apprise.setup if "bulksms://" in step.text)

    assert told.split(", ") == [f"{scheme}://" for scheme in sorted(SERVICES)]
    assert set(SERVICES) == set(EVERY)


def test_an_account_of_an_older_list_is_rejected_kindly() -> None:
    http = FakeHttp()

    with pytest.raises(Rejected) as raised:
        Apprise({"url": "gone://key@12025550199"}, http, MemoryMemo()).send(SMS)
    assert raised.value.hint
    assert http.asked == []
    assert Apprise.secrets({"url": "gone://key@12025550199"}) == ("gone://key@12025550199",)


def test_nothing_else_can_be_asked() -> None:
    verbs = ("look_up", "check", "senders", "read_inbound", "read_reports", "verify")

    assert [verb for verb in verbs if Apprise.can(verb)] == []
