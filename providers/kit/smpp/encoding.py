"""A text on the wire: alphabets, the parts of a long one, and the addresses with their numbering (TON and NPI)."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from providers.kit import advice
from providers.kit.errors import Rejected
from providers.kit.gsm import encode_character

LATIN, ASCII, UCS2, DEFAULT_LATIN = "latin1", "ia5", "ucs2", "default_latin1"
_CODINGS = {"gsm": (0, ""), DEFAULT_LATIN: (0, "latin-1"), LATIN: (3, "latin-1"), ASCII: (1, "ascii")}
_EIGHT_BIT = (3,)
LONGEST_ADDRESS = 20
SHORT_CODE = 6  # digits at most
_UDHI = {"esm_class": 0x40}


def encode_text(text: str, alphabet: str) -> tuple[int, list[bytes], int, int]:
    """Return data_coding, the bytes of each character, and how many bytes fit into one message and each of several."""
    text = text.encode("utf-16", "replace").decode("utf-16")  # half a surrogate pair has no bytes
    if alphabet in _CODINGS:
        coding, codec = _CODINGS[alphabet]
        try:
            units = [one.encode(codec) for one in text] if codec else [encode_character(one) for one in text]
        except (UnicodeError, KeyError):
            pass
        else:
            return (coding, units, 140, 134) if coding in _EIGHT_BIT else (coding, units, 160, 153)
    return 8, [one.encode("utf-16-be") for one in text], 140, 134


def _fill_parts(units: Sequence[bytes], room: int) -> list[bytes]:
    """Return the bodies of the parts, none of which cuts a character; UCS-2 leaves an odd byte empty."""
    bodies = [b""]
    for unit in units:
        if len(bodies[-1]) + len(unit) > room:
            bodies.append(b"")
        bodies[-1] += unit
    return bodies


def source_address(sender: str, numbering: str) -> tuple[str, str]:
    """Return the address of the sender and its numbering as TON/NPI; raise `Rejected`."""
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


def numbering_fields(which: str, numbering: str) -> dict[str, int]:
    ton, _slash, npi = numbering.partition("/")
    return {f"{which}_addr_ton": int(ton), f"{which}_addr_npi": int(npi)}


def split_text(units: Sequence[bytes], each: int, mode: str, reference: str) -> Iterator[dict[str, Any]]:
    """Yield the fields of each part of a long text; `mode` is udh, udh16, sar or payload; raise `Rejected`."""
    if mode == "payload":
        yield {"message_payload": b"".join(units)}
        return
    wide = int(reference[:4], 16)
    bodies = _fill_parts(units, each - (1 if mode == "udh16" else 0))
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
