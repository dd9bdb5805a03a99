"""What an administrator sees of the address in crm_mon, from a real Pacemaker."""

from __future__ import annotations

from tests.bed.wire import Responder
from tests.lab.lab import Lab
from tests.lab.processes import packet_socket_of, wait_until
from tests.lab.vip.conftest import VIP

FIRST, SECOND = "02:00:5e:00:53:99", "02:00:5e:00:53:98"


def second_owner(lab: Lab, mac: str) -> Responder:
    """Somebody on the client's cable who answers for the address."""
    return Responder(packet_socket_of(lab.anchor.client_pid, "eth0"), VIP, mac)


def shown(lab: Lab) -> str:
    """What crm_mon shows of all nodes, with their attributes and failures."""
    return lab["lb1"].run("crm_mon -1A")


def attribute(lab: Lab) -> str:
    """What crm_mon shows as the degradation of the address, "" for none."""
    return "".join(line for line in shown(lab).splitlines() if "moodle-ha-vip " in line)


def test_probes_are_silent(site: Lab) -> None:
    """Pacemaker logs whatever an agent says: nothing, where nothing is to be found."""
    site["lb1"].run("crm_resource --refresh --resource vip --force")
    site.cluster.wait_settled()
    for node in site.nodes.values():
        journal = node.run("journalctl --no-pager --unit pacemaker")
        probes = [line for line in journal.splitlines() if "of probe operation for vip" in line]
        assert probes
        assert "is on no interface" not in "".join(probes)
        assert "_monitor_0@" not in journal  # would go on: "output [ ... ]"


def test_crm_mon_names_the_other_owner_and_the_next_one(site: Lab) -> None:
    """Pacemaker shows a recurring result only when its code changes; the attribute always."""
    owner = site[site.cluster.owner(VIP)]

    def named(mac: str) -> bool:
        # Between Pacemaker's own monitors, so that the test need not wait for three of them.
        owner.sh("crm_resource --resource vip --force-check")
        return mac in attribute(site)

    assert attribute(site) == ""
    with second_owner(site, FIRST):
        wait_until(lambda: named(FIRST), 60, "the other owner to be named", every=0.5)
        wait_until(lambda: "OCF_DEGRADED" in shown(site), 60, "Pacemaker's own monitor")
        assert site.cluster.owners(VIP) == [owner.name]
    with second_owner(site, SECOND):
        wait_until(lambda: named(SECOND), 60, "the next owner to be named", every=0.5)
        assert FIRST not in attribute(site)
    wait_until(lambda: attribute(site) == "", 60, "the attribute to go")
    assert site.cluster.owners(VIP) == [owner.name]
    site.cluster.recover()
