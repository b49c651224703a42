"""Your own gateway: templates filled for their place, answers and reports read as described."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest

from providers.http import OwnGateway
from providers.kit.contract import Accepted, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Uncertain
from providers.kit.fields import BadField, Field, Text, Url
from providers.kit.http import Http
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from tests.providers.kit.loopback import answer, listening, says

SMS = Sms(
    to="+12025550147",
    text='Say "hi" & <b>bye</b>\n{password} {to.__class__}',
    reference="0123456789abcdef0123456789abcdef",
    sender="Ann & Co",
    report_url="https://app.example.com/r/1?x=2",
)
FIELDS = {field.name: field for field in OwnGateway.fields}
EMPTY = dict.fromkeys(("success_text", "id_path", "report_status", "report_id", "headers", "username"), "")


def make(*replies: Script, **given: str) -> tuple[OwnGateway, FakeHttp]:
    account = make_account(
        OwnGateway, **(EMPTY | {"url": "https://gw.example.com/send", "password": "hush-hush"} | given)
    )
    http = FakeHttp(*replies, secrets=OwnGateway.secrets(account))
    return OwnGateway(account, http.hiding(number=SMS.to, text=SMS.text, address=SMS.report_url), MemoryMemo()), http


def test_a_form_is_escaped_as_a_form() -> None:
    gateway, http = make(reply(), body="to={to_digits}\ntext={text}&from={sender}\nkey={password}\nunit=a%20b+c")
    gateway.send(SMS)

    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", "https://gw.example.com/send")
    assert asked.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert asked.body == (
        "to=12025550147&text=Say+%22hi%22+%26+%3Cb%3Ebye%3C%2Fb%3E%0A%7Bpassword%7D+%7Bto.__class__%7D"
        "&from=Ann+%26+Co&key=hush-hush&unit=a+b+c"
    )


def test_a_json_body_is_escaped_as_json() -> None:
    body = '{"to": {to_digits}, "text": "{text}", "id": "{reference}", "dlr": "{report_url}", "opts": {"a": {}}}'
    gateway, http = make(reply(), content="json", body=body)
    gateway.send(SMS)

    assert json.loads(http.asked[0].body) == {
        "to": 12025550147,
        "text": SMS.text,
        "id": SMS.reference,
        "dlr": SMS.report_url,
        "opts": {"a": {}},
    }
    assert http.asked[0].headers["Content-Type"] == "application/json"


def test_an_xml_body_is_escaped_as_xml() -> None:
    gateway, http = make(reply(), content="xml", body='<m to="{to}">{text}</m>')
    gateway.send(replace(SMS, text="a<b>&\"'\x01 c"))

    assert http.asked[0].body == '<m to="+12025550147">a&lt;b&gt;&amp;&quot;&apos; c</m>'


def test_a_text_body_is_left_alone() -> None:
    gateway, http = make(reply(), content="text", body="{to}|{text}", headers="Content-Type: text/csv")
    gateway.send(SMS)

    assert http.asked[0].body == f"+12025550147|{SMS.text}"
    assert http.asked[0].headers == {"Content-Type": "text/csv"}


def test_an_address_is_escaped_as_an_address_and_get_has_no_body() -> None:
    gateway, http = make(reply(), method="GET", url="https://gw.example.com/{to}/send?text={text}&k={password}")
    gateway.send(replace(SMS, text="a/b&c d+é"))

    assert http.asked[0].url == "https://gw.example.com/%2B12025550147/send?text=a%2Fb%26c%20d%2B%C3%A9&k=hush-hush"
    assert http.asked[0].body is None


@pytest.mark.parametrize("text", [".", ".."])
def test_a_text_of_dots_takes_no_segment_of_the_address_away(text: str) -> None:
    gateway, http = make(method="GET", url="https://gw.example.com/base/{text}")

    with pytest.raises(Rejected) as raised:
        gateway.send(replace(SMS, text=text))
    assert raised.value.reason == "invalid_request"
    assert http.exchanges == []


@pytest.mark.parametrize("text", ["...", "..a", "../..", "%2e%2e", "a.."])
def test_a_text_with_dots_arrives_as_it_is(text: str) -> None:
    with listening(says(answer(b"OK"))) as gate:
        http = Http(lambda _exchange: None, private_networks=["127.0.0.0/8"])
        account = make_account(OwnGateway, **EMPTY, url=f"{gate.url}/base/{{text}}/end", method="GET")
        OwnGateway(account, http, MemoryMemo()).send(replace(SMS, text=text))
        http.close()

    path = gate.requests[0].split(b" ")[1].decode()
    assert path.count("/") == 3
    assert unquote(path) == f"/base/{text}/end"


def test_what_people_write_is_never_a_template() -> None:
    gateway, http = make(reply(), content="text", body="{text}")
    gateway.send(replace(SMS, text="{password}{username}{to}"))

    assert http.asked[0].body == "{password}{username}{to}"


@pytest.mark.parametrize(
    ("login", "header"), [("basic", "Basic YW5uOmh1c2gtaHVzaA=="), ("bearer", "Bearer hush-hush"), ("template", None)]
)
def test_logging_in_is_a_header(login: str, header: str | None) -> None:
    gateway, http = make(reply(), login=login, username="ann")
    gateway.send(SMS)

    assert http.asked[0].headers.get("Authorization") == header


def test_headers_are_filled() -> None:
    gateway, http = make(reply(), headers="X-Api-Key: {password}\nX-Ref: {reference}", content="text", body="x")
    gateway.send(SMS)

    assert http.asked[0].headers["X-Api-Key"] == "hush-hush"
    assert http.asked[0].headers["X-Ref"] == SMS.reference


@pytest.mark.parametrize("field", [field for field in OwnGateway.fields if isinstance(field, Text | Url)])
def test_wherever_a_placeholder_is_filled_in_is_declared_to_direct_the_secret(field: Field) -> None:
    """Written into another parameter, say the text of a message, the password could be sent to anybody's phone."""
    gateway, http = make(reply())
    with suppress(SmsError):
        OwnGateway({**gateway.account, field.name: "https://gw.example.com/?x={password}"}, http, MemoryMemo()).send(
            SMS
        )

    assert ("hush-hush" in repr(http.asked)) == field.directs


