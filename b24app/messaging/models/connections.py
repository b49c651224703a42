"""Accounts at SMS services."""

import uuid

from django.db import models
from django.utils import timezone

from b24app.audit.models import Kind
from b24app.audit.recording import Subject
from b24app.core import sealing
from b24app.core.sealing import SealedJSON
from b24app.portals.models import Portal


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
    low_balance = models.DecimalField(
        max_digits=16, decimal_places=4, null=True, blank=True
    )  # below it people are notified
    balance_asked_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(max_length=10, choices=ConnectionState, default=ConnectionState.ACTIVE)
    blocked_reason = models.CharField(max_length=20, default="", blank=True)  # auth or balance
    blocked_since = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, default="", blank=True)
    error_words = models.CharField(max_length=300, default="", blank=True)
    error_at = models.DateTimeField(null=True, blank=True)
    last_accepted_at = models.DateTimeField(null=True, blank=True)
    last_report_at = models.DateTimeField(null=True, blank=True)
    # Of the report URL that was called last, as `signed_urls.address_id`: a person pasted it at the service.
    report_address = models.CharField(max_length=16, default="", db_default="", blank=True)

    rate = models.FloatField(null=True, blank=True)  # messages per second; empty: the service's default
    concurrency = models.SmallIntegerField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)  # until when it is drained by the holder
    lease_holder = models.UUIDField(null=True, blank=True)
    throttled_until = models.DateTimeField(null=True, blank=True)
    paced_until = models.DateTimeField(null=True, blank=True)  # the rate is used up until then
    troubles_in_a_row = models.SmallIntegerField(default=0)  # sends without an answer or without a connection
    breaker_until = models.DateTimeField(null=True, blank=True)  # open: one trial at a time
    slow = models.BooleanField(default=False)  # its service times out: drained apart from others
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["portal", "id"], name="connection_of_portal")]

    def __str__(self) -> str:
        return self.title

    @property
    def sends(self) -> bool:
        """Return whether messages may be sent over it."""
        return self.state == ConnectionState.ACTIVE

    @property
    def is_readable(self) -> bool:
        """Return whether the keys we have open its credentials."""
        return sealing.is_opened(self.account)

    @property
    def audit_subject(self) -> Subject:
        """Return what changes of it are recorded as."""
        return Subject(self.portal_id, Kind.ACCOUNT, self.pk, self.title)


class LeaseTakeover(models.Model):
    """An account that a process took over because the one before did not release it: it was killed or cut off.

    Ids without foreign keys: it is a record for operators and outlives the account.
    """

    connection_id = models.BigIntegerField()
    previous_holder = models.UUIDField()
    holder = models.UUIDField()
    ended_at = models.DateTimeField()  # when the lease of the one before had ended
    at = models.DateTimeField(default=timezone.now)
    stranded = models.BooleanField(default=False)  # messages were on the wire

    class Meta:
        indexes = [models.Index(fields=["connection_id", "at"], name="takeover_of_connection")]

    def __str__(self) -> str:
        return f"connection {self.connection_id} at {self.at:%Y-%m-%d %H:%M}"
