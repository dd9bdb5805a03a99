"""Short work that outlives the call that began it: a forked child in a session of its own.

Pacemaker kills an action's whole process group at the timeout, and waits for nobody else, so the
child leaves the group.  For helpers of seconds only: a daemon belongs into a unit of its own.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def detach(work: Callable[[], None]) -> int:
    """Run `work` in a child that is nobody's: no terminal, no standard files of ours.

    Returns its pid.  Raises OSError (EAGAIN) when no process can be made.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        work()
    finally:
        os._exit(0)
