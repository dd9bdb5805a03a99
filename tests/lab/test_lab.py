"""The lab itself: nodes of both kinds behave as machines, and nothing is left of a lab."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab import cache
from tests.lab.conftest import WAIT_MINUTES, Labs
from tests.lab.lab import CHECKOUT, Lab, take_machine
from tests.lab.network import BRIDGE
from tests.lab.processes import LabError, wait_until

# Holds a lab and tells the first process of everything in it.
HOLDER = """
import json, sys, time
from tests.lab.lab import Lab
lab = Lab(json.loads(sys.argv[1]), wait_minutes=float(sys.argv[2]))
pids = [lab.anchor.pid, lab.anchor.client_pid, *(node.pid for node in lab.nodes.values())]
print(json.dumps(pids), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module", params=["namespace", "kernel"])
def pair(request: pytest.FixtureRequest, labs: Labs) -> Lab:
    """A lab with the node "it" of the kind under test and a namespace node "peer"."""
    lab, _ = labs.of({"it": request.param, "peer": "namespace"})
    return lab


def reaches(lab: Lab, source: str, target: str) -> bool:
    """Whether a ping from one node to another is answered."""
    return lab[source].sh(f"ping -c1 -W1 {target}").code == 0


def test_node_is_a_machine(pair: Lab) -> None:
    node = pair["it"]
    assert node.run("hostname").strip() == "it"
    assert node.run("cat /proc/1/comm").strip() == "systemd"
    assert node.run("systemctl list-units --failed --no-legend").strip() == ""
    listening = node.run("ss -Hltun")
    assert listening.strip() == ""  # no daemon of any package has been started
    assert node.sh("exit 3").code == 3
    assert node.sh("sleep 60", timeout=1).code == 124
    assert node.sh("touch /src/x").code != 0
    assert (CHECKOUT / "Makefile").read_text() == node.run("cat /src/Makefile")
    assert reaches(pair, "it", "peer")
    assert node.sh(f"ping -c1 -W1 {pair['peer'].address6}").code == 0
    assert "status" in node.run("fence_lab -o metadata")
    assert node.run("fence_lab -o list").split() == ["it,", "peer,"]


def test_disk_outlives_a_kill(pair: Lab) -> None:
    node = pair["it"]
    node.put("/root/a/note", "kept", 0o640)
    node.kill()
    assert not node.alive
    assert node.sh("true").code != 0
    assert not reaches(pair, "peer", "it")
    node.boot()
    node.wait_booted()
    assert node.run("cat /root/a/note; stat -c %a /root/a/note").split() == ["kept640"]
    assert reaches(pair, "peer", "it")


def test_frozen_node_does_and_answers_nothing(pair: Lab) -> None:
    node = pair["it"]
    node.run("(while sleep 0.1; do echo x; done) >/run/ticks 2>&1 & disown")
    node.freeze()
    assert node.sh("true").code == 124
    assert not reaches(pair, "peer", "it")
    time.sleep(2)
    node.thaw()
    ticks = len(node.run("cat /run/ticks").split())
    wait_until(lambda: len(node.run("cat /run/ticks").split()) > ticks, 20, "the node to go on")
    assert reaches(pair, "peer", "it")


def test_cuts(pair: Lab) -> None:
    it, peer = pair["it"], pair["peer"]

    def arrives(source: str, target: str) -> bool:
        """Whether a datagram gets there: unlike a ping it needs no way back but ARP's."""
        mac, address = pair[target].mac, pair[target].address
        pair[source].run(f"ip neigh replace {address} lladdr {mac} dev eth0 nud permanent")
        before = received(target)
        pair[source].run(f"for i in 1 2 3; do echo x >/dev/udp/{address}/4000; done; true")
        time.sleep(0.5)
        return received(target) > before

    def received(name: str) -> int:
        """How many datagrams came for a port where nobody listens."""
        text = pair[name].run("grep '^Udp:' /proc/net/snmp | tail -1")
        return int(text.split()[2])  # NoPorts

    it.cut()
    assert not arrives("it", "peer")
    assert not arrives("peer", "it")
    it.cut("all", "in")
    assert arrives("it", "peer")
    assert not arrives("peer", "it")
    it.cut("all", "out")
    assert not arrives("it", "peer")
    assert arrives("peer", "it")
    it.cut("peers")
    assert not arrives("it", "peer")
    assert not arrives("peer", "it")
    assert it.run("fence_lab -o list").split() == ["it,", "peer,"]
    assert pair.client.sh(f"ping -c1 -W1 {it.address}").code == 0
    it.heal()
    assert arrives("it", "peer")
    assert arrives("peer", "it")
    for node in (it, peer):
        node.run("ip neigh flush all nud permanent")
    assert reaches(pair, "it", "peer")


def test_power_switch_really_switches(pair: Lab) -> None:
    """The peer has the node fenced: it is dead, then up again, and the log says who asked."""
    it, peer = pair["it"], pair["peer"]
    it.put("/run/before", "")
    it.freeze()  # as a node is that needs fencing
    since = time.monotonic()
    switch_mac = pair.network.ip(f"-o link show {BRIDGE}")
    peer.run("fence_lab -o off -n it")
    assert not it.alive
    assert pair.network.ip(f"-o link show {BRIDGE}") == switch_mac
    assert peer.sh("fence_lab -o status -n it").code == 2
    peer.run("fence_lab -o reboot -n it")
    it.wait_booted()
    assert it.sh("test -e /run/before").code == 1
    assert peer.run("fence_lab -o status -n it") == ""
    assert peer.sh("fence_lab -o reboot -n nobody").code == 1
    log = [(entry.asker, entry.action, entry.node) for entry in pair.switch.fencings(since)]
    assert log == [("peer", "off", "it"), ("peer", "reboot", "it"), ("peer", "reboot", "nobody")]


def test_namespace_node_cannot_change_the_host(labs: Labs) -> None:
    lab, _ = labs.of({"it": "namespace", "peer": "namespace"})
    node = lab["it"]
    assert node.sh("echo 1 >/proc/sys/kernel/panic").code != 0
    assert node.sh("echo 1 >/proc/sys/vm/swappiness").code != 0
    trigger = "/proc/sysrq-trigger"
    if os.path.exists(trigger):
        assert node.run(f"stat -c %t:%T {trigger}").strip() == "1:3"  # the null device
    node.run("echo 1 >/proc/sys/net/ipv4/ip_forward")  # its own network is its own


def test_reboot_inside_a_node_ends_it(labs: Labs) -> None:
    lab, _ = labs.of({"it": "namespace", "peer": "namespace"})
    node = lab["it"]
    node.sh("systemctl poweroff --force --force", 20)
    wait_until(lambda: not node.alive, 20, "the node to be off")
    node.kill()
    node.boot()
    node.wait_booted()


def namespaces_of(pids: list[int]) -> set[str]:
    """Return the network, mount and pid namespaces of processes that are not the host's."""
    ours = {os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "mnt", "pid")}
    found = {
        os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids for kind in ("net", "mnt", "pid")
    }
    return found - ours


