"""Choosing a share of the tests, and the times that a run prints."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.building import TOP

TESTS = (
    "unit/test_a.py",
    "packaging/test_b.py",
    "bed/test_c.py",
    "bed/vip/test_d.py",
    "bed/new/deep/test_e.py",
    "lab/vip/test_f.py",
    "bench/test_g.py",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a scratch checkout with a passing test in every kind of place."""
    for name in TESTS:
        file = tmp_path / "tests" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("def test_it(): pass\n")
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    shutil.copy(TOP / "tests" / "conftest.py", tmp_path / "tests")
    return tmp_path


def pytest_run(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "-v", *options],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
    )


def ran(output: str) -> list[str]:
    """Return the files of the tests that passed, relative to tests/, in their order."""
    lines = [line for line in output.splitlines() if "::test_it PASSED" in line]
    return [line.partition("::")[0].removeprefix("tests/") for line in lines]


def test_a_whole_run_leaves_out_what_has_a_command_of_its_own(tree: Path) -> None:
    output = pytest_run(tree).stdout
    assert sorted(ran(output)) == sorted(set(TESTS) - {"bench/test_g.py"})
    assert ran(output)[:2] == ["unit/test_a.py", "packaging/test_b.py"]


def test_minutes_come_before_the_closing_line(tree: Path) -> None:
    lines = pytest_run(tree).stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if "minutes per share" in line)
    shares = {line.split()[0]: line.split()[1:] for line in lines[start + 1 : -1] if line}
    assert list(shares) == ["bed", "bed-new", "bed-vip", "lab-vip", "packages", "unit"]
    assert shares["unit"] == ["0.0", "of", "2"]
    assert shares["bed-new"] == ["0.0"]
    assert "6 passed" in lines[-1]


@pytest.mark.parametrize(
    ("share", "files"),
    [
        ("unit", ["unit/test_a.py"]),
        ("packages", ["packaging/test_b.py"]),
        ("bed", ["bed/test_c.py"]),
        ("bed-vip", ["bed/vip/test_d.py"]),
        ("bed-new", ["bed/new/deep/test_e.py"]),
        ("lab-vip", ["lab/vip/test_f.py"]),
    ],
)
def test_one_share_runs_alone(tree: Path, share: str, files: list[str]) -> None:
    assert sorted(ran(pytest_run(tree, "--share", share).stdout)) == files


def test_an_unknown_share_is_refused(tree: Path) -> None:
    done = pytest_run(tree, "--share", "lab-vpi")
    assert done.returncode == 4
    assert (
        "no share lab-vpi; there are: bed, bed-new, bed-vip, lab-vip, packages, unit" in done.stderr
    )
