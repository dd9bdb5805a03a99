"""The one door for external programs, with real programs behind it."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moodle_ha.system import programs as programs_module
from moodle_ha.system.deadline import Deadline
from moodle_ha.system.programs import OUTPUT_LIMIT, PATH, ProgramNotFound, Programs, Result, redact

LONG = 60.0
"""Seconds that no program here needs: a limit, not a measure."""


def sh(script: str, seconds: float = LONG, **settings: object) -> Result:
    """Run a line of shell through the door."""
    return Programs().run(["/bin/sh", "-c", script], Deadline(seconds), **settings)  # type: ignore[arg-type]


@pytest.fixture
def python() -> Callable[..., Result]:
    """Run a Python program through the door: python(code, seconds, stdin=...)."""

    def run(code: str, seconds: float = LONG, **settings: object) -> Result:
        argv = [sys.executable, "-IS", "-c", code]
        return Programs().run(argv, Deadline(seconds), **settings)  # type: ignore[arg-type]

    return run


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Callable[[], list[int]]]:
    """The pids that a script has written to files in the folder `pids`; killed at the end."""
    folder = tmp_path / "pids"
    folder.mkdir()

    def read() -> list[int]:
        return [int(file.read_text()) for file in folder.iterdir()]

    yield read
    for pid in read():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def runs(pid: int) -> bool:
    """Does the process exist and is no zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_code_and_output() -> None:
    result = sh("echo out; echo err >&2; exit 3")
    assert (result.code, result.out, result.err) == (3, "out\n", "err\n")
    assert not result.timed_out
    assert 0 < result.seconds < LONG
    assert result.argv[0] == "/bin/sh"


def test_arguments_reach_no_shell() -> None:
    words = ["$(id)", "a b", "*", ";", "'", '"', "\n", ""]
    result = Programs().run(["printf", "%s|", *words], Deadline(LONG))
    assert result.out == "".join(word + "|" for word in words)


def test_ended_by_a_signal() -> None:
    result = sh("kill -15 $$")
    assert result.code == -15
    assert not result.timed_out
    assert result.failure() == "sh was ended by signal 15"


def test_environment_is_path_and_language_and_what_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OCF_RESKEY_passwd", "hidden")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    result = Programs().run(["env"], Deadline(LONG), env={"GIVEN": "yes"})
    assert sorted(result.out.splitlines()) == ["GIVEN=yes", "LC_ALL=C", f"PATH={PATH}"]


def test_stdin_is_empty_unless_given() -> None:
    assert Programs().run(["cat"], Deadline(LONG)).out == ""
    assert Programs().run(["cat"], Deadline(LONG), stdin=b"given").out == "given"


