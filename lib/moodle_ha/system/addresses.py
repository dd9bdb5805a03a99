"""IP addresses, and the addresses and links (network interfaces) of this machine."""

from __future__ import annotations

import _socket
import errno
from _struct import pack, unpack_from

from .netlink import (
    DELADDR,
    GETADDR,
    GETLINK,
    NEWADDR,
    Netlink,
    NetlinkError,
    attribute,
    attributes,
)

FOREVER = 0xFFFFFFFF
"""A lifetime that never ends, in seconds (struct ifa_cacheinfo)."""

# if_addr.h: flags of an address
_SECONDARY, _NODAD, _DADFAILED, _TENTATIVE = 0x01, 0x02, 0x08, 0x40
# if.h: flags of a link
_UP, _LOOPBACK, _NOARP, _LOWER_UP = 0x1, 0x8, 0x80, 0x10000

_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 3, 4, 6, 8
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_PERM_ADDRESS = 1, 3, 54


class IpAddress:
    """An IPv4 or IPv6 address: `family` (AF_INET or AF_INET6), `packed` bytes, canonical text."""

    __slots__ = ("family", "packed")

    def __init__(self, family: int, packed: bytes) -> None:
        self.family = family
        self.packed = packed

    @classmethod
    def parse(cls, text: str) -> IpAddress:
        """Read dotted or colon notation.  Raises ValueError."""
        for family in (_socket.AF_INET, _socket.AF_INET6):
            try:
                return cls(family, _socket.inet_pton(family, text))
            except (OSError, ValueError):
                continue
        raise ValueError(f"{text!r} is not an IP address")

    @classmethod
    def parse_or_none(cls, text: str | None) -> IpAddress | None:
        """The same, None for what is no address."""
        try:
            return cls.parse(text or "")
        except ValueError:
            return None

    @property
    def is_v4(self) -> bool:
        """True for IPv4."""
        return self.family == _socket.AF_INET

    @property
    def bits(self) -> int:
        """32 or 128."""
        return len(self.packed) * 8

    @property
    def is_link_local(self) -> bool:
        """Has a meaning on one link alone (169.254/16, fe80::/10)."""
        if self.is_v4:
            return self.in_network(b"\xa9\xfe\0\0", 16)
        return self.in_network(b"\xfe\x80" + bytes(14), 10)

    @property
    def can_be_owned(self) -> bool:
        """Can belong to one machine: no multicast, broadcast, loopback or unspecified address."""
        number = int.from_bytes(self.packed, "big")
        if self.is_v4:
            return number >> 24 not in (0, 127) and number >> 28 < 0xE
        # Up to ::ffff:255.255.255.255: loopback, and IPv4 addresses in the dress of IPv6
        return number >> 48 != 0 and self.packed[0] != 0xFF

    def in_network(self, network: bytes, prefix: int) -> bool:
        """Is the address in this network of the same family?"""
        shift = self.bits - prefix
        return len(network) == len(self.packed) and (
            int.from_bytes(self.packed, "big") >> shift == int.from_bytes(network, "big") >> shift
        )

    def __str__(self) -> str:
        return _socket.inet_ntop(self.family, self.packed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IpAddress) and self.packed == other.packed

    def __hash__(self) -> int:
        return hash(self.packed)


class Link:
    """A network interface as the kernel describes it.

    `mac` is b"" where there is none; `permanent_mac` is the one burnt in, which a bond hides.
    """

    __slots__ = ("flags", "index", "mac", "name", "permanent_mac")

    def __init__(self, index: int, name: str, flags: int, mac: bytes, permanent_mac: bytes) -> None:
        self.index = index
        self.name = name
        self.flags = flags
        self.mac = mac
        self.permanent_mac = permanent_mac

    @property
    def is_up(self) -> bool:
        """Switched on by the administrator."""
        return bool(self.flags & _UP)

    @property
    def has_carrier(self) -> bool:
        """A cable with a living other end, or what counts as one."""
        return bool(self.flags & _LOWER_UP)

    @property
    def can_send(self) -> bool:
        """Switched on, and with a carrier."""
        return self.is_up and self.has_carrier

    @property
    def resolves_neighbours(self) -> bool:
        """Speaks ARP or neighbour discovery with Ethernet addresses (lo, dummy, tun do not)."""
        return not self.flags & (_NOARP | _LOOPBACK) and len(self.mac) == 6


class InterfaceAddress:
    """An address on a link, as the kernel describes it or is to have it.

    `preferred` is the preferred lifetime in seconds; an IPv6 address with 0 is deprecated.
    """

    __slots__ = (
        "broadcast",
        "flags",
        "index",
        "ip",
        "label",
        "preferred",
        "prefix",
        "scope",
    )

    def __init__(
        self,
        ip: IpAddress,
        prefix: int,
        index: int,
        *,
        label: str = "",
        flags: int = 0,
        scope: int = 0,
        broadcast: bytes = b"",
        preferred: int = FOREVER,
    ) -> None:
        self.ip = ip
        self.prefix = prefix
        self.index = index
        self.label = label
        self.flags = flags
        self.scope = scope
        self.broadcast = broadcast
        self.preferred = preferred

    @property
    def is_secondary(self) -> bool:
        """IPv4: goes when the first address of the same network goes."""
        return bool(self.flags & _SECONDARY)

    @property
    def is_tentative(self) -> bool:
        """IPv6: duplicate address detection is not over; the address does not answer yet."""
        return bool(self.flags & _TENTATIVE)

    @property
    def is_duplicate(self) -> bool:
        """IPv6: duplicate address detection found another owner; the address does not answer."""
        return bool(self.flags & _DADFAILED)

    def same_place(self, other: InterfaceAddress) -> bool:
        """The same address with the same prefix on the same link."""
        return (self.ip, self.prefix, self.index) == (other.ip, other.prefix, other.index)


