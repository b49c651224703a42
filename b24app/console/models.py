"""What a visitor chose for themselves, and texts to choose from. All else that is shown belongs to other rooms."""

import uuid

from django.db import models
from django.utils import timezone

from b24app.portals.models import Portal


class Theme(models.TextChoices):
    LIGHT = "light", "light"
    DARK = "dark", "dark"
    SYSTEM = "system", "system"


class Preference(models.Model):
    """One portal user's look, language and checklist; kept here because web storage may be denied inside a frame."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+")
    user_id = models.BigIntegerField()
    theme = models.CharField(max_length=6, choices=Theme, default=Theme.LIGHT)
    language = models.CharField(max_length=10, default="", blank=True)  # Django's code; empty: as in the portal
    hides_checklist = models.BooleanField(default=False, db_default=False)  # of the first days, on Home

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "user_id"], name="one_preference_per_user")]

    def __str__(self) -> str:
        return f"user {self.user_id} of portal {self.portal_id}"

    @classmethod
    def for_visitor(cls, portal: Portal, user_id: int) -> "Preference":
        """Return the saved choice, or an unsaved one with the defaults."""
        saved = cls.objects.filter(portal=portal, user_id=user_id).first()
        return saved or cls(portal=portal, user_id=user_id)


class TextTemplate(models.Model):
    """A text that a portal's employees may choose; its fields stand in it as {code} or {code|text for none}."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # for addresses
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="text_templates", db_index=False)
    title = models.CharField(max_length=60)
    text = models.TextField()
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.BigIntegerField(null=True, blank=True)  # a user of the portal

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "title"], name="a_template_title_is_used_once")]

    def __str__(self) -> str:
        return self.title


class SavedView(models.Model):
    """Filters of the list of messages under a name: somebody's own, or shared with all administrators."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # for addresses
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False)
    user_id = models.BigIntegerField()
    name = models.CharField(max_length=60)
    query = models.TextField()  # as Filters writes it, which bounds it
    is_shared = models.BooleanField(default=False)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "user_id", "name"], name="a_view_s_name_is_used_once")]

    def __str__(self) -> str:
        return f"view {self.pk} of portal {self.portal_id}"

    @classmethod
    def visible_to(cls, portal: Portal, user_id: int, *, is_admin: bool) -> models.QuerySet["SavedView"]:
        """Return the views that somebody may use: their own, for administrators also the shared ones."""
        mine = models.Q(user_id=user_id) | models.Q(is_shared=True) if is_admin else models.Q(user_id=user_id)
        return cls.objects.filter(mine, portal=portal)
