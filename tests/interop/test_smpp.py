"""SMSCs that nobody here wrote: OsmoMSC, which carries phones' messages in real networks, and node-smpp's server.

A development job (`make interop`). OsmoMSC is Debian's package osmo-msc; it keeps what it took in a database, where the
texts lie as a phone would get them. It gives no ids and so no receipts: those come from node-smpp, taken from npm.
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from b24app.messaging.models import Connection, ConnectionState, DeliveryReport, Message, MessagePart, Sender
from b24app.messaging.models.statuses import Status
from b24app.messaging.reports import applier
from b24app.messaging.smpp.smpp_dispatcher import SmppDispatcher
from tests import factories
from tests.messaging.steps import reload

pytestmark = [pytest.mark.interop, pytest.mark.django_db]

TEXTS = ["Ready [10 €] @home £5 §1", "Готово 😀", "long € " * 40, "долго " * 40]


@pytest.fixture(autouse=True)
def _here(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]


def a_sender(port: int, password: str = "hushhush", **given: str) -> Sender:
    account = {"host": "127.0.0.1", "port": str(port), "system_id": "acme", "password": password, **given}
    return factories.sender(factories.connection(factories.portal(), "smpp", account=account), signature="Acme")


@contextmanager
def switchboard() -> Iterator[SmppDispatcher]:
    board = SmppDispatcher()
    try:
        yield board
    finally:
        board.stop()


def turn_until(board: SmppDispatcher, happened: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s"
        board.run_once(0.02)


def send(board: SmppDispatcher, sender: Sender, texts: list[str]) -> list[Message]:
    messages = [factories.message(sender, text=text) for text in texts]
    turn_until(board, lambda: all(reload(one).status == Status.SENT for one in messages))
    return messages


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(port: int, log: Path, *command: str | Path, **options: Any) -> Iterator[None]:
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, **options) as started:
        try:
            end = time.monotonic() + 30
            while not listens(port):
                assert started.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            started.kill()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- OsmoMSC -------------------------------------------------------------------------------------------------------

OSMO = """
line vty
 no login
network
 network country code 1
 mobile network code 1
 short name OsmoMSC
 long name OsmoMSC
msc
 mgw remote-ip 127.0.0.1
 assign-tmsi
sgs
 local-ip 127.0.0.1
smsc
 database {database}
smpp
 local-tcp-ip 127.0.0.1 {port}
 system-id osmo
 policy closed
 esme acme
  password hushhush
  no alert-notifications
"""
# It wants SCTP to talk to base stations, which we have none of, and ends where the kernel has no SCTP.
NO_SCTP = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>
int socket(int domain, int type, int protocol) {
    int (*real)(int, int, int) = dlsym(RTLD_NEXT, "socket");
    return real(domain, type, protocol == 132 ? 0 : protocol);
}
int setsockopt(int wire, int level, int name, const void *value, socklen_t length) {
    int (*real)(int, int, int, const void *, socklen_t) = dlsym(RTLD_NEXT, "setsockopt");
    return level == 132 ? 0 : real(wire, level, name, value, length);
}
"""


@dataclass(frozen=True)
class Osmo:
    port: int
    database: Path

    def took(self) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.database)) as found:
            found.row_factory = sqlite3.Row
            return found.execute("SELECT * FROM SMS ORDER BY id").fetchall()


@pytest.fixture
def osmo(tmp_path: Path) -> Iterator[Osmo]:
    if shutil.which("osmo-msc") is None:
        pytest.skip("apt-get install osmo-msc")
    found = Osmo(free_port(), tmp_path / "sms.db")
    configuration = tmp_path / "osmo-msc.cfg"
    configuration.write_text(OSMO.format(port=found.port, database=found.database))
    environment = os.environ | without_sctp(tmp_path)
    with running(found.port, tmp_path / "log", "osmo-msc", "-s", "-c", configuration, env=environment, cwd=tmp_path):
        time.sleep(0.5)  # it listens before it is sure to live
        yield found


def without_sctp(folder: Path) -> dict[str, str]:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
    except OSError:
        source, library = folder / "no_sctp.c", folder / "no_sctp.so"
        source.write_text(NO_SCTP)
        if shutil.which("cc") is None:
            pytest.skip("OsmoMSC wants a kernel with SCTP, or a C compiler to do without")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        return {"LD_PRELOAD": str(library)}
    return {}


def septets(packed: bytes, count: int, fill: int = 0) -> bytes:
    """GSM 7-bit as it goes over the air, unpacked."""
    bits = int.from_bytes(packed, "little") >> fill
    return bytes((bits >> (7 * place)) & 0x7F for place in range(count))


