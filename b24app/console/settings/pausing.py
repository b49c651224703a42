"""What pausing and resuming have in common, be it of a sender, an account or a whole portal."""

from collections.abc import Iterable
from datetime import datetime

from babel.dates import format_datetime, format_time
from django.db.models import Count, Min, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import ngettext

from b24app.console.formats import locales
from b24app.console.frame.screen import FramedRequest, redirect
from b24app.messaging import enqueue
from b24app.messaging.actions import pauses
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.guards import Rules
from b24app.portals.models import Portal


def confirm_pause(
    request: FramedRequest, template: str, waiting: "QuerySet[Message]", **context: object
) -> HttpResponse:
    """Ask in place, and say how many messages would wait and when they would expire."""
    forecast = pauses.forecast_resume(waiting, request.portal.zone)
    return render(request, template, {**context, "forecast": forecast})


def finish_pause(request: FramedRequest, screen: str, done: str, waiting: int) -> HttpResponse:
    """Push the statuses that the pause has changed, then show `screen` and say what was `done`."""
    enqueue.push(request.portal.pk)
    queued = ngettext("{count} message is queued.", "{count} messages are queued.", waiting).format(count=waiting)
    return redirect(request, screen, toast=f"{done} {queued}" if waiting else done)


def active_connections(portal: Portal) -> Iterable[int]:
    """Return the ids of a portal's accounts that send."""
    return Connection.objects.filter(portal=portal, state=ConnectionState.ACTIVE).values_list("pk", flat=True)


def drain_portal(portal: Portal) -> None:
    """Let all accounts of a portal send what is due."""
    for connection in active_connections(portal):
        enqueue.drain(connection)


def finish_resume(
    request: FramedRequest, screen: str, done: str, connections: Iterable[int], waiting: "QuerySet[Message]"
) -> HttpResponse:
    """Let the connections send what has been waiting, then show `screen`, or Home where the button stood there.

    Says what was `done`, and what happens to the messages now.
    """
    queued = _describe_queue(request, waiting)
    for connection in connections:
        enqueue.drain(connection)
    shown = "home" if request.GET.get("from") == "home" else screen
    return redirect(request, shown, toast=f"{done} {queued}" if queued else done)


def _describe_queue(request: FramedRequest, waiting: "QuerySet[Message]") -> str:
    """Return when the waiting messages go: at once, at a later time, or not before another pause ends."""
    free = waiting.filter(sender__paused_at=None, connection__state=ConnectionState.ACTIVE)
    if Rules.objects.filter(portal=request.portal, paused_at__isnull=False).exists():
        free = free.none()
    total, found = waiting.count(), free.aggregate(count=Count("pk"), first=Min("due_at"))
    if not total:
        return ""
    if not found["count"]:
        return ngettext(
            "{count} message stays queued because of another pause.",
            "{count} messages stay queued because of another pause.",
            total,
        ).format(count=total)
    if found["first"] is None or found["first"] <= timezone.now():
        return ngettext(
            "{count} message is queued and sent next.", "{count} messages are queued and sent next.", found["count"]
        ).format(count=found["count"])
    return ngettext(
        "{count} message is queued, next attempt at {time}.",
        "{count} messages are queued, next attempt at {time}.",
        found["count"],
    ).format(count=found["count"], time=_clock(found["first"]))


def _clock(value: datetime) -> str:
    local = timezone.localtime(value)
    if local.date() == timezone.localdate():
        return str(format_time(local, "short", locale=locales.current()))
    return str(format_datetime(local, "short", locale=locales.current()))
