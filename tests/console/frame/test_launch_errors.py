"""What the first screen says where Bitrix24 answers, but not about the visitor: what is wrong, and who can mend it."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as There

pytestmark = pytest.mark.django_db
ALICE, DANA, BOB = 1, 2, 7
PLAN = "REST is available only on commercial plans"
FAILURES = {
    "plan": (MethodError("*", "ACCESS_DENIED", PLAN, 403), "Your Bitrix24 plan does not include applications"),
    "payment": (MethodError("*", "PAYMENT_REQUIRED", "No", 401), "Your Market subscription has ended"),
    "overload": (MethodError("*", "OVERLOAD_LIMIT", "Blocked", 503), "Bitrix24 is limiting our requests"),
    "scope": (
        MethodError("messageservice.*", "insufficient_scope", "No", 403),
        "Sendline is not allowed to register senders in this Bitrix24.",
    ),
    "module": (
        MethodError("messageservice.*", "ERROR_METHOD_NOT_FOUND", "Method not found!", 404),
        "This Bitrix24 version does not support senders from applications.",
    ),
}
every_failure = pytest.mark.parametrize("failure", FAILURES)


@pytest.fixture(autouse=True)
def _dana_reads_english(there: There) -> None:
    there.set_user(DANA, language="en")


def open_app(there: There, user: int = ALICE) -> Any:
    frame = there.frame(user, install=False)
    return Client().post(f"/app/?{urlsplit(frame['action']).query}", dict(frame["fields"]))


def home(there: There, user: int = ALICE) -> str:
    """Open the application, and return the screen that the page then fetches."""
    page = open_app(there, user).content.decode()
    ticket = page.partition('name="sendline-ticket" content="')[2].partition('"')[0]
    start = page.partition('class="app" hx-get="')[2].partition('"')[0]
    headers = {"Authorization": f"Bearer {ticket}", "HX-Request": "true", "HX-Target": "app"}
    return Client(headers=headers).get(start).content.decode()


@every_failure
def test_the_first_opening_says_what_is_wrong(there: There, failure: str) -> None:
    error, words = FAILURES[failure]
    there.switches.method_errors = [error]
    page = open_app(there)
    assert page.status_code == 200
    assert words in page.content.decode()
    assert "Bitrix24 is not responding" not in page.content.decode()
    assert "sendline-ticket" not in page.content.decode()
    assert page["Content-Security-Policy"].endswith(f"frame-ancestors http://{there.domain}")
    assert not PortalToken.objects.exists()


@every_failure
def test_a_second_administrator_s_first_opening_says_it_too(alpha: Portal, there: There, failure: str) -> None:
    error, words = FAILURES[failure]
    Portal.objects.update(installed_at=timezone.now())
    there.switches.method_errors = [error]
    assert words in open_app(there, DANA).content.decode()
    there.switches.method_errors = []
    assert "sendline-ticket" in open_app(there, DANA).content.decode()
    assert PortalToken.objects.get(user_id=DANA).is_admin


@pytest.mark.parametrize("failure", ["plan", "payment", "overload", "scope"])
def test_home_says_it_to_an_administrator_at_once(alpha: Portal, there: There, failure: str) -> None:
    error, words = FAILURES[failure]
    home(there)
    Portal.objects.update(installed_at=timezone.now())
    there.switches.method_errors = [error]
    assert words in home(there)
    there.switches.method_errors = []
    assert words not in home(there)
    alpha.refresh_from_db()
    assert (alpha.suspension, alpha.trouble) == ("", "")


@pytest.mark.parametrize("kind", [Suspension.PLAN, Suspension.PAYMENT, Suspension.OVERLOAD])
def test_an_opening_does_not_lift_the_suspension_it_has_just_heard_of(alpha: Portal, there: There, kind: str) -> None:
    home(there)
    Portal.objects.update(installed_at=timezone.now(), suspension=kind)
    there.switches.method_errors = [FAILURES[kind][0]]
    open_app(there)
    alpha.refresh_from_db()
    assert alpha.suspension == kind


def test_a_portal_that_may_come_back_is_not_called_uninstalled(alpha: Portal, there: There) -> None:
    home(there)
    Portal.objects.update(installed_at=timezone.now())
    there.switches.method_errors = [MethodError("*", "APPLICATION_NOT_FOUND", "No", 401)]
    assert "Bitrix24 is not responding" in home(there)
    assert "Bitrix24 is not responding" in open_app(there, DANA).content.decode()
    alpha.refresh_from_db()
    assert alpha.suspension == Suspension.GONE


def test_an_employee_whose_page_is_known_reads_on_while_the_plan_has_lapsed(alpha: Portal, there: There) -> None:
    Portal.objects.update(installed_at=timezone.now())
    home(there, BOB)
    there.switches.lapsed_plan = True
    assert "Only administrators can connect services" in home(there, BOB)


def test_a_payment_that_the_oauth_server_asks_for_is_said(alpha: Portal, there: There) -> None:
    there.switches.payment_required = True
    page = open_app(there).content.decode()
    alpha.refresh_from_db()
    # Where only the portal knows of it, the page opens, and Home says so.
    assert "Your Market subscription has ended" in page or alpha.suspension == Suspension.PAYMENT
