"""The package, installed on a node: agents that work, tools that know them, a clean removal."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from moodle_ha import __version__
from tests.packaging.building import TOP, installation, run
from tests.packaging.sandbox import Sandbox

NOBODY = 65534
AGENT_DIR = "/usr/lib/ocf/resource.d/moodle"
DOC_DIR = "/usr/share/doc/moodle-ha"
EXAMPLES = TOP / "packaging" / "examples"
CIB = "/tmp/cib.xml"
# Pacemaker calls a configuration without any fencing invalid, and so do we.
FENCING = '<resources><primitive id="fencing" class="stonith" type="fence_lab"/></resources>'


def test_metadata_needs_neither_rights_nor_environment(
    installed: Sandbox, agents: list[str]
) -> None:
    for agent in agents:
        inside = installed.run(f"{AGENT_DIR}/{agent}", "meta-data", user=NOBODY)
        assert inside.stderr == ""
        assert inside.stdout == run(TOP / "ocf" / agent, "meta-data")
        assert ElementTree.fromstring(inside.stdout).get("version") == __version__


def test_pacemaker_lists_the_agents(installed: Sandbox, agents: list[str]) -> None:
    listed = installed.run("crm_resource", "--list-agents", "ocf:moodle")
    assert sorted(listed.stdout.split()) == agents


def test_the_library_is_compiled(installed: Sandbox) -> None:
    """Compiling it anew on every call would cost more than a whole monitor."""
    compiled = installed.run("find", "/usr/share/moodle-ha", "-name", "*.pyc").stdout
    modules = installed.run("find", "/usr/share/moodle-ha", "-name", "*.py").stdout
    assert len(compiled.split()) == len(modules.split()) > 0


def write_cib(installed: Sandbox) -> None:
    """Write the configuration of a cluster that has nothing but fencing yet."""
    empty = installed.run("cibadmin", "--empty").stdout
    assert "<resources/>" in empty
    cib = empty.replace("<resources/>", FENCING).replace("<cib ", '<cib have-quorum="1" ')
    installed.write(CIB, cib.encode())


def assert_declared(installed: Sandbox, example: str) -> None:
    """Assert that the configuration is valid and holds the example's resource."""
    installed.run("crm_verify", f"--xml-file={CIB}")
    agent = Path(example).stem
    cib = ElementTree.fromstring(installed.run("cat", CIB).stdout)
    (primitive,) = cib.iterfind(".//primitive[@provider='moodle']")
    assert primitive.get("type") == agent
    values = {pair.get("name"): pair.get("value") for pair in cib.iter("nvpair")}
    assert values["start-failure-is-fatal"] == "false"
    assert values["failure-timeout"] == "120s"
    declared = ElementTree.fromstring(run(TOP / "ocf" / agent, "meta-data"))
    names = {parameter.get("name") for parameter in declared.iter("parameter")}
    given = {pair.get("name") for pair in primitive.iterfind("instance_attributes/nvpair")}
    assert given <= names


@pytest.mark.parametrize("example", sorted(p.name for p in EXAMPLES.glob("*.crm")))
def test_the_crmsh_examples_load(installed: Sandbox, example: str) -> None:
    write_cib(installed)
    load = ("crm", "configure", "load", "update", f"{DOC_DIR}/examples/{example}")
    done = installed.run("env", f"CIB_file={CIB}", *load)
    assert "WARNING" not in done.stdout + done.stderr
    assert_declared(installed, example)


@pytest.mark.parametrize("example", sorted(p.name for p in EXAMPLES.glob("*.pcs")))
def test_the_pcs_examples_load(installed: Sandbox, example: str) -> None:
    write_cib(installed)
    offline = f'pcs() {{ command pcs -f {CIB} "$@"; }}'
    installed.run("sh", "-ec", f"{offline}; . {DOC_DIR}/examples/{example}")
    assert_declared(installed, example)


def test_every_file_is_in_place(installed: Sandbox) -> None:
    assert installed.run("dpkg", "--verify", "moodle-ha").stdout == ""


def test_it_is_replaced_and_removed_without_a_trace(
    deb: Path, tmp_path: Path, agents: list[str]
) -> None:
    with installation(deb, tmp_path) as sandbox:
        sandbox.run("dpkg", "--install", "/tmp/moodle-ha.deb")
        sandbox.run(f"{AGENT_DIR}/{agents[0]}", "meta-data")
        sandbox.run("dpkg", "--purge", "moodle-ha")
        sandbox.run("rm", "/tmp/moodle-ha.deb")
        left = sandbox.run("find", "/", "-xdev", "-name", "*moodle*")
        assert left.stdout == ""
