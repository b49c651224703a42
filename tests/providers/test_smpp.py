"""SMPP: a text in parts, receipts as services write them, and the wire to an SMSC that is a real socket."""

import resource
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from providers import smpp
from providers.kit.contract import Account, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Throttled, Unreachable
from providers.kit.http import Exchange, Http
from providers.kit.smpp.pdu import Pdu
from providers.kit.smpp.receipts import read_receipt
from providers.kit.smpp.wire import Lost, Wire
from providers.kit.testing import FakeHttp, MemoryMemo, make_account
from providers.smpp import Smpp
from tests.providers.kit.loopback import listening as loopback
from tests.providers.kit.loopback import says
from tests.smsc import ENQUIRE, NACK, RESPONSE, UNBIND, Smsc, enquiry, giant_receipt, listening, never_reads

SMS = Sms(to="+12025550147", text="Ready", reference="ab34" + "0" * 28, sender="Acme")


def make(**given: str) -> Smpp:
    return Smpp(make_account(Smpp, **{"validity": "", **given}), FakeHttp(), MemoryMemo())


def parts(text: str = "Ready", sender: str = "Acme", **given: str) -> list[dict[str, Any]]:
    return make(**given).parts(replace(SMS, text=text, sender=sender))


# --- a text in parts -----------------------------------------------------------------------------------------------


def test_a_short_text_is_one_part() -> None:
    assert parts() == [
        {
            "source_addr": "Acme",
            "source_addr_ton": 5,
            "source_addr_npi": 0,
            "destination_addr": "12025550147",
            "dest_addr_ton": 1,
            "dest_addr_npi": 1,
            "registered_delivery": 1,
            "validity_period": "",
            "data_coding": 0,
            "short_message": b"Ready",
        }
    ]


@pytest.mark.parametrize(
    ("text", "alphabet", "coding", "body"),
    [
        ("@£$ §¿", "gsm", 0, b"\x00\x01\x02 \x5f\x60"),
        ("Δ_Ω\n\r", "gsm", 0, b"\x10\x11\x15\x0a\x0d"),
        ("[€]", "gsm", 0, b"\x1b\x3c\x1b\x65\x1b\x3e"),
        ("\f^{}\\~|", "gsm", 0, b"\x1b\x0a\x1b\x14\x1b\x28\x1b\x29\x1b\x2f\x1b\x3d\x1b\x40"),
        ("àéñ", "gsm", 0, b"\x7f\x05\x7d"),
        ("`", "gsm", 8, b"\x00\x60"),
        ("\x1b", "gsm", 8, b"\x00\x1b"),
        ("Я😀", "gsm", 8, b"\x04\x2f\xd8\x3d\xde\x00"),
        ("ab\ud83d", "gsm", 0, b"ab?"),
        ("é@", "latin1", 3, b"\xe9\x40"),
        ("é@", "default_latin1", 0, b"\xe9\x40"),
        ("Я", "latin1", 8, b"\x04\x2f"),
        ("a@", "ia5", 1, b"a@"),
        ("é", "ia5", 8, b"\x00\xe9"),
        ("a", "ucs2", 8, b"\x00a"),
        ("", "gsm", 0, b""),
    ],
)
def test_a_text_goes_in_the_alphabet_of_the_account_or_as_ucs_2(
    text: str, alphabet: str, coding: int, body: bytes
) -> None:
    (part,) = parts(text, data_coding=alphabet)

    assert (part["data_coding"], part["short_message"]) == (coding, body)


@pytest.mark.parametrize(
    ("text", "given", "lengths"),
    [
        ("a" * 160, {}, [160]),
        ("a" * 161, {}, [153, 8]),
        ("€" * 80, {}, [160]),
        ("a" * 152 + "€" + "a" * 151, {}, [152, 153]),
        ("a" * 152 + "€" + "a" * 152, {}, [152, 153, 1]),
        ("я" * 70, {}, [140]),
        ("я" * 71, {}, [134, 8]),
        ("я" * 66 + "😀" + "я" * 66, {}, [132, 134, 2]),
        ("a" * 161, {"long_text": "udh16"}, [152, 9]),
        ("я" * 71, {"long_text": "udh16"}, [132, 10]),
        ("a" * 161, {"long_text": "sar"}, [153, 8]),
        ("é" * 141, {"data_coding": "latin1"}, [134, 7]),
        ("é" * 161, {"data_coding": "default_latin1"}, [153, 8]),
        ("a" * 153 * 255, {}, [153] * 255),
    ],
)
def test_a_long_text_is_cut_where_no_character_breaks(text: str, given: dict[str, str], lengths: Sequence[int]) -> None:
    header = {"udh": 6, "udh16": 7, "sar": 0}[given.get("long_text", "udh")] if len(lengths) > 1 else 0

    assert [len(part["short_message"]) - header for part in parts(text, **given)] == lengths


