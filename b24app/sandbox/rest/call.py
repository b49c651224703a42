"""One call of one REST method, and the checks several methods share."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from b24app.sandbox.rest.errors import RestError, access_denied
from b24app.sandbox.state import PortalState, Sender, Token, User
from b24app.sandbox.world import World

CODE_PATTERN = re.compile(r"[a-z0-9.\-_]+", re.IGNORECASE | re.ASCII)
PAGE_SIZE = 50


@dataclass
class Call:
    """The arguments of a method; the names in `params` are upper-cased, `auth`, `start` and `state` are removed.

    `start` is the first row of the requested page.
    """

    world: World
    portal: PortalState
    token: Token
    user: User
    params: dict[str, object]
    start: int = 0

    def text(self, name: str) -> str:
        """Return a parameter as text; "" where it is missing or an array."""
        value = self.params.get(name)
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""

    def number(self, name: str) -> int:
        """Return a parameter as an integer; 0 where it is not one."""
        return int(self.text(name)) if self.text(name).isdecimal() else 0

    @property
    def owner(self) -> str:
        """Whose senders, handlers and placements this call sees: "" for our application, else another's client_id."""
        return "" if self.token.client_id == self.world.client_of(self.portal) else self.token.client_id

    @property
    def senders(self) -> dict[str, Sender]:
        """The calling application's senders by code."""
        return self.portal.other_senders.setdefault(self.owner, {}) if self.owner else self.portal.senders

    def page(self, rows: Sequence[object]) -> "Page":
        """Return the requested page of a list."""
        end = self.start + PAGE_SIZE
        return Page(list(rows[self.start : end]), len(rows), end if end < len(rows) else None)

    def need_application(self) -> None:
        """Refuse a token that belongs to no application."""
        if not self.token.client_id or self.token.client_id == "webhook":
            raise access_denied("Application context required")

    def need_admin(self) -> None:
        """Refuse a user who is not a portal administrator."""
        if not self.user.admin:
            raise access_denied()


@dataclass(frozen=True)
class Page:
    """Part of a list, with the total and where the next page begins, None on the last one."""

    rows: list[object]
    total: int
    next: int | None


Function = Callable[[Call], object]


@dataclass(frozen=True)
class Method:
    """A REST method and the scope it needs: "" for none, several separated by spaces where any of them suffices."""

    scope: str
    function: Function


def is_empty(value: object) -> bool:
    """Return PHP's empty(): true also for "0" and empty arrays."""
    return value in (None, "", "0", 0, False, [], {})


def check_handler(call: Call, url: str) -> None:
    """Check like HandlerHelper::checkCallback: a dot inside the host, http or https (docs/bitrix24.md D.1 step 6).

    Older portals (`same_host_only`) also want the application's own host.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if host.find(".") < 1:
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    if parts.scheme not in {"http", "https"}:
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported handler protocol")
    if call.portal.switches.same_host_only and host != urlsplit(call.world.app_url).hostname:
        raise RestError("ERROR_HANDLER_URL_MATCH", "Handler URL host doesn't match application url")
