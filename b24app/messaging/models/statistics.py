"""Counts of a portal's days and months, in all and by dimension, and status changes not counted there yet."""

from django.db import models

from b24app.messaging.models.connections import Connection
from b24app.messaging.models.senders import Sender
from b24app.messaging.models.statuses import Reason, Status
from b24app.portals.models import Portal

TIMES = (2, 5, 10, 30, 60, 300, 3600)  # seconds: where the columns of times end; the last has no end
TOOK = (*(f"took_{seconds}" for seconds in TIMES), "took_longer")


class Dimension(models.TextChoices):
    """What a day is broken down by, and what `value` contains then; "" if unknown or none."""

    COUNTRY = "country", "country"  # ISO region of the number
    SOURCE = "source", "source"  # key of breakdowns.SOURCES
    EMPLOYEE = "employee", "employee"  # the portal's user id


class Breakdown(models.Model):
    """Counts and money of a sender in one dimension; outlives the messages.

    `messages` are all that were sent or have ended; those of the four ends are in their own columns too.
    """

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False)
    dimension = models.CharField(max_length=8, choices=Dimension)
    sender = models.ForeignKey("messaging.Sender", on_delete=models.CASCADE, related_name="+", db_index=False)
    value = models.CharField(max_length=20, blank=True, default="")
    currency = models.CharField(max_length=3, blank=True, default="")
    messages = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    undelivered = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    stopped = models.IntegerField(default=0)  # by a person or a limit: not a failure
    money = models.DecimalField(max_digits=30, decimal_places=5, default=0)  # no sum of prices may ever be too large
    took_2 = models.IntegerField(default=0)  # delivered within 2 seconds of being taken by the service
    took_5 = models.IntegerField(default=0)  # within 5, but not within 2
    took_10 = models.IntegerField(default=0)
    took_30 = models.IntegerField(default=0)
    took_60 = models.IntegerField(default=0)
    took_300 = models.IntegerField(default=0)
    took_3600 = models.IntegerField(default=0)
    took_longer = models.IntegerField(default=0)

    class Meta:
        abstract = True


class DayBreakdown(Breakdown):
    """A day of a portal."""

    day = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["portal", "dimension", "day", "sender", "value", "currency"], name="one_breakdown"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.value}: {self.messages}"


class MonthBreakdown(Breakdown):
    """The sums of all days of a finished month, so that a year is read in a few rows.

    A month is here with all of its days or not at all; see `statistics.monthly`.
    """

    month = models.DateField()  # its first day

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["portal", "dimension", "month", "sender", "value", "currency"], name="one_month_breakdown"
            )
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.dimension} {self.value}: {self.messages}"


class NotedClimb(models.Model):
    """A change of a message's status, with what a breakdown needs to know about it."""

    sender_id = models.BigIntegerField()
    day = models.DateField()
    country = models.CharField(max_length=2)
    source = models.CharField(max_length=10)
    author_id = models.BigIntegerField(null=True)
    was = models.CharField(max_length=12)  # a status, or stopped
    was_price = models.DecimalField(max_digits=12, decimal_places=5, null=True)
    was_currency = models.CharField(max_length=3)
    became = models.CharField(max_length=12)
    price = models.DecimalField(max_digits=12, decimal_places=5, null=True)
    currency = models.CharField(max_length=3)
    took = models.FloatField(null=True)  # seconds

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.was} to {self.became}"


class UncountedClimb(NotedClimb):
    """A change that breakdowns have not counted yet. Written by the hottest statement, so without keys."""


class SetAsideClimb(NotedClimb):
    """A change that raised when it was counted. It keeps its id, by which its dead letter names it."""


class DayTally(models.Model):
    """Counts and money of a portal's day. It outlives the messages; charts read only it and the breakdowns."""

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
