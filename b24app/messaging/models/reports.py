"""Delivery reports."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from b24app.messaging.models.connections import Connection
from b24app.messaging.models.messages import Message
from b24app.messaging.models.statuses import Reason, Status


class DeliveryReport(models.Model):
    """What a service reported, stored even if it came before its message had an id."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="reports", db_index=False)
    fingerprint = models.CharField(max_length=64)  # of the service's own identifiers
    ref = models.CharField(max_length=128, blank=True, default="")
    reference = models.UUIDField(null=True, blank=True)  # ours
    recipient = models.CharField(max_length=30, blank=True, default="")
    status = models.CharField(max_length=12, choices=Status, blank=True, default="")  # empty: a word we cannot map
    word = models.CharField(max_length=60)
    code = models.CharField(max_length=60, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")
    reason = models.CharField(max_length=16, choices=Reason, blank=True, default=Reason.NONE)
    price = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    received_at = models.DateTimeField(default=timezone.now)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="reports")
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)  # null: applied or given up
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
