"""The pages that are generated from the agents' metadata."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.packaging.building import TOP, copy_tree, run

AGENTS = sorted(file.name for file in (TOP / "ocf").iterdir() if file.is_file())
# Everything that roff or Markdown would take for its own.
AWKWARD = r""".dot first
'quote first \fB -dash 100% `tick` *star* _under_ [link] <tag> a|b ~ ^ "double" \(aq
"""


def render(metadata: str, form: str) -> str:
    """Turn metadata into a page."""
    return subprocess.run(
        ["/usr/bin/python3", "-B", "packaging/man/agent_page.py", form, "packaging/examples"],
        cwd=TOP,
        env={"SOURCE_DATE_EPOCH": "0"},
        input=metadata,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def metadata_of(agent: str) -> str:
    return run(TOP / "ocf" / agent, "meta-data")


def shown(page: Path) -> str:
    """Return a manual page as plain text; asserts that groff and mandoc have no complaint."""
    plain = ["-T", "utf8", "-P-c", "-P-b", "-P-u", "-rLL=80n"]
    done = subprocess.run(
        ["groff", "-man", "-ww", "-K", "utf8", *plain, page],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    lint = subprocess.run(
        ["mandoc", "-T", "lint", page], capture_output=True, text=True, timeout=60
    )
    assert lint.stdout == ""
    return done.stdout


@pytest.mark.parametrize("agent", AGENTS)
def test_the_manual_page_renders_without_a_complaint(agent: str, tmp_path: Path) -> None:
    metadata = metadata_of(agent)
    page = tmp_path / f"ocf_moodle_{agent}.7"
    page.write_text(render(metadata, "roff"), encoding="utf-8")
    text = shown(page)
    for element in ElementTree.fromstring(metadata).iter():
        if element.tag in ("parameter", "action"):
            assert f"\n       {element.get('name')}" in text
    assert "1970-01-01" in text


@pytest.mark.parametrize("agent", AGENTS)
def test_the_committed_page_is_fresh(agent: str) -> None:
    """When this fails: `make docs`, and commit what it wrote."""
    committed = (TOP / "docs" / "agents" / f"{agent}.md").read_text(encoding="utf-8")
    assert committed == render(metadata_of(agent), "markdown")


def test_make_docs_writes_the_committed_pages(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    for page in (tree / "docs" / "agents").iterdir():
        page.write_text("stale")
    run("make", "docs", cwd=tree)
    assert run("git", "status", "--porcelain", cwd=tree) == ""


def awkward_metadata() -> str:
    """Return the metadata of an agent with texts that need escaping everywhere."""
    root = ElementTree.Element("resource-agent", name="odd-one", version="9")
    ElementTree.SubElement(root, "longdesc").text = f"First.\n\n{AWKWARD}"
    ElementTree.SubElement(root, "shortdesc").text = "An -odd- one"
    parameters = ElementTree.SubElement(root, "parameters")
    parameter = ElementTree.SubElement(parameters, "parameter", name="a_b-c", required="1")
    ElementTree.SubElement(parameter, "longdesc").text = AWKWARD
    ElementTree.SubElement(parameter, "shortdesc").text = "Short"
    ElementTree.SubElement(parameter, "content", type="string", default="\\x'y")
    for name in ("x", "y"):
        pair = {"name": name, "unique-group": "pair", "reloadable": "1"}
        parameter = ElementTree.SubElement(parameters, "parameter", pair)
        ElementTree.SubElement(parameter, "shortdesc").text = name.upper()
        ElementTree.SubElement(parameter, "content", type="integer")
    actions = ElementTree.SubElement(root, "actions")
    ElementTree.SubElement(actions, "action", name="monitor", timeout="20s", depth="10")
    ElementTree.SubElement(actions, "action", name="meta-data", timeout="5s")
    return ElementTree.tostring(root, encoding="unicode")


def test_awkward_text_survives_in_the_manual_page(tmp_path: Path) -> None:
    page = tmp_path / "ocf_moodle_odd-one.7"
    page.write_text(render(awkward_metadata(), "roff"), encoding="utf-8")
    text = " ".join(shown(page).split())
    assert text.count(".dot first 'quote first \\fB -dash 100%") == 2
    assert "(required, string, default \\x'y)" in text
    assert "X (integer, unique together with y, changed without a restart)" in text
    assert "timeout 20s, depth 10" in text


def test_awkward_text_survives_in_the_markdown_page() -> None:
    text = render(awkward_metadata(), "markdown")
    assert r"\\fB -dash 100% \`tick\` \*star\* \_under\_ \[link\] \<tag\> a\|b" in text
    assert "| monitor | 20s | 10 |" in text
    assert "| meta-data | 5s |  |" in text
