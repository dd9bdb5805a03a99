"""The student: a machine in the lab's network that uses the addresses and watches them."""

from __future__ import annotations

import ipaddress
import itertools
import select
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

from tests.lab import network
from tests.lab.anchor import Anchor
from tests.lab.node import PATH, Result
from tests.lab.processes import in_network_of

_ECHO = {4: (8, 0), 6: (128, 129)}  # ICMP types of request and reply
_ARP = 0x0806
_ARP_HEADER = struct.Struct("!HHBBH6s4s6s4s")
_identifiers = itertools.count(1)


@dataclass
class Ping:
    """One echo request: when it was sent, and when the reply came (time.monotonic) or None."""

    sent: float
    answered: float | None = None


class Gap(NamedTuple):
    """A stretch without a reply: from the last reply before it to the first after it."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.start


def checksum(data: bytes) -> int:
    """Return the Internet checksum of data of even length."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Pinger:
    """Pings one address (IPv4 or IPv6) at a fixed rate and keeps the timeline."""

    def __init__(self, anchor: Anchor, address: str, per_second: float = 20) -> None:
        self.address = address
        self.interval = 1 / per_second
        self.pings: list[Ping] = []
        self._version = ipaddress.ip_address(address).version
        self._identifier = next(_identifiers) & 0xFFFF
        self._socket = in_network_of(anchor.client_pid, self._open)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop pinging; the timeline stays."""
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Pinger:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def replies(self, since: float = 0.0) -> list[float]:
        """Return the times of the replies that came after `since`, in order."""
        answered = (ping.answered for ping in list(self.pings))
        return sorted(at for at in answered if at is not None and at >= since)

    def lost(self, since: float, until: float) -> int:
        """Return how many pings sent in the interval have no reply."""
        return sum(
            1 for ping in list(self.pings) if since <= ping.sent < until and ping.answered is None
        )

    def longest_gap(self, since: float) -> Gap:
        """Return the longest time without a reply after `since`, an unfinished one included."""
        points = [since, *self.replies(since), time.monotonic()]
        return max((Gap(a, b) for a, b in zip(points, points[1:])), key=lambda gap: gap.seconds)

    def answers(self, within: float = 0.5) -> bool:
        """Whether a reply came in the last `within` seconds."""
        return bool(self.replies(time.monotonic() - within))

    def _open(self) -> socket.socket:
        if self._version == 4:
            return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        return socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)

    def _loop(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            if now >= due:
                self._send()
                due = max(due + self.interval, now)
            readable, _, _ = select.select([self._socket], [], [], max(0.0, due - now))
            if readable:
                self._receive(time.monotonic())

    def _send(self) -> None:
        kind = _ECHO[self._version][0]
        number = len(self.pings)
        rest = struct.pack("!HHQ", self._identifier, number & 0xFFFF, number)
        message = struct.pack("!BBH", kind, 0, 0) + rest
        if self._version == 4:  # for version 6 the kernel does it
            message = struct.pack("!BBH", kind, 0, checksum(message)) + rest
        self.pings.append(Ping(time.monotonic()))
        try:
            self._socket.sendto(message, (self.address, 0))
        except OSError:  # no route, no neighbour: a lost ping
            pass

    def _receive(self, now: float) -> None:
        try:
            packet = self._socket.recv(2048)
        except OSError:  # an ICMP error about an earlier ping
            return
        if self._version == 4:
            packet = packet[(packet[0] & 15) * 4 :]
        if len(packet) < 16 or packet[0] != _ECHO[self._version][1]:
            return
        identifier, _, number = struct.unpack("!HHQ", packet[4:16])
        if identifier == self._identifier and number < len(self.pings):
            ping = self.pings[number]
            if ping.answered is None:
                ping.answered = now


class Sighting(NamedTuple):
    """An ARP frame in which somebody called the address its own: when, and which MAC."""

    time: float
    mac: str


class ArpWatcher:
    """Asks 20 times a second who has an IPv4 address and keeps every claim it sees."""

    def __init__(self, anchor: Anchor, address: str) -> None:
        self.sightings: list[Sighting] = []
        self._address = socket.inet_aton(address)
        self._socket = in_network_of(anchor.client_pid, self._open)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def __enter__(self) -> ArpWatcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def contested(self, within: float = 0.1) -> list[tuple[Sighting, Sighting]]:
        """Return the pairs of claims by different machines less than `within` seconds apart."""
        seen = list(self.sightings)
        pairs = zip(seen, seen[1:])
        return [(a, b) for a, b in pairs if a.mac != b.mac and b.time - a.time < within]

    def _open(self) -> socket.socket:
        watcher = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP))
        watcher.bind(("eth0", _ARP))
        return watcher

    def _loop(self) -> None:
        ours: bytes = self._socket.getsockname()[4]
        sender = socket.inet_aton(network.IPV4.format(network.CLIENT))
        request = b"\xff" * 6 + ours + struct.pack("!H", _ARP)
        request += _ARP_HEADER.pack(1, 0x0800, 6, 4, 1, ours, sender, bytes(6), self._address)
        due = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            if now >= due:
                self._socket.send(request)
                due = now + 0.05
            readable, _, _ = select.select([self._socket], [], [], max(0.0, due - now))
            if readable:
                self._note(self._socket.recv(2048))

    def _note(self, frame: bytes) -> None:
        fields = _ARP_HEADER.unpack(frame[14 : 14 + _ARP_HEADER.size])
        if fields[6] == self._address:
            self.sightings.append(Sighting(time.monotonic(), fields[5].hex(":")))


class Client:
    """The machine of the student."""

    def __init__(self, anchor: Anchor) -> None:
        self._anchor = anchor

    def sh(self, command: str, timeout: float = 60) -> Result:
        """Run a shell command on the client, which has the image's programs."""
        inside = ["nsenter", "-t", str(self._anchor.client_pid), "-n", "-m", "-r", "-w"]
        inside += ["env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8"]
        bounded = ["timeout", "--signal=KILL", str(timeout), "bash", "-c", command]
        done = subprocess.run(
            [*inside, *bounded],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Result(124 if done.returncode in (-9, 137) else done.returncode, done.stdout)

    def ping(self, address: str, per_second: float = 20) -> Pinger:
        """Start pinging an address; stop it with `stop()` or use it in a `with`."""
        return Pinger(self._anchor, address, per_second)

    def watch_arp(self, address: str) -> ArpWatcher:
        """Watch who claims an IPv4 address, to be used in a `with`."""
        return ArpWatcher(self._anchor, address)
