"""Processes by pid and start time, with real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moodle_ha.system import processes, statefile
from moodle_ha.system.deadline import Deadline
from moodle_ha.system.processes import Process

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program that prints a line when it is ready; killed at the end."""
    children: list[subprocess.Popen[str]] = []

    def run(*argv: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout is not None
        child.stdout.readline()
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


SLEEPER = ("/bin/sh", "-c", "echo ready; exec sleep 300")
STUBBORN = ("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
# The first thread ends by pthread_exit(3) while another goes on: /proc shows a zombie.
HEADLESS = (
    sys.executable,
    "-IS",
    "-c",
    """
import ctypes, threading, time
def rest():
    while open("/proc/self/stat").read().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    print("ready", flush=True)
    time.sleep(300)
threading.Thread(target=rest, daemon=True).start()
library = ctypes.CDLL(None)
library.pthread_exit(None)
""",
)


def of(child: subprocess.Popen[str]) -> Process:
    process = processes.of(child.pid)
    assert process is not None
    return process


def another(process: Process) -> Process:
    """Who had this pid before: same pid, other start."""
    return Process(process.pid, process.started - 1)


def reaped_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_identity(start: Start) -> None:
    child = start(*SLEEPER)
    process = of(child)
    assert process == Process(child.pid, process.started)
    assert process != another(process)
    assert len({process, of(child), another(process)}) == 2
    assert str(child.pid) in repr(process)
    ticks = os.sysconf("SC_CLK_TCK")
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert 0 <= uptime - process.started / ticks < 60


def test_a_name_with_blanks_and_brackets(start: Start, tmp_path: Path) -> None:
    strange = tmp_path / "a) S 1 (b"
    strange.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(strange), "300"])
    try:
        assert Deadline(10).wait_until(
            lambda: "a) S 1 (b" in Path(f"/proc/{child.pid}/stat").read_text(), 0.01
        )
        assert of(child).alive()
    finally:
        child.kill()
        child.wait()


def test_no_process() -> None:
    pid = reaped_pid()
    assert processes.of(pid) is None
    gone = Process(pid, 1)
    assert not gone.alive()
    assert not gone.signal(0)
    assert gone.wait(Deadline(0))
    assert processes.stop(gone, Deadline(0))


def test_a_recycled_pid_is_somebody_else(start: Start) -> None:
    child = start(*SLEEPER)
    earlier = another(of(child))
    assert not earlier.alive()
    assert not earlier.signal(9)
    assert earlier.wait(Deadline(0))
    assert processes.stop(earlier, Deadline(5))
    assert child.poll() is None
    assert of(child).alive()


def test_a_pid_recycled_as_a_thread_is_somebody_else() -> None:
    """Threads have pids of their own, which pidfd_open(2) refuses with EINVAL."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        earlier = Process(thread.native_id, 1)
        assert not earlier.alive()
        assert not earlier.signal(0)
        assert earlier.wait(Deadline(0))
        assert processes.stop(earlier, Deadline(0))
    finally:
        end.set()
        thread.join()


def test_a_zombie_is_dead(start: Start) -> None:
    child = start(*SLEEPER)
    process = of(child)
    assert process.signal(9)
    assert process.wait(Deadline(20))
    assert processes.of(child.pid) == process, "not reaped yet, so that it is a zombie"
    assert not process.alive()
    child.wait()
    assert not process.alive()


def test_a_process_lives_as_long_as_its_last_thread(start: Start) -> None:
    child = start(*HEADLESS)
    process = of(child)
    state = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]
    assert state == "Z"
    assert process.alive()
    assert not process.wait(Deadline(0.1))
    assert processes.stop(process, Deadline(20))
    assert not process.alive()


def test_wait_ends_at_the_deadline(start: Start) -> None:
    process = of(start(*SLEEPER))
    started = time.monotonic()
    assert not process.wait(Deadline(0.1))
    assert 0.1 <= time.monotonic() - started < 5
    assert not process.wait(Deadline(-1))


def test_stop_asks_first(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "said goodbye"
    script = f"trap 'touch \"{file}\"; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    process = of(start("/bin/sh", "-c", script))
    assert processes.stop(process, Deadline(20))
    assert file.exists()
    assert not process.alive()


def test_stop_kills_after_the_patience(start: Start) -> None:
    child = start(*STUBBORN)
    process = of(child)
    started = time.monotonic()
    assert processes.stop(process, Deadline(10.0), patience=0.03)
    assert 0.3 <= time.monotonic() - started < 10
    assert child.wait() == -9


def test_stop_says_when_it_goes_on() -> None:
    """As one does that waits in the kernel for a dead file server, which no test can have here."""
    sent = []

    class Stuck(Process):
        def signal(self, number: int) -> bool:
            sent.append(number)
            return True

        def wait(self, deadline: Deadline) -> bool:
            return False

    assert not processes.stop(Stuck(os.getpid(), 1), Deadline(0.1))
    assert sent == [15, 9]


def test_remember_and_recall(start: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "pids" / "daemon")
    assert processes.recall(path) is None
    child = start(*SLEEPER)
    processes.remember(path, of(child))
    assert processes.recall(path) == of(child)
    processes.remember(path, another(of(child)))
    assert processes.recall(path) is None
    processes.remember(path, of(child))
    child.kill()
    child.wait()
    assert processes.recall(path) is None


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"pid": ""},
        {"pid": "1"},
        {"pid": "x", "started": "1"},
        {"pid": "0", "started": "0"},
        {"pid": "-1", "started": "1"},
        {"pid": "9" * 30, "started": "1"},
    ],
)
def test_a_damaged_pid_file_is_no_process(tmp_path: Path, content: dict[str, str]) -> None:
    path = str(tmp_path / "daemon")
    statefile.write(path, content)
    assert processes.recall(path) is None


def test_no_descriptor_is_left_open(start: Start, no_fd_leak: None) -> None:
    child = subprocess.Popen(["sleep", "300"])
    process = of(child)
    process.signal(0)
    process.wait(Deadline(0))
    another(process).signal(0)
    another(process).wait(Deadline(0))
    processes.stop(process, Deadline(10))
    child.wait()
