"""What could not be worked and was set aside, so that it stops nobody else; an operator sees it and tries it again."""

from django.db import models
from django.utils import timezone


class Kind(models.TextChoices):
    """The work that was to be done, one for each place where rows of several tenants are worked together."""

    REPORT = "report", "a delivery report that could not be applied"
    CLIMB = "climb", "a status change that could not be counted in the breakdowns"
    MESSAGE = "message", "a message that could not be prepared for sending"
    VERDICT = "verdict", "a service's answer that could not be written down"
    ACCOUNT = "account", "an account that could not be taken up, held or let go"
    STATUS = "status", "a status whose acceptance by the portal could not be written down"
    NOTICE = "notice", "a notice that could not be told"
    NOTE = "note", "a note in a CRM card's timeline that could not be written"
    MONTH = "month", "a portal whose months could not be summed up"
    RETENTION = "retention", "a portal whose old rows could not be removed"
    STRAY = "stray", "an old report of nobody's message that could not be removed"
    CAP = "cap", "a count of a limit long over that could not be removed"
    LEAVING = "leaving", "a portal that left and could not be erased"
    TOKEN = "token", "a token that could not be kept alive"
    BALANCE = "balance", "an account whose balance could not be asked for"
    TASK = "task", "a task of one account, portal or order that broke"
    STEP = "step", "a step of the sweep or the care round that broke"


class DeadLetter(models.Model):
    """One row or step that raised: which, of whom, what and where; never what it says.

    `key` is the id of the row, or the name of a step or task. No foreign key: it outlives what it tells of.
    """

    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=60)
    portal_id = models.BigIntegerField(null=True)
    error = models.CharField(max_length=60)  # the class of the exception; its words may quote anything
    place = models.CharField(max_length=120)  # file:line
    tries = models.IntegerField(default=1)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    retry_at = models.DateTimeField(null=True)  # when it is worked again by itself; null: when an operator says so

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="one_dead_letter")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.error}"