def processes_in(namespaces: set[str]) -> list[str]:
    """Return the processes of the host that are in one of the namespaces."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for kind in ("net", "mnt", "pid"):
            try:
                if os.readlink(process / "ns" / kind) in namespaces:
                    found.append(f"{process.name} {(process / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
    return found


def traces_on_the_host() -> list[str]:
    """Return mounts and interfaces of labs in the host's own namespaces."""
    run = str(cache.folder() / "run" / "state")
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if run in line]
    links = [name for name in os.listdir("/sys/class/net") if name in ("it", "peer", "bridge")]
    return mounts + links


def cgroups() -> list[Path]:
    """Return the cgroup folders of labs."""
    tops = (
        Path(line.split()[1])
        for line in Path("/proc/mounts").read_text().splitlines()
        if line.split()[2] == "cgroup2"
    )
    return [top / "moodle-ha-lab" for top in tops if (top / "moodle-ha-lab").exists()]


def test_nothing_is_left_of_a_lab(labs: Labs) -> None:
    lab, _ = labs.of({"it": "namespace", "peer": "namespace"})
    pids = [lab.anchor.pid, lab.anchor.client_pid, lab["it"].pid, lab["peer"].pid]
    namespaces = namespaces_of(pids)
    assert len(namespaces) >= 7
    assert traces_on_the_host() == []
    labs.close()
    wait_until(lambda: not processes_in(namespaces), 5, "the lab's processes to be reaped")
    assert traces_on_the_host() == []
    assert cgroups() == []


def test_nothing_is_left_of_a_killed_lab(labs: Labs) -> None:
    """After kill -9 of the lab's process only empty cgroup folders remain, until the next lab."""
    labs.close()
    nodes = json.dumps({"it": "namespace", "peer": "kernel"})
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, nodes, str(WAIT_MINUTES)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    with holder.stdout as out:
        pids = json.loads(out.readline())
    namespaces = namespaces_of(pids)
    assert processes_in(namespaces)
    with pytest.raises(LabError, match=f"running on this machine already: process {holder.pid}"):
        take_machine()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    wait_until(lambda: not processes_in(namespaces), 10, "the killed lab's processes to be gone")
    assert traces_on_the_host() == []
    for top in cgroups():
        populated = [path for path in top.rglob("cgroup.procs") if path.read_text().strip()]
        assert populated == []
    labs.of({"it": "namespace"})
    labs.close()
    assert cgroups() == []


def test_command_line(labs: Labs) -> None:
    def lab(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "tests.lab", *words]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    labs.close()
    assert lab("status") == (1, "lab: no lab is up; start one with: python3 -m tests.lab up\n")
    code, out = lab("up", "--no-cluster", "--wait", str(WAIT_MINUTES), "it", "peer=namespace")
    assert code == 0, out
    try:
        assert lab("sh", "it", "hostname") == (0, "it\n")
        assert lab("sh", "peer", "printf", "%s-", "a b", "c") == (0, "a b-c-")
        assert lab("sh", "it", "exit 7") == (7, "")
        assert lab("sh", "client", "ping -c1 -W1 192.0.2.11")[0] == 0
        assert lab("cut", "it", "--scope", "peers", "--direction", "in") == (0, "")
        assert "cut from peers (in)" in lab("status")[1]
        assert lab("heal", "it") == (0, "")
        assert lab("kill", "peer") == (0, "")
        assert lab("boot", "peer") == (0, "")
        assert lab("sh", "it", "ping -c1 -W2 peer")[0] == 0
        assert lab("boot", "peer") == (1, "peer is running already\n")
        assert lab("freeze", "stranger") == (1, "there is no node stranger: it, peer\n")
    finally:
        assert lab("down") == (0, "")
    assert cgroups() == []


@pytest.mark.parametrize("name", ["", "client", "bridge", "UPPER", "much-too-long-name", "a;b"])
def test_bad_node_names_are_refused(labs: Labs, name: str) -> None:
    with pytest.raises(LabError, match="cannot be the name of a node"):
        Lab({name: "namespace"})
