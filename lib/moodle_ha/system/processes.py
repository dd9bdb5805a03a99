"""Processes by identity: a pid alone may belong to somebody else by now.

The identity of a process is its pid together with the moment at which it started (field 22 of
/proc/PID/stat, proc(5), in clock ticks since boot): the kernel never gives the same pair twice
in one boot.
"""

from __future__ import annotations

import errno
import os

from . import statefile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .deadline import Deadline


class Process:
    """One process of this machine, dead or alive."""

    __slots__ = ("pid", "started")

    def __init__(self, pid: int, started: int) -> None:
        self.pid = pid
        self.started = started

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Process) and (self.pid, self.started) == (other.pid, other.started)

    def __hash__(self) -> int:
        return hash((self.pid, self.started))

    def __repr__(self) -> str:
        return f"Process({self.pid}, started={self.started})"

    def alive(self) -> bool:
        """True while it runs; a zombie is dead, unless other threads of it still run."""
        return _alive(self.pid, self.started)

    def signal(self, number: int) -> bool:
        """Send a signal to this very process; False when it has gone."""
        # The C part of `signal`, whose enums cost 5 ms: a third of a whole stop of a small agent.
        from _signal import pidfd_send_signal  # type: ignore[import-not-found]

        fd = _open(self.pid)
        if fd is None:
            return False
        try:
            # Opened first, compared then: the descriptor can't change hands any more.
            if _started(self.pid) != self.started:
                return False
            pidfd_send_signal(fd, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(fd)
        return True

    def wait(self, deadline: Deadline) -> bool:
        """Wait until the process and all its threads have gone; False at the deadline.

        A process of our own that has ended must be reaped by its parent meanwhile or counts as
        gone: pidfd(2) reports the end of the last thread, not the reaping.
        """
        fd = _open(self.pid)
        if fd is None:
            return True
        try:
            if _started(self.pid) != self.started:
                return True
            import select

            poll = select.poll()
            poll.register(fd, select.POLLIN)
            return bool(poll.poll(deadline.remaining() * 1000))
        finally:
            os.close(fd)


def of(pid: int) -> Process | None:
    """The process that has this pid now; None when there is none."""
    started = _started(pid)
    return None if started is None else Process(pid, started)


def stop(process: Process, deadline: Deadline, patience: float = 0.6) -> bool:
    """End a process: SIGTERM, and SIGKILL after `patience` (a fraction) of the time is used up.

    True when it and all its threads have gone by the deadline; False for one that even SIGKILL
    does not end, which hangs in the kernel.
    """
    if not process.signal(15):
        return True
    if process.wait(deadline.share(patience)):
        return True
    process.signal(9)
    return process.wait(deadline)


def remember(path: str, process: Process) -> None:
    """Write a pid file that also holds the start time."""
    statefile.write(path, {"pid": process.pid, "started": process.started})


def recall(path: str) -> Process | None:
    """The process of a pid file written by `remember`, if it is still alive."""
    content = statefile.read(path) or {}
    try:
        process = Process(int(content["pid"]), int(content["started"]))
    except (KeyError, ValueError):
        return None
    return process if process.alive() else None


def _open(pid: int) -> int | None:
    """A descriptor of the process; None when there is none, or the number is a thread's by now."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
            return None
        raise


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the third on (the name before them may hold blanks)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _started(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def _alive(pid: int, started: int) -> bool:
    fields = _stat(pid)
    if not fields or int(fields[19]) != started:
        return False
    if fields[0] not in (b"Z", b"X"):
        return True
    # The first thread may have ended while others go on: it stays a zombie until the last ends.
    return int(fields[17]) > 1
