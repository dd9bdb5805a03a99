"""The agent that CONTRIBUTING.md shows: a newcomer who copies it has a whole agent."""

from __future__ import annotations

import re

import pytest

from tests.bed import conformance
from tests.bed.agent import Agent
from tests.bed.bed import CHECKOUT, Bed
from tests.bed.machine import Machine

PAGE = CHECKOUT / "CONTRIBUTING.md"
BLOCK = re.compile(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_on_page() -> dict[str, str]:
    """The files of the page, by their path in the checkout."""
    return dict(BLOCK.findall(PAGE.read_text()))


@pytest.fixture
def node(bed: Bed) -> Machine:
    """A machine in whose checkout the example is installed as the page says."""
    machine = bed.machine("node")
    for path, content in files_on_page().items():
        target = machine.root / "src" / path
        assert not target.exists(), f"{path} is the example's name and that of a real file"
        target.write_text(content)
        target.chmod(0o755 if path.startswith("ocf/") else 0o644)
    return machine


@pytest.fixture
def lamp(node: Machine) -> Agent:
    """The example as a resource."""
    return node.agent("lamp", watts="40")


def test_page_has_the_launcher_and_the_class() -> None:
    assert sorted(files_on_page()) == ["lib/moodle_ha/agents/lamp.py", "ocf/lamp"]


def test_metadata_is_valid_for_both_schemas(node: Machine) -> None:
    conformance.assert_valid_metadata(node, "lamp")


def test_ocf_tester_passes(node: Machine) -> None:
    conformance.assert_passes_ocf_tester(node, "lamp", watts="40")


def test_shells_describe_it(node: Machine) -> None:
    parameters = conformance.parameter_names(conformance.metadata(node, "lamp"))
    assert "watts" in parameters
    for command in ("pcs resource describe ocf:moodle:lamp", "crm ra info ocf:moodle:lamp"):
        described = node.sh(command)
        assert [name for name in parameters if name not in described] == []


def test_promote_and_demote(lamp: Agent) -> None:
    assert lamp("promote").code == 1  # it is off
    assert lamp("demote").code == 7
    assert lamp("start").code == 0
    assert lamp("monitor").code == 0
    for _ in range(2):
        assert lamp("promote").code == 0
        assert lamp("monitor").code == 8
        assert lamp.probe().code == 8
    for _ in range(2):
        assert lamp("demote").code == 0
        assert lamp("monitor").code == 0
    assert lamp("promote").code == 0
    assert lamp("stop").code == 0
    assert lamp.probe().code == 7


def test_promotion_is_refused_with_a_reason(lamp: Agent) -> None:
    assert lamp("start").code == 0
    refused = lamp.with_parameters(dimmable="false")("promote")
    assert refused.code == 1
    assert "dimmable" in refused.reason
    assert lamp("monitor").code == 0


def test_notify_reads_what_the_cluster_did(node: Machine, lamp: Agent) -> None:
    meta = {
        "notify_type": "post",
        "notify_operation": "promote",
        "notify_promote_resource": "resource:1",
        "notify_promote_uname": "two",
        "notify_unpromoted_resource": "resource:0 resource:1",
        "notify_unpromoted_uname": "node two",
        "notify_active_uname": " ",
    }
    assert lamp("notify", meta=meta).code == 0
    assert any("bright now: two" in line for line in node.log())
    assert lamp("notify").code == 0  # no notification at all, as ocf-tester does it


def test_degraded_in_both_roles(node: Machine, lamp: Agent) -> None:
    hot = lamp.with_parameters(watts="80")
    assert hot("start").code == 0
    assert hot("monitor").code == 190
    assert hot("promote").code == 0
    result = hot("monitor")
    assert result.code == 191
    assert "80" in result.reason
    assert hot.probe().code == 8


def test_broken_parameters(lamp: Agent) -> None:
    assert lamp("start").code == 0
    broken = lamp.with_parameters(watts="many")
    assert broken.probe().code == 0
    assert broken("validate-all").code == 6
    assert broken("start").code == 2
    assert broken("stop").code == 0
    assert lamp.probe().code == 7


def test_reload_keeps_it_on(lamp: Agent) -> None:
    assert lamp("start").code == 0
    assert lamp("promote").code == 0
    assert lamp.with_parameters(colour="red")("reload-agent").code == 0
    assert lamp("monitor").code == 8
