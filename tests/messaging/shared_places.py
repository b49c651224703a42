"""Every place where rows of several tenants are processed in one statement or loop, each with a row that raises.

A real row in the real PostgreSQL raises: a trigger refuses what is written for Alice. Charlie's row is processed in
the same call. `PLACES` is keyed by module and function; a test compares it with all callers of the helper.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection as database
from django.utils import timezone

from b24app.messaging import sweep, tasks
from b24app.messaging.connections import balances
from b24app.messaging.dispatch import claims, completer, preparation
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.dispatch.leases import ConnectionLeases
from b24app.messaging.guards import limits
from b24app.messaging.models import Connection, DeliveryReport, Message, Sender
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import CapUse, Rules
from b24app.messaging.models.notices import Notice, NoticeKind
from b24app.messaging.models.statistics import DayBreakdown, MonthBreakdown, UncountedClimb
from b24app.messaging.models.statuses import Origin, Phase, Status, Wait
from b24app.messaging.notices import delivery
from b24app.messaging.privacy import retention
from b24app.messaging.push import answers
from b24app.messaging.reports import acceptance, applier
from b24app.messaging.send_results import SendResult
from b24app.messaging.statistics import breakdowns, monthly
from b24app.portals.models import CopyState, Portal, PortalCopy
from b24app.portals.rest.client import BatchResult
from providers.demo import Demo
from providers.kit import contract
from tests import factories

LONG_AGO = timedelta(days=800)

REFUSE = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '22003'; END $$;
CREATE TRIGGER poison BEFORE {events} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()
"""


@dataclass(frozen=True)
class Place:
    """Rows of Alice and Charlie, what refuses Alice's, and the work. `key` is what the dead letter names."""

    kind: Kind
    key: object
    work: Callable[[], object]
    is_done: Callable[[Sender], bool]
    table: str
    condition: str
    events: str = "UPDATE"
    comes_once: bool = False  # what came is not worked again by a second call: it was given, not read

    def poison(self) -> None:
        with database.cursor() as cursor:
            cursor.execute(REFUSE.format(events=self.events, table=self.table, condition=self.condition))

    def heal(self) -> None:
        with database.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER IF EXISTS poison ON {self.table}")


Scenario = Callable[[Sender, Sender], Place]
PLACES: dict[str, list[Scenario]] = {}


def place(*callers: str) -> Callable[[Scenario], Scenario]:
    """Add a scenario for the functions, named as `module:function`, that call the helper."""

    def add(scenario: Scenario) -> Scenario:
        for caller in callers:
            PLACES.setdefault(caller, []).append(scenario)
        return scenario

    return add


def status_of(message: Message) -> str:
    return Message.objects.get(pk=message.pk).status


def both(alice: Sender, charlie: Sender, **fields: Any) -> dict[int, Message]:
    return {sender.pk: factories.message(sender, **fields) for sender in (alice, charlie)}


def on_wire(alice: Sender, charlie: Sender, **fields: Any) -> dict[int, Message]:
    now = timezone.now()
    wire = {"phase": Phase.ON_WIRE, "attempts": 1, "due_at": None, "first_attempt_at": now}
    return both(alice, charlie, **{**wire, "lease_until": now + timedelta(minutes=3), **fields})


# -- reports, results, counting ---------------------------------------------------------------------------------------


@place("applier:_apply_batch")
def reports_are_applied(alice: Sender, charlie: Sender) -> Place:
    rows = both(alice, charlie, status=Status.SENT, ref="7")
    for message in rows.values():
        told = contract.Report(ref="7", status=contract.Status.DELIVERED, word="delivered")
        acceptance.insert_reports(message.connection_id, [told])
    poisoned = DeliveryReport.objects.get(connection=alice.connection)
    return Place(
        kind=Kind.REPORT,
        key=poisoned.pk,
        work=applier.apply_due,
        is_done=lambda sender: status_of(rows[sender.pk]) == Status.DELIVERED,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk} AND NEW.status = 'delivered'",
    )


@place("completer:record_isolated")
def results_are_written(alice: Sender, charlie: Sender) -> Place:
    rows = on_wire(alice, charlie)
    batches = [
        completer.Batch(one.connection, Demo, [SendResult.of(one, contract.Accepted(ref=f"r{one.pk}"), [])])
        for one in rows.values()
    ]
    return Place(
        kind=Kind.VERDICT,
        key=rows[alice.pk].pk,
        work=lambda: completer.record_isolated(batches),
        is_done=lambda sender: status_of(rows[sender.pk]) == Status.SENT,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk} AND NEW.status = 'sent'",
        comes_once=True,
    )