def test_parts_are_held_together_by_a_header() -> None:
    first, second = parts("a" * 154 + "b" * 7)

    assert first["short_message"] == b"\x05\x00\x03\xab\x02\x01" + b"a" * 153
    assert second["short_message"] == b"\x05\x00\x03\xab\x02\x02" + b"a" + b"b" * 7
    assert (first["esm_class"], second["esm_class"]) == (0x40, 0x40)


def test_the_header_may_have_a_wide_reference() -> None:
    first, _second = parts("a" * 161, long_text="udh16")

    assert first["short_message"][:7] == b"\x06\x08\x04\xab\x34\x02\x01"


def test_parts_may_be_held_together_by_parameters() -> None:
    first, second = parts("a" * 161, long_text="sar")

    assert (first["sar_msg_ref_num"], first["sar_total_segments"], first["sar_segment_seqnum"]) == (0xAB34, 2, 1)
    assert (second["sar_msg_ref_num"], second["sar_segment_seqnum"], second["short_message"]) == (0xAB34, 2, b"a" * 8)
    assert "esm_class" not in first


def test_the_service_may_cut_the_text_itself() -> None:
    (part,) = parts("a" * 161, long_text="payload")

    assert part["message_payload"] == b"a" * 161
    assert "short_message" not in part
    assert "message_payload" not in parts("a" * 160, long_text="payload")[0]


def test_more_parts_than_can_be_numbered_are_refused() -> None:
    with pytest.raises(Rejected):
        parts("a" * (153 * 255 + 1))


@pytest.mark.parametrize(
    ("sender", "numbering", "told"),
    [
        ("Acme", "auto", (5, 0, "Acme")),
        ("+12025550142", "auto", (1, 1, "12025550142")),
        ("12025550142", "auto", (1, 1, "12025550142")),
        ("55501", "auto", (3, 0, "55501")),
        ("", "auto", (0, 0, "")),
        ("Köln", "auto", (5, 0, "Köln")),
        ("12025550142", "0/1", (0, 1, "12025550142")),
        ("Acme", "1/1", (1, 1, "Acme")),
    ],
)
def test_the_sender_has_the_numbering_it_looks_like_or_the_chosen_one(
    sender: str, numbering: str, told: tuple[int, int, str]
) -> None:
    (part,) = parts(sender=sender, source_numbering=numbering)

    assert (part["source_addr_ton"], part["source_addr_npi"], part["source_addr"]) == told


@pytest.mark.parametrize("sender", ["a" * 21, "Привет"])
def test_a_sender_that_cannot_be_told_is_refused(sender: str) -> None:
    with pytest.raises(Rejected) as raised:
        parts(sender=sender)

    assert raised.value.reason == "invalid_request"


@pytest.mark.parametrize(
    ("hours", "told"), [("", ""), ("1", "000000010000000R"), ("48", "000002000000000R"), ("720", "000030000000000R")]
)
def test_the_validity_is_relative(hours: str, told: str) -> None:
    assert parts(validity=hours)[0]["validity_period"] == told


def test_how_the_number_goes_and_what_is_reported_can_be_chosen() -> None:
    (part,) = parts(dest_numbering="0/1", registered_delivery="17")

    assert (part["dest_addr_ton"], part["dest_addr_npi"], part["registered_delivery"]) == (0, 1, 17)


# --- receipts --------------------------------------------------------------------------------------------------------


def deliver(text: str = "", *, esm_class: int = 4, tlvs: dict[int, bytes] | None = None, **fields: Any) -> Pdu:
    said = {"esm_class": esm_class, "short_message": text.encode(), "source_addr": b"12025550147\0"}
    body = {**said, "source_addr_ton": 1, "data_coding": 0, **fields}
    return Pdu(command="deliver_sm", status=0, sequence=1, fields=body, tlvs=tlvs or {})


