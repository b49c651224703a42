"""messageservice.sender.*: the order of the checks, the codes, the languages (docs/bitrix24.md D.1 to D.4)."""

import pytest

from b24app.sandbox import Portal
from tests.sandbox.clients import Rest

INVALID = "ERROR_SENDER_VALIDATION_FAILURE"
GOOD: dict[str, object] = {"CODE": "acme", "TYPE": "SMS", "HANDLER": "https://sms.example.com/h/", "NAME": "Acme"}

# Each row mends what the row before it was refused for, so the order of the checks is the order of the rows.
REFUSALS: list[tuple[dict[str, object], str, str]] = [
    ({}, INVALID, "Empty data!"),
    ({"NAME": ""}, INVALID, "Empty sender code!"),
    ({"CODE": "0"}, INVALID, "Empty sender code!"),
    ({"CODE": "acme sms"}, INVALID, "Wrong sender code!"),
    ({"CODE": "acme", "HANDLER": "ftp://localhost/"}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
    ({"CODE": "acme", "HANDLER": "https://localhost/h/"}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
    (
        {"CODE": "acme", "HANDLER": "ftp://sms.example.com/"},
        "ERROR_UNSUPPORTED_PROTOCOL",
        "Unsupported handler protocol",
    ),
    (GOOD | {"NAME": "", "TYPE": ""}, INVALID, "Empty sender NAME!"),
    (GOOD | {"TYPE": ""}, INVALID, "Empty sender message TYPE!"),
    (GOOD | {"TYPE": "sms"}, INVALID, "Unknown sender message TYPE!"),
    (GOOD | {"CODE": "a" * 129}, "ERROR_SENDER_ADD_FAILURE", "Sender save error!"),
    (GOOD | {"HANDLER": "https://sms.example.com/" + "h" * 1000}, "ERROR_SENDER_ADD_FAILURE", "Sender save error!"),
]


@pytest.mark.parametrize(("params", "code", "text"), REFUSALS)
def test_add_refuses_in_the_order_of_the_source(rest: Rest, params: dict[str, object], code: str, text: str) -> None:
    assert rest.error("messageservice.sender.add", **params) == (400, code, text)
    assert rest.portal.senders == {}


def test_a_code_is_registered_once(rest: Rest) -> None:
    assert rest("messageservice.sender.add", **GOOD)[1]["result"] is True
    refusal = rest.error("messageservice.sender.add", **GOOD | {"NAME": "Other"})

    assert refusal == (400, "ERROR_SENDER_ALREADY_INSTALLED", "Sender already installed!")
    assert rest.portal.senders["acme"].names == {"**": "Acme"}


@pytest.mark.parametrize("method", ["add", "update", "list", "delete"])
def test_only_administrators_in_application_context(rest: Rest, bob: Rest, method: str) -> None:
    webhook = Rest(rest.portal, rest.session, rest.portal.issue_token(1, client_id="webhook").access)
    name = f"messageservice.sender.{method}"

    assert bob.error(name, **GOOD) == (403, "ACCESS_DENIED", "Access denied!")
    assert webhook.error(name, **GOOD) == (403, "ACCESS_DENIED", "Access denied! Application context required")
    assert rest.portal.senders == {}


def test_names_by_language_have_the_first_as_universal(rest: Rest) -> None:
    names = {"EN": "Acme", "de": "Acme GmbH", "pt-br": "vanishes"}
    rest("messageservice.sender.add", **GOOD | {"NAME": names, "DESCRIPTION": {"en": "Texts"}})
    acme = rest.portal.senders["acme"]

    assert acme.names == {"**": "Acme", "en": "Acme", "de": "Acme GmbH"}
    assert acme.descriptions == {"**": "Texts", "en": "Texts"}
    assert [acme.name("de", "en"), acme.name("fr", "de"), acme.name("fr", "pl")] == ["Acme GmbH", "Acme GmbH", "Acme"]


def test_a_plain_description_beside_names_by_language_is_lost(rest: Rest) -> None:
    rest("messageservice.sender.add", **GOOD | {"NAME": {"en": "Acme"}, "DESCRIPTION": "Texts"})

    assert rest.portal.senders["acme"].descriptions == {}


def test_form_bodies_with_brackets_mean_the_same_as_json(rest: Rest) -> None:
    form = {
        "auth": rest.token,
        "code": "acme",
        "type": "SMS",
        "handler": GOOD["HANDLER"],
        "name[en]": "Acme",
        "name[de]": "A",
    }
    answer = rest.session.post(rest.portal.client_endpoint + "messageservice.sender.add.json", data=form)

    assert answer.json()["result"] is True
    assert rest.portal.senders["acme"].names == {"**": "Acme", "en": "Acme", "de": "A"}


def test_list_returns_codes_only(rest: Rest, sender: str) -> None:
    assert rest("messageservice.sender.list")[1]["result"] == ["acme"]


def test_update_changes_what_it_is_given(rest: Rest, sender: str) -> None:
    answer = rest("messageservice.sender.update", CODE="acme", NAME={"ru": "Акме"})

    assert answer[1]["result"] is True
    assert rest.portal.senders["acme"].names == {"**": "Акме", "ru": "Акме"}
    assert rest.portal.senders["acme"].handler.endswith("/handler/?key=secret")


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({}, "ERROR_SENDER_CODE_REQUIRED", "CODE is required!"),
        ({"CODE": "none"}, "ERROR_SENDER_OTHER_PARAMS_REQUIRED", "At least one other parameter is required!"),
        ({"CODE": "none", "NAME": "x"}, "ERROR_SENDER_NOT_FOUND", "Sender not found!"),
        ({"CODE": "acme", "HANDLER": "https://localhost/"}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
        (
            {"CODE": "acme", "HANDLER": "https://a.example/" + "h" * 1000},
            "ERROR_SENDER_UPDATE_FAILURE",
            "Sender update error!",
        ),
    ],
)
def test_update_refuses(rest: Rest, sender: str, params: dict[str, object], code: str, text: str) -> None:
    before = rest.portal.senders["acme"].handler

    assert rest.error("messageservice.sender.update", **params) == (400, code, text)
    assert rest.portal.senders["acme"].handler == before


def test_an_old_box_has_no_update(rest: Rest, alpha: Portal, sender: str) -> None:
    alpha.switches.update_missing = True

    assert rest.error("messageservice.sender.update", CODE="acme", NAME="x")[:2] == (404, "ERROR_METHOD_NOT_FOUND")
    answer = rest("method.get", name="messageservice.sender.update")[1]["result"]
    assert answer == {"isExisting": False, "isAvailable": False}


def test_delete_removes_a_sender_that_exists(rest: Rest, sender: str) -> None:
    assert rest.error("messageservice.sender.delete", CODE="!") == (400, INVALID, "Wrong sender code!")
    assert rest.error("messageservice.sender.delete", CODE="x") == (400, "ERROR_SENDER_NOT_FOUND", "Sender not found!")
    assert rest("messageservice.sender.delete", CODE="acme")[1]["result"] is True
    assert rest.portal.senders == {}


def test_another_application_sees_and_deletes_nothing_of_ours(rest: Rest, alpha: Portal) -> None:
    other = Rest(alpha, rest.session, alpha.issue_token(1, client_id="other.app").access)
    rest("messageservice.sender.add", **GOOD)
    bound = {"event": "ONAPPPAYMENT", "handler": "https://a.example/e/"}
    tab = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": "https://a.example/c/", "TITLE": "Tab"}
    for who in (rest, other):
        assert [who("event.bind", **bound)[0], who("placement.bind", **tab)[0]] == [200, 200]

    assert other("messageservice.sender.list")[1]["result"] == []
    assert other.error("messageservice.sender.delete", CODE="acme")[1] == "ERROR_SENDER_NOT_FOUND"
    assert other("messageservice.sender.add", **GOOD | {"NAME": "Theirs"})[0] == 200
    assert alpha.senders["acme"].names == {"**": "Acme"}
    assert other("messageservice.sender.delete", CODE="acme")[0] == 200
    assert [len(who(name)[1]["result"]) for name in ("event.get", "placement.get") for who in (rest, other)] == [1] * 4
    assert [other("event.unbind", **bound)[1]["result"], other("placement.unbind", **tab)[1]["result"]] == [
        {"count": 1},
        {"count": 1},
    ]
    assert list(alpha.senders) == ["acme"]
    assert [len(rest(name)[1]["result"]) for name in ("event.get", "placement.get")] == [1, 1]


def test_an_uninstallation_leaves_other_applications_alone(rest: Rest, alpha: Portal) -> None:
    other = Rest(alpha, rest.session, alpha.issue_token(1, client_id="other.app").access)
    other("messageservice.sender.add", **GOOD)
    other("event.bind", event="ONAPPPAYMENT", handler="https://a.example/e/")
    alpha.uninstall()

    assert list(alpha.state.other_senders["other.app"]) == ["acme"]
    assert [handler.owner for handler in alpha.handlers] == ["other.app"]
