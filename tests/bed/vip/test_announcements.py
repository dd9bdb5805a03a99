"""What the neighbours hear of the address, and for how long."""

from __future__ import annotations

import time

from tests.bed.agent import Agent
from tests.bed.bed import Bed
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6
from tests.bed.wire import BROADCAST, REPLY, REQUEST, Advertisement, Arp, gratuitous


def test_first_announcement_is_out_when_start_returns(
    node: Machine, peer: Machine, vip: Agent
) -> None:
    vip = vip.with_parameters(announce_count="2", announce_interval="10000")
    with peer.sniff() as sniffer:
        assert vip("start").code == 0
        packets = [frame.packet for frame in sniffer.wait_for(gratuitous(IP), 2, timeout=5)]
    mac = node.macs["eth0"]
    request, reply = packets
    assert isinstance(request, Arp)
    assert isinstance(reply, Arp)
    assert (request.operation, reply.operation) == (REQUEST, REPLY)
    for packet in (request, reply):
        assert (packet.sender_mac, packet.ethernet_to) == (mac, BROADCAST)


def test_announcements_grow_apart_and_end(node: Machine, peer: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(announce_count="4", announce_interval="100")
    with peer.sniff() as sniffer:
        assert vip("start").code == 0
        node.wait_for_processes()
        time.sleep(0.1)
        frames = sniffer.matching(gratuitous(IP))
    assert len(frames) == 8
    times = [frame.time for frame in frames[::2]]
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    for pause, least in zip(pauses, (0.1, 0.2, 0.4)):
        assert least - 0.02 < pause < least + 0.5
    assert pauses == sorted(pauses)


def test_announcements_end_when_the_address_is_stopped(node: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(announce_count="8", announce_interval="10000")
    assert vip("start").code == 0
    assert len(node.processes()) == 1
    assert vip("stop").code == 0
    node.wait_for_processes(timeout=2)


def test_announcements_end_when_somebody_takes_the_address_away(
    node: Machine, peer: Machine, vip: Agent
) -> None:
    vip = vip.with_parameters(announce_count="8", announce_interval="300")
    assert vip("start").code == 0
    node.delete_address(f"{IP}/32")
    with peer.sniff() as sniffer:
        node.wait_for_processes()
        assert not sniffer.matching(gratuitous(IP))


def test_announcer_belongs_to_no_session_of_the_caller(node: Machine, vip: Agent) -> None:
    """Pacemaker kills the group of an action that is late: announcing goes on."""
    vip = vip.with_parameters(announce_count="2", announce_interval="10000")
    starting = vip.spawn("start")
    starting.wait()
    starting.kill()
    assert len(node.processes()) == 1
    ids = node.sh("ps -eo pid=,pgid=,sid=,args=")
    (announcer,) = [line.split() for line in ids.splitlines() if "vip start" in line]
    assert announcer[0] == announcer[1] == announcer[2]


def test_second_start_announces_again(peer: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    with peer.sniff() as sniffer:
        assert vip("start").code == 0
        assert sniffer.wait_for(gratuitous(IP), 2)


def test_monitor_announces_as_often_as_told(node: Machine, peer: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(announce_refresh="2")
    assert vip("start").code == 0
    node.wait_for_processes()
    with peer.sniff() as sniffer:
        assert vip("monitor").code == 0
        node.wait_for_processes()
        assert len(sniffer.wait_for(gratuitous(IP), 4)) == 4
        assert vip.probe().code == 0
        node.wait_for_processes()
        assert len(sniffer.matching(gratuitous(IP))) == 4


def test_monitor_is_silent_without_refresh(node: Machine, peer: Machine, vip: Agent) -> None:
    assert vip("start").code == 0
    node.wait_for_processes()
    with peer.sniff() as sniffer:
        assert vip("monitor").code == 0
        node.wait_for_processes()
        assert not sniffer.matching(gratuitous(IP))


def test_ipv6_is_advertised_to_all_nodes(node: Machine, peer: Machine, vip6: Agent) -> None:
    with peer.sniff() as sniffer:
        assert vip6("start").code == 0
        packet = sniffer.wait_for(gratuitous(IP6))[0].packet
    assert packet == Advertisement(
        target=IP6,
        mac=node.macs["eth0"],
        override=True,
        solicited=False,
        ip_from=IP6,
        ip_to="ff02::1",
    )


def test_neighbours_turn_to_the_new_node(
    node: Machine, peer: Machine, bed: Bed, vip: Agent
) -> None:
    """The address moves, and a neighbour that knew the old machine does not wait to forget it."""
    other = bed.machine("other", "192.0.2.3/24")
    assert vip("start").code == 0
    assert peer.run(["ping", "-c1", "-W2", IP]).code == 0
    assert node.macs["eth0"] in peer.ip(f"neighbour show {IP}")
    assert vip("stop").code == 0
    moved = other.agent("vip", **vip.parameters)
    assert moved("start").code == 0
    assert peer.run(["ping", "-c1", "-W1", IP]).code == 0
    assert other.macs["eth0"] in peer.ip(f"neighbour show {IP}")
