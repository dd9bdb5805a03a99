"""Short work that outlives the call that began it: a forked child in a session of its own.

Pacemaker kills an action's whole process group at the timeout, and waits for nobody else, so the
child leaves the group.  For helpers of seconds only: a daemon belongs into a unit of its own.
"""

from __future__ import annotations

import os
import select

from .deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def detach(work: Callable[[Callable[[], None]], None], deadline: Deadline | None = None) -> bool:
    """Run `work(ready)` in a child that is nobody's: no terminal, no standard files of ours.

    With a deadline, wait until the child calls `ready()` and return True, or return False when
    it ended or the deadline came first.  Without one, return True at once.
    Raises OSError (EAGAIN) when no process can be made.
    """
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(nothing, fd)
            os.close(read_end)
            work(lambda: _say(write_end))
        finally:
            os._exit(0)
    os.close(write_end)
    try:
        if deadline is None:
            return True
        poll = select.poll()
        poll.register(read_end, select.POLLIN)
        return bool(poll.poll(deadline.remaining() * 1000)) and os.read(read_end, 1) == b"."
    finally:
        os.close(read_end)


def _say(fd: int) -> None:
    try:
        os.write(fd, b".")
    except BrokenPipeError:
        pass  # The caller does not wait for us.
