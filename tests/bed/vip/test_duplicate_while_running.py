"""Another machine takes the address while the node has it."""

from __future__ import annotations

import pytest

from tests.bed.agent import Agent, AgentResult
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6
from tests.bed.wire import probing

DEGRADED = 190


def monitor_and_settle(node: Machine, vip: Agent) -> AgentResult:
    """A monitor of depth 0, and the end of the self-test that it leaves in the background."""
    result = vip("monitor")
    node.wait_for_processes()
    return result


@pytest.mark.parametrize("ip", [IP, IP6])
def test_two_deep_monitors_name_the_other_owner(node: Machine, peer: Machine, ip: str) -> None:
    vip = node.agent("vip", ip=ip, nic="eth0", announce_count="1")
    address = f"{ip}/{128 if ':' in ip else 32}"
    assert vip("start").code == 0
    peer.add_address(address)
    assert vip("monitor", depth=10).code == 0
    second = vip("monitor", depth=10)
    assert second.code == DEGRADED
    assert peer.macs["eth0"] in second.reason
    assert any("degraded" in line and peer.macs["eth0"] in line for line in node.log())
    assert node.has_address(ip)
    peer.delete_address(address)
    assert vip("monitor", depth=10).code == 0


def test_light_monitors_find_it_in_the_background(node: Machine, peer: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.wait_for_processes()
    peer.add_address(f"{IP}/32")
    codes = [monitor_and_settle(node, vip).code for _ in range(2)]
    assert codes == [0, 0]
    third = monitor_and_settle(node, vip)
    assert third.code == DEGRADED
    assert peer.macs["eth0"] in third.reason


def test_it_passes_without_cleanup(node: Machine, peer: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    peer.add_address(f"{IP}/32")
    for _ in range(2):
        monitor_and_settle(node, vip)
    assert monitor_and_settle(node, vip).code == DEGRADED
    peer.delete_address(f"{IP}/32")
    assert monitor_and_settle(node, vip).code == DEGRADED  # what the test before it has seen
    assert monitor_and_settle(node, vip).code == 0


def test_one_sighting_between_clean_tests_is_no_finding(
    node: Machine, peer: Machine, vip: Agent
) -> None:
    assert vip("start").code == 0
    for _ in range(2):
        peer.add_address(f"{IP}/32")
        assert vip("monitor", depth=10).code == 0
        peer.delete_address(f"{IP}/32")
        assert vip("monitor", depth=10).code == 0


def test_failing_makes_the_cluster_recover(node: Machine, peer: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(on_duplicate="fail")
    assert vip("start").code == 0
    peer.add_address(f"{IP}/32")
    assert vip("monitor", depth=10).code == 0
    result = vip("monitor", depth=10)
    assert result.code == 1
    assert peer.macs["eth0"] in result.reason
    assert vip("stop").code == 0
    assert vip("start").code == 1  # the other owner is still there
    peer.delete_address(f"{IP}/32")
    assert vip("start").code == 0
    assert vip("monitor", depth=10).code == 0


def test_ignoring_asks_nobody(node: Machine, peer: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(on_duplicate="ignore")
    assert vip("start").code == 0
    peer.add_address(f"{IP}/32")
    with peer.sniff() as sniffer:
        for depth in (0, 10, 0, 10):
            assert vip("monitor", depth=depth).code == 0
        node.wait_for_processes()
        assert not sniffer.matching(probing(IP))


def test_probe_asks_nobody(node: Machine, peer: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.wait_for_processes()
    with peer.sniff() as sniffer:
        assert vip.probe().code == 0
        node.wait_for_processes()
        assert not sniffer.matching(probing(IP))


def test_a_start_forgets_earlier_sightings(node: Machine, peer: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    peer.add_address(f"{IP}/32")
    for _ in range(2):
        vip("monitor", depth=10)
    assert vip("stop").code == 0
    peer.delete_address(f"{IP}/32")
    assert vip("start").code == 0
    assert vip("monitor").code == 0
