"""One call of one REST method, and the checks several methods share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from b24app.sandbox.rest.errors import RestError, access_denied
from b24app.sandbox.state import PortalState, Token, User
from b24app.sandbox.world import World

CODE_PATTERN = re.compile(r"[a-z0-9.\-_]+", re.IGNORECASE | re.ASCII)


@dataclass
class Call:
    """What a method gets to see; the names in `params` are upper-cased, `auth`, `start` and `state` are gone."""

    world: World
    portal: PortalState
    token: Token
    user: User
    params: dict[str, object]

    def text(self, name: str) -> str:
        """A parameter as text; "" where it is missing or an array."""
        value = self.params.get(name)
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""

    def number(self, name: str) -> int:
        """A parameter as a whole number, 0 where it is none."""
        return int(self.text(name)) if self.text(name).isdecimal() else 0

    def need_application(self) -> None:
        """Refuse a token that belongs to no application."""
        if not self.token.client_id or self.token.client_id == "webhook":
            raise access_denied("Application context required")

    def need_admin(self) -> None:
        """Refuse whoever is not a portal administrator."""
        if not self.user.admin:
            raise access_denied()


Function = Callable[[Call], object]


@dataclass(frozen=True)
class Method:
    """A REST method and the scope it needs ("" for none)."""

    scope: str
    function: Function


def empty(value: object) -> bool:
    """PHP's empty(): also "0" and empty arrays."""
    return value in (None, "", "0", 0, False, [], {})


def check_handler(url: str) -> None:
    """HandlerHelper::checkCallback: a host with a dot not in front, http or https (platform.md D.1 step 6)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if host.find(".") < 1:
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    if parts.scheme not in {"http", "https"}:
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported handler protocol")