@place("breakdowns:_count_batch")
def climbs_are_counted(alice: Sender, charlie: Sender) -> Place:
    rows = [
        UncountedClimb(
            sender_id=sender.pk,
            day=date.today(),  # noqa: DTZ011
            country="US",
            source="crm",
            was="queued",
            became="sent",
            was_currency="",
            currency="",
        )
        for sender in (alice, charlie)
    ]
    UncountedClimb.objects.bulk_create(rows)
    return Place(
        kind=Kind.CLIMB,
        key=rows[0].pk,
        work=breakdowns.count_climbs,
        is_done=lambda sender: DayBreakdown.objects.filter(sender=sender).exists(),
        table="messaging_daybreakdown",
        condition=f"NEW.sender_id = {alice.pk}",
        events="INSERT",
    )


@place("monthly:roll_up_months")
def months_are_rolled_up(alice: Sender, charlie: Sender) -> Place:
    day = monthly.finished_months(timezone.now().date())[0]
    for sender in (alice, charlie):
        DayBreakdown.objects.create(
            portal=sender.portal, sender=sender, dimension="source", value="crm", day=day, messages=1
        )
    return Place(
        kind=Kind.MONTH,
        key=alice.portal_id,
        work=monthly.roll_up_months,
        is_done=lambda sender: MonthBreakdown.objects.filter(sender=sender).exists(),
        table="messaging_monthbreakdown",
        condition=f"NEW.sender_id = {alice.pk}",
        events="INSERT",
    )


# -- maintenance ------------------------------------------------------------------------------------------------------


@place("retention:prune_messages")
def texts_are_emptied(alice: Sender, charlie: Sender) -> Place:
    rows = both(alice, charlie, status=Status.SENT, now=timezone.now() - timedelta(days=100))
    return Place(
        kind=Kind.RETENTION,
        key=f"texts:{alice.portal_id}",
        work=retention.prune_messages,
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).text == "",
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk}",
    )


@place("retention:_delete_unmatched")
def strays_are_removed(alice: Sender, charlie: Sender) -> Place:
    kept = {"word": "delivered", "due_at": None, "received_at": timezone.now() - LONG_AGO}
    rows = {
        sender.pk: DeliveryReport.objects.create(connection=sender.connection, fingerprint="1", **kept)
        for sender in (alice, charlie)
    }
    return Place(
        kind=Kind.STRAY,
        key=rows[alice.pk].pk,
        work=retention.prune_messages,
        is_done=lambda sender: not DeliveryReport.objects.filter(pk=rows[sender.pk].pk).exists(),
        table="messaging_deliveryreport",
        condition=f"OLD.id = {rows[alice.pk].pk}",
        events="DELETE",
    )


@place("limits:prune_uses")
def old_counts_are_removed(alice: Sender, charlie: Sender) -> Place:
    rows = {
        sender.pk: CapUse.objects.create(
            portal_id=sender.portal_id, kind="portal_hour", key="", since=timezone.now() - LONG_AGO, used=1
        )
        for sender in (alice, charlie)
    }
    return Place(
        kind=Kind.CAP,
        key=rows[alice.pk].pk,
        work=limits.prune_uses,
        is_done=lambda sender: not CapUse.objects.filter(pk=rows[sender.pk].pk).exists(),
        table="messaging_capuse",
        condition=f"OLD.id = {rows[alice.pk].pk}",
        events="DELETE",
    )


@place("balances:refresh_balances")
def balances_are_refreshed(alice: Sender, charlie: Sender) -> Place:
    old = timezone.now() - timedelta(days=2)
    Connection.objects.update(balance=Decimal(1), checked_at=old)
    return Place(
        kind=Kind.BALANCE,
        key=alice.connection_id,
        work=balances.refresh_balances,
        is_done=lambda sender: Connection.objects.get(pk=sender.connection_id).balance_asked_at is not None,
        table="messaging_connection",
        condition=f"NEW.id = {alice.connection_id}",
        comes_once=True,
    )


# -- the sweep and tasks -----------------------------------------------------------------------------------------------


