"""Another machine has the address already when the node starts it."""

from __future__ import annotations

import time

import pytest

from tests.bed.agent import Agent
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6, state_files
from tests.bed.wire import REQUEST, Arp, gratuitous, probing

ROUTER = "02:00:5e:00:53:f0"
NOBODY = "00:00:00:00:00:00"


@pytest.mark.parametrize("ip", [IP, IP6])
def test_start_is_refused_and_names_the_owner(node: Machine, peer: Machine, ip: str) -> None:
    peer.add_address(f"{ip}/{128 if ':' in ip else 32}")
    vip = node.agent("vip", ip=ip, nic="eth0")
    before = node.addresses()
    with peer.sniff() as sniffer:
        result = vip("start")
        assert result.code == 1
        assert peer.macs["eth0"] in result.reason
        assert ip in result.reason
        assert sniffer.matching(probing(ip))
        assert not [f for f in sniffer.matching(gratuitous(ip)) if not f.outgoing]
    assert node.addresses() == before
    assert state_files(node) == []
    node.wait_for_processes()
    assert vip.probe().code == 7


@pytest.mark.parametrize("ip", [IP, IP6])
def test_start_succeeds_without_cleanup_once_the_owner_has_gone(
    node: Machine, peer: Machine, ip: str
) -> None:
    address = f"{ip}/{128 if ':' in ip else 32}"
    peer.add_address(address)
    vip = node.agent("vip", ip=ip, nic="eth0", announce_count="1")
    assert vip("start").code == 1
    assert vip("stop").code == 0
    peer.delete_address(address)
    assert vip("start").code == 0
    assert vip("monitor", depth=10).code == 0


@pytest.mark.parametrize("ip", [IP, IP6])
def test_warning_goes_to_the_log_and_the_address_is_usable(
    node: Machine, peer: Machine, ip: str
) -> None:
    vip = node.agent("vip", ip=ip, nic="eth0", duplicate="warn", announce_count="1")
    with peer.answer_for(ip, ROUTER):
        assert vip("start").code == 0
    assert any("WARNING" in line and ROUTER in line for line in node.log())
    (info,) = [info for info in node.addresses() if info["local"] == ip]
    assert not info.get("tentative")
    assert not info.get("dadfailed")


def test_nobody_is_asked_when_duplicates_are_ignored(
    node: Machine, peer: Machine, vip: Agent
) -> None:
    peer.add_address(f"{IP}/32")
    with peer.sniff() as sniffer:
        assert vip.with_parameters(duplicate="ignore")("start").code == 0
        sniffer.wait_for(gratuitous(IP), 2)
        assert not sniffer.matching(probing(IP))
    assert node.has_address(IP)


def test_router_that_answers_for_others_is_named(node: Machine, peer: Machine, vip: Agent) -> None:
    with peer.answer_for(IP, ROUTER) as router:
        result = vip("start")
        assert router.answered
    assert result.code == 1
    assert ROUTER in result.reason
    assert "proxy ARP" in result.reason
    assert not node.has_address(IP)


def test_probe_by_another_machine_is_no_conflict(node: Machine, peer: Machine, vip: Agent) -> None:
    foreign = Arp(REQUEST, peer.macs["eth0"], "0.0.0.0", NOBODY, IP)
    with node.sniff() as sniffer:
        starting = vip.spawn("start")
        while starting.alive:
            peer.send(foreign.frame())
            time.sleep(0.02)
        assert starting.wait().code == 0
        asked = [f.time for f in sniffer.matching(probing(IP)) if f.outgoing]
        heard = [f.time for f in sniffer.matching(probing(IP)) if not f.outgoing]
        assert any(asked[0] < moment < asked[-1] for moment in heard)
    assert node.has_address(IP)


def test_announcement_by_another_machine_during_the_start_is_a_conflict(
    node: Machine, peer: Machine, vip: Agent
) -> None:
    """It answers no question, as a machine does that has just come up itself."""
    foreign = Arp(REQUEST, ROUTER, IP, NOBODY, IP)
    with peer.sniff() as sniffer:
        starting = vip.spawn("start")
        sniffer.wait_for(probing(IP), 2)
        peer.send(foreign.frame())
        result = starting.wait()
    assert result.code == 1
    assert ROUTER in result.err
    assert not node.has_address(IP)


def test_probing_takes_half_a_second_at_most(peer: Machine, vip: Agent) -> None:
    with peer.sniff() as sniffer:
        assert vip("start").code == 0
        first = sniffer.wait_for(gratuitous(IP))[0]
        probes = sniffer.matching(probing(IP))
    assert len(probes) == 3
    assert probes[-1].time - probes[0].time < 0.4
    assert first.time - probes[0].time < 0.7  # 0.4 s, and a busy test machine


def test_start_without_the_time_to_ask_says_so(node: Machine, vip: Agent) -> None:
    started = vip("start", timeout=0.7)
    assert started.code == 1
    assert "timeout" in started.reason
    assert not node.has_address(IP)
