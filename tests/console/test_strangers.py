"""Nobody sees or changes what is Alice's: every address of the console, by every method, with every wrong ticket.

The addresses come from the URL resolver. One that is not in the table `DOORS` fails the first test.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import signing
from django.db.models import Model, QuerySet
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from b24app.audit.models import Action, Change
from b24app.audit.recording import record_change
from b24app.console import urls as console
from b24app.console.frame import card_tokens
from b24app.console.journal.export import export_progress
from b24app.console.models import Preference, SavedView, TextTemplate
from b24app.console.reports import files as report_files
from b24app.core import tokens
from b24app.core.redis import redis_client
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import Rules, StoppedNumber, StopSource
from b24app.messaging.models.statuses import Phase, Reason, Status
from b24app.portals import page_tickets
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.models import Employee, Portal, PortalCopy
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db

METHODS = ("get", "head", "post", "put", "patch", "delete")
READ, POST, BOTH = ("get", "head"), ("post",), ("get", "head", "post")
SECRET, NUMBER = "Quokka", "+12025550199"  # stands in every row of Alice's, in no sentence of ours
JOB = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Door:
    """What an address answers. Where `ids` name rows of Alice's, Charlie reads 404, however good his own ticket is."""

    methods: tuple[str, ...] = METHODS
    ids: tuple[str, ...] = ()
    form: dict[str, str] = field(default_factory=dict)  # what is posted; `{name}` stands for an id of Alice's
    bob: int = 403  # what her employee reads
    charlie: int | None = None  # what he reads of his own, by GET or else by POST; None: 200, or 404 with ids
    shows: bool = False  # Alice finds the secret there


BOX = {"to": "0", "sender": "{sender}", "text": "Hello"}
TICKED = {"m": "{reference}", "query": "status=failed"}

