"""The lab as a whole.

with Lab({"lb1": "namespace", "lb2": "kernel"}) as lab:
    lab.cluster.form()
    lab["lb1"].kill()
"""

from __future__ import annotations

import compileall
import os
import re
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Literal

from tests.lab import cache, network
from tests.lab.anchor import Anchor
from tests.lab.client import Client
from tests.lab.cluster import Cluster
from tests.lab.image import Image
from tests.lab.kernel_node import KernelNode
from tests.lab.namespace_node import NamespaceNode
from tests.lab.network import Network
from tests.lab.node import Node, Surroundings
from tests.lab.power import PowerSwitch
from tests.lab.processes import LabError, Spawner, require_root

Kind = Literal["namespace", "kernel"]
KINDS: dict[str, type[Node]] = {"namespace": NamespaceNode, "kernel": KernelNode}
CHECKOUT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")  # also the name of a port, 15 characters at most
_RESERVED = {network.BRIDGE, network.CLIENT_PORT, "lo"}
# Outside the cache folder: there is one lab per machine, whatever caches there are.
_LOCK = Path("/run/moodle-ha-lab.lock")


def take_machine(minutes: float = 0.0, say: Callable[[str], None] = print) -> cache.Lock:
    """Take the machine for one lab; wait up to `minutes` for the one that has it.

    Raises LabError naming the holder.
    """
    lock = cache.Lock(_LOCK)
    deadline = time.monotonic() + 60 * minutes
    told = False
    while not lock.try_exclusive():
        holder = lock.read().strip() or "another process"
        if time.monotonic() >= deadline:
            lock.release()
            raise LabError(f"a lab is running on this machine already: {holder}")
        if not told:
            say(f"waiting up to {minutes:g} min for the lab that is running: {holder}")
            told = True
        time.sleep(0.5)
    since = time.strftime("%H:%M:%S")
    lock.write(f"process {os.getpid()} since {since} ({' '.join(sys.argv)[:120]})\n")
    return lock


class Lab:
    """Nodes, network, power switch, client and cluster; ends with its process at the latest."""

    def __init__(
        self,
        nodes: Mapping[str, Kind],
        *,
        wait_minutes: float = 0.0,
        source: Path = CHECKOUT,
    ) -> None:
        """Start the lab and boot its nodes; `source` is the folder seen at /src inside.

        Raises LabError, also when another lab runs and does not end in `wait_minutes`.
        """
        for name in nodes:
            if not _NAME.fullmatch(name) or name in _RESERVED:
                raise LabError(f"{name!r} cannot be the name of a node")
        require_root()
        self._lock = take_machine(wait_minutes)
        self._closers: list[Callable[[], None]] = [self._lock.release]
        try:
            self._build(nodes, source)
            self._boot_all()
        except BaseException:
            self.close()
            raise

    def _build(self, nodes: Mapping[str, Kind], source: Path) -> None:
        self.image = Image.ensure()
        # /src is read-only inside: without compiled files beside it, each call of an agent
        # would compile the library again, which no installed agent does.
        if (source / "lib").is_dir():
            compileall.compile_dir(str(source / "lib"), quiet=2)
        spawner = Spawner()
        self._closers.append(spawner.close)
        self.anchor = Anchor(spawner, self.image)
        self._closers.append(self.anchor.close)
        self.network = Network(self.anchor, list(nodes))
        numbers = {name: network.FIRST_NODE + i for i, name in enumerate(nodes)}
        hosts = {name: network.IPV4.format(number) for name, number in numbers.items()}
        around = Surroundings(self.image, self.anchor, self.network, spawner, hosts, source)
        self.nodes: dict[str, Node] = {
            name: KINDS[kind](name, numbers[name], around) for name, kind in nodes.items()
        }
        self._closers.extend(node.kill for node in self.nodes.values())
        self.switch = PowerSwitch(self.nodes, self.anchor)
        self._closers.append(self.switch.close)
        self.client = Client(self.anchor)
        self.cluster = Cluster(self.nodes)

    def _boot_all(self) -> None:
        def up(node: Node) -> None:
            node.boot()
            node.wait_booted()

        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(up, self.nodes.values()))

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything; may be called twice."""
        while self._closers:
            self._closers.pop()()

    def other(self, name: str) -> Node:
        """Return the other node of a lab of two."""
        (other,) = (node for known, node in self.nodes.items() if known != name)
        return other

    def node_of_mac(self, mac: str) -> str:
        """Return the name of the node whose network card has this address, or the address."""
        return next((node.name for node in self.nodes.values() if node.mac == mac), mac)

    def use_checkout(self) -> None:
        """Make the agents of the folder seen at /src those of ocf:moodle on all nodes."""
        for node in self.nodes.values():
            node.run("ln -sfn /src/ocf /usr/lib/ocf/resource.d/moodle && sync")

    def install_deb(self, package: Path) -> None:
        """Install a Debian package on all nodes with dpkg: its dependencies must be there."""
        content = package.read_bytes()

        def install(node: Node) -> None:
            node.put("/root/package.deb", content)
            node.run("dpkg -i /root/package.deb 2>&1 && sync", 180)

        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(install, self.nodes.values()))

    def collect(self, folder: Path) -> None:
        """Write the logs of all nodes and of the power switch into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        entries = (f"{e.time:.3f} {e.asker}: {e.action} {e.node}\n" for e in self.switch.log)
        (folder / "power-switch.log").write_text("".join(entries))
        (folder / "cluster.txt").write_text(self.cluster.describe())
        commands = {
            "journal.log": "journalctl -o short-monotonic --no-pager",
            "pacemaker.log": "cat /var/log/pacemaker/pacemaker.log",
            "cib.xml": "cibadmin --query",
        }
        for node in self.nodes.values():
            (folder / f"{node.name}-console.log").write_text(node.console())
            for name, command in commands.items():
                (folder / f"{node.name}-{name}").write_text(node.sh(command, 60).out)
