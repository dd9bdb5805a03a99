"""Another machine with our address: asked for before it goes live, and again at every monitor.

IPv4 leaves this to us (RFC 5227); for IPv6 the kernel detects duplicates as well (RFC 4862), but
does not tell whose they are.
"""

from __future__ import annotations

from . import addresses, frames, neighbours, statefile
from .addresses import InterfaceAddress, IpAddress, Link
from .deadline import Deadline
from .netlink import Netlink

# The probes of RFC 5227 take up to 7 s; a failover has no such time, and a neighbour on the same
# segment answers within milliseconds.
PROBES, PROBE_INTERVAL, PROBE_WAIT = 3, 0.1, 0.4
SELF_TEST_WAIT = 0.3


def other_owner(netlink: Netlink, ip: IpAddress, link: Link) -> str | None:
    """Ask for 0.4 s whether another machine on the link has `ip`: its MAC address as text.

    Raises OSError when the link cannot send.
    """
    mac = neighbours.find_other_owner(
        ip,
        link,
        neighbours.own_macs(netlink),
        probes=PROBES,
        interval=PROBE_INTERVAL,
        wait=PROBE_WAIT,
    )
    return frames.mac_text(mac) if mac else None


def settled(
    netlink: Netlink, wanted: InterfaceAddress, deadline: Deadline
) -> InterfaceAddress | None:
    """Wait until the kernel has decided about a new IPv6 address, which takes it 1 to 2 s.

    Returns the address as it is then (or still tentative at the deadline), None when it is gone.
    """
    last: list[InterfaceAddress] = []

    def decided() -> bool:
        here = addresses.addresses(netlink, wanted.ip.family, wanted.index)
        last[:] = [address for address in here if address.ip == wanted.ip]
        return not last or last[0].is_duplicate or not last[0].is_tentative

    deadline.wait_until(decided, 0.02)
    return last[0] if last else None


def self_test(ip: IpAddress, link: Link, record: str) -> None:
    """Ask once, wait 0.3 s, and note in the file `record` how often in a row another was heard."""
    with Netlink() as netlink:
        own = neighbours.own_macs(netlink)
    try:
        mac = neighbours.find_other_owner(ip, link, own, probes=1, interval=0, wait=SELF_TEST_WAIT)
    except OSError:
        return  # The link went down this moment: not for this test to judge.
    if mac is None:
        statefile.remove(record)
        return
    count = sightings(record)[1] + 1
    statefile.write(record, {"mac": frames.mac_text(mac), "sightings": count})


def sightings(record: str) -> tuple[str, int]:
    """The MAC address last heard, and how many tests in a row heard one; ("", 0) for none."""
    seen = statefile.read(record) or {}
    try:
        return seen["mac"], int(seen["sightings"])
    except (KeyError, ValueError):
        return "", 0