@place("sweep:push_long_waits")
def long_waits_are_pushed(alice: Sender, charlie: Sender) -> Place:
    rows = both(alice, charlie, now=timezone.now() - timedelta(hours=1))
    return Place(
        kind=Kind.STATUS,
        key=rows[alice.pk].pk,
        work=sweep.push_long_waits,
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).push_at is not None,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk} AND NEW.push_at IS NOT NULL",
    )


@place("dead_letters:run_noted", "tasks:push_statuses")
def statuses_are_pushed(alice: Sender, charlie: Sender) -> Place:
    both(alice, charlie, status=Status.SENT, push_at=timezone.now() - timedelta(minutes=1))
    for sender in (alice, charlie):
        factories.token(sender.portal)

    def work() -> None:
        for portal_id in sweep.to_push():
            tasks.push_statuses(portal_id)

    return Place(
        kind=Kind.TASK,
        key=f"push:{alice.portal_id}",
        work=work,
        is_done=lambda sender: not Message.objects.filter(portal=sender.portal, push_at__lte=timezone.now()).exists(),
        table="portals_portal",
        condition=f"NEW.id = {alice.portal_id}",
    )


@place("tasks:erase_number")
def numbers_are_erased(alice: Sender, charlie: Sender) -> Place:
    rows = {
        sender.pk: Erasure.objects.create(portal=sender.portal, number="+12025550147", asked_by=1)
        for sender in (alice, charlie)
    }

    def work() -> None:
        for pk in sweep.to_erase():
            tasks.erase_number(pk)

    return Place(
        kind=Kind.TASK,
        key=f"erase:{rows[alice.pk].pk}",
        work=work,
        is_done=lambda sender: Erasure.objects.get(pk=rows[sender.pk].pk).finished_at is not None,
        table="messaging_erasure",
        condition=f"NEW.id = {rows[alice.pk].pk}",
    )


@place("tasks:poll_connection")
def statuses_are_polled(alice: Sender, charlie: Sender) -> Place:
    rows = both(alice, charlie, status=Status.SENT, ref="demo", poll_at=timezone.now())

    def work() -> None:
        for pk, _slow in sweep.to_poll():
            tasks.poll_connection(pk)

    return Place(
        kind=Kind.TASK,
        key=f"poll:{alice.connection_id}",
        work=work,
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).polls > 0,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk}",
    )


@place("tasks:check_copies")
def copies_are_settled(alice: Sender, charlie: Sender) -> Place:
    rows = both(alice, charlie, wait=Wait.COPY, detail="copy.example")
    for sender in (alice, charlie):
        PortalCopy.objects.create(
            portal=sender.portal, host="copy.example", state=CopyState.ALLOWED, due_at=timezone.now()
        )

    def work() -> None:
        for pk in sweep.to_check_copies():
            tasks.check_copies(pk)

    return Place(
        kind=Kind.TASK,
        key=f"copies:{alice.portal_id}",
        work=work,
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).wait == Wait.NONE,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk}",
    )


@place("tasks:notify_administrators")
def administrators_are_notified(alice: Sender, charlie: Sender) -> Place:
    """Refuse the notice that is to be written down."""
    for sender in (alice, charlie):
        factories.token(sender.portal)
    Portal.objects.update(no_token_since=timezone.now() - timedelta(hours=1))

    def work() -> None:
        for pk in sweep.to_notify():
            tasks.notify_administrators(pk)

    return Place(
        kind=Kind.TASK,
        key=f"notify:{alice.portal_id}",
        work=work,
        is_done=lambda sender: Notice.objects.filter(portal=sender.portal).exists(),
        table="messaging_notice",
        condition=f"NEW.portal_id = {alice.portal_id}",
        events="INSERT",
    )


@place("timeline:write_entries", "tasks:write_timeline")
def notes_are_written(alice: Sender, charlie: Sender) -> Place:
    """Two messages from cards of one portal; what refuses is in the row itself: it belongs to no card."""
    bound = {"timeline": "due", "bindings": [{"OWNER_TYPE_ID": "1", "OWNER_ID": "1"}]}
    rows = both(alice, charlie, portal=alice.portal, origin=Origin.CARD, status=Status.SENT, links=bound)
    lost = rows[alice.pk]
    Message.objects.filter(pk=lost.pk).update(links={"timeline": "due"})

    def is_done(sender: Sender) -> bool:
        return sender != alice and Message.objects.get(pk=rows[sender.pk].pk).links["timeline"] == "done"

    return Place(
        kind=Kind.NOTE,
        key=lost.pk,
        work=lambda: tasks.write_timeline(alice.portal_id),
        is_done=is_done,
        table="messaging_message",
        condition="false",
        comes_once=True,
    )


