"""The package, installed on a node: agents that work, tools that know them, a clean removal."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from moodle_ha import __version__
from tests.packaging.conftest import TOP, run
from tests.packaging.sandbox import Sandbox

NOBODY = 65534
AGENT_DIR = "/usr/lib/ocf/resource.d/moodle"
DOC_DIR = "/usr/share/doc/moodle-ha"
# A cluster of one node, to check configurations against.
EMPTY_CIB = b"""\
<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9"
     admin_epoch="0" epoch="1" num_updates="0">
  <configuration><crm_config/><nodes/><resources/><constraints/></configuration>
  <status/>
</cib>
"""


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


@pytest.mark.parametrize("example", sorted(p.name for p in TOP.glob("packaging/examples/*.crm")))
def test_the_crmsh_examples_load(installed: Sandbox, example: str) -> None:
    installed.write("/tmp/cib.xml", EMPTY_CIB)
    path = f"{DOC_DIR}/examples/{example}"
    installed.run(
        "env", "CIB_file=/tmp/cib.xml", "crm", "--force", "configure", "load", "update", path
    )
    assert_declared(installed, path)


@pytest.mark.parametrize("example", sorted(p.name for p in TOP.glob("packaging/examples/*.pcs")))
def test_the_pcs_examples_load(installed: Sandbox, example: str) -> None:
    installed.write("/tmp/cib.xml", EMPTY_CIB)
    path = f"{DOC_DIR}/examples/{example}"
    script = f'pcs() {{ command pcs -f /tmp/cib.xml "$@"; }}; set -e; . {path}'
    installed.run("sh", "-c", script)
    assert_declared(installed, path)


def assert_declared(installed: Sandbox, path: str) -> None:
    """Assert that the configuration holds the example's agent and lets a failure expire."""
    agent = Path(path).stem
    cib = ElementTree.fromstring(installed.run("cat", "/tmp/cib.xml").stdout)
    (primitive,) = cib.iter("primitive")
    assert (primitive.get("provider"), primitive.get("type")) == ("moodle", agent)
    values = {pair.get("name"): pair.get("value") for pair in cib.iter("nvpair")}
    assert values["start-failure-is-fatal"] == "false"
    assert values["failure-timeout"]
    known = ElementTree.fromstring(run(TOP / "ocf" / agent, "meta-data"))
    names = {parameter.get("name") for parameter in known.iter("parameter")}
    given = {pair.get("name") for pair in primitive.iterfind("instance_attributes/nvpair")}
    assert given <= names


def test_the_manual_page_is_found(installed: Sandbox, agents: list[str]) -> None:
    """The image has no man program, and leaves the pages of packages out."""
    for agent in agents:
        listed = installed.run("dpkg", "--listfiles", "moodle-ha").stdout.splitlines()
        assert f"/usr/share/man/man7/ocf_moodle_{agent}.7.gz" in listed


def test_it_is_replaced_and_removed_without_a_trace(
    deb: Path, installed: Sandbox, agents: list[str]
) -> None:
    """The last test here: it takes the package away."""
    installed.run("dpkg", "--install", "/tmp/moodle-ha.deb")
    installed.run(f"{AGENT_DIR}/{agents[0]}", "meta-data")
    installed.run("dpkg", "--purge", "moodle-ha")
    left = installed.run(
        "find", "/", "-xdev", "-name", "*moodle*", "!", "-name", "moodle-ha.deb", "-print"
    )
    assert left.stdout == ""
