"""SIGKILL in the middle of an action, as Pacemaker sends it at a timeout: nothing may remain."""

from __future__ import annotations

import time

import pytest

from tests.bed.agent import Agent
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6, state_files

MOST_STEPS = 150


def is_clean_after_stop(node: Machine, vip: Agent) -> None:
    """Stop, and assert that nothing is left of the resource."""
    assert vip("stop").code == 0
    assert not node.has_address(vip.parameters["ip"])
    assert vip.probe().code == 7
    node.wait_for_processes()
    assert state_files(node) == []


def killed_after(vip: Agent, action: str, seconds: float) -> bool:
    """Run an action, kill it after some seconds; whether it was still running."""
    running = vip.spawn(action)
    assert running.pid
    time.sleep(seconds)
    alive = running.alive
    running.kill()
    running.wait()
    return alive


@pytest.mark.parametrize("ip", [IP, IP6])
def test_stop_cleans_up_after_a_start_killed_at_any_point(node: Machine, ip: str) -> None:
    vip = node.agent(
        "vip", ip=ip, nic="eth0", duplicate="ignore", announce_count="3", announce_interval="20"
    )
    assert vip("start").code == 0  # compiles the library: later runs are alike
    assert vip("stop").code == 0
    seen = set()
    for step in range(MOST_STEPS):
        alive = killed_after(vip, "start", step * 0.001)
        seen.add((alive, node.has_address(ip)))
        is_clean_after_stop(node, vip)
        if not alive:
            break
    # From a start that has done nothing yet to one that has ended: no point was left out.
    assert (True, False) in seen
    assert (False, True) in seen


def test_stop_cleans_up_after_a_start_killed_while_it_asks(node: Machine, vip: Agent) -> None:
    for tenth in range(5):
        killed_after(vip, "start", 0.05 + tenth * 0.1)
        is_clean_after_stop(node, vip)


def test_start_works_after_a_start_that_was_killed(node: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(duplicate="ignore")
    for step in range(0, 40, 4):
        killed_after(vip, "start", step * 0.001)
        assert vip("start").code == 0
        assert vip("monitor").code == 0
        is_clean_after_stop(node, vip)


def test_stop_may_be_killed_and_repeated(node: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(duplicate="ignore", announce_count="3", announce_interval="20")
    for step in range(0, 40, 2):
        assert vip("start").code == 0
        killed_after(vip, "stop", step * 0.001)
        is_clean_after_stop(node, vip)


def test_killed_monitor_leaves_the_resource_as_it_is(node: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    for step in range(0, 40, 4):
        killed_after(vip, "monitor", step * 0.001)
    assert vip("monitor").code == 0
    assert vip("monitor", depth=10).code == 0
    is_clean_after_stop(node, vip)


def test_paused_start_ends_with_the_address_or_without_it(node: Machine, vip: Agent) -> None:
    """A machine that stood still (a virtual one that was moved) goes on in the middle."""
    starting = vip.spawn("start")
    time.sleep(0.2)
    starting.pause()
    time.sleep(1)
    assert starting.alive
    assert not node.has_address(IP)
    starting.resume()
    assert starting.wait().code == 0
    assert vip("monitor").code == 0
    is_clean_after_stop(node, vip)
