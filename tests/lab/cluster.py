"""The Pacemaker cluster on the lab's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from xml.etree import ElementTree

from tests.lab.node import Node
from tests.lab.processes import LabError, wait_until

TOKEN = 1500  # ms that corosync waits for a node before it calls it lost
_COROSYNC = """\
totem {{
  version: 2
  cluster_name: lab
  transport: udpu
  token: {token}
  token_coefficient: 0
  crypto_cipher: none
  crypto_hash: none
}}
nodelist {{
{nodes}}}
quorum {{
  provider: corosync_votequorum
{two_node}}}
logging {{
  to_syslog: yes
  to_logfile: no
  timestamp: hires
}}
"""
# Without dc-deadtime the first election of a cluster waits 20 s for nodes that may come.
_PROPERTIES = {
    "dc-deadtime": "2s",
    "stonith-enabled": "true",
    "no-quorum-policy": "stop",
    "start-failure-is-fatal": "false",
}
# In an even split the side that runs nothing waits this long before it shoots: longer than
# the two sides may differ in noticing the split, or both would be shot.
PRIORITY_FENCING_DELAY = "3s"
_FENCING = (
    '<primitive id="fence" class="stonith" type="fence_lab">'
    '<meta_attributes id="fence-meta"><nvpair id="fence-priority" name="priority" value="0"/>'
    "</meta_attributes><operations>"
    '<op id="fence-monitor" name="monitor" interval="60s" timeout="60s"/>'
    "</operations></primitive>"
)


@dataclass(frozen=True)
class View:
    """What one node says about the cluster."""

    online: frozenset[str]
    quorum: bool
    dc: str
    resources: dict[str, list[str]]  # where each resource is active
    failures: int  # how many failed actions are remembered


def corosync_conf(nodes: Mapping[str, Node], token: int = TOKEN) -> str:
    """Return corosync.conf for the nodes; two nodes get two_node and wait_for_all."""
    listed = "".join(
        f"  node {{\n    ring0_addr: {node.address}\n    name: {name}\n"
        f"    nodeid: {node.number}\n  }}\n"
        for name, node in nodes.items()
    )
    two_node = "  two_node: 1\n  wait_for_all: 1\n" if len(nodes) == 2 else ""
    return _COROSYNC.format(token=token, nodes=listed, two_node=two_node)


def first_cib(two_nodes: bool) -> str:
    """Return the configuration with which a new cluster starts: fencing, and no resources."""
    properties = dict(_PROPERTIES)
    if two_nodes:
        properties["priority-fencing-delay"] = PRIORITY_FENCING_DELAY
    pairs = "".join(
        f'<nvpair id="cib-bootstrap-options-{name}" name="{name}" value="{value}"/>'
        for name, value in properties.items()
    )
    # What counts for the priority of a node in fencing: all that it runs but the fence device.
    defaults = '<nvpair id="rsc-options-priority" name="priority" value="10"/>'
    return (
        '<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="pacemaker-3.7">'
        "<configuration><crm_config>"
        f'<cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set>'
        f"</crm_config><nodes/><resources>{_FENCING}</resources><constraints/>"
        f'<rsc_defaults><meta_attributes id="rsc-options">{defaults}</meta_attributes>'
        "</rsc_defaults></configuration><status/></cib>"
    )


class Cluster:
    """Corosync and Pacemaker on all nodes of a lab, with its power switch for fencing."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes

    def form(self, timeout: float = 120) -> None:
        """Configure and start the cluster on all nodes and wait until all are online.

        Its daemons are enabled, so a node that boots again joins again.
        """
        self.prepare()
        self._each("systemctl start corosync pacemaker", 120)
        self.wait_online(timeout=timeout)

    def prepare(self) -> None:
        """Write the configuration and enable the daemons on all nodes, without starting them."""
        conf = corosync_conf(self._nodes)
        cib = first_cib(two_nodes=len(self._nodes) == 2)

        def one(node: Node) -> None:
            node.put("/etc/corosync/corosync.conf", conf)
            node.put("/var/lib/pacemaker/cib/cib.xml", cib, 0o600)
            node.run(
                "rm -f /var/lib/pacemaker/cib/cib.xml.sig"
                " && chown hacluster:haclient /var/lib/pacemaker/cib/cib.xml"
                # What `systemctl enable` does, without its reloads: 10 s on a kernel node.
                " && mkdir -p /etc/systemd/system/multi-user.target.wants"
                " && ln -sf -t /etc/systemd/system/multi-user.target.wants"
                " /lib/systemd/system/corosync.service /lib/systemd/system/pacemaker.service"
                " && sync"
            )

        with ThreadPoolExecutor(len(self._nodes)) as pool:
            list(pool.map(one, self._nodes.values()))

    def configure(self, text: str, timeout: float = 60) -> None:
        """Add `crm configure` statements; every element needs an id of its own."""
        node = self._speaker()
        node.put("/run/lab-configure.crm", text)
        node.run("crm -F configure load update /run/lab-configure.crm", timeout)

    def remove(self, *resources: str, timeout: float = 60) -> None:
        """Stop and delete resources."""
        speaker = self._speaker()
        names = " ".join(resources)
        speaker.run(f"crm --wait resource stop {names} 2>&1", timeout)
        speaker.run(f"crm -F configure delete {names} 2>&1", timeout)

    def view(self, node: Node | None = None) -> View | None:
        """Return what `node` (default: any that answers) sees, None when its cluster is down."""
        asked = [node] if node else self._running()
        for one in asked:
            result = one.sh("crm_mon -1 --output-as=xml 2>/dev/null", 20)
            if result.code == 0:
                return _parse(result.out)
        return None

    def wait_online(self, *names: str, timeout: float = 60, seen_by: Node | None = None) -> None:
        """Wait until these nodes (default: all) are online, with quorum and a DC."""
        wanted = set(names or self._nodes)

        def ready() -> bool:
            view = self.view(seen_by)
            return bool(view and view.online >= wanted and view.quorum and view.dc)

        what = f"{', '.join(sorted(wanted))} to be online in the cluster"
        wait_until(ready, timeout, what, every=0.2, describe=self.describe)

    def wait_settled(self, timeout: float = 60) -> None:
        """Wait until the cluster has nothing left to do."""
        self._speaker().run(f"crm_resource --wait --timeout={timeout:g}s", timeout + 10)

    def owners(self, address: str) -> list[str]:
        """Return the nodes that have an address, asked inside those that run."""
        command = f"ip -o address show to {address}"
        return [node.name for node in self._running() if node.sh(command, 20).out.strip()]

    def owner(self, address: str, timeout: float = 60, other_than: str = "") -> str:
        """Wait until exactly one node, not `other_than`, has the address, and return its name."""

        def find() -> str:
            owners = self.owners(address)
            return owners[0] if len(owners) == 1 and owners[0] != other_than else ""

        what = f"one owner of {address}" + (f" other than {other_than}" if other_than else "")
        return str(wait_until(find, timeout, what, describe=self.describe))

    def recover(self, timeout: float = 120) -> None:
        """Bring every node back: cables in, thawed, booted, online, failures forgotten."""
        for node in self._nodes.values():
            node.heal()
            node.thaw()
            if not node.alive:
                node.boot()
        self.wait_online(timeout=timeout)
        speaker = self._speaker()
        speaker.sh("stonith_admin --cleanup --history='*'", 30)
        view = self.view(speaker)
        if view and view.failures:
            speaker.run("crm_resource --cleanup 2>&1")
        self.wait_settled(timeout)

    def describe(self) -> str:
        """Return what every node says about the cluster, for failure messages."""
        parts = []
        for node in self._nodes.values():
            power = "off" if not node.alive else "frozen" if node.frozen else "on"
            units = "systemctl --no-pager --lines=5 status corosync pacemaker"
            command = f"crm_mon -1rfn 2>&1 || {units}"
            said = node.sh(command, 30).out if power == "on" else ""
            parts.append(f"--- {node.name}: power {power}\n{said}")
        return "\n".join(parts)

    def _running(self) -> list[Node]:
        return [node for node in self._nodes.values() if node.alive and not node.frozen]

    def _speaker(self) -> Node:
        """Return a node whose cluster is up."""
        for node in self._running():
            if self.view(node):
                return node
        raise LabError("no node of the cluster answers\n" + self.describe())

    def _each(self, command: str, timeout: float) -> None:
        with ThreadPoolExecutor(len(self._nodes)) as pool:
            list(pool.map(lambda node: node.run(command, timeout), self._nodes.values()))


def _parse(text: str) -> View | None:
    """Read crm_mon's XML; None when there is no cluster behind it."""
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    dc = tree.find("summary/current_dc")
    if dc is None:
        return None
    online = frozenset(
        node.get("name", "")
        for node in tree.iterfind("nodes/node")
        if node.get("online") == "true" and node.get("pending") == "false"
    )
    resources = {
        resource.get("id", ""): [node.get("name", "") for node in resource.iterfind("node")]
        for resource in tree.iterfind("resources//resource")
    }
    failures = len(tree.findall("failures/failure"))
    return View(online, dc.get("with_quorum") == "true", dc.get("name", ""), resources, failures)
