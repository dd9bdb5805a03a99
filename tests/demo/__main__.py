"""The demo: python3 -m tests.demo [--deb PACKAGE] [--report FILE] [--kernel].

Two cluster nodes come up, get the package and a virtual address. The node that has the address
is killed, then the other one, while a client pings 20 times a second.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.demo import report, story
from tests.lab import network
from tests.lab.client import Pinger
from tests.lab.failover import fail_over, vip_resources
from tests.lab.lab import CHECKOUT, Kind, Lab
from tests.lab.processes import LabError
from tests.lab.recipe import ImageError

ADDRESS = network.IPV4.format(100)
AGENT = "ocf:moodle:vip"
NODES = ("lb1", "lb2")
CALM = 2.0  # seconds of undisturbed pings shown before and after a failover


class Demo:
    """Tells what it does, second by second."""

    def __init__(self, package: Path | None, kind: Kind) -> None:
        self._package = package
        self._kind: Kind = kind
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line with the seconds since the beginning."""
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def run(self) -> str:
        """Play all of it and return the report."""
        self.say(f"Starting two nodes ({self._kind} nodes) with a network and a power switch.")
        with Lab(dict.fromkeys(NODES, self._kind), wait_minutes=15) as lab:
            self.say(f"{' and '.join(NODES)} have booted.")
            installed = self._install(lab)
            self.say(installed)
            lab.cluster.form()
            self.say("Corosync and Pacemaker are online on both, fencing is on.")
            configuration = vip_resources(AGENT, ADDRESS)
            lab.cluster.configure(configuration)
            owner = lab.cluster.owner(ADDRESS)
            self.say(f"{AGENT} has put {ADDRESS} on {owner}.")
            with lab.client.ping(ADDRESS) as pinger:
                acts = [self._act(lab, pinger) for _ in NODES]
            versions = [
                lab[NODES[0]].run("crm_mon --version | head -1").strip(),
                lab[NODES[0]].run("corosync -v | head -1").strip(),
            ]
        setting = report.Setting(ADDRESS, AGENT, installed, versions, configuration)
        return report.page(acts, NODES, setting)

    def _install(self, lab: Lab) -> str:
        """Bring the agents onto the nodes and say how."""
        if self._package:
            lab.install_deb(self._package)
            return f"{self._package.name} is installed on both."
        lab.use_checkout()
        return "Both use the agents of this checkout."

    def _act(self, lab: Lab, pinger: Pinger) -> story.Act:
        """Kill the active node, tell what happens, and wait until it is back."""
        time.sleep(CALM)
        victim = lab.cluster.owner(ADDRESS)
        first = len(pinger.pings)
        time.sleep(CALM)
        self.say(f"Killing {victim}, which has the address ...")
        done = fail_over(lab, pinger, "kill")
        time.sleep(CALM)
        act = story.tell(lab, done, pinger.pings[first:])
        print()
        for event in act.events:
            print(f"    {event.time - done.failed_at:+7.2f} s  {event.text}", flush=True)
        print(f"\n    {done.gap.seconds:.1f} s without a reply, {done.lost} pings lost\n")
        lab.cluster.recover()
        self.say(f"{victim} has booted and is back in the cluster; {done.successor} keeps on.")
        return act


def main() -> None:
    """Run the demo; a problem is one message and exit code 1."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.demo", description=__doc__)
    parser.add_argument("--deb", type=Path, help="package to install (default: this checkout)")
    parser.add_argument("--report", type=Path, default=CHECKOUT / "build" / "demo.html")
    parser.add_argument("--kernel", action="store_true", help="nodes with kernels of their own")
    options = parser.parse_args()
    if options.deb and not options.deb.is_file():
        sys.exit(f"demo: there is no package {options.deb}")
    demo = Demo(options.deb, "kernel" if options.kernel else "namespace")
    try:
        text = demo.run()
    except (LabError, ImageError) as error:
        sys.exit(f"demo: {error}")
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(text)
    demo.say(f"Report with the plots: {options.report}")


if __name__ == "__main__":
    main()
