"""WhatsApp: session texts and templates, Meta's errors, the one signed webhook of all numbers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from providers.kit.contract import Accepted, Account, Answer, Call, Inbound, Report, Sms, Status, Unreadable
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply
from providers.whatsapp import WhatsApp

NUMBER = "106540352242922"
OURS = "0123456789abcdef0123456789abcdef"
REF = "wamid.HBgLMTIwMjU1NTAxNDc"
SMS = Sms(to="+12025550147", text="Hello Anna", reference=OURS, sender="+1 202-555-0100")
TAKEN = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": "12025550147", "wa_id": "12025550147"}],
    "messages": [{"id": REF, "message_status": "accepted"}],
}


def make(*replies: Script, **given: str) -> tuple[WhatsApp, FakeHttp]:
    basis = {"access_token": "EAAtoken", "phone_number_id": NUMBER, "app_secret": "docs_app_secret"}
    account = make_account(WhatsApp, **(basis | {"verify_token": "our word"} | given))
    http = FakeHttp(*replies, secrets=WhatsApp.secrets(account))
    return WhatsApp(account, http, MemoryMemo()), http


def test_a_text_goes_to_who_wrote_lately() -> None:
    whatsapp, http = make(reply(json=TAKEN))

    assert whatsapp.send(SMS) == Accepted(ref=REF)
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", f"https://graph.facebook.com/v25.0/{NUMBER}/messages")
    assert asked.headers == {"Authorization": "Bearer EAAtoken"}
    assert asked.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "12025550147",
        "biz_opaque_callback_data": OURS,
        "type": "text",
        "text": {"body": "Hello Anna", "preview_url": False},
    }
    http.done()


@pytest.mark.parametrize(
    ("text", "shown"), [("see https://a.example", True), ("see http://a.example", True), ("a.example", False)]
)
def test_a_link_is_shown_with_its_picture(text: str, shown: bool) -> None:
    whatsapp, http = make(reply(json=TAKEN), version="v26.0")
    whatsapp.send(replace(SMS, text=text))

    assert http.asked[0].json["text"] == {"body": text, "preview_url": shown}
    assert http.asked[0].url == f"https://graph.facebook.com/v26.0/{NUMBER}/messages"


LINES = "Anna\tB.\n\n 17:30 \r\nroom    5"


@pytest.mark.parametrize(
    ("options", "language", "values"),
    [
        ({}, "en_US", ["Anna B. 17:30 room 5"]),
        ({"variables": "text", "language": "pt_BR"}, "pt_BR", ["Anna B. 17:30 room 5"]),
        ({"variables": "lines", "language": ""}, "en_US", ["Anna B.", "17:30", "room 5"]),
        ({"variables": "none"}, "en_US", []),
    ],
)
def test_a_template_is_filled_as_its_sender_says(options: dict[str, str], language: str, values: list[str]) -> None:
    whatsapp, http = make(reply(json=TAKEN))
    whatsapp.send(replace(SMS, text=LINES, options={"template": "visit_reminder"} | options))

    body = [{"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}]
    assert http.asked[0].json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "12025550147",
        "biz_opaque_callback_data": OURS,
        "type": "template",
        "template": {"name": "visit_reminder", "language": {"policy": "deterministic", "code": language}}
        | ({"components": body} if values else {}),
    }


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (400, 4, Throttled, "throttled"),
        (429, 100, Throttled, "throttled"),
        (500, 1, Uncertain, "uncertain"),
        (503, 2, Uncertain, "uncertain"),
        (400, 131000, Uncertain, "uncertain"),
        (500, 999999, Uncertain, "uncertain"),
        (401, 190, AccountBlocked, "auth"),
        (500, 3, AccountBlocked, "auth"),
        (403, 10, AccountBlocked, "auth"),
        (400, 200, AccountBlocked, "auth"),
        (400, 299, AccountBlocked, "auth"),
        (400, 131042, AccountBlocked, "balance"),
        (400, 131026, Rejected, "invalid_number"),
        (403, 368, Rejected, "blocked"),
        (400, 131047, Rejected, "blocked"),
        (400, 131050, Rejected, "opt_out"),
        (400, 132000, Rejected, "invalid_request"),
        (404, 132001, Rejected, "invalid_request"),
        (400, 300, Rejected, "rejected"),
    ],
)
def test_a_code_becomes_its_error(status: int, code: int, kind: type[SmsError], reason: str) -> None:
    error = {"message": f"(#{code}) Words", "code": code, "error_data": {"details": "and details"}, "fbtrace_id": "A"}
    whatsapp, _http = make(reply(status, json={"error": error}))

    with pytest.raises(SmsError) as raised:
        whatsapp.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code) == (reason, str(code))
    assert raised.value.words == f"(#{code}) Words: and details"


def test_a_number_id_that_the_token_does_not_reach_blocks_the_account() -> None:
    told = {"message": "Unsupported post request. Object with ID does not exist", "code": 100, "error_subcode": 33}
    whatsapp, _http = make(reply(400, json={"error": told}), reply(400, json={"error": told}))

    with pytest.raises(AccountBlocked) as raised:
        whatsapp.send(SMS)
    with pytest.raises(AccountBlocked):
        whatsapp.check()

    assert (raised.value.reason, raised.value.code) == ("auth", "100")
    assert "credentials" in raised.value.hint


def test_outside_the_window_a_template_is_advised() -> None:
    whatsapp, _http = make(reply(400, json={"error": {"message": "Re-engagement message", "code": 131047}}))

    with pytest.raises(Rejected) as raised:
        whatsapp.send(SMS)

    assert "template" in raised.value.hint
    assert raised.value.link == "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes"
    assert raised.value.words == "Re-engagement message"


# --- the webhook -------------------------------------------------------------------------------------------------


def call(body: object, signature: str = "", method: str = "POST", query: Mapping[str, str] | None = None) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {name: [value] for name, value in (query or {}).items()}
    headers = {"x-hub-signature-256": signature} if signature else {}
    return Call(method=method, url="https://sms.example.org/r", query=told, form={}, headers=headers, body=raw)


BODY = b'{"object":"whatsapp_business_account"}'
SIGNED = "sha256=a29a246cbc191effd34d6ace46a735fcfe8b190c63d083941cd3bf56e5d59187"
TRIED = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "our word"}


def test_the_signature_of_the_reference_page_is_good() -> None:
    make()[0].verify(call(BODY, SIGNED))


@pytest.mark.parametrize(
    "forged",
    [
        call(BODY),
        call(BODY, SIGNED.removeprefix("sha256=")),
        call(BODY, SIGNED[:-1] + "8"),
        call(BODY, SIGNED.replace("sha256", "sha1")),
        call(BODY + b" ", SIGNED),
        call(b"", SIGNED),
        call(BODY, "sha256=подпись"),
        call(BODY, query=TRIED),
        call(BODY, method="PUT", query=TRIED),
    ],
)
def test_anything_changed_is_forged(forged: Call) -> None:
    with pytest.raises(Forged):
        make()[0].verify(forged)


def test_another_secret_is_forged() -> None:
    with pytest.raises(Forged):
        make(app_secret="another")[0].verify(call(BODY, SIGNED))


def test_meta_tries_the_address_with_our_word_and_reads_its_challenge_back() -> None:
    whatsapp, tried = make()[0], call(b"", method="GET", query=TRIED)

    whatsapp.verify(tried)
    assert whatsapp.read_reports(tried) == []
    assert whatsapp.answer(tried) == Answer(body="1158201444", content_type="text/plain")


@pytest.mark.parametrize(
    "query",
    [
        {},
        TRIED | {"hub.verify_token": "another word"},
        TRIED | {"hub.verify_token": ""},
        TRIED | {"hub.verify_token": "\udcff"},
        TRIED | {"hub.mode": "unsubscribe"},
        {"hub.verify_token": "our word"},
    ],
)
def test_a_stranger_does_not_try_the_address(query: dict[str, str]) -> None:
    with pytest.raises(Forged):
        make()[0].verify(call(BODY, SIGNED, method="GET", query=query))


def test_our_word_on_the_address_opens_no_way_for_reports() -> None:
    tried = call(update(STATUS), method="GET", query=TRIED)

    assert make()[0].read_reports(tried) == []
    assert make()[0].read_inbound(tried) == []


def test_a_report_is_answered_with_nothing() -> None:
    assert make()[0].answer(call(BODY, query={"hub.challenge": "echo"})) == Answer(body="")


def value(number: object = NUMBER, **more: object) -> dict[str, object]:
    metadata = {"display_phone_number": "12025550100", "phone_number_id": number}
    return {"messaging_product": "whatsapp", "metadata": metadata, **more}


def entries(*values: object) -> dict[str, object]:
    changes = [{"field": "messages", "value": one} for one in values]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def update(*statuses: object) -> dict[str, object]:
    return entries(value(statuses=list(statuses)))


STATUS: dict[str, Any] = {
    "id": REF,
    "status": "delivered",
    "timestamp": "1795600000",
    "recipient_id": "12025550147",
    "biz_opaque_callback_data": OURS,
}
TOLD = Report(ref=REF, reference=OURS, recipient="12025550147", status=Status.DELIVERED, word="delivered")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("accepted", Status.QUEUED),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("failed", Status.FAILED),
        ("deleted", None),
        ("warning", None),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(word: str, status: Status | None) -> None:
    assert make()[0].read_reports(call(update(STATUS | {"status": word}))) == [replace(TOLD, status=status, word=word)]


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (131026, Status.UNDELIVERED, "invalid_number"),
        (131047, Status.FAILED, "blocked"),
        (131050, Status.FAILED, "opt_out"),
        (132001, Status.FAILED, "invalid_request"),
        (999999, Status.FAILED, ""),
    ],
)
def test_a_failure_tells_its_code_and_keeps_no_words(code: int, status: Status, reason: str) -> None:
    errors = [{"code": code, "title": "Failed", "error_data": {"details": "to +12025550147"}}]

    assert make()[0].read_reports(call(update(STATUS | {"status": "failed", "errors": errors}))) == [
        replace(TOLD, status=status, word="failed", code=str(code), reason=reason)
    ]


def test_many_reports_come_at_once_and_those_of_other_numbers_are_dropped() -> None:
    other = value("106540352242923", statuses=[STATUS | {"id": "wamid.other"}])
    body = entries(value(statuses=[STATUS, STATUS | {"id": "wamid.2"}]), other, value(int(NUMBER), statuses=[STATUS]))
    body["entry"] = [*body["entry"], *update(STATUS | {"id": "wamid.3"})["entry"]]  # type: ignore[misc]

    reports = make()[0].read_reports(call(body))

    assert [report.ref for report in reports] == [REF, "wamid.2", REF, "wamid.3"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        7,
        [],
        {},
        {"entry": 7},
        {"entry": [7, {"changes": None}, {"changes": [7]}]},
        entries(None, 7, [], {}),
        entries({"metadata": None, "statuses": [STATUS]}),
        entries(value(statuses=None), value(statuses=[7, {}, {"id": REF}, {"status": "sent"}])),
        update(STATUS | {"id": True, "errors": "x"}),
    ],
)
def test_a_call_without_what_is_needed_says_nothing(body: object) -> None:
    assert make()[0].read_reports(call(body)) == []
    assert make()[0].read_inbound(call(body)) == []


def test_what_is_no_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        make()[0].read_reports(call(b"entry=1"))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"type": "text", "text": {"body": "Yes"}}, "Yes"),
        ({"type": "button", "button": {"text": "Confirm", "payload": "p"}}, "Confirm"),
        ({"type": "interactive", "interactive": {"button_reply": {"id": "1", "title": "Later"}}}, "Later"),
        ({"type": "interactive", "interactive": {"list_reply": {"id": "1", "title": "17:30"}}}, "17:30"),
        ({"type": "image", "image": {"id": "m1", "caption": "My bill"}}, "My bill"),
    ],
)
def test_a_message_from_a_person_is_read(message: dict[str, object], text: str) -> None:
    body = entries(value(messages=[{"id": "wamid.in", "from": "12025550147"} | message]))

    assert make()[0].read_inbound(call(body)) == [
        Inbound(sender="12025550147", recipient="12025550100", text=text, ref="wamid.in")
    ]
    assert make()[0].read_reports(call(body)) == []


@pytest.mark.parametrize(
    "message",
    [
        {"type": "location", "location": {"latitude": 1.0}},
        {"type": "unsupported", "errors": []},
        {"type": "text", "text": {"body": "Yes"}, "group_id": "g1"},
        {"type": "text", "text": {"body": "Yes"}, "from": None},
        {"text": {"body": "Yes"}},
    ],
)
def test_what_has_no_words_or_is_for_a_group_is_left_out(message: dict[str, object]) -> None:
    body = entries(value(messages=[{"id": "wamid.in", "from": "12025550147"} | message]))

    assert make()[0].read_inbound(call(body)) == []


def test_a_message_to_another_number_is_not_ours_to_know() -> None:
    message = {"id": "wamid.in", "from": "12025550147", "type": "text", "text": {"body": "Yes"}}

    assert make()[0].read_inbound(call(entries(value("106540352242923", messages=[message])))) == []


# --- questions ---------------------------------------------------------------------------------------------------

OUR_NUMBER = {"verified_name": "Anna's shop", "display_phone_number": "+1 202-555-0100", "id": NUMBER}


def test_a_check_tells_name_and_number() -> None:
    whatsapp, http = make(reply(json=OUR_NUMBER))

    assert whatsapp.check() == Account(label="Anna's shop +1 202-555-0100")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("GET", f"https://graph.facebook.com/v25.0/{NUMBER}")
    assert asked.params == {"fields": "display_phone_number,verified_name"}
    assert asked.headers == {"Authorization": "Bearer EAAtoken"}


def test_a_check_with_an_expired_token_is_blocked() -> None:
    whatsapp, _http = make(reply(400, json={"error": {"message": "Session has expired", "code": 190}}))

    with pytest.raises(AccountBlocked):
        whatsapp.check()


def test_the_number_is_the_only_sender() -> None:
    whatsapp, http = make(reply(json=OUR_NUMBER))

    assert whatsapp.senders() == ["+1 202-555-0100"]
    http.done()
