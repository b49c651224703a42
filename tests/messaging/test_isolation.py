"""A row that raises holds up no other: it is set aside with its error, and operators see it."""

import ast
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from celery import current_app
from django.db import connection as database
from django.utils import timezone

import b24app
from b24app.core.redis import redis_client
from b24app.messaging import dead_letters, tasks
from b24app.messaging.actions import retry_dead_letters
from b24app.messaging.dispatch.completer import Batch, record_results
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.models import Connection, DeliveryReport, Message, Sender
from b24app.messaging.models.dead_letters import DeadLetter, Kind
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.statuses import Phase, Status
from b24app.messaging.reports import acceptance, applier
from b24app.messaging.send_results import SendResult
from b24app.messaging.smpp import receipts
from b24app.webhooks.spool_replay import HANDLERS
from providers.demo import Demo
from providers.kit import contract
from providers.kit.contract import Accepted
from providers.smpp import Smpp
from tests import factories
from tests.commands import run_command
from tests.messaging.shared_places import PLACES, REFUSE, Scenario

pytestmark = pytest.mark.django_db(transaction=True)

HELPERS = {"work_isolated", "work_apart", "work_each", "note_errors", "note_task_errors"}
ROUNDS = {"isolated_steps:run_steps": "test_a_step_that_raises_ends_neither_the_round_nor_the_others"}
ALONE = {
    "tasks:apply_app_event",
    "tasks:ask_portal",
    "tasks:check_portal",
    "tasks:erase_portal",
    "tasks:fetch_crm_names",
    "tasks:fetch_employee_names",
    "tasks:maintain_portal",
}
"""Tasks that process rows of one portal only: see `test_a_task_that_raises_is_noted`."""


@pytest.fixture
def front() -> Sender:
    """Alice's sender, of an account of hers at an SMSC."""
    return factories.sender(factories.connection(factories.portal("alice"), service="smpp"))


@pytest.fixture
def victim() -> Sender:
    """Charlie's sender."""
    return factories.sender(factories.connection(factories.portal("charlie")))


def sent(sender: Sender, *refs: str, **fields: object) -> Message:
    """Return a message that its service accepted under these ids."""
    message = factories.message(sender, phase=Phase.ON_WIRE, attempts=1, **fields)
    service = Smpp if sender.connection.service == "smpp" else Demo
    receipt = Accepted(ref=refs[0], refs=refs if len(refs) > 1 else (), parts=len(refs))
    record_results([Batch(sender.connection, service, [SendResult.of(message, receipt, [])])])
    return again(message)


def again(message: Message) -> Message:
    message.refresh_from_db()
    return message


def reported(connection: Connection, ref: str, status: str = "delivered", **fields: object) -> DeliveryReport:
    """Return a report, stored as a webhook stores it."""
    report = contract.Report(ref=ref, status=contract.Status(status), word=status, **fields)  # type: ignore[arg-type]
    acceptance.insert_reports(connection.pk, [report])
    return DeliveryReport.objects.latest("pk")


def test_an_id_given_twice_means_the_whole_message_and_stops_nobody(front: Sender, victim: Sender) -> None:
    short, long = sent(front, "X1"), sent(front, "Y1", "X1")
    other = sent(victim, "ok")
    receipt = contract.Report(ref="X1", status=contract.Status.DELIVERED, word="DELIVRD", recipient=short.to)
    receipts.insert_receipts(front.connection_id, [receipt], receipts.find_refs(front.connection_id, {"X1"}))
    reported(victim.connection, "ok")

    applier.apply_due()

    assert (again(other).status, again(short).status, again(long).status) == ("delivered", "delivered", "sent")
    assert not DeliveryReport.objects.filter(due_at__isnull=False).exists()


def test_of_two_messages_with_one_id_a_report_means_the_newer(front: Sender) -> None:
    older, newer = sent(front, "7"), sent(front, "7")
    reported(front.connection, "7")
    applier.apply_due()
    assert (again(older).status, again(newer).status) == (Status.SENT, Status.DELIVERED)


def two_senders() -> tuple[Sender, Sender]:
    """Alice's and Charlie's."""
    alice, charlie = (factories.sender(factories.connection(factories.portal(name))) for name in ("alice", "charlie"))
    return alice, charlie


def callers() -> set[str]:
    """Every function of ours that calls the helper, as `module:function`."""
    found = set()
    for path in sorted(Path(b24app.__file__).parent.rglob("*.py")):
        if path.stem != "isolation":
            found |= {f"{path.stem}:{name}" for name in _callers_in(ast.parse(path.read_text()))}
    return found


