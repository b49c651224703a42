"""Every address that changes something records who did it; those that record nothing say here why not."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.utils import timezone

from b24app.audit.models import Action, Change, Kind
from b24app.messaging.models import Connection, ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Phase, Reason, Status
from tests import factories
from tests.console.test_strangers import DOORS, NUMBER, World
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db

# What takes a POST or hands out a file, and records nothing.
SILENT = {
    "connect-preview": "renders what was typed",
    "connect-curl": "renders what was pasted",
    "connect-request": "sends to an account that is not saved; the technical log has it",
    "signature": "renders what was typed",
    "sender-language": "renders what was typed",
    "sender-entry": "renders what was typed",
    "segments": "renders what was typed",
    "try-rewriting": "renders what was typed",
    "card-count": "renders what was typed",
    "card-straighten": "renders what was typed",
    "card-composer": "the message itself says who wrote it",
    "card-fill": "renders what was typed",
    "journal-chosen": "renders what is ticked",
    "personal": "renders how much is stored",
    "card": "the message itself says who wrote it",
    "test": "the message itself says who wrote it",
    "text-template-length": "renders what was typed",
    "theme": "a person's own look",
    "checklist": "whether a person sees it",
    "view-save": "a person's own view",
    "view-edit": "a person's own view",
    "view-delete": "a person's own view",
    "message-retry": "an attempt that is due anyway comes sooner; the timeline has it",
    "install": "shows the steps, whatever the method",
    "home": "shows, whatever the method",
    "reconnect": "shows the link, whatever the method; the return from Bitrix24 records",
    "rights": "asks Bitrix24 once more whether a person is an administrator",
    "senders-compare": "records only what it restored, which takes a portal that answers",
    "change-undo": "records as the button would: tests/console/changes",
}


def _nothing(_world: World) -> None:
    pass


def _pause_all(world: World) -> None:
    Rules.objects.filter(portal=world.alice).update(paused_at=timezone.now())


def _pause_sender(world: World) -> None:
    Sender.objects.filter(portal=world.alice).update(paused_at=timezone.now())


def _remove_sender(world: World) -> None:
    Sender.objects.filter(portal=world.alice).update(state=SenderState.REMOVED)


def _pause_account(world: World) -> None:
    Connection.objects.filter(portal=world.alice).update(state=ConnectionState.PAUSED)


def _wait(world: World) -> None:
    again = {"phase": Phase.WAITING, "status": Status.QUEUED, "reason": Reason.NONE, "due_at": timezone.now()}
    Message.objects.filter(pk=world.message.pk).update(**again, final_at=None)


def _lose(world: World) -> None:
    unknown = {"phase": Phase.UNKNOWN, "status": Status.QUEUED, "reason": Reason.TIMED_OUT, "due_at": None}
    Message.objects.filter(pk=world.message.pk).update(**unknown, final_at=None)


def _miss(world: World) -> None:
    Message.objects.filter(pk=world.message.pk).update(reason=Reason.UNREACHED)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a POST (or the GET that hands out a file) records once the world is prepared for it."""

    kind: Kind
    action: Action
    form: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[World], None] = _nothing
    method: str = "post"


