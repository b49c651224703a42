"""Actions on many messages of the journal: those that are ticked, or all that the filters find."""

from decimal import Decimal
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseLocation

from b24app.console.formats.locales import format_list
from b24app.console.formats.money import scale
from b24app.console.formats.query_values import read_uuid
from b24app.console.frame.long_requests import hold_page
from b24app.console.frame.screen import FramedRequest, address, admin_only, with_toast
from b24app.console.journal.bulk import bulk_job
from b24app.console.journal.bulk.bulk_job import BadJob, Job
from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Total
from b24app.console.journal.search import search_messages
from b24app.console.templatetags.console import money
from b24app.core.concurrency_limit import Busy
from b24app.messaging import enqueue
from b24app.messaging.actions.bulk import ActionResult, BulkAction, eligible_messages
from b24app.messaging.models import Message


@admin_only
@require_POST
def show_chosen(request: FramedRequest) -> HttpResponse:
    """Render what can be done with the ticked messages, or with all that the filters find."""
    return _render_bar(request, takes_all="all" in request.POST)


def _render_bar(request: FramedRequest, *, takes_all: bool) -> HttpResponse:
    query, references = _read_query(request), _read_references(request)
    filters = Filters.parse(query)
    ticked = Message.objects.filter(portal=request.portal, reference__in=references)
    if takes_all:
        acts = {act.value: 0 for act in filters.possible_acts}
    else:
        counts = {act.value: ticked.filter(eligible_messages(act)).count() for act in BulkAction} if references else {}
        acts = {act: count for act, count in counts.items() if count}
    context = {
        "query": query,
        "takes_all": takes_all,
        "ticked": ticked.count() if references else 0,
        "total": search_messages(request.portal, filters).count_fitting() if references or takes_all else Total(0),
        "acts": acts,
    }
    return render(request, "console/journal/bulk_actions.html", context)


@admin_only
@require_POST
def run_bulk(request: FramedRequest) -> HttpResponse:
    """Count the messages, ask in place, then act on them; one step a request, and the page asks for the next."""
    try:
        job = _read_job(request)
    except ValueError:
        return _render_bar(request, takes_all=False)
    try:
        with hold_page(request.portal):
            return _answer_step(request, job)
    except Busy:  # the page comes again for the very same step
        return render(request, "console/journal/bulk_job.html", {**_job_context(request, job), "later": True})


def _answer_step(request: FramedRequest, job: Job) -> HttpResponse:
    if not job.sure:
        return render(
            request, "console/journal/bulk_job.html", _job_context(request, bulk_job.count_step(job, request.portal))
        )
    return _run_actions(request, job)


def _read_job(request: FramedRequest) -> Job:
    """Return the job that the page has sealed, or a new one; raises ValueError for what is not ours.

    All that the filters find are meant only where the page says so, never because nothing is ticked.
    """
    if "job" not in request.POST:
        references = [] if "all" in request.POST else _read_references(request)
        if not references and "all" not in request.POST:
            raise BadJob
        return bulk_job.start_job(BulkAction(request.POST.get("act", "")), _read_query(request), references)
    job = Job.unseal(request.POST["job"], request.portal, request.visitor.user_id)
    if "sure" in request.POST:
        if not job.over or job.sure:
            raise BadJob
        return job.as_confirmed()
    return job


def _job_context(request: FramedRequest, job: Job) -> dict[str, object]:
    return {
        "job": job,
        "sealed": job.seal_for(request.portal, request.visitor.user_id),
        "query": job.query,
        "price": _price_text(job),
    }


def _price_text(job: Job) -> str:
    """Return the sums that are known, one for each currency; "" where none is."""
    sums = {currency: Decimal(amount) for currency, amount in sorted(job.prices.items())}
    return format_list([money(amount, currency, scale([amount])) for currency, amount in sums.items()])


def _run_actions(request: FramedRequest, job: Job) -> HttpResponse:
    to_drain: set[int] = set()
    needs_push = False

    def collect_result(result: ActionResult) -> None:
        nonlocal needs_push
        needs_push = needs_push or result.to_tell
        if result.to_drain is not None:
            to_drain.add(result.to_drain)

    try:
        job = bulk_job.run_step(job, request.portal, request.visitor.user_id, collect_result)
    finally:
        for connection in to_drain:
            enqueue.drain(connection)
        if needs_push:
            enqueue.push(request.portal.pk)
    if not job.over:
        return render(request, "console/journal/bulk_job.html", _job_context(request, job))
    return with_toast(
        HttpResponseLocation(_journal_url(request), target="#content", swap="innerHTML"), _result_text(job)
    )


def _result_text(job: Job) -> str:
    match job.act:
        case BulkAction.RESEND:
            text = ngettext("Sending {count} message", "Sending {count} messages", job.changed)
        case BulkAction.MARK_SENT:
            text = ngettext("{count} message marked as sent", "{count} messages marked as sent", job.changed)
        case BulkAction.CANCEL:
            text = ngettext("{count} message canceled", "{count} messages canceled", job.changed)
    return text.format(count=job.changed)


def _journal_url(request: FramedRequest) -> str:
    """Return the page of the journal that the reader has open."""
    journal = address(request.portal, "journal")
    current = urlsplit(request.htmx.current_url or "")
    return f"{journal}?{current.query}" if current.path == journal and current.query else journal


def _read_query(request: FramedRequest) -> str:
    return Filters.parse(request.POST.get("query", "")).written()


def _read_references(request: FramedRequest) -> list[str]:
    return [reference for one in request.POST.getlist("m") if (reference := read_uuid(one))][: bulk_job.MAX_CHOSEN]


urlpatterns = [
    path("journal/chosen/", show_chosen, name="journal-chosen"),
    path("journal/many/", run_bulk, name="journal-many"),
]
