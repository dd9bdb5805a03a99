"""What goes over a machine's wires: ARP and neighbour discovery as the RFCs write them.

Made from RFC 826, 5227 and 4861 alone, without the library under test, so that a mistake there
can't hide in the same mistake here.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Callable

from tests.lab.processes import wait_until

REQUEST, REPLY = 1, 2
BROADCAST = "ff:ff:ff:ff:ff:ff"
_ARP, _IPV6 = 0x0806, 0x86DD
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ALL_NODES = "ff02::1"


@dataclass(frozen=True)
class Arp:
    """An ARP packet for IPv4 over Ethernet."""

    operation: int
    sender_mac: str
    sender_ip: str
    target_mac: str
    target_ip: str
    ethernet_to: str = BROADCAST

    def frame(self) -> bytes:
        """The whole Ethernet frame."""
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, self.operation)
        body += _mac(self.sender_mac) + socket.inet_aton(self.sender_ip)
        body += _mac(self.target_mac) + socket.inet_aton(self.target_ip)
        header = _mac(self.ethernet_to) + _mac(self.sender_mac) + struct.pack("!H", _ARP)
        return header + body.ljust(46, b"\0")


@dataclass(frozen=True)
class Advertisement:
    """An ICMPv6 neighbour advertisement."""

    target: str
    mac: str
    override: bool
    solicited: bool
    ip_from: str
    ip_to: str

    def frame(self) -> bytes:
        """The whole Ethernet frame, to the multicast or broadcast group of `ip_to`."""
        flags = (0x40000000 if self.solicited else 0) | (0x20000000 if self.override else 0)
        message = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, flags) + _ip6(self.target)
        message += bytes((2, 1)) + _mac(self.mac)
        pseudo = _ip6(self.ip_from) + _ip6(self.ip_to) + struct.pack("!II", len(message), 58)
        message = message[:2] + struct.pack("!H", _checksum(pseudo + message)) + message[4:]
        header = b"\x33\x33" + _ip6(self.ip_to)[12:] + _mac(self.mac) + struct.pack("!H", _IPV6)
        header += struct.pack("!IHBB", 6 << 28, len(message), 58, 255)
        return header + _ip6(self.ip_from) + _ip6(self.ip_to) + message


@dataclass(frozen=True)
class Solicitation:
    """An ICMPv6 neighbour solicitation; from `::` it is a duplicate address probe."""

    target: str
    ip_from: str


@dataclass(frozen=True)
class Frame:
    """A recorded frame: seconds of the monotonic clock, and whether the machine itself sent it."""

    time: float
    data: bytes
    outgoing: bool

    @property
    def packet(self) -> Arp | Advertisement | Solicitation | None:
        """What it says, if it is ARP or neighbour discovery."""
        return parse(self.data)


def parse(frame: bytes) -> Arp | Advertisement | Solicitation | None:
    """Read an Ethernet frame; None for anything but ARP, solicitations and advertisements.

    A wrong ICMPv6 checksum or hop limit raises ValueError: real neighbours would ignore it.
    """
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    if ethertype == _ARP:
        operation, sender_mac, sender_ip, target_mac, target_ip = struct.unpack_from(
            "!H6s4s6s4s", frame, 20
        )
        return Arp(
            operation,
            mac_text(sender_mac),
            socket.inet_ntoa(sender_ip),
            mac_text(target_mac),
            socket.inet_ntoa(target_ip),
            mac_text(frame[:6]),
        )
    if ethertype != _IPV6 or frame[20] != 58 or frame[54] not in (_SOLICITATION, _ADVERTISEMENT):
        return None
    length = struct.unpack_from("!H", frame, 18)[0]
    message, ip_from, ip_to = frame[54 : 54 + length], frame[22:38], frame[38:54]
    if _checksum(ip_from + ip_to + struct.pack("!II", length, 58) + message) or frame[21] != 255:
        raise ValueError(f"a neighbour discovery message that hosts ignore: {frame.hex()}")
    target = socket.inet_ntop(socket.AF_INET6, message[8:24])
    sender = socket.inet_ntop(socket.AF_INET6, ip_from)
    if message[0] == _SOLICITATION:
        return Solicitation(target, sender)
    flags = message[4]
    mac = mac_text(message[26:32]) if message[24:26] == b"\x02\x01" else mac_text(frame[6:12])
    to = socket.inet_ntop(socket.AF_INET6, ip_to)
    return Advertisement(target, mac, bool(flags & 0x20), bool(flags & 0x40), sender, to)


class _Listener:
    """A thread that reads frames from a packet socket until closed; a context manager."""

    def __init__(self, packets: socket.socket) -> None:
        self._packets = packets
        self._closing, self._close = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; more than once does no harm."""
        if self._thread.is_alive():
            self._close.send(b".")
            self._thread.join()
        for part in (self._packets, self._closing, self._close):
            part.close()

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._packets, select.POLLIN)
        poll.register(self._closing, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._closing.fileno() in ready:
                return
            try:
                data, sender = self._packets.recvfrom(65536)
            except OSError:  # the link went down or away: nothing comes any more for now
                time.sleep(0.01)
                continue
            self._heard(Frame(time.monotonic(), data, sender[2] == socket.PACKET_OUTGOING))

    def _heard(self, frame: Frame) -> None:
        raise NotImplementedError


class Sniffer(_Listener):
    """Records all frames that pass an interface."""

    def __init__(self, packets: socket.socket) -> None:
        self.frames: list[Frame] = []
        super().__init__(packets)

    def __enter__(self) -> Sniffer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _heard(self, frame: Frame) -> None:
        self.frames.append(frame)

    def matching(self, wanted: Callable[[Frame], bool]) -> list[Frame]:
        """The frames recorded so far that are `wanted`."""
        return [frame for frame in list(self.frames) if wanted(frame)]

    def wait_for(
        self, wanted: Callable[[Frame], bool], count: int = 1, timeout: float = 10
    ) -> list[Frame]:
        """Wait until `count` frames are `wanted` and return them; LabTimeout if they don't come."""
        what = f"{count} frames"
        wait_until(lambda: len(self.matching(wanted)) >= count, timeout, what, every=0.01)
        return self.matching(wanted)


class Responder(_Listener):
    """Answers questions for one address with one MAC address, but for the first `skip`."""

    def __init__(self, packets: socket.socket, ip: str, mac: str, skip: int = 0) -> None:
        self.ip = ip
        self.mac = mac
        self.answered = 0
        self._skip = skip
        super().__init__(packets)

    def __enter__(self) -> Responder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _heard(self, frame: Frame) -> None:
        packet = None if frame.outgoing else frame.packet
        answer: Arp | Advertisement
        if isinstance(packet, Arp):
            if packet.operation != REQUEST or packet.target_ip != self.ip:
                return
            if packet.sender_ip == self.ip:  # an announcement, no question
                return
            asker = packet.sender_mac
            answer = Arp(REPLY, self.mac, self.ip, asker, packet.sender_ip, asker)
        elif isinstance(packet, Solicitation) and packet.target == self.ip:
            answer = Advertisement(self.ip, self.mac, True, False, self.ip, _ALL_NODES)
        else:
            return
        if self._skip:
            self._skip -= 1
            return
        try:
            self._packets.send(answer.frame())
        except OSError:  # the link is down at this moment
            return
        self.answered += 1


def mac_text(mac: bytes) -> str:
    """Six bytes as 02:00:5e:00:53:01."""
    return mac.hex(":")


def gratuitous(ip: str) -> Callable[[Frame], bool]:
    """Tells frames that announce `ip`: ARP in both forms, or an unsolicited advertisement."""

    def wanted(frame: Frame) -> bool:
        packet = frame.packet
        if isinstance(packet, Arp):
            return packet.sender_ip == packet.target_ip == ip
        return isinstance(packet, Advertisement) and packet.target == ip and not packet.solicited

    return wanted


def probing(ip: str) -> Callable[[Frame], bool]:
    """Tells frames that ask for `ip` without claiming it."""

    def wanted(frame: Frame) -> bool:
        packet = frame.packet
        if isinstance(packet, Arp):
            return packet.sender_ip == "0.0.0.0" and packet.target_ip == ip
        return isinstance(packet, Solicitation) and packet.target == ip and packet.ip_from == "::"

    return wanted


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ip6(text: str) -> bytes:
    return ipaddress.IPv6Address(text).packed


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
