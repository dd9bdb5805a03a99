"""How long an address is gone when its node dies: our agent beside the stock one.

    python3 -m tests.lab.outage [--rounds N]

Both run in the same lab with the same corosync settings, and their kills alternate.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

from tests.lab import network
from tests.lab.failover import fail_over, vip_resources
from tests.lab.lab import Lab

OURS = "ocf:moodle:vip"
STOCK = "ocf:heartbeat:IPaddr2"
_ADDRESS = network.IPV4.format(100)


def outages(
    agents: Sequence[str] = (OURS, STOCK), rounds: int = 10, wait_minutes: float = 15
) -> dict[str, list[float]]:
    """Return the seconds without a reply per kill of the active node, `rounds` for each agent.

    The agents take turns in one lab of two namespace nodes. Raises LabError.
    """
    measured: dict[str, list[float]] = {agent: [] for agent in agents}
    with Lab({"lb1": "namespace", "lb2": "namespace"}, wait_minutes=wait_minutes) as lab:
        lab.use_checkout()
        lab.cluster.form()
        for _ in range(rounds):
            for agent in agents:
                lab.cluster.configure(vip_resources(agent, _ADDRESS))
                lab.cluster.wait_settled()
                with lab.client.ping(_ADDRESS) as pinger:
                    measured[agent].append(fail_over(lab, pinger, "kill").gap.seconds)
                lab.cluster.recover()
                lab.cluster.remove("vip")
    return measured


def main() -> None:
    """Measure both agents and print every outage, the medians and their ratio."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.lab.outage", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    measured = outages(rounds=parser.parse_args().rounds)
    for agent, seconds in measured.items():
        listed = " ".join(f"{value:.2f}" for value in seconds)
        print(f"{agent:<24} median {statistics.median(seconds):.2f} s   {listed}")
    ratio = statistics.median(measured[OURS]) / statistics.median(measured[STOCK])
    print(f"ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
