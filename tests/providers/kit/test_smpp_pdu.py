"""The units of SMPP as bytes, written out by hand from the standard."""

import struct
from typing import Any

import pytest

from providers.kit.smpp.pdu import COMMANDS, Pdu, decode_pdu, encode_pdu


def unit(command: int, body: bytes = b"", status: int = 0, sequence: int = 7) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body


def read(raw: bytes) -> Pdu:
    found = decode_pdu(raw)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("command", "fields", "body"),
    [
        ("enquire_link", {}, b""),
        ("deliver_sm_resp", {}, b"\0"),
        (
            "bind_transceiver",
            {"system_id": "acme", "password": "pässword", "system_type": ""},
            b"acme\0p\xe4ssword\0\0\x34\0\0\0",
        ),
        (
            "submit_sm",
            {"source_addr": "Acme", "source_addr_ton": 5, "destination_addr": "12025550147", "short_message": b"Hi"},
            b"\0\x05\0Acme\0\0\x0012025550147\0\0\0\0\0\0\0\0\0\0\x02Hi",
        ),
        (
            "submit_sm",
            {"short_message": b"a", "sar_segment_seqnum": 2, "sar_msg_ref_num": 0xAB34, "sar_total_segments": 0},
            bytes(16) + b"\x01a\x02\x0c\0\x02\xab\x34\x02\x0e\0\x01\0\x02\x0f\0\x01\x02",
        ),
        ("submit_sm", {"message_payload": b"x" * 300}, bytes(17) + b"\x04\x24\x01\x2c" + b"x" * 300),
    ],
)
def test_a_unit_is_written_as_the_standard_has_it(command: str, fields: dict[str, Any], body: bytes) -> None:
    assert encode_pdu(command, 7, **fields) == unit(COMMANDS[command], body)


def test_an_answer_has_a_status() -> None:
    assert encode_pdu("generic_nack", 9, 3) == unit(0x80000000, status=3, sequence=9)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"short_message": b"a" * 256}, struct.error),
        ({"esm_class": 256}, struct.error),
        ({"source_addr": "Ак"}, UnicodeEncodeError),
        ({"sar_msg_ref_num": 65_536}, struct.error),
        ({"short_massage": b"a"}, ValueError),
    ],
)
def test_what_cannot_be_written_is_refused(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        encode_pdu("submit_sm", 7, **fields)


def test_what_was_written_can_be_read() -> None:
    text = b"id:17 stat:DELIVRD"
    pdu = read(
        encode_pdu("deliver_sm", 7, source_addr="12025550147", source_addr_ton=1, esm_class=4, short_message=text)
    )

    assert (pdu.command, pdu.status, pdu.sequence, pdu.octets) == ("deliver_sm", 0, 7, 62)
    assert (pdu.text("source_addr"), pdu.fields["source_addr_ton"], pdu.fields["esm_class"]) == ("12025550147", 1, 4)
    assert (pdu.fields["short_message"], pdu.tlvs) == (text, {})


def test_optional_parameters_are_read_whatever_their_tag_and_length() -> None:
    body = bytes(7) + b"\x04\0\0" + b"\x00\x1e\0\x0317\0" + b"\x14\0\0\x02ab" + b"\x04\x27\0\x01\x02"

    assert read(unit(0x103, body)).tlvs == {0x001E: b"17\0", 0x1400: b"ab", 0x0427: b"\x02"}
    assert read(unit(0x80000009, b"smsc\0\x02\x10\0\x01\x34")).tlvs == {0x0210: b"\x34"}


@pytest.mark.parametrize(("body", "ref"), [(b"", ""), (b"\0", ""), (b"8a3f\0", "8a3f"), (b"8a3f", "8a3f")])
def test_an_answer_may_lack_its_body_or_the_end_of_it(body: bytes, ref: str) -> None:
    assert read(unit(0x80000004, body, status=0x14)).text("message_id") == ref


def test_a_body_may_end_anywhere() -> None:
    whole = encode_pdu("deliver_sm", 7, source_addr="12025550147", short_message=b"id:17 stat:DELIVRD")
    tags = b"\x00\x1e\0\x0317\0"

    assert {read((whole + tags)[:length]).command for length in range(16, len(whole + tags) + 1)} == {"deliver_sm"}


def test_commands_that_are_nothing_to_us_are_known_and_others_are_not() -> None:
    assert read(unit(0x102, b"\x01\x01anything")) == Pdu(
        command="alert_notification", status=0, sequence=7, octets=16 + 10
    )
    assert decode_pdu(unit(0x21)) is None
    assert decode_pdu(unit(0x80000102)) is None
