"""Applications beside the one of the settings: each was added by an administrator in one portal, and is used there."""

from django.db import models
from django.utils import timezone

from b24app.core.sealing import SealedText


class LocalApplication(models.Model):
    """A local application of one portal, with a client id and secret of its own (docs/bitrix24.md A.1)."""

    client_id = models.CharField(max_length=100, unique=True)
    client_secret = SealedText()
    host = models.CharField(max_length=255)  # host[:port] of the portal that it was added in
    created_at = models.DateTimeField(default=timezone.now)
    disabled_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.client_id} of {self.host}"
