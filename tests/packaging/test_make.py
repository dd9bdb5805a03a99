"""What the Makefile and its helpers promise: install and uninstall, set-up, shares, help."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.packaging.building import TOP, run


def files_below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def test_install_and_uninstall_leave_nothing_behind(tmp_path: Path, agents: list[str]) -> None:
    root = tmp_path / "a root"
    foreign = root / "usr/lib/ocf/resource.d/heartbeat/IPaddr2"
    foreign.parent.mkdir(parents=True)
    foreign.touch()
    run("make", "install", f"DESTDIR={root}")
    installed = files_below(root)
    assert {f"usr/lib/ocf/resource.d/moodle/{agent}" for agent in agents} < installed
    assert "usr/share/moodle-ha/moodle_ha/__init__.py" in installed
    # what Python itself leaves when root runs an agent
    (root / "usr/share/moodle-ha/moodle_ha/__pycache__").mkdir()
    (root / "usr/share/moodle-ha/moodle_ha/__pycache__/x.pyc").touch()
    run("make", "uninstall", f"DESTDIR={root}")
    assert files_below(root) == {"usr/lib/ocf/resource.d/heartbeat/IPaddr2"}
    assert not list(root.rglob("*moodle*"))
    run("make", "uninstall", f"DESTDIR={root}")  # once more: nothing to do is no failure


def test_the_prefix_moves_all_but_the_agents(tmp_path: Path, agents: list[str]) -> None:
    run("make", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/ha")
    for file in files_below(tmp_path):
        assert file.startswith(("usr/lib/ocf/resource.d/moodle/", "opt/ha/share/"))
    for agent in agents:
        launcher = (tmp_path / "usr/lib/ocf/resource.d/moodle" / agent).read_text("utf-8")
        assert "/opt/ha/share/moodle-ha" in launcher
        assert "/usr/share/moodle-ha" not in launcher


def test_help_names_the_targets() -> None:
    named = {line.split()[0] for line in run("make", "help").splitlines()}
    promised = "demo test check unit bench soak deb install uninstall clean help"
    assert set(promised.split()) <= named


def needs(wanted: Path, *as_whom: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up of packages for one list file."""
    return subprocess.run(
        [*as_whom, TOP / "tests" / "needs", "packages", wanted],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_set_up_is_silent_when_nothing_is_missing(tmp_path: Path) -> None:
    wanted = tmp_path / "list.txt"
    wanted.write_text("# a comment\ndpkg\nbase-files  # another\n")
    done = needs(wanted)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_set_up_tells_others_than_root_what_to_run(tmp_path: Path) -> None:
    wanted = tmp_path / "list.txt"
    wanted.write_text("dpkg\nno-such-package-anywhere\n")
    # In a user namespace of its own root is nobody, but may still read our files.
    done = needs(wanted, *([] if os.geteuid() else ["unshare", "--user"]))
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends no-such-package-anywhere" in done.stderr