def test_a_line_break_in_a_header_is_refused_before_the_wire() -> None:
    gateway, http = make(headers="X-Text: {text}")

    with pytest.raises(Rejected) as raised:
        gateway.send(SMS)
    assert raised.value.reason == "invalid_request"
    assert http.asked == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "https://gw.example.com/?to={phone}", "Unknown placeholder {phone}."),
        ("url", "https://gw.example.com/?to={to.__class__}", "Unknown placeholder {to.__class__}."),
        ("url", "https://{to}.example.com/", "host name"),
        ("url", "file:///etc/passwd", "must start with"),
        ("url", "https://gw.example.com/a/../b", "Write the path without"),
        ("body", "to={To}", "Unknown placeholder {To}."),
        ("body", "to={text!r}", "Unknown placeholder {text!r}."),
        ("headers", "X-Key: {key}", "Unknown placeholder {key}."),
        ("headers", "Host: inner.example.com", "The header Host is set"),
        ("headers", "content-length: 5", "The header content-length is set"),
        ("headers", "Transfer-Encoding : chunked", "The header Transfer-Encoding is set"),
        ("headers", "no colon", "one header per line"),
        ("headers", "X A: b", "one header per line"),
        ("headers", "X-A: b\x00", "Control characters"),
        ("report_words", "DELIVRD=arrived", "one mapping per line"),
        ("report_words", "DELIVRD", "one mapping per line"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_a_sentence(field: str, value: str, words: str) -> None:
    with pytest.raises(BadField) as refused:
        FIELDS[field].clean(value)

    assert words in refused.value.words


def test_json_that_is_none_stops_the_account_and_asks_nobody() -> None:
    gateway, http = make(content="json", body="{to}: {text}")

    with pytest.raises(AccountBlocked) as raised:
        gateway.send(SMS)
    assert "not valid JSON" in raised.value.words
    assert http.asked == []


@pytest.mark.parametrize(
    ("given", "text", "ref"),
    [
        ({}, "OK", ""),
        ({"id_from": "json", "id_path": "messages.0.id"}, '{"messages": [{"id": 77}]}', "77"),
        ({"id_from": "text", "id_path": "OK: *"}, "OK: abc-1 accepted", "abc-1"),
        ({"id_from": "text", "id_path": "<id>*</id>"}, "<r><id> 5 </id></r>", "5"),
        ({"id_from": "text", "id_path": "*"}, "12345\n", "12345"),
        ({"success_text": "accepted"}, "accepted", ""),
    ],
)
def test_an_answer_is_a_receipt(given: dict[str, str], text: str, ref: str) -> None:
    assert make(reply(text=text), **given)[0].send(SMS) == Accepted(ref=ref)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"id_from": "json", "id_path": "id"}, '{"other": 1}'),
        ({"id_from": "text", "id_path": "OK: *"}, "ERR 5"),
        ({"id_from": "text", "id_path": "OK: *"}, "OK: "),
        ({"id_from": "text", "id_path": "<id>*</id>"}, "<id>5"),
    ],
)
def test_a_receipt_without_its_id_is_uncertain(given: dict[str, str], text: str) -> None:
    with pytest.raises(Uncertain):
        make(reply(text=text), **given)[0].send(SMS)


