"""A failover from a node with a kernel of its own, which loses its power as a machine does."""

from __future__ import annotations

from tests.lab.vip.conftest import VIP, SiteOf
from tests.lab.vip.test_failover import assert_failover


def test_failover_of_kernel_node(site_of: SiteOf) -> None:
    lab = site_of("kernel")
    if lab.cluster.owner(VIP) != "lb2":
        lab["lb1"].run("crm_resource --resource site --move --node lb2 2>&1")
        lab.cluster.owner(VIP, other_than="lb1")
        lab["lb1"].run("crm_resource --resource site --clear")
        lab.cluster.wait_settled()
    assert_failover(lab, "kill", with_return=False)  # which takes half a minute