DOORS = {
    "home": Door(bob=200, shows=True),
    "portal-card": Door(READ),
    "install": Door(bob=200),
    "install-run": Door(POST),
    "connect": Door(READ),
    "connect-service": Door(BOTH, ("service",), charlie=200),
    "connect-preview": Door(POST, ("service",), charlie=404),
    "connect-curl": Door(POST, ("service",), {"command": "curl https://gateway.example"}, charlie=404),
    "connect-request": Door(POST, ("service",), {"request-number": NUMBER}, charlie=404),
    "sender-ready": Door(READ, ("sender",), shows=True),
    "senders": Door(READ, shows=True),
    "senders-compare": Door(POST, charlie=204),
    "senders-addresses": Door(BOTH),
    "sender-address": Door(BOTH, ("sender",), shows=True),
    "sender-register": Door(POST, ("sender",)),
    "sender-remove": Door(BOTH, ("sender",), shows=True),
    "sender-pause": Door(BOTH, ("sender",), shows=True),
    "sender-resume": Door(POST, ("sender",)),
    "sender-new": Door(BOTH, ("connection",), shows=True),
    "signature": Door(POST),
    "sender-language": Door(POST),
    "sender-entry": Door(POST),
    "sender": Door(BOTH, ("sender",), {"sender-name_en": "Stolen"}, shows=True),
    "connection": Door(BOTH, ("connection",), {"account-title": "Stolen"}, shows=True),
    "connection-pause": Door(BOTH, ("connection",), shows=True),
    "connection-resume": Door(POST, ("connection",)),
    "connection-remove": Door(BOTH, ("connection",), shows=True),
    "test": Door(BOTH, ("sender",), {"to": NUMBER, "text": "Hello"}, shows=True),
    "test-progress": Door(READ, ("reference",), shows=True),
    "own-numbers": Door(READ),
    "segments": Door(POST, ("sender",), {"text": "Hello"}, bob=200),
    "try-rewriting": Door(POST, form={"text": "Hello"}),
    "journal": Door(READ, bob=200, shows=True),
    "reports": Door(READ, shows=True),
    "reports-take": Door(READ, ("what",), charlie=200),
    "journal-export": Door(READ),
    "journal-progress": Door(READ, ("job",), charlie=200),
    "journal-take": Door(READ, ("job",), charlie=200),
    "journal-chosen": Door(POST, form=TICKED),
    "journal-many": Door(POST, form={**TICKED, "act": "resend"}),
    "message": Door(READ, ("reference",), bob=404, shows=True),
    "message-resend": Door(BOTH, ("reference",)),
    "message-mark-sent": Door(BOTH, ("reference",)),
    "message-cancel": Door(POST, ("reference",)),
    "message-retry": Door(POST, ("reference",)),
    "view-save": Door(POST, form={"view-name": "Mine", "query": "status=failed"}, bob=200),
    "view-edit": Door(POST, ("view",), {"view-name": "Stolen"}, bob=404),
    "view-delete": Door(POST, ("view",), bob=404),
    "settings": Door(),
    "region": Door(POST, form={"country": "US", "time_zone": "America/New_York"}),
    "theme": Door(POST, form={"theme": "dark"}, bob=204, charlie=204),
    "personal": Door(POST, form={"number": NUMBER}),
    "personal-take": Door(POST, form={"number": NUMBER, "shape": "json"}),
    "personal-erase": Door(POST, form={"number": NUMBER, "sure": "1"}),
    "personal-erasure": Door(READ, ("order",)),
    "limits": Door(BOTH),
    "pause": Door(BOTH),
    "resume": Door(POST),
    "changes": Door(READ, shows=True),
    "changes-take": Door(READ),
    "change-undo": Door(POST, ("change",)),
    "rest-log": Door(READ, shows=True),
    "text-templates": Door(READ, shows=True),
    "text-template-new": Door(BOTH, form={"title": "Stolen", "text": "Hello"}),
    "text-template": Door(BOTH, ("template",), {"title": "Stolen", "text": "Hello"}, shows=True),
    "text-template-delete": Door(BOTH, ("template",), shows=True),
    "text-template-length": Door(POST, form={"text": "Hello"}),
    "stoplist": Door(BOTH, form={"number": NUMBER}, shows=True),
    "stoplist-bring": Door(BOTH),
    "stoplist-take": Door(READ),
    "stoplist-remove-many": Door(POST, form={"n": "{entry}", "sure": "1"}),
    "stoplist-restore": Door(POST, form={"change": "{entry}"}),
    "stoplist-remove": Door(BOTH, ("entry",)),
    "reconnect": Door(),
    "copies": Door(READ, shows=True),
    "copy-decide": Door(POST, ("copy",), {"state": "allowed"}),
    "rights": Door(POST, bob=401),
    "help": Door(READ, bob=200, shows=True),
    "help-news": Door(READ, bob=200),
    "help-article": Door(READ, ("slug",), bob=200, charlie=200),
    "help-service": Door(READ, ("service",), charlie=200, shows=True),
    "checklist": Door(POST, form={"hide": "1"}),
    "support": Door(POST, form={"reference": "{reference}"}),
    "card": Door(BOTH, ("signed",), BOX, bob=404, shows=True),
    "card-count": Door(POST, ("signed",), BOX, bob=404),
    "card-straighten": Door(POST, ("signed",), BOX, bob=404),
    "card-composer": Door(BOTH, ("signed",), BOX, bob=404),
    "card-fill": Door(POST, ("signed",), BOX, bob=404),
    "card-cancel": Door(POST, ("signed", "reference"), bob=404),
    "card-resend": Door(BOTH, ("signed", "reference"), bob=404),
}
FILES = {"changes-file", "stoplist-file", "personal-file", "reports-file", "journal-file", "support-file"}
WAYS_IN = {"main": BOTH, "card-tab": BOTH, "session": POST, "oauth": METHODS}
NAMES = [pytest.param(name, id=name) for name in DOORS]


