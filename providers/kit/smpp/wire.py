"""A connection to a message centre (SMSC) and the units of the protocol (PDU) that pass over it."""

import itertools
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from providers.kit.smpp.pdu import HEAD, RESPONSE, Pdu, decode_pdu, encode_pdu
from providers.kit.ssrf_guard import NotConnected, describe_connect_error

UNKNOWN_COMMAND, COME_AGAIN = 0x03, 0x64
LEAVE_IN = 2.0  # seconds
LONGEST_PDU = 70_000  # bytes; message_payload may have 64 KB
LAST_SEQUENCE = 0x7FFFFFFF

# What one peer can make us do in a round and hold at a time. It is untrusted: anybody may connect an SMSC of their own.
READ_AT_ONCE = 65_536  # bytes
UNITS_AT_ONCE = 100
UNSENT_IS_MUCH = 65_536  # bytes that the peer has not taken; until it does, nothing more should be asked of it
UNSENT_AT_MOST = 262_144
TAKEN_IN = 10.0  # seconds in which the peer must have taken something
ASIDE_AT_MOST = 262_144  # bytes of what else comes while one answer is awaited


class Lost(Exception):
    """The connection is over. The words hold no address."""


class Wire:
    """A connection to an SMSC, for one thread: what is put goes out, and what came is returned, in `turn`.

    Whatever the peer does, a round is short and at most `LONGEST_PDU` + `READ_AT_ONCE` + `UNSENT_AT_MOST` +
    `ASIDE_AT_MOST` bytes are held, and one unit.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._socket.settimeout(0.0)
        self._in, self._out = bytearray(), bytearray()
        self._sequences = itertools.count()
        self._ended = False
        self._set_aside: list[Pdu] = []
        self.heard_at = self._sent_at = time.monotonic()
        self.effort = 0  # units read so far, long ones counted by the kilobyte

    @property
    def is_clogged(self) -> bool:
        """Whether the peer is behind with reading, so that nothing more should be put or read for now."""
        return len(self._out) > UNSENT_IS_MUCH

    def put(self, name: str, sequence: int | None = None, status: int = 0, **fields: Any) -> int:
        """Queue a unit, a new one or the answer to `sequence`, and return its sequence number.

        Raises Lost, and queues nothing, where the peer has left too much unread.
        """
        if len(self._out) > UNSENT_AT_MOST:
            raise Lost("the service does not read what it is sent")
        number = next(self._sequences) % LAST_SEQUENCE + 1 if sequence is None else sequence
        self._out += encode_pdu(name, number, status, **fields)
        return number

    def turn(self, seconds: float, wake_up: int | None = None, *, reads: bool = True) -> list[Pdu]:
        """Write and read until something came, `wake_up` (a file number) can be read, or the time is up; raises Lost.

        Without `reads` what the peer says stays in the network, where it soon has to wait.
        """
        pending, self._set_aside = self._set_aside, []
        return pending or self._read_units(seconds, wake_up, reads=reads)

    def ask(self, name: str, seconds: float, **fields: Any) -> Pdu:
        """Put a unit and wait for its answer; raises Lost, also when none comes in time.

        What else comes, even in the same breath, is kept for `turn`; a peer that says much else is lost, too.
        """
        sequence, end, aside = self.put(name, **fields), time.monotonic() + seconds, 0
        while time.monotonic() < end:
            answer = None
            for pdu in self._read_units(end - time.monotonic()):
                if pdu.sequence == sequence and pdu.command in {f"{name}_resp", "generic_nack"}:
                    answer = pdu
                    continue
                aside += pdu.octets
                if pdu.command == "enquire_link":
                    self.put("enquire_link_resp", pdu.sequence)
                else:
                    self._set_aside.append(pdu)
            if answer is not None:
                return answer
            if aside > ASIDE_AT_MOST:
                raise Lost("the service says much, but does not answer")
        raise Lost("no answer in time")

    def leave(self) -> None:
        """Unbind, for as long as that may take, and hang up."""
        with suppress(Lost, OSError):  # it is over either way
            self.ask("unbind", LEAVE_IN)
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _read_units(self, seconds: float, wake_up: int | None = None, *, reads: bool = True) -> list[Pdu]:
        self._wait_ready(seconds, wake_up, reads=reads)
        self._flush_output()
        if not reads:
            return []
        if not self._has_unit():
            self._fill_input()
        found = list(self._take_units())
        if self._ended and not found and not self._has_unit():
            raise Lost("the service hung up")
        return found

    def _wait_ready(self, seconds: float, wake_up: int | None, *, reads: bool) -> None:
        """Wait until something can be done, which is at once where read units are still to be taken."""
        if reads and (self._has_unit() or self._has_decrypted()):
            seconds = 0.0
        poll = select.poll()
        events = (select.POLLIN if reads else 0) | (select.POLLOUT if self._out else 0)
        if events:  # else not even the end of the connection is to be heard
            poll.register(self._socket, events)
        if wake_up is not None:
            poll.register(wake_up, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)

    def _has_decrypted(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _flush_output(self) -> None:
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
                self._sent_at = time.monotonic()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if time.monotonic() - self._sent_at > TAKEN_IN:
                raise Lost("the service does not read what it is sent") from None
        except OSError:
            raise Lost("the connection broke") from None
        else:
            self._sent_at = time.monotonic()

    def _fill_input(self) -> None:
        try:
            piece = self._socket.recv(READ_AT_ONCE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            raise Lost("the connection broke") from None
        self._in += piece
        self._ended = not piece
        if piece:
            self.heard_at = time.monotonic()

    def _has_unit(self) -> bool:
        return len(self._in) >= HEAD and len(self._in) >= self._unit_length()

    def _unit_length(self) -> int:
        """Return the length of the next unit; raise Lost."""
        (length,) = struct.unpack_from(">L", self._in)
        if not HEAD <= length <= LONGEST_PDU:
            raise Lost("the service does not speak SMPP")
        return int(length)

    def _take_units(self) -> Iterator[Pdu]:
        """Yield the next units, at most `UNITS_AT_ONCE`."""
        for _ in range(UNITS_AT_ONCE):
            if not self._has_unit():
                return
            length = self._unit_length()
            raw = bytes(self._in[:length])
            del self._in[:length]
            self.effort += 1 + length // 1024
            pdu = decode_pdu(raw)
            kind, _status, sequence = struct.unpack_from(">LLL", raw, 4)
            if pdu is not None:
                yield pdu
            elif not kind & RESPONSE:
                self.put("generic_nack", sequence, UNKNOWN_COMMAND)


def describe_failure(error: Exception) -> str:
    """Return why a connection did not come about or broke, without an address."""
    if isinstance(error, Lost | NotConnected):
        return str(error)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLCertVerificationError):
        return "the service does not speak TLS there"
    return describe_connect_error(error)
