"""What a session tells the dispatcher: that it is bound or is not, and that receipts wait."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.kit.errors import SmsError
from providers.kit.http import Exchange
from providers.kit.smpp.wire import Wire

if TYPE_CHECKING:
    from b24app.messaging.smpp.session import Session


@dataclass(frozen=True, slots=True)
class Bound:
    """The session is bound. `trusted` unless the previous bind broke before anything was answered."""

    session: "Session"
    exchanges: list[Exchange]
    trusted: bool


@dataclass(frozen=True, slots=True)
class Unbound:
    """An attempt to bind failed, and why."""

    session: "Session"
    exchanges: list[Exchange]
    error: SmsError


@dataclass(frozen=True, slots=True)
class ReceiptsWaiting:
    """The session has receipts to take. Sent once, until all are taken."""

    session: "Session"


SessionEvent = Bound | Unbound | ReceiptsWaiting
DialResult = tuple[Wire | SmsError, list[Exchange]]
