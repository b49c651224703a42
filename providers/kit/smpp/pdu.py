"""The units of SMPP 3.4 (PDU) as bytes, by sections 4 and 5 of the standard: what we send and what an SMSC may send."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

HEAD = 16  # bytes that every unit has: length, command, status and sequence number
RESPONSE = 0x80000000  # of a command: it answers one
VERSION = 0x34
LONGEST_STRING = 255  # bytes

_IDS = {
    "bind_receiver": 0x01,
    "bind_transmitter": 0x02,
    "query_sm": 0x03,
    "submit_sm": 0x04,
    "deliver_sm": 0x05,
    "unbind": 0x06,
    "bind_transceiver": 0x09,
    "enquire_link": 0x15,
    "data_sm": 0x103,
}
COMMANDS: Mapping[str, int] = {
    **_IDS,
    **{f"{name}_resp": number | RESPONSE for name, number in _IDS.items()},
    "alert_notification": 0x102,
    "generic_nack": RESPONSE,
}
_NAMES = {number: name for name, number in COMMANDS.items()}

_ADDRESSES = (
    "service_type",
    "source_addr_ton",
    "source_addr_npi",
    "source_addr",
    "dest_addr_ton",
    "dest_addr_npi",
    "destination_addr",
    "esm_class",
)
_MESSAGE = (
    *_ADDRESSES,
    "protocol_id",
    "priority_flag",
    "schedule_delivery_time",
    "validity_period",
    "registered_delivery",
    "replace_if_present_flag",
    "data_coding",
    "sm_default_msg_id",
    "short_message",
)
LAYOUTS: Mapping[str, tuple[str, ...]] = {
    "bind_transceiver": (
        "system_id",
        "password",
        "system_type",
        "interface_version",
        "addr_ton",
        "addr_npi",
        "address_range",
    ),
    "bind_transceiver_resp": ("system_id",),
    "submit_sm": _MESSAGE,
    "submit_sm_resp": ("message_id",),
    "deliver_sm": _MESSAGE,
    "deliver_sm_resp": ("message_id",),
    "data_sm": (*_ADDRESSES, "registered_delivery", "data_coding"),
    "data_sm_resp": ("message_id",),
    **dict.fromkeys(("unbind", "unbind_resp", "enquire_link", "enquire_link_resp", "generic_nack"), ()),
}
"""The mandatory fields of a body, in order. The bodies of all other commands are nothing to us, and stay unread."""
_BYTES = {
    "source_addr_ton",
    "source_addr_npi",
    "dest_addr_ton",
    "dest_addr_npi",
    "esm_class",
    "protocol_id",
    "priority_flag",
    "registered_delivery",
    "replace_if_present_flag",
    "data_coding",
    "sm_default_msg_id",
    "interface_version",
    "addr_ton",
    "addr_npi",
}
"""Fields of one byte; `short_message` has its length before it, and all others end with NUL."""
_TLVS = {"sar_msg_ref_num": (0x020C, "H"), "sar_total_segments": (0x020E, "B"), "sar_segment_seqnum": (0x020F, "B")}
_PAYLOAD = 0x0424


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One unit of the protocol as it was read; `fields` and `tlvs` are raw, `octets` is its length."""

    command: str
    status: int
    sequence: int
    octets: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    tlvs: Mapping[int, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a C-octet string of the body, "" if absent."""
        return read_c_string(self.fields.get(name) or b"")


def read_c_string(raw: bytes) -> str:
    """Return the text before the first NUL, without blanks around it."""
    return bytes(raw).partition(b"\0")[0].decode("latin-1").strip()


def encode_pdu(command: str, sequence: int, status: int = 0, **fields: Any) -> bytes:
    """Return a unit as bytes; a field that is not given is zero or empty.

    Raises ValueError (UnicodeError included) or `struct.error` for what cannot be written, KeyError for no command.
    """
    values = {"interface_version": VERSION} | fields
    body = b"".join(_encode_field(name, values.pop(name, None)) for name in LAYOUTS[command])
    body += b"".join(
        struct.pack(f">HH{number}", tag, struct.calcsize(number), values.pop(name))
        for name, (tag, number) in _TLVS.items()
        if name in values
    )
    if payload := values.pop("message_payload", b""):
        body += struct.pack(">HH", _PAYLOAD, len(payload)) + payload
    if values.keys() - {"interface_version"}:
        raise ValueError(f"{command} has no {', '.join(sorted(values))}")
    return struct.pack(">LLLL", HEAD + len(body), COMMANDS[command], status, sequence) + body


def _encode_field(name: str, value: Any) -> bytes:
    if name == "short_message":
        return struct.pack(">B", len(value or b"")) + (value or b"")
    if name in _BYTES:
        return struct.pack(">B", value or 0)
    return (value or "").encode("latin-1")[:LONGEST_STRING] + b"\0"


def decode_pdu(raw: bytes) -> Pdu | None:
    """Return a whole unit of at least `HEAD` bytes, None where we do not know its command.

    A body may end anywhere: error answers have none, and what a peer cut off is absent.
    """
    number, status, sequence = struct.unpack_from(">LLL", raw, 4)
    command = _NAMES.get(number)
    if command is None:
        return None
    fields: dict[str, Any] = {}
    tlvs: dict[int, bytes] = {}
    if command in LAYOUTS:
        at = HEAD
        for name in LAYOUTS[command]:
            if at >= len(raw):
                break
            fields[name], at = _decode_field(name, raw, at)
        tlvs.update(_decode_tlvs(raw, at))
    return Pdu(command=command, status=status, sequence=sequence, octets=len(raw), fields=fields, tlvs=tlvs)


def _decode_field(name: str, raw: bytes, at: int) -> tuple[int | bytes, int]:
    """Return a field and where the next begins, which may be behind the end."""
    if name in _BYTES:
        return raw[at], at + 1
    if name == "short_message":
        end = at + 1 + raw[at]
        return raw[at + 1 : end], end
    end = raw.find(b"\0", at)
    end = len(raw) if end < 0 else end
    return raw[at:end], end + 1


def _decode_tlvs(raw: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield the optional parameters by tag, whatever their number and length: vendors have tags of their own."""
    while len(raw) - at >= 4:  # moved on, for cutting the rest off again and again takes long where there are thousands
        tag, length = struct.unpack_from(">HH", raw, at)
        yield tag, raw[at + 4 : at + 4 + length]
        at += 4 + length
