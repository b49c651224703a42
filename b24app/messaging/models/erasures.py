"""Orders to erase a person's number and texts, and how far they are."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from b24app.core.sealing import SealedText
from b24app.portals.models import Portal


class Erasure(models.Model):
    """An administrator's order to erase one phone number. Once it is done the row no longer contains the number."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="erasures")
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # for addresses
    number = SealedText(default="", blank=True)  # E.164
    asked_by = models.BigIntegerField()
    asked_at = models.DateTimeField(default=timezone.now)  # messages received later are not erased
    keep_stopped = models.BooleanField(default=False)  # the number stays on the opt-out list
    why = models.CharField(max_length=200, blank=True, default="")  # the reason it stays, kept as the entry's note
    found = models.IntegerField(default=0)  # messages at the time of the order
    erased = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)  # null: done
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="erasure_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"erasure {self.pk}"
