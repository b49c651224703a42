"""What raised and was set aside, so that it holds up nothing else; an operator sees it and can retry it."""

from django.db import models
from django.utils import timezone


class Kind(models.TextChoices):
    """The work that was to be done: one kind for each place where rows of several tenants are processed together."""

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
    """A row or step that raised: which, whose, the error and where; never the error's text, which may quote anything.

    `key` is the id of the row, or the name of a step or task. No foreign key: it outlives the row.
    """

    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=60)
    portal_id = models.BigIntegerField(null=True)
    error = models.CharField(max_length=60)  # the class of the exception
    place = models.CharField(max_length=120)  # file:line
    tries = models.IntegerField(default=1)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    retry_at = models.DateTimeField(null=True)  # when it is retried automatically; null: when an operator does

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="one_dead_letter")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.error}"
