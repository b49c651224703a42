"""How much of a request is read, which threads it may take, and how the server stops."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest

from b24app.server.channel import CHUNK_SIZE, MAX_PIPELINED, ClientChannel
from b24app.server.parser import MAX_LARGE_BODIES, ServerAdjustments
from b24app.server.policy import DEFAULT_BODY_SIZE, Policy
from tests.server.application import EXIT_CODE, LARGE
from tests.server.serving import Served, read_all

Serve = Callable[..., Served]


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", ""]).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(("path", "longest"), [("/x/", DEFAULT_BODY_SIZE), ("/h/x/", LARGE), ("//h/x/", LARGE)])
def test_a_body_longer_than_its_address_may_have_is_refused_before_it_is_sent(
    serve: Serve, path: str, longest: int
) -> None:
    served = serve()
    assert status(served.ask(head(path, f"Content-Length: {longest + 1}"))) == 413
    answer = served.ask(head(path, f"Content-Length: {longest}"), b"x" * longest)
    assert (status(answer), answer.split()[-1]) == (200, str(longest).encode())


def test_chunks_are_read_up_to_the_limit_and_no_further(serve: Serve) -> None:
    served = serve()
    lines = head("/x/", "Transfer-Encoding: chunked")
    assert served.ask(lines, b"5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n").endswith(b"/x/ 8 ")
    with served.connect() as wire:
        wire.sendall(lines + b"%x\r\n" % (100 * DEFAULT_BODY_SIZE))
        with pytest.raises(ConnectionError):
            wire.sendall(b"x" * 100 * DEFAULT_BODY_SIZE)


def test_large_bodies_are_answered_in_turn_where_the_policy_says_so_and_small_ones_beside_them(serve: Serve) -> None:
    served = serve()
    large = head("/turn/?0.5", f"Content-Length: {LARGE}"), b"x" * LARGE
    small = head("/turn/?0", "Content-Length: 5"), b"hello"
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(served.ask, *large) for _ in range(4)]
        time.sleep(0.2)
        assert status(served.ask(*small)) == 200
        beside = time.monotonic() - began
        assert {status(one.result()) for one in asked} == {200}
    assert time.monotonic() - began >= 2.0
    assert beside < 2.0


def test_so_many_large_bodies_arrive_at_once_and_small_ones_beside_them(serve: Serve) -> None:
    served = serve()
    large = head("/h/x/", f"Content-Length: {LARGE}")
    wires = [served.connect() for _ in range(MAX_LARGE_BODIES)]
    try:
        for wire in wires:
            wire.sendall(large)
        time.sleep(0.5)
        assert status(served.ask(large)) == 503
        assert status(served.ask(head("/h/x/", "Content-Length: 5"), b"hello")) == 200
    finally:
        for wire in wires:
            wire.close()
    time.sleep(0.5)
    assert status(served.ask(large, b"x" * LARGE)) == 200


@pytest.mark.parametrize("header", ["SCRIPT_NAME: /x", "Script_Name: /other", "PATH_INFO: /y", "Script-Name: /h"])
def test_no_header_of_a_client_becomes_a_part_of_the_address(serve: Serve, header: str) -> None:
    answer = serve().ask(head("/x/h/", header))
    assert (status(answer), answer.split()[-2:]) == (200, [b"/x/h/", b"0"])


def test_what_breaks_is_answered_500_and_quotes_neither_address_nor_secret(serve: Serve) -> None:
    served = serve()
    answer = served.ask(head("/broken/?signature"))
    assert status(answer) == 500
    said = answer + served.log.read_bytes()
    assert b"secret" not in said
    assert b"signature" not in said
    assert b"/broken" not in said


def test_pages_take_no_thread_of_a_reserved_address_and_too_many_are_told(serve: Serve) -> None:
    served = serve("--threads", "2", "--reserved", "2")
    with ThreadPoolExecutor(40) as clients:
        pages = [clients.submit(served.get, "/slow/?2.5") for _ in range(30)]
        time.sleep(0.5)
        began = time.monotonic()
        assert [served.get("/h/x/")[0] for _ in range(20)] == [200] * 20
        assert time.monotonic() - began < 8
        told = [page.result() for page in pages]
    assert {one for one in told if one[0] != 200} == {(503, b"busy")}
    assert 8 <= sum(one[0] == 200 for one in told) <= 10  # two being answered, and eight in line


def test_asked_to_stop_it_answers_what_has_come_in_and_takes_no_more(serve: Serve) -> None:
    served = serve()
    kept = HTTPConnection("127.0.0.1", served.port, timeout=20)
    kept.request("GET", "/x/")
    assert kept.getresponse().read() == b"/x/ 0 "
    answers: list[tuple[int, bytes]] = []
    busy = threading.Thread(target=lambda: answers.append(served.get("/slow/?1.5")))
    busy.start()
    time.sleep(0.5)
    served.stop()
    time.sleep(0.3)
    kept.request("GET", "/late/")  # a proxy may send on a connection it has kept
    late = kept.getresponse()
    assert (late.status, late.read(), late.headers["Connection"]) == (200, b"/late/ 0 ", "close")
    with pytest.raises(ConnectionRefusedError):
        served.connect()
    busy.join()
    assert answers == [(200, b"/slow/ 0 ")]
    assert served.process.wait(timeout=20) == EXIT_CODE


def test_who_had_come_in_when_it_was_asked_to_stop_is_answered(serve: Serve) -> None:
    served = serve()
    wires = [served.connect() for _ in range(20)]
    served.stop()
    for wire in wires:
        wire.sendall(b"GET /x/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    said = [read_all(wire) for wire in wires]
    for wire in wires:
        wire.close()
    assert [status(one) for one in said] == [200] * 20
    assert served.process.wait(timeout=20) == EXIT_CODE


def test_the_server_says_nothing_of_itself(serve: Serve) -> None:
    answer = serve().ask(head("/x/"))
    assert b"server:" not in answer.lower()
    assert b"waitress" not in answer.lower()


def test_of_what_is_sent_ahead_only_a_little_is_taken_apart() -> None:
    ahead = b"GET /x/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    here, there = socket.socketpair()
    with here, there:
        server = SimpleNamespace(active_channels={}, add_task=lambda _channel: None)
        channel = ClientChannel(server, here, ("127.0.0.1", 1), ServerAdjustments(Policy()), {})
        assert channel.received(ahead * 2000)
    assert channel.will_close
    assert MAX_PIPELINED < len(channel.requests) <= CHUNK_SIZE // len(ahead) + 1