def test_much_stdin_and_much_output_at_once() -> None:
    data = b"0123456789abcdef" * (OUTPUT_LIMIT // 32)
    result = Programs().run(["cat"], Deadline(LONG), stdin=data)
    assert result.out.encode() == data


def test_a_program_that_reads_no_stdin_is_no_error() -> None:
    result = Programs().run(["true"], Deadline(LONG), stdin=b"x" * 1_000_000)
    assert result.code == 0


def test_a_program_that_closes_its_output_is_waited_for() -> None:
    result = sh("exec >&- 2>&-; sleep 0.1; exit 5")
    assert result.code == 5


def test_output_is_limited_and_the_rest_dropped() -> None:
    result = sh(f"head -c {3 * OUTPUT_LIMIT} /dev/zero; head -c {2 * OUTPUT_LIMIT} /dev/zero >&2")
    assert result.code == 0
    assert len(result.out) == OUTPUT_LIMIT
    assert len(result.err) == OUTPUT_LIMIT


def test_output_that_is_no_text() -> None:
    result = sh(r"printf '\377a\0b'")
    assert result.out == "\ufffda\0b"


def test_a_program_that_hangs_is_killed_with_its_children(
    tmp_path: Path, pids: Callable[[], list[int]]
) -> None:
    script = f"""
        trap '' TERM HUP
        sleep 300 & echo $! >{tmp_path}/pids/child
        (sleep 300 & echo $! >{tmp_path}/pids/grandchild; wait) &
        echo $$ >{tmp_path}/pids/self
        echo begun
        wait; wait; sleep 300
    """
    started = time.monotonic()
    result = sh(script, 1.5)
    assert 1.5 <= time.monotonic() - started < 15
    assert result.timed_out
    assert result.code == -9
    assert result.out == "begun\n"
    assert result.failure() == f"sh gave no answer in {result.seconds:.1f} s: begun"
    assert len(pids()) == 3
    assert Deadline(10).wait_until(lambda: not any(map(runs, pids())))


def test_a_program_that_feeds_on_stdin_slowly_is_killed_too() -> None:
    result = sh("sleep 300", 0.3, stdin=b"x" * 1_000_000)
    assert result.timed_out


def test_an_expired_deadline_runs_nothing_to_its_end() -> None:
    result = sh("sleep 300", 0)
    assert result.timed_out
    assert result.code == -9


def test_a_daemon_that_holds_the_pipes_is_not_waited_for(
    tmp_path: Path, pids: Callable[[], list[int]]
) -> None:
    started = time.monotonic()
    result = sh(f"setsid sleep 300 & echo $! >{tmp_path}/pids/daemon; echo left; exit 4")
    assert time.monotonic() - started < 10
    assert (result.code, result.out, result.timed_out) == (4, "left\n", False)
    assert all(map(runs, pids()))


def test_a_daemon_that_keeps_writing_is_not_listened_to(
    tmp_path: Path, pids: Callable[[], list[int]]
) -> None:
    """Several writers, so that the pipe is never found empty."""
    line = f"for i in 1 2 3 4; do setsid yes & echo $! >{tmp_path}/pids/$i; done; exit 0"
    started = time.monotonic()
    result = sh(line, 2.0)
    assert time.monotonic() - started < 6
    assert result.code == 0 or result.timed_out


def test_its_own_process_group_and_default_signals(python: Callable[..., Result]) -> None:
    assert python("import os; print(os.getpgrp() == os.getpid())").out == "True\n"
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        words = sh("grep -E 'SigIgn|SigBlk' /proc/self/status").out.split()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    # Real-time signals may have come ignored from who started the tests.
    masks = [int(mask, 16) & 0x7FFFFFFF for mask in words[1::2]]
    assert masks == [0, 0]


def test_no_descriptor_of_ours_is_inherited(tmp_path: Path, python: Callable[..., Result]) -> None:
    """Whatever the tests themselves were started with is another matter."""
    with open(tmp_path / "precious", "w", encoding="ascii"):
        code = "import os\nfor n in range(99):\n if os.path.exists(p := f'/proc/self/fd/{n}'):"
        result = python(code + " print(n, os.readlink(p))")
    assert result.out.count("pipe:") >= 3
    assert "precious" not in result.out


def test_no_descriptor_and_no_zombie_is_left(tmp_path: Path, no_fd_leak: None) -> None:
    sh("echo a", stdin=b"a")
    sh("exec sleep 300", 0.05)
    sh("exec sleep 300", 0.05, stdin=b"x" * 1_000_000)
    script = tmp_path / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(ProgramNotFound, match="cannot be started"):
        Programs().run([str(script)], Deadline(LONG))
    with pytest.raises(ProgramNotFound):
        Programs().run(["no-such-program"], Deadline(LONG))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_absent_programs_are_named() -> None:
    with pytest.raises(ProgramNotFound, match="program no-such-program is not installed") as error:
        Programs().run(["no-such-program"], Deadline(LONG))
    assert PATH in str(error.value)
    with pytest.raises(ProgramNotFound, match="/no/such/program"):
        Programs().run(["/no/such/program"], Deadline(LONG))


def test_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    doors = Programs()
    assert doors.find("sh") in ("/usr/bin/sh", "/bin/sh")
    assert doors.find("mine") is None
    assert doors.find(str(mine)) is None
    mine.chmod(0o755)
    assert stat.S_IXUSR & mine.stat().st_mode
    assert doors.find(str(mine)) == str(mine)
    assert doors.find("mine") is None
    assert doors.find("") is None


def test_trace_and_secrets() -> None:
    traced: list[tuple[list[str], int, float]] = []

    def trace(argv: list[str], code: int, milliseconds: float) -> None:
        traced.append((argv, code, milliseconds))

    script = 'sleep 0.1; echo "got $1" >&2; exit 2'
    result = Programs(trace).run(
        ["sh", "-c", script, "sh", "hid\nden", "--password=hid\nden"],
        Deadline(LONG),
        secrets=["hid\nden", ""],
    )
    shown = ["sh", "-c", script, "sh", "***", "--password=***"]
    assert result.argv == shown
    assert result.failure() == "sh exited with 2: got ***"
    ((argv, code, milliseconds),) = traced
    assert (argv, code) == (shown, 2)
    assert 100 <= milliseconds < LONG * 1000


@pytest.mark.parametrize("stream", ["1", "2"])
def test_no_secret_in_a_failure(stream: str) -> None:
    """The text of a failure becomes an exit reason, which crm_mon shows to everybody."""
    result = sh(f"echo 'refused: hidden' >&{stream}; exit 1", secrets=["hidden"])
    assert result.failure() == "sh exited with 1: refused: ***"


def test_redact_longer_secrets_first() -> None:
    assert redact("abc ab x", ["ab", "abc"]) == "*** *** x"
    assert redact("text", ["", "no"]) == "text"


def test_failure_is_one_line_with_the_last_words() -> None:
    assert Result(["/usr/sbin/x"], 1, "out", "a\nb \n\n").failure() == "x exited with 1: b"
    assert Result(["x"], 1, "out\n", " \n").failure() == "x exited with 1: out"
    assert Result(["x"], 1).failure() == "x exited with 1"


def test_one_that_cannot_be_reaped_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed program that waits for a dead file server stays until the server returns.

    No test can have one without a file server, so the kernel's "not yet" is played.  The wait
    is part of the reserve that an action has for its end, which may be as short as 0.5 s.
    """
    real = os.waitpid
    left: list[int] = []

    def not_yet(pid: int, options: int) -> tuple[int, int]:
        left.append(pid)
        return 0, 0

    monkeypatch.setattr(programs_module.os, "waitpid", not_yet)
    started = time.monotonic()
    result = sh("exec sleep 300", 0.2)
    took = time.monotonic() - started
    real(left[0], 0)
    assert result.timed_out
    assert result.code == -9
    assert programs_module._REAP_WAIT <= 0.25
    assert took < 10