@place("answers:record_answers")
def acknowledged_statuses_are_written(alice: Sender, charlie: Sender) -> Place:
    rows = both(alice, charlie, status=Status.SENT, push_at=timezone.now(), pushed=Status.QUEUED)
    told = list(rows.values())
    return Place(
        kind=Kind.STATUS,
        key=rows[alice.pk].pk,
        work=lambda: answers.record_answers(told, [BatchResult(result=True)] * len(told)),
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).pushed == Status.SENT,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk} AND NEW.pushed <> OLD.pushed",
        comes_once=True,
    )


@place("delivery:send_due")
def notices_are_sent(alice: Sender, charlie: Sender) -> Place:
    """Two subjects of one portal."""
    past = timezone.now() - timedelta(hours=1)
    factories.token(alice.portal)
    rows = {
        sender.pk: Notice.objects.create(
            portal=alice.portal, kind=NoticeKind.SENDERS, subject=number, word="1", since=past, due_at=past
        )
        for number, sender in enumerate((alice, charlie))
    }
    return Place(
        kind=Kind.NOTICE,
        key=rows[alice.pk].pk,
        work=lambda: delivery.send_due(alice.portal_id),
        is_done=lambda sender: (Notice.objects.get(pk=rows[sender.pk].pk).due_at or timezone.now()) > past,
        table="messaging_notice",
        condition=f"NEW.id = {rows[alice.pk].pk}",
        comes_once=True,
    )


# -- the dispatcher ----------------------------------------------------------------------------------------------------


def leased_by_dispatcher(*senders: Sender) -> ConnectionLeases:
    """Return the leases of their accounts."""
    visits: list[Visit] = []
    leases = ConnectionLeases(visits.append, linger=0.0)
    leases.acquire({sender.connection_id for sender in senders})
    return leases


def requests(leases: ConnectionLeases) -> list[claims.ClaimRequest]:
    return [claims.ClaimRequest(pk, 5, False, drain.connection.checked_at) for pk, drain in leases.drains.items()]


def prepare(leases: ConnectionLeases) -> Callable[[], object]:
    return lambda: preparation.prepare_claims(
        leases.drains, leases.holder, requests(leases), timezone.now() + claims.MESSAGE_LEASE
    )


@place("preparation:_claim_isolated", "preparation:claim_singly")
def messages_are_claimed(alice: Sender, charlie: Sender) -> Place:
    rows, leases = both(alice, charlie), leased_by_dispatcher(alice, charlie)
    return Place(
        kind=Kind.MESSAGE,
        key=rows[alice.pk].pk,
        work=prepare(leases),
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).phase == Phase.ON_WIRE,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk} AND NEW.phase = 'on_wire'",
    )


@place("preparation:prepare_claims")
def messages_are_guarded(alice: Sender, charlie: Sender) -> Place:
    rows, leases = both(alice, charlie), leased_by_dispatcher(alice, charlie)
    for sender in (alice, charlie):
        Rules.objects.create(portal=sender.portal, paused_at=timezone.now())
    return Place(
        kind=Kind.MESSAGE,
        key=rows[alice.pk].pk,
        work=prepare(leases),
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).wait == Wait.PAUSED,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk} AND NEW.wait = 'paused'",
    )


@place("preparation:_drop_expired")
def messages_too_old_are_ended(alice: Sender, charlie: Sender) -> Place:
    """Two messages of one account, and one of another."""
    rows = both(alice, charlie, expires_at=timezone.now())
    beside = factories.message(alice, expires_at=timezone.now())
    leases = leased_by_dispatcher(alice, charlie)

    def is_done(sender: Sender) -> bool:
        mine = status_of(rows[sender.pk]) == Status.FAILED
        return mine and status_of(beside) == Status.FAILED

    return Place(
        kind=Kind.MESSAGE,
        key=rows[alice.pk].pk,
        work=prepare(leases),
        is_done=is_done,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk} AND NEW.status = 'failed'",
    )


