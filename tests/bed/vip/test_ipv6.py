"""What only IPv6 has: the kernel's own duplicate address detection, deprecated addresses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bed.agent import Agent
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP6, address, state_files
from tests.bed.wire import probing
from tests.lab.processes import wait_until

ROUTER = "02:00:5e:00:53:f0"
OUR_PROBES = 3


def dad_failed(node: Machine) -> bool:
    """Whether the kernel has found another owner of the address."""
    return bool(address(node, IP6).get("dadfailed"))


@pytest.fixture
def refused(node: Machine, peer: Machine) -> dict[str, Any]:
    """The address, put there by somebody else, after the kernel found another owner."""
    with peer.answer_for(IP6, ROUTER):
        node.ip(f"address add {IP6}/128 dev eth0")
        wait_until(lambda: dad_failed(node), 10, "duplicate address detection")
    return address(node, IP6)


def test_start_waits_until_the_address_is_usable(node: Machine, peer: Machine, vip6: Agent) -> None:
    with peer.sniff() as sniffer:
        assert vip6("start").code == 0
        assert "tentative" not in address(node, IP6)
        assert len(sniffer.matching(probing(IP6))) > OUR_PROBES  # the kernel asked as well
    assert peer.run(["ping", "-c1", "-W2", IP6]).code == 0
    assert vip6("monitor").code == 0
    assert vip6("monitor", depth=10).code == 0
    assert vip6("start").code == 0
    assert vip6("stop").code == 0
    assert vip6("stop").code == 0
    assert not node.has_address(IP6)
    assert state_files(node) == []


def test_owner_that_only_the_kernel_finds_is_refused(
    node: Machine, peer: Machine, vip6: Agent
) -> None:
    with peer.answer_for(IP6, ROUTER, skip=OUR_PROBES) as other:
        result = vip6("start")
        assert other.answered
    assert result.code == 1
    assert ROUTER in result.reason
    assert not node.has_address(IP6)
    assert vip6.probe().code == 7
    assert vip6("start").code == 0


def test_monitor_finds_an_address_that_the_kernel_refused(
    refused: dict[str, Any], vip6: Agent
) -> None:
    result = vip6("monitor")
    assert result.code == 1
    assert IP6 in result.reason
    assert "duplicate" in result.reason


def test_start_does_not_take_a_refused_address_for_a_started_one(
    node: Machine, peer: Machine, refused: dict[str, Any], vip6: Agent
) -> None:
    with peer.answer_for(IP6, ROUTER):
        result = vip6("start")
        assert result.code == 1
        assert ROUTER in result.reason
    assert not node.has_address(IP6)
    assert vip6("start").code == 0
    assert vip6("monitor").code == 0
    assert not dad_failed(node)


def test_stop_removes_a_refused_address(
    node: Machine, refused: dict[str, Any], vip6: Agent
) -> None:
    assert vip6("stop").code == 0
    assert not node.has_address(IP6)


def test_prefix_and_source(node: Machine, vip6: Agent) -> None:
    assert vip6("start").code == 0
    info = address(node, IP6)
    assert (info["prefixlen"], info.get("deprecated")) == (128, True)
    assert vip6("stop").code == 0
    assert vip6.with_parameters(source="allow", prefix="64")("start").code == 0
    info = address(node, IP6)
    assert (info["prefixlen"], info.get("deprecated")) == (64, None)


def test_deprecated_address_is_no_source_of_own_connections(node: Machine, vip6: Agent) -> None:
    vip6 = vip6.with_parameters(prefix="64")
    assert vip6("start").code == 0
    (route,) = node.ip_json("route get 2001:db8::2")
    assert route["prefsrc"] == "2001:db8::1"


def test_link_local_address(node: Machine, peer: Machine) -> None:
    vip = node.agent("vip", ip="fe80::10", nic="eth0", announce_count="1")
    assert vip("start").code == 0
    assert peer.run(["ping", "-c1", "-W2", "fe80::10%eth0"]).code == 0
    assert vip("monitor", depth=10).code == 0
    assert vip("stop").code == 0
    assert vip("monitor").code == 7


def test_start_that_lacks_time_ends_before_its_timeout(node: Machine, vip6: Agent) -> None:
    """The kernel's detection alone takes more than this second."""
    result = vip6("start", timeout=1)
    assert result.code == 1
    assert "tentative" in result.reason
    assert not node.has_address(IP6)
    assert vip6("stop").code == 0
    assert state_files(node) == []
    node.wait_for_processes()
