"""ocf:moodle:vip beside ocf:heartbeat:IPaddr2, in one machine, in turn."""

from __future__ import annotations

import json

import pytest

from tests.bed.bed import Bed
from tests.bed.machine import Machine
from tests.bed.wire import gratuitous
from tests.bench.conftest import Collected
from tests.bench.figures import Figure, compare, hold_to_budget

ROUNDS = 31
OURS, THEIRS = "192.0.2.10", "192.0.2.20"
BUDGETS = {"monitor": 0.35, "start": 0.3, "stop": 0.3, "first announcement": 0.35}


def _commands(machine: Machine) -> list[dict[str, object]]:
    # The start is compared without the duplicate probe's waiting, which IPaddr2 does not do.
    vip = machine.agent("vip", ip=OURS, nic="eth0", duplicate="ignore")
    common = {key: value for key, value in vip.environment("monitor").items() if "_ip" not in key}
    stock = {
        **{key: value for key, value in common.items() if not key.endswith(("_nic", "_duplicate"))},
        "OCF_RESOURCE_TYPE": "IPaddr2",
        "OCF_RESOURCE_PROVIDER": "heartbeat",
        "OCF_RESOURCE_INSTANCE": "stock",
        "OCF_RESKEY_ip": THEIRS,
        "OCF_RESKEY_cidr_netmask": "32",
        "OCF_RESKEY_nic": "eth0",
    }
    agents = (
        ("vip", vip.command("")[0], vip.environment),
        ("IPaddr2", "/usr/lib/ocf/resource.d/heartbeat/IPaddr2", lambda _: stock),
    )
    return [
        {
            "name": f"{name} {action}",
            "argv": [path, action],
            "env": environment(action),
            "expect": 0,
        }
        for action in ("start", "monitor", "stop")
        for name, path, environment in agents
    ] + [
        {
            "name": "interpreter",
            "argv": ["/usr/bin/python3", "-IS", "-c", "pass"],
            "env": common,
            "expect": 0,
        }
    ]


@pytest.fixture(scope="module")
def figures(collected: Collected) -> dict[str, Figure]:
    """All comparisons, measured once."""
    with Bed() as bed:
        node = bed.machine("node", "192.0.2.1/24")
        peer = bed.machine("peer", "192.0.2.2/24")
        node.sh("mkdir -p /run/resource-agents")
        job = {"rounds": 1, "pause": 0.05, "commands": _commands(node)}
        driver = ["/usr/bin/python3", "-IS", "/src/tests/bench/stopwatch.py"]
        node.run(driver, stdin=json.dumps(job))  # warm: byte code, page cache
        with peer.sniff() as sniffer:
            done = node.run(driver, stdin=json.dumps({**job, "rounds": ROUNDS}), timeout=300)
            assert done.code == 0, done.err
        times = json.loads(done.out)
        heard = {ip: [f.time for f in sniffer.matching(gratuitous(ip))] for ip in (OURS, THEIRS)}

    def series(name: str, key: str) -> list[float]:
        return [time[key] for time in times if time["name"] == name]

    def first_heard(name: str, ip: str) -> list[float]:
        return [
            (min(moment for moment in heard[ip] if moment > began) - began) * 1000
            for began in series(f"{name} start", "began")
        ]

    measured = {
        action: compare(
            f"vip {action}",
            "IPaddr2",
            "ms",
            series(f"vip {action}", "wall"),
            series(f"IPaddr2 {action}", "wall"),
            BUDGETS[action],
        )
        for action in ("monitor", "start", "stop")
    }
    measured["first announcement"] = compare(
        "vip first announcement",
        "IPaddr2",
        "ms",
        first_heard("vip", OURS),
        first_heard("IPaddr2", THEIRS),
        BUDGETS["first announcement"],
    )
    measured["interpreter"] = compare(
        "python3 -IS -c pass",
        "IPaddr2 monitor",
        "ms",
        series("interpreter", "wall"),
        series("IPaddr2 monitor", "wall"),
        1.0,
    )
    collected.figures += measured.values()
    return measured


@pytest.mark.parametrize("what", BUDGETS)
def test_vip_keeps_its_budget(figures: dict[str, Figure], what: str) -> None:
    hold_to_budget(figures[what], f"starting the interpreter alone is {floor(figures):.2f}")


def floor(figures: dict[str, Figure]) -> float:
    """The part of IPaddr2's monitor that `python3 -IS -c pass` takes: no agent can go below."""
    return figures["interpreter"].ratio
