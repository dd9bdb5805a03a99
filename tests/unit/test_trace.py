"""The trace: where it goes, what it shows, and that it never hurts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from moodle_ha.ocf import trace
from moodle_ha.ocf.trace import Trace


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def traced(file: Path, **variables: str) -> str:
    """What a whole call leaves in the trace, without the times."""
    one = Trace("vip", "site:0", "monitor", {"OCF_TRACE_FILE": str(file), **variables})
    one.command(["crm_node", "a b"], 3, 12.4)
    one.end(0, "")
    lines = file.read_text().splitlines()
    assert all(re.match(r" *\d+\.\d{3} ", line) for line in lines)
    return "\n".join(line[9:] for line in lines)


@pytest.mark.parametrize("value", ["1", "true", "True", "yes", "on", "t"])
@pytest.mark.parametrize("name", ["OCF_TRACE_RA", "OCF_RESKEY_trace_ra"])
def test_wanted(name: str, value: str) -> None:
    assert trace.wanted({name: value})


@pytest.mark.parametrize("variables", [{}, {"OCF_TRACE_RA": "0"}, {"OCF_RESKEY_trace_ra": "false"}])
def test_not_wanted(variables: dict[str, str]) -> None:
    assert not trace.wanted(variables)


def test_what_it_shows(file: Path) -> None:
    text = traced(file, OCF_RESKEY_ip="192.0.2.1", OCF_ROOT="/usr/lib/ocf", HOME="/root")
    assert text.splitlines() == [
        f"vip monitor of site:0, pid {os.getpid()}",
        "  OCF_RESKEY_ip=192.0.2.1",
        "  OCF_ROOT=/usr/lib/ocf",
        f"  OCF_TRACE_FILE={file}",
        "+ crm_node 'a b' -> 3 in 12 ms",
        "= 0",
    ]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["passwd", "password", "admin_PASSWORD", "secret", "credentials", "token", "bind_pass"]
)
def test_secrets_are_not_shown(file: Path, name: str) -> None:
    text = traced(file, **{f"OCF_RESKEY_{name}": "hidden"})
    assert "hidden" not in text
    assert f"OCF_RESKEY_{name}=***" in text


def test_the_reason_stands_at_the_end(file: Path) -> None:
    one = Trace("vip", "site", "monitor", {"OCF_TRACE_FILE": str(file)})
    one.end(1, "it is broken")
    assert file.read_text().rstrip().endswith("= 1: it is broken")


def test_calls_are_appended(file: Path) -> None:
    for _ in range(2):
        Trace("vip", "site", "monitor", {"OCF_TRACE_FILE": str(file)}).end(0, "")
    assert file.read_text().count("vip monitor of site") == 2


def test_the_folder_of_the_shell_agents(tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    Trace("vip", "a/b:0", "start", {"OCF_RESKEY_trace_dir": str(folder)}).end(0, "")
    (file,) = (folder / "vip").iterdir()
    assert re.fullmatch(r"a_b:0\.start\.\d{4}-\d\d-\d\d\.\d\d:\d\d:\d\d", file.name)


def test_an_open_file_by_its_number(file: Path) -> None:
    """It belongs to the caller, and stays open."""
    first = os.open(file, os.O_RDWR | os.O_CREAT)
    number = 9
    saved = os.dup(number) if os.path.exists(f"/proc/self/fd/{number}") else None
    os.dup2(first, number)
    try:
        Trace("vip", "site", "monitor", {"OCF_TRACE_FILE": str(number)}).end(0, "")
        os.write(number, b"still open")
    finally:
        os.close(first)
        if saved is None:
            os.close(number)
        else:
            os.dup2(saved, number)
            os.close(saved)
    assert "vip monitor of site" in file.read_text()
    assert file.read_text().endswith("still open")


@pytest.mark.parametrize(
    "variables",
    [
        {"OCF_TRACE_FILE": "/no/such/folder/file"},
        {"OCF_TRACE_FILE": "/"},
        {"OCF_TRACE_FILE": "/dev/full"},
        {"OCF_RESKEY_trace_dir": "/dev/null"},
    ],
)
def test_one_that_cannot_be_written_is_silent(
    variables: dict[str, str], capfd: pytest.CaptureFixture[str], no_fd_leak: None
) -> None:
    one = Trace("vip", "site", "monitor", variables)
    one.command(["a"], 0, 1.0)
    one.command(["a"], 0, 1.0)
    one.end(0, "")
    assert capfd.readouterr() == ("", "")


def test_bytes_that_are_no_text(file: Path) -> None:
    odd = b"\xff".decode("utf-8", "surrogateescape")
    one = Trace("vip", odd, "monitor", {"OCF_TRACE_FILE": str(file), "OCF_RESKEY_ip": odd})
    one.command([odd], 0, 1.0)
    one.end(1, odd)
    assert len(file.read_text().splitlines()) == 5
