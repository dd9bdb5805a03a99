"""Taking an IPv4 address away without losing those that the kernel removes along with it.

The first address of a network on a link is its primary one.  When that goes, the secondary ones go
with it, and if none is left, every route over the link; unless the sysctl promote_secondaries
makes the next one primary.  Most distributions set that at boot, but it is not the kernel's
default, nor that of a namespace.
"""

from __future__ import annotations

from . import addresses
from .addresses import InterfaceAddress, Link
from .netlink import Netlink


def delete_alone(netlink: Netlink, link: Link, address: InterfaceAddress) -> bool:
    """Take an address off its link, and nothing else; False when it was not there.

    promote_secondaries of the link is set meanwhile, only where the address has others behind it.
    Raises NetlinkError.
    """
    before = addresses.addresses(netlink, address.ip.family, address.index)
    depend = any(
        other.is_secondary and address.ip.in_network(other.ip.packed, address.prefix)
        for other in before
        if other.prefix == address.prefix and other.ip != address.ip
    )
    if not depend:
        return addresses.delete(netlink, address)
    setting = f"/proc/sys/net/ipv4/conf/{link.name}/promote_secondaries"
    earlier = _exchange(setting, "1")
    try:
        return addresses.delete(netlink, address)
    finally:
        if earlier != "1":
            _exchange(setting, earlier)


def _exchange(path: str, value: str) -> str:
    """Write a setting; returns what it was.  One that cannot be read or written stays as it is."""
    try:
        with open(path, encoding="ascii") as file:
            earlier = file.read().strip()
        if earlier != value:
            with open(path, "w", encoding="ascii") as file:
                file.write(value)
    except OSError:
        return value
    return earlier
