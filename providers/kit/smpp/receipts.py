"""Delivery receipts: what a deliver_sm or data_sm says of a message, by its parameters or in its text."""

import re

from providers.kit.contract import Report, Status
from providers.kit.smpp.pdu import Pdu, read_c_string

RECEIPTED_ID, STATE, NETWORK_ERROR, PAYLOAD = 0x001E, 0x0427, 0x0423, 0x0424
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
# Longer ones are nobody's: a peer may write anything here, up to 64 KB.
LONGEST_ID, LONGEST_WORD, LONGEST_NUMBER = 128, 60, 30  # characters
_ID = re.compile(r"\bid:\s*(\S+)", re.IGNORECASE)
_STAT = re.compile(r"\bstat:\s*(\w+)", re.IGNORECASE)
_ERR = re.compile(r"\berr:\s*(\w+)", re.IGNORECASE)
_QUOTED = re.compile(r"\btext:", re.IGNORECASE)


def read_receipt(pdu: Pdu) -> Report | None:
    """Return the report of a receipt, None for any other message; parameters win over the text.

    A text that looks like a receipt makes it none: anybody may write one.
    """
    kind = int(pdu.fields.get("esm_class") or 0) & 0x3C
    if kind not in {RECEIPT, INTERMEDIATE, ACKNOWLEDGED} and RECEIPTED_ID not in pdu.tlvs:
        return None
    text = _QUOTED.split(_read_text(pdu))[0]
    ref = (read_c_string(pdu.tlvs.get(RECEIPTED_ID, b"")) or _first_match(_ID, text))[:LONGEST_ID]
    word = (_read_state(pdu) or _first_match(_STAT, text).upper())[:LONGEST_WORD]
    if not ref or not word:
        return Report(ref=ref, status=None, word=word)
    status = WORDS.get(word)
    if kind == INTERMEDIATE and status in {Status.UNDELIVERED, Status.FAILED}:
        status = Status.SENT  # one try failed; the final word is still to come
    err = _read_network_error(pdu) or _first_match(_ERR, text)
    failed = status in {Status.UNDELIVERED, Status.FAILED}
    return Report(
        ref=ref,
        recipient=_read_recipient(pdu),
        status=status,
        word=word,
        code=word if failed else "",
        detail=f"err:{err[:20]}" if failed and err.strip("0") else "",
    )


def _read_text(pdu: Pdu) -> str:
    raw = pdu.tlvs.get(PAYLOAD) or pdu.fields.get("short_message") or b""
    codec = "utf-16-be" if pdu.fields.get("data_coding") == 8 else "latin-1"
    return bytes(raw).decode(codec, "replace").replace("\0", "")


def _read_state(pdu: Pdu) -> str:
    raw = pdu.tlvs.get(STATE, b"")
    if not raw:
        return ""
    state = int.from_bytes(raw[-4:], "big")
    return STATES[state] if state < len(STATES) else f"STATE{state}"


def _read_network_error(pdu: Pdu) -> str:
    raw = pdu.tlvs.get(NETWORK_ERROR, b"")
    return str(int.from_bytes(raw[1:3], "big")) if len(raw) == 3 and any(raw[1:]) else ""


def _read_recipient(pdu: Pdu) -> str:
    """Return the source of a receipt, which is the number the message went to."""
    digits = pdu.text("source_addr").removeprefix("+")[:LONGEST_NUMBER]
    return f"+{digits}" if pdu.fields.get("source_addr_ton") == 1 and digits else digits


def _first_match(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