def test_a_success_without_its_text_is_a_refusal_in_the_gateways_words() -> None:
    with pytest.raises(Rejected) as raised:
        make(reply(text="ERROR no route to +12025550147"), success_text="OK")[0].send(SMS)

    assert raised.value.words == "ERROR no route to [number]"


def test_keys_written_out_in_the_templates_are_struck_too() -> None:
    gateway, http = make(
        reply(400, text="bad key url-key-1 or head-key-2 or body-key-3"),
        url="https://gw.example.com/send?apikey=url-key-1&to={to}",
        headers="Authorization: Token head-key-2\nContent-Type: application/json",
        content="json",
        body='{"key": "body-key-3", "to": "{to}"}',
    )
    with pytest.raises(Rejected) as raised:
        gateway.send(SMS)

    kept = repr(http.exchanges) + str(raised.value)
    assert all(key not in kept for key in ("url-key-1", "head-key-2", "body-key-3"))
    assert "application/json" in kept


LONG = "a1B2c3D4e5F6g7H8i9J0k1"


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ("url", "https://gw.example.com/?apikey=abc&to={to}"),
        ("url", "https://gw.example.com/?to={to}&pass=1234"),
        ("headers", "Authorization: Bearer abc"),
        ("headers", "X-Api-Key: abc"),
        ("headers", "X-Auth-Token: {to}abc"),
        ("body", "to={to}\nauth=KEY:{to}"),
        ("body", '{"to": "{to}", "access_token": "abc"}'),
        ("body", '{"auth": {"client-secret": "abc"}}'),
        ("body", '{"pin": 1234}'),
        ("body", '<m password="abc" to="{to}">{text}</m>'),
        ("body", "<m><Password>abc</Password></m>"),
        ("body", "login: ann; password: abc"),
        ("url", f"https://gw.example.com/bot{LONG}/send"),
        ("headers", f"X-Whatever: {LONG}"),
        ("body", f"{LONG} {{to}} {{text}}"),
    ],
)
def test_a_key_that_is_written_out_is_to_be_moved(field: str, template: str) -> None:
    account = EMPTY | {"url": "https://gw.example.com/", "body": "to={to}", field: template}

    [(found, bad)] = OwnGateway.mistakes(account).items()
    assert found == field
    assert "looks like a password or key" in bad.words
    assert "write {password} here" in bad.words


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ("url", "https://gw.example.com/?apikey={password}&user={username}&to={to}"),
        ("url", "https://gw.example.com/api/v2/messages/send?type=text&key={username}"),
        ("headers", "Authorization: Bearer {password}\nContent-Type: application/x-www-form-urlencoded"),
        ("headers", "Authorization: Basic {password}"),
        ("body", '{"auth": {"key": "{password}", "pass": true}, "to": "{to}"}'),
        ("body", "<m><Password>{password}</Password><pin>{text}</pin></m>"),
        ("body", f"key={{password}}\ntemplate={LONG}"),  # with the password in its place, this is something else
    ],
)
def test_a_template_without_a_key_is_left_alone(field: str, template: str) -> None:
    account = EMPTY | {"url": "https://gw.example.com/", "body": "to={to}", field: template}

    assert OwnGateway.mistakes(account) == {}