STANDARD = "id:{} sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:{} err:{} text:Your order"


@pytest.mark.parametrize(
    ("stat", "status", "code"),
    [
        ("ENROUTE", Status.SENT, ""),
        ("ACCEPTD", Status.SENT, ""),
        ("DELIVRD", Status.DELIVERED, ""),
        ("UNDELIV", Status.UNDELIVERED, "UNDELIV"),
        ("EXPIRED", Status.UNDELIVERED, "EXPIRED"),
        ("REJECTD", Status.FAILED, "REJECTD"),
        ("DELETED", Status.FAILED, "DELETED"),
        ("UNKNOWN", None, ""),
        ("TELEPORTED", None, ""),
    ],
)
def test_a_state_becomes_a_status_and_an_unknown_one_none(stat: str, status: Status | None, code: str) -> None:
    assert read_receipt(deliver(STANDARD.format("8A3F", stat, "000"))) == Report(
        ref="8A3F", recipient="+12025550147", status=status, word=stat, code=code
    )


@pytest.mark.parametrize(
    ("text", "ref", "word", "detail"),
    [
        (STANDARD.format("17", "UNDELIV", "04A"), "17", "UNDELIV", "err:04A"),
        ("ID:17 STAT:undeliv ERR:5 Text:x", "17", "UNDELIV", "err:5"),
        ("id:17 stat:UNDELIV", "17", "UNDELIV", ""),
        ("id: 17 stat: UNDELIV err: 000\0\0", "17", "UNDELIV", ""),
        ("id:17 submit date:20261125030000 done date:20261125030100 stat:UNDELIV err:999", "17", "UNDELIV", "err:999"),
        ("id:aa-bb.cc sub:1 stat:EXPIRED err:001 text:id:99 stat:DELIVRD err:2", "aa-bb.cc", "EXPIRED", "err:001"),
    ],
)
def test_receipts_are_written_in_many_ways(text: str, ref: str, word: str, detail: str) -> None:
    report = read_receipt(deliver(text))

    assert report is not None
    assert (report.ref, report.word, report.code, report.detail) == (ref, word, word, detail)


def test_parameters_win_over_the_text() -> None:
    tlvs = {0x001E: b"real\0", 0x0427: b"\x05", 0x0423: b"\x03\x00\x22", 0x1400: b"vendor"}

    assert read_receipt(deliver(STANDARD.format("other", "DELIVRD", "000"), tlvs=tlvs)) == Report(
        ref="real",
        recipient="+12025550147",
        status=Status.UNDELIVERED,
        word="UNDELIV",
        code="UNDELIV",
        detail="err:34",
    )


def test_a_receipt_may_be_parameters_alone() -> None:
    pdu = replace(deliver(esm_class=0, tlvs={0x001E: b"17\0", 0x0427: b"\x02"}), command="data_sm")

    assert read_receipt(pdu) == Report(ref="17", recipient="+12025550147", status=Status.DELIVERED, word="DELIVRD")


def test_the_text_may_be_in_the_payload_and_in_ucs_2() -> None:
    payload = STANDARD.format("17", "DELIVRD", "000").encode("utf-16-be")
    report = read_receipt(deliver(tlvs={0x0424: payload}, data_coding=8))

    assert report is not None
    assert (report.ref, report.word) == ("17", "DELIVRD")


def test_one_failed_try_is_not_the_end() -> None:
    report = read_receipt(deliver(STANDARD.format("17", "UNDELIV", "001"), esm_class=0x20))

    assert report is not None
    assert (report.status, report.code) == (Status.SENT, "")


def test_a_message_that_looks_like_a_receipt_is_none() -> None:
    assert read_receipt(deliver(STANDARD.format("17", "DELIVRD", "000"), esm_class=0)) is None
    assert read_receipt(deliver(STANDARD.format("17", "DELIVRD", "000"), esm_class=0x40)) is None


@pytest.mark.parametrize("tlvs", [{0x0427: b"\x02"}, {0x0427: b"\xff"}, {0x0427: b""}, {0x001E: b"\0"}])
def test_a_receipt_that_names_nothing_says_nothing(tlvs: dict[int, bytes]) -> None:
    report = read_receipt(deliver("hello", tlvs=tlvs))

    assert report is not None
    assert (report.ref, report.status) == ("", None)


