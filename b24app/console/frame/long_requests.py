"""Limits on requests that hold a thread for long, because a portal or a service is waited for or much is computed.

The three limits of a web process leave some of its threads to pages that only read, whatever the others do: a process
of the Procfile has sixteen. Above a limit `errors.show_busy` responds, at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse

from b24app.console.frame.screen import FramedRequest
from b24app.core.concurrency_limit import ConcurrencyLimit
from b24app.core.wait_limit import limit_waiting
from b24app.portals.models import Portal

Arguments = ParamSpec("Arguments")

# Per portal that a caller claims to come from. Strangers get five of these places at most, and two in the name of one
# portal (`portals.callers.caller_limits`), so the rest stays free for visitors who are known.
LAUNCHES = ConcurrencyLimit(in_all=8, per_tenant=4)
PAGES = ConcurrencyLimit(in_all=4, per_tenant=2)
FILES = ConcurrencyLimit(in_all=2, per_tenant=1, slow_after=30.0)

ANSWER_SECONDS, PAGE_SECONDS, LONGEST_SECONDS = 5.0, 10.0, 20.0


@contextmanager
def hold_launch(claimed: str) -> Iterator[None]:
    """Hold a place for a caller while Bitrix24 is asked who they are; raise Busy.

    `claimed` is the portal that they name, and nobody has confirmed it yet.
    """
    with LAUNCHES.hold(claimed), limit_waiting(each=ANSWER_SECONDS, total=LONGEST_SECONDS):
        yield


@contextmanager
def hold_page(portal: Portal, *, seconds: float = PAGE_SECONDS) -> Iterator[None]:
    """Hold one of the portal's places for long pages; raise Busy. Network waits take at most `seconds` in all."""
    with PAGES.hold(portal.uuid.hex), limit_waiting(each=ANSWER_SECONDS, total=seconds):
        yield


def long_post(
    seconds: float = PAGE_SECONDS,
) -> Callable[
    [Callable[Concatenate[FramedRequest, Arguments], HttpResponse]],
    Callable[Concatenate[FramedRequest, Arguments], HttpResponse],
]:
    """Mark a screen whose POST waits for a portal or a service, or changes very much: it takes one of the places."""

    def limit_view(
        view: Callable[Concatenate[FramedRequest, Arguments], HttpResponse],
    ) -> Callable[Concatenate[FramedRequest, Arguments], HttpResponse]:
        @wraps(view)
        def limited_view(request: FramedRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
            if request.method != "POST":
                return view(request, *args, **kwargs)
            with hold_page(request.portal, seconds=seconds):
                return view(request, *args, **kwargs)

        return limited_view

    return limit_view
