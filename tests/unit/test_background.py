"""Work that outlives the call that began it, and does not hold its caller."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moodle_ha.system import background
from moodle_ha.system.deadline import Deadline

LIBRARY = Path(__file__).parents[2] / "lib"


def reap(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_child_leaves_session_group_and_terminal(tmp_path: Path) -> None:
    report = tmp_path / "report"

    def work() -> None:
        files = [os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)]
        report.write_text(f"{os.getpid()} {os.getsid(0)} {os.getpgrp()} {files}")

    pid = background.detach(work)
    assert reap(pid) == 0
    assert report.read_text() == f"{pid} {pid} {pid} {['/dev/null'] * 3}"


@pytest.mark.parametrize("failure", [OSError, ValueError, SystemExit, KeyboardInterrupt])
def test_a_failure_ends_the_child_quietly(
    failure: type[BaseException], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def work() -> None:
        os.write(1, b"lost")
        os.write(2, b"lost")
        raise failure("lost as well")

    assert reap(background.detach(work)) == 0
    assert capfd.readouterr() == ("", "")


def test_the_caller_s_pipes_are_not_held_and_its_end_is_not_the_child_s(tmp_path: Path) -> None:
    """As Pacemaker sees it: the action ends at once, the child goes on, though its group dies."""
    go, mark = tmp_path / "go", tmp_path / "mark"
    code = f"""
import os, sys, time
sys.path.insert(0, {str(LIBRARY)!r})
from moodle_ha.system import background
def work():
    for _ in range(3000):
        if os.path.exists({str(go)!r}):
            break
        time.sleep(0.01)
    open({str(mark)!r}, "w").close()
background.detach(work)
print("done", flush=True)
os._exit(0)
"""
    agent = subprocess.Popen(
        [sys.executable, "-IS", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert agent.communicate(timeout=20) == ("done\n", "")
    assert not mark.exists(), "the pipes were held until the child's end"
    try:
        os.killpg(agent.pid, 9)
    except ProcessLookupError:
        pass
    go.touch()
    assert Deadline(20).wait_until(mark.exists)


def test_no_process_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(background.os, "fork", fork)
    with pytest.raises(OSError, match="temporarily"):
        background.detach(lambda: None)
