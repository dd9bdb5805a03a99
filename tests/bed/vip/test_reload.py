"""reload-agent: new parameters without an interruption."""

from __future__ import annotations

import time

from tests.bed.agent import Agent
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP
from tests.bed.wire import gratuitous
from tests.lab.processes import wait_until


def test_the_address_stays_up(node: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.wait_for_processes()
    watching = node.spawn(["ip", "monitor", "address", "link", "route"])
    time.sleep(0.2)
    changed = vip.with_parameters(
        announce_count="3", announce_refresh="1", duplicate="warn", link="ignore"
    )
    assert changed("reload-agent").code == 0
    node.add_address("203.0.113.9/32")  # proof that the watcher watches
    wait_until(lambda: "203.0.113.9" in watching.out, 10, "ip monitor")
    assert IP not in watching.out
    assert "Deleted" not in watching.out
    watching.kill()
    watching.wait()
    assert node.has_address(IP)


def test_the_new_values_count(node: Machine, peer: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.wait_for_processes()
    changed = vip.with_parameters(announce_refresh="1", link="degrade")
    assert changed("reload-agent").code == 0
    with peer.sniff() as sniffer:
        assert changed("monitor").code == 0
        assert sniffer.wait_for(gratuitous(IP), 2)
    node.set_cable("eth0", False)
    assert changed("monitor").code == 190


def test_nothing_runs(vip: Agent) -> None:
    result = vip("reload-agent")
    assert result.code == 7
    assert IP in result.reason


def test_bad_new_values_are_named(node: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    result = vip.with_parameters(announce_interval="soon")("reload-agent")
    assert result.code == 2
    assert "announce_interval" in result.reason
    assert node.has_address(IP)
