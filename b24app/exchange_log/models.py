"""The redacted log of every exchange with the outside."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

NEWEST_FIRST = ("-at", "-id")
PORTAL_PEERS = ("bitrix24", "oauth")
INCOMING = ("CALL", "EVENT", "LAUNCH")  # what stands in `method` where the portal called us
WITH_PORTAL = Q(peer__in=PORTAL_PEERS)


class Exchange(models.Model):
    """One request to a service or Bitrix24 and its response, for support and for the market's three-day rule.

    Ids are plain numbers because this app knows none of the others. Everything in it is already redacted. `name`,
    `messages` and `commands` are of exchanges with Bitrix24 alone.
    """

    at = models.DateTimeField()
    portal_id = models.BigIntegerField(null=True)
    connection_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    peer = models.CharField(max_length=20)  # the service's code, "bitrix24" or "oauth"
    method = models.CharField(max_length=10)
    host = models.CharField(max_length=255)
    path = models.CharField(max_length=500)
    status = models.SmallIntegerField(default=0)  # 0: no answer came
    ms = models.IntegerField(default=0)
    request = models.TextField(blank=True, default="")
    response = models.TextField(blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")
    name = models.CharField(max_length=100, blank=True, default="", db_default="")  # of the REST method or the event
    messages = ArrayField(models.BigIntegerField(), null=True, blank=True)  # that the commands of a batch are about
    commands = models.JSONField(null=True, blank=True)  # of a batch: {method, notes, message, error} each

    class Meta:
        indexes = [
            models.Index(fields=["portal_id", "at"], name="exchange_of_portal"),
            models.Index(
                fields=["message_id"], name="exchange_of_message", condition=models.Q(message_id__isnull=False)
            ),
            # The REST log. Exchanges with services, of which there is one for each message, enter none of these.
            models.Index(fields=["portal_id", *NEWEST_FIRST], name="rest_log_of_portal", condition=WITH_PORTAL),
            models.Index(fields=["portal_id", "name", *NEWEST_FIRST], name="rest_log_by_name", condition=WITH_PORTAL),
            models.Index(
                fields=["portal_id", *NEWEST_FIRST], name="rest_log_of_errors", condition=WITH_PORTAL & ~Q(error="")
            ),
            models.Index(
                fields=["portal_id", *NEWEST_FIRST],
                name="rest_log_incoming",
                condition=WITH_PORTAL & Q(method__in=INCOMING),
            ),
            GinIndex(fields=["messages"], name="rest_log_of_messages", condition=Q(messages__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.peer} {self.method} {self.host}{self.path} {self.status}"
