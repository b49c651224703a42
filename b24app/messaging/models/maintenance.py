"""What is kept in order in each portal, as rows that are due."""

from collections.abc import Iterable
from typing import ClassVar

from django.db import connection as database
from django.db import models
from django.db.models import Q
from django.utils import timezone

from b24app.portals.models import Portal

# A request that comes while the job runs is not lost: the run ends only the requests it has seen.
REQUEST_JOBS = """
INSERT INTO messaging_maintenancejob (portal_id, kind, due_at, is_urgent, requests, tries, error)
SELECT %(portal)s, kind, %(now)s, true, 1, 0, '' FROM unnest(%(kinds)s::text[]) AS kind
ON CONFLICT (portal_id, kind) DO UPDATE SET due_at = least(messaging_maintenancejob.due_at, excluded.due_at),
    is_urgent = true, requests = messaging_maintenancejob.requests + 1, tries = 0
"""


class JobKind(models.TextChoices):
    """A thing that the portal has of ours; in the order in which they are put right."""

    SENDERS = "senders", "senders"  # the list of message providers
    EVENTS = "events", "events"  # handlers of the application's events
    PLACES = "places", "places"  # tabs and composers on CRM cards
    TOKENS = "tokens", "tokens"  # refresh tokens, renewed long before they expire
    STATUSES = "statuses", "statuses"  # those that it may show wrongly


CHECKS = (JobKind.SENDERS, JobKind.EVENTS, JobKind.PLACES)


class JobQuerySet(models.QuerySet["MaintenanceJob"]):
    def request(self, portal_id: int, kinds: Iterable[JobKind] = CHECKS) -> None:
        """Make these jobs of a portal due now, worth a refresh of its tokens; `enqueue.maintain` wakes a worker."""
        names = [kind.value for kind in kinds]
        with database.cursor() as cursor:
            cursor.execute(REQUEST_JOBS, {"portal": portal_id, "kinds": names, "now": timezone.now()})


class MaintenanceJob(models.Model):
    """One kind of check of one portal: when it is due, and how the last ones went."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=JobKind)
    due_at = models.DateTimeField(default=timezone.now)
    is_urgent = models.BooleanField(default=False)  # something changed; a routine check waits for a live token instead
    requests = models.IntegerField(default=0)  # counted, so that one that comes during a run is seen after it
    tries = models.SmallIntegerField(default=0)  # without success, in a row
    lease_until = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)  # the last success
    error = models.CharField(max_length=60, default="", blank=True)  # the portal's code at the last try
    # What our addresses were at the last success, as `signed_urls.address_id`.
    address_id = models.CharField(max_length=16, default="", db_default="", blank=True)

    objects: ClassVar = JobQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "kind"], name="one_job_of_a_kind")]
        indexes = [
            models.Index(fields=["due_at"], name="job_due"),
            models.Index(fields=["due_at"], name="job_urgent", condition=Q(is_urgent=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of portal {self.portal_id}"


class AddressKind(models.TextChoices):
    """What an address is for; in the order in which they are shown."""

    HANDLER = "handler", "messages"
    EVENTS = "events", "events"
    REPORT = "report", "reports on one message"
    ACCOUNT = "account", "reports on an account"


class AddressKeyUse(models.Model):
    """Calls of addresses that one of ADDRESS_KEYS signed: how many since when, and when the last one came.

    The key is there as `signed_urls.address_id`, from which it cannot be told.
    """

    address_id = models.CharField(max_length=16)
    kind = models.CharField(max_length=10, choices=AddressKind)
    calls = models.BigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address_id", "kind"], name="one_use_of_a_key")]

    def __str__(self) -> str:
        return f"{self.calls} calls of {self.kind}"
