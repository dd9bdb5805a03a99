"""Short work that outlives the call that began it: a forked child in a session of its own.

Pacemaker kills an action's whole process group at the timeout, and waits for nobody else, so the
child leaves the group.  For helpers of seconds only: a daemon belongs into a unit of its own.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .deadline import Deadline


def detach(work: Callable[[], None]) -> None:
    """Run `work` in a child that is nobody's: no terminal, no standard files of ours.

    Raises OSError (EAGAIN) when no process can be made.
    """
    if os.fork():
        return
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        work()
    finally:
        os._exit(0)


def detach_until_ready(work: Callable[[Callable[[], None]], None], deadline: Deadline) -> bool:
    """The same with `work(ready)`: wait until the child calls `ready()`, and return True.

    False when it ended without, or the deadline came first.
    """
    import select

    read_end, write_end = os.pipe()

    def ready() -> None:
        try:
            os.write(write_end, b".")
        except BrokenPipeError:
            pass  # The caller has given up waiting.

    detach(lambda: work(ready))
    os.close(write_end)
    poll = select.poll()
    poll.register(read_end, select.POLLIN)
    try:
        return bool(poll.poll(deadline.remaining() * 1000)) and os.read(read_end, 1) == b"."
    finally:
        os.close(read_end)
