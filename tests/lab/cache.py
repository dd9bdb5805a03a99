"""The lab's place outside the tree: paths and locks."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def folder() -> Path:
    """Return the cache folder: MOODLE_HA_LAB_CACHE, or /var/cache/moodle-ha-lab."""
    return Path(os.environ.get("MOODLE_HA_LAB_CACHE", "/var/cache/moodle-ha-lab"))


class Lock:
    """A lock on a file that the kernel gives up with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def shared(self) -> None:
        """Wait until no one holds the lock exclusively, then hold it with others."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def exclusive(self) -> None:
        """Wait until the lock is ours alone."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def try_exclusive(self) -> bool:
        """Take the lock for ourselves alone if nobody holds it; return whether we did."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write(self, text: str) -> None:
        """Replace the content of the lock file: who holds it, for people."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def read(self) -> str:
        """Return what the holder wrote about itself."""
        return self.path.read_text()

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._descriptor)
