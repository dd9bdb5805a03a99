"""Failures of the node that has a virtual address, and what they cost the client.

Used by the tests, the demo, the soak and the bench, so that all mean the same by an outage:
the longest time in which the client, pinging 20 times a second, got no reply.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, Literal

from tests.lab.client import Gap, Pinger
from tests.lab.lab import Lab
from tests.lab.node import Node
from tests.lab.power import Switching
from tests.lab.processes import wait_until

Failure = Literal["kill", "freeze", "cut"]
FAILURES: dict[str, Callable[[Node], None]] = {
    "kill": lambda node: node.kill(),
    "freeze": lambda node: node.freeze(),
    "cut": lambda node: node.cut(),
}
_LEAD = 0.2  # seconds before the failure from which replies are looked at
TIMEOUT = 90.0  # seconds for a whole failover; it takes 8 on an idle machine


@dataclass(frozen=True)
class Failover:
    """One failure of the active node. Times are of time.monotonic()."""

    failure: str
    failed_at: float
    victim: str
    successor: str
    gap: Gap
    lost: int
    fencings: list[Switching]

    @property
    def exactly_one_fenced(self) -> bool:
        """Whether the power switch was asked for the victim and nobody else, once."""
        return [entry.node for entry in self.fencings] == [self.victim]


def vip_resources(agent: str, address: str, address6: str = "") -> str:
    """Return `crm configure` text for a virtual address, or a group of an IPv4 and an IPv6 one.

    `agent` is ocf:moodle:vip or ocf:heartbeat:IPaddr2.
    """

    def primitive(name: str, ip: str) -> str:
        extra = " cidr_netmask=24 nic=eth0" if agent.endswith(":IPaddr2") else ""
        times = "op start timeout=20s op stop timeout=20s op monitor interval=5s timeout=20s"
        return f"primitive {name} {agent} params ip={ip}{extra} {times} meta failure-timeout=60s\n"

    if not address6:
        return primitive("vip", address)
    return primitive("vip", address) + primitive("vip6", address6) + "group site vip vip6\n"


def fail_over(lab: Lab, pinger: Pinger, failure: Failure) -> Failover:
    """Make the node fail that has the pinged address, and wait until another one answers.

    The lab stays as it is then: `lab.cluster.recover()` brings the victim back.
    Raises LabTimeout when no other node answers in time.
    """
    cluster = lab.cluster
    victim = cluster.owner(pinger.address)
    wait_until(pinger.answers, 30, f"{pinger.address} to answer before the failure")
    failed_at = time.monotonic()
    FAILURES[failure](lab[victim])
    successor = cluster.owner(pinger.address, TIMEOUT, other_than=victim)
    took_over = time.monotonic()
    wait_until(
        lambda: pinger.replies(took_over),
        TIMEOUT,
        f"{pinger.address} to answer from {successor}",
        describe=cluster.describe,
    )
    gap = pinger.longest_gap(failed_at - _LEAD)
    lost = pinger.lost(failed_at - _LEAD, gap.end)
    fencings = lab.switch.fencings(failed_at)
    return Failover(failure, failed_at, victim, successor, gap, lost, fencings)
