"""A bed leaves the host as it was: while it runs, afterwards, and after `kill -9`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.bed.bed import CHECKOUT, Bed
from tests.lab.processes import wait_until

LISTENING = "0A"
KINDS = ("mnt", "net", "pid", "uts", "ipc")
SERVER = ["python3", "-m", "http.server", "80"]
HOLD_A_BED = """
import time
from tests.bed.bed import Bed
with Bed() as bed:
    for name in ("one", "two"):
        machine = bed.machine(name, "192.0.2.1/24")
        machine.spawn(["python3", "-m", "http.server", "80"])
        print(machine.pid, flush=True)
    time.sleep(600)
"""


def listening_sockets() -> set[tuple[str, str]]:
    """(protocol, address) of what the host listens on or has bound."""
    found = set()
    for protocol in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
            fields = line.split()
            if not protocol.startswith("tcp") or fields[3] == LISTENING:
                found.add((protocol, fields[1]))
    return found


def enabled_units() -> set[tuple[str, str]]:
    """The links and files by which units are enabled or changed."""
    paths = Path("/etc/systemd").rglob("*")
    return {(str(path), os.readlink(path) if path.is_symlink() else "") for path in paths}


def daemons() -> set[tuple[str, str]]:
    """(pid, program) of what runs from the host's folders of daemons."""
    found = set()
    for process, mounts in namespaces("mnt"):
        if mounts == os.readlink("/proc/self/ns/mnt"):
            try:
                program = os.readlink(f"/proc/{process}/exe")
            except OSError:
                continue
            if program.startswith(("/usr/sbin/", "/usr/lib/", "/usr/libexec/")):
                found.add((process, program))
    return found


def mounts() -> set[str]:
    """What is mounted where."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[4] + " " + line.partition(" - ")[2] for line in lines}


def links() -> set[str]:
    """The network interfaces, and the namespaces that have names."""
    named = Path("/run/netns")
    return {*os.listdir("/sys/class/net"), *(os.listdir(named) if named.exists() else ())}


def state_of_host() -> dict[str, set[object]]:
    """All that a bed must not change."""
    aspects = (listening_sockets, enabled_units, daemons, mounts, links)
    return {aspect.__name__: set(aspect()) for aspect in aspects}


def namespaces(kind: str) -> set[tuple[str, str]]:
    """(pid, namespace) of every process."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found.add((folder.name, os.readlink(folder / "ns" / kind)))
            except OSError:
                continue
    return found


def namespaces_of(pid: int) -> set[str]:
    """The namespaces of a machine that are not the host's."""
    found = {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}
    assert not found & {os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}
    return found


def processes_in(wanted: set[str]) -> set[str]:
    """The pids of the processes that are in any of some namespaces."""
    return {pid for kind in KINDS for pid, namespace in namespaces(kind) if namespace in wanted}


def new_since(before: dict[str, set[object]]) -> dict[str, set[object]]:
    """What is there now and was not before."""
    now = state_of_host()
    return {aspect: now[aspect] - known for aspect, known in before.items() if now[aspect] - known}


def test_host_is_the_same_while_a_bed_runs_and_afterwards() -> None:
    before = state_of_host()
    with Bed() as bed:
        server = bed.machine("server", "192.0.2.1/24")
        client = bed.machine("client", "192.0.2.2/24")
        running = server.spawn(SERVER)
        vip = server.agent("vip", ip="192.0.2.10", nic="eth0")
        assert vip("start").code == 0
        reached = ["curl", "-sf", "--retry", "9", "--retry-connrefused", "http://192.0.2.10/"]
        assert client.run(reached).code == 0
        inside = namespaces_of(server.pid) | namespaces_of(client.pid)
        assert len(processes_in(inside)) >= 4
        assert running.alive
        assert new_since(before) == {}
    assert processes_in(inside) == set()
    assert new_since(before) == {}
    after = state_of_host()
    assert before["enabled_units"] <= after["enabled_units"]
    assert before["mounts"] <= after["mounts"]


def test_checkout_is_writable_in_a_machine_without_effect(bed: Bed) -> None:
    machine = bed.machine("machine")
    machine.sh("echo x >/src/ocf/surprise; rm /src/LICENSE; mkdir /src/lib/moodle_ha/surprise")
    assert not (CHECKOUT / "ocf/surprise").exists()
    assert not (CHECKOUT / "lib/moodle_ha/surprise").exists()
    assert (CHECKOUT / "LICENSE").exists()


def test_nothing_is_left_of_a_bed_whose_holder_is_killed() -> None:
    before = state_of_host()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_BED], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout as said:
        machines = [int(said.readline()) for _ in range(2)]
    inside = set().union(*map(namespaces_of, machines))
    assert len(processes_in(inside)) >= 4
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    wait_until(lambda: not processes_in(inside), 20, "the bed's processes to end")
    assert new_since(before) == {}