# --- answers ---------------------------------------------------------------------------------------------------------


def answer(status: int) -> Pdu:
    return Pdu(command="submit_sm_resp", status=status, sequence=1)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (0x58, Throttled, "throttled"),
        (0x14, Throttled, "throttled"),
        (0x08, Unreachable, "unreachable"),
        (0x64, Unreachable, "unreachable"),
        (0x04, Unreachable, "unreachable"),
        (0x0D, AccountBlocked, "auth"),
        (0x0E, AccountBlocked, "auth"),
        (0x0F, AccountBlocked, "auth"),
        (0x53, AccountBlocked, "auth"),
        (0x0B, Rejected, "invalid_number"),
        (0x51, Rejected, "invalid_number"),
        (0x0A, Rejected, "invalid_request"),
        (0x01, Rejected, "invalid_request"),
        (0xC3, Rejected, "invalid_request"),
        (0x45, Rejected, "rejected"),
        (0xFF, Rejected, "rejected"),
        (0x440, Rejected, "rejected"),
    ],
)
def test_a_status_becomes_its_error(status: int, kind: type[SmsError], reason: str) -> None:
    error = make().refusal(answer(status))

    assert error is not None
    assert (type(error), error.reason, error.code) == (kind, reason, f"0x{status:02X}")


def test_a_good_status_is_no_error_and_a_known_one_says_what_to_do() -> None:
    error = make().refusal(replace(answer(0x14), tlvs={0x001D: b"Out of tea\0"}))

    assert make().refusal(answer(0)) is None
    assert error is not None
    assert (error.words, bool(error.hint)) == ("Out of tea", True)


# --- the wire --------------------------------------------------------------------------------------------------------


def dialling(smsc_port: int, *, verify: str | bool = True, **given: str) -> tuple[Smpp, list[Exchange]]:
    account = make_account(Smpp, **{"host": "127.0.0.1", "port": str(smsc_port), "system_id": "acme", **given})
    exchanges: list[Exchange] = []
    http = Http(
        exchanges.append, secrets=Smpp.secrets(account), private_networks=["127.0.0.0/8", "::1/128"], verify=verify
    )
    return Smpp(account, http, MemoryMemo()), exchanges


def test_a_check_binds_and_unbinds() -> None:
    with listening() as smsc:
        service, exchanges = dialling(smsc.port, password="longer than eight", system_type="VMA")

        assert service.check() == Account(label="acme")
        assert smsc.binds == [("acme", "longer than eight", "VMA", 0x34)]
        assert smsc.count(UNBIND) == 1
    assert [(one.method, one.host, one.path, one.status) for one in exchanges] == [
        ("SMPP", f"127.0.0.1:{smsc.port}", "/bind_transceiver", 200)
    ]
    assert "longer than eight" not in repr(exchanges)


def test_a_port_behind_the_host_counts_first() -> None:
    assert dialling(1, host="smpp.example.com:3550")[0].address == ("smpp.example.com", 3550)
    assert dialling(1, host="[::1]")[0].address == ("::1", 1)


@pytest.mark.parametrize(("status", "code"), [(0x0D, "0x0D"), (0x0E, "0x0E"), (0x0F, "0x0F"), (0x53, "0x53")])
def test_a_refused_bind_is_a_bad_account(status: int, code: str) -> None:
    with listening(bind_status=status) as smsc:
        service, exchanges = dialling(smsc.port)
        with pytest.raises(AccountBlocked) as raised:
            service.check()
    assert (raised.value.code, bool(raised.value.hint)) == (code, True)
    assert exchanges[0].status == status


def test_an_account_that_is_bound_already_is_a_good_one() -> None:
    with listening(bind_status=0x05) as smsc:
        assert dialling(smsc.port)[0].check() == Account(label="acme")


@pytest.mark.parametrize(("status", "kind"), [(0x05, Unreachable), (0x0D, Unreachable), (0x0E, AccountBlocked)])
def test_the_process_waits_for_what_may_pass(status: int, kind: type[SmsError]) -> None:
    with listening(bind_status=status) as smsc, pytest.raises(kind):
        dialling(smsc.port)[0].dial(patient=True)


