"""What pausing and resuming have in common, be it of a sender, an account or a whole portal."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import ngettext

from b24app.console.frame.screen import FramedRequest, redirect
from b24app.messaging import enqueue
from b24app.messaging.actions import pauses
from b24app.messaging.models import Message


def confirm_pause(
    request: FramedRequest, template: str, waiting: "QuerySet[Message]", **context: object
) -> HttpResponse:
    """Ask in place, and say how many messages would wait and when they would expire."""
    forecast = pauses.forecast_resume(waiting, request.portal.zone)
    return render(request, template, {**context, "forecast": forecast})


def finish_pause(request: FramedRequest, screen: str, waiting: int) -> HttpResponse:
    """Push the statuses that the pause has changed, then show `screen`."""
    enqueue.push(request.portal.pk)
    text = ngettext("Paused. {count} message is queued.", "Paused. {count} messages are queued.", waiting)
    return redirect(request, screen, toast=text.format(count=waiting))


def finish_resume(request: FramedRequest, screen: str, connections: Iterable[int], released: int) -> HttpResponse:
    """Let the connections send what has been waiting, then show `screen`, or Home where the button stood there."""
    for connection in connections:
        enqueue.drain(connection)
    text = ngettext("Resumed. Sending {count} queued message.", "Resumed. Sending {count} queued messages.", released)
    shown = "home" if request.GET.get("from") == "home" else screen
    return redirect(request, shown, toast=text.format(count=released))
