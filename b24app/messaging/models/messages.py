"""What: accounts with services, senders, messages and what became of them."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar

from django.db import connection as database
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from b24app.core.sealing import SealedJSON
from b24app.messaging.models import tallies
from b24app.messaging.models.statuses import Change, Origin, Phase, Reason, Status, Wait
from b24app.messaging.models.transitions import advance
from b24app.portals.models import Portal
from providers.kit.rewriting import rewrite

MAX_AGE = timedelta(hours=24)
NEWEST_FIRST = ("-received_at", "-id")  # of the journal, and of every index it reads


class ConnectionState(models.TextChoices):
    ACTIVE = "active", "active"
    PAUSED = "paused", "paused"  # by an administrator
    BLOCKED = "blocked", "blocked"  # by the service: it refuses the account until a person acts
    REMOVED = "removed", "removed"


class Connection(models.Model):
    """One portal's account with one SMS service."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="connections")
    service = models.CharField(max_length=20)
    title = models.CharField(max_length=100)
    account = SealedJSON(default=dict, blank=True)  # the declared fields of the service
    label = models.CharField(max_length=200, default="", blank=True)  # what the service calls the account
    balance = models.DecimalField(max_digits=16, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    low_balance = models.DecimalField(max_digits=16, decimal_places=4, null=True, blank=True)  # below it, tell people
    balance_asked_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(max_length=10, choices=ConnectionState, default=ConnectionState.ACTIVE)
    blocked_reason = models.CharField(max_length=20, default="", blank=True)  # auth or balance
    blocked_since = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, default="", blank=True)
    error_words = models.CharField(max_length=300, default="", blank=True)
    error_at = models.DateTimeField(null=True, blank=True)
    last_accepted_at = models.DateTimeField(null=True, blank=True)
    last_report_at = models.DateTimeField(null=True, blank=True)

    rate = models.FloatField(null=True, blank=True)  # messages per second; empty: the service's default
    concurrency = models.SmallIntegerField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)  # who drains it
    lease_holder = models.UUIDField(null=True, blank=True)
    throttled_until = models.DateTimeField(null=True, blank=True)
    paced_until = models.DateTimeField(null=True, blank=True)  # the rate is used up to here
    troubles_in_a_row = models.SmallIntegerField(default=0)  # sends without a verdict or without a connection
    breaker_until = models.DateTimeField(null=True, blank=True)  # open: one trial at a time
    slow = models.BooleanField(default=False)  # its service times out: drained apart from the others
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["portal", "id"], name="connection_of_portal")]

    def __str__(self) -> str:
        return self.title

    @property
    def sends(self) -> bool:
        return self.state == ConnectionState.ACTIVE


class SenderState(models.TextChoices):
    DRAFT = "draft", "draft"  # saved in the wizard, unknown to the portal
    REGISTERING = "registering", "registering"  # we asked or are about to ask; the answer is not known
    REGISTERED = "registered", "registered"
    REFUSED = "refused", "refused"  # the portal said no; `error_code` says why
    REMOVING = "removing", "removing"
    REMOVED = "removed", "removed"


