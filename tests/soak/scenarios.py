"""The scenarios of the soak: what fails in a round, and what must hold after it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, cast

from tests.lab import network
from tests.lab.client import ArpWatcher, Pinger
from tests.lab.failover import FAILURES, Failure, fail_over, vip_resources
from tests.lab.lab import Lab
from tests.lab.processes import wait_until

VIP = network.IPV4.format(100)
VIP_PATHS = ("ocf/vip", "lib/moodle_ha/agents/vip.py", "lib/moodle_ha/ocf", "lib/moodle_ha/system")


@dataclass
class Observation:
    """What a round saw; `wrong` has a sentence per violated rule."""

    failure: str
    outage: float
    lost: int
    fenced: list[str]
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Scenario:
    """`play` makes one round in a healthy cluster with the address up, and heals nothing."""

    name: str
    what: str
    paths: Sequence[str]
    play: Callable[[Lab, random.Random], Observation]


def configure_vip(lab: Lab) -> None:
    """Give a new cluster the virtual address."""
    lab.use_checkout()
    lab.cluster.form()
    lab.cluster.configure(vip_resources("ocf:moodle:vip", VIP))


def check_address(lab: Lab, watcher: ArpWatcher, seen: Observation) -> None:
    """Bring all nodes back and note what is wrong with the owners of the address."""
    lab.cluster.recover()
    owners = lab.cluster.owners(VIP)
    if len(owners) != 1:
        seen.wrong.append(f"{VIP} is on {owners or 'no node'}")
    contested = watcher.contested()
    if contested:
        seen.wrong.append(f"{VIP} was claimed by two nodes at once: {contested[0]}")


def fail(lab: Lab, failure: Failure) -> Observation:
    """Make the active node fail: it alone is fenced, once, and the other one answers."""
    since = time.monotonic()
    with lab.client.watch_arp(VIP) as watcher, lab.client.ping(VIP) as pinger:
        done = fail_over(lab, pinger, failure)
        seen = Observation(failure, done.gap.seconds, done.lost, [])
        check_address(lab, watcher, seen)
    seen.fenced = [entry.node for entry in lab.switch.fencings(since)]
    if seen.fenced != [done.victim]:
        seen.wrong.append(f"fenced {seen.fenced}, not just {done.victim}")
    return seen


def split(lab: Lab) -> Observation:
    """Cut the nodes from each other only: the one without the address is fenced, once."""
    since = time.monotonic()
    owner = lab.cluster.owner(VIP)
    loser = lab.other(owner)
    with lab.client.watch_arp(VIP) as watcher, lab.client.ping(VIP) as pinger:
        wait_until(pinger.answers, 30, f"{VIP} to answer")
        began = time.monotonic()
        lab[owner].cut("peers")
        wait_until(lambda: lab.switch.fencings(since), 60, "a fencing")
        loser.wait_booted()
        time.sleep(6)  # in which the loser, back and still cut off, must not shoot
        seen = observe(pinger, "split", began)
        check_address(lab, watcher, seen)
    seen.fenced = [entry.node for entry in lab.switch.fencings(since)]
    if seen.fenced != [loser.name]:
        seen.wrong.append(f"fenced {seen.fenced}, not just {loser.name}")
    if seen.outage > 1:
        seen.wrong.append(f"{owner} kept the address but did not answer for {seen.outage:.1f} s")
    return seen


def observe(pinger: Pinger, failure: str, since: float) -> Observation:
    """Return what the client saw from `since` until now."""
    lost = pinger.lost(since, time.monotonic() - 0.5)
    return Observation(failure, pinger.longest_gap(since).seconds, lost, [])


def play_random(lab: Lab, chance: random.Random) -> Observation:
    """Play one of the others."""
    choice = chance.choice([*FAILURES, "split"])
    return split(lab) if choice == "split" else fail(lab, cast(Failure, choice))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("vip-kill", "the active node loses its power", VIP_PATHS,
                 lambda lab, _: fail(lab, "kill")),
        Scenario("vip-freeze", "the active node stops", VIP_PATHS,
                 lambda lab, _: fail(lab, "freeze")),
        Scenario("vip-cut", "the active node's cable is pulled", VIP_PATHS,
                 lambda lab, _: fail(lab, "cut")),
        Scenario("vip-split", "the nodes lose each other only", VIP_PATHS,
                 lambda lab, _: split(lab)),
        Scenario("vip-random", "one of these by chance", VIP_PATHS, play_random),
    )
}  # fmt: skip
