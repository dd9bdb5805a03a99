"""What happened in a failover, collected from the power switch and the nodes' journals."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import NamedTuple

from tests.lab.client import Ping
from tests.lab.failover import Failover
from tests.lab.lab import Lab


class Event(NamedTuple):
    """Something that happened: time.monotonic() and a sentence about it."""

    time: float
    text: str


class Reign(NamedTuple):
    """A time in which a node had the address."""

    node: str
    start: float
    end: float


@dataclass(frozen=True)
class Act:
    """One failover with its events, and the pings around it."""

    failover: Failover
    events: list[Event]
    pings: list[Ping]

    @property
    def reigns(self) -> tuple[Reign, Reign]:
        """Who had the address around the failover."""
        first, last = self.pings[0].sent, self.pings[-1].sent
        done = self.failover
        started = max(e.time for e in self.events if e.text.startswith(STARTED))
        return (
            Reign(done.victim, first, done.failed_at),
            Reign(done.successor, started, last),
        )


STARTED = "The address is up"


def journal_times(lab: Lab, node: str, pattern: str, since: float) -> list[float]:
    """Return when lines that match a pattern came into a node's journal after `since`.

    Times are time.monotonic() of the host, from the node's wall clock.
    """
    offset = time.time() - time.monotonic()
    begin = f"@{since + offset:.6f}"
    lines = lab[node].run(f"journalctl --no-pager -o short-unix --since {begin}").splitlines()
    return [float(line.split()[0]) - offset for line in lines if re.search(pattern, line)]


def tell(lab: Lab, failover: Failover, pings: list[Ping]) -> Act:
    """Collect the events of a failover, in order of time."""
    since, survivor, victim = failover.failed_at, failover.successor, failover.victim
    events = [Event(since, f"{victim}, which has the address, loses its power")]
    missed = journal_times(lab, survivor, r"\[TOTEM \] A new membership", since)
    if missed:
        events.append(Event(missed[0], f"Corosync on {survivor} calls {victim} lost"))
    for entry in failover.fencings:
        text = f"{entry.asker} has {entry.node} fenced: the power switch takes its power"
        events.append(Event(entry.time, text))
    for asked in journal_times(lab, survivor, "execution of start operation for vip", since)[:1]:
        events.append(Event(asked, f"Pacemaker starts ocf:moodle:vip on {survivor}"))
    for done in journal_times(lab, survivor, "Result of start operation for vip", since)[:1]:
        events.append(Event(done, f"{STARTED} on {survivor} and its neighbours are told"))
    events.append(Event(failover.gap.end, "The client has its first reply"))
    return Act(failover, sorted(events), pings)
