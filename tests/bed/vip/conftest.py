"""Two machines on one bridge: the node that runs the agent, and its neighbour."""

from __future__ import annotations

import pytest

from tests.bed.agent import Agent
from tests.bed.bed import Bed
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, IP6


@pytest.fixture
def node(bed: Bed) -> Machine:
    """The machine that the agent runs on."""
    return bed.machine("node", "192.0.2.1/24", "2001:db8::1/64")


@pytest.fixture
def peer(bed: Bed, node: Machine) -> Machine:
    """A neighbour of the node."""
    return bed.machine("peer", "192.0.2.2/24", "2001:db8::2/64")


@pytest.fixture
def vip(node: Machine) -> Agent:
    """An IPv4 address on the node; announced once, so that nothing goes on in the background."""
    return node.agent("vip", ip=IP, nic="eth0", announce_count="1")


@pytest.fixture
def vip6(node: Machine) -> Agent:
    """An IPv6 address on the node."""
    return node.agent("vip", ip=IP6, nic="eth0", announce_count="1")
