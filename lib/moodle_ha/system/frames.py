"""ARP and IPv6 neighbour discovery as bytes: what we send, and what we read in what others send.

Sources: RFC 826 (ARP), RFC 5227 (address conflict detection), RFC 4861 and 4862 (neighbour
discovery, duplicate address detection).
"""

from __future__ import annotations

from _struct import pack, unpack_from

from .addresses import IpAddress

ETHERTYPE_ARP = 0x0806
ETHERTYPE_IPV6 = 0x86DD
_BROADCAST = b"\xff" * 6
_ZERO_MAC = b"\0" * 6
_REQUEST, _REPLY = 1, 2
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOURCE_MAC_OPTION, _TARGET_MAC_OPTION = 1, 2
_OVERRIDE = 0x20000000
_ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")


class Claim:
    """Somebody says on the wire that an address is at a MAC address."""

    __slots__ = ("ip", "mac")

    def __init__(self, ip: bytes, mac: bytes) -> None:
        self.ip = ip
        self.mac = mac


def announcements(ip: IpAddress, mac: bytes) -> list[bytes]:
    """The frames that tell all neighbours that `ip` is at `mac` now.

    IPv4: gratuitous ARP both as request and as reply, since some switches and hosts learn from
    one of the two only (resource-agents issue 977).  IPv6: an unsolicited advertisement.
    """
    if ip.is_v4:
        return [
            _arp(mac, _REQUEST, mac, ip.packed, _ZERO_MAC, ip.packed),
            _arp(mac, _REPLY, mac, ip.packed, _BROADCAST, ip.packed),
        ]
    message = pack("!BBHI", _ADVERTISEMENT, 0, 0, _OVERRIDE) + ip.packed
    message += bytes((_TARGET_MAC_OPTION, 1)) + mac
    return [_icmpv6(mac, ip.packed, _ALL_NODES, message)]


def probe(ip: IpAddress, mac: bytes) -> bytes:
    """The frame that asks who has `ip` without claiming it (sender address unspecified)."""
    if ip.is_v4:
        return _arp(mac, _REQUEST, mac, b"\0" * 4, _ZERO_MAC, ip.packed)
    message = pack("!BBHI", _SOLICITATION, 0, 0, 0) + ip.packed
    return _icmpv6(mac, b"\0" * 16, _SOLICITED_NODE + ip.packed[13:], message)


def claim(frame: bytes) -> Claim | None:
    """What an Ethernet frame claims: (address, MAC), or None when it claims nothing.

    ARP: any packet whose sender address is set, reply or request.  A probe, whose sender address
    is 0.0.0.0, claims nothing.  IPv6: a neighbour advertisement.
    """
    if len(frame) < 14:
        return None
    ethertype = unpack_from("!H", frame, 12)[0]
    if ethertype == ETHERTYPE_ARP:
        return _arp_claim(frame)
    if ethertype == ETHERTYPE_IPV6:
        return _advertisement_claim(frame)
    return None


def _arp_claim(frame: bytes) -> Claim | None:
    if len(frame) < 42 or frame[14:20] != bytes.fromhex("000108000604"):
        return None
    sender = frame[28:32]
    return None if sender == b"\0" * 4 else Claim(sender, frame[22:28])


def _advertisement_claim(frame: bytes) -> Claim | None:
    # Next header ICMPv6 directly after the IPv6 header, hop limit 255 (RFC 4861, 7.1.2)
    if len(frame) < 78 or frame[20] != 58 or frame[21] != 255 or frame[54] != _ADVERTISEMENT:
        return None
    target, offset = frame[62:78], 78
    while offset + 8 <= len(frame):
        kind, size = frame[offset], frame[offset + 1] * 8
        if size == 0:
            return None
        if kind == _TARGET_MAC_OPTION and size == 8:
            return Claim(target, frame[offset + 2 : offset + 8])
        offset += size
    return Claim(target, frame[6:12])


def _arp(
    source: bytes, operation: int, sender: bytes, sender_ip: bytes, target: bytes, target_ip: bytes
) -> bytes:
    ethernet = _BROADCAST + source + pack("!H", ETHERTYPE_ARP)
    fixed = pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    # Ethernet's shortest payload is 46 bytes; a driver that does not pad would drop the frame.
    return (ethernet + fixed + sender + sender_ip + target + target_ip).ljust(60, b"\0")


def _icmpv6(source: bytes, sender_ip: bytes, target_ip: bytes, message: bytes) -> bytes:
    pseudo = sender_ip + target_ip + pack("!II", len(message), 58)
    message = message[:2] + pack("!H", _checksum(pseudo + message)) + message[4:]
    ethernet = b"\x33\x33" + target_ip[12:] + source + pack("!H", ETHERTYPE_IPV6)
    return (
        ethernet + pack("!IHBB", 6 << 28, len(message), 58, 255) + sender_ip + target_ip + message
    )


def _checksum(data: bytes) -> int:
    total: int = sum(unpack_from(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac_text(mac: bytes) -> str:
    """Six bytes as 02:00:5e:00:53:01."""
    return ":".join(f"{byte:02x}" for byte in mac)
