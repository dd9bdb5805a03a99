"""Which link an address belongs on."""

from __future__ import annotations

import random
import socket
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.system.addresses import IpAddress
from moodle_ha.system.netlink import Netlink, attribute
from moodle_ha.system.routes import Route, best, routes


def route(network: str, index: int = 2, metric: int = 0, by_gateway: bool = False) -> Route:
    """`network` as 192.0.2.0/24; the kernel gives no destination for a default route."""
    text, _, prefix = network.partition("/")
    packed = b"" if network.startswith("default") else IpAddress.parse(text).packed
    return Route(packed, int(prefix or 0), index, metric, by_gateway)


def chosen(ip: str, *candidates: Route) -> int | None:
    """The link index of the best route, whatever the order in which the kernel lists them."""
    found = set()
    for _ in range(5):
        shuffled = random.sample(candidates, len(candidates))
        route = best(shuffled, IpAddress.parse(ip))
        found.add(route.index if route else None)
    (index,) = found
    return index


def test_the_most_specific_network() -> None:
    wide, narrow = route("192.0.0.0/16", 2), route("192.0.2.0/24", 3)
    assert chosen("192.0.2.10", wide, narrow) == 3
    assert chosen("192.0.3.10", wide, narrow) == 2


def test_without_a_gateway_comes_first() -> None:
    """The link where the address is a neighbour, however specific the other route."""
    assert (
        chosen("192.0.2.10", route("192.0.2.0/24", 2), route("192.0.2.10/32", 3, by_gateway=True))
        == 2
    )


def test_the_lowest_metric_then_the_lowest_link() -> None:
    first, second = route("192.0.2.0/24", 3, 100), route("192.0.2.0/24", 2, 200)
    assert chosen("192.0.2.10", first, second) == 3
    assert chosen("192.0.2.10", first, route("192.0.2.0/24", 2, 100)) == 2


def test_the_default_route_is_better_than_none() -> None:
    default = route("default", 4, by_gateway=True)
    assert chosen("192.0.2.10", default) == 4
    assert chosen("2001:db8::10", default) == 4
    assert chosen("192.0.2.10", default, route("192.0.2.0/24", 2)) == 2


def test_no_route() -> None:
    assert chosen("192.0.2.10") is None
    assert chosen("192.0.2.10", route("198.51.100.0/24")) is None
    assert chosen("192.0.2.10", route("2001:db8::/32")) is None
    assert chosen("2001:db8::10", route("192.0.2.0/24")) is None


def test_ipv6() -> None:
    assert chosen("2001:db8::10", route("2001:db8::/32", 2), route("2001:db8::/64", 3)) == 3


@given(
    st.lists(st.tuples(st.ip_addresses(v=4), st.integers(0, 32), st.integers(1, 9))),
    st.ip_addresses(v=4),
)
def test_the_best_one_matches(entries: list[tuple[object, int, int]], ip: object) -> None:
    address = IpAddress.parse(str(ip))
    candidates = [route(f"{network}/{prefix}", index) for network, prefix, index in entries]
    matching = [one for one in candidates if address.in_network(one.network, one.prefix)]
    found = best(candidates, address)
    assert (found is None) == (not matching)
    if found is not None:
        assert found.prefix == max(one.prefix for one in matching)


def main_routes() -> list[tuple[str, int, int]]:
    """The main table as /proc/net/route has it: (network in hex, mask in hex, metric)."""
    with open("/proc/net/route", encoding="ascii") as file:
        rows = [line.split() for line in file.read().splitlines()[1:]]
    up, reject = 0x1, 0x200
    return sorted(
        (row[1], bin(int(row[7], 16)).count("1"), int(row[6]))
        for row in rows
        if int(row[3], 16) & up and not int(row[3], 16) & reject
    )


def test_routes_are_those_of_the_kernel() -> None:
    with Netlink() as netlink:
        found = routes(netlink, socket.AF_INET)
    seen = sorted(
        ((one.network or bytes(4))[::-1].hex().upper(), one.prefix, one.metric) for one in found
    )
    assert seen == main_routes()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_neither_local_nor_broadcast_routes(family: int) -> None:
    """127.0.0.1, 127.255.255.255 and ::1 have routes, in the table `local`."""
    with Netlink() as netlink:
        found = routes(netlink, family)
    for one in found:
        assert one.index > 0
        assert one.network[:1] != b"\x7f"


class Table:
    """A routing table as the kernel would send it."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = bodies

    def dump(self, kind: int, header: bytes) -> list[bytes]:
        assert (kind, len(header)) == (26, 12)
        return list(self.bodies)


def entry(
    *attributes: bytes, prefix: int = 24, table: int = 254, kind: int = 1, family: int = 2
) -> bytes:
    """struct rtmsg: family, lengths, tos, table, protocol, scope, type, flags."""
    return pack("=BBBBBBBBI", family, prefix, 0, 0, table, 4, 0, kind, 0) + b"".join(attributes)


DST = attribute(1, bytes([192, 0, 2, 0]))
LINK = attribute(4, pack("=i", 7))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (entry(DST, LINK), (7, 0, False)),
        (entry(DST, LINK, attribute(6, pack("=I", 100))), (7, 100, False)),
        (entry(DST, LINK, attribute(5, bytes([192, 0, 2, 1]))), (7, 0, True)),
        (entry(DST, LINK, attribute(18, bytes(18))), (7, 0, True)),  # RTA_VIA: IPv6 gateway
        (entry(DST, LINK, attribute(15, pack("=I", 254)), table=0), (7, 0, False)),
        (entry(DST, LINK, attribute(15, pack("=I", 1000)), table=252), None),
        (entry(DST, LINK, table=255), None),  # local
        (entry(DST, LINK, kind=6), None),  # blackhole
        (entry(DST, attribute(9, bytes(8))), None),  # several ways: RTA_MULTIPATH
    ],
)
def test_reading_a_route(body: bytes, expected: tuple[int, int, bool] | None) -> None:
    found = routes(Table(body), socket.AF_INET)  # type: ignore[arg-type]
    assert [(one.index, one.metric, one.by_gateway) for one in found] == (
        [expected] if expected else []
    )
    for one in found:
        assert (one.network, one.prefix) == (bytes([192, 0, 2, 0]), 24)
