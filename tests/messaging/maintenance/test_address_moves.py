"""A new first key of ADDRESS_KEYS: all that portals call moves at a pace, and it is known when the old key can go."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.core import signed_urls
from b24app.messaging.connections import lifecycle
from b24app.messaging.maintenance import address_uses, due_jobs, requests, runner
from b24app.messaging.models import AddressKeyUse, Connection, MaintenanceJob, Message, Sender
from b24app.messaging.models.maintenance import JobKind
from b24app.messaging.push import sender_registration
from b24app.portals.models import Portal, Suspension
from b24app.sandbox import Portal as SandboxPortal
from b24app.webhooks import address_keys
from tests import factories, handler_calls
from tests.commands import run_command

OLD, NEW = "an-old-key-of-many-characters", "a-new-key-of-many-characters"


@pytest.fixture(autouse=True)
def _uncounted(settings: Settings) -> Iterator[None]:
    settings.ADDRESS_KEYS = [OLD]
    address_keys._counts.__init__()  # type: ignore[misc]
    address_uses._written.__init__(address_uses.WRITTEN_FOR, address_uses.MAX_WRITTEN)  # type: ignore[misc]
    yield
    address_keys._counts.__init__()  # type: ignore[misc]


@pytest.fixture
def registered(live: Portal, connection: Connection) -> Sender:
    """Return a sender that the portal has, as its events, at addresses of the old key."""
    sender = Sender(portal=live, connection=connection, names={"en": "Acme"})
    sender_registration.save_sender(sender)
    requests.request_check(live.pk)
    maintain()
    sender.refresh_from_db()
    return sender


def maintain() -> None:
    """Do what the sweep would."""
    for portal_id in due_jobs.urgent_portals():
        runner.run_due_jobs(portal_id)


def reregister(*options: str) -> tuple[list[str], int]:
    """Return what the command says, and its exit code."""
    address_keys.store_counted()
    return run_command("reregister", *options)


def send(url: str, number: int = 1) -> int:
    """Send a message as the portal does; return the answer's status."""
    return Client().post(urlsplit(url).path, handler_calls.fields(message_id=f"m{number}")).status_code


def tell_event(there: SandboxPortal) -> int:
    """Post an event to the address the portal has for it; return the answer's status."""
    handler = next(one.handler for one in there.handlers if one.event == "ONAPPUPDATE")
    form = "application/x-www-form-urlencoded"
    return Client().post(urlsplit(handler).path, "event=ONAPPUPDATE", content_type=form).status_code


def let_pass(**duration: float) -> None:
    AddressKeyUse.objects.update(last_at=F("last_at") - timedelta(**duration))


def test_the_whole_rotation(alpha: SandboxPortal, live: Portal, registered: Sender, settings: Settings) -> None:
    old_handler = alpha.senders[registered.code].handler
    old_events = {one.handler for one in alpha.handlers}
    answers = [send(old_handler, 1)]
    settings.ADDRESS_KEYS = [OLD, NEW]
    answers.append(send(old_handler, 2))
    settings.ADDRESS_KEYS = [NEW, OLD]
    answers.append(send(old_handler, 3))

    lines, code = reregister()
    assert "key 1: 0 senders, events of 0 portals, report URLs of 0 accounts" in lines
    assert "key 2: 1 senders, events of 1 portals, report URLs of 0 accounts" in lines
    assert "brought forward: 1 portals, the last one in 0 min" in lines
    assert (lines[-1], code) == ("Key 2 is still needed: portals or services still have its addresses.", 1)

    maintain()
    new_handler = alpha.senders[registered.code].handler
    assert new_handler != old_handler
    assert old_events
    assert old_events.isdisjoint({one.handler for one in alpha.handlers})
    answers += [send(old_handler, 4), send(new_handler, 5), tell_event(alpha)]

    lines, code = reregister()
    assert "key 1: 1 senders, events of 1 portals, report URLs of 0 accounts" in lines
    assert "key 2: 0 senders, events of 0 portals, report URLs of 0 accounts" in lines
    assert lines[-1].startswith("Key 2 is still needed: it was called for messages ")
    assert lines[-1].endswith(" s ago, and calls may be on their way for 1 h.")
    assert code == 1
    let_pass(minutes=61)
    lines, code = reregister()
    assert (lines[-1], code) == ("Key 2 can be taken out.", 0)

    settings.ADDRESS_KEYS = [NEW]
    answers += [send(new_handler, 6), tell_event(alpha)]
    assert answers == [200] * 8
    assert send(old_handler, 7) == 403
    assert Message.objects.count() == 6


