"""Interfaces without carrier, switched off, or gone."""

from __future__ import annotations

import pytest

from tests.bed.agent import Agent
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6, state_files

DEGRADED = 190
POLICIES = [("fail", 7), ("degrade", DEGRADED), ("ignore", 0)]


@pytest.mark.parametrize(("policy", "code"), POLICIES)
def test_lost_carrier_is_judged_by_policy(
    node: Machine, vip: Agent, policy: str, code: int
) -> None:
    vip = vip.with_parameters(link=policy)
    assert vip("start").code == 0
    node.set_cable("eth0", False)
    result = vip("monitor")
    assert result.code == code
    assert ("eth0" in result.reason and "carrier" in result.reason) == (policy != "ignore")
    assert vip.probe().code == 0
    node.set_cable("eth0", True)
    assert vip("monitor").code == 0


def test_interface_switched_off_is_named(node: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.set_link("eth0", False)
    result = vip("monitor")
    assert result.code == 7
    assert "eth0" in result.reason
    assert "switched off" in result.reason


@pytest.mark.parametrize(("policy", "code"), [("fail", 1), ("degrade", 0), ("ignore", 0)])
def test_start_without_carrier(node: Machine, vip: Agent, policy: str, code: int) -> None:
    vip = vip.with_parameters(link=policy)
    node.set_cable("eth0", False)
    result = vip("start")
    assert result.code == code
    assert node.has_address(IP) == (code == 0)
    if code:
        assert "carrier" in result.reason
    if policy == "degrade":
        assert any("degraded" in line and "carrier" in line for line in node.log())


def test_self_test_finds_nobody_without_carrier(node: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(link="ignore")
    assert vip("start").code == 0
    node.set_cable("eth0", False)
    for depth in (0, 10, 0, 10):
        assert vip("monitor", depth=depth).code == 0
    node.wait_for_processes()


def test_stop_needs_no_carrier(node: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.set_link("eth0", False)
    assert vip("stop").code == 0
    assert not node.has_address(IP)


@pytest.mark.parametrize("ip", [IP, IP6])
def test_interface_removed(node: Machine, ip: str) -> None:
    vip = node.agent("vip", ip=ip, nic="eth0")
    assert vip("start").code == 0
    node.delete_link("eth0")
    monitored = vip("monitor")
    assert monitored.code == 7
    assert "eth0" in monitored.reason
    probed = vip.probe()
    assert (probed.code, probed.out, probed.err) == (7, "", "")
    stopped = vip("stop")
    assert (stopped.code, stopped.err) == (0, "")
    assert state_files(node) == []
    node.wait_for_processes()
    started = vip("start")
    assert started.code == 1
    assert "eth0" in started.reason


def test_interface_removed_that_was_found_by_its_route(node: Machine) -> None:
    vip = node.agent("vip", ip=IP)
    assert vip("start").code == 0
    node.delete_link("eth0")
    assert vip("monitor").code == 7
    assert vip.probe().code == 7
    assert vip("stop").code == 0
    started = vip("start")
    assert started.code == 1
    assert "route" in started.reason


def test_interface_that_comes_back_gets_the_address_again(node: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.delete_link("eth0")
    assert vip("monitor").code == 7
    assert vip("stop").code == 0
    node.plug_in("eth0")
    assert vip("start").code == 0
    assert vip("monitor").code == 0
