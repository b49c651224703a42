"""What a call to a portal may raise, named by what the caller has to do about it."""

from datetime import datetime


class PortalError(Exception):
    """A call brought no result: `code` in capitals and `message` as the portal gave them, without any secret."""

    def __init__(self, code: str = "", message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


class PortalRefused(PortalError):
    """The method refused (validation, not found, a missing scope …); nothing else happened."""

    @property
    def is_already_bound(self) -> bool:
        """Whether an event or tab is bound already, which is success (docs/bitrix24.md F.3)."""
        return "already binded" in self.message.lower()  # Bitrix24's own spelling


class ConfirmationRequired(PortalRefused):
    """An administrator has to allow the method in Bitrix24 (METHOD_CONFIRM_WAITING), or has not (…_DENIED)."""

    @property
    def is_denied(self) -> bool:
        """Whether it was denied; otherwise it may be allowed any minute."""
        return self.code == "METHOD_CONFIRM_DENIED"


class Postponed(PortalRefused):
    """One command of a batch was not executed, or not surely; the portal's row says when to repeat it."""


class NotNow(PortalError):
    """A limit, an overload, a lapsed plan or payment; the portal's row is already updated."""

    def __init__(self, code: str = "", message: str = "", until: datetime | None = None) -> None:
        super().__init__(code, message)
        self.until = until


class MethodPaused(NotNow):
    """This method may not be called before `until`; the portal's other methods may."""


class InDoubt(PortalError):
    """No answer, a time-out, a 5xx, not JSON: the call may or may not have worked."""


class Busy(InDoubt):
    """Too many callers are being identified at the moment: nobody was asked, and the call may be tried again soon."""


class NoToken(PortalError):
    """No usable administrator's token is left; an administrator must open the application or reconnect."""


class PortalGone(PortalError):
    """Uninstalled or deleted, as far as the portal or the OAuth server says; the portal's row says so too.

    `is_suspected`: not for long enough to be believed, and what was ours is kept.
    """

    def __init__(self, code: str = "", message: str = "", *, is_suspected: bool = False) -> None:
        super().__init__(code, message)
        self.is_suspected = is_suspected


class NotOurs(PortalError):
    """The caller is not who it claims to be, or its portal cannot be served; `message` may be shown to people."""


class BadTicket(Exception):
    """A page ticket is forged, damaged or has expired."""
