"""The Debian package itself: contents, lintian, reproducibility, versions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from moodle_ha import __version__
from tests.packaging.building import TOP, build_deb, copy_tree, run

AGENT_DIR = "./usr/lib/ocf/resource.d/moodle/"
LIBRARY_DIR = "./usr/share/moodle-ha/"
DOC_DIR = "./usr/share/doc/moodle-ha/"


def contents(deb: Path) -> dict[str, tuple[str, str]]:
    """Return what the package holds: path -> (mode as ls shows it, owner), folders left out."""
    rows = (line.split(None, 5) for line in run("dpkg-deb", "--contents", deb).splitlines())
    return {row[5]: (row[0], row[1]) for row in rows if not row[0].startswith("d")}


def test_it_holds_the_agents_the_library_and_their_documents(deb: Path, agents: list[str]) -> None:
    library = {str(file.relative_to(TOP / "lib")) for file in (TOP / "lib").rglob("*.py")}
    examples = {file.name for file in (TOP / "packaging" / "examples").iterdir()}
    documents = {"README.md", "operations.md", "troubleshooting.md", "copyright"}
    documents |= {"changelog", "changelog.Debian", *(f"examples/{example}" for example in examples)}
    assert {path.removesuffix(".gz") for path in contents(deb)} == {
        *(AGENT_DIR + agent for agent in agents),
        *(LIBRARY_DIR + module for module in library),
        *(f"./usr/share/man/man7/ocf_moodle_{agent}.7" for agent in agents),
        *(DOC_DIR + document for document in documents),
        "./usr/share/lintian/overrides/moodle-ha",
        "./usr/share/python3/runtime.d/moodle-ha.rtupdate",
    }


def test_only_programs_are_executable_and_all_is_owned_by_root(deb: Path) -> None:
    for path, (mode, owner) in contents(deb).items():
        program = path.startswith(AGENT_DIR) or path.endswith(".rtupdate")
        assert mode == ("-rwxr-xr-x" if program else "-rw-r--r--"), path
        assert owner == "root/root", path


def test_it_needs_nothing_that_some_nodes_lack(deb: Path) -> None:
    depends = run("dpkg-deb", "--field", deb, "Depends")
    assert {part.split()[0] for part in depends.split(", ")} == {"python3", "python3:any"}


def test_lintian_finds_nothing(deb: Path) -> None:
    done = subprocess.run(
        ["lintian", "--pedantic", deb], capture_output=True, text=True, timeout=300
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_two_builds_are_the_same(deb: Path, tmp_path: Path) -> None:
    """From another path, in another time zone and language; with the unit tests this time."""
    tree = copy_tree(tmp_path / "quite another path" / "moodle-ha")
    again = build_deb(tree, DEB_BUILD_OPTIONS="", TZ="Asia/Kolkata", LANG="C", LC_ALL="C")
    assert again.name == deb.name
    assert again.read_bytes() == deb.read_bytes()


def test_what_is_not_committed_stays_out(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    stray = "lib/moodle_ha/stray.py"
    (tree / stray).write_text("")
    done = subprocess.run(
        ["make", "deb"],
        cwd=tree,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEB_BUILD_OPTIONS": "nocheck"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "without your uncommitted changes" in done.stderr
    (package,) = (tree / "build" / "deb").glob("*.deb")
    assert LIBRARY_DIR + "moodle_ha/stray.py" not in contents(package)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("packaging/deb/changelog", r"\Amoodle-ha \(([\d.]+)-\d+\) "),
        ("CHANGELOG.md", r"(?m)^## \[?([\d.]+)"),
    ],
)
def test_the_version_is_the_same_everywhere(file: str, pattern: str) -> None:
    match = re.search(pattern, (TOP / file).read_text(encoding="utf-8"))
    assert match is not None
    assert match[1] == __version__
