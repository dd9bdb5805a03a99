"""IP addresses; links and addresses of this machine by its loopback interface, which all have."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.system import addresses
from moodle_ha.system.addresses import FOREVER, InterfaceAddress, IpAddress, Link
from moodle_ha.system.netlink import Netlink, NetlinkError, attribute, attributes

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
LOCALHOST = IpAddress.parse("127.0.0.1")


@given(st.ip_addresses())
def test_text_comes_back(ip: ipaddress.IPv4Address) -> None:
    parsed = IpAddress.parse(str(ip))
    assert parsed.packed == ip.packed
    assert parsed.is_v4 == (ip.version == 4)
    assert parsed.bits == ip.max_prefixlen
    assert IpAddress.parse(str(parsed)) == parsed
    assert hash(IpAddress.parse(ip.exploded)) == hash(parsed)


@given(st.text())
def test_arbitrary_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        parsed = IpAddress.parse(text)
    except ValueError:
        assert IpAddress.parse_or_none(text) is None
    else:
        assert IpAddress.parse_or_none(text) == parsed
        assert ipaddress.ip_address(text).packed == parsed.packed


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.010",
        "192.0.2.1/24",
        "192.0.2.1 ",
        "192.0.2.1\0",
        "0xC0000201",
        "3221225985",
        "2001:db8::1::2",
        "fe80::1%eth0",
        "[::1]",
        "\udcff",
        "example",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not an IP address"):
        IpAddress.parse(text)


def test_addresses_of_two_families_differ() -> None:
    assert IpAddress.parse("0.0.0.0") != IpAddress.parse("::")
    assert IpAddress.parse("::1") != "::1"


@given(st.one_of(st.tuples(V4, V4, st.integers(0, 32)), st.tuples(V6, V6, st.integers(0, 128))))
def test_networks(case: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address, int]) -> None:
    ip, other, prefix = case
    network = ipaddress.ip_network((other, prefix), strict=False)
    parsed = IpAddress.parse(str(ip))
    assert parsed.in_network(other.packed, prefix) == (ip in network)
    assert parsed.in_network(ip.packed, prefix)


def test_no_network_of_the_other_family() -> None:
    assert not IpAddress.parse("::1").in_network(bytes(4), 0)
    assert not LOCALHOST.in_network(bytes(16), 0)


@given(st.ip_addresses())
def test_what_one_machine_can_own(ip: ipaddress.IPv4Address) -> None:
    expected = not (ip.is_multicast or ip.is_loopback or ip.is_unspecified)
    if ip.version == 4:
        expected = expected and int(ip) >> 24 != 0 and not ip.is_reserved
    elif int(ip) >> 48 == 0:
        expected = False  # ::ffff:192.0.2.1 and the like
    assert IpAddress.parse(str(ip)).can_be_owned == expected


@pytest.mark.parametrize(
    ("text", "owned", "link_local"),
    [
        ("192.0.2.10", True, False),
        ("10.0.0.1", True, False),
        ("169.254.3.4", True, True),
        ("0.0.0.0", False, False),
        ("0.1.2.3", False, False),
        ("127.0.0.1", False, False),
        ("224.0.0.18", False, False),
        ("255.255.255.255", False, False),
        ("2001:db8::10", True, False),
        ("fe80::1", True, True),
        ("febf::1", True, True),
        ("fec0::1", True, False),
        ("::", False, False),
        ("::1", False, False),
        ("::ffff:192.0.2.1", False, False),
        ("ff02::1", False, False),
    ],
)
def test_kinds(text: str, owned: bool, link_local: bool) -> None:
    ip = IpAddress.parse(text)
    assert (ip.can_be_owned, ip.is_link_local) == (owned, link_local)


def test_link_by_name_and_index() -> None:
    with Netlink() as netlink:
        lo = addresses.link(netlink, name="lo")
        again = addresses.link(netlink, index=1)
    assert lo is not None
    assert again is not None
    assert (lo.name, lo.index) == (again.name, again.index) == ("lo", 1)
    assert not lo.resolves_neighbours


def test_links_are_those_of_sysfs() -> None:
    with Netlink() as netlink:
        found = addresses.links(netlink)
    names = {link.name for link in found}
    folder = Path("/sys/class/net")
    expected = {name for name in os.listdir(folder) if (folder / name / "ifindex").exists()}
    if expected - names:
        pytest.skip("sysfs shows another network namespace")
    assert "lo" in names
    for link in found:
        assert int((folder / link.name / "ifindex").read_text()) == link.index
        flags = int((folder / link.name / "flags").read_text(), 16)
        assert link.is_up == bool(flags & 1)
        assert link.mac in (
            b"",
            bytes.fromhex((folder / link.name / "address").read_text().strip().replace(":", "")),
        )


@pytest.mark.parametrize("name", ["no-such-link", "x" * 15, "x" * 16, "x" * 300, "é" * 8, "\udcff"])
def test_no_such_link(name: str) -> None:
    with Netlink() as netlink:
        assert addresses.link(netlink, name=name) is None


def test_no_such_index() -> None:
    with Netlink() as netlink:
        assert addresses.link(netlink, index=0x7FFFFFF0) is None
        assert addresses.addresses(netlink, socket.AF_INET, 0x7FFFFFF0) == []


def test_addresses_of_loopback() -> None:
    with Netlink() as netlink:
        lo = addresses.link(netlink, name="lo")
        if lo is None or not lo.is_up:
            pytest.skip("loopback is switched off here")
        one = addresses.addresses(netlink, socket.AF_INET, 1)
        every = addresses.addresses(netlink, socket.AF_INET)
    (found,) = [address for address in one if address.ip == LOCALHOST]
    assert (found.prefix, found.index, found.label) == (8, 1, "lo")
    assert found.preferred == FOREVER
    assert not found.is_secondary
    assert {address.index for address in one} == {1}
    assert any(address.same_place(found) for address in every)


def test_flags_of_an_address() -> None:
    ip = IpAddress.parse("2001:db8::1")
    assert InterfaceAddress(ip, 64, 1, flags=0x01).is_secondary
    assert InterfaceAddress(ip, 64, 1, flags=0x40).is_tentative
    assert InterfaceAddress(ip, 64, 1, flags=0x08).is_duplicate
    plain = InterfaceAddress(ip, 64, 1, flags=0x80)
    assert [plain.is_secondary, plain.is_tentative, plain.is_duplicate] == [False] * 3


def test_same_place() -> None:
    ip, other = IpAddress.parse("192.0.2.1"), IpAddress.parse("192.0.2.2")
    here = InterfaceAddress(ip, 24, 1, label="a", flags=1)
    assert here.same_place(InterfaceAddress(ip, 24, 1))
    for different in (
        InterfaceAddress(other, 24, 1),
        InterfaceAddress(ip, 25, 1),
        InterfaceAddress(ip, 24, 2),
    ):
        assert not here.same_place(different)


@pytest.mark.parametrize(
    ("flags", "mac", "up", "carrier", "speaks"),
    [
        (0x11043, bytes(6), True, True, True),
        (0x1003, bytes(6), True, False, True),
        (0x1002, bytes(6), False, False, True),
        (0x100C3, bytes(6), True, True, False),  # NOARP: dummy
        (0x10049, bytes(6), True, True, False),  # lo
        (0x110D1, b"", True, True, False),  # tun
        (0x11043, bytes(20), True, True, False),  # InfiniBand
    ],
)
def test_flags_of_a_link(flags: int, mac: bytes, up: bool, carrier: bool, speaks: bool) -> None:
    link = Link(2, "eth0", flags, mac, b"")
    assert (link.is_up, link.has_carrier, link.resolves_neighbours) == (up, carrier, speaks)
    assert link.can_send == (up and carrier)


class Kernel:
    """Notes what it is asked to do, and answers with an error when it has one."""

    def __init__(self, error: int = 0) -> None:
        self.error = error
        self.asked: list[tuple[str, int, bytes]] = []

    def create(self, kind: int, body: bytes) -> None:
        self.ask("create", kind, body)

    def delete(self, kind: int, body: bytes) -> None:
        self.ask("delete", kind, body)

    def get(self, kind: int, body: bytes) -> list[bytes]:
        self.ask("get", kind, body)
        return []

    def ask(self, how: str, kind: int, body: bytes) -> None:
        self.asked.append((how, kind, body))
        if self.error:
            raise NetlinkError(self.error, os.strerror(self.error))


V4_BYTES = bytes([192, 0, 2, 10])
V6_BYTES = IpAddress.parse("2001:db8::10").packed


def requested(kernel: Kernel) -> tuple[str, int, bytes, dict[int, bytes]]:
    ((how, kind, body),) = kernel.asked
    return how, kind, body[:8], dict(attributes(body, 8))


def test_adding_an_ipv4_address() -> None:
    kernel = Kernel()
    ip = IpAddress.parse("192.0.2.10")
    broadcast = bytes([192, 0, 2, 255])
    wanted = InterfaceAddress(ip, 24, 7, label="eth0:vip", broadcast=broadcast)
    addresses.add(kernel, wanted)  # type: ignore[arg-type]
    assert requested(kernel) == (
        "create",
        20,
        pack("=BBBBi", 2, 24, 0, 0, 7),
        {2: V4_BYTES, 1: V4_BYTES, 3: b"eth0:vip\0", 4: broadcast, 8: bytes(4)},
    )


@pytest.mark.parametrize(("detect", "flags"), [(True, 0), (False, 0x02)])
def test_adding_an_ipv6_address(detect: bool, flags: int) -> None:
    """IFA_F_NODAD, in both places; preferred for 0 s; no label, which IPv6 has not."""
    kernel = Kernel()
    ip = IpAddress.parse("2001:db8::10")
    wanted = InterfaceAddress(ip, 64, 7, label="x", preferred=0)
    addresses.add(kernel, wanted, detect_duplicates=detect)  # type: ignore[arg-type]
    how, kind, header, carried = requested(kernel)
    assert (how, kind, header) == ("create", 20, pack("=BBBBi", 10, 64, flags, 0, 7))
    lifetimes = pack("=IIII", 0, FOREVER, 0, 0)
    assert carried == {2: V6_BYTES, 1: V6_BYTES, 6: lifetimes, 8: pack("=I", flags)}


def test_deleting_an_address() -> None:
    kernel = Kernel()
    one = InterfaceAddress(IpAddress.parse("192.0.2.10"), 24, 7, label="eth0:vip")
    assert addresses.delete(kernel, one)  # type: ignore[arg-type]
    header = pack("=BBBBi", 2, 24, 0, 0, 7)
    assert requested(kernel) == ("delete", 21, header, {2: V4_BYTES, 1: V4_BYTES})


@pytest.mark.parametrize("error", [errno.EADDRNOTAVAIL, errno.ENODEV])
def test_deleting_what_is_not_there(error: int) -> None:
    one = InterfaceAddress(IpAddress.parse("192.0.2.10"), 24, 7)
    assert not addresses.delete(Kernel(error), one)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [errno.EPERM, errno.EBUSY])
def test_refusals_are_raised(error: int) -> None:
    one = InterfaceAddress(IpAddress.parse("192.0.2.10"), 24, 7)
    for ask in (addresses.add, addresses.delete):
        with pytest.raises(NetlinkError):
            ask(Kernel(error), one)  # type: ignore[arg-type]
    with pytest.raises(NetlinkError):
        addresses.link(Kernel(error), name="eth0")  # type: ignore[arg-type]


def test_reading_what_the_kernel_says_of_an_address() -> None:
    """Flags of more than eight bits; on a point-to-point link IFA_ADDRESS is the other end."""
    body = pack("=BBBBi", 2, 24, 0x80, 0, 7)
    body += attribute(1, bytes([192, 0, 2, 99])) + attribute(2, V4_BYTES)
    body += attribute(3, b"eth0:vip\0") + attribute(4, bytes([192, 0, 2, 255]))
    body += attribute(6, pack("=IIII", 5, 9, 0, 0)) + attribute(8, pack("=I", 0x281))
    found = addresses._address(body)
    assert (str(found.ip), found.prefix, found.index) == ("192.0.2.10", 24, 7)
    assert (found.label, found.flags, found.preferred) == ("eth0:vip", 0x281, 5)
    assert found.broadcast == bytes([192, 0, 2, 255])


def test_reading_what_the_kernel_says_of_a_link() -> None:
    mac, burnt_in = bytes(range(6)), bytes(range(6, 12))
    body = pack("=BxHiII", 0, 1, 7, 0x11043, 0)
    body += attribute(3, b"bond0\0") + attribute(1, mac) + attribute(54, burnt_in)
    found = addresses._link(body)
    assert (found.name, found.index, found.flags) == ("bond0", 7, 0x11043)
    assert (found.mac, found.permanent_mac) == (mac, burnt_in)
