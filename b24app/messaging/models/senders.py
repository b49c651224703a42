"""Senders: entries of the portal's Send SMS menu, each with an account behind it."""

import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone

from b24app.audit.models import Kind
from b24app.audit.recording import Subject
from b24app.messaging.models.connections import Connection
from b24app.portals.models import Portal
from providers.kit.transliteration import rewrite_text

MAX_AGE = timedelta(hours=24)


class SenderState(models.TextChoices):
    DRAFT = "draft", "draft"  # saved in the wizard, not registered yet
    REGISTERING = "registering", "registering"  # requested or about to be; the portal's answer is unknown
    REGISTERED = "registered", "registered"
    REFUSED = "refused", "refused"  # the portal said no; `error_code` says why
    REMOVING = "removing", "removing"
    REMOVED = "removed", "removed"


class Sender(models.Model):
    """An entry of the portal's Send SMS menu: an account and a sender ID."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="senders")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="senders")
    code = models.CharField(max_length=64)  # as the portal knows it: never changed, never reused
    names = models.JSONField(default=dict)  # language -> name; the first is the portal's default
    descriptions = models.JSONField(default=dict, blank=True)
    signature = models.CharField(max_length=60, default="", blank=True)  # number or alphanumeric sender ID
    options = models.JSONField(default=dict, blank=True)  # the service's own sender fields
    bulk = models.BooleanField(default=False)  # its messages let others of the connection go first
    max_age = models.DurationField(default=MAX_AGE)
    transactional = models.BooleanField(default=True, db_default=True)  # not held in quiet hours
    per_hour = models.IntegerField(null=True, blank=True)  # messages; further ones wait for the next window
    per_day = models.IntegerField(null=True, blank=True)
    smart = models.BooleanField(default=False, db_default=False)  # typographic characters are sent in their plain form
    latin = models.BooleanField(default=False, db_default=False)  # other alphabets are sent in Latin letters

    state = models.CharField(max_length=12, choices=SenderState, default=SenderState.DRAFT)
    # The handler's URL: the newest generation, the oldest that is still accepted, and the portal's installation
    # (`Portal.generation`) it was made in. See `admission`.
    generation = models.IntegerField(default=1)
    oldest_generation = models.IntegerField(default=1, db_default=1)
    previous_until = models.DateTimeField(
        null=True, blank=True
    )  # accepted until then, for calls that were on their way
    installation = models.IntegerField(null=True, blank=True)  # null: saved by an older version, good for any
    registered_as = models.CharField(max_length=64, default="", blank=True)  # digest of what was registered
    error_code = models.CharField(max_length=60, default="", blank=True)
    error_words = models.CharField(max_length=300, default="", blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "code"], name="sender_code_is_used_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return next(iter(self.names.values()), self.code)

    @property
    def audit_subject(self) -> Subject:
        """Return what changes of it are recorded as."""
        return Subject(self.portal_id, Kind.SENDER, self.pk, self.name)

    def written(self, text: str) -> str:
        """Return a text as its messages carry it."""
        return rewrite_text(text, smart=self.smart, latin=self.latin)
