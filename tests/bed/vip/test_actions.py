"""The plain life of an address: start, monitor, stop, and calls that are not meant."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from tests.bed.agent import FOLDER, Agent
from tests.bed.machine import Machine
from tests.bed.vip.scene import IP, address, state_files


def test_every_action_may_be_repeated(node: Machine, vip: Agent) -> None:
    assert vip("stop").code == 0
    for _ in range(2):
        assert vip("monitor").code == 7
        assert vip.probe().code == 7
    for _ in range(2):
        assert vip("start").code == 0
        assert node.has_address(IP)
        assert vip("monitor").code == 0
        assert vip("monitor", depth=10).code == 0
        assert vip.probe().code == 0
    for _ in range(2):
        assert vip("stop").code == 0
        assert not node.has_address(IP)
        assert vip("monitor").code == 7
    node.wait_for_processes()
    assert state_files(node) == []


def test_neighbours_reach_the_address_when_start_returns(
    node: Machine, peer: Machine, vip: Agent
) -> None:
    assert vip("start").code == 0
    assert peer.run(["ping", "-c1", "-W2", IP]).code == 0
    assert node.macs["eth0"] in peer.ip("neighbour show 192.0.2.10")


def test_monitor_names_the_address_that_is_not_there(vip: Agent) -> None:
    assert IP in vip("monitor").reason


def test_prefix_without_the_parameter_adds_no_network(node: Machine, vip: Agent) -> None:
    routes = node.ip_json("route show")
    assert vip("start").code == 0
    assert address(node)["prefixlen"] == 32
    assert node.ip_json("route show") == routes


def test_prefix_brings_network_and_broadcast_address(node: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(prefix="28")
    assert vip("start").code == 0
    assert address(node)["prefixlen"] == 28
    assert address(node)["broadcast"] == "192.0.2.15"
    assert "192.0.2.0/28" in [route["dst"] for route in node.ip_json("route show")]
    assert vip("monitor").code == 0


def test_monitor_reports_a_foreign_prefix(node: Machine, vip: Agent) -> None:
    node.add_address(f"{IP}/25")
    result = vip("monitor")
    assert result.code == 1
    assert "25" in result.reason
    assert "32" in result.reason


def test_start_corrects_a_foreign_prefix(node: Machine, vip: Agent) -> None:
    node.add_address(f"{IP}/25")
    assert vip("start").code == 0
    assert address(node)["prefixlen"] == 32
    assert vip("monitor").code == 0


def test_address_on_another_interface_is_found_and_moved(node: Machine, vip: Agent) -> None:
    node.plug_in("eth1")
    node.add_address(f"{IP}/32", "eth1")
    assert vip("monitor").code == 1
    assert vip("start").code == 0
    assert node.has_address(IP, "eth0")
    assert not node.has_address(IP, "eth1")
    assert vip("monitor").code == 0


def test_stop_finds_the_address_wherever_it_is(node: Machine, vip: Agent) -> None:
    node.plug_in("eth1")
    node.add_address(f"{IP}/25", "eth1")
    assert vip("stop").code == 0
    assert not node.has_address(IP, "eth1")


def test_address_on_loopback_belongs_to_somebody_else(node: Machine, vip: Agent) -> None:
    node.add_address(f"{IP}/32", "lo")
    assert vip.probe().code == 7
    assert vip("stop").code == 0
    assert node.has_address(IP, "lo")


def test_label_is_shown_with_the_interface(node: Machine, vip: Agent) -> None:
    vip = vip.with_parameters(label="vip")
    assert vip("start").code == 0
    assert address(node)["label"] == "eth0:vip"
    assert vip("monitor").code == 0
    assert vip("stop").code == 0
    assert not node.has_address(IP)


def test_label_too_long_for_this_interface_is_refused(node: Machine, vip: Agent) -> None:
    result = vip.with_parameters(label="twelveletter")("start")
    assert result.code == 2
    assert "twelveletter" in result.reason
    assert not node.has_address(IP)


def test_two_resources_on_one_interface_do_not_disturb_each_other(
    node: Machine, vip: Agent
) -> None:
    other = Agent(node, "vip", {**vip.parameters, "ip": "192.0.2.11"}, "other")
    assert vip("start").code == 0
    assert other("start").code == 0
    assert vip("stop").code == 0
    assert other("monitor").code == 0
    assert vip("monitor").code == 7


def test_start_without_privileges_says_so(node: Machine, vip: Agent) -> None:
    result = vip("start", user="nobody")
    assert result.code == 4
    assert "root" in result.reason
    assert not node.has_address(IP)


def test_unknown_action_is_unimplemented(vip: Agent) -> None:
    result = vip("frobnicate")
    assert result.code == 3
    assert "frobnicate" in result.reason


def test_metadata_needs_neither_rights_nor_environment(node: Machine) -> None:
    result = node.run([f"{FOLDER}/vip", "meta-data"], env={}, user="nobody")
    assert (result.code, result.err) == (0, "")
    assert ElementTree.fromstring(result.out).get("name") == "vip"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"ip": "192.0.2.300"}, "192.0.2.300"),
        ({"ip": "224.0.0.5"}, "224.0.0.5"),
        ({"ip": None}, "ip"),
        ({"prefix": "33"}, "33"),
        ({"announce_count": "many"}, "many"),
        ({"duplicate": "perhaps"}, "perhaps"),
    ],
)
def test_bad_parameters_are_named(
    node: Machine, vip: Agent, parameters: dict[str, str | None], named: str
) -> None:
    before = node.addresses()
    vip = vip.with_parameters(**parameters)
    (name,) = parameters
    validated = vip("validate-all")
    assert validated.code == 6
    assert f"parameter {name} " in validated.reason
    assert named in validated.reason
    started = vip("start")
    assert started.code == 2
    assert f"parameter {name} " in started.reason
    assert vip.probe().code == 7
    assert vip("stop").code == 0
    assert node.addresses() == before


def test_validation_of_this_node_names_a_missing_interface(vip: Agent) -> None:
    absent = vip.with_parameters(nic="eth7")
    result = absent("validate-all")
    assert result.code == 1
    assert "eth7" in result.reason
    assert absent("validate-all", depth=0).code == 0
    assert vip("validate-all").code == 0