@place("preparation:undo_claims")
def unconfirmed_claims_are_undone(alice: Sender, charlie: Sender) -> Place:
    lease = timezone.now() + claims.MESSAGE_LEASE
    rows = on_wire(alice, charlie, lease_until=lease)
    claim = {"connections": [alice.connection_id, charlie.connection_id], "lease": lease.isoformat()}
    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=lambda: preparation.undo_claims(claim),
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).phase == Phase.WAITING,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk}",
        comes_once=True,
    )


def leased(sender: Sender) -> bool:
    return Connection.objects.get(pk=sender.connection_id).lease_until is not None


@place("leases:acquire")
def accounts_are_leased(alice: Sender, charlie: Sender) -> Place:
    both(alice, charlie)
    leases = leased_by_dispatcher()

    def work() -> None:
        leases.acquire({pk for pk, _slow in sweep.to_drain()})

    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=work,
        is_done=leased,
        table="messaging_connection",
        condition=f"NEW.id = {alice.connection_id}",
    )


@place("leases:acquire")
def accounts_are_opened(alice: Sender, charlie: Sender) -> Place:
    """Its interrupted messages are recovered first."""
    past = timezone.now() - timedelta(minutes=10)
    on_wire(alice, charlie, lease_until=past)
    leases = leased_by_dispatcher()

    def work() -> None:
        leases.acquire({pk for pk, _slow in sweep.to_drain()})

    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=work,
        is_done=lambda sender: sender.connection_id in leases.drains,
        table="messaging_message",
        condition=f"NEW.connection_id = {alice.connection_id}",
    )


@place("lease_queries:load_connections")
def accounts_are_read(alice: Sender, charlie: Sender) -> Place:
    """Break the row itself: no key opens it."""
    both(alice, charlie)
    with database.cursor() as cursor:
        cursor.execute("UPDATE messaging_connection SET account = 'garbage' WHERE id = %s", [alice.connection_id])
    leases = leased_by_dispatcher()

    def work() -> None:
        leases.acquire({pk for pk, _slow in sweep.to_drain()})

    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=work,
        is_done=lambda sender: sender.connection_id in leases.drains,
        table="messaging_connection",
        condition="false",
        comes_once=True,
    )


@place("leases:renew")
def leases_are_renewed(alice: Sender, charlie: Sender) -> Place:
    leases = leased_by_dispatcher(alice, charlie)
    before = timezone.now() - timedelta(minutes=1)
    Connection.objects.update(lease_until=before)

    def work() -> None:
        leases.renew_at = 0.0
        leases.renew()

    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=work,
        is_done=lambda sender: Connection.objects.filter(pk=sender.connection_id, lease_until__gt=before).exists(),
        table="messaging_connection",
        condition=f"NEW.id = {alice.connection_id}",
        comes_once=True,
    )


@place("leases:renew")
def interrupted_messages_are_recovered(alice: Sender, charlie: Sender) -> Place:
    leases = leased_by_dispatcher(alice, charlie)
    rows = on_wire(alice, charlie, lease_until=timezone.now() - timedelta(minutes=10))

    def work() -> None:
        leases.renew_at = 0.0
        leases.renew()

    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=work,
        is_done=lambda sender: Message.objects.get(pk=rows[sender.pk].pk).phase == Phase.UNKNOWN,
        table="messaging_message",
        condition=f"NEW.id = {rows[alice.pk].pk}",
        comes_once=True,
    )


@place("leases:_mark_slow")
def unresponsive_accounts_are_marked(alice: Sender, charlie: Sender) -> Place:
    leases = leased_by_dispatcher(alice, charlie)
    for sender in (alice, charlie):
        drain = leases.drains[sender.connection_id]
        drain.in_flight[0] = (factories.message(sender), time.monotonic() - 60)
        drain.last_finished_at = time.monotonic() - 60
    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=leases._mark_slow,
        is_done=lambda sender: Connection.objects.get(pk=sender.connection_id).slow,
        table="messaging_connection",
        condition=f"NEW.id = {alice.connection_id} AND NEW.slow",
        comes_once=True,
    )


@place("leases:_release_leases")
def leases_are_released(alice: Sender, charlie: Sender) -> Place:
    leases = leased_by_dispatcher(alice, charlie)
    paced = dict.fromkeys(leases.drains)
    return Place(
        kind=Kind.ACCOUNT,
        key=alice.connection_id,
        work=lambda: leases._release_leases(list(paced), paced),
        is_done=lambda sender: not leased(sender),
        table="messaging_connection",
        condition=f"NEW.id = {alice.connection_id}",
        comes_once=True,
    )
