"""Find and claim the jobs that are due, those that wait longest first, whoever's they are."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection as database
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from b24app.messaging import dead_letters
from b24app.messaging.models.maintenance import JobKind, MaintenanceJob
from b24app.portals.models import Portal, PortalToken, Suspension

LEASE = timedelta(minutes=5)  # longer than all jobs of a portal may take
URGENT_PER_ROUND = 50  # portals, every ten seconds
ROUTINE_PER_ROUND = 500  # every five minutes: 36,000 portals within six hours of the day
STALE_AFTER = timedelta(days=30)  # then a routine check is worth a refresh of the tokens

CLAIM_JOBS = """
UPDATE messaging_maintenancejob SET lease_until = %(until)s
WHERE id = ANY(%(jobs)s) AND due_at <= %(now)s AND (lease_until IS NULL OR lease_until <= %(now)s)
RETURNING id
"""
# Portals that installed us together are not checked together.
ADD_MISSING_JOBS = """
INSERT INTO messaging_maintenancejob (portal_id, kind, due_at, is_urgent, requests, tries, error)
SELECT p.id, wanted.kind, %(now)s + random() * interval '1 day', false, 0, 0, ''
FROM portals_portal p CROSS JOIN unnest(%(kinds)s::text[]) AS wanted(kind)
WHERE p.uninstalled_at IS NULL
    AND NOT EXISTS (SELECT FROM messaging_maintenancejob j WHERE j.portal_id = p.id AND j.kind = wanted.kind)
ON CONFLICT DO NOTHING
"""


def urgent_portals() -> Sequence[int]:
    """Return portals with jobs that somebody waits for, or that may be probed whether their suspension has ended."""
    now = timezone.now()
    waiting = _portals_in_order(_due_jobs().filter(is_urgent=True), URGENT_PER_ROUND)
    suspended = Portal.objects.installed().filter(suspended_until__lte=now).exclude(suspension=Suspension.NONE)
    probes = suspended.exclude(pk__in=_held_portals()).order_by("suspended_until").values_list("pk", flat=True)
    return list(dict.fromkeys([*waiting, *probes[:URGENT_PER_ROUND]]))


def routine_portals() -> Sequence[int]:
    """Return portals with other jobs that are due.

    A check that nothing asked for never refreshes a token: it waits until a token is live, or for thirty days.
    """
    return _portals_in_order(_due_jobs().filter(_costs_no_needless_refresh()), ROUTINE_PER_ROUND)


def claim_jobs(portal_id: int) -> list[MaintenanceJob]:
    """Take the lease of a portal's due jobs and return them in the order of their kinds.

    Where none of them is urgent, those that would refresh a token for nothing go on waiting.
    """
    now = timezone.now()
    due = MaintenanceJob.objects.filter(portal=portal_id, due_at__lte=now)
    if not due.filter(is_urgent=True).exists():
        due = due.filter(_costs_no_needless_refresh())
    jobs = list(due.values_list("pk", flat=True))
    with database.cursor() as cursor:
        cursor.execute(CLAIM_JOBS, {"jobs": jobs, "now": now, "until": now + LEASE})
        claimed = [pk for (pk,) in cursor.fetchall()]
    order = {kind.value: place for place, kind in enumerate(JobKind)}
    return sorted(MaintenanceJob.objects.filter(pk__in=claimed), key=lambda job: order.get(job.kind, len(order)))


def add_missing_jobs() -> None:
    """Give every installed portal a row for each kind."""
    with database.cursor() as cursor:
        cursor.execute(ADD_MISSING_JOBS, {"now": timezone.now(), "kinds": [kind.value for kind in JobKind]})


def _costs_no_needless_refresh() -> Q:
    """Return the condition for routine jobs that find a token live, waited long enough, or look after tokens."""
    now = timezone.now()
    live = PortalToken.objects.filter(portal=OuterRef("portal_id"), dead_reason="", expires_at__gt=now)
    return Exists(live) | Q(done_at__lt=now - STALE_AFTER) | Q(kind=JobKind.TOKENS)


def _due_jobs() -> QuerySet[MaintenanceJob]:
    now = timezone.now()
    jobs = MaintenanceJob.objects.filter(due_at__lte=now).exclude(lease_until__gt=now)
    callable_ones = Q(portal__uninstalled_at=None, portal__no_token_since=None, portal__suspension=Suspension.NONE)
    rows = jobs.filter(callable_ones).exclude(portal__rest_after__gt=now)
    return rows.exclude(portal__in=_held_portals())


def _portals_in_order(jobs: QuerySet[MaintenanceJob], count: int) -> Sequence[int]:
    some = jobs.order_by("due_at").values_list("portal_id", flat=True)[: count * len(JobKind)]
    return list(dict.fromkeys(some))[:count]


def _held_portals() -> list[int]:
    return dead_letters.held_ids("maintain")
