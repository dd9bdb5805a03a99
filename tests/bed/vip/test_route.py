"""Which interface gets the address when the parameter nic is unset: never an error by number."""

from __future__ import annotations

import pytest

from tests.bed.bed import Bed
from tests.bed.vip.scene import IP, IP6

ROUTES = {
    "the only network": (["192.0.2.0/24 dev eth1"], "eth1"),
    "the most specific network": (["192.0.2.0/24 dev eth0", "192.0.2.8/29 dev eth1"], "eth1"),
    "the most specific network, whatever its metric": (
        ["192.0.2.0/24 dev eth0 metric 1", "192.0.2.8/29 dev eth1 metric 900"],
        "eth1",
    ),
    "the lowest metric": (
        ["192.0.2.0/24 dev eth0 metric 200", "192.0.2.0/24 dev eth1 metric 100"],
        "eth1",
    ),
    "the network before a gateway": (
        ["192.0.2.0/24 dev eth1", f"{IP}/32 via 198.51.100.1 dev eth0"],
        "eth1",
    ),
    "the default route for want of any other": (
        ["203.0.113.0/24 dev eth0", "default via 198.51.100.129 dev eth1"],
        "eth1",
    ),
    "the most specific of three": (
        [
            "192.0.2.0/25 dev eth1 metric 5",
            "192.0.2.0/24 dev eth0",
            "192.0.2.0/24 dev eth1 metric 9",
        ],
        "eth1",
    ),
}


@pytest.mark.parametrize(("routes", "nic"), ROUTES.values(), ids=ROUTES)
def test_interface_is_chosen_by_route(bed: Bed, routes: list[str], nic: str) -> None:
    node = bed.machine("node", "198.51.100.2/25")
    node.plug_in("eth1", "other")
    node.add_address("198.51.100.130/25", "eth1")
    for route in routes:
        node.ip(f"route add {route}")
    vip = node.agent("vip", ip=IP, announce_count="1")
    assert vip("validate-all").code == 0
    assert vip("start").code == 0
    assert node.has_address(IP, nic)
    assert vip("monitor").code == 0
    assert vip("stop").code == 0
    assert not node.has_address(IP, nic)


def test_ipv6_interface_is_chosen_by_route(bed: Bed) -> None:
    node = bed.machine("node", "2001:db8:1::1/64")
    node.plug_in("eth1", "other")
    node.add_address("2001:db8::1/64", "eth1")
    vip = node.agent("vip", ip=IP6, announce_count="1")
    assert vip("start").code == 0
    assert node.has_address(IP6, "eth1")


def test_route_that_appears_later_does_not_move_a_running_address(bed: Bed) -> None:
    node = bed.machine("node", "192.0.2.1/24")
    node.plug_in("eth1", "other")
    vip = node.agent("vip", ip=IP, announce_count="1")
    assert vip("start").code == 0
    node.ip("route add 192.0.2.8/29 dev eth1")
    assert vip("monitor").code == 0
    assert vip("start").code == 0
    assert vip("monitor").code == 0
    assert vip("stop").code == 0
    assert not node.has_address(IP, "eth0")
    assert not node.has_address(IP, "eth1")


def test_no_route_is_named_with_the_cure(bed: Bed) -> None:
    node = bed.machine("node", "198.51.100.2/24")
    result = node.agent("vip", ip=IP)("start")
    assert result.code == 1
    assert "route" in result.reason
    assert "nic" in result.reason
