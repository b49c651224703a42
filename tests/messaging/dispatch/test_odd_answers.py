"""Whatever a service says of an account, the check ends well and the columns hold what can be meant."""

import ast
import inspect
import json
import re
import sys
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from django.conf import LazySettings

from b24app.messaging.connections import balances, lifecycle
from b24app.messaging.models import Connection, DeliveryReport
from b24app.messaging.reports import acceptance
from b24app.portals.models import Portal
from providers.kit import contract, registry
from providers.kit.contract import Provider
from providers.kit.errors import SmsError
from providers.kit.testing import FakeHttp, KnowingMemo, make_account, reply
from tests import factories
from tests.providers.kit.loopback import answer, listening, says

pytestmark = pytest.mark.django_db

ODD: list[object] = [
    1e30, "1E+999999", "-1E+999999", "Infinity", "NaN", -5e20, "9" * 4000, 0.000000001, True,
    "nul\0nul", "lone \ud800 half", "X" * 500, "<b>bold</b>", "", None, [], {"a": {}},
]  # fmt: skip

GOOD: list[object] = [None, "OK", "0", 0, 1, 200, 800, True, "SUCCESS", "active"]
"""What may stand where a service says that all is well; None leaves the odd thing there too."""
VERDICTS = re.compile(
    r"(.*_)?(status|code|errno?|error|success|type|http_code|response_code|status_code)", re.IGNORECASE
)


def everybody_who_can(verb: str) -> pytest.MarkDecorator:
    networked = [one for one in registry.services().values() if one.speaks == "http" and not one.pretends]
    able = [one for one in networked if one.can(verb)]
    return pytest.mark.parametrize("service", able, ids=[one.code for one in able])