def test_nobody_there_is_unreachable() -> None:
    with listening() as smsc:
        port = smsc.port
    with pytest.raises(Unreachable) as raised:
        dialling(port)[0].check()
    assert raised.value.words == f"127.0.0.1:{port}: the connection was refused"


def test_silence_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "BIND_IN", 0.2)
    with listening(answers_binds=False) as smsc, pytest.raises(Unreachable) as raised:
        dialling(smsc.port)[0].check()
    assert raised.value.words.endswith("no answer in time")


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0"])
def test_another_protocol_is_unreachable(said: bytes) -> None:
    with loopback(says(said)) as other:
        # It reads until a blank line: the system type brings one.
        service, _exchanges = dialling(other.port)
        service.account = {**service.account, "system_type": "\r\n\r\n"}
        with pytest.raises(Unreachable) as raised:
            service.check()
    assert raised.value.words.endswith("the service does not speak SMPP")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "10.0.0.1", "169.254.169.254"])
def test_no_host_leads_inside(host: str) -> None:
    with listening() as smsc:
        account = make_account(Smpp, host=host, port=str(smsc.port))
        exchanges: list[Exchange] = []
        with pytest.raises(AccountBlocked) as raised:
            Smpp(account, Http(exchanges.append), MemoryMemo()).check()
        assert smsc.connections == 0
    assert raised.value.hint
    assert [one.status for one in exchanges] == [0]


