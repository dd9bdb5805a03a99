"""What counts as another owner; talking on the wire is tested in the bed."""

from __future__ import annotations

import socket

from moodle_ha.system import addresses, frames, neighbours
from moodle_ha.system.addresses import IpAddress, Link
from moodle_ha.system.deadline import Deadline
from moodle_ha.system.netlink import Netlink
from tests.unit.conftest import as_nobody

IP = IpAddress.parse("192.0.2.10")
OURS = bytes.fromhex("02005e005301")
BOND = bytes.fromhex("02005e005302")
OTHER = bytes.fromhex("02005e0053ff")
LINK = Link(2, "eth0", 0x11043, OURS, b"")


class Wire(neighbours.PacketSocket):
    """Frames that arrive, then silence."""

    def __init__(self, *arriving: bytes) -> None:
        self.arriving = list(arriving)

    def receive(self, deadline: Deadline) -> bytes | None:
        return self.arriving.pop(0) if self.arriving else None


def heard(*arriving: bytes, ip: IpAddress = IP) -> bytes | None:
    return neighbours.listen(Wire(*arriving), ip, {OURS, BOND}, Deadline(1))


def test_replies_and_announcements_count() -> None:
    request, reply = frames.announcements(IP, OTHER)
    assert heard(request) == OTHER
    assert heard(reply) == OTHER


def test_advertisements_count() -> None:
    ip = IpAddress.parse("2001:db8::10")
    (advertisement,) = frames.announcements(ip, OTHER)
    assert heard(advertisement, ip=ip) == OTHER
    assert heard(advertisement, ip=IpAddress.parse("2001:db8::11")) is None


def test_our_own_do_not_count() -> None:
    """Neither from the link itself nor from below a bond or VLAN, where a switch returns them."""
    assert heard(*frames.announcements(IP, OURS), *frames.announcements(IP, BOND)) is None


def test_probes_and_other_addresses_do_not_count() -> None:
    neighbour = IpAddress.parse("192.0.2.11")
    assert heard(frames.probe(IP, OTHER), *frames.announcements(neighbour, OTHER)) is None


def test_what_does_not_count_is_passed_over() -> None:
    noise = [b"", bytes(60), frames.probe(IP, OTHER), *frames.announcements(IP, OURS)]
    assert heard(*noise, frames.announcements(IP, OTHER)[1]) == OTHER


def test_silence() -> None:
    assert heard() is None


def test_is_conflict() -> None:
    claim = frames.Claim(IP.packed, OTHER)
    assert neighbours.is_conflict(claim, IP, {OURS})
    assert not neighbours.is_conflict(claim, IP, {OTHER})
    assert not neighbours.is_conflict(None, IP, set())
    assert not neighbours.is_conflict(claim, IpAddress.parse("192.0.2.11"), set())


def test_own_macs_are_those_of_all_links() -> None:
    with Netlink() as netlink:
        found = neighbours.own_macs(netlink)
        links = addresses.links(netlink)
    assert b"" not in found
    assert {link.mac for link in links if link.mac} <= found


def test_packet_sockets_need_privileges() -> None:
    answer = as_nobody(lambda: neighbours.PacketSocket(LINK))
    assert answer == "PermissionError: [Errno 1] Operation not permitted"


def test_the_constants_of_packet_sockets() -> None:
    """if_packet.h has them as Python's socket module does."""
    assert set(neighbours._NOT_FOR_US) == {socket.PACKET_OTHERHOST, socket.PACKET_OUTGOING}
