"""One test over the whole shelf: what every service must do, without a line of its own."""

import base64
import json
import logging
import re
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import quote, quote_plus, urlsplit

import pytest

from providers.kit import registry
from providers.kit.contract import Call, Proof, Provider, Report, Reports, Scope, Sms, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Reason, SmsError, Throttled, Uncertain, Unreachable
from providers.kit.fields import Choice, Host, Secret, Url
from providers.kit.http import Exchange, Http
from providers.kit.testing import (
    FakeHttp,
    KnowingMemo,
    MemoryMemo,
    Script,
    make_account,
    not_allowed,
    read_timeout,
    refused,
    reply,
    reset,
)
from tests.providers.kit.loopback import answer, listening, says

SMS = Sms(
    to="+12025550147",
    text="Sentinel «текст» & more",
    reference="0123456789abcdef0123456789abcdef",
    sender="+12025550100",
    report_url="https://app.example.com/r/sentinel-address/0123?x=1",
)
STRANGER = Call(
    method="POST",
    url="https://app.example.com/r/1",
    query={},
    form={"MessageSid": ["SM1"], "MessageStatus": ["delivered"], "id": ["1"], "status": ["delivered"]},
    headers={"Content-Type": "application/x-www-form-urlencoded"},
    body=b"MessageSid=SM1&MessageStatus=delivered&id=1&status=delivered",
)
# Values that make a service's answers matter where its defaults leave them alone.
GIVEN: dict[str, dict[str, str]] = {
    "http": {"success_text": "", "id_from": "json", "id_path": "id", "report_status": ""}
}
VERBS: dict[str, Callable[[Provider], object]] = {
    "send": lambda service: service.send(SMS),
    "look_up": lambda service: service.look_up(["SM1"]),
    "check": lambda service: service.check(),
    "senders": lambda service: service.senders(),
}

everybody = pytest.mark.parametrize("service", registry.services().values(), ids=registry.services().keys())
# What speaks something else than HTTP is tried on a wire of its own, by its own test.
networked = [one for one in registry.services().values() if not one.pretends and one.speaks == "http"]
every_networked = pytest.mark.parametrize("service", networked, ids=[service.code for service in networked])


def verbs_of(service: type[Provider]) -> list[str]:
    """Return what a service can be asked to do over the network."""
    return [verb for verb in VERBS if service.can(verb)]


def account_of(service: type[Provider], **given: str) -> dict[str, str]:
    return make_account(service, **(GIVEN.get(service.code, {}) | given))


def attempt(service: type[Provider], verb: str, *replies: Script) -> tuple[object, FakeHttp]:
    """Return what a verb gave or raised, and the network it used, as the house would call it."""
    account = account_of(service)
    http = FakeHttp(*replies, secrets=service.secrets(account))
    hiding = http.hiding(number=SMS.to, text=SMS.text, address=SMS.report_url)
    try:
        return VERBS[verb](service(account, hiding, KnowingMemo())), http
    except SmsError as error:
        return error, http


@everybody
def test_it_declares_itself(service: type[Provider]) -> None:
    header = sys.modules[service.__module__].__doc__ or ""

    assert registry.get(service.code) is service
    assert re.search(r"^API: .+\nSandbox: .+\nChecked: \d{4}-\d\d-\d\d .+$", re.sub(" +", " ", header), re.MULTILINE)
    assert service.title
    assert service.pretends or service.docs.startswith("https://")
    assert service.tested in {"live", "contract", "unverified"}
    assert all(re.fullmatch("[A-Z]{2}", country) for country in service.countries)
    assert service.rate > 0
    assert service.concurrency >= 1
    assert service.can("send") or service.speaks != "http"


@everybody
def test_its_fields_can_be_filled_in(service: type[Provider]) -> None:
    for field in (*service.fields, *service.sender_fields):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
        assert field.label
        assert field.help or field.default or field.placeholder or not field.required, field.name
    assert service.pretends or any(isinstance(field, Secret) for field in service.fields)
    assert all(hint.text and hint.reason in get_args(Reason) for hint in service.hints.values())
    assert all(hint.link.startswith("https://") for hint in service.hints.values() if hint.link)
    assert set(account_of(service)) == {field.name for field in service.fields}


