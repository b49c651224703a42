"""What can become of a call to a portal, named by what the caller has to do about it."""

from datetime import datetime


class PortalError(Exception):
    """A call did not bring a result: `code` in capitals and `words` as the portal gave them, without any secret."""

    def __init__(self, code: str = "", words: str = "") -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words

    def __str__(self) -> str:
        return f"{self.code}: {self.words}" if self.words else self.code


class Refused(PortalError):
    """The method said no (validation, not found, a missing scope …); nothing else happened."""


class Postponed(Refused):
    """One command of a batch was not taken, or not surely; the portal's row says when to repeat it."""


class NotNow(PortalError):
    """A limit, an overload, a lapsed plan or payment; the portal's row is already updated."""

    def __init__(self, code: str = "", words: str = "", until: datetime | None = None) -> None:
        super().__init__(code, words)
        self.until = until


class InDoubt(PortalError):
    """No answer, a time-out, a 5xx, not JSON: the call may or may not have worked."""


class Busy(InDoubt):
    """Too many callers ask who they are at the moment: nobody was asked, and the call may be tried again soon."""


class NoToken(PortalError):
    """No living administrator's token is left; an administrator must open the application or reconnect."""


class PortalGone(PortalError):
    """Uninstalled or deleted, as far as the portal or the OAuth server says; the portal's row says so too."""


class NotOurs(PortalError):
    """The caller is not who it claims to be, or its portal cannot be served; `words` may be shown to people."""


class BadTicket(Exception):
    """A page ticket is forged, spoilt or has expired."""
