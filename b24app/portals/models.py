"""The portals that installed us and the tokens for calling them."""

import hmac
import uuid
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q
from django.utils import timezone

from b24app.core.sealing import SealedText
from b24app.portals.applications.models import LocalApplication


class Suspension(models.TextChoices):
    """Why we may not call a portal for now."""

    NONE = "", ""
    PLAN = "plan", "plan"  # REST is only for commercial plans
    PAYMENT = "payment", "payment"
    GONE = "gone", "gone"  # the application seems to be uninstalled
    DELETED = "deleted", "deleted"
    OVERLOAD = "overload", "overload"  # blocked by Bitrix24 by hand


SUSPECTED_FOR = timedelta(days=1)  # that long an application that seems to be uninstalled may be there all the same


class PortalQuerySet(models.QuerySet["Portal"]):
    def installed(self) -> "PortalQuerySet":
        """Return the portals that have us installed now."""
        return self.filter(uninstalled_at=None)

    def callable_at(self, now: datetime) -> "PortalQuerySet":
        """Return the portals that we may call by ourselves: installed, not told to wait, not suspended.

        One whose suspension has ended is among them, one that is suspended without an end is not.
        """
        rows = self.installed().exclude(rest_after__gt=now).exclude(suspended_until__gt=now)
        return rows.exclude(~Q(suspension=""), suspended_until=None)


