"""One call of one REST method, and the checks several methods share."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from b24app.sandbox.rest.errors import RestError, access_denied
from b24app.sandbox.state import PortalState, Token, User
from b24app.sandbox.world import World

CODE_PATTERN = re.compile(r"[a-z0-9.\-_]+", re.IGNORECASE | re.ASCII)
PAGE_SIZE = 50


@dataclass
class Call:
    """What a method gets to see; the names in `params` are upper-cased, `auth`, `start` and `state` are gone.

    `start` is the first row of the page that is asked for.
    """

    world: World
    portal: PortalState
    token: Token
    user: User
    params: dict[str, object]
    start: int = 0

    def text(self, name: str) -> str:
        """A parameter as text; "" where it is missing or an array."""
        value = self.params.get(name)
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""

    def number(self, name: str) -> int:
        """A parameter as a whole number, 0 where it is none."""
        return int(self.text(name)) if self.text(name).isdecimal() else 0

    def page(self, rows: Sequence[object]) -> "Page":
        """The page of a list that was asked for."""
        end = self.start + PAGE_SIZE
        return Page(list(rows[self.start : end]), len(rows), end if end < len(rows) else None)

    def need_application(self) -> None:
        """Refuse a token that belongs to no application."""
        if not self.token.client_id or self.token.client_id == "webhook":
            raise access_denied("Application context required")

    def need_admin(self) -> None:
        """Refuse whoever is not a portal administrator."""
        if not self.user.admin:
            raise access_denied()


@dataclass(frozen=True)
class Page:
    """Part of a list: its answer says how many there are, and where the next page begins, if there is one."""

    rows: list[object]
    total: int
    next: int | None


Function = Callable[[Call], object]


@dataclass(frozen=True)
class Method:
    """A REST method and the scope it needs: "" for none, several apart by spaces where any of them will do."""

    scope: str
    function: Function


def is_empty(value: object) -> bool:
    """PHP's empty(): also "0" and empty arrays."""
    return value in (None, "", "0", 0, False, [], {})


def check_handler(url: str) -> None:
    """HandlerHelper::checkCallback: a host with a dot not in front, http or https (docs/bitrix24.md D.1 step 6)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if host.find(".") < 1:
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    if parts.scheme not in {"http", "https"}:
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported handler protocol")
