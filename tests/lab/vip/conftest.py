"""A cluster of two nodes with a virtual IPv4 and IPv6 address, healthy before every test."""

from __future__ import annotations

from typing import Callable

import pytest

from tests.lab import network
from tests.lab.conftest import Labs
from tests.lab.failover import vip_resources
from tests.lab.lab import Kind, Lab
from tests.lab.processes import wait_until

VIP = network.IPV4.format(100)
VIP6 = network.IPV6.format(100)

SiteOf = Callable[[Kind], Lab]


@pytest.fixture
def site_of(labs: Labs) -> SiteOf:
    """A function that returns a healthy cluster of two nodes with the addresses up.

    The first is a namespace node, the second of the kind that is given.
    """

    def site(kind: Kind) -> Lab:
        lab, new = labs.of({"lb1": "namespace", "lb2": kind})
        if new:
            lab.use_checkout()
            lab.cluster.form(timeout=180)
            lab.cluster.configure(vip_resources("ocf:moodle:vip", VIP, VIP6), timeout=120)
        lab.switch.delay = 0.0
        lab.cluster.recover()
        owner = lab.cluster.owner(VIP)
        wait_until(lambda: lab.cluster.owners(VIP6) == [owner], 60, f"{VIP6} to be on {owner}")
        return lab

    return site


@pytest.fixture
def site(site_of: SiteOf) -> Lab:
    """The cluster on namespace nodes."""
    return site_of("namespace")
