"""What the first screen says where Bitrix24 answers, but not about the visitor: what is wrong, and who can mend it."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from b24app.portals.models import Portal, Suspension
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as There

pytestmark = pytest.mark.django_db
ALICE, DANA = 1, 2
PLAN = "REST is available only on commercial plans"
FAILURES = {
    "plan": (MethodError("*", "ACCESS_DENIED", PLAN, 403), "Your Bitrix24 plan does not include applications"),
    "payment": (MethodError("*", "PAYMENT_REQUIRED", "No", 401), "Your Market subscription has ended"),
    "overload": (MethodError("*", "OVERLOAD_LIMIT", "Blocked", 503), "Bitrix24 is limiting our requests"),
    "gone": (MethodError("*", "APPLICATION_NOT_FOUND", "No", 401), "Sendline is not installed in Bitrix24"),
    "scope": (
        MethodError("messageservice.*", "insufficient_scope", "No", 403),
        "Sendline is not allowed to register senders in this Bitrix24.",
    ),
    "module": (
        MethodError("messageservice.*", "ERROR_METHOD_NOT_FOUND", "Method not found!", 404),
        "This Bitrix24 version does not support senders from applications.",
    ),
}


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


@pytest.mark.parametrize("kind", [Suspension.PLAN, Suspension.PAYMENT, Suspension.GONE, Suspension.OVERLOAD])
def test_an_opening_does_not_lift_the_suspension_it_has_just_heard_of(alpha: Portal, there: There, kind: str) -> None:
    home(there)
    Portal.objects.update(installed_at=timezone.now(), suspension=kind)
    there.switches.method_errors = [FAILURES[kind][0]]
    open_app(there)
    alpha.refresh_from_db()
    assert alpha.suspension == kind
