"""Programs that run inside a machine of the bed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NAMESPACES = ["-m", "-p", "-u", "-i", "-n", "-r", "-w"]


class BedError(Exception):
    """Something in the bed did not work; the text says what was tried and what came of it."""


@dataclass(frozen=True)
class Result:
    """How a program ended: exit code (minus the signal's number if killed), output, seconds."""

    code: int
    out: str
    err: str
    seconds: float


class Program:
    """A program in a machine, in a session of its own, with stdin empty and output kept."""

    def __init__(
        self, machine_pid: int, argv: Sequence[str], env: Mapping[str, str], stdin: str
    ) -> None:
        """`argv` is found by the PATH of `env` inside the machine; `env` is all it gets."""
        self._argv = list(argv)
        self._out = os.memfd_create("stdout")
        self._err = os.memfd_create("stderr")
        given = os.memfd_create("stdin")
        os.write(given, stdin.encode())
        os.lseek(given, 0, os.SEEK_SET)
        enter = ["/usr/bin/nsenter", "-t", str(machine_pid), *_NAMESPACES]
        self._began = time.monotonic()
        # nsenter stays outside and waits: what runs inside is its child, as leader of a session.
        self._entered = subprocess.Popen(
            [*enter, "/usr/bin/setsid", *argv],
            env=dict(env),
            stdin=given,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
        )
        os.close(given)
        self._result: Result | None = None

    @property
    def pid(self) -> int:
        """The pid as the host sees it; 0 when the program has ended before it could be seen."""
        children = Path(f"/proc/{self._entered.pid}/task/{self._entered.pid}/children")
        while self._entered.poll() is None:
            try:
                pids = children.read_text().split()
            except OSError:
                break
            if pids:
                return int(pids[0])
            time.sleep(0.0005)
        return 0

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._entered.poll() is None

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return _content(self._out)

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return _content(self._err)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the program and all of its process group, as Pacemaker does."""
        pid = self.pid
        if not pid:
            return
        try:
            os.killpg(pid, number)
        except ProcessLookupError:  # killed so early that it has no group of its own yet
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def pause(self) -> None:
        """Stop it as if the machine had no time for it."""
        self.kill(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self.kill(signal.SIGCONT)
        os.kill(self._entered.pid, signal.SIGCONT)  # nsenter stops along with its child

    def wait(self, timeout: float = 60) -> Result:
        """Wait for its end. After `timeout` seconds it is killed and BedError raised."""
        if self._result is None:
            if not self._ends_within(timeout):
                self.kill()
                self._entered.wait()
                raise BedError(
                    f"{' '.join(self._argv)} did not end in {timeout:g} s;"
                    f" it wrote {self.out!r} and {self.err!r}"
                )
            seconds = time.monotonic() - self._began
            self._result = Result(self._entered.wait(), self.out, self.err, seconds)
            os.close(self._out)
            os.close(self._err)
        return self._result

    def _ends_within(self, timeout: float) -> bool:
        """Wait without the pauses of up to 50 ms that subprocess makes."""
        try:
            descriptor = os.pidfd_open(self._entered.pid)
        except ProcessLookupError:  # it has ended, and `alive` has reaped it
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        try:
            return bool(poll.poll(timeout * 1000))
        finally:
            os.close(descriptor)


def _content(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", "replace")