def test_a_login_of_its_own_needs_no_password_in_the_templates() -> None:
    account = EMPTY | {"url": f"https://gw.example.com/{LONG}", "body": "to={to}"}

    assert set(OwnGateway.mistakes(account)) == {"url"}
    assert OwnGateway.mistakes(account | {"login": "basic"}) == {}


def test_the_preview_shows_the_request_and_dots_for_the_password() -> None:
    account = {
        "url": "https://gw.example.com/{to_digits}?k={password}",
        "login": "basic",
        "password": "hush-hush",
        "username": "ann",
        "headers": "X-Key: {password}",
        "content": "json",
        "body": '{"text": "{text}", "key": "{password}"}',
    }
    shown = OwnGateway.preview(account, replace(SMS, text="Hi"))

    assert shown == (
        "POST https://gw.example.com/12025550147?k=••••••\n"
        "X-Key: ••••••\n"
        "Authorization: Basic ••••••\n"
        "Content-Type: application/json\n"
        "\n"
        '{"text": "Hi", "key": "••••••"}'
    )
    with pytest.raises(BadField):
        OwnGateway.preview(account | {"body": "{"}, SMS)


def call(method: str = "POST", *, form: dict[str, list[str]] | None = None, body: bytes = b"") -> Call:
    return Call(method=method, url="https://app.example.com/r/1", query={}, form=form or {}, headers={}, body=body)


REPORTS = {"report_status": "status", "report_id": "id", "report_words": "DELIVRD=delivered\na=b=FAILED"}


@pytest.mark.parametrize(
    ("word", "status"),
    [("DELIVRD", Status.DELIVERED), ("delivrd", Status.DELIVERED), ("a=b", Status.FAILED), ("BUFFERED", None)],
)
def test_a_report_is_read_by_the_table(word: str, status: Status | None) -> None:
    gateway, _http = make(**REPORTS)
    told = call(form={"id": ["7"], "status": [word]})

    gateway.verify(told)
    assert gateway.read_reports(told) == [Report(ref="7", status=status, word=word)]


def test_a_report_may_be_json_and_need_no_id() -> None:
    gateway, _http = make(**(REPORTS | {"report_status": "dlr.state", "report_id": ""}))

    assert gateway.read_reports(call(body=b'{"dlr": {"state": "DELIVRD"}}')) == [
        Report(status=Status.DELIVERED, word="DELIVRD")
    ]
    assert gateway.read_reports(call(body=b"<xml/>")) == []
    assert gateway.read_reports(call(body=b'{"dlr": {"state": ["x"]}}')) == []


def test_nobody_reports_where_no_report_was_agreed_on() -> None:
    with pytest.raises(Forged):
        make()[0].verify(call(form={"status": ["DELIVRD"]}))


@pytest.mark.parametrize(("recognises", "hours"), [("0", 0), ("1", 1), ("24", 24)])
def test_the_administrator_says_how_long_a_reference_is_recognised(recognises: str, hours: int) -> None:
    assert OwnGateway.recognises_for({"recognises": recognises}) == timedelta(hours=hours)
    assert OwnGateway.recognises_for({}) == timedelta(0)