class Portal(models.Model):
    """A Bitrix24 that installed us; `member_id` stays when its domain changes."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member_id = models.CharField(max_length=64, unique=True)
    # The local application that is or was installed last; None is the application of the settings.
    application = models.ForeignKey(
        LocalApplication, on_delete=models.PROTECT, null=True, blank=True, related_name="portals", db_index=False
    )
    domain = models.CharField(max_length=255)  # host[:port], for display and for frame-ancestors
    secure = models.BooleanField(default=True)  # are the portal's pages https
    client_endpoint = models.CharField(max_length=300)  # https://host[:port]/rest/, as the OAuth server says
    oauth_host = models.CharField(max_length=255)
    application_token = SealedText(default="", blank=True)
    scope = models.CharField(max_length=500, default="", blank=True)
    licence = models.CharField(max_length=10, default="", blank=True)  # F D T P L S, for information only
    version = models.CharField(max_length=20, default="", blank=True)

    language = models.CharField(max_length=8, default="en")
    country = models.CharField(max_length=2, default="", blank=True)  # for numbers without a country code
    time_zone = models.CharField(max_length=64, default="UTC")
    region_set_at = models.DateTimeField(null=True, blank=True)  # a person confirmed country and time zone

    generation = models.IntegerField(default=1)  # counts installations
    created_at = models.DateTimeField(default=timezone.now)
    installed_at = models.DateTimeField(null=True, blank=True)  # installFinish was called
    installed_by = models.BigIntegerField(null=True, blank=True)  # user id of the first to open the installer
    uninstalled_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)  # the latest uninstallation before this installation
    events_bound_at = models.DateTimeField(null=True, blank=True)
    tabs_bound_at = models.DateTimeField(null=True, blank=True)  # or found that the portal can have none
    erase_at = models.DateTimeField(null=True, blank=True)  # uninstalled: its data go then
    reconnect_nonce = models.CharField(max_length=32, default="", blank=True)  # of the one pending Reconnect

    keep_texts = models.DurationField(default=timedelta(days=90))  # and numbers
    keep_exchanges = models.DurationField(default=timedelta(days=30))
    keep_messages = models.DurationField(default=timedelta(days=365))  # and what services reported of them
    hide_numbers = models.BooleanField(default=True, db_default=True)  # from employees who are not administrators
    texts_emptied_to = models.DateTimeField(null=True, blank=True)  # of messages received before, none is left

    suspension = models.CharField(max_length=10, choices=Suspension, default=Suspension.NONE, blank=True)
    suspended_since = models.DateTimeField(null=True, blank=True)  # for the same reason without a break
    suspended_until = models.DateTimeField(null=True, blank=True)  # then we probe once
    client_refused_at = models.DateTimeField(null=True, blank=True)  # our client, by a refresh; none worked since
    no_token_since = models.DateTimeField(null=True, blank=True)  # an administrator must reconnect
    trouble = models.CharField(max_length=300, default="", blank=True)  # the portal's own words

    rest_after = models.DateTimeField(null=True, blank=True)  # the query limit or the operating limit says wait
    asked_at = models.DateTimeField(null=True, blank=True)  # when a screen last had it asked whether it answers
    silent_since = models.DateTimeField(null=True, blank=True)  # it did not answer when it was asked so
    push_lease_until = models.DateTimeField(null=True, blank=True)
    push_failures = models.SmallIntegerField(default=0)  # in a row
    push_after = models.DateTimeField(null=True, blank=True)  # it did not answer last time: no push before
    push_batch_size = models.SmallIntegerField(default=50, db_default=50)  # smaller after it has run out of time
    token_retry_at = models.DateTimeField(null=True, blank=True)  # while no_token_since: only authors push before
    statuses_given_up = models.IntegerField(default=0, db_default=0)  # that it never took
    senders_checked_at = models.DateTimeField(null=True, blank=True)
    refused_calls = models.IntegerField(default=0)  # handler calls that could not be stored: too large, without an id

    objects: ClassVar = PortalQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["client_refused_at"], name="portal_client_refused", condition=Q(client_refused_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.domain

    @property
    def origin(self) -> str:
        """The origin of the portal's pages, for frame-ancestors and postMessage."""
        return self.origin_of(self.domain)

    def origin_of(self, domain: str) -> str:
        """Return the origin of the portal's pages where they are at this host[:port]."""
        return f"{'https' if self.secure else 'http'}://{domain}"

    @property
    def rest_host(self) -> str:
        """host[:port] of REST, which may differ from the pages' on a box."""
        return self.client_endpoint.removeprefix("https://").split("/", 1)[0]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def has_region(self) -> bool:
        """Return whether country and time zone are known, or a person has said that they are right as they are."""
        return self.region_set_at is not None or bool(self.country and self.time_zone != "UTC")

    def has_application_token(self, given: str) -> bool:
        """Return whether this is the portal's application_token, as far as we know it; compared in constant time."""
        stored = self.application_token.encode()
        return bool(stored) and hmac.compare_digest(stored, given.encode("utf-8", "surrogatepass"))

    def may_be_called(self, now: datetime) -> bool:
        """Return whether REST may be called: installed, not suspended (or due for a probe), not told to wait."""
        if self.uninstalled_at is not None or (self.rest_after and self.rest_after > now):
            return False
        return not self.suspension or self.suspended_until is None or self.suspended_until <= now

    @property
    def seems_uninstalled(self) -> bool:
        """Return whether the application has been missing for so long that it is worth telling to install it again."""
        since = self.suspended_since
        is_old = since is None or since <= timezone.now() - SUSPECTED_FOR
        return self.suspension == Suspension.GONE and is_old and not self.may_be_our_fault

    @property
    def may_be_our_fault(self) -> bool:
        """Return whether our client was refused and no portal's refresh has worked since: our secret may be wrong."""
        return self.client_refused_at is not None


