"""Clients that send slowly or do not read responses hold up nobody, and are disconnected."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket

import pytest

from tests.server.application import DEADLINES, LENGTHS
from tests.server.serving import Served, read_all

GET = b"GET /x/ HTTP/1.1\r\nHost: localhost\r\n"
LATE = 6.0  # seconds that the machine may be busy with others
SLOW = 32  # clients, which is twice the threads
HEAD = GET
BODY = b"POST /h/x/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\nhalf of"
CHUNKS = b"POST /h/x/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
UNREAD = b"GET /long/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1500


@contextmanager
def sending(served: Served, said: bytes) -> Iterator[list[socket]]:
    wires = [served.connect() for _ in range(SLOW)]
    try:
        for wire in wires:
            wire.setblocking(False)
            wire.send(said)
        yield wires
    finally:
        for wire in wires:
            wire.close()


@pytest.mark.parametrize("said", [b"", HEAD, BODY, CHUNKS, UNREAD], ids=["silence", "head", "body", "chunks", "unread"])
def test_slow_clients_hold_up_nobody(serve: Callable[..., Served], said: bytes) -> None:
    served = serve("--threads", "8")
    with sending(served, said):
        time.sleep(1)
        waited = []
        for _ in range(20):
            began = time.monotonic()
            assert served.get("/x/", timeout=5)[0] == 200
            waited.append(time.monotonic() - began)
    assert sorted(waited)[10] < 0.5


def seconds_until_closed(wire: socket) -> float:
    began = time.monotonic()
    read_all(wire)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(b"", DEADLINES.idle), (HEAD, DEADLINES.head), (BODY, DEADLINES.request), (CHUNKS, DEADLINES.request)],
    ids=["silence", "head", "body", "chunks"],
)
def test_a_request_that_does_not_end_is_ended(serve: Callable[..., Served], said: bytes, seconds: float) -> None:
    with serve().connect() as wire:
        wire.sendall(said)
        assert seconds - 0.5 <= seconds_until_closed(wire) < seconds + LATE


def send_slowly(wire: socket, said: bytes) -> None:
    for letter in said:
        wire.send(bytes([letter]))
        time.sleep(0.2)


def test_a_byte_now_and_then_gains_no_time(serve: Callable[..., Served]) -> None:
    with serve().connect() as wire:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            send_slowly(wire, HEAD * 10)
        assert DEADLINES.head <= time.monotonic() - began < DEADLINES.head + LATE


def test_who_does_not_read_an_answer_is_let_go(serve: Callable[..., Served]) -> None:
    served = serve()
    with served.connect() as wire:
        wire.sendall(b"GET /huge/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(DEADLINES.stalled + LATE)
        assert len(read_all(wire)) < LENGTHS["/huge/"]


def test_who_reads_too_slowly_is_let_go(serve: Callable[..., Served]) -> None:
    with serve().connect() as wire:
        wire.sendall(b"GET /huge/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.monotonic()
        while time.monotonic() - began < DEADLINES.response + LATE:
            wire.recv(60_000)
            time.sleep(0.1)
        assert len(read_all(wire)) < LENGTHS["/huge/"] - 60_000 * 100


def test_where_no_connection_is_left_the_one_waited_for_longest_makes_room(serve: Callable[..., Served]) -> None:
    served = serve("--connections", "40")
    wires = [served.connect() for _ in range(120)]
    try:
        for wire in wires:
            wire.send(HEAD)
        assert [served.get("/x/", timeout=5)[0] for _ in range(10)] == [200] * 10
        assert read_all(wires[0]) == b""
    finally:
        for wire in wires:
            wire.close()