@cache
def paths_of(code: str) -> list[list[str]]:
    """Return the names and dotted paths that stand in the file of a service: whatever it may look for in an answer."""
    source = inspect.getsource(sys.modules[registry.get(code).__module__])
    literals = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    words = {text for text in literals if isinstance(text, str) and re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", text)}
    return sorted((word.split(".") for word in words), key=len)


def answer_of(service: type[Provider], odd: object, good: object = None) -> dict[str, Any]:
    """Return an answer in which all that a service looks for is the same odd thing; what is a list there is absent."""
    whole: dict[str, Any] = {}
    leaf = json.dumps(odd)  # a copy for each place, or one place would fill the others
    for steps in paths_of(service.code):
        place = whole
        for step in steps[:-1]:
            if not isinstance(place.get(step), dict):
                place[step] = {}
            place = place[step]
        if not isinstance(place.get(steps[-1]), dict):
            is_verdict = good is not None and VERDICTS.fullmatch(steps[-1])
            place[steps[-1]] = good if is_verdict else json.loads(leaf)
    return whole


def ask(service: type[Provider], verb: str, leaf: object, good: object) -> Any:
    """Return what a verb returns on an odd answer; None where it was taken for a refusal."""
    http = FakeHttp(*[reply(json=answer_of(service, leaf, good))] * 200)
    provider = service(make_account(service), http, KnowingMemo())
    try:
        return provider.look_up(["SM1"]) if verb == "look_up" else getattr(provider, verb)()
    except SmsError:
        return None


def outcomes(service: type[Provider], verb: str) -> list[Any]:
    """Return what a verb returns on each odd answer, alone and as rows of a list; refusals are left out."""
    good = next((one for one in GOOD if ask(service, verb, 5, one) is not None), None)
    leaves = [leaf for odd in ODD for leaf in (odd, [answer_of(service, odd, good)])]
    return [told for leaf in leaves if (told := ask(service, verb, leaf, good)) is not None]


# They say that all is well by leaving a name out, or answer with a list or a bare number: their own tests know.
SAYS_OTHERWISE = {"clickatell", "msg91", "smsapi", "smsc"}


@everybody_who_can("check")
def test_no_answer_to_a_check_breaks_its_columns(service: type[Provider]) -> None:
    portal, found = factories.portal(), outcomes(service, "check")
    assert found or service.code in SAYS_OTHERWISE
    for one in found:
        made = lifecycle.connect_account(portal, service.code, "", {}, one)
        lifecycle.rotate_credentials(made, {"new": "credentials"}, one)
        made.refresh_from_db()
        assert 0 < len(made.title) <= 100
        assert made.balance is None or abs(made.balance) < 10**12
        assert re.fullmatch("[A-Z]{3}|", made.currency)
        made.delete()


@everybody_who_can("look_up")
def test_no_answer_to_a_look_up_breaks_its_columns(service: type[Provider]) -> None:
    connection = factories.connection(factories.portal(), service.code)
    for told in outcomes(service, "look_up"):
        acceptance.insert_reports(connection.pk, told)
    assert all(one.price is None or one.price < 10**6 for one in DeliveryReport.objects.all())


@everybody_who_can("senders")
def test_senders_are_texts_that_a_page_and_a_column_can_hold(service: type[Provider]) -> None:
    for told in outcomes(service, "senders"):
        for one in lifecycle.usable_signatures(told):
            assert 0 < len(one) <= 60
            one.encode()
            assert "\0" not in one


WORTH = [
    (contract.Account(label="Main", balance=Decimal("12.34567"), currency="eur"), ("Main", Decimal("12.3457"), "EUR")),
    (contract.Account(balance=Decimal("1e30"), currency="EUR"), ("", None, "EUR")),
    (contract.Account(balance=Decimal("1E+999999")), ("", None, "")),
    (contract.Account(balance=Decimal("NaN"), currency="E" * 500), ("", None, "")),
    (contract.Account(balance=Decimal("-3.5"), currency="\0\0\0"), ("", Decimal("-3.5"), "")),
    (contract.Account(label="a\0b\ud800c" + "d" * 500), ("a\ufffdb\ufffdc" + "d" * 195, None, "")),
]


@pytest.mark.parametrize(("found", "kept"), WORTH)
def test_the_result_of_a_check_is_sanitized_once_for_all_columns(
    found: contract.Account, kept: tuple[Any, ...]
) -> None:
    made = lifecycle.connect_account(factories.portal(), "twilio", "", {}, found)
    made.refresh_from_db()
    assert (made.label, made.balance, made.currency) == kept


def at(portal: Portal, path: str) -> str:
    return f"/p/{portal.uuid.hex}/senders/{path}"


TOLD: list[tuple[Any, Any]] = [
    (1e30, "USD"),
    ("1E+999999", "USD"),
    (1, "U" * 500),
    (1, "\0\0\0"),
    ("\ud800", "\ud800"),
]


@pytest.mark.parametrize(("balance", "currency"), TOLD)
def test_an_odd_answer_ends_a_check_in_the_console_well(settings: LazySettings, balance: object, currency: str) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    portal = factories.portal()
    told = {
        "sid": "AC1", "friendly_name": "Ali\0ce \ud800 " + "x" * 500, "balance": balance, "currency": currency,
        "incoming_phone_numbers": [
            {"phone_number": number, "capabilities": {"sms": True}}
            for number in ("+12025550100", "\ud800", "a\0b", "7" * 5000, " ")
        ],
    }  # fmt: skip
    with listening(says(answer(json.dumps(told).encode()))) as gate:
        typed = {"account_sid": "AC" + "1" * 32, "auth_token": "sentinel-token", "base_url": gate.url}
        alice = factories.visitor(portal)
        response = alice.post(at(portal, "connect/twilio/"), {f"account-{name}": one for name, one in typed.items()})
        assert response.status_code == 200
        made = Connection.objects.get()
        page = alice.get(at(portal, f"accounts/{made.uuid}/new/"))
        assert page.status_code == 200
        offered = re.findall(r'name="offered" value="([^"]*)"', page.content.decode())
        assert offered == ["+12025550100", "\ufffd", "a\ufffdb"]
        Connection.objects.update(balance=Decimal(5), balance_asked_at=None, checked_at="2026-01-01T00:00:00Z")
        assert balances.refresh_balances() <= 1

    made.refresh_from_db()
    assert made.label.startswith("Ali\ufffdce \ufffd xxx")
    assert re.fullmatch("[A-Z]{3}|", made.currency)


def test_odd_words_of_a_refusal_are_shown(settings: LazySettings) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    portal = factories.portal()
    told = {"code": "2\ud800", "message": "No \ud800 and \0 no"}
    with listening(says(answer(json.dumps(told).encode(), "401 Unauthorized"))) as gate:
        typed = {"account_sid": "AC" + "1" * 32, "auth_token": "sentinel-token", "base_url": gate.url}
        response = factories.visitor(portal).post(
            at(portal, "connect/twilio/"), {f"account-{name}": one for name, one in typed.items()}
        )

    assert response.status_code == 200
    assert "No \ufffd and \ufffd no" in response.content.decode()
    assert not Connection.objects.exists()
