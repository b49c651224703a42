"""Who may frame a page, and whose ticket opens what: every screen and method against every wrong ticket."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from b24app.audit.models import Action, Change
from b24app.audit.recording import record_change
from b24app.console.frame import card_tokens
from b24app.console.models import Preference, SavedView, TextTemplate
from b24app.console.urls import SCREENS
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import Rules, StoppedNumber, StopSource
from b24app.messaging.models.notices import NoticeRules
from b24app.portals import page_tickets
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.models import Portal, PortalCopy
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "content"}
ROUTES = [route for route in SCREENS if isinstance(route, URLPattern)]


@pytest.fixture
def alices() -> Portal:
    return factories.portal("alice")


@pytest.fixture
def charlies() -> Portal:
    return factories.portal("charlie")


@pytest.fixture
def property_of_alice(alices: Portal) -> tuple[Connection, Sender, Message]:
    connection = factories.connection(alices, title="Account of Alice")
    sender = factories.sender(connection, names={"en": "Sender of Alice"})
    StoppedNumber.objects.create(portal=alices, number="+12025550170", source=StopSource.HAND, note="Note of Alice")
    Erasure.objects.create(portal=alices, number="+12025550171", asked_by=ALICE, found=1234, due_at=None)
    TextTemplate.objects.create(portal=alices, title="Template of Alice", text="Template of Alice")
    SavedView.objects.create(portal=alices, user_id=ALICE, name="View of Alice", query="status=failed")
    record_change(Action.PAUSED, sender.audit_subject)
    PortalCopy.objects.create(portal=alices, host="copy.example")
    return connection, sender, factories.message(sender, text="Words of Alice")


def path_of(route: URLPattern, portal: Portal, things: tuple[Connection, Sender, Message]) -> str:
    """Return the address of a screen at `portal`, with the ids of `things` where it takes any."""
    connection, sender, message = things
    found = str(route.pattern)
    emma = Entity(OwnerType.CONTACT, 1, "Contact of Alice", (Phone(message.to, "MOBILE"),))
    for given, value in {
        "<str:signed>": card_tokens.seal_card_token(emma, connection.portal, ALICE),
        "<slug:service>": "demo",
        "<slug:what>": "days",
        "<uuid:connection>": str(connection.uuid),
        "<uuid:sender>": str(sender.uuid),
        "<uuid:reference>": str(message.reference),
        "<slug:job>": message.reference.hex,
        "<uuid:order>": str(Erasure.objects.get(portal=connection.portal).uuid),
        "<uuid:entry>": str(StoppedNumber.objects.get(portal=connection.portal).uuid),
        "<uuid:template>": str(TextTemplate.objects.get(portal=connection.portal).uuid),
        "<uuid:view>": str(SavedView.objects.get(portal=connection.portal).uuid),
        "<uuid:change>": str(Change.objects.get(portal=connection.portal).uuid),
        "<uuid:copy>": str(PortalCopy.objects.get(portal=connection.portal).uuid),
        "<slug:slug>": "not-delivered",
    }.items():
        found = found.replace(given, value)
    assert "<" not in found, "teach this test the new converter"
    return f"/p/{portal.uuid.hex}/{found}"


def expired(portal: Portal) -> str:
    an_hour_ago = int((timezone.now() - timedelta(hours=1)).timestamp())
    return signing.dumps([portal.uuid.hex, ALICE, True, "en", an_hour_ago], salt=page_tickets.SALT, compress=True)


def forged(portal: Portal) -> str:
    ticket = page_tickets.mint_ticket(portal, ALICE, True, "en")
    return ticket[:-4] + ("aaaa" if not ticket.endswith("aaaa") else "bbbb")


def from_another_salt(portal: Portal) -> str:
    later = int((timezone.now() + timedelta(hours=1)).timestamp())
    return signing.dumps([portal.uuid.hex, ALICE, True, "en", later], salt="something else", compress=True)


BAD_TICKETS: dict[str, Callable[[Portal], str]] = {
    "expired": expired,
    "forged": forged,
    "signed for another purpose": from_another_salt,
    "empty": lambda _portal: "",
    "not a ticket": lambda _portal: "x" * 300,
}


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
@pytest.mark.parametrize("kind", [*BAD_TICKETS, "none"])
def test_no_screen_opens_without_a_good_ticket(
    client: Client, alices: Portal, property_of_alice: tuple[Connection, Sender, Message], method: str, kind: str
) -> None:
    headers = dict(HTMX)
    if kind != "none":
        headers["Authorization"] = f"Bearer {BAD_TICKETS[kind](alices)}"
    before = _state()
    for route in ROUTES:
        answer = getattr(client, method)(path_of(route, alices, property_of_alice), headers=headers)
        assert (answer.status_code, answer.content) == (401, b""), route.name
    assert _state() == before


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_another_tenants_ticket_opens_nothing(
    client: Client, alices: Portal, charlies: Portal, property_of_alice: tuple[Connection, Sender, Message], method: str
) -> None:
    headers = {**HTMX, "Authorization": f"Bearer {page_tickets.mint_ticket(charlies, CHARLIE, True, 'en')}"}
    before = _state()
    for route in ROUTES:
        answer = getattr(client, method)(path_of(route, alices, property_of_alice), headers=headers)
        assert (answer.status_code, answer.content) == (401, b""), route.name
    assert _state() == before


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_tenants_ids_lead_nowhere(
    client: Client, charlies: Portal, property_of_alice: tuple[Connection, Sender, Message], method: str
) -> None:
    headers = {**HTMX, "Authorization": f"Bearer {page_tickets.mint_ticket(charlies, CHARLIE, True, 'en')}"}
    before = _state()
    for route in ROUTES:
        if "<uuid:" not in str(route.pattern):
            continue
        answer = getattr(client, method)(path_of(route, charlies, property_of_alice), headers=headers)
        assert answer.status_code in {404, 405}, route.name
        assert b"of Alice" not in answer.content, route.name
    assert _state() == before


EMPLOYEES_MAY = {
    "home", "help", "help-article", "help-news", "theme", "install", "journal", "message", "segments", "view-save",
    "rights",
}  # fmt: skip


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_employee_changes_nothing(
    client: Client, alices: Portal, property_of_alice: tuple[Connection, Sender, Message], method: str
) -> None:
    headers = {**HTMX, "Authorization": f"Bearer {page_tickets.mint_ticket(alices, BOB, False, 'en')}"}
    before = _state()
    for route in ROUTES:
        if route.name in EMPLOYEES_MAY:
            continue
        answer = getattr(client, method)(path_of(route, alices, property_of_alice), headers=headers)
        assert answer.status_code in {403, 404, 405}, route.name
        assert b"Account of Alice" not in answer.content, route.name
    assert _state() == before


def test_a_portal_that_removed_us_is_refused(client: Client) -> None:
    portal = factories.portal(uninstalled_at=timezone.now())
    headers = {**HTMX, "Authorization": f"Bearer {page_tickets.mint_ticket(portal, ALICE, True, 'en')}"}
    answer = client.get(f"/p/{portal.uuid.hex}/", headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("key", ["1de69efb54e24545a5879fb8c55a701e", "0" * 32, "nothing", "A" * 32])
def test_an_unknown_portal_is_not_found(client: Client, key: str) -> None:
    answer = client.get(f"/p/{key}/")
    assert (answer.status_code, answer.content) == (404, b"")
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_a_page_without_a_ticket_is_the_empty_shell_for_its_own_portal(
    client: Client, alices: Portal, property_of_alice: tuple[Connection, Sender, Message]
) -> None:
    answer = client.get(f"/p/{alices.uuid.hex}/journal/?status=failed")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert f'hx-get="/p/{alices.uuid.hex}/journal/?status=failed"' in page
    assert "sendline-ticket" not in page
    assert "of Alice" not in page
    assert answer["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors https://{alices.domain}"
    )
    assert "X-Frame-Options" not in answer
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "same-origin"


def test_outside_the_frame_nobody_may_frame(client: Client) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_a_spoilt_domain_does_not_get_into_the_policy(client: Client) -> None:
    portal = factories.portal(domain="evil.example; script-src *")
    answer = client.get(f"/p/{portal.uuid.hex}/")
    assert answer["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_only_the_ticket_lifts_the_csrf_check(alices: Portal) -> None:
    strict = Client(enforce_csrf_checks=True)
    url = f"/p/{alices.uuid.hex}/theme/"
    ticket = f"Bearer {page_tickets.mint_ticket(alices, BOB, False, 'en')}"
    assert strict.post(url, {"theme": "dark"}).status_code == 401
    assert strict.post(url, {"theme": "dark"}, headers={"Authorization": ticket}).status_code == 204
    assert Preference.objects.get(portal=alices, user_id=BOB).theme == "dark"


def test_a_screen_speaks_the_visitors_language(client: Client, alices: Portal) -> None:
    Preference.objects.create(portal=alices, user_id=BOB, language="en")
    headers = {"HX-Request": "true", "HX-Target": "app"}
    spoken = [(ALICE, "ru", "ru"), (ALICE, "la", "es"), (ALICE, "xx", "en"), (ALICE, "", "en"), (BOB, "ru", "en")]
    for user, code, expected in spoken:
        ticket = page_tickets.mint_ticket(alices, user, user == ALICE, code)
        answer = client.get(f"/p/{alices.uuid.hex}/", headers={**headers, "Authorization": f"Bearer {ticket}"})
        assert f'<div class="frame" lang="{expected}" dir="ltr"' in answer.content.decode(), (user, code)


def _state() -> list[object]:
    """All that a screen could have changed."""
    rows: Iterator[object] = (
        row
        for model in (
            Portal,
            Connection,
            Sender,
            Message,
            Preference,
            Rules,
            StoppedNumber,
            NoticeRules,
            Erasure,
            PortalCopy,
        )
        for row in model._default_manager.order_by("pk").values()
    )
    return list(rows)
