"""Events of the application's life in a portal, stored before they are understood."""

from django.db import models
from django.utils import timezone

from b24app.core.sealing import SealedJSON
from b24app.portals.models import Portal


class AppEvent(models.Model):
    """An event that Bitrix24 sent once and will not repeat; the row goes when it was applied."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, null=True, related_name="+")  # null: to be confirmed
    generation = models.IntegerField(null=True)  # of the signed address; null: the installer's, where anybody may post
    name = models.CharField(max_length=60)
    payload = SealedJSON()  # it holds tokens
    received_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)  # later while a process is applying it
    tries = models.SmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="app_event_due")]

    def __str__(self) -> str:
        return f"event {self.pk} of portal {self.portal_id}"

    @property
    def is_signed(self) -> bool:
        """Whether it came to an address that only the portal knows."""
        return self.generation is not None
