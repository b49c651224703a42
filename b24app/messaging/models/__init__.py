"""Every table of messaging. Classes that all packages use are imported from here, others from their own module."""

from b24app.messaging.models.app_events import AppEvent
from b24app.messaging.models.connections import Connection, ConnectionState, LeaseTakeover
from b24app.messaging.models.dead_letters import DeadLetter
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import CapUse, Rules, StoppedNumber
from b24app.messaging.models.maintenance import AddressKeyUse, MaintenanceJob
from b24app.messaging.models.messages import NEWEST_FIRST, Message, MessagePart
from b24app.messaging.models.notices import Notice, NoticeRules
from b24app.messaging.models.reports import DeliveryReport
from b24app.messaging.models.senders import Sender, SenderState
from b24app.messaging.models.statistics import DayBreakdown, DayTally, MonthBreakdown, SetAsideClimb, UncountedClimb

__all__ = [
    "NEWEST_FIRST",
    "AddressKeyUse",
    "AppEvent",
    "CapUse",
    "Connection",
    "ConnectionState",
    "DayBreakdown",
    "DayTally",
    "DeadLetter",
    "DeliveryReport",
    "Erasure",
    "LeaseTakeover",
    "MaintenanceJob",
    "Message",
    "MessagePart",
    "MonthBreakdown",
    "Notice",
    "NoticeRules",
    "Rules",
    "Sender",
    "SenderState",
    "SetAsideClimb",
    "StoppedNumber",
    "UncountedClimb",
]
