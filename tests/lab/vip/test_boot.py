"""Nodes that start: alone, and at the same time."""

from __future__ import annotations

import time

from tests.lab.lab import Lab
from tests.lab.processes import wait_until
from tests.lab.vip.conftest import VIP, VIP6


def power_off(lab: Lab) -> None:
    """Take the power of all nodes."""
    for node in lab.nodes.values():
        node.kill()


def test_node_that_boots_alone_starts_nothing(site: Lab) -> None:
    """It cannot know whether the other one runs, and must neither shoot it nor take the address."""
    power_off(site)
    since = time.monotonic()
    alone = site["lb1"]
    with site.client.watch_arp(VIP) as watcher:
        alone.boot()
        alone.wait_booted()
        wait_until(lambda: site.cluster.view(alone), 60, "the cluster daemons of the node")
        time.sleep(6)
        view = site.cluster.view(alone)
        assert view is not None
        assert view.online == {"lb1"}
        assert not view.quorum
        assert view.resources["vip"] == []
        assert site.cluster.owners(VIP) == []
        assert site.cluster.owners(VIP6) == []
        assert watcher.sightings == []
    assert site.switch.fencings(since) == []


def test_both_nodes_start_at_once(site: Lab) -> None:
    """The address comes up on one node and is never seen on two."""
    power_off(site)
    since = time.monotonic()
    with site.client.watch_arp(VIP) as watcher:
        for node in site.nodes.values():
            node.boot()
        owner = site.cluster.owner(VIP, 90)
        site.cluster.wait_settled(90)
        time.sleep(2)
    assert site.cluster.owners(VIP) == [owner]
    assert {sighting.mac for sighting in watcher.sightings} == {site[owner].mac}
    assert site.switch.fencings(since) == []
