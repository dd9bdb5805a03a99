"""Talking with the neighbours on a link: announce an address, ask whether somebody else has it."""

from __future__ import annotations

import _socket
import select
import time
from _struct import pack

from . import addresses, frames
from .addresses import IpAddress, Link
from .deadline import Deadline
from .netlink import Netlink

# if_packet.h: to others (also of VLANs that this machine is not in), and from this machine itself
_NOT_FOR_US = (3, 4)
_SO_ATTACH_FILTER = 26


class PacketSocket:
    """Raw Ethernet frames on one link; a context manager.

    Never bound to the link, since bind(2) waits some 10 ms for the kernel's RCU grace period;
    what comes in from other links is left out by its name instead.  Closing waits as well: a
    socket that a child has inherited is better left to the child.
    """

    def __init__(self, link: Link, ethertype: int = 0) -> None:
        """`ethertype` 0 only sends; otherwise frames of that type are received.

        Raises OSError (EPERM without CAP_NET_RAW).
        """
        self._link = link
        self._socket = _socket.socket(
            _socket.AF_PACKET,
            _socket.SOCK_RAW | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK,
            _socket.htons(ethertype),
        )
        if ethertype == frames.ETHERTYPE_IPV6:
            self._only_icmpv6()

    def _only_icmpv6(self) -> None:
        """Have the kernel drop other IPv6 traffic: a busy director's would fill the buffer."""
        program = (
            pack("=HBBI", 0x30, 0, 0, 20)  # load the next header
            + pack("=HBBI", 0x15, 0, 1, 58)  # ICMPv6?
            + pack("=HBBI", 0x06, 0, 0, 0xFFFF)  # keep
            + pack("=HBBI", 0x06, 0, 0, 0)  # drop
        )
        from array import array  # 2 ms, for IPv6 alone

        code = array("B", program)
        filter_ = pack("@HP", len(program) // 8, code.buffer_info()[0])
        self._socket.setsockopt(_socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)

    def __enter__(self) -> PacketSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, frame: bytes) -> None:
        """Send one frame.  Raises OSError (ENETDOWN, ENXIO when the link is down or gone)."""
        self._socket.sendto(frame, (self._link.name, 0))

    def receive(self, deadline: Deadline) -> bytes | None:
        """The next frame that came in on the link, or None at the deadline."""
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        while not deadline.expired() and poll.poll(deadline.remaining() * 1000):
            try:
                frame, sender = self._socket.recvfrom(2048)
            except (BlockingIOError, InterruptedError):
                continue
            if sender[0] == self._link.name and sender[2] not in _NOT_FOR_US:
                return bytes(frame)
        return None


def announce(packets: PacketSocket, ip: IpAddress, link: Link) -> None:
    """Tell the neighbours once, in every form, that `ip` is here.  Raises OSError."""
    for frame in frames.announcements(ip, link.mac):
        packets.send(frame)


def own_macs(netlink: Netlink) -> set[bytes]:
    """Every MAC address of this machine, with those that a bond or VLAN hides."""
    found = addresses.links(netlink)
    return {mac for link in found for mac in (link.mac, link.permanent_mac) if mac}


def is_conflict(claim: frames.Claim | None, ip: IpAddress, own: set[bytes]) -> bool:
    """Does this claim say that another machine has our address?

    Replies and announcements count, whoever sends them: a router that answers for others (proxy
    ARP, EVPN suppression) takes our visitors' packets just as a second owner does.
    """
    return claim is not None and claim.ip == ip.packed and claim.mac not in own


def find_other_owner(
    ip: IpAddress, link: Link, own: set[bytes], *, probes: int, interval: float, wait: float
) -> bytes | None:
    """Ask `probes` times, every `interval` seconds, who has `ip`; listen for `wait` s in all.

    Returns the other owner's MAC as soon as one is heard, None when nobody else has it.
    Raises OSError when the link cannot send.
    """
    ethertype = frames.ETHERTYPE_ARP if ip.is_v4 else frames.ETHERTYPE_IPV6
    question = frames.probe(ip, link.mac)
    with PacketSocket(link, ethertype) as packets:
        end = Deadline(wait)
        for sent in range(probes):
            packets.send(question)
            last = sent == probes - 1
            heard = listen(packets, ip, own, end if last else end.share(at_most=interval))
            if heard is not None:
                return heard
    return None


def listen(
    packets: PacketSocket, ip: IpAddress, own: set[bytes], deadline: Deadline
) -> bytes | None:
    """Wait for a claim of `ip` by another machine: its MAC, or None at the deadline."""
    while True:
        frame = packets.receive(deadline)
        if frame is None:
            return None
        claim = frames.claim(frame)
        if claim is not None and is_conflict(claim, ip, own):
            return claim.mac


def announce_again(
    packets: PacketSocket, ip: IpAddress, link: Link, count: int, interval: float
) -> None:
    """Announce `ip` `count` more times, after `interval` seconds and twice as long each time.

    Ends early once the address is not on the link any more: whoever has it then must not be
    spoken against.  The pauses grow because a switch or router that missed the first frames may
    be one that is still booting.
    """
    pause = interval
    for _ in range(count):
        time.sleep(pause)
        pause *= 2
        with Netlink() as netlink:
            here = addresses.addresses(netlink, ip.family, link.index)
        if not any(address.ip == ip for address in here):
            return
        try:
            announce(packets, ip, link)
        except OSError:
            continue  # The link is down for now: the next round may find it up.
