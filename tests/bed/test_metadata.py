"""The meta-data of every agent, as the tools of the cluster read it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest

from tests.bed import conformance
from tests.bed.bed import CHECKOUT, Bed
from tests.bed.machine import Machine

AGENTS = sorted(path.name for path in (CHECKOUT / "ocf").iterdir() if path.is_file())


@pytest.fixture(scope="module")
def reader() -> Iterator[Machine]:
    """One machine for all: nothing here changes it."""
    with Bed() as bed:
        yield bed.machine("reader")


@pytest.mark.parametrize("agent", AGENTS)
def test_metadata_is_valid_for_both_schemas(reader: Machine, agent: str) -> None:
    conformance.assert_valid_metadata(reader, agent)


@pytest.mark.parametrize("agent", AGENTS)
def test_schemas_do_find_mistakes(reader: Machine, agent: str) -> None:
    document = conformance.metadata(reader, agent)
    mistake = document.replace("</parameters>", "<surprise/></parameters>")
    assert mistake != document
    assert conformance.against_ocf_1_1(reader, mistake).code != 0
    assert conformance.against_ocf_tester_schema(reader, mistake).code != 0


@pytest.mark.parametrize("agent", AGENTS)
def test_metadata_of_root_and_nobody_is_the_same(reader: Machine, agent: str) -> None:
    assert reader.sh(f"/src/ocf/{agent} meta-data") == conformance.metadata(reader, agent)


@pytest.mark.parametrize(
    "command", ["pcs resource describe ocf:moodle:{}", "crm ra info ocf:moodle:{}"]
)
@pytest.mark.parametrize("agent", AGENTS)
def test_shells_describe_every_parameter(reader: Machine, agent: str, command: str) -> None:
    document = conformance.metadata(reader, agent)
    described = reader.sh(command.format(agent))
    words = described.replace("*", " ").replace(":", " ").split()
    parameters = conformance.parameter_names(document)
    assert [name for name in parameters if name not in words] == []
    shortdesc = ElementTree.fromstring(document).findtext("shortdesc")
    assert shortdesc
    assert shortdesc in described


@pytest.mark.parametrize("agent", AGENTS)
def test_pacemaker_shows_the_metadata_and_lists_the_agent(reader: Machine, agent: str) -> None:
    shown = reader.sh(f"crm_resource --show-metadata ocf:moodle:{agent}")
    assert shown.strip() == conformance.metadata(reader, agent).strip()
    assert agent in reader.sh("crm_resource --list-agents ocf:moodle").split()


@pytest.mark.parametrize("agent", AGENTS)
def test_no_other_provider_has_an_agent_of_this_name(reader: Machine, agent: str) -> None:
    """A name that another provider has as well is ambiguous for everybody on the machine."""
    others = reader.sh(f"find /usr/lib/ocf/resource.d -mindepth 2 -name {agent}")
    assert others.split() == []
