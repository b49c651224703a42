"""What waits in a session: parts for their answer, receipts to be stored, and answers to be written."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from providers.kit.contract import Report
from providers.kit.smpp.pdu import Pdu
from providers.kit.smpp.wire import Wire


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedReceipt:
    """A receipt that waits to be stored and answered, and when it came by the monotonic clock."""

    wire: Wire
    command: str
    sequence: int
    report: Report
    at: float


@dataclass(slots=True)
class PendingSubmit:
    """A part of a message whose sender waits for the answer."""

    part: Mapping[str, Any]
    answer: "Future[Pdu]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class ReceiptAnswer:
    """The answer to a receipt, for the very wire the receipt came by."""

    received: ReceivedReceipt
    status: int
