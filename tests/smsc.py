"""An SMSC of a few lines on a real socket, written from the standard and not with our code; tests tell it what to say.

`answers` decides over each submit_sm: an id, a command_status, None for silence, or `HANG_UP`.
"""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

HANG_UP = "hang up"
SUBMIT, DELIVER, BIND, UNBIND, ENQUIRE, DATA, NACK = 0x04, 0x05, 0x09, 0x06, 0x15, 0x103, 0x80000000
RESPONSE = 0x80000000


@dataclass
class Submit:
    """A submit_sm as it came."""

    wire: socket.socket
    sequence: int
    source: tuple[int, int, str]
    dest: tuple[int, int, str]
    esm_class: int
    validity: str
    registered_delivery: int
    data_coding: int
    body: bytes
    tlvs: dict[int, bytes]


@dataclass
class Smsc:
    """What it does can be changed while it runs; what it saw is kept."""

    answers: Callable[[Submit], int | str | None] = lambda _submit: ""
    bind_status: int = 0
    answers_enquiries: bool = True
    answers_binds: bool = True
    enquires_at_once: bool = False  # in one breath with the answer to a bind
    after_bind: Callable[["Smsc", socket.socket], None] | None = None  # instead of reading, until it returns
    drips: float = 0.0  # seconds between the bytes of an answer to a bind
    tls: ssl.SSLContext | None = None
    binds: list[tuple[str, str, str, int]] = field(default_factory=list)
    submits: list[Submit] = field(default_factory=list)
    heard: list[tuple[int, int, int]] = field(default_factory=list)  # command, status, sequence
    connections: int = 0
    bound: int = 0
    most_bound: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._ids = count(1001)
        self._sequences = count(7001)
        self._wires: list[socket.socket] = []
        self._lock = threading.Lock()
        self._open = True
        self._listener: socket.socket | None = None

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more, and whoever was connected is not."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        for wire in list(self._wires):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def deliver(
        self,
        text: str,
        *,
        source: str = "12025550147",
        esm_class: int = 0x04,
        tlvs: dict[int, bytes] | None = None,
        command: int = DELIVER,
    ) -> int:
        """Send a receipt, or a message, and return its sequence number."""
        return self.say(command, _receipt(text, source, esm_class, tlvs, command))

    def deliver_all(self, texts: Iterable[str]) -> list[int]:
        """Send receipts in one breath, for as long as the other side takes them, and return their sequence numbers."""
        units = [(next(self._sequences), _receipt(text)) for text in texts]
        with self._lock, suppress(OSError):
            self._wires[-1].sendall(b"".join(_pdu(DELIVER, 0, number, body) for number, body in units))
        return [number for number, _body in units]

    def answers_to(self, sequences: Iterable[int]) -> dict[int, int]:
        """Return the status with which each of our requests was answered, as far as they were."""
        wanted = set(sequences)
        return {
            number: status for command, status, number in list(self.heard) if command & RESPONSE and number in wanted
        }

    def say(self, command: int, body: bytes = b"") -> int:
        """Send a request of ours on the latest connection."""
        sequence = next(self._sequences)
        self._send(self._wires[-1], command, 0, sequence, body)
        return sequence

    def answered(self, sequence: int, seconds: float = 10.0) -> int:
        """Return the status with which a request of ours was answered."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for command, status, number in list(self.heard):
                if number == sequence and command & RESPONSE:
                    return status
            time.sleep(0.01)
        raise AssertionError("no answer came")

    def has_answer(self, sequence: int) -> bool:
        return any(number == sequence and command & RESPONSE for command, _status, number in self.heard)

    def count(self, command: int) -> int:
        return sum(one == command for one, _status, _sequence in self.heard)

    def accept(self, submit: Submit, ref: str | None = None, status: int = 0) -> None:
        """Answer a submit_sm that was met with silence."""
        ref = str(next(self._ids)) if ref is None else ref
        body = b"" if status else ref.encode() + b"\0"
        self._send(submit.wire, SUBMIT | RESPONSE, status, submit.sequence, body)

    # -- its threads -------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                wire, _address = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(wire,), daemon=True).start()

    def _talk(self, wire: socket.socket) -> None:
        is_bound = False
        try:
            if self.tls is not None:
                wire = self.tls.wrap_socket(wire, server_side=True)
            self._wires.append(wire)
            while head := _exactly(wire, 16):
                length, command, status, sequence = struct.unpack(">LLLL", head)
                body = _exactly(wire, length - 16)
                self.heard.append((command, status, sequence))
                if command == BIND:
                    is_bound = self._bind(wire, sequence, body)
                elif command == SUBMIT:
                    self._submit(wire, sequence, body)
                elif command == ENQUIRE and self.answers_enquiries:
                    self._send(wire, ENQUIRE | RESPONSE, 0, sequence)
                elif command == UNBIND:
                    self._send(wire, UNBIND | RESPONSE, 0, sequence)
                    break
        except OSError:
            pass  # the other side went away
        finally:
            self.bound -= is_bound
            with suppress(ValueError):
                self._wires.remove(wire)
            wire.close()

    def _bind(self, wire: socket.socket, sequence: int, body: bytes) -> bool:
        system_id, password, system_type, rest = body.split(b"\0", 3)
        self.binds.append((system_id.decode(), password.decode(), system_type.decode(), rest[0]))
        if not self.answers_binds:
            return False
        answer = _pdu(BIND | RESPONSE, self.bind_status, sequence, b"" if self.bind_status else b"double\0")
        if self.enquires_at_once:
            answer += _pdu(ENQUIRE, 0, next(self._sequences))
        with self._lock:
            for piece in (answer[at : at + 1] for at in range(len(answer))) if self.drips else (answer,):
                wire.sendall(piece)
                time.sleep(self.drips)
        if self.bind_status:
            return False
        self.bound += 1
        self.most_bound = max(self.most_bound, self.bound)
        if self.after_bind is not None:
            self.after_bind(self, wire)
        return True

    def _submit(self, wire: socket.socket, sequence: int, body: bytes) -> None:
        submit = _read_submit(wire, sequence, body)
        self.submits.append(submit)
        said = self.answers(submit)
        if said == HANG_UP:
            wire.shutdown(socket.SHUT_RDWR)
        elif isinstance(said, int):
            self.accept(submit, status=said)
        elif said is not None:
            self.accept(submit, said or None)

    def _send(self, wire: socket.socket, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        with self._lock, suppress(OSError):
            wire.sendall(_pdu(command, status, sequence, body))


def _pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body


def _receipt(
    text: str,
    source: str = "12025550147",
    esm_class: int = 0x04,
    tlvs: dict[int, bytes] | None = None,
    command: int = DELIVER,
) -> bytes:
    said = text.encode()
    body = b"\0" + bytes((1, 1)) + source.encode() + b"\0" + bytes((1, 1)) + b"12025550142\0" + bytes((esm_class, 0, 0))
    if command == DELIVER:
        body += b"\0\0" + bytes((0, 0, 0, 0, len(said))) + said
    for tag, value in (tlvs or {}).items():
        body += struct.pack(">HH", tag, len(value)) + value
    return body


def enquiry() -> bytes:
    """Return a unit that wants an answer and costs its sender nothing."""
    return _pdu(ENQUIRE, 0, 9)


def giant_receipt() -> bytes:
    """Return the longest unit that the standard has."""
    return _pdu(DELIVER, 0, 9, _receipt("", tlvs={0x001E: b"9" * 65_000, 0x0427: b"\2"}))


def never_reads(unit: bytes, seconds: float, most: int = 60_000_000) -> Callable[[Smsc, socket.socket], None]:
    """Say the same unit again and again for so long, `most` bytes of it, and read nothing."""

    def flood(_smsc: Smsc, wire: socket.socket) -> None:
        end, said, block = time.monotonic() + seconds, 0, unit * max(1, 65_536 // len(unit))
        wire.settimeout(0.2)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while time.monotonic() < end and said < most:
            with suppress(TimeoutError):
                said += wire.send(block[said % len(block) :])
        while time.monotonic() < end:
            time.sleep(0.1)
        wire.settimeout(None)

    return flood


def reads_on(unit: bytes, seconds: float) -> Callable[[Smsc, socket.socket], None]:
    """Do the same, but read what comes, and forget it."""

    def flood(_smsc: Smsc, wire: socket.socket) -> None:
        end, said, block = time.monotonic() + seconds, 0, unit * max(1, 65_536 // len(unit))
        wire.settimeout(0.001)
        while time.monotonic() < end:
            with suppress(TimeoutError):
                said += wire.send(block[said % len(block) :])
            with suppress(TimeoutError):
                wire.recv(1_000_000)
        wire.settimeout(None)

    return flood


def _exactly(wire: socket.socket, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        piece = wire.recv(wanted - len(data))
        if not piece:
            return b""
        data += piece
    return data


def _read_submit(wire: socket.socket, sequence: int, body: bytes) -> Submit:
    at = 0

    def string() -> str:
        nonlocal at
        end = body.index(b"\0", at)
        found, at = body[at:end].decode("latin-1"), end + 1
        return found

    def number() -> int:
        nonlocal at
        at += 1
        return body[at - 1]

    string()
    source = (number(), number(), string())
    dest = (number(), number(), string())
    esm_class, _protocol, _priority = number(), number(), number()
    _schedule, validity = string(), string()
    registered, _replace, coding, _canned, length = number(), number(), number(), number(), number()
    said, at = body[at : at + length], at + length
    tlvs: dict[int, bytes] = {}
    while at < len(body):
        tag, size = struct.unpack_from(">HH", body, at)
        tlvs[tag], at = body[at + 4 : at + 4 + size], at + 4 + size
    return Submit(wire, sequence, source, dest, esm_class, validity, registered, coding, said, tlvs)


@contextmanager
def listening(**options: Any) -> Iterator[Smsc]:
    """Hold one open."""
    smsc = Smsc(**options)
    smsc.start()
    try:
        yield smsc
    finally:
        smsc.stop()
