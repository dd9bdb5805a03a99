"""Neighbours that are this very machine: MAC addresses that a bond or a VLAN hides or adds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bed.wire import Responder
from tests.lab import network
from tests.lab.conftest import Labs
from tests.lab.lab import Lab
from tests.lab.node import Node, Result
from tests.lab.processes import packet_socket_of

VIP = network.IPV4.format(100)
BOND_MAC, VLAN_MAC, STRANGER = "02:00:5e:00:53:0b", "02:00:5e:00:53:05", "02:00:5e:00:53:99"


@pytest.fixture(scope="module")
def lab(labs: Labs) -> Iterator[Lab]:
    """A node whose network card is the slave of a bond that has another MAC, with a VLAN on it.

    Takes a kernel of its own: the host's may have neither bonds nor VLANs.
    """
    lab, _ = labs.of({"it": "kernel", "peer": "namespace"})
    lab.use_checkout()
    node = lab["it"]
    node.run(
        "modprobe bonding && modprobe 8021q"
        f" && ip link add bond0 address {BOND_MAC} type bond mode active-backup"
        " && ip address flush dev eth0 && ip link set eth0 down && ip link set eth0 master bond0"
        " && ip link set bond0 up"
        f" && ip link add link bond0 name bond0.5 address {VLAN_MAC} type vlan id 5"
        f" && ip address add {node.address}/24 dev bond0"
    )
    yield lab
    labs.close()  # No other test wants such a network card.


def start(node: Node) -> Result:
    """Start the address on the node by hand."""
    given = f"OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=own OCF_RESKEY_ip={VIP}"
    result = node.sh(f"{given} /src/ocf/vip start")
    node.run(f"{given} /src/ocf/vip stop")
    return result


@pytest.mark.parametrize("whose", ["slave", "VLAN", "stranger"])
def test_only_a_stranger_is_another_owner(lab: Lab, whose: str) -> None:
    node = lab["it"]
    mac = {"slave": node.mac, "VLAN": VLAN_MAC, "stranger": STRANGER}[whose]
    shown = node.run("ip -details link show eth0")
    assert f"link/ether {BOND_MAC}" in shown
    assert f"permaddr {node.mac}" in shown  # hidden by the bond
    with Responder(packet_socket_of(lab["peer"].pid, "eth0"), VIP, mac) as responder:
        started = start(node)
    assert responder.answered > 0
    if whose == "stranger":
        assert started.code == 1
        assert STRANGER in started.out
    else:
        assert (started.code, started.out) == (0, "")