@everybody
def test_its_reports_match_its_verbs(service: type[Provider]) -> None:
    assert (service.reports is Reports.PUSHED) == (service.can("read_reports") or service.speaks != "http")
    assert service.can("verify") == (service.can("read_reports") and service.proof is not Proof.ADDRESS) or (
        service.code == "http"  # refuses where no report was agreed on
    )
    assert service.can("look_up") or service.reports is not Reports.POLLED


@everybody
def test_its_account_can_be_told_apart(service: type[Provider]) -> None:
    assert set(service.identified_by) <= {field.name for field in service.fields}
    if service.report_scope is Scope.ACCOUNT:
        assert service.identified_by
        assert any("{report_url}" in step.text + step.url for step in service.setup)


refusing = [one for one in registry.services().values() if one.can("verify") or one.proof is not Proof.ADDRESS]


STRANGERS = {
    "a form": STRANGER,
    "nothing": replace(STRANGER, form={}, body=b""),
    "JSON and a hash that is not ASCII": replace(STRANGER, form={}, body=b"{}", query={"bodySHA256": ["ü"]}),
    "headers that are not ASCII": replace(
        STRANGER, headers={"X-Twilio-Signature": "\udcffü", "Authorization": "Bearer x"}
    ),
}


@pytest.mark.parametrize("service", refusing, ids=[one.code for one in refusing])
def test_strangers_are_forgers(service: type[Provider], subtests: pytest.Subtests) -> None:
    for call, stranger in STRANGERS.items():
        with subtests.test(call=call), pytest.raises(Forged):
            service(account_of(service), FakeHttp(), MemoryMemo()).verify(stranger)


TROUBLES: dict[str, tuple[Script, type[SmsError]]] = {
    "401 in words": (reply(401, text="who are you?"), AccountBlocked),
    "401 in JSON": (reply(401, json={"message": "who are you?"}), AccountBlocked),
    "302": (reply(302, headers={"Location": "https://elsewhere.example.com"}), Uncertain),
    "500": (reply(500, text="oh"), Uncertain),
    "502": (reply(502, text="<html>"), Uncertain),
    "503": (reply(503, json={"message": "later"}), Uncertain),
    "a page for guests": (reply(200, text="<html>sign in to the guest network</html>"), Uncertain),
    "an address that is not allowed": (not_allowed(), AccountBlocked),
    "connection refused": (refused(), Unreachable),
    "read timeout": (read_timeout(), Uncertain),
    "connection reset": (reset(), Uncertain),
}


@every_networked
def test_it_tells_troubles_apart(service: type[Provider], subtests: pytest.Subtests) -> None:
    for verb in verbs_of(service):
        for trouble, (script, kind) in TROUBLES.items():
            with subtests.test(verb=verb, trouble=trouble):
                outcome, http = attempt(service, verb, *[script] * 3)

                assert type(outcome) is kind
                # Only a refused login may be tried anew, with a fresh token; whatever else is asked again might be
                # sent again.
                assert len(http.asked) == 1 or kind is AccountBlocked


@every_networked
def test_a_success_without_a_receipt_is_uncertain(service: type[Provider], subtests: pytest.Subtests) -> None:
    for text in ("", "[]", "{}", '"ok"', "null", "[1]", '{"sid": null, "id": {}}', "\ufeff{"):
        with subtests.test(text=text):
            assert type(attempt(service, "send", reply(200, text=text))[0]) is Uncertain


WORTHLESS: list[object] = [
    None, [], {}, [None], [[]], [1], "", "text", 7, {"id": {}, "status": [], "messages": [None]},
]  # fmt: skip
ODD = [
    "", "[]", "{}", '"ok"', "null", "1", "true", "[null]", "[[]]", "[1]", '["a"]',
    *(
        json.dumps({name: value})
        for name in (
            "balance", "code", "contacts", "data", "detail", "entry", "errors", "event", "id", "message", "messages",
            "outbound", "payload", "reports", "response", "result", "results", "sms", "SMSMessageData", "status",
            "statuses",
        )
        for value in WORTHLESS
    ),
]  # fmt: skip