def test_osmomsc_has_the_texts_as_a_phone_would_get_them(osmo: Osmo) -> None:
    with switchboard() as board:
        send(board, a_sender(osmo.port), TEXTS[:2])
        send(board, a_sender(osmo.port), ["a" * 154 + "[" + "b" * 10])
    plain, wide, first, second = osmo.took()

    assert (plain["src_addr"], plain["src_ton"], plain["dest_addr"], plain["dest_ton"], plain["dest_npi"]) == (
        *("Acme", 5),
        *("12025550147", 1, 1),
    )
    assert (plain["data_coding_scheme"], plain["ud_hdr_ind"], plain["status_rep_req"]) == (0, 0, 1)
    said = b"Ready \x1b<10 \x1be\x1b> \x00home \x015 \x5f1"
    assert septets(plain["user_data"], len(said)) == said
    assert wide["data_coding_scheme"] == 8
    assert wide["user_data"].rstrip(b"\0") == "Готово 😀".encode("utf-16-be").rstrip(b"\0")
    for part, number, body in ((first, 1, b"a" * 153), (second, 2, b"a\x1b<" + b"b" * 10)):
        assert part["ud_hdr_ind"] == 1
        assert part["user_data"][:3] + part["user_data"][4:6] == b"\x05\x00\x03" + bytes((2, number))
        assert septets(part["user_data"][6:], len(body), fill=1) == body


@pytest.mark.parametrize(("given", "code"), [({"password": "other"}, "0x0E"), ({"system_id": "nobody"}, "0x0F")])
def test_osmomsc_knows_strangers(osmo: Osmo, given: dict[str, str], code: str) -> None:
    a_sender(osmo.port, **given)
    with switchboard() as board:
        turn_until(board, lambda: Connection.objects.get().state == ConnectionState.BLOCKED)
    assert Connection.objects.get().error_code == code


# --- node-smpp -----------------------------------------------------------------------------------------------------

SERVER = """
const smpp = require("smpp");
let next = 0x8a30;
smpp.createServer((session) => {
  session.on("error", () => {});
  session.on("unbind", (pdu) => { session.send(pdu.response()); session.close(); });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("bind_transceiver", (pdu) =>
    session.send(pdu.response(pdu.password === "hushhush" ? {} : { command_status: smpp.ESME_RINVPASWD })));
  session.on("deliver_sm_resp", (pdu) => console.log(JSON.stringify({ answered: pdu.command_status })));
  session.on("submit_sm", (pdu) => {
    const body = pdu.message_payload || pdu.short_message;
    console.log(JSON.stringify({
      text: body.message, udh: (body.udh || []).map((one) => Buffer.from(one).toString("hex")),
      source: [pdu.source_addr_ton, pdu.source_addr], dest: pdu.destination_addr, coding: pdu.data_coding,
      sar: [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum], validity: pdu.validity_period,
    }));
    const id = next++;
    const state = pdu.destination_addr.endsWith("7") ? "DELIVRD" : "UNDELIV";
    session.send(pdu.response({ message_id: id.toString(16) }));
    session.deliver_sm({
      esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT, source_addr_ton: 1, source_addr_npi: 1,
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:${state} err:000`,
    });
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
"""


@dataclass(frozen=True)
class Node:
    port: int
    log: Path

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def took(self) -> list[dict[str, Any]]:
        return [one for one in self.said() if "text" in one]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
    subprocess.run(["npm", "install", *quiet, "--prefix", folder, "smpp@0.5.1"], check=True, timeout=120)
    (folder / "server.js").write_text(SERVER)
    return folder


@pytest.fixture
def node(package: Path, tmp_path: Path) -> Iterator[Node]:
    found = Node(free_port(), tmp_path / "log")
    with running(found.port, found.log, "node", "server.js", str(found.port), cwd=package):
        yield found


@pytest.mark.parametrize("long_text", ["udh", "udh16", "sar", "payload"])
def test_node_smpp_reads_what_we_wrote_and_its_receipts_deliver(node: Node, long_text: str) -> None:
    sender = a_sender(node.port, long_text=long_text, validity="48")
    with switchboard() as board:
        messages = send(board, sender, TEXTS)
        parts = MessagePart.objects.count() or 2
        turn_until(board, lambda: DeliveryReport.objects.count() == 2 + parts)
        turn_until(board, lambda: sum("answered" in one for one in node.said()) == 2 + parts)
        applier.apply_due()
    took = node.took()

    assert {reload(one).status for one in messages} == {Status.DELIVERED}
    assert parts == (2 if long_text == "payload" else 7)
    assert sorted("".join(one["text"] for one in took)) == sorted("".join(TEXTS))
    assert {one["dest"] for one in took} == {"12025550147"}
    assert {tuple(one["source"]) for one in took} == {(5, "Acme")}
    assert {one["answered"] for one in node.said() if "answered" in one} == {0}
    assert {one["coding"] for one in took} == {0, 8}
    headers = [one["udh"][0][:4] for one in took if one["udh"]]
    assert set(headers) == {"udh": {"0003"}, "udh16": {"0804"}}.get(long_text, set())


def test_node_smpps_receipts_also_tell_what_was_not_delivered(node: Node) -> None:
    sender = a_sender(node.port)
    message = factories.message(sender, to="+12025550148")
    with switchboard() as board:
        turn_until(board, lambda: DeliveryReport.objects.count() == 1 and reload(message).status == Status.SENT)
        applier.apply_due()

    assert (reload(message).status, message.service_code) == (Status.UNDELIVERED, "UNDELIV")
    assert message.ref == "8a30"
    assert DeliveryReport.objects.get().ref == "8a30"
