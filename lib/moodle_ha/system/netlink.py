"""Routing netlink (rtnetlink(7)): links, addresses and routes of the kernel, read and changed.

One question and its answer take 0.1 ms; starting `ip -json` and parsing its answer takes 20 ms,
half of a whole monitor of the stock agent.
"""

from __future__ import annotations

import _socket  # `socket` costs 6 ms for its enums
import errno
import os
from _struct import calcsize, pack, unpack_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NEWLINK, GETLINK = 16, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, GETROUTE = 24, 26

_REQUEST, _ACK, _DUMP, _EXCL, _CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
_ERROR, _DONE = 2, 3
_DUMP_INTERRUPTED = 0x10
_HEADER = "=LHHLL"
_HEADER_SIZE = calcsize(_HEADER)
_SOL_NETLINK, _GET_STRICT_CHK = 270, 12


class NetlinkError(OSError):
    """The kernel refused; `errno` and `strerror` say why."""


class DumpInterrupted(Exception):
    """The kernel's table changed while it was listed; the list may miss entries."""


class Netlink:
    """One conversation with the kernel; a context manager.

    Answers come from the kernel itself and at once, so there is no deadline here.
    """

    def __init__(self) -> None:
        self._socket = _socket.socket(
            _socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _socket.NETLINK_ROUTE
        )
        self._sequence = 0
        try:
            # The kernel then honours the filters of a dump request (since Linux 4.20).
            self._socket.setsockopt(_SOL_NETLINK, _GET_STRICT_CHK, 1)
        except OSError:
            pass

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def dump(self, kind: int, header: bytes) -> list[bytes]:
        """Every entry of a table: the message bodies.  Raises NetlinkError."""
        for _ in range(10):
            try:
                return self._ask(kind, _REQUEST | _DUMP, header)
            except DumpInterrupted:
                continue
        raise NetlinkError(errno.EINTR, "the kernel's table kept changing while it was read")

    def get(self, kind: int, body: bytes) -> list[bytes]:
        """One entry.  Raises NetlinkError (ENODEV, ENETUNREACH ... when there is none)."""
        return self._ask(kind, _REQUEST, body)

    def create(self, kind: int, body: bytes) -> None:
        """Make an entry that must not exist yet.  Raises NetlinkError (EEXIST)."""
        self._ask(kind, _REQUEST | _ACK | _CREATE | _EXCL, body)

    def delete(self, kind: int, body: bytes) -> None:
        """Remove an entry.  Raises NetlinkError (EADDRNOTAVAIL, ESRCH ... when there is none)."""
        self._ask(kind, _REQUEST | _ACK, body)

    def _ask(self, kind: int, flags: int, body: bytes) -> list[bytes]:
        self._sequence += 1
        size = _HEADER_SIZE + len(body)
        self._socket.sendto(pack(_HEADER, size, kind, flags, self._sequence, 0) + body, (0, 0))
        bodies: list[bytes] = []
        interrupted = False
        while True:
            data = self._socket.recv(1 << 18)
            offset = 0
            while offset < len(data):
                length, answer, answer_flags, sequence, _ = unpack_from(_HEADER, data, offset)
                content = data[offset + _HEADER_SIZE : offset + length]
                offset += (length + 3) & ~3
                if sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(answer_flags & _DUMP_INTERRUPTED)
                if answer in (_ERROR, _DONE):
                    code = -unpack_from("=i", content)[0] if len(content) >= 4 else 0
                    if code:
                        raise NetlinkError(code, os.strerror(code))
                    if interrupted:
                        raise DumpInterrupted
                    return bodies
                bodies.append(content)
                if not flags & (_DUMP & ~_REQUEST) and not flags & _ACK:
                    return bodies


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute (struct rtattr), padded to four bytes."""
    return pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def attributes(body: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """The (type, value) pairs that follow a fixed header of `offset` bytes."""
    end = len(body)
    while offset + 4 <= end:
        length, kind = unpack_from("=HH", body, offset)
        if length < 4:
            return
        yield kind & 0x3FFF, body[offset + 4 : offset + length]
        offset += (length + 3) & ~3
