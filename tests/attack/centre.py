"""A message centre of the attacker's: it binds whoever asks, and when told to, it talks without end and never reads."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.smsc import BIND, DELIVER, ENQUIRE, RESPONSE, SUBMIT

RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:DELIVRD err:000 text:"
PIECE = 512  # units said in one breath
MOST_BYTES = 32 * 1024 * 1024  # of one flood


def unit(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """Return one unit of the protocol."""
    return struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body


def receipt(ref: str, sequence: int) -> bytes:
    """Return a delivery receipt for a message with this id."""
    said = RECEIPT.format(ref).encode()
    head = b"\0\1\x0112025550147\0\1\x0112025550142\0"
    return unit(DELIVER, sequence, head + b"\x04\0\0\0\0\0\0\0\0" + bytes((len(said),)) + said)


class HostileCentre:
    """Honest until `floods` is set: then every wire is told `enquire_link` on and on, at once after its bind."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port: int = self._listener.getsockname()[1]
        self.floods = threading.Event()
        self.wires: list[socket.socket] = []
        self.said = 0  # bytes of floods
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Hang up and listen no more."""
        self._listener.close()
        for wire in self.wires:
            wire.close()

    def say(self, data: bytes, limit: float) -> bool:
        """Say it on the latest wire, for at most so many seconds; False when that was not possible."""
        try:
            self.wires[-1].settimeout(max(0.1, limit))
            self.wires[-1].sendall(data)
        except (OSError, IndexError):
            return False
        self.said += len(data)
        return True

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                wire, _address = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(wire,), daemon=True).start()

    def _talk(self, wire: socket.socket) -> None:
        refs = iter(range(700_001, 10_000_000))
        with suppress(OSError):
            while head := _exactly(wire, 16):
                length, command, _status, sequence = struct.unpack(">LLLL", head)
                _exactly(wire, length - 16)
                if command & RESPONSE:
                    continue
                said = {BIND: b"hostile\0", SUBMIT: b"%d\0" % next(refs)}.get(command, b"")
                wire.sendall(unit(command | RESPONSE, sequence, said))
                if command == BIND:
                    self.wires.append(wire)
                    if self.floods.is_set():
                        self._flood(wire)

    def _flood(self, wire: socket.socket) -> None:
        piece = b"".join(unit(ENQUIRE, number) for number in range(1, PIECE + 1))
        said, end = 0, time.monotonic() + 15.0
        wire.settimeout(2.0)
        while said < MOST_BYTES and time.monotonic() < end:
            wire.sendall(piece)
            said += len(piece)
            self.said += len(piece)


def _exactly(wire: socket.socket, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        piece = wire.recv(wanted - len(data))
        if not piece:
            return b""
        data += piece
    return data


@contextmanager
def hostile_centre() -> Iterator[HostileCentre]:
    """Hold one open."""
    centre = HostileCentre()
    try:
        yield centre
    finally:
        centre.close()
