"""Asking the OAuth servers in turn; which of them a portal belongs to is remembered (docs/bitrix24.md L8)."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.conf import settings

from b24app.portals.models import Portal
from b24app.portals.rest.error_policy import TRANSIENT
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect

log = structlog.get_logger(__name__)

MAX_SECONDS = 30  # of asking before another server is tried: with its answer this is less than a token's lease

T = TypeVar("T")


def ask_in_turn(portal: Portal, ask: Callable[[str], T]) -> tuple[T, str]:
    """Return the answer of the first server that has one, and that server's host; the portal's own is asked first.

    Where that one is silent, another's refusal proves nothing: it may not know the portal. Raise ErrorResponse as the
    portal's own server says, otherwise NoResponse or Redirect.
    """
    until = time.monotonic() + MAX_SECONDS
    silence: NoResponse | Redirect = NoResponse("no authorization server may be asked", reached=False)
    for position, host in enumerate(_hosts(portal)):
        if time.monotonic() > until:
            break
        try:
            return ask(host), host
        except (NoResponse, Redirect) as error:
            silence = error if position == 0 else silence
            log.warning("oauth_server_silent", host=host)
        except ErrorResponse as error:
            if position == 0 and error.code not in TRANSIENT:
                raise
            log.warning("oauth_server_refuses", host=host, code=error.code)
            silence = NoResponse(f"{error.code}: {error.message}") if position == 0 else silence
    raise silence


def _hosts(portal: Portal) -> list[str]:
    """Return the allowed servers, the portal's own first: our secret goes nowhere else."""
    return sorted(settings.B24_OAUTH_HOSTS, key=lambda host: host != portal.oauth_host)
