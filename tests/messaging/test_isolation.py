"""One row that raises stops nobody else's: it is tried apart, set aside with its reason, and seen."""

import pytest

from b24app.messaging import reports, settling
from b24app.messaging.models import Connection, DeliveryReport, Message, Sender
from b24app.messaging.outcomes import Batch, record
from b24app.messaging.smpp import receipts
from b24app.messaging.statuses import Phase, Status
from b24app.messaging.verdicts import Verdict
from providers.demo import Demo
from providers.kit import contract
from providers.kit.contract import Accepted
from providers.smpp import Smpp
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def front() -> Sender:
    """Alice's sender, of an account of hers at an SMSC."""
    return factories.sender(factories.connection(factories.portal("alice"), service="smpp"))


@pytest.fixture
def victim() -> Sender:
    """Charlie's sender."""
    return factories.sender(factories.connection(factories.portal("charlie")))


def sent(sender: Sender, *refs: str, **fields: object) -> Message:
    """A message that its service took under these ids."""
    message = factories.message(sender, phase=Phase.ON_WIRE, attempts=1, **fields)
    service = Smpp if sender.connection.service == "smpp" else Demo
    receipt = Accepted(ref=refs[0], refs=refs if len(refs) > 1 else (), parts=len(refs))
    record([Batch(sender.connection, service, [Verdict.of(message, receipt, [])])])
    return again(message)


def again(message: Message) -> Message:
    message.refresh_from_db()
    return message


def told(connection: Connection, ref: str, status: str = "delivered", **fields: object) -> DeliveryReport:
    """A report, kept as its door keeps it."""
    reports.keep(connection.pk, [contract.Report(ref=ref, status=contract.Status(status), word=status, **fields)])  # type: ignore[arg-type]
    return DeliveryReport.objects.latest("pk")


def test_an_id_given_twice_is_the_message_of_its_whole_and_stops_nobody(front: Sender, victim: Sender) -> None:
    short, long = sent(front, "X1"), sent(front, "Y1", "X1")
    other = sent(victim, "ok")
    receipt = contract.Report(ref="X1", status=contract.Status.DELIVERED, word="DELIVRD", recipient=short.to)
    receipts.keep(front.connection_id, [receipt], receipts.known(front.connection_id, {"X1"}))
    told(victim.connection, "ok")

    settling.settle()

    assert (again(other).status, again(short).status, again(long).status) == ("delivered", "delivered", "sent")
    assert not DeliveryReport.objects.filter(due_at__isnull=False).exists()


def test_of_two_messages_with_one_id_a_report_means_the_newer(front: Sender) -> None:
    older, newer = sent(front, "7"), sent(front, "7")
    told(front.connection, "7")
    settling.settle()
    assert (again(older).status, again(newer).status) == (Status.SENT, Status.DELIVERED)
