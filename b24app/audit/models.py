"""Who changed what: one row for each deed, and which messages a deed on many of them changed."""

import uuid
from datetime import timedelta

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from b24app.portals.models import Portal

UNDO_PERIOD = timedelta(hours=24)
NUMBER_UNDO_PERIOD = timedelta(hours=1)  # a removed number is kept for that long, sealed, outside the database


class Action(models.TextChoices):
    """What was done."""

    ADDED = "added", "added"
    EDITED = "edited", "edited"
    REMOVED = "removed", "removed"
    RESTORED = "restored", "restored"
    PAUSED = "paused", "paused"
    RESUMED = "resumed", "resumed"
    BLOCKED = "blocked", "blocked"  # sending stopped because the service refuses the account
    CREDENTIALS = "credentials", "credentials replaced"
    ADDRESS = "address", "handler URL renewed"
    IMPORTED = "imported", "imported"
    EXPORTED = "exported", "exported"
    ERASED = "erased", "erasure requested"
    RESENT = "resent", "resent"
    MARKED_SENT = "marked_sent", "marked as sent"
    CANCELED = "canceled", "canceled"
    INSTALLED = "installed", "installed"
    UNINSTALLED = "uninstalled", "uninstalled"
    RECONNECTED = "reconnected", "reconnected"


class Kind(models.TextChoices):
    """What it was done to; `object_id` is the primary key of such a row."""

    PORTAL = "portal", "portal"  # all sending, all senders, the installation
    SENDER = "sender", "sender"
    ACCOUNT = "account", "account"
    MESSAGE = "message", "message"  # no id: a deed on many messages
    OPT_OUT = "opt_out", "opt-out"
    LIMITS = "limits", "limits and quiet hours"
    SETTINGS = "settings", "settings"
    NOTICES = "notices", "notifications"
    FILE = "file", "file"
    NUMBER = "number", "personal data of a number"
    TEMPLATE = "template", "text template"


# What one request can reverse, as long as the object was not changed again.
UNDOABLE = frozenset(
    {
        (Kind.PORTAL, Action.PAUSED),
        (Kind.PORTAL, Action.RESUMED),
        (Kind.SENDER, Action.PAUSED),
        (Kind.SENDER, Action.RESUMED),
        (Kind.SENDER, Action.REMOVED),
        (Kind.ACCOUNT, Action.PAUSED),
        (Kind.ACCOUNT, Action.RESUMED),
        (Kind.OPT_OUT, Action.ADDED),
        (Kind.OPT_OUT, Action.REMOVED),
        (Kind.LIMITS, Action.EDITED),
    }
)


class Change(models.Model):
    """One deed of a person, or of Sendline itself (`user_id` is null).

    `before` and `after` have the fields that changed, never credentials, texts or whole numbers of recipients.
    """

    # Without a constraint: a process of the version before, which knows no changes, can still erase a portal.
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # for addresses
    at = models.DateTimeField(default=timezone.now)
    user_id = models.BigIntegerField(null=True, blank=True)
    action = models.CharField(max_length=12)  # of Action
    kind = models.CharField(max_length=10)  # of Kind
    object_id = models.BigIntegerField(null=True, blank=True)
    name = models.CharField(max_length=200, default="", blank=True)  # of the object, at that time
    before = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    count = models.IntegerField(default=1)  # of the objects: messages, numbers, senders
    undoes = models.UUIDField(null=True, blank=True)  # the change that this one reversed

    class Meta:
        indexes = [
            models.Index(fields=["portal", "at", "id"], name="change_of_portal"),
            models.Index(fields=["portal", "user_id", "at", "id"], name="change_by_person"),
            models.Index(fields=["portal", "kind", "at", "id"], name="change_by_kind"),
            models.Index(
                fields=["kind", "object_id", "id"], name="change_of_object", condition=Q(object_id__isnull=False)
            ),
            # None by age alone: the planner would read others' rows for a portal that has few.
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.action}"

    @property
    def may_be_undone(self) -> bool:
        """Return whether a deed of this kind can be reversed and is recent enough; what came later is not looked at."""
        if (self.kind, self.action) == (Kind.ACCOUNT, Action.RESUMED) and self.before.get("state") != "paused":
            return False  # it was blocked: a pause would be something else
        is_number = (self.kind, self.action) == (Kind.OPT_OUT, Action.REMOVED)
        period = NUMBER_UNDO_PERIOD if is_number else UNDO_PERIOD
        return (self.kind, self.action) in UNDOABLE and self.count == 1 and timezone.now() - self.at < period


class ChangedMessage(models.Model):
    """The deed on many messages that changed this one. Ids without foreign keys: rows are written one per message."""

    message_id = models.BigIntegerField(primary_key=True)
    change = models.UUIDField()  # `Change.uuid`

    def __str__(self) -> str:
        return f"message {self.message_id}"