@every_networked
def test_no_answer_breaks_it(service: type[Provider], subtests: pytest.Subtests) -> None:
    account = account_of(service)
    for verb in verbs_of(service):
        for status in (200, 400):
            with subtests.test(verb=verb, status=status):
                http = FakeHttp()
                for text in ODD:
                    http.answer_with(*[reply(status, text=text)] * 6)
                    with suppress(SmsError):  # whatever is none would be raised here
                        VERBS[verb](service(account, http, KnowingMemo()))


pushing = [one for one in registry.services().values() if one.can("read_reports")]


@pytest.mark.parametrize("service", pushing, ids=[one.code for one in pushing])
def test_no_report_breaks_it(service: type[Provider]) -> None:
    """A verified call may still say anything: what is understood is a list, what is not is unreadable."""
    provider = service(account_of(service), FakeHttp(), MemoryMemo())
    for text in ODD:
        for call in (
            replace(STRANGER, form={}, body=text.encode()),
            replace(STRANGER, form={"data": [text], "status": [text], "id": [""]}, body=b"\xff"),
            replace(STRANGER, method="GET", form={}, query={"data[]": [text], "id": ["1"]}, body=b""),
        ):
            try:
                told = provider.read_reports(call)
            except Unreadable:
                continue
            assert all(isinstance(one, Report) for one in told)
            assert all(one.word and (one.ref or one.reference or service.report_scope is Scope.MESSAGE) for one in told)


repeating = [service for service in networked if service.repeat_window]


@pytest.mark.parametrize("service", repeating, ids=[service.code for service in repeating])
def test_a_repeat_is_the_same_request(service: type[Provider]) -> None:
    """The answer was dropped: the service recognises the second by the same reference, so it is sent once."""
    http = FakeHttp(read_timeout(), read_timeout(), read_timeout())
    for sms in (SMS, SMS, replace(SMS, reference="f" * 32)):
        with pytest.raises(Uncertain):
            service(account_of(service), http, KnowingMemo()).send(sms)

    first, second, other = http.asked
    assert first == second
    assert first != other


@every_networked
def test_it_waits_as_long_as_it_is_told(service: type[Provider], subtests: pytest.Subtests) -> None:
    for verb in verbs_of(service):
        with subtests.test(verb=verb):
            outcome, _http = attempt(service, verb, reply(429, text="slow down", headers={"retry-after": "7"}))

            assert type(outcome) is Throttled
            assert outcome.after == 7.0


def writings(value: str) -> set[str]:
    """Return a value in the writings that leak most often."""
    written = {
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        value.encode().hex(),
    }
    return written | {base64.b64encode(b"x" * offset + value.encode()).decode()[4:-4] for offset in range(3)}


@every_networked
def test_no_secret_number_or_text_is_kept(
    service: type[Provider], caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    caplog.set_level(logging.DEBUG)
    needles = [*service.secrets(account_of(service)), SMS.to, SMS.to[1:], SMS.text, SMS.report_url, "2025550147"]
    written = {writing for needle in needles for writing in writings(needle)}
    echo = {"code": 99, "message": " ".join(needles), "id": "1", "sid": "SM1", "status": "sent", "error": needles}
    scripts: dict[str, list[Script]] = {
        "connection refused": [refused()],
        "read timeout": [read_timeout()],
        "connection reset": [reset()],
    }
    for status in (200, 302, 400, 401, 429, 500):
        scripts[f"{status} in JSON"] = [reply(status, json=echo)] * 3
        scripts[f"{status} in words"] = [reply(status, text=" ".join(needles))] * 3
    for verb in verbs_of(service):
        for trouble, script in scripts.items():
            with subtests.test(verb=verb, trouble=trouble):
                caplog.clear()
                outcome, http = attempt(service, verb, *script)
                kept = repr(http.exchanges) + caplog.text
                if isinstance(outcome, SmsError):
                    kept += "".join(traceback.format_exception(outcome)) + repr(vars(outcome))
                    kept += repr(outcome.__context__)
                assert http.exchanges
                assert [writing for writing in written if writing in kept] == []


def places(service: type[Provider], account: dict[str, str]) -> set[tuple[str, str]]:
    """Where the verbs of a service would take the secrets of an account: scheme and host of every request."""
    http = FakeHttp()
    for verb in (name for name in VERBS if service.can(name)):
        http.answer_with(*[reply(500)] * 6)
        with suppress(SmsError):
            VERBS[verb](service(account, http, KnowingMemo()))
    return {(urlsplit(asked.url).scheme, urlsplit(asked.url).netloc) for asked in http.asked}


@every_networked
def test_what_decides_where_the_secrets_go_is_declared(service: type[Provider]) -> None:
    """Else a change of it would not ask for them anew. A choice of the service's own hosts leads to nobody else."""
    usual = account_of(service)
    for field in service.fields:
        if field.directs or isinstance(field, Secret):
            continue
        values = [value for value, _label in field.choices] if isinstance(field, Choice) else ["evil.example.net/x?"]
        for value in values:
            moved = places(service, usual | {field.name: value}) - places(service, usual)
            if isinstance(field, Choice):
                assert {scheme for scheme, _host in moved} <= {"https"}, field.name
            else:
                assert not moved, field.name
    assert all(field.directs for field in service.fields if isinstance(field, Url | Host))


ADDRESS_FIELDS = [
    (service, field) for service in networked for field in service.fields if isinstance(field, Url | Host)
]
every_address = pytest.mark.parametrize(
    ("service", "field"), ADDRESS_FIELDS, ids=[f"{service.code}-{field.name}" for service, field in ADDRESS_FIELDS]
)


def with_address(
    service: type[Provider], field: Url | Host, host: str, record: Callable[[Exchange], None], **options: Any
) -> Provider:
    value = host if isinstance(field, Host) else f"http://{host}/sms"
    http = Http(record, connect_timeout=5.0, read_timeout=20.0, **options)
    return service(account_of(service, **{field.name: value}), http, MemoryMemo())


INSIDE = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[fe80::1]",
    "[fd00::1]",
    "10.0.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "rebinding.example.com",
)