class PortalToken(models.Model):
    """One portal user's OAuth tokens."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="tokens")
    # What it was issued for: it is renewed with that application's secret and with no other.
    application = models.ForeignKey(
        LocalApplication, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    user_id = models.BigIntegerField()
    access = SealedText(default="", blank=True)
    refresh = SealedText(default="", blank=True)  # empty: lives an hour and dies (an author's token)
    expires_at = models.DateTimeField()
    is_admin = models.BooleanField(default=False)  # by the portal's own answer to an administrator-only call
    demoted_at = models.DateTimeField(null=True, blank=True)  # the portal said no: earlier tickets are an employee's
    is_system = models.BooleanField(default=False)
    generation = models.IntegerField(default=0)  # counts refreshes; a write-back must match
    lease_until = models.DateTimeField(null=True, blank=True)  # a process is refreshing it
    refreshed_at = models.DateTimeField(default=timezone.now)
    dead_reason = models.CharField(max_length=60, default="", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "user_id"], name="one_token_per_user")]
        indexes = [models.Index(fields=["refreshed_at"], name="token_by_age", condition=Q(dead_reason=""))]

    def __str__(self) -> str:
        return f"user {self.user_id} of portal {self.portal_id}"


class PausedMethod(models.Model):
    """A REST method that a portal cannot run for now, by its last refusal; it is not called before `ask_at`."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="paused_methods", db_index=False)
    method = models.CharField(max_length=100)
    code = models.CharField(max_length=60)
    message = models.CharField(max_length=300, default="", blank=True)
    scope = models.CharField(max_length=500, default="", blank=True)  # what the portal had granted then
    since = models.DateTimeField()
    ask_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "method"], name="one_pause_per_method")]

    def __str__(self) -> str:
        return f"{self.method} of portal {self.portal_id}"


class CopyState(models.TextChoices):
    NOTICED = "noticed", "noticed"  # nothing of it is sent
    ALLOWED = "allowed", "allowed"  # an administrator says that it is the portal's own
    BLOCKED = "blocked", "blocked"  # an administrator says that it is not


class PortalCopy(models.Model):
    """Another address under which calls came with the portal's member_id: a restored copy, a second name, a move."""

    # Without a constraint: a process of the version before, which knows no copies, can still erase a portal.
    portal = models.ForeignKey(
        Portal, on_delete=models.CASCADE, related_name="copies", db_index=False, db_constraint=False
    )
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # for addresses
    host = models.CharField(max_length=255)  # host[:port]
    state = models.CharField(max_length=8, choices=CopyState, default=CopyState.NOTICED)
    noticed_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(null=True, blank=True)  # the OAuth server did not name it then
    due_at = models.DateTimeField(null=True, blank=True)  # when that is asked, or its messages are released or canceled

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "host"], name="a_copy_is_noticed_once")]
        indexes = [models.Index(fields=["due_at"], name="copy_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.host} beside portal {self.portal_id}"


class Employee(models.Model):
    """A user's name, as the portal gave it when it was last asked."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="employees", db_index=False)
    user_id = models.BigIntegerField()
    name = models.CharField(max_length=200, default="", blank=True)  # empty: the portal has no name for this id
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "user_id"], name="one_name_per_employee")]

    def __str__(self) -> str:
        return f"employee {self.user_id} of portal {self.portal_id}"


class CrmName(models.Model):
    """What a CRM item is called, as the portal told one viewer when it was last asked.

    `viewer` is a user id, 0 for all administrators. Empty names: the item has none, or the viewer may not read it.
    """

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False)
    viewer = models.BigIntegerField()
    type_id = models.IntegerField()  # the owner type
    item_id = models.BigIntegerField()
    name = models.CharField(max_length=200, default="", blank=True)
    person = models.CharField(max_length=200, default="", blank=True)  # a lead's own
    owner_type = models.IntegerField(default=0)  # with owner_id: the contact or company that a deal is with
    owner_id = models.BigIntegerField(default=0)
    phones = models.JSONField(default=list, blank=True)  # keyed digests: whose number it is, not the number
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["portal", "viewer", "type_id", "item_id"], name="one_name_per_viewer")
        ]
        indexes = [models.Index(fields=["portal", "asked_at"], name="crm_name_by_age")]

    def __str__(self) -> str:
        return f"item {self.item_id} of type {self.type_id} of portal {self.portal_id}"

    @property
    def item_key(self) -> tuple[int, int]:
        return self.type_id, self.item_id

    @property
    def owner_key(self) -> tuple[int, int]:
        return self.owner_type, self.owner_id