SETTINGS = {"country": "GB", "time_zone": "UTC", "keep_texts": "90", "keep_messages": "365", "keep_exchanges": "30"}
ALERTS = {"failure_percent": "20", "failure_messages": "50"}
REGION = {"country": "GB", "time_zone": "Europe/London"}
RECORDED = {
    "connect-service": Deed(Kind.ACCOUNT, Action.ADDED),
    "connection": Deed(Kind.ACCOUNT, Action.EDITED, {"account-title": "Second account"}),
    "connection-pause": Deed(Kind.ACCOUNT, Action.PAUSED),
    "connection-resume": Deed(Kind.ACCOUNT, Action.RESUMED, prepare=_pause_account),
    "connection-remove": Deed(Kind.ACCOUNT, Action.REMOVED, prepare=_remove_sender),
    "sender-new": Deed(Kind.SENDER, Action.ADDED, {"sender-name_en": "Reception", "sender-max_age": "24"}),
    "sender": Deed(Kind.SENDER, Action.EDITED, {"sender-name_en": "Reception", "sender-max_age": "24"}),
    "sender-register": Deed(Kind.SENDER, Action.RESTORED, prepare=_remove_sender),
    "sender-remove": Deed(Kind.SENDER, Action.REMOVED),
    "sender-pause": Deed(Kind.SENDER, Action.PAUSED),
    "sender-resume": Deed(Kind.SENDER, Action.RESUMED, prepare=_pause_sender),
    "sender-address": Deed(Kind.SENDER, Action.ADDRESS),
    "senders-addresses": Deed(Kind.SENDER, Action.ADDRESS),
    "card-cancel": Deed(Kind.MESSAGE, Action.CANCELED, prepare=_wait),
    "card-resend": Deed(Kind.MESSAGE, Action.RESENT, prepare=_miss),
    "message-cancel": Deed(Kind.MESSAGE, Action.CANCELED, prepare=_wait),
    "message-mark-sent": Deed(Kind.MESSAGE, Action.MARKED_SENT, prepare=_lose),
    "message-resend": Deed(Kind.MESSAGE, Action.RESENT),
    "text-template-new": Deed(Kind.TEMPLATE, Action.ADDED, {"title": "Order ready", "text": "It is ready."}),
    "text-template": Deed(Kind.TEMPLATE, Action.EDITED, {"title": "Order ready", "text": "It is ready."}),
    "text-template-delete": Deed(Kind.TEMPLATE, Action.REMOVED),
    "settings": Deed(Kind.SETTINGS, Action.EDITED, {**SETTINGS, **ALERTS, "language": ""}),
    "region": Deed(Kind.SETTINGS, Action.EDITED, REGION),
    "limits": Deed(Kind.LIMITS, Action.EDITED, {"portal_per_hour": "20"}),
    "copy-decide": Deed(Kind.PORTAL, Action.BLOCKED, {"state": "blocked"}),
    "pause": Deed(Kind.PORTAL, Action.PAUSED),
    "resume": Deed(Kind.PORTAL, Action.RESUMED, prepare=_pause_all),
    "stoplist": Deed(Kind.OPT_OUT, Action.ADDED, {"number": "+12025550198"}),
    "stoplist-remove": Deed(Kind.OPT_OUT, Action.REMOVED),
    "stoplist-remove-many": Deed(Kind.OPT_OUT, Action.REMOVED, {"n": "{entry}", "sure": "1"}),
    "personal-erase": Deed(Kind.NUMBER, Action.ERASED, {"number": "+12025550198", "sure": "1"}),
    "personal-take": Deed(Kind.FILE, Action.EXPORTED, {"number": NUMBER, "shape": "json"}),
    "support": Deed(Kind.FILE, Action.EXPORTED, {"reference": "{reference}"}),
    "stoplist-take": Deed(Kind.FILE, Action.EXPORTED, method="get"),
    "reports-take": Deed(Kind.FILE, Action.EXPORTED, method="get"),
    "journal-take": Deed(Kind.FILE, Action.EXPORTED, method="get"),
    "changes-take": Deed(Kind.FILE, Action.EXPORTED, method="get"),
}
ELSEWHERE = {
    "install-run": "tests/console/frame: it takes a portal that answers",
    "journal-many": "tests/console/journal: it takes several steps",
    "stoplist-bring": "tests/console/changes: it takes a file",
    "stoplist-restore": "tests/console/stop_list: it takes a removal",
}


@pytest.fixture
def world() -> World:
    """Return a world in which nothing was changed yet."""
    new = World()
    Change.objects.all().delete()
    Sender.objects.update(paused_at=None)
    return new


def do(world: World, name: str, deed: Deed, *, user: int = ALICE) -> int:
    """Prepare the world, do it, and return the response's status."""
    deed.prepare(world)
    form = {key: value.format(**world.ids) for key, value in deed.form.items()}
    client = factories.visitor(world.alice, user, is_admin=user == ALICE)
    return int(getattr(client, deed.method)(world.address(name, world.alice), form).status_code)


def test_each_address_that_takes_a_post_records_or_says_why_not(world: World) -> None:
    alice = factories.visitor(world.alice)
    changing = {name for name in DOORS if world.ask(alice, "post", name, world.alice).status_code != 405}
    assert sorted(changing - {*RECORDED, *SILENT, *ELSEWHERE}) == []
    assert sorted({*SILENT, *ELSEWHERE} - changing) == [], "not there any more, or takes no POST"


@pytest.mark.parametrize("name", RECORDED)
def test_a_deed_is_recorded_with_who_did_it(world: World, name: str) -> None:
    deed = RECORDED[name]
    assert do(world, name, deed) == 200
    changes = Change.objects.filter(portal=world.alice, kind=deed.kind, action=deed.action)
    assert [one.user_id for one in changes] == [ALICE]
    stored = repr(list(Change.objects.values()))
    assert NUMBER not in stored
    assert "is ready." not in stored


@pytest.mark.parametrize("name", RECORDED)
def test_what_an_employee_may_not_do_is_not_recorded(world: World, name: str) -> None:
    assert do(world, name, RECORDED[name], user=BOB) in {403, 404}
    assert not Change.objects.exists()


def test_a_deed_that_changes_nothing_is_not_recorded(world: World) -> None:
    """Each of them a second time: what is paused already is not paused again."""
    for name in ("pause", "sender-pause", "connection-pause", "limits", "settings", "connection"):
        do(world, name, RECORDED[name])
        count = Change.objects.count()
        do(world, name, RECORDED[name])
        assert Change.objects.count() == count, name
