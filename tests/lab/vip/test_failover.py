"""The active node fails: exactly one node is fenced, and exactly one has the address after."""

from __future__ import annotations

import time

import pytest

from tests.lab.failover import Failure, fail_over
from tests.lab.lab import Lab
from tests.lab.processes import wait_until
from tests.lab.vip.conftest import VIP, VIP6


def assert_failover(lab: Lab, failure: Failure, with_return: bool = True) -> None:
    """Make the active node fail and assert what must follow, up to the node's return if wanted."""
    with lab.client.ping(VIP) as pinger, lab.client.ping(VIP6) as pinger6:
        wait_until(pinger6.answers, 30, f"{VIP6} to answer before the failure")
        with lab.client.watch_arp(VIP) as watcher:
            done = fail_over(lab, pinger, failure)
            since = time.monotonic()
            wait_until(lambda: pinger6.replies(since), 30, f"{VIP6} to answer again")
            assert done.exactly_one_fenced, done.fencings
            assert done.fencings[0].asker == done.successor
            assert done.lost > 0
            if with_return:
                lab.cluster.recover()
            assert lab.switch.fencings(done.failed_at) == done.fencings
            assert lab.cluster.owners(VIP) == [done.successor]
            assert lab.cluster.owners(VIP6) == [done.successor]
        assert watcher.sightings
        assert watcher.contested() == []
        # The neighbours were told: the client speaks to the new owner's card.
        assert watcher.sightings[-1].mac == lab[done.successor].mac


@pytest.mark.parametrize("failure", ["kill", "freeze", "cut"])
def test_failover(site: Lab, failure: Failure) -> None:
    assert_failover(site, failure)


def test_cut_between_nodes_fences_exactly_one(site: Lab) -> None:
    """Both nodes live and reach the power switch and the client, but not each other.

    Each would shoot the other. The one with the address is worth more and shoots first; the
    one that was shot comes back, still cut off, and must not shoot back.
    """
    owner = site.cluster.owner(VIP)
    loser = site.other(owner)
    with site.client.ping(VIP) as pinger, site.client.watch_arp(VIP) as watcher:
        wait_until(pinger.answers, 30, f"{VIP} to answer")
        since = time.monotonic()
        site[owner].cut("peers")
        wait_until(lambda: site.switch.fencings(since), 60, "a fencing")
        loser.wait_booted()
        running = "systemctl is-active --quiet pacemaker && crm_mon -1 >/dev/null"
        wait_until(lambda: loser.sh(running).code == 0, 60, "the loser's cluster to start")
        time.sleep(5)  # in which it would shoot, if it thought it might
        view = site.cluster.view(loser)
        assert view is not None
        assert not view.quorum
        fenced = [(entry.asker, entry.node) for entry in site.switch.fencings(since)]
        assert fenced == [(owner, loser.name)]
        assert site.cluster.owners(VIP) == [owner]
        assert pinger.longest_gap(since).seconds < 1
        site.cluster.recover()
        assert site.cluster.owners(VIP) == [owner]
        assert len(site.switch.fencings(since)) == 1
    assert {sighting.mac for sighting in watcher.sightings} == {site[owner].mac}


def test_short_freeze_moves_nothing(site: Lab) -> None:
    """A pause of half the token's time is no failure."""
    owner = site.cluster.owner(VIP)
    since = time.monotonic()
    with site.client.ping(VIP) as pinger:
        site[owner].freeze()
        time.sleep(0.75)
        site[owner].thaw()
        wait_until(pinger.answers, 10, f"{VIP} to answer again")
        time.sleep(4)  # longer than corosync and the fencing delay need to act
    site.cluster.wait_online()
    assert site.switch.fencings(since) == []
    assert site.cluster.owners(VIP) == [owner]


def test_thaw_while_fencing_is_pending(site: Lab) -> None:
    """The paused node goes on, with the address, after its fencing was asked for.

    Nobody else may have the address before the power switch is done.
    """
    owner = site.cluster.owner(VIP)
    delay = site.switch.delay = 4.0
    since = time.monotonic()
    with site.client.watch_arp(VIP) as watcher:
        site[owner].freeze()
        wait_until(lambda: site.switch.fencings(since), 60, "the fencing to be asked for")
        asked = time.monotonic()
        site[owner].thaw()
        site[owner].put("/run/before-fencing", "")
        wait_until(lambda: time.monotonic() > asked + delay, 60, "the power switch to act")
        site[owner].wait_booted()
        assert site[owner].sh("test -e /run/before-fencing").code == 1
        site.switch.delay = 0.0
        site.cluster.recover()
        at_last = site.cluster.owner(VIP)  # either: a namespace node boots faster than it is missed
        assert watcher.contested() == []
    assert [entry.node for entry in site.switch.fencings(since)] == [owner]
    other = site.other(owner)
    assert all(s.time > asked + delay for s in watcher.sightings if s.mac == other.mac)
    assert site.cluster.owners(VIP) == [at_last]
