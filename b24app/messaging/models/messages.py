"""Messages, the ids of their parts, and the one place where a status changes."""

import uuid
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from django.db import connection as database
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from b24app.messaging.models import tallies
from b24app.messaging.models.connections import Connection
from b24app.messaging.models.senders import Sender
from b24app.messaging.models.statuses import Change, Origin, Phase, Reason, Status, Wait
from b24app.messaging.models.transitions import advance_statuses
from b24app.portals.models import Portal

NEWEST_FIRST = ("-received_at", "-id")  # of the journal, and of every index it reads

# Statuses that the portal has refused, and final ones that it never got and that are not due. There are few: final
# statuses are due from their first moment, until the portal has acknowledged them.
IN_DOUBT = Q(message_id__isnull=False) & (
    ~Q(push_error="")
    | Q(push_tries__gt=0)
    | (Q(push_at__isnull=True) & ~Q(status=Status.QUEUED) & ~Q(pushed=F("status")))
)


class MessageQuerySet(models.QuerySet["Message"]):
    def advance(self, changes: Iterable[Change]) -> dict[int, Status]:
        """Apply changes of status, the only way a status changes: queued < sent < failed = undelivered < delivered.

        Changes that would not climb are without effect. Return the new status of every message that did climb. The
        tallies move with it, in one transaction.
        """
        highest = {change.pk: change for change in sorted(changes, key=lambda change: change.status.rank)}
        if not highest:
            return {}
        with transaction.atomic(), database.cursor() as cursor:
            climbed = advance_statuses(cursor, list(highest.values()))
            tallies.move_tallies(climbed)
            transaction.on_commit(partial(tallies.count_climbs, climbed), robust=True)
        return {climb.pk: Status(climb.after.status) for climb in climbed}


class Message(models.Model):
    """One text to one number, and what became of it."""

    reference = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # ours, as the service sees it
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="messages", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="messages", db_index=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="messages", db_index=False)
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.PORTAL)
    resend_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="resends", db_index=False
    )
    message_id = models.CharField(max_length=128, null=True, blank=True)  # the portal's; null: no status is pushed

    raw_to = models.CharField(max_length=200, blank=True, default="")  # as the portal wrote it
    to = models.CharField(max_length=20, blank=True, default="")  # E.164
    country = models.CharField(
        max_length=2, null=True, blank=True, default=""
    )  # of `to`; null: from before the breakdowns
    text = models.TextField(blank=True, default="")
    author_id = models.BigIntegerField(null=True, blank=True)
    module = models.CharField(max_length=40, blank=True, default="")  # crm, bizproc, sender or any other
    links = models.JSONField(default=dict, blank=True)  # CRM entities and the workflow it came from
    note = models.CharField(max_length=200, blank=True, default="")  # what had to be replaced on arrival
    day = models.DateField()  # of receipt, in the portal's time zone: where the tallies count it
    received_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    scheduled_at = models.DateTimeField(null=True, blank=True)  # when its author wants it sent; null: at once
    bulk = models.BooleanField(default=False)
    repeats = models.UUIDField(
        null=True, blank=True
    )  # the message with the same text and number shortly before: a warning

    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    phase = models.CharField(max_length=8, choices=Phase, default=Phase.WAITING)
    wait = models.CharField(max_length=12, choices=Wait, default=Wait.NONE, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)  # not later than `expires_at`, give or take minutes
    lease_until = models.DateTimeField(null=True, blank=True)  # while on the wire; afterwards no result comes
    attempts = models.SmallIntegerField(default=0)
    claimed_by = models.UUIDField(null=True, blank=True)  # the dispatcher that last put it on the wire
    first_attempt_at = models.DateTimeField(null=True, blank=True)
    repeat_until = models.DateTimeField(null=True, blank=True)  # may have been accepted: later it would be sent twice
    sent_at = models.DateTimeField(null=True, blank=True)
    final_at = models.DateTimeField(null=True, blank=True)
    poll_at = models.DateTimeField(null=True, blank=True)  # when the status is polled next
    polls = models.SmallIntegerField(default=0)

    ref = models.CharField(max_length=128, blank=True, default="")  # the service's id
    parts = models.SmallIntegerField(null=True, blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    reason = models.CharField(max_length=16, choices=Reason, default=Reason.NONE, blank=True)
    service_code = models.CharField(max_length=60, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")  # the service's own text

    pushed = models.CharField(max_length=12, choices=Status, default=Status.SENT)  # acknowledged, or perhaps shown
    push_at = models.DateTimeField(null=True, blank=True)  # when the status is pushed next; null: nothing to push
    push_tries = models.SmallIntegerField(default=0)
    push_error = models.CharField(max_length=60, blank=True, default="")
    pushed_again_at = models.DateTimeField(null=True, blank=True)  # given up, the status was made due once more then

    objects: ClassVar = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["portal", "message_id"], name="a_wish_comes_once", condition=Q(origin=Origin.PORTAL)
            ),
            models.CheckConstraint(
                name="status_and_phase_agree",
                condition=Q(status=Status.QUEUED, phase__in=[Phase.WAITING, Phase.ON_WIRE, Phase.UNKNOWN])
                | (~Q(status=Status.QUEUED) & Q(phase=Phase.DONE)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["connection", "bulk", "due_at", "id"], name="message_due", condition=Q(phase="waiting")
            ),
            models.Index(
                fields=["received_at"],
                name="message_waits_untold",
                condition=Q(phase="waiting", pushed="sent", push_at__isnull=True, message_id__isnull=False),
            ),
            models.Index(fields=["connection", "lease_until"], name="message_on_wire", condition=Q(phase="on_wire")),
            models.Index(fields=["portal", "push_at"], name="message_untold", condition=Q(push_at__isnull=False)),
            models.Index(fields=["portal", *NEWEST_FIRST], name="message_in_doubt", condition=IN_DOUBT),
            models.Index(fields=["connection", "poll_at"], name="message_to_ask", condition=Q(poll_at__isnull=False)),
            models.Index(fields=["connection", "ref"], name="message_by_ref", condition=~Q(ref="")),
            models.Index(fields=["resend_of"], name="message_resent", condition=Q(resend_of__isnull=False)),
            # The journal's order. Those of everyday messages cost every write; the others hold only what is rare.
            models.Index(fields=["portal", *NEWEST_FIRST], name="message_of_portal"),
            models.Index(fields=["portal", "to", *NEWEST_FIRST], name="message_by_number"),
            models.Index(fields=["portal", "author_id", *NEWEST_FIRST], name="message_by_author"),
            models.Index(fields=["portal", *NEWEST_FIRST], name="message_unknown", condition=Q(phase="unknown")),
            models.Index(
                fields=["portal", "status", *NEWEST_FIRST],
                name="message_not_arrived",
                condition=Q(status__in=["failed", "undelivered"]),
            ),
            models.Index(fields=["portal", "reason", *NEWEST_FIRST], name="message_by_reason", condition=~Q(reason="")),
            models.Index(
                fields=["portal", "origin", *NEWEST_FIRST], name="message_by_hand", condition=~Q(origin="portal")
            ),
            models.Index(
                fields=["portal", "scheduled_at"],
                name="message_scheduled",
                condition=Q(scheduled_at__isnull=False) & ~Q(text=""),
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class MessagePart(models.Model):
    """The service's id of one part of a message; only where there are several."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    ref = models.CharField(max_length=128)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="message_parts")
    status = models.CharField(max_length=12, choices=Status, default=Status.SENT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "ref"], name="part_ref_is_unique")]

    def __str__(self) -> str:
        return self.ref