def _callers_in(tree: ast.AST, within: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        name = node.name if isinstance(node, ast.FunctionDef) else within
        if isinstance(node, ast.Call) and _called(node.func) in HELPERS:
            yield name
        yield from _callers_in(node, name)


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_every_place_that_tenants_share_is_in_the_list() -> None:
    assert callers() == {*PLACES, *ROUNDS, *ALONE}


def test_every_kind_of_dead_letter_has_a_place() -> None:
    kinds = {scenario(*two_senders()).kind for found in PLACES.values() for scenario in found}
    assert kinds == {*Kind} - {Kind.STEP, Kind.LEAVING, Kind.TOKEN}


def test_every_task_isolates_its_rows() -> None:
    others_isolate = {"sweep", "care", "drain", "settle"}  # the rounds, the dispatcher and the applier
    registered = {name.rpartition(".")[2] for name in current_app.tasks if name.startswith("b24app.messaging.tasks.")}
    calls = [node for node in ast.walk(ast.parse(Path(tasks.__file__).read_text())) if isinstance(node, ast.Call)]
    noted = {ast.literal_eval(call.args[0]) for call in calls if _called(call.func) == "note_task_errors"}
    assert registered - others_isolate == noted
    assert set(HANDLERS) == {"tokens", "wish", "report", "event", "unsigned", "receipts", "verdicts", "claim"}


@pytest.mark.parametrize(
    "scenario",
    {scenario: None for found in PLACES.values() for scenario in found},
    ids=lambda scenario: str(scenario.__name__),
)
def test_one_row_that_raises_stops_nobody_else(scenario: Scenario) -> None:
    alice, charlie = two_senders()
    place = scenario(alice, charlie)
    place.poison()
    try:
        place.work()
        assert (place.is_done(charlie), place.is_done(alice)) == (True, False)
        letter = DeadLetter.objects.get()
        assert (letter.kind, letter.key, letter.tries) == (place.kind, str(place.key), 1)
        assert letter.error in {"DataError", "KeyError", "CannotOpen"}
        assert ".py:" in letter.place
        if not place.comes_once:
            place.work()
            assert DeadLetter.objects.get().tries == 1  # it is not at the head of the line again
    finally:
        place.heal()
    if place.comes_once:
        return
    retry_dead_letters.retry_kind(place.kind)
    place.work()
    assert place.is_done(alice)
    assert not DeadLetter.objects.exists()


@pytest.mark.parametrize("name", ["ask", "poll", "reconcile", "note", "notify", "names"])
def test_a_task_that_raises_is_noted(name: str) -> None:
    task = current_app.tasks[f"b24app.messaging.tasks.{name}"]
    task.run(0, *([[1]] if name == "names" else []))
    letter = DeadLetter.objects.get()
    error = "IntegrityError" if name == "reconcile" else "DoesNotExist"
    assert (letter.kind, letter.key, letter.error) == (Kind.TASK, f"{name}:0", error)
    assert dead_letters.held_ids(name) == [0]


def test_a_step_that_raises_ends_neither_the_round_nor_the_others() -> None:
    portal = factories.portal()
    factories.sender(factories.connection(portal))
    Erasure.objects.create(portal=portal, number="+12025550147", asked_by=1)
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_notice RENAME TO messaging_notice_away")
    try:
        redis_client().flushdb()
        tasks.run_sweep()
    finally:
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE messaging_notice_away RENAME TO messaging_notice")
    letter = DeadLetter.objects.get()
    assert (letter.kind, letter.key, letter.error) == (Kind.STEP, "to_notify", "ProgrammingError")
    assert redis_client().keys("bell:erase:*")  # the step behind it


def test_operators_see_what_is_set_aside_and_retry_it() -> None:
    assert run_command("dead_letters") == (["nothing is set aside"], 0)
    dead_letters.note(Kind.REPORT, 17, ValueError("+12025550147 secret"), portal=3)
    dead_letters.note(Kind.REPORT, 17, ValueError("+12025550147 secret"), portal=3)
    lines, code = run_command("dead_letters")
    assert code == 1
    assert lines[0] == "1 report: a delivery report that could not be applied"
    assert lines[1].startswith("report 17 of portal 3: ValueError at , 2 times, last 20")
    assert run_command("dead_letters", "step") == (["nothing is set aside"], 0)
    assert run_command("dead_letters", "report", "--again") == (
        ["1 are tried again; the workers take them within seconds.", "nothing is set aside"],
        0,
    )


def test_letters_of_successful_retries_are_removed_after_some_hours() -> None:
    dead_letters.note(Kind.MONTH, 1, ValueError(), retry=True)
    dead_letters.note(Kind.MONTH, 2, ValueError(), retry=True)
    dead_letters.note(Kind.REPORT, 3, ValueError())
    DeadLetter.objects.filter(key="1").update(retry_at=timezone.now() - dead_letters.HEALED_AFTER)
    assert dead_letters.forget_healed() == 1
    assert sorted(DeadLetter.objects.values_list("key", flat=True)) == ["2", "3"]


def test_a_message_that_cannot_be_claimed_waits_while_the_others_are_sent() -> None:
    alice, charlie = two_senders()
    poisoned, beside, other = factories.message(alice), factories.message(alice), factories.message(charlie)
    with database.cursor() as cursor:
        condition = f"NEW.id = {poisoned.pk} AND NEW.phase = 'on_wire'"
        cursor.execute(REFUSE.format(events="UPDATE", table="messaging_message", condition=condition))
    visits: list[Visit] = []
    dispatcher = Dispatcher(visits.append, linger=0.0, inbox=SimpleQueue())
    try:
        for sender in (alice, charlie):
            dispatcher.inbox.put(sender.connection_id)
        end = time.monotonic() + 60
        while again(beside).status != "sent" or again(other).status != "sent":
            assert time.monotonic() < end
            dispatcher.run_once(0.1)
        dispatcher.stop()
    finally:
        with database.cursor() as cursor:
            cursor.execute("DROP TRIGGER poison ON messaging_message")
    waiting = again(poisoned)
    assert (waiting.status, waiting.phase, waiting.wait, waiting.attempts) == ("queued", "waiting", "retry", 0)
    assert waiting.due_at is not None
    assert waiting.due_at > timezone.now()
    assert DeadLetter.objects.get().key == str(poisoned.pk)