@every_address
def test_no_address_leads_inside(service: type[Provider], field: Url | Host, subtests: pytest.Subtests) -> None:
    for host in INSIDE:
        with subtests.test(host=host), pytest.MonkeyPatch.context() as patch:
            _refuse_inside(service, field, host, patch)


def _refuse_inside(service: type[Provider], field: Url | Host, host: str, patch: pytest.MonkeyPatch) -> None:
    real, answers = socket.getaddrinfo, iter(["93.184.216.34"])

    def resolve(name: str, port: int, *args: Any, **options: Any) -> Any:
        # Whoever looked first was told a public address; whoever connects is told another.
        return real(next(answers, "127.0.0.1") if name == "rebinding.example.com" else name, port, *args, **options)

    patch.setattr(socket, "getaddrinfo", resolve)
    exchanges: list[Exchange] = []
    with listening(says(answer(b'{"id": 1, "sid": "SM1"}'))) as inner:
        socket.getaddrinfo("rebinding.example.com", inner.port)
        provider = with_address(service, field, f"{host}:{inner.port}", exchanges.append)
        with pytest.raises(AccountBlocked) as raised:
            provider.send(SMS)
        assert inner.connections == 0

    assert raised.value.hint
    assert [exchange.status for exchange in exchanges] == [0]
    provider.http.close()


@every_address
def test_no_redirect_leads_inside(service: type[Provider], field: Url | Host) -> None:
    exchanges: list[Exchange] = []
    with listening(says(answer(b'{"id": 1, "sid": "SM1"}')), "127.0.0.2") as inner:
        moved = answer(b"", "307 Temporary Redirect", f"Location: http://127.0.0.2:{inner.port}/\r\n")
        with listening(says(moved)) as gate:
            provider = with_address(
                service, field, f"127.0.0.1:{gate.port}", exchanges.append, private_networks=["127.0.0.1/32"]
            )
            with pytest.raises(Uncertain):
                provider.send(SMS)
            assert gate.connections == 1
        assert inner.connections == 0

    provider.http.close()


@every_address
def test_an_allowed_address_is_reached(service: type[Provider], field: Url | Host) -> None:
    exchanges: list[Exchange] = []
    with listening(says(answer(b'{"id": 1, "sid": "SM1"}'))) as gate:
        provider = with_address(
            service, field, f"127.0.0.1:{gate.port}", exchanges.append, private_networks=["127.0.0.0/8"]
        )
        # What the answer means to this service is its own test's business.
        with suppress(SmsError):
            provider.send(SMS)

    assert len(gate.requests) == len(exchanges) == 1
    assert exchanges[0].status == 200
    provider.http.close()
