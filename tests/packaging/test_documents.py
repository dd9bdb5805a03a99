"""What the documents say is what the programs do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.packaging.building import TOP
from tests.packaging.sandbox import Sandbox

OPERATIONS = TOP / "docs" / "operations.md"
TROUBLESHOOTING = TOP / "docs" / "troubleshooting.md"
ANYTHING = "…"
CIB = "/tmp/cluster.xml"


def messages() -> Iterator[str]:
    """Yield every text in the library's code, with `…` for what is put in at run time."""
    for file in (TOP / "lib").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = node.values
                yield "".join(p.value if isinstance(p, ast.Constant) else ANYTHING for p in parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def symptoms() -> list[str]:
    """Return the messages that have a heading in the page on troubleshooting."""
    headings = re.findall(r"(?m)^### (.*)", TROUBLESHOOTING.read_text(encoding="utf-8"))
    return [text for heading in headings for text in re.findall(r"`([^`]*)`", heading)]


@pytest.mark.parametrize("symptom", symptoms())
def test_symptoms_are_real_messages(symptom: str) -> None:
    assert any(symptom in message for message in messages())


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/operations.md",
        "docs/troubleshooting.md",
    ],
)
def test_links_lead_somewhere(document: str) -> None:
    page = TOP / document
    for target in re.findall(r"\]\((?!https?:)([^)]*)\)", page.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.is_file(), target
        if heading:
            titles = re.findall(r"(?m)^#+ (.*)", linked.read_text(encoding="utf-8"))
            slugs = {
                re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles
            }
            assert heading in slugs, target


def test_the_readme_lists_every_agent(agents: list[str]) -> None:
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    for agent in agents:
        row = rf"\| \[`ocf:moodle:{agent}`\]\(docs/agents/{agent}\.md\) \|[^|]*\| works \|"
        assert re.search(row, readme), agent


# The state of a cluster in which lb1 has the address and another machine has it as well.
DUPLICATE = "192.0.2.10 on eth0 is also in use by MAC 02:00:00:00:00:99; take it off that machine"
KEY = "2:1:0:00000000-0000-0000-0000-000000000000"
DEGRADED_CLUSTER = f"""\
  <configuration>
    <crm_config/>
    <nodes><node id="1" uname="lb1"/><node id="2" uname="lb2"/></nodes>
    <resources>
      <primitive id="vip-web" class="ocf" provider="moodle" type="vip">
        <instance_attributes id="params"><nvpair id="ip" name="ip" value="192.0.2.10"/>
        </instance_attributes>
        <operations><op id="monitor" name="monitor" interval="10s"/></operations>
      </primitive>
    </resources>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="lb1" in_ccm="true" crmd="online" join="member" expected="member">
      <lrm id="1"><lrm_resources>
        <lrm_resource id="vip-web" class="ocf" provider="moodle" type="vip">
          <lrm_rsc_op id="vip-web_last_failure_0" operation_key="vip-web_monitor_10000"
            operation="monitor" crm_feature_set="3.16.2" transition-key="{KEY}"
            transition-magic="0:190;{KEY}" exit-reason="{DUPLICATE}" call-id="2" rc-code="190"
            op-status="0" interval="10000" last-rc-change="1795413660" exec-time="40"
            queue-time="0"/>
        </lrm_resource>
      </lrm_resources></lrm>
      <transient_attributes id="1"><instance_attributes id="status-1">
        <nvpair id="degraded" name="moodle-ha-vip-web" value="{DUPLICATE}"/>
      </instance_attributes></transient_attributes>
    </node_state>
    <node_state id="2" uname="lb2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
"""


@pytest.fixture
def cluster(installed: Sandbox) -> Sandbox:
    """Return a sandbox in which the cluster's tools see that state in a file."""
    empty = installed.run("cibadmin", "--empty").stdout
    header = empty[: empty.index(">")] + ' have-quorum="1" dc-uuid="1">'
    installed.write(CIB, f"{header}\n{DEGRADED_CLUSTER}</cib>\n".encode())
    return installed


def test_a_duplicate_looks_as_shown(cluster: Sandbox) -> None:
    screen = cluster.run("env", f"CIB_file={CIB}", "crm_mon", "-1A").stdout
    page = OPERATIONS.read_text(encoding="utf-8")
    (shown,) = re.findall(r"(?ms)^```\n(Node Attributes.*?)^```", page)
    for line in filter(None, shown.splitlines()):
        assert line.removesuffix(" ...") in screen
    assert "Started lb1" in screen


# Commands that take a cluster which runs, tested by the lab, and what the others exit with where
# that is not 0: there is no address on the machine behind the file.
NEEDS_RUNNING_CLUSTER = {"stonith_admin --reboot lb1"}
EXIT_CODES = {"crm_resource --resource vip-web --force-check": 7}


def commands() -> list[str]:
    """Return the commands of the page on operations, those for pcs included."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", OPERATIONS.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in block.splitlines()]
    found = [part.strip() for line in lines for part in line.split("# pcs: ")]
    return [command for command in dict.fromkeys(found) if command not in NEEDS_RUNNING_CLUSTER]


@pytest.mark.parametrize("command", commands())
def test_commands_work_as_written(cluster: Sandbox, command: str) -> None:
    offline = re.sub(r"^pcs ", f"pcs -f {CIB} ", command)
    done = cluster.run("env", f"CIB_file={CIB}", "sh", "-c", offline, check=False)
    assert done.returncode == EXIT_CODES.get(command, 0), done.stderr
