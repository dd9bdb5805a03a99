"""Stop: it needs nothing but the address's name, and leaves all else as it was."""

from __future__ import annotations

import pytest

from tests.bed.agent import Agent
from tests.bed.bed import Bed
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6, state_files
from tests.bed.vip.snapshot import snapshot


@pytest.fixture
def furnished(node: Machine) -> Machine:
    """The node with addresses and routes of all kinds that somebody else made."""
    for command in (
        "address add 192.0.2.3/24 dev eth0",
        "address add 192.0.2.4/24 brd 192.0.2.255 dev eth0 label eth0:old",
        "address add 192.0.2.5/32 dev eth0 scope host",
        "address add 198.51.100.1/25 dev eth0 valid_lft 3600 preferred_lft 1800",
        "address add 203.0.113.1 peer 203.0.113.2 dev eth0",
        "address add 2001:db8::3/64 dev eth0 nodad preferred_lft 0",
        "address add 2001:db8::4/128 dev eth0 nodad valid_lft 3600 preferred_lft 1800",
        "route add default via 192.0.2.254",
        "route add 198.51.100.128/25 via 192.0.2.254 src 192.0.2.3 metric 7",
        "route add 203.0.113.128/25 dev eth0 table 77",
        "-6 route add default via 2001:db8::fe",
        "-6 route add 2001:db8:9::/48 via 2001:db8::fe src 2001:db8::3 metric 7",
    ):
        node.ip(command)
    return node


@pytest.mark.parametrize("prefix", [None, "24"])
def test_nothing_else_changes_in_a_life(furnished: Machine, vip: Agent, prefix: str | None) -> None:
    vip = vip.with_parameters(prefix=prefix)
    before = snapshot(furnished)
    assert vip("start").code == 0
    assert snapshot(furnished).without(IP) == before
    for action in ("monitor", "reload-agent", "start"):
        assert vip(action).code == 0
    assert snapshot(furnished).without(IP) == before
    assert vip("stop").code == 0
    assert snapshot(furnished) == before


@pytest.mark.parametrize("prefix", [None, "64"])
def test_nothing_else_changes_in_a_life_of_ipv6(
    furnished: Machine, vip6: Agent, prefix: str | None
) -> None:
    vip6 = vip6.with_parameters(prefix=prefix)
    before = snapshot(furnished)
    assert vip6("start").code == 0
    assert snapshot(furnished).without(IP6).addresses == before.addresses
    assert vip6("stop").code == 0
    assert snapshot(furnished) == before


def test_addresses_behind_ours_stay(bed: Bed) -> None:
    """The first address of a network takes the others with it when it goes, and their routes."""
    node = bed.machine("node")
    vip = node.agent("vip", ip=IP, nic="eth0", prefix="24", announce_count="1")
    assert vip("start").code == 0
    node.add_address("192.0.2.1/24")
    node.ip("address add 192.0.2.3/24 brd 192.0.2.255 dev eth0 label eth0:old")
    (before,) = [info for info in node.addresses() if info["local"] == "192.0.2.3"]
    assert before["secondary"]
    assert vip("stop").code == 0
    assert [info["local"] for info in node.addresses()] == ["192.0.2.1", "192.0.2.3"]
    (after,) = [info for info in node.addresses() if info["local"] == "192.0.2.3"]
    assert after == before
    assert [route["dst"] for route in node.ip_json("route show")] == ["192.0.2.0/24"]


def test_routes_behind_our_network_stay(bed: Bed) -> None:
    """With the last address of an interface the kernel drops all its routes."""
    node = bed.machine("node")
    vip = node.agent("vip", ip=IP, nic="eth0", prefix="24", announce_count="1")
    assert vip("start").code == 0
    node.add_address("192.0.2.1/24")
    node.ip("route add default via 192.0.2.254")
    node.ip("route add 198.51.100.0/24 via 192.0.2.253 src 192.0.2.1 metric 7")
    static = [route for route in node.ip_json("route show") if "gateway" in route]
    assert len(static) == 2
    assert vip("stop").code == 0
    assert node.has_address("192.0.2.1")
    assert [route for route in node.ip_json("route show") if "gateway" in route] == static


def test_addresses_are_promoted_where_the_kernel_does_that(bed: Bed) -> None:
    node = bed.machine("node")
    node.sh("echo 1 >/proc/sys/net/ipv4/conf/all/promote_secondaries")
    vip = node.agent("vip", ip=IP, nic="eth0", prefix="24", announce_count="1")
    assert vip("start").code == 0
    node.add_address("192.0.2.1/24")
    node.add_address("192.0.2.3/24")
    assert vip("stop").code == 0
    assert [info["local"] for info in node.addresses()] == ["192.0.2.1", "192.0.2.3"]


@pytest.mark.parametrize(
    "broken",
    [
        {"ip": "garbage"},
        {"ip": None},
        {"ip": "garbage", "nic": "garbage", "prefix": "garbage", "link": "garbage"},
        {"nic": "eth7"},
        {"prefix": "99"},
        {"announce_count": "-1", "duplicate": "\n"},
        {"trace_ra": "perhaps"},
    ],
)
def test_broken_parameters_are_no_hindrance(
    node: Machine, vip: Agent, broken: dict[str, str | None]
) -> None:
    vip = vip.with_parameters(announce_count="8", announce_interval="10000")
    assert vip("start").code == 0
    stopped = vip.with_parameters(**broken)("stop")
    assert (stopped.code, stopped.err) == (0, "")
    assert not node.has_address(IP)
    node.wait_for_processes(timeout=2)
    assert state_files(node) == []


def test_address_changed_while_it_ran_takes_both_away(node: Machine, vip: Agent) -> None:
    """Somebody has put the new address up by hand: it is ours by its name."""
    assert vip("start").code == 0
    node.add_address("192.0.2.11/32")
    assert vip.with_parameters(ip="192.0.2.11")("stop").code == 0
    assert not node.has_address(IP)
    assert not node.has_address("192.0.2.11")


def test_without_state_the_name_is_enough(node: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(announce_count="4", announce_interval="100")
    assert vip("start").code == 0
    node.sh("rm -r /run/moodle-ha")
    assert vip("monitor").code == 0
    assert vip("stop").code == 0
    assert not node.has_address(IP)
    node.wait_for_processes()


def test_nothing_to_stop_and_no_name(node: Machine, vip: Agent) -> None:
    assert vip.with_parameters(ip=None)("stop").code == 0
    assert vip.with_parameters(ip="garbage").probe().code == 7


def test_damaged_state_file_is_no_hindrance(node: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.sh("for file in /run/moodle-ha/*; do head -c 99 /dev/urandom >$file; done")
    assert vip("monitor").code == 0
    assert vip("stop").code == 0
    assert not node.has_address(IP)
    assert state_files(node) == []
