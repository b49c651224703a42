"""SMPP 3.4: a connection to the operator's own message centre (SMSC), kept open by `manage.py smpp`.

API:     https://smpp.org/SMPP_v3_4_Issue1_2.pdf
Sandbox: OsmoMSC (Debian's osmo-msc), or any SMSC simulator; `make interop` starts the first
Checked: 2026-11-25 against smpplib 2.2.4's tables, OsmoMSC 1.9, Kannel 1.4.5 and reference/services/smpp34.md
"""

import itertools
import re
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import certifi
from smpplib import command, consts, exceptions, smpp
from smpplib.pdu import extract_command

from providers.kit import advice
from providers.kit.contract import Account, Provider, Report, Reports, Sms, Status
from providers.kit.errors import AccountBlocked, Hint, Reason, Rejected, SmsError, Unreachable, verdict
from providers.kit.fields import Choice, Host, Number, Secret, Step, Text
from providers.kit.guard import AddressRefused, NotConnected
from providers.kit.http import Exchange
from providers.kit.words import _

# -- what the standard says --------------------------------------------------------------------------------------------

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""GSM 03.38 in code order; smpplib's own table lacks some and has others wrong."""
EXTENSION = dict(zip("\f^{}\\[~]|€", b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", strict=True))

RECEIPTED_ID, STATE, NETWORK_ERROR, PAYLOAD, STATUS_TEXT = 0x001E, 0x0427, 0x0423, 0x0424, 0x001D
STATES = ("SCHEDULED", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD")
WORDS = {
    "SCHEDULED": Status.QUEUED,
    "ENROUTE": Status.SENT,
    "BUFFERED": Status.SENT,
    "ACCEPTD": Status.SENT,
    "ACCEPTED": Status.SENT,
    "DELIVRD": Status.DELIVERED,
    "DELIVERED": Status.DELIVERED,
    "UNDELIV": Status.UNDELIVERED,
    "UNDELIVERABLE": Status.UNDELIVERED,
    "EXPIRED": Status.UNDELIVERED,
    "REJECTD": Status.FAILED,
    "REJECTED": Status.FAILED,
    "DELETED": Status.FAILED,
}
RECEIPT, INTERMEDIATE, ACKNOWLEDGED = 0x04, 0x20, 0x08
OK, ALREADY_BOUND, UNKNOWN_COMMAND, COME_AGAIN = "0x00", "0x05", 0x03, 0x64

_BUSY = _("The service cannot take messages for now. It goes on by itself.")
_BIND = _("The service refused the bind. Compare the credentials, and ask how many binds the account may hold at once.")
_TYPE = _("The service does not know this system type. Ask it for the right one; often it is empty.")
_PARTS = _("Ask the service how it takes long texts and which numbering it expects, and choose that in the account.")

_STATUSES: Mapping[str, tuple[Reason, str]] = {
    # What Kannel's own SMPP client takes for passing, it tries again: 0x08, 0x14, 0x58, 0x64.
    "0x58": ("throttled", advice.SLOW_DOWN),
    "0x14": ("throttled", advice.QUEUE_FULL),
    "0x08": ("unreachable", _BUSY),
    "0x64": ("unreachable", _BUSY),
    "0x04": ("unreachable", _BUSY),
    "0x05": ("unreachable", _("The account is bound already. Stop the other program that uses it, or wait a minute.")),
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
    "0x62": ("invalid_request", _("The service does not accept the validity. Change or empty it in the account.")),
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
_LATIN, _ASCII, _UCS2, _DEFAULT_LATIN = "latin1", "ia5", "ucs2", "default_latin1"
_CODINGS = {"gsm": (0, ""), _DEFAULT_LATIN: (0, "latin-1"), _LATIN: (3, "latin-1"), _ASCII: (1, "ascii")}
_EIGHT_BIT = (3,)
CONNECT_IN, BIND_IN, LEAVE_IN = 5.0, 10.0, 2.0  # seconds
LONGEST_ADDRESS = 20
SHORT_CODE = 6  # digits at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One unit of the protocol as it was read; `fields` and `tlvs` are raw."""

    command: str
    status: int
    sequence: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    tlvs: Mapping[int, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A C-octet string of the body, "" if absent."""
        return _c_string(self.fields.get(name) or b"")


class Smpp(Provider):
    """No HTTP: `dial` gives the process a bound wire; `parts`, `receipt` and `refusal` are what passes over it."""

    code = "smpp"
    title = "SMPP"
    docs = "https://smpp.org/"
    speaks = "smpp"
    fields = (
        Host("host", _("Host name of the SMSC"), placeholder="smpp.example.com"),
        Number("port", _("Port"), min=1, max=65535, default="2775"),
        Choice("tls", _("Encryption"), choices=(("no", _("None")), ("yes", "TLS")), default="no"),
        Text("system_id", "System ID", help=_("The service gives it to you.")),
        Secret("password", _("Password"), help=_("The service gives it to you.")),
        Text("system_type", "System type", required=False, advanced=True),
        Choice(
            "source_numbering",
            _("TON / NPI of the sender"),
            choices=(("auto", _("By what the sender looks like")), *_NUMBERINGS),
            default="auto",
            advanced=True,
        ),
        Choice("dest_numbering", _("TON / NPI of the number"), choices=_NUMBERINGS, default="1/1", advanced=True),
        Choice(
            "data_coding",
            _("Alphabet"),
            choices=(
                ("gsm", "GSM 7-bit (data_coding 0)"),
                (_DEFAULT_LATIN, "Latin-1 (data_coding 0)"),
                (_LATIN, "Latin-1 (data_coding 3)"),
                (_ASCII, "ASCII (data_coding 1)"),
                (_UCS2, "UCS-2 (data_coding 8)"),
            ),
            help=_("What the service takes for its default alphabet. What does not fit goes as UCS-2."),
            default="gsm",
            advanced=True,
        ),
        Choice(
            "long_text",
            _("Long texts"),
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
            _("Delivery reports"),
            choices=(
                ("1", _("Of every message")),
                ("17", _("Of every message, also on the way")),
                ("2", _("Of failures only")),
                ("0", _("None")),
            ),
            default="1",
            advanced=True,
        ),
        Number("validity", _("Validity in hours"), min=1, max=720, required=False, advanced=True),
        Number(
            "window",
            _("Window"),
            help=_("How many messages may wait for an answer at once."),
            min=1,
            max=100,
            default="10",
            advanced=True,
        ),
    )
    setup = (Step(advice.REPORTS, _("Nothing to do: they come over the same connection.")),)
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
        """Host and port; a port that was written behind the host counts first."""
        parts = urlsplit(f"//{self.account['host']}")
        return parts.hostname or "", parts.port or int(self.account["port"])

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.address[0]}:{self.address[1]}"

    def check(self) -> Account:
        try:
            self.dial().leave()
        except Unreachable as error:
            if error.code != ALREADY_BOUND:  # which is said to those only whose credentials are good
                raise
        return Account(label=self.account["system_id"])

    def dial(self, *, patient: bool = False) -> "Wire":
        """Connect and bind; `patient` takes refusals that may pass for `Unreachable`. Raises SmsError."""
        at, started = datetime.now(UTC), time.monotonic()
        answer, failure, wire = None, None, None
        try:
            wire = Wire(self._connect())
            answer = wire.ask("bind_transceiver", BIND_IN, **self._credentials())
            failure = self.refusal(answer, patient=patient)
        except SmsError as error:
            failure = error
        except (OSError, Lost) as error:
            failure = Unreachable(f"{self.where}: {_why(error)}")
        self._note("bind_transceiver", answer, failure, at, started)
        if failure is None and wire is not None:
            return wire
        if wire is not None:
            wire.close()
        raise failure or Unreachable()

    def parts(self, sms: Sms) -> list[dict[str, Any]]:
        """The fields of one submit_sm for each part; raises `Rejected` for what the protocol cannot tell."""
        source, numbering = _source(sms.sender, self.account["source_numbering"])
        hours = int(self.account["validity"] or 0)
        common = {
            "source_addr": source,
            **_numbered("source", numbering),
            "destination_addr": sms.to.removeprefix("+"),
            **_numbered("dest", self.account["dest_numbering"]),
            "registered_delivery": int(self.account["registered_delivery"]),
            "validity_period": f"0000{hours // 24:02}{hours % 24:02}0000000R" if hours else "",
        }
        coding, units, one, each = _encoded(sms.text, self.account["data_coding"])
        if sum(map(len, units)) <= one:
            return [{**common, "data_coding": coding, "short_message": b"".join(units)}]
        return [{**common, "data_coding": coding, **part} for part in self._split(units, each, sms.reference)]

    def receipt(self, pdu: Pdu) -> Report | None:
        """What a deliver_sm or data_sm says of a message; None where it is no receipt."""
        return read_receipt(pdu)

    def refusal(self, pdu: Pdu, *, patient: bool = False) -> SmsError | None:
        """The error that an answer stands for, None for a good one."""
        if not pdu.status:
            return None
        code = status_code(pdu.status)
        words = _c_string(pdu.tlvs.get(STATUS_TEXT, b"")) or consts.DESCRIPTIONS.get(pdu.status, "")
        error = verdict(code, self.http.strike(words)[:500], self.hints)
        if patient and code in _MAY_PASS:
            return Unreachable(error.words, code=code, hint=error.hint)
        return error

    def _split(self, units: Sequence[bytes], each: int, reference: str) -> Iterator[dict[str, Any]]:
        mode = self.account["long_text"]
        if mode == "payload":
            yield {"message_payload": b"".join(units)}
            return
        wide = int(reference[:4], 16)
        bodies = _filled(units, each - (1 if mode == "udh16" else 0))
        if len(bodies) > 255:
            raise Rejected(reason="invalid_request", hint=advice.TOO_LONG)
        for number, body in enumerate(bodies, 1):
            if mode == "sar":
                numbers = {"sar_total_segments": len(bodies), "sar_segment_seqnum": number}
                yield {"short_message": body, "sar_msg_ref_num": wide, **numbers}
            elif mode == "udh16":
                yield {"short_message": struct.pack(">BBBHBB", 6, 8, 4, wide, len(bodies), number) + body, **_UDHI}
            else:
                yield {"short_message": bytes((5, 0, 3, wide >> 8, len(bodies), number)) + body, **_UDHI}

    def _credentials(self) -> dict[str, str]:
        return {name: self.account[name] for name in ("system_id", "password", "system_type")}

    def _connect(self) -> socket.socket:
        # The house's door is for HTTP; a wire of another kind passes the same guard and is written down the same way.
        door = self.http
        if door._proxies:
            raise Unreachable(_("SMPP does not pass the proxy of this installation."))
        host, port = self.address
        try:
            connected = door._guard.connect(host, port, CONNECT_IN, None)
        except AddressRefused:
            raise AccountBlocked(
                f"{self.where}: {_('this address may not be reached from here.')}",
                hint=_("The host name leads to a private or reserved address. Use the public address of the service."),
            ) from None
        except (NotConnected, UnicodeError) as error:
            raise Unreachable(f"{self.where}: {_why(error)}") from None
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.account["tls"] != "yes":
            return connected
        trusted = door._verify if isinstance(door._verify, str) else certifi.where()
        try:
            return ssl.create_default_context(cafile=trusted).wrap_socket(connected, server_hostname=host)
        except OSError:
            connected.close()
            raise

    def _note(self, asked: str, answer: Pdu | None, failure: SmsError | None, at: datetime, started: float) -> None:
        self.http._record(
            Exchange(
                at=at,
                method="SMPP",
                host=self.where,
                path=f"/{asked}",
                status=exchange_status(answer),
                ms=round((time.monotonic() - started) * 1000),
                request=self.http.strike(f"{asked} system_id={self.account['system_id']}"),
                response=f"{answer.command} {status_code(answer.status)}" if answer else "",
                error=str(failure) if failure else "",
            )
        )


def status_code(status: int) -> str:
    """A command_status as people write it."""
    return f"0x{status:02X}"


def exchange_status(answer: Pdu | None) -> int:
    """The number an exchange keeps: 0 says there that no answer came, so a good one is HTTP's 200."""
    return 0 if answer is None else min(answer.status, 32_767) or 200


# -- a text on the wire ------------------------------------------------------------------------------------------------

_UDHI = {"esm_class": 0x40}


def _encoded(text: str, alphabet: str) -> tuple[int, list[bytes], int, int]:
    """data_coding, the bytes of each character, and how many fit into a message and into each of several."""
    text = text.encode("utf-16", "replace").decode("utf-16")  # half a surrogate pair has no bytes
    if alphabet in _CODINGS:
        coding, codec = _CODINGS[alphabet]
        try:
            units = [one.encode(codec) for one in text] if codec else [_gsm(one) for one in text]
        except (UnicodeError, ValueError):
            pass
        else:
            return (coding, units, 140, 134) if coding in _EIGHT_BIT else (coding, units, 160, 153)
    return 8, [one.encode("utf-16-be") for one in text], 140, 134


def _gsm(char: str) -> bytes:
    """One byte, or escape and another; raises ValueError."""
    if char in EXTENSION:
        return bytes((0x1B, EXTENSION[char]))
    if char == "\x1b":
        raise ValueError
    return bytes((GSM.index(char),))


def _filled(units: Sequence[bytes], room: int) -> list[bytes]:
    """Bodies of parts, of which none cuts a character; UCS-2 leaves an odd byte empty."""
    bodies = [b""]
    for unit in units:
        if len(bodies[-1]) + len(unit) > room:
            bodies.append(b"")
        bodies[-1] += unit
    return bodies


def _source(sender: str, numbering: str) -> tuple[str, str]:
    """The address of the sender and its numbering."""
    digits = sender.removeprefix("+")
    is_number = digits.isascii() and digits.isdecimal()
    address = digits if is_number else sender
    try:
        address.encode("latin-1")
    except UnicodeError:
        address = ""
    if len(address) > LONGEST_ADDRESS or (sender and not address) or "\0" in address:
        raise Rejected(reason="invalid_request", hint=advice.SENDER)
    if numbering != "auto":
        return address, numbering
    if not address:
        return address, "0/0"
    if not is_number:
        return address, "5/0"
    return address, "3/0" if len(digits) <= SHORT_CODE and digits == sender else "1/1"


def _numbered(which: str, numbering: str) -> dict[str, int]:
    ton, _slash, npi = numbering.partition("/")
    return {f"{which}_addr_ton": int(ton), f"{which}_addr_npi": int(npi)}


# -- receipts ----------------------------------------------------------------------------------------------------------

_ID = re.compile(r"\bid:\s*(\S+)", re.IGNORECASE)
_STAT = re.compile(r"\bstat:\s*(\w+)", re.IGNORECASE)
_ERR = re.compile(r"\berr:\s*(\w+)", re.IGNORECASE)
_QUOTED = re.compile(r"\btext:", re.IGNORECASE)


def read_receipt(pdu: Pdu) -> Report | None:
    """Parameters win over the text. That a text looks like a receipt makes it none: anybody may write one."""
    kind = int(pdu.fields.get("esm_class") or 0) & 0x3C
    if kind not in {RECEIPT, INTERMEDIATE, ACKNOWLEDGED} and RECEIPTED_ID not in pdu.tlvs:
        return None
    said = _QUOTED.split(_receipt_text(pdu))[0]
    ref = _c_string(pdu.tlvs.get(RECEIPTED_ID, b"")) or _first(_ID, said)
    word = _state(pdu) or _first(_STAT, said).upper()
    if not ref or not word:
        return Report(ref=ref, status=None, word=word)
    status = WORDS.get(word)
    if kind == INTERMEDIATE and status in {Status.UNDELIVERED, Status.FAILED}:
        status = Status.SENT  # one try failed; the final word is still to come
    err = _network_error(pdu) or _first(_ERR, said)
    failed = status in {Status.UNDELIVERED, Status.FAILED}
    return Report(
        ref=ref,
        recipient=_recipient(pdu),
        status=status,
        word=word,
        code=word if failed else "",
        detail=f"err:{err[:20]}" if failed and err.strip("0") else "",
    )


def _receipt_text(pdu: Pdu) -> str:
    raw = pdu.tlvs.get(PAYLOAD) or pdu.fields.get("short_message") or b""
    codec = "utf-16-be" if pdu.fields.get("data_coding") == 8 else "latin-1"
    return bytes(raw).decode(codec, "replace").replace("\0", "")


def _state(pdu: Pdu) -> str:
    raw = pdu.tlvs.get(STATE, b"")
    if not raw:
        return ""
    state = int.from_bytes(raw, "big")
    return STATES[state] if state < len(STATES) else f"STATE{state}"


def _network_error(pdu: Pdu) -> str:
    raw = pdu.tlvs.get(NETWORK_ERROR, b"")
    return str(int.from_bytes(raw[1:3], "big")) if len(raw) == 3 and any(raw[1:]) else ""


def _recipient(pdu: Pdu) -> str:
    """A receipt comes from whom the message went to."""
    digits = pdu.text("source_addr").removeprefix("+")
    return f"+{digits}" if pdu.fields.get("source_addr_ton") == 1 and digits else digits


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _c_string(raw: bytes) -> str:
    return bytes(raw).partition(b"\0")[0].decode("latin-1").strip()


# -- the wire ----------------------------------------------------------------------------------------------------------

LONGEST_PDU = 70_000  # bytes; message_payload may have 64 KB
LAST_SEQUENCE = 0x7FFFFFFF


class Lost(Exception):
    """The connection is over. The words hold no address."""


class Wire:
    """A connection to an SMSC, for one thread: what is put goes out, and what came is returned, in `turn`."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.settimeout(0.0)
        self._in, self._out = bytearray(), bytearray()
        self._sequences = itertools.count()
        self._ended = False
        self.heard_at = time.monotonic()

    def put(self, name: str, sequence: int | None = None, status: int = 0, **fields: Any) -> int:
        """Queue a unit, a new one or the answer to `sequence`; returns its sequence number."""
        number = next(self._sequences) % LAST_SEQUENCE + 1 if sequence is None else sequence
        self._out += _generated(name, number, status, fields)
        return number

    def turn(self, seconds: float, bell: int | None = None) -> list[Pdu]:
        """Write and read until something came, `bell` (a file number) can be read, or the time is up; raises Lost."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._out else 0))
        if bell is not None:
            poll.register(bell, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
        self._flush()
        self._fill()
        found = list(self._whole())
        if self._ended and not found:
            raise Lost("the service hung up")
        return found

    def ask(self, name: str, seconds: float, **fields: Any) -> Pdu:
        """Put a unit and wait for its answer; raises Lost, also when none comes in time."""
        sequence, end = self.put(name, **fields), time.monotonic() + seconds
        while time.monotonic() < end:
            for pdu in self.turn(end - time.monotonic()):
                if pdu.sequence == sequence and pdu.command in {f"{name}_resp", "generic_nack"}:
                    return pdu
                if pdu.command == "enquire_link":
                    self.put("enquire_link_resp", pdu.sequence)
        raise Lost("no answer in time")

    def leave(self) -> None:
        """Unbind, for as long as that may take, and hang up."""
        with suppress(Lost, OSError):  # it is over either way
            self.ask("unbind", LEAVE_IN)
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            raise Lost("the connection broke") from None

    def _fill(self) -> None:
        try:
            while piece := self._socket.recv(65_536):
                self._in += piece
                self.heard_at = time.monotonic()
            self._ended = True
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            raise Lost("the connection broke") from None

    def _whole(self) -> Iterator[Pdu]:
        while len(self._in) >= 16:
            (length,) = struct.unpack_from(">L", self._in)
            if not 16 <= length <= LONGEST_PDU:
                raise Lost("the service does not speak SMPP")
            if len(self._in) < length:
                return
            raw = bytes(self._in[:length])
            del self._in[:length]
            pdu = _parsed(raw)
            kind, _status, sequence = struct.unpack_from(">LLL", raw, 4)
            if pdu is not None:
                yield pdu
            elif not kind & 0x80000000:
                self.put("generic_nack", sequence, UNKNOWN_COMMAND)


def _generated(name: str, sequence: int, status: int, fields: Mapping[str, Any]) -> bytes:
    made = smpp.make_pdu(name, client=None, sequence=sequence, status=status, **fields)
    made.sequence = sequence
    if name.startswith("bind_"):
        # smpplib would cut what is longer than the standard has it, and the service refuse the rest.
        longer = command.Param(type=str, max=256)
        made.params = {**made.params, "system_id": longer, "password": longer, "system_type": longer}
    return bytes(made.generate())


def _parsed(raw: bytes) -> Pdu | None:
    """None for what smpplib does not know or cannot read."""
    try:
        made = smpp.make_pdu(extract_command(raw), client=None, sequence=0)
        tlvs: dict[int, bytes] = {}
        made.parse_optional_params = lambda data: tlvs.update(_tlvs(data))
        made.parse(raw)
    except (exceptions.UnknownCommandError, struct.error, ValueError, TypeError, KeyError):
        return None
    fields = {name: getattr(made, name, None) for name in made.params if name not in consts.OPTIONAL_PARAMS}
    return Pdu(command=made.command, status=made.status, sequence=made.sequence, fields=fields, tlvs=tlvs)


def _tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Parameters by tag, whatever their number and length: smpplib stumbles over those it did not expect here."""
    while len(data) >= 4:
        tag, length = struct.unpack_from(">HH", data)
        yield tag, data[4 : 4 + length]
        data = data[4 + length :]


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return "the host name is not known"
    if isinstance(error, TimeoutError):
        return "no answer to the attempt to connect"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate is not valid"
    if isinstance(error, ssl.SSLError):
        return "the service does not speak TLS there"
    return str(error) if isinstance(error, Lost | NotConnected) else "the connection failed"