def test_a_proxy_is_not_gone_round() -> None:
    with listening() as smsc:
        account = make_account(Smpp, host="127.0.0.1", port=str(smsc.port))
        http = Http(lambda _: None, private_networks=["127.0.0.0/8"], proxy="http://127.0.0.1:1")
        with pytest.raises(Unreachable):
            Smpp(account, http, MemoryMemo()).check()
        assert smsc.connections == 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_is_spoken_with_whom_an_authority_knows(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with listening(tls=server_side(authority, "127.0.0.1")) as smsc:
        assert dialling(smsc.port, tls="yes", verify=str(tmp_path / "ca.pem"))[0].check() == Account(label="acme")


def test_tls_with_a_stranger_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, verify in (("127.0.0.1", True), ("smpp.example.com", str(tmp_path / "ca.pem"))):
        with listening(tls=server_side(authority, name)) as smsc:
            with pytest.raises(Unreachable) as raised:
                dialling(smsc.port, tls="yes", verify=verify)[0].check()
            assert raised.value.words.endswith("the certificate is not valid")
            assert smsc.binds == []


def heard(wire: Wire, smsc: Smsc, command: int) -> tuple[int, int, int]:
    """Turn the wire until the SMSC heard this command."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        wire.turn(0.02)
        for one in smsc.heard:
            if one[0] == command:
                return one
    raise AssertionError("not heard")


def came(wire: Wire) -> list[Pdu]:
    """Return what the next turns bring that bring anything."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if found := wire.turn(0.5):
            return found
    raise AssertionError("nothing came")


def test_what_nobody_knows_is_said_to_be_unknown_and_the_rest_goes_on() -> None:
    with listening() as smsc:
        wire = dialling(smsc.port)[0].dial()
        unknown = smsc.say(0x21)
        assert heard(wire, smsc, NACK) == (NACK, 0x03, unknown)
        smsc.say(0x80000777)
        enquiry = smsc.say(ENQUIRE)
        (pdu,) = came(wire)
        assert (pdu.command, pdu.sequence) == ("enquire_link", enquiry)
        assert smsc.count(NACK) == 1
        wire.put("enquire_link_resp", enquiry)
        assert heard(wire, smsc, ENQUIRE | RESPONSE) == (ENQUIRE | RESPONSE, 0, enquiry)
        wire.leave()


def test_parameters_that_nobody_expected_are_skipped_by_their_length() -> None:
    tlvs = {0x1400: b"vendor", 0x0427: b"\0\x02", 0x001E: b"17\0", 0x0204: b""}
    with listening() as smsc:
        wire = dialling(smsc.port)[0].dial()
        smsc.deliver("x", tlvs=tlvs)
        (pdu,) = came(wire)
        wire.close()
    assert (dict(pdu.tlvs), read_receipt(pdu)) == (
        tlvs,
        Report(ref="17", recipient="+12025550147", status=Status.DELIVERED, word="DELIVRD"),
    )


def test_units_may_come_in_pieces_and_together() -> None:
    with listening() as smsc:
        wire = dialling(smsc.port)[0].dial()
        unit = struct.pack(">LLLL", 16, ENQUIRE, 0, 5)
        there = smsc._wires[-1]
        there.sendall(unit[:7])
        assert wire.turn(1.0) == []
        there.sendall(unit[7:] + unit + unit[:2])
        assert [pdu.sequence for pdu in wire.turn(1.0)] == [5, 5]
        smsc.hang_up()
        with pytest.raises(Lost, match="hung up"):
            came(wire)
        wire.close()


# --- a peer that means harm --------------------------------------------------------------------------------------


def memory() -> int:
    """Bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("flood", [never_reads(enquiry(), 8.0), never_reads(giant_receipt(), 8.0)])
def test_a_centre_that_floods_and_reads_nothing_ends_a_check_at_once(flood: Callable[..., None]) -> None:
    with listening(after_bind=flood) as smsc:
        before, began = memory(), time.monotonic()
        assert dialling(smsc.port)[0].check() == Account(label="acme")
        took, grew = time.monotonic() - began, memory() - before
    assert took < 5.0
    assert grew < 16_000_000


def test_a_flood_before_the_answer_to_a_bind_ends_the_attempt_at_once() -> None:
    with loopback(lambda wire: wire.sendall(enquiry() * 1_000_000)) as other:
        service, _exchanges = dialling(other.port)
        service.account = {**service.account, "system_type": "\r\n\r\n"}
        began = time.monotonic()
        with pytest.raises(Unreachable) as raised:
            service.check()
        assert time.monotonic() - began < 5.0
    assert raised.value.words.endswith("the service says much, but does not answer")


def test_a_bind_that_is_answered_byte_by_byte_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "BIND_IN", 0.5)
    with listening(drips=0.2) as smsc, pytest.raises(Unreachable) as raised:
        dialling(smsc.port)[0].check()
    assert raised.value.words.endswith("no answer in time")


def test_a_handshake_that_comes_byte_by_byte_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "CONNECT_IN", 0.5)
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        wire, _address = server.accept()
        with wire, suppress(OSError):
            for byte in b"\x16\x03\x03\x40\x00" + bytes(40):
                wire.sendall(bytes([byte]))
                time.sleep(0.2)

    threading.Thread(target=drip, daemon=True).start()
    began = time.monotonic()
    with server, pytest.raises(Unreachable) as raised:
        dialling(server.getsockname()[1], tls="yes")[0].check()
    assert time.monotonic() - began < 4.0
    assert raised.value.words.endswith("no answer to the attempt to connect")


def test_a_name_server_that_does_not_answer_ends_the_attempt_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "CONNECT_IN", 0.3)
    known = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: known.wait(8.0) and [])  # the outside
    began = time.monotonic()
    with pytest.raises(Unreachable) as raised:
        dialling(2775, host="smpp.example.com")[0].check()
    known.set()
    assert time.monotonic() - began < 4.0
    assert raised.value.words.endswith("no answer to the attempt to connect")


def answer_all(wire: Wire, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pdu in wire.turn(0.5):
            wire.put("enquire_link_resp", pdu.sequence)


@pytest.mark.long
def test_who_reads_nothing_of_what_it_asks_for_is_hung_up_on() -> None:
    with listening(after_bind=never_reads(enquiry(), 100.0)) as smsc:
        wire = dialling(smsc.port)[0].dial()
        before = memory()
        with pytest.raises(Lost, match="does not read"):
            answer_all(wire, 90.0)
        assert memory() - before < 16_000_000
        wire.close()


def test_a_round_is_short_however_much_there_is_to_read() -> None:
    with listening(after_bind=never_reads(enquiry(), 20.0, most=1_000_000)) as smsc:
        wire = dialling(smsc.port)[0].dial()
        rounds = [len(wire.turn(0.5)) for _ in range(30)]
        wire.close()
    assert max(rounds) == 100
    assert sum(rounds) > 1_000


def test_what_a_receipt_says_is_cut_before_it_is_kept() -> None:
    tlvs = {0x001E: b"7" * 60_000, 0x0427: b"\xff" * 60_000}
    report = read_receipt(deliver(tlvs=tlvs, source_addr=b"9" * 5_000))
    assert report is not None
    assert (len(report.ref), report.word, len(report.recipient)) == (128, "STATE4294967295", 31)
