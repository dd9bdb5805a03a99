"""What counts as another owner; talking on the wire is tested in the bed."""

from __future__ import annotations

import socket

import pytest

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


class Asking(Wire):
    """Counts the questions; an answer comes after so many of them."""

    def __init__(self, answered_after: int) -> None:
        super().__init__()
        self.answered_after = answered_after
        self.sent: list[bytes] = []
        self.waits: list[float] = []

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def receive(self, deadline: Deadline) -> bytes | None:
        self.waits.append(deadline.remaining())
        if len(self.sent) < self.answered_after:
            return None
        return frames.announcements(IP, OTHER)[1]


@pytest.mark.parametrize(("answered_after", "asked"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_asking_ends_with_the_first_answer(
    monkeypatch: pytest.MonkeyPatch, answered_after: int, asked: int
) -> None:
    wire = Asking(answered_after)
    monkeypatch.setattr(neighbours, "PacketSocket", lambda *_: wire)
    mac = neighbours.find_other_owner(IP, LINK, {OURS}, probes=3, interval=5.0, wait=60.0)
    assert mac == (OTHER if answered_after <= 3 else None)
    assert wire.sent == [frames.probe(IP, OURS)] * asked
    assert all(wait <= 5.0 for wait in wire.waits[:2])
    if asked == 3:
        assert wire.waits[2] > 40, "the last question has all that is left"


class Announcing:
    """Where the address is at each look, and what is announced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *present: bool) -> None:
        self.present = list(present)
        self.pauses: list[float] = []
        self.announced = 0
        self.down = False
        monkeypatch.setattr(neighbours.time, "sleep", self.pauses.append)
        monkeypatch.setattr(addresses, "addresses", self.look)
        monkeypatch.setattr(neighbours, "announce", self.announce)

    def look(self, *_: object) -> list[addresses.InterfaceAddress]:
        return [addresses.InterfaceAddress(IP, 24, 2)] if self.present.pop(0) else []

    def announce(self, *_: object) -> None:
        self.announced += 1
        if self.down:
            raise OSError(100, "Network is down")


def test_announcements_come_at_growing_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Announcing(monkeypatch, True, True, True)
    neighbours.announce_again(Wire(), IP, LINK, 3, 0.2)
    assert seen.announced == 3
    assert seen.pauses == [0.2, 0.4, 0.8]


def test_announcements_end_when_the_address_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has it by then must not be spoken against."""
    seen = Announcing(monkeypatch, True, False, True)
    neighbours.announce_again(Wire(), IP, LINK, 9, 0.2)
    assert seen.announced == 1


def test_announcements_go_on_when_the_link_is_down_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Announcing(monkeypatch, True, True)
    seen.down = True
    neighbours.announce_again(Wire(), IP, LINK, 2, 0.2)
    assert seen.announced == 2


class Arriving(neighbours.PacketSocket):
    """Frames of a pair of ordinary sockets, with senders as a packet socket names them."""

    def __init__(self, *senders: tuple[str, int, int]) -> None:
        self._link = LINK
        self._socket = self  # type: ignore[assignment]
        self.senders = list(senders)
        self.here, self.there = socket.socketpair()
        self.there.send(b"wake")

    def fileno(self) -> int:
        return self.here.fileno()

    def recvfrom(self, _: int) -> tuple[bytes, tuple[str, int, int]]:
        if not self.senders:
            self.here.recv(9)
            raise BlockingIOError
        sender = self.senders.pop(0)
        return repr(sender).encode(), sender


def test_frames_of_other_links_to_others_and_of_our_own_are_left_out() -> None:
    host, broadcast, multicast = 0, 1, 2
    wanted = [("eth0", 0x0806, kind) for kind in (host, broadcast, multicast)]
    others = [("eth1", 0x0806, host)] + [
        ("eth0", 0x0806, kind) for kind in (socket.PACKET_OTHERHOST, socket.PACKET_OUTGOING)
    ]
    packets = Arriving(*others, wanted[0], *others, wanted[1], wanted[2], *others)
    with packets.here, packets.there:
        for sender in wanted:
            assert packets.receive(Deadline(20)) == repr(sender).encode()
        assert packets.receive(Deadline(0.05)) is None