def named(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from named(pattern.url_patterns)
        else:
            yield str(pattern.name)


def test_every_address_of_the_console_is_in_the_table() -> None:
    assert sorted(named(console.urlpatterns)) == sorted([*DOORS, *FILES, *WAYS_IN])


class World:
    """Alice's portal with a row of everything, and Charlie's with nothing."""

    def __init__(self) -> None:
        self.alice = factories.portal("alice")
        self.charlie = factories.portal("charlie")
        account = factories.connection(self.alice, title=f"{SECRET} account")
        sender = factories.sender(account, names={"en": f"{SECRET} desk"}, signature=f"{SECRET}")
        factories.sender(factories.connection(self.alice, "twilio"), names={"en": f"{SECRET} in reports"})
        past = {"to": NUMBER, "text": f"{SECRET} is ready.", "first_attempt_at": timezone.now(), "attempts": 1}
        failed = {"status": Status.FAILED, "reason": Reason.OPT_OUT, "final_at": timezone.now()}
        message = factories.message(sender, **past, **failed, detail=f"{SECRET} refused")
        unsure = {"phase": Phase.UNKNOWN, "due_at": None, "reason": Reason.TIMED_OUT}
        factories.message(sender, **past, **unsure)
        spoken = {"method": "POST", "host": f"{SECRET.lower()}.example", "path": "/", "request": SECRET}
        Exchange.objects.create(
            at=timezone.now(), portal_id=self.alice.pk, message_id=message.pk, peer="demo", **spoken
        )
        Exchange.objects.create(at=timezone.now(), portal_id=self.alice.pk, peer="bitrix24", name="profile", **spoken)
        entry = StoppedNumber.objects.create(
            portal=self.alice, number=NUMBER, source=StopSource.HAND, note=f"{SECRET} asked"
        )
        order = Erasure.objects.create(portal=self.alice, number=NUMBER, asked_by=ALICE, why=f"{SECRET} asked")
        template = TextTemplate.objects.create(portal=self.alice, title=f"{SECRET} ready", text=f"{SECRET} is ready.")
        view = SavedView.objects.create(
            portal=self.alice, user_id=ALICE, name=f"{SECRET} view", query="status=failed", is_shared=True
        )
        Rules.objects.create(portal=self.alice, portal_per_hour=17)
        # His own number is the same as hers.
        Employee.objects.create(portal=self.alice, user_id=ALICE, name=f"{SECRET} Adams", asked_at=timezone.now())
        copy = PortalCopy.objects.create(portal=self.alice, host=f"{SECRET.lower()}.example", checked_at=timezone.now())
        export_progress.write_progress(self.alice, JOB, export_progress.Progress(31_337))
        paused = record_change(Action.PAUSED, sender.audit_subject)
        Sender.objects.filter(pk=sender.pk).update(paused_at=timezone.now())
        self.message = message
        self.card = Entity(3, 1, f"{SECRET} Evans", (Phone(NUMBER, "MOBILE", ""),))
        self.ids: dict[str, str] = {
            "service": "demo",
            "sender": str(sender.uuid),
            "connection": str(account.uuid),
            "reference": str(message.reference),
            "what": report_files.DAYS,
            "job": JOB,
            "order": str(order.uuid),
            "entry": str(entry.uuid),
            "view": str(view.uuid),
            "change": str(paused.uuid),
            "copy": str(copy.uuid),
            "template": str(template.uuid),
            "slug": "not-delivered",
            "signed": card_tokens.seal_card_token(self.card, self.alice, ALICE),
        }

    def address(self, name: str, portal: Portal) -> str:
        """Return the path of a screen below a portal's key, with ids of Alice's."""
        ids = {one: self.ids[one] for one in DOORS[name].ids}
        return reverse(name, kwargs={"key": portal.uuid.hex, **ids})

    def ask(self, client: Client, method: str, name: str, portal: Portal) -> Any:
        """One request, with the door's form where it is a POST."""
        form = {key: value.format(**self.ids) for key, value in DOORS[name].form.items()}
        send = getattr(client, method)
        return send(self.address(name, portal), form) if method == "post" else send(self.address(name, portal))

    def rows(self) -> list[Any]:
        """All that is Alice's, to see that nothing has changed."""
        mine: list[QuerySet[Any]] = [
            Portal.objects.filter(pk=self.alice.pk),
            *(
                of.objects.filter(portal=self.alice)  # type: ignore[attr-defined]  # a model of any kind
                for of in tenants_models()
            ),
            Exchange.objects.filter(portal_id=self.alice.pk),
        ]
        return [list(rows.order_by("pk").values()) for rows in mine]


def tenants_models() -> tuple[type[Model], ...]:
    return (
        Change,
        Connection,
        Sender,
        Message,
        StoppedNumber,
        Erasure,
        Rules,
        Preference,
        Employee,
        TextTemplate,
        PortalCopy,
    )


@pytest.fixture
def world() -> Iterator[World]:
    redis_client().flushdb()
    yield World()
    redis_client().flushdb()


def bearer(ticket: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {ticket}", "HX-Request": "true", "HX-Target": "content"})


def expired(portal: Portal) -> Client:
    """Alice's ticket, a second too old."""
    old = [portal.uuid.hex, ALICE, True, "en", int(timezone.now().timestamp()) - 1]
    return bearer(signing.dumps(old, salt=page_tickets.SALT, compress=True))


def other_key(portal: Portal) -> Client:
    """Return a ticket that says what Alice's does, signed with a key that is not ours."""
    said = [portal.uuid.hex, ALICE, True, "en", int(timezone.now().timestamp()) + 600]
    return bearer(signing.dumps(said, salt=page_tickets.SALT, key="guessed", compress=True))


def body(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()


def holds_hers(answer: Any) -> bool:
    """Is there anything of Alice's in it: in the body or in a header?"""
    words = body(answer) + repr(answer.headers)
    return SECRET.lower() in words.lower() or NUMBER[2:] in re.sub(r"[^0-9]", "", words) or "31,337" in words


def holds_secret(answer: Any) -> bool:
    return SECRET.lower() in (body(answer) + repr(answer.headers)).lower()


@pytest.mark.parametrize("name", NAMES)
def test_alice_reads_her_own(world: World, name: str) -> None:
    """So that what the others do not find is there, and the table's methods are the address's own."""
    door, alice = DOORS[name], factories.visitor(world.alice)
    for method in METHODS:
        if method not in door.methods:
            assert world.ask(alice, method, name, world.alice).status_code == 405, method
    if "get" in door.methods:
        answer = world.ask(alice, "get", name, world.alice)
        assert (answer.status_code, holds_secret(answer)) == (200, door.shows)


LEADING = ("Location", "HX-Location", "HX-Redirect", "HX-Push-Url", "HX-Replace-Url")


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_leads_the_frame_to_another_host(world: World, name: str) -> None:
    """The bridge to the portal is bound to the host that the frame was opened at (docs/bitrix24.md J31)."""
    for method in DOORS[name].methods:
        answer = world.ask(factories.visitor(world.alice), method, name, world.alice)
        assert answer.status_code // 100 != 3, method
        for header in filter(answer.has_header, LEADING):
            value = answer[header]
            path = json.loads(value)["path"] if value.startswith("{") else value
            assert re.match(r"/(?![/\\])", path), (method, header, value)


@pytest.mark.parametrize("name", NAMES)
def test_no_wrong_ticket_opens_anything(world: World, name: str) -> None:
    left = factories.portal("left", uninstalled_at=timezone.now())
    wrong = {
        "none": (Client(headers={"HX-Request": "true"}), world.alice),
        "scheme": (Client(headers={"HX-Request": "true", "Authorization": "Basic YTpi"}), world.alice),
        "empty": (bearer(""), world.alice),
        "garbage": (bearer("a:b:c"), world.alice),
        "expired": (expired(world.alice), world.alice),
        "other key": (other_key(world.alice), world.alice),
        "foreign": (factories.visitor(world.charlie, CHARLIE), world.alice),
        "hers elsewhere": (factories.visitor(world.alice), world.charlie),
        "uninstalled": (factories.visitor(left), left),
    }
    before = world.rows()
    for what, (client, portal) in wrong.items():
        for method in METHODS:
            answer = world.ask(client, method, name, portal)
            assert (answer.status_code, answer.content) == (401, b""), (what, method)
    assert world.rows() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_page_without_a_ticket_is_an_empty_shell(world: World, name: str) -> None:
    before = world.rows()
    for method in METHODS:
        answer = world.ask(Client(), method, name, world.alice)
        assert answer.status_code == (200 if method in READ else 401), method
        assert not holds_hers(answer)
    assert world.rows() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_key_of_no_portal_is_not_there(world: World, name: str) -> None:
    nowhere = Portal(uuid=uuid.uuid4())
    for client in (Client(), factories.visitor(world.alice)):
        for method in METHODS:
            assert world.ask(client, method, name, nowhere).status_code == 404, method


@pytest.mark.parametrize("name", NAMES)
def test_charlie_finds_nothing_under_his_own_key(world: World, name: str) -> None:
    door, charlie = DOORS[name], factories.visitor(world.charlie, CHARLIE)
    good = door.charlie or (404 if door.ids else 200)
    before = world.rows()
    for method in METHODS:
        answer = world.ask(charlie, method, name, world.charlie)
        assert answer.status_code == (good if method in door.methods else 405), method
        assert not (holds_secret(answer) if NUMBER in door.form.values() else holds_hers(answer)), method
    assert world.rows() == before


@pytest.mark.parametrize("name", NAMES)
def test_bob_reads_and_changes_nothing_of_the_portals(world: World, name: str) -> None:
    door, bob = DOORS[name], factories.visitor(world.alice, BOB, is_admin=False)
    before = world.rows()
    for method in METHODS:
        answer = world.ask(bob, method, name, world.alice)
        # What is for administrators alone is refused before the method is looked at; the installer's is the other way.
        closed = 403 if door.bob == 403 and name != "install-run" else 405
        assert answer.status_code == (door.bob if method in door.methods else closed), method
        assert not holds_hers(answer), method
    if name != "theme":
        assert world.rows() == before


# -- files, whose address is the permit


def token_of(name: str, world: World) -> str:
    """Such as Alice is given."""
    payloads: dict[str, dict[str, Any]] = {
        "stoplist-file": {},
        "changes-file": {"filters": "", "language": "en"},
        "reports-file": {"what": report_files.DAYS, "query": {}, "language": "en"},
        "personal-file": {"number": NUMBER, "shape": "json"},
        "journal-file": {"filters": "", "language": "en", "job": JOB[::-1]},
        "support-file": {"message": world.message.reference.hex},
    }
    return tokens.seal_token(name, {**claims_of(world.alice, ALICE), "payload": payloads[name]})


def claims_of(portal: Portal, user_id: int) -> dict[str, Any]:
    return {"portal": portal.uuid.hex, "user": user_id, "is_admin": True}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_files_address_serves_itself_alone(world: World, name: str) -> None:
    tokens = {other: token_of(other, world) for other in FILES}
    good = tokens.pop(name)
    wrong = {"garbage": "abc", "cut": good[:-2], "altered": good[:-3] + good[-3:].swapcase() + "x", **tokens}
    fetch = partial(reverse, name)
    for what, token in wrong.items():
        answer = Client().get(fetch(kwargs={"token": token}))
        assert answer.status_code == 404, what
        assert not holds_hers(answer), what
    for method in METHODS:
        if method not in READ:
            assert getattr(Client(), method)(fetch(kwargs={"token": good})).status_code in {403, 405}, method
    answer = Client().get(fetch(kwargs={"token": good}))
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert holds_hers(answer) == (name != "reports-file")


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_files_address_ends_with_the_installation(world: World, name: str) -> None:
    address = reverse(name, kwargs={"token": token_of(name, world)})
    Portal.objects.filter(pk=world.alice.pk).update(uninstalled_at=timezone.now() - timedelta(seconds=1))
    answer = Client().get(address)
    assert answer.status_code == 404
    assert not holds_hers(answer)


def test_a_trace_is_of_a_message_of_the_portal_that_asks(world: World) -> None:
    payload = {"message": world.message.reference.hex}
    token = tokens.seal_token("support-file", {**claims_of(world.charlie, CHARLIE), "payload": payload})
    assert Client().get(reverse("support-file", kwargs={"token": token})).status_code == 404


# -- ways in, where nobody has a ticket yet


@pytest.mark.parametrize("name", sorted(WAYS_IN))
def test_who_only_claims_to_be_of_the_portal_is_told_nothing(world: World, name: str) -> None:
    claimed = {
        "DOMAIN": world.alice.domain,
        "member_id": world.alice.member_id,
        "AUTH_ID": "guessed",
        "code": "guessed",
    }
    *before, _exchanges = world.rows()
    for method in METHODS:
        answer = getattr(Client(), method)(reverse(name), claimed)
        assert answer.status_code == (200 if method in WAYS_IN[name] else 405), method
        assert not holds_hers(answer), method
        assert b"sendline-ticket" not in answer.content, method
        if name == "session" and method == "post":
            assert answer.json() == {"ticket": "", "seconds": 0}
    *after, _exchanges = world.rows()  # that the claim was asked about is written down
    assert after == before
