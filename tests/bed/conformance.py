"""What every resource agent has to stand: the schemas of its meta-data, and ocf-tester."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from tests.bed.agent import FOLDER
from tests.bed.machine import Machine
from tests.bed.program import Result


def metadata(machine: Machine, agent: str) -> str:
    """The meta-data as an unprivileged user gets it, without any environment."""
    result = machine.run([f"{FOLDER}/{agent}", "meta-data"], env={}, user="nobody")
    assert (result.code, result.err) == (0, "")
    return result.out


def parameter_names(document: str) -> list[str]:
    """The names of the parameters in meta-data."""
    names = [found.get("name", "") for found in ElementTree.fromstring(document).iter("parameter")]
    assert names
    assert all(names)
    return names


def against_ocf_1_1(machine: Machine, document: str) -> Result:
    """Validate meta-data by the OCF 1.1 schema that pcs holds agents to."""
    schema = machine.sh("dpkg --listfiles pcs | grep '/ocf-1.1.rng$'").strip()
    return machine.run(["xmllint", "--noout", "--relaxng", schema, "-"], stdin=document)


def against_ocf_tester_schema(machine: Machine, document: str) -> Result:
    """Validate meta-data by the document type definition of OCF 1.0, as ocf-tester does."""
    script = "cd /usr/share/resource-agents && xmllint --noout --valid -"
    return machine.run(["sh", "-c", script], stdin=document)


def assert_valid_metadata(machine: Machine, agent: str) -> None:
    """Meta-data must be valid for both."""
    document = metadata(machine, agent)
    for validate in (against_ocf_1_1, against_ocf_tester_schema):
        result = validate(machine, document)
        assert result.code == 0, f"{validate.__name__}: {result.err}"


def assert_passes_ocf_tester(machine: Machine, agent: str, **parameters: str) -> None:
    """ocf-tester must find nothing, and the agent must leave nothing behind."""
    options = [word for name, value in parameters.items() for word in ("-o", f"{name}={value}")]
    path = f"/src/ocf/{agent}"
    result = machine.run(["ocf-tester", "-n", "t", *options, path], timeout=120)
    shown = result.out + result.err
    assert result.code == 0, shown
    assert f"{path} passed all tests" in result.out, shown
    assert "Traceback" not in shown
    machine.wait_for_processes()
