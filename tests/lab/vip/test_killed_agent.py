"""The agent dies by SIGKILL in the middle of a start: Pacemaker sees it, and the address comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.lab.lab import Lab
from tests.lab.node import Node
from tests.lab.processes import wait_until
from tests.lab.vip.conftest import VIP

# Waits for the agent's start of the IPv4 address and kills its process group, as Pacemaker does
# at a timeout. The duplicate probes last 0.2 s and more, so that it is met in the middle.
HUNTER = """
import os, signal, time
from pathlib import Path
while not os.path.exists("/run/hunt-is-over"):
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(bytes(1))
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if words[-2:] == [b"start", b""] and b"OCF_RESOURCE_INSTANCE=vip\\0" in environment:
            time.sleep(0.1)
            try:
                os.killpg(int(process.name), signal.SIGKILL)
            except ProcessLookupError:
                continue
            print("killed", process.name)
            raise SystemExit
    time.sleep(0.005)
"""


def test_agent_killed_in_the_middle_of_start(site: Lab) -> None:
    speaker = site["lb1"]
    speaker.run("crm_resource --resource site --meta --set-parameter target-role -v Stopped")
    wait_until(lambda: not site.cluster.owners(VIP), 60, "the address to go")
    site.cluster.wait_settled()

    def hunt(node: Node) -> str:
        node.put("/run/hunter.py", HUNTER)
        return node.run("python3 /run/hunter.py", timeout=60)

    with ThreadPoolExecutor(2) as pool:
        hunts = {name: pool.submit(hunt, node) for name, node in site.nodes.items()}
        wait_until(
            lambda: all(n.sh("pgrep -f hunter.py").code == 0 for n in site.nodes.values()),
            30,
            "the hunters to wait",
        )
        speaker.run("crm_resource --resource site --meta --delete-parameter target-role")
        wait_until(lambda: any(hunt.done() for hunt in hunts.values()), 60, "a start to kill")
        for node in site.nodes.values():
            node.put("/run/hunt-is-over", "")
        killed = [name for name, hunt in hunts.items() if "killed" in hunt.result()]
    assert killed
    owner = site.cluster.owner(VIP, 90)
    with site.client.ping(VIP) as pinger:
        wait_until(pinger.answers, 30, f"{VIP} to answer")
    for name in killed:
        counted = f"Setting fail-count-vip#start_0[{name}]: (unset) -> 1"
        assert counted in site[name].run("cat /var/log/pacemaker/pacemaker.log")
    site.cluster.recover()
    assert site.cluster.owners(VIP) == [owner]