def links(netlink: Netlink) -> list[Link]:
    """All links.  Raises NetlinkError."""
    return [_link(body) for body in netlink.dump(GETLINK, pack("=BxHiII", 0, 0, 0, 0, 0))]


def link(netlink: Netlink, *, name: str = "", index: int = 0) -> Link | None:
    """One link by name or index; None when there is none.  Raises NetlinkError."""
    body = pack("=BxHiII", 0, 0, index, 0, 0)
    if name:
        body += attribute(_IFLA_IFNAME, name.encode("utf-8", "surrogateescape") + b"\0")
    try:
        return _link(netlink.get(GETLINK, body)[0])
    except NetlinkError as error:
        # ERANGE, EINVAL: a name longer than the kernel can hold
        if error.errno in (errno.ENODEV, errno.ERANGE, errno.EINVAL):
            return None
        raise


def addresses(netlink: Netlink, family: int, index: int = 0) -> list[InterfaceAddress]:
    """The addresses of a family, of all links or of one.  Raises NetlinkError."""
    try:
        bodies = netlink.dump(GETADDR, pack("=BBBBi", family, 0, 0, 0, index))
    except NetlinkError as error:
        if error.errno == errno.ENODEV:
            return []
        raise
    found = [_address(body) for body in bodies]
    return [address for address in found if not index or address.index == index]


def add(netlink: Netlink, address: InterfaceAddress, *, detect_duplicates: bool = True) -> None:
    """Put an address on a link; IPv6 detects duplicates by itself afterwards unless told not to.

    Raises NetlinkError, EEXIST when the very address is there already.
    """
    netlink.create(NEWADDR, _request(address, 0 if detect_duplicates else _NODAD))


def delete(netlink: Netlink, address: InterfaceAddress) -> bool:
    """Take an address from a link; False when it was not there.  Raises NetlinkError."""
    try:
        netlink.delete(DELADDR, _request(address, 0, for_deletion=True))
    except NetlinkError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.ENODEV):
            return False
        raise
    return True


def _request(address: InterfaceAddress, flags: int, for_deletion: bool = False) -> bytes:
    ip = address.ip
    body = pack("=BBBBi", ip.family, address.prefix, flags, address.scope, address.index)
    body += attribute(_IFA_LOCAL, ip.packed)
    body += attribute(_IFA_ADDRESS, ip.packed)
    if for_deletion:
        return body
    if address.label and ip.is_v4:
        body += attribute(_IFA_LABEL, address.label.encode("utf-8", "surrogateescape") + b"\0")
    if address.broadcast:
        body += attribute(_IFA_BROADCAST, address.broadcast)
    if address.preferred != FOREVER:
        body += attribute(_IFA_CACHEINFO, pack("=IIII", address.preferred, FOREVER, 0, 0))
    return body + attribute(_IFA_FLAGS, pack("=I", flags))


def _link(body: bytes) -> Link:
    index, flags = unpack_from("=iI", body, 4)
    name, mac, permanent = "", b"", b""
    for kind, value in attributes(body, 16):
        if kind == _IFLA_IFNAME:
            name = value.rstrip(b"\0").decode("utf-8", "replace")
        elif kind == _IFLA_ADDRESS:
            mac = value
        elif kind == _IFLA_PERM_ADDRESS:
            permanent = value
    return Link(index, name, flags, mac, permanent)


def _address(body: bytes) -> InterfaceAddress:
    family, prefix, flags, scope, index = unpack_from("=BBBBi", body)
    address = local = broadcast = b""
    label, preferred = "", FOREVER
    for kind, value in attributes(body, 8):
        if kind == _IFA_ADDRESS:
            address = value
        elif kind == _IFA_LOCAL:
            local = value
        elif kind == _IFA_LABEL:
            label = value.rstrip(b"\0").decode("utf-8", "replace")
        elif kind == _IFA_BROADCAST:
            broadcast = value
        elif kind == _IFA_FLAGS:
            flags = unpack_from("=I", value)[0]
        elif kind == _IFA_CACHEINFO:
            preferred = unpack_from("=I", value)[0]
    # On a point-to-point link IFA_ADDRESS is the other end; IPv6 has no IFA_LOCAL otherwise.
    return InterfaceAddress(
        IpAddress(family, local or address),
        prefix,
        index,
        label=label,
        flags=flags,
        scope=scope,
        broadcast=broadcast,
        preferred=preferred,
    )
