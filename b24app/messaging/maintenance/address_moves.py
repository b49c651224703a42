"""Moving all that others call to the addresses of today: those with PUBLIC_URL and the first of ADDRESS_KEYS.

The daily checks do it by themselves where a portal has a live token. Here it is counted what still has an address of
before, and the checks of those portals are brought forward, so many a minute.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection as database
from django.db.models import Max, QuerySet
from django.utils import timezone

from b24app.core import signed_urls
from b24app.core.database.keyset import iterate_pages
from b24app.messaging.maintenance import due_jobs
from b24app.messaging.models import Connection, ConnectionState, MaintenanceJob, Sender, SenderState
from b24app.messaging.models.maintenance import CHECKS, JobKind
from b24app.messaging.push.registered_fields import find_registered_key
from b24app.messaging.push.sender_registration import WANTED
from b24app.portals.models import Portal, Suspension
from providers.kit import registry
from providers.kit.contract import Scope

PAGE = 500
MAX_PER_MINUTE = 240  # portals: the sweep takes 300, and leaves room for those that somebody waits for

BRING_FORWARD = """
UPDATE messaging_maintenancejob j SET due_at = v.due_at, is_urgent = true, requests = j.requests + 1, tries = 0
FROM unnest(%(jobs)s::bigint[], %(moments)s::timestamptz[]) AS v(id, due_at)
WHERE j.id = v.id AND NOT j.is_urgent
"""


@dataclass(slots=True)
class Registered:
    """What has an address of which key, by the key's place; None where that cannot be told.

    `to_move`: the portals and what has to be compared there.
    """

    senders: Counter[int | None] = field(default_factory=Counter)
    events: Counter[int | None] = field(default_factory=Counter)
    to_move: dict[int, set[JobKind]] = field(default_factory=lambda: defaultdict(set))


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many portals' checks were brought forward, and when the last one is due."""

    portals: int
    until: datetime


def count_registered() -> Registered:
    """Count what portals call, from the rows."""
    due_jobs.add_missing_jobs()
    found = Registered()
    # Read apart and not joined: each page of the rows is then a range of their key, whatever the planner knows.
    installed = frozenset(Portal.objects.installed().values_list("pk", flat=True))
    _count_senders(found, installed)
    _count_jobs(found, installed)
    return found


def accounts_by_key() -> Iterator[tuple[Connection, int | None]]:
    """Yield accounts at whose service a person pasted a report URL, with the place of the key that signed it.

    None where no report has come since keys are counted.
    """
    services = [one.code for one in registry.services().values() if one.report_scope == Scope.ACCOUNT]
    accounts = Connection.objects.filter(service__in=services, portal__uninstalled_at=None)
    accounts = accounts.exclude(state=ConnectionState.REMOVED).exclude(last_report_at=None, report_address="")
    places = _places()
    for page in iterate_pages(accounts.select_related("portal").defer("account"), ("pk",), lambda one: (one.pk,), PAGE):
        for account in page:
            yield account, places.get(account.report_address)


def bring_forward(found: Registered, per_minute: float) -> Schedule:
    """Make the checks of the portals due that can be called, so many portals a minute, behind those that are already.

    Workers find them as they become due, so this may be stopped and run again.
    """
    pause = timedelta(minutes=1) / per_minute
    now = timezone.now()
    upcoming = MaintenanceJob.objects.filter(is_urgent=True, tries=0, due_at__gt=now).aggregate(last=Max("due_at"))
    last, count = upcoming["last"] or now - pause, 0
    portals = _callable_portals().filter(pk__in=list(found.to_move)).order_by("pk").values_list("pk", flat=True)
    wanted = list(portals)
    for first in range(0, len(wanted), PAGE):
        due: dict[int, datetime] = {}
        for jobs in _routine_jobs(wanted[first : first + PAGE], found).values():
            last, count = max(now, last + pause), count + 1
            due |= dict.fromkeys(jobs, last)
        with database.cursor() as cursor:
            cursor.execute(BRING_FORWARD, {"jobs": list(due), "moments": list(due.values())})
    return Schedule(count, last)


def count_unreachable(found: Registered) -> Counter[str]:
    """Return how many of the portals to move cannot be called now, by the reason."""
    portals = Portal.objects.filter(pk__in=list(found.to_move))
    suspended = portals.exclude(suspension=Suspension.NONE).values_list("suspension", flat=True)
    without = portals.filter(suspension=Suspension.NONE, no_token_since__isnull=False)
    return Counter(suspended) + Counter({"no token": without.count()})


def _count_senders(found: Registered, installed: Collection[int]) -> None:
    senders = Sender.objects.filter(state__in=WANTED)
    senders = senders.exclude(state=SenderState.REFUSED, registered_as="")  # the portal never had it
    for page in iterate_pages(senders, ("pk",), lambda one: (one.pk,), PAGE):
        for sender in (one for one in page if one.portal_id in installed):
            key = find_registered_key(sender)
            found.senders[key] += 1
            if key != 0:
                found.to_move[sender.portal_id].add(JobKind.SENDERS)


def _count_jobs(found: Registered, installed: Collection[int]) -> None:
    """Count by what the last successful checks compared with; places have addresses without a key."""
    places, today = _places(), signed_urls.address_id()
    same_host = today[: signed_urls.HOST_ID_LENGTH]
    jobs = MaintenanceJob.objects.filter(kind__in=CHECKS)
    for page in iterate_pages(jobs, ("pk",), lambda one: (one.pk,), PAGE):
        for job in (one for one in page if one.portal_id in installed):
            if job.kind == JobKind.EVENTS:
                found.events[places.get(job.address_id)] += 1
            is_place = job.kind == JobKind.PLACES
            if not (job.address_id.startswith(same_host) if is_place else job.address_id == today):
                found.to_move[job.portal_id].add(JobKind(job.kind))


def _routine_jobs(portals: list[int], found: Registered) -> dict[int, list[int]]:
    """Return, by portal, the jobs that are to be done and not brought forward yet."""
    jobs: dict[int, list[int]] = defaultdict(list)
    rows = MaintenanceJob.objects.filter(portal__in=portals, is_urgent=False).order_by("portal_id", "pk")
    for pk, portal_id, kind in rows.values_list("pk", "portal_id", "kind"):
        if kind in found.to_move[portal_id]:
            jobs[portal_id].append(pk)
    return jobs


def _callable_portals() -> "QuerySet[Portal]":
    return Portal.objects.installed().filter(suspension=Suspension.NONE, no_token_since=None)


def _places() -> dict[str, int]:
    return {signed_urls.address_id(place): place for place in reversed(range(len(settings.ADDRESS_KEYS)))}