class Sender(models.Model):
    """A line in the portal's "Send SMS" menu: a connection plus a signature."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="senders")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="senders")
    code = models.CharField(max_length=64)  # as the portal knows it: never changed, never reused
    names = models.JSONField(default=dict)  # language -> name; the first is the portal's default
    descriptions = models.JSONField(default=dict, blank=True)
    signature = models.CharField(max_length=60, default="", blank=True)  # number or alphanumeric sender ID
    options = models.JSONField(default=dict, blank=True)  # the service's own sender fields
    bulk = models.BooleanField(default=False)  # its messages yield to others on the same connection
    max_age = models.DurationField(default=MAX_AGE)
    transactional = models.BooleanField(default=True, db_default=True)  # not held by quiet hours
    per_hour = models.IntegerField(null=True, blank=True)  # messages; more wait for the next window
    per_day = models.IntegerField(null=True, blank=True)
    smart = models.BooleanField(default=False, db_default=False)  # typographic characters go in their plain form
    latin = models.BooleanField(default=False, db_default=False)  # other alphabets go in Latin letters

    state = models.CharField(max_length=12, choices=SenderState, default=SenderState.DRAFT)
    # The handler's address: the newest generation, the oldest that is still answered, and the portal's installation
    # (`Portal.generation`) it was made in. See `admission`.
    generation = models.IntegerField(default=1)
    oldest_generation = models.IntegerField(default=1, db_default=1)
    previous_until = models.DateTimeField(null=True, blank=True)  # for calls that were under way when it was replaced
    installation = models.IntegerField(null=True, blank=True)  # null: saved by an older version, good for any
    registered_as = models.CharField(max_length=64, default="", blank=True)  # digest of what the portal was told
    error_code = models.CharField(max_length=60, default="", blank=True)
    error_words = models.CharField(max_length=300, default="", blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "code"], name="sender_code_is_used_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return next(iter(self.names.values()), self.code)

    def written(self, text: str) -> str:
        """A text as its messages carry it."""
        return rewrite(text, smart=self.smart, latin=self.latin)

    def name_in(self, language: str) -> str:
        """The name in a language, or the default one."""
        return str(self.names.get(language) or self.name)


class MessageQuerySet(models.QuerySet["Message"]):
    def advance(self, changes: Iterable[Change]) -> dict[int, Status]:
        """The one place where a status changes: queued < sent < failed = undelivered < delivered.

        Changes that would not climb are without effect. Answers the new status of every message that did climb. The
        tallies move with it, in one transaction.
        """
        highest = {change.pk: change for change in sorted(changes, key=lambda change: change.status.rank)}
        if not highest:
            return {}
        with transaction.atomic(), database.cursor() as cursor:
            climbed = advance(cursor, list(highest.values()))
            tallies.move(climbed)
        return {climb.pk: Status(climb.after.status) for climb in climbed}


class Message(models.Model):
    """One text to one number and its fate."""

    reference = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # ours, as the service sees it
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="messages", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="messages", db_index=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="messages", db_index=False)
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.PORTAL)
    resend_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="resends", db_index=False
    )
    message_id = models.CharField(max_length=128, null=True, blank=True)  # the portal's; null: nobody to tell

    raw_to = models.CharField(max_length=200, blank=True, default="")  # as the portal wrote it
    to = models.CharField(max_length=20, blank=True, default="")  # E.164
    country = models.CharField(max_length=2, null=True, blank=True, default="")  # of `to`; null: older than breakdowns
    text = models.TextField(blank=True, default="")
    author_id = models.BigIntegerField(null=True, blank=True)
    module = models.CharField(max_length=40, blank=True, default="")  # crm, bizproc, sender or whatever comes
    links = models.JSONField(default=dict, blank=True)  # CRM entities and the workflow it came from
    note = models.CharField(max_length=200, blank=True, default="")  # what had to be replaced at the door
    day = models.DateField()  # of receipt, in the portal's time zone: where the tallies count it
    received_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    bulk = models.BooleanField(default=False)
    repeats = models.UUIDField(null=True, blank=True)  # of the same text to the same number shortly before: a warning

    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    phase = models.CharField(max_length=8, choices=Phase, default=Phase.WAITING)
    wait = models.CharField(max_length=12, choices=Wait, default=Wait.NONE, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)  # not later than `expires_at`, give or take minutes
    lease_until = models.DateTimeField(null=True, blank=True)  # on the wire; after it nobody will bring the verdict
    attempts = models.SmallIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True, blank=True)
    repeat_until = models.DateTimeField(null=True, blank=True)  # may have been taken: later it would be sent twice
    sent_at = models.DateTimeField(null=True, blank=True)
    final_at = models.DateTimeField(null=True, blank=True)
    poll_at = models.DateTimeField(null=True, blank=True)  # when the service is asked what became of it
    polls = models.SmallIntegerField(default=0)

    ref = models.CharField(max_length=128, blank=True, default="")  # the service's id
    parts = models.SmallIntegerField(null=True, blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    reason = models.CharField(max_length=16, choices=Reason, default=Reason.NONE, blank=True)
    service_code = models.CharField(max_length=60, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")  # the service's own words

    pushed = models.CharField(max_length=12, choices=Status, default=Status.SENT)  # acknowledged, or perhaps shown
    push_at = models.DateTimeField(null=True, blank=True)  # when it must next be told; null: nothing to say
    push_tries = models.SmallIntegerField(default=0)
    push_error = models.CharField(max_length=60, blank=True, default="")

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
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class MessagePart(models.Model):
    """A part's own id at the service, only where there are several."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    ref = models.CharField(max_length=128)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="message_parts")
    status = models.CharField(max_length=12, choices=Status, default=Status.SENT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "ref"], name="part_ref_is_unique")]

    def __str__(self) -> str:
        return self.ref


class DeliveryReport(models.Model):
    """What a service said, kept even if it spoke too early."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="reports", db_index=False)
    fingerprint = models.CharField(max_length=64)  # of the service's own identifiers
    ref = models.CharField(max_length=128, blank=True, default="")
    reference = models.UUIDField(null=True, blank=True)  # ours
    recipient = models.CharField(max_length=30, blank=True, default="")
    status = models.CharField(max_length=12, choices=Status, blank=True, default="")  # empty: a word we do not know
    word = models.CharField(max_length=60)
    code = models.CharField(max_length=60, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")
    reason = models.CharField(max_length=16, choices=Reason, blank=True, default=Reason.NONE)
    price = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    received_at = models.DateTimeField(default=timezone.now)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="reports")
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)  # null: understood, or given up
    tries = models.SmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "fingerprint"], name="a_report_comes_once")]
        indexes = [
            models.Index(fields=["connection", "due_at"], name="report_to_settle", condition=Q(due_at__isnull=False)),
            models.Index(fields=["connection", "ref"], name="report_early", condition=Q(message__isnull=True)),
            models.Index(
                fields=["received_at"], name="report_stray", condition=Q(message__isnull=True, due_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.word} for {self.ref or self.reference}"


class DayTally(models.Model):
    """Counts and money of a portal's day; outlives the messages, and charts read it and the breakdowns alone."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="tallies", db_index=False)
    day = models.DateField()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="+", db_index=False)
    status = models.CharField(max_length=12, choices=Status)
    reason = models.CharField(max_length=16, choices=Reason, blank=True, default=Reason.NONE)
    currency = models.CharField(max_length=3, blank=True, default="")
    messages = models.IntegerField(default=0)
    parts = models.IntegerField(default=0)
    money = models.DecimalField(max_digits=30, decimal_places=5, default=0)  # no sum of prices may ever be too large
    last_at = models.DateTimeField(null=True, blank=True)  # when a message last came to count here

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["portal", "day", "connection", "sender", "status", "reason", "currency"], name="one_tally"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.status}: {self.messages}"
