"""The limits a portal's administrators set, what was counted against them, and numbers that get no messages."""

import uuid

from django.db import models
from django.utils import timezone

from b24app.portals.models import Portal

DUPLICATE_MINUTES = 10


class Rules(models.Model):
    """The limits of one portal. Without a row the defaults hold; null means no limit."""

    portal = models.OneToOneField(Portal, on_delete=models.CASCADE, primary_key=True, related_name="rules")
    paused_at = models.DateTimeField(null=True, blank=True)  # nothing is sent
    portal_per_hour = models.IntegerField(null=True, blank=True)
    employee_per_hour = models.IntegerField(null=True, blank=True)  # for each employee
    recipient_per_hour = models.IntegerField(null=True, blank=True)  # to each number; further ones fail
    recipient_per_day = models.IntegerField(null=True, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)  # in the recipient's time zone; both or none
    quiet_until = models.TimeField(null=True, blank=True)
    duplicate_minutes = models.SmallIntegerField(default=DUPLICATE_MINUTES)  # 0: no warning

    def __str__(self) -> str:
        return f"rules of portal {self.portal_id}"


class CapUse(models.Model):
    """How many messages were sent in one window of one limit. The row is the lock under which they are counted."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=16)
    key = models.CharField(max_length=32, blank=True, default="")  # an id, a number's digest, or nothing
    since = models.DateTimeField()  # start of the window
    used = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "kind", "key", "since"], name="one_cap_use")]
        indexes = [models.Index(fields=["since"], name="cap_use_by_age")]

    def __str__(self) -> str:
        return f"{self.kind} since {self.since}: {self.used}"


class StopSource(models.TextChoices):
    """How a number got onto the opt-out list."""

    REFUSAL = "refusal", "refusal"  # the service refused a message because of an opt-out
    REPORT = "report", "report"  # a later report said so
    HAND = "hand", "by hand"
    FILE = "import", "import"


class StoppedNumber(models.Model):
    """A number the portal does not send to. It outlives the messages: erasing it would mean sending to it again."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="stopped_numbers", db_index=False)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # for addresses
    number = models.CharField(max_length=20)  # E.164
    source = models.CharField(max_length=8, choices=StopSource)
    added_at = models.DateTimeField(default=timezone.now)
    added_by = models.BigIntegerField(null=True, blank=True)  # a user of the portal; null: the service reported it
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "number"], name="a_number_is_stopped_once")]
        indexes = [models.Index(fields=["portal", "-id"], name="stopped_of_portal")]

    def __str__(self) -> str:
        return f"stopped number {self.pk}"
