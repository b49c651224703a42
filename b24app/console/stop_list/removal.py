"""Take several numbers off the opt-out list at once, and put them back as they were."""

import uuid
from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from b24app.audit.actor import acting_as, current_actor
from b24app.audit.models import Action, Change, Kind
from b24app.console.frame.long_requests import long_post
from b24app.console.frame.screen import FramedRequest, admin_only, redirect
from b24app.messaging.guards import stop_list
from b24app.messaging.models.guards import StoppedNumber, StopSource

MAX_NUMBERS = 50  # a page of the list


@admin_only
@require_POST
@long_post()
def remove_numbers(request: FramedRequest) -> HttpResponse:
    """Ask in place, then remove the ticked numbers; the answer offers to put them back."""
    entries = list(_chosen_entries(request))
    by_service = sum(one.source in (StopSource.REFUSAL, StopSource.REPORT) for one in entries)
    if not entries or "sure" not in request.POST:
        context = {"entries": entries, "by_service": by_service}
        return render(request, "console/stop_list/confirm_removals.html", context)
    removed = sum(stop_list.remove_number(request.portal, one.pk) for one in entries)
    return render(
        request, "console/stop_list/removed.html", {"removed": removed, "changes": list(current_actor().recorded)}
    )


@admin_only
@require_POST
@long_post()
def restore_numbers(request: FramedRequest) -> HttpResponse:
    """Put back what a removal took off the list, for an hour after it."""
    restored = 0
    for change in _removals(request):
        with acting_as(request.visitor.user_id, undoes=change.uuid):
            restored += stop_list.restore_number(request.portal, change.uuid)
    if not restored:
        return redirect(request, "stoplist", toast=_("This can no longer be undone."))
    text = ngettext("{count} number restored", "{count} numbers restored", restored).format(count=restored)
    return redirect(request, "stoplist", toast=text)


def _chosen_entries(request: FramedRequest) -> "QuerySet[StoppedNumber]":
    chosen = _read_uuids(request.POST.getlist("n"))
    return StoppedNumber.objects.filter(portal=request.portal, uuid__in=chosen).order_by("-pk")


def _removals(request: FramedRequest) -> "QuerySet[Change]":
    removals = Change.objects.filter(portal=request.portal, kind=Kind.OPT_OUT, action=Action.REMOVED)
    return removals.filter(uuid__in=_read_uuids(request.POST.getlist("change"))).order_by("pk")


def _read_uuids(written: Iterable[str]) -> list[uuid.UUID]:
    found = []
    for one in list(written)[:MAX_NUMBERS]:
        try:
            found.append(uuid.UUID(one))
        except ValueError:
            continue
    return found


urlpatterns = [
    path("stop-list/remove/", remove_numbers, name="stoplist-remove-many"),
    path("stop-list/restore/", restore_numbers, name="stoplist-restore"),
]
