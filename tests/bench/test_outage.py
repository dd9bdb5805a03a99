"""How long the address is gone when its node dies: ocf:moodle:vip beside IPaddr2, in one lab."""

from __future__ import annotations

from tests.bench.conftest import Collected
from tests.bench.figures import compare, hold_to_budget
from tests.lab.outage import OURS, STOCK, outages

ROUNDS = 10
# Most of an outage is corosync's token and fencing, which are the same on both sides; ours also
# asks the neighbours for 0.4 s before it takes the address, which IPaddr2 does not.
BUDGET = 1.1


def test_outage_of_a_killed_node(collected: Collected) -> None:
    measured = outages(rounds=ROUNDS)
    figure = compare("vip outage by kill", "IPaddr2", "s", measured[OURS], measured[STOCK], BUDGET)
    collected.figures.append(figure)
    hold_to_budget(figure, "the token, fencing and the question for another owner")
