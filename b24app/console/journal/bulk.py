"""What an administrator does with many messages of the journal: those that are ticked, or all that the filters find."""

import uuid
from urllib.parse import urlsplit

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseLocation

from b24app.console.frame.long_requests import hold_page
from b24app.console.frame.screen import FramedRequest, address, admin_only, with_toast
from b24app.console.journal import bulk_job
from b24app.console.journal.bulk_job import BadJob, Job
from b24app.console.journal.filters import Filters
from b24app.core.concurrency_limit import Busy
from b24app.messaging import enqueue
from b24app.messaging.actions.bulk import Act, Done, eligible_messages
from b24app.messaging.models import Message


@admin_only
@require_POST
def chosen(request: FramedRequest) -> HttpResponse:
    """What can be done with the ticked messages, or with all that the filters find."""
    return render(request, "console/journal/bulk.html", bar(request, _query(request), _references(request)))


def bar(request: FramedRequest, query: str, references: list[str]) -> dict[str, object]:
    """The bar's context: how many are ticked, and for how many of them each act is open."""
    if not references:
        return {"ticked": 0, "query": query, "acts": {act.value: 0 for act in Filters.of(query).acts}}
    ticked = Message.objects.filter(portal=request.portal, reference__in=references)
    counts = {act.value: ticked.filter(Q(eligible_messages(act))).count() for act in Act}
    acts = {act: count for act, count in counts.items() if count}
    return {"ticked": ticked.count(), "query": query, "references": references, "acts": acts}


@admin_only
@require_POST
def many(request: FramedRequest) -> HttpResponse:
    """Count for how many it is, ask in place, then do it; one step at a time, and the page comes for the next."""
    try:
        job = _job(request)
    except ValueError:
        return render(request, "console/journal/bulk.html", bar(request, _query(request), []))
    try:
        with hold_page(request.portal):
            return _step(request, job)
    except Busy:  # the page comes again for the very same step
        return render(request, "console/journal/many.html", {**_asking(request, job), "later": True})


def _step(request: FramedRequest, job: Job) -> HttpResponse:
    if not job.sure:
        return render(request, "console/journal/many.html", _asking(request, bulk_job.counted(job, request.portal)))
    return _work(request, job)


def _job(request: FramedRequest) -> Job:
    """Raises ValueError for what is none of ours."""
    if "job" not in request.POST:
        return bulk_job.begun(Act(request.POST.get("act", "")), _query(request), _references(request))
    job = Job.opened(request.POST["job"], request.portal, request.visitor.user_id)
    if "sure" in request.POST:
        if not job.over or job.sure:
            raise BadJob
        return job.confirmed()
    return job


def _asking(request: FramedRequest, job: Job) -> dict[str, object]:
    return {"job": job, "sealed": job.sealed(request.portal, request.visitor.user_id), "query": job.query}


def _work(request: FramedRequest, job: Job) -> HttpResponse:
    to_drain: set[int] = set()
    to_tell = False

    def ring(result: Done) -> None:
        nonlocal to_tell
        to_tell = to_tell or result.to_tell
        if result.to_drain is not None:
            to_drain.add(result.to_drain)

    try:
        job = bulk_job.done(job, request.portal, request.visitor.user_id, ring)
    finally:
        for connection in to_drain:
            enqueue.drain(connection)
        if to_tell:
            enqueue.push(request.portal.pk)
    if not job.over:
        return render(request, "console/journal/many.html", _asking(request, job))
    return with_toast(HttpResponseLocation(_back(request), target="#content", swap="innerHTML"), _told(job))


def _told(job: Job) -> str:
    match job.act:
        case Act.RESEND:
            words = ngettext("{count} message is on its way.", "{count} messages are on their way.", job.changed)
        case Act.MARK_SENT:
            words = ngettext("{count} message marked as sent.", "{count} messages marked as sent.", job.changed)
        case Act.CANCEL:
            words = ngettext("{count} message will not be sent.", "{count} messages will not be sent.", job.changed)
    return words.format(count=job.changed)


def _back(request: FramedRequest) -> str:
    """The page of the journal that the reader has open, as it is now."""
    there = address(request.portal, "journal")
    asked = urlsplit(request.htmx.current_url or "")
    return f"{there}?{asked.query}" if asked.path == there and asked.query else there


def _query(request: FramedRequest) -> str:
    return Filters.of(request.POST.get("query", "")).written()


def _references(request: FramedRequest) -> list[str]:
    return [found for one in request.POST.getlist("m") if (found := _hex(one))][: bulk_job.MOST_CHOSEN]


def _hex(value: str) -> str:
    try:
        return uuid.UUID(value).hex
    except ValueError:
        return ""


urlpatterns = [
    path("journal/chosen/", chosen, name="journal-chosen"),
    path("journal/many/", many, name="journal-many"),
]
