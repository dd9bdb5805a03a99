"""The lab's network: one bridge with the power switch, the client and a port for each node.

Addresses are documentation addresses and exist inside the lab's namespaces only:
power switch .1, nodes from .11, virtual addresses from .100, client .200.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from tests.lab.anchor import Anchor
from tests.lab.processes import LabError, run

IPV4 = "192.0.2.{}"
IPV6 = "2001:db8:77::{}"
MAC = "02:77:00:00:00:{:02x}"
PREFIX_V4 = 24
PREFIX_V6 = 64
SWITCH = 1
FIRST_NODE = 11
CLIENT = 200
BRIDGE = "bridge"
CLIENT_PORT = "client"

Scope = Literal["all", "peers"]
Direction = Literal["both", "in", "out"]


@dataclass(frozen=True)
class Cut:
    """What a node is cut off from, and in which direction, seen from the node."""

    scope: Scope
    direction: Direction


def addresses(number: int) -> list[str]:
    """Return the IPv4 and IPv6 address with prefix length of host `number`."""
    return [f"{IPV4.format(number)}/{PREFIX_V4}", f"{IPV6.format(number)}/{PREFIX_V6}"]


class Network:
    """Bridge, ports and cuts. Methods may be called from several threads."""

    def __init__(self, anchor: Anchor, nodes: list[str]) -> None:
        self._anchor = anchor
        self._nodes = nodes
        self._cuts: dict[str, Cut] = {}
        self._silent: set[str] = set()
        self._taps: set[str] = set()
        self._lock = threading.RLock()
        self._build()

    def _build(self) -> None:
        # With an address of its own: a bridge has else the lowest of its ports', which changes
        # when a node dies, and the power switch is gone for its neighbours for seconds.
        mac = f"address {MAC.format(SWITCH)}"
        self.ip(f"link add {BRIDGE} {mac} type bridge forward_delay 0 mcast_snooping 0")
        for address in addresses(SWITCH):
            self.ip(f"address add {address} dev {BRIDGE} nodad")
        self.ip(f"link set {BRIDGE} up")
        client = self._anchor.client_pid
        self.ip(f"link add {CLIENT_PORT} type veth peer name eth0 netns {client}")
        self.ip(f"link set {CLIENT_PORT} master {BRIDGE} up")
        for address in addresses(CLIENT):
            self.ip(f"address add {address} dev eth0 nodad", client)
        self.ip("link set eth0 up", client)

    def ip(self, arguments: str, pid: int | None = None) -> str:
        """Run `ip` in the network of the bridge, or in that of process `pid`."""
        return run(["nsenter", "-t", str(pid or self._anchor.pid), "-n", "ip", *arguments.split()])

    def plug_in(self, node: str, pid: int, mac: str) -> None:
        """Give the process `pid` an interface eth0 with a cable to the bridge."""
        self.unplug(node)
        self.ip(f"link add {node} type veth peer name eth0 address {mac} netns {pid}")
        self.ip(f"link set {node} master {BRIDGE}")
        self.power_port(node)

    def add_tap(self, node: str) -> None:
        """Make sure that there is a tap for a kernel node."""
        with self._lock:
            self._taps.add(node)
            if not self._has_port(node):
                self.ip(f"tuntap add dev {node} mode tap")
                self.ip(f"link set {node} master {BRIDGE}")
            self.power_port(node)

    def power_port(self, node: str, on: bool = True) -> None:
        """Switch a node's port on (unless its cable is cut) or off."""
        with self._lock:
            up = on and not self._is_unplugged(node)
            try:
                self.ip(f"link set {node} {'up' if up else 'down'}")
            except LabError:
                if self._has_port(node):
                    raise

    def unplug(self, node: str) -> None:
        """Remove a node's port, which also goes by itself a moment after the node died."""
        with self._lock:
            try:
                self.ip(f"link delete {node}")
            except LabError:
                if self._has_port(node):
                    raise

    def cut(self, node: str, cut: Cut) -> None:
        """Cut a node off; an earlier cut of it is replaced."""
        with self._lock:
            self._cuts[node] = cut
            self.power_port(node)
            self._filter()

    def cut_of(self, node: str) -> Cut | None:
        """Return the present cut of a node."""
        return self._cuts.get(node)

    def heal(self, node: str) -> None:
        """End the cut of a node."""
        with self._lock:
            self._cuts.pop(node, None)
            self.power_port(node)
            self._filter()

    def silence(self, node: str, silent: bool) -> None:
        """Drop all frames of a node and leave its carrier: a frozen machine answers nothing."""
        with self._lock:
            (self._silent.add if silent else self._silent.discard)(node)
            self._filter()

    def _is_unplugged(self, node: str) -> bool:
        """Whether the node's cable is out, so that it has no carrier.

        A kernel node has no carrier to lose, and its network driver does not come back from
        a tap that is down: a filter drops its frames instead.
        """
        return self._cuts.get(node) == Cut("all", "both") and node not in self._taps

    def _has_port(self, node: str) -> bool:
        try:
            self.ip(f"link show dev {node}")
        except LabError:
            return False
        return True

    def _filter(self) -> None:
        """Load the rules that make the present cuts."""
        chains: dict[str, list[str]] = {"prerouting": [], "forward": [], "postrouting": []}
        cuts = [(node, cut) for node, cut in self._cuts.items()]
        cuts += [(node, Cut("all", "both")) for node in self._silent]
        for node, cut in cuts:
            peers = "{" + ",".join(f'"{peer}"' for peer in self._nodes if peer != node) + "}"
            if cut.scope == "all":
                if cut.direction in ("both", "out"):
                    chains["prerouting"].append(f'iifname "{node}" drop')
                if cut.direction in ("both", "in"):
                    chains["postrouting"].append(f'oifname "{node}" drop')
            else:
                if cut.direction in ("both", "out"):
                    chains["forward"].append(f'iifname "{node}" oifname {peers} drop')
                if cut.direction in ("both", "in"):
                    chains["forward"].append(f'oifname "{node}" iifname {peers} drop')
        rules = "add table bridge cut\ndelete table bridge cut\ntable bridge cut {\n"
        for hook, lines in chains.items():
            body = "".join(f"    {line}\n" for line in lines)
            rules += f"  chain {hook} {{\n    type filter hook {hook} priority 0;\n{body}  }}\n"
        run(["nsenter", "-t", str(self._anchor.pid), "-n", "nft", "-f", "-"], rules + "}\n")
