"""The moment by which an answer must be given.

Whoever calls us (Pacemaker, ldirectord, Nagios) kills us with SIGKILL when its own timeout ends,
and no clean-up code runs then.  So everything that can wait is given a deadline, and every step
a share of what is left.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False  # the typing module itself costs half a monitor's import time
if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """A moment on the monotonic clock, made of the seconds from now until then."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._end - time.monotonic())

    def expired(self) -> bool:
        """True once the moment has come."""
        return time.monotonic() >= self._end

    def share(self, fraction: float = 1.0, at_most: float | None = None) -> Deadline:
        """A deadline for one step: `fraction` of what is left, and `at_most` so many seconds."""
        share = Deadline(0.0)
        now = time.monotonic()
        seconds = max(0.0, self._end - now) * fraction
        # Never beyond the whole, not even by rounding or the time that this took.
        share._end = min(self._end, now + (seconds if at_most is None else min(seconds, at_most)))
        return share

    def wait_until(self, condition: Callable[[], bool], interval: float = 0.05) -> bool:
        """Ask `condition` every `interval` seconds until it is true or the deadline is over.

        It is asked at least once.  Returns whether it came true.
        """
        while not condition():
            left = self.remaining()
            if left <= 0:
                return False
            time.sleep(min(interval, left))
        return True
