"""SMPP 3.4: a connection to the operator's own message centre (SMSC), kept open by `manage.py smpp`.

API:     https://smpp.org/SMPP_v3_4_Issue1_2.pdf
Sandbox: OsmoMSC (Debian's osmo-msc), or any SMSC simulator; `make interop` starts the first
Checked: 2026-11-25 against smpplib 2.2.4's tables, OsmoMSC 1.9, Kannel 1.4.5 and the sources in docs/services/smpp.md
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from providers.kit import advice
from providers.kit.contract import Account, Provider, Report, Reports, Sms
from providers.kit.errors import Hint, Reason, SmsError, Unreachable, error_for_code
from providers.kit.fields import Choice, Host, Number, Secret, Step, Text
from providers.kit.http import Exchange
from providers.kit.i18n import _
from providers.kit.listing import Colour, Group, Listing, Mark, SenderIds
from providers.kit.smpp.command_status import DESCRIPTIONS
from providers.kit.smpp.encoding import (
    ASCII,
    DEFAULT_LATIN,
    LATIN,
    UCS2,
    encode_text,
    numbering_fields,
    source_address,
    split_text,
)
from providers.kit.smpp.pdu import Pdu, read_c_string
from providers.kit.smpp.receipts import read_receipt
from providers.kit.smpp.wire import Lost, Wire, describe_failure

OK, ALREADY_BOUND = "0x00", "0x05"

_BUSY = _("The service can’t accept messages right now. We retry automatically.")
_BIND = _("The service rejected the bind. Check the credentials and ask how many binds are allowed.")
_TYPE = _("The service does not know this system type. Ask for the correct value; it is often empty.")
_PARTS = _("Ask the service how it handles long texts and which number format it expects, and set both in the account.")

_STATUSES: Mapping[str, tuple[Reason, str]] = {
    # What Kannel's own SMPP client takes for passing, it tries again: 0x08, 0x14, 0x58, 0x64.
    "0x58": ("throttled", advice.SLOW_DOWN),
    "0x14": ("throttled", advice.QUEUE_FULL),
    "0x08": ("unreachable", _BUSY),
    "0x64": ("unreachable", _BUSY),
    "0x04": ("unreachable", _BUSY),
    "0x05": ("unreachable", _("The account is already bound. Stop the other application, or wait a minute.")),
    "0x0D": ("auth", _BIND),
    "0x0E": ("auth", advice.CREDENTIALS),
    "0x0F": ("auth", advice.CREDENTIALS),
    "0x53": ("auth", _TYPE),
    "0x0A": ("invalid_request", advice.SENDER),
    "0x48": ("invalid_request", advice.SENDER),
    "0x49": ("invalid_request", advice.SENDER),
    "0x0B": ("invalid_number", advice.NUMBER),
    "0x50": ("invalid_number", _PARTS),
    "0x51": ("invalid_number", _PARTS),
    "0x33": ("invalid_number", advice.NUMBER),
    "0x01": ("invalid_request", advice.TOO_LONG),
    "0x02": ("invalid_request", advice.OURS),
    "0x03": ("invalid_request", advice.OURS),
    "0x06": ("invalid_request", advice.OURS),
    "0x07": ("invalid_request", advice.OURS),
    "0x15": ("invalid_request", advice.OURS),
    "0x42": ("invalid_request", advice.OURS),
    "0x43": ("invalid_request", _PARTS),
    "0x54": ("invalid_request", advice.OURS),
    "0x61": ("invalid_request", advice.OURS),
    "0x62": ("invalid_request", _("The service rejected the validity period. Change or clear it in the account.")),
    "0x63": ("invalid_request", advice.OURS),
    "0xC0": ("invalid_request", _PARTS),
    "0xC1": ("invalid_request", _PARTS),
    "0xC2": ("invalid_request", _PARTS),
    "0xC3": ("invalid_request", _PARTS),
    "0xC4": ("invalid_request", _PARTS),
    "0x45": ("rejected", advice.NO_REASON),
    "0x65": ("rejected", advice.NO_REASON),
    "0x66": ("rejected", advice.NO_REASON),
    "0xFE": ("rejected", advice.NO_REASON),
    "0xFF": ("rejected", advice.NO_REASON),
}
_STATS = {
    "UNDELIV": advice.NO_REASON,
    "EXPIRED": advice.EXPIRED,
    "DELETED": advice.STOPPED,
    "REJECTD": advice.OPERATOR,
}
# Refusals of a bind that often pass: another bind of ours has not been forgotten there yet. Kannel goes on too.
_MAY_PASS = {"0x05", "0x0D"}

# -- the service -------------------------------------------------------------------------------------------------------

_NUMBERINGS = tuple((pair, pair.replace("/", " / ")) for pair in ("1/1", "0/0", "0/1", "1/0", "2/1", "3/0", "5/0"))
BIND_IN, CONNECT_IN = 10.0, 5.0  # seconds
STATUS_TEXT = 0x001D


class Smpp(Provider):
    """No HTTP: `dial` returns a bound wire; `parts`, `receipt` and `refusal` translate what passes over it."""

    code = "smpp"
    title = "SMPP"
    docs = "https://smpp.org/"
    listing = Listing(
        about=_("A permanent SMPP 3.4 connection to an operator or an SMS center."),
        other_names=("SMSC",),
        sender_ids=SenderIds.GATEWAY,
        group=Group.EQUIPMENT,
        mark=Mark(Colour.SLATE, "M8 3L2 8l6 5v-3h14V6H8zM16 11l6 5-6 5v-3H2v-4h14z"),
    )
    speaks = "smpp"
    fields = (
        Host("host", _("SMSC host name"), placeholder="smpp.example.com"),
        Number("port", _("Port"), min=1, max=65535, default="2775", directs=True),
        Choice("tls", _("Encryption"), choices=(("no", _("None")), ("yes", "TLS")), default="no", directs=True),
        Text("system_id", "System ID", help=_("Provided by the service.")),
        Secret("password", _("Password"), help=_("Provided by the service.")),
        Text("system_type", "System type", required=False, advanced=True),
        Choice(
            "source_numbering",
            _("TON / NPI of the sender ID"),
            choices=(("auto", _("Based on the sender ID")), *_NUMBERINGS),
            default="auto",
            advanced=True,
        ),
        Choice("dest_numbering", _("TON / NPI of the recipient"), choices=_NUMBERINGS, default="1/1", advanced=True),
        Choice(
            "data_coding",
            _("Character encoding"),
            choices=(
                ("gsm", "GSM 7-bit (data_coding 0)"),
                (DEFAULT_LATIN, "Latin-1 (data_coding 0)"),
                (LATIN, "Latin-1 (data_coding 3)"),
                (ASCII, "ASCII (data_coding 1)"),
                (UCS2, "UCS-2 (data_coding 8)"),
            ),
            help=_("The default alphabet of the service. Other characters are sent as UCS-2."),
            default="gsm",
            advanced=True,
        ),
        Choice(
            "long_text",
            _("Long messages"),
            choices=(
                ("udh", "UDH, 8-bit reference"),
                ("udh16", "UDH, 16-bit reference"),
                ("sar", "sar_* parameters"),
                ("payload", "message_payload"),
            ),
            default="udh",
            advanced=True,
        ),
        Choice(
            "registered_delivery",
            advice.REPORTS,
            choices=(
                ("1", _("For every message")),
                ("17", _("For every message, including intermediate statuses")),
                ("2", _("For failures only")),
                ("0", _("None")),
            ),
            default="1",
            advanced=True,
        ),
        Number("validity", _("Validity period (hours)"), min=1, max=720, required=False, advanced=True),
        Number(
            "window",
            _("Window"),
            help=_("How many unanswered messages are allowed at the same time."),
            min=1,
            max=100,
            default="10",
            advanced=True,
        ),
    )
    setup = (Step(advice.REPORTS, _("No setup needed: reports arrive over the same connection.")),)
    reports = Reports.PUSHED
    identified_by = ("host", "port", "system_id")
    concurrency = 10
    hints = {
        **{status: Hint(reason, words) for status, (reason, words) in _STATUSES.items()},
        **{word: Hint("", words) for word, words in _STATS.items()},
    }
    tested = "contract"

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port; a port that was written behind the host counts first."""
        parts = urlsplit(f"//{self.account['host']}")
        return parts.hostname or "", parts.port or int(self.account["port"])

    @property
    def where(self) -> str:
        """Return host and port for people."""
        return f"{self.address[0]}:{self.address[1]}"

    def check(self) -> Account:
        try:
            self.dial().leave()
        except Unreachable as error:
            if error.code != ALREADY_BOUND:  # which is said to those only whose credentials are good
                raise
        return Account(label=self.account["system_id"])

    def dial(self, *, patient: bool = False) -> Wire:
        """Connect and bind; with `patient`, refusals that may pass are `Unreachable`. Raise SmsError."""
        at, started = datetime.now(UTC), time.monotonic()
        answer, failure, wire = None, None, None
        try:
            wire = Wire(self.http.dial(*self.address, CONNECT_IN, tls=self.account["tls"] == "yes"))
            answer = wire.ask("bind_transceiver", BIND_IN, **self._bind_fields())
            failure = self.refusal(answer, patient=patient)
        except SmsError as error:
            failure = error
        except (OSError, Lost) as error:
            failure = Unreachable(f"{self.where}: {describe_failure(error)}")
        self._record_bind(answer, failure, at, started)
        if failure is None and wire is not None:
            return wire
        if wire is not None:
            wire.close()
        raise failure or Unreachable()

    def parts(self, sms: Sms) -> list[dict[str, Any]]:
        """Return the fields of one submit_sm for each part; raise `Rejected` for what the protocol cannot express."""
        source, numbering = source_address(sms.sender, self.account["source_numbering"])
        hours = int(self.account["validity"] or 0)
        common = {
            "source_addr": source,
            **numbering_fields("source", numbering),
            "destination_addr": sms.to.removeprefix("+"),
            **numbering_fields("dest", self.account["dest_numbering"]),
            "registered_delivery": int(self.account["registered_delivery"]),
            "validity_period": f"0000{hours // 24:02}{hours % 24:02}0000000R" if hours else "",
        }
        coding, units, one, each = encode_text(sms.text, self.account["data_coding"])
        if sum(map(len, units)) <= one:
            return [{**common, "data_coding": coding, "short_message": b"".join(units)}]
        return [
            {**common, "data_coding": coding, **part}
            for part in split_text(units, each, self.account["long_text"], sms.reference)
        ]

    def receipt(self, pdu: Pdu) -> Report | None:
        """Return what a deliver_sm or data_sm reports about a message; None where it is no receipt."""
        return read_receipt(pdu)

    def refusal(self, pdu: Pdu, *, patient: bool = False) -> SmsError | None:
        """Return the error that an answer stands for, None for a good one."""
        if not pdu.status:
            return None
        code = status_code(pdu.status)
        words = read_c_string(pdu.tlvs.get(STATUS_TEXT, b"")) or DESCRIPTIONS.get(pdu.status, "")
        error = error_for_code(code, self.http.strike(words)[:500], self.hints)
        if patient and code in _MAY_PASS:
            return Unreachable(error.words, code=code, hint=error.hint)
        return error

    def _bind_fields(self) -> dict[str, str]:
        return {name: self.account[name] for name in ("system_id", "password", "system_type")}

    def _record_bind(self, answer: Pdu | None, failure: SmsError | None, at: datetime, started: float) -> None:
        self.http.note(
            Exchange(
                at=at,
                method="SMPP",
                host=self.where,
                path="/bind_transceiver",
                status=exchange_status(answer),
                ms=round((time.monotonic() - started) * 1000),
                request=f"bind_transceiver system_id={self.account['system_id']}",
                response=f"{answer.command} {status_code(answer.status)}" if answer else "",
                error=str(failure) if failure else "",
            )
        )


def status_code(status: int) -> str:
    """Return a command_status as people write it."""
    return f"0x{status:02X}"


def exchange_status(answer: Pdu | None) -> int:
    """Return the status that an exchange records: 0 there means no answer, so a good answer is HTTP's 200."""
    return 0 if answer is None else min(answer.status, 32_767) or 200
