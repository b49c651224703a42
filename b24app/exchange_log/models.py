"""The redacted log of every exchange with the outside."""

from django.db import models


class Exchange(models.Model):
    """One request to a service or Bitrix24 and its response, for support and for the market's three-day rule.

    Ids are plain numbers because this app knows none of the others. Everything in it is already redacted.
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

    class Meta:
        indexes = [
            models.Index(fields=["portal_id", "at"], name="exchange_of_portal"),
            models.Index(
                fields=["message_id"], name="exchange_of_message", condition=models.Q(message_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.peer} {self.method} {self.host}{self.path} {self.status}"