def test_calls_are_counted_by_key(registered: Sender, alpha: SandboxPortal, settings: Settings) -> None:
    old = alpha.senders[registered.code].handler
    settings.ADDRESS_KEYS = [NEW, OLD]
    new = signed_urls.handler_url(registered.uuid.hex, registered.generation)
    for number, url in enumerate([old, old, new]):
        assert send(url, number) == 200
    assert send(new.replace(signed_urls.sign_address("handler", registered.uuid.hex, "1"), "x" * 22)) == 403
    lines, _code = reregister("--check")
    assert [line.partition(" since")[0] for line in lines if "called for" in line] == [
        "  called for messages: 1 times",
        "  called for messages: 2 times",
    ]


def test_only_a_person_can_move_a_pasted_report_url(live: Portal, settings: Settings) -> None:
    account = factories.connection(live, "africastalking", title="Acme texts", account={})
    dormant = factories.connection(live, "africastalking", title="Long ago", last_report_at=timezone.now())
    old = urlsplit(lifecycle.report_address(account)).path
    settings.ADDRESS_KEYS = [NEW, OLD]
    Client().post(old, b"{}", content_type="application/json")
    lines, code = reregister("--check")
    named = f"“Acme texts” (africastalking), {live.domain}"
    assert f"the report URL of key 2 has to be replaced at the service: {named}" in lines
    assert (
        "no report since keys are counted, so its report URL may be an old one: "
        f"“{dormant.title}” (africastalking), {live.domain}" in lines
    )
    assert "key 2: 0 senders, events of 0 portals, report URLs of 1 accounts" in lines
    assert code == 1
    alice, page = factories.visitor(live), f"/p/{live.uuid.hex}/senders/accounts/{account.uuid}/"
    told = "still reports to an earlier URL, which will stop working."
    assert told in alice.get(page).content.decode()

    Client().post(urlsplit(lifecycle.report_address(account)).path, b"{}", content_type="application/json")
    lines, _code = reregister("--check")
    assert not [line for line in lines if "Acme texts" in line]
    assert told not in alice.get(page).content.decode()
    assert "key 1: 0 senders, events of 0 portals, report URLs of 1 accounts" in lines


def test_portals_move_at_the_stated_pace(settings: Settings, front: Sender) -> None:
    portals = [front.portal, *(factories.portal() for _ in range(5))]
    due_jobs.add_missing_jobs()
    MaintenanceJob.objects.update(due_at=timezone.now() - timedelta(days=3))  # they wait for a live token
    lines, _code = reregister("--portals-per-minute", "2")
    assert "brought forward: 6 portals, the last one in 2 min" in lines  # 0, 30, … 150 s from now
    jobs = MaintenanceJob.objects.filter(is_urgent=True).order_by("due_at")
    moments = list(dict.fromkeys(jobs.values_list("due_at", flat=True)))
    assert [later - earlier for earlier, later in pairwise(moments)] == [timedelta(seconds=30)] * 5
    assert {job.portal_id for job in jobs} == {one.pk for one in portals}
    assert {job.kind for job in jobs} == {JobKind.SENDERS, JobKind.EVENTS, JobKind.PLACES}
    assert MaintenanceJob.objects.filter(due_at__lte=timezone.now(), kind=JobKind.SENDERS).count() == 1

    factories.portal()
    lines, _code = reregister("--portals-per-minute", "2")
    assert "brought forward: 1 portals, the last one in 3 min" in lines  # behind those of the first run
    assert list(jobs.values_list("due_at", flat=True).distinct())[:6] == moments


def test_a_pace_that_would_keep_others_waiting_is_refused() -> None:
    with pytest.raises(CommandError, match=r"between 0\.1 and 240"):
        call_command("reregister", "--portals-per-minute", "1000")


def test_portals_that_cannot_be_called_are_counted_and_left_alone(db: None) -> None:
    factories.portal(suspension=Suspension.PLAN, suspended_until=timezone.now() + timedelta(days=1))
    factories.portal(no_token_since=timezone.now())
    factories.portal(uninstalled_at=timezone.now())
    lines, code = reregister()
    assert "cannot be called now, and move when they can: 1 portals (no token)" in lines
    assert "cannot be called now, and move when they can: 1 portals (plan)" in lines
    assert "brought forward: 0 portals, the last one in 0 min" in lines
    assert (MaintenanceJob.objects.filter(is_urgent=True).count(), code) == (0, 1)


def test_a_check_changes_nothing(registered: Sender, settings: Settings) -> None:
    settings.ADDRESS_KEYS = [NEW, OLD]
    _lines, code = reregister("--check")
    assert (MaintenanceJob.objects.filter(is_urgent=True).count(), code) == (0, 1)


def test_another_public_url_is_moved_to_as_well(registered: Sender, alpha: SandboxPortal, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://elsewhere.example"
    lines, code = reregister()
    assert "not known: 1 senders, events of 1 portals, report URLs of 0 accounts" in lines
    assert code == 1
    maintain()
    assert alpha.senders[registered.code].handler.startswith("https://elsewhere.example/h/")
    assert reregister()[1] == 0
