"""Who is notified of what in Bitrix24, and what has been sent so far."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from b24app.portals.models import Portal


class NoticeKind(models.TextChoices):
    BROKEN = "broken", "broken"  # an account is blocked, or its service does not answer
    PORTAL = "portal", "portal"  # no token is left with which to call the portal
    BALANCE = "balance", "balance"  # it is below the threshold an administrator set
    SENDERS = "senders", "senders"  # some were missing in the portal and were added again
    UNDECIDED = "undecided", "undecided"  # messages with unknown status wait for a person
    COPY = "copy", "copy"  # messages from another address with the portal's member_id are on hold
    FAILURES = "failures", "failures"  # of a sender's messages of the last hour too many were not delivered


class NoticeRules(models.Model):
    """What a portal's administrators are notified of; a portal without a row has the defaults."""

    portal = models.OneToOneField(Portal, on_delete=models.CASCADE, primary_key=True, related_name="notice_rules")
    user_ids = models.JSONField(default=list, blank=True)  # who is notified; empty: who installed us
    broken = models.BooleanField(default=True)  # accounts and the portal itself
    balance = models.BooleanField(default=True)
    senders = models.BooleanField(default=True)
    undecided = models.BooleanField(default=True)
    failures = models.BooleanField(default=True, db_default=True)
    failure_percent = models.SmallIntegerField(default=50, db_default=50)  # not delivered or failed, from here on
    failure_messages = models.IntegerField(default=20, db_default=20)  # of at least so many with a final status

    def __str__(self) -> str:
        return f"notice rules of portal {self.portal_id}"

    def wants(self, kind: str) -> bool:
        """Return whether notices of this kind are sent at all."""
        return bool(getattr(self, NoticeKind.BROKEN if kind in (NoticeKind.PORTAL, NoticeKind.COPY) else kind))


class Notice(models.Model):
    """One subject of notices: its condition, and what each person was last sent about it."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="notices", db_index=False)
    kind = models.CharField(max_length=10, choices=NoticeKind)
    subject = models.BigIntegerField(default=0)  # id of a connection, of a sender for FAILURES; 0: the portal
    is_on = models.BooleanField(default=True)  # whether the condition holds now
    since = models.DateTimeField(default=timezone.now)  # when it began or ended
    word = models.CharField(max_length=40, blank=True, default="")  # its detail: a reason, a balance, a count
    told = models.CharField(max_length=40, blank=True, default="")  # the detail sent last; empty once recovery was sent
    told_at = models.DateTimeField(null=True, blank=True)  # when the problem was last sent, not its end
    reached = models.JSONField(default=dict, blank=True)  # user id -> the detail they were sent
    due_at = models.DateTimeField(null=True, blank=True)  # when it is processed next; null: nothing to do

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "kind", "subject"], name="one_notice_per_subject")]
        indexes = [models.Index(fields=["due_at"], name="notice_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.word}"

    @property
    def tag(self) -> str:
        """Return the tag under which a newer notification replaces this one."""
        return f"SENDLINE|{self.kind}|{self.subject}"
