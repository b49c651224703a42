"""What a visitor chose for themselves. Everything else that the console shows belongs to other rooms."""

from django.db import models

from b24app.portals.models import Portal


class Theme(models.TextChoices):
    LIGHT = "light", "light"
    DARK = "dark", "dark"
    SYSTEM = "system", "system"


class Preference(models.Model):
    """One portal user's look and language; kept here because web storage may be denied inside a frame."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+")
    user_id = models.BigIntegerField()
    theme = models.CharField(max_length=6, choices=Theme, default=Theme.LIGHT)
    language = models.CharField(max_length=10, default="", blank=True)  # Django's code; empty: as in the portal

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "user_id"], name="one_preference_per_user")]

    def __str__(self) -> str:
        return f"user {self.user_id} of portal {self.portal_id}"

    @classmethod
    def for_visitor(cls, portal: Portal, user_id: int) -> "Preference":
        """Return the saved choice, or an unsaved one with the defaults."""
        saved = cls.objects.filter(portal=portal, user_id=user_id).first()
        return saved or cls(portal=portal, user_id=user_id)
