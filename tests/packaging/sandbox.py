"""A scratch copy of the lab's image in which packages are installed and tried.

The copy is an overlay in a mount namespace of its own (with no network), held by one process that
ends when its stdin closes: whatever happens to the tests, nothing is left on the machine.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# $1 is the image's root, $2 the folder to mount things on.
HOLD = """
mount -t tmpfs tmpfs "$2" && mkdir "$2/upper" "$2/work" "$2/root" &&
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root" &&
mount -t proc proc "$2/root/proc" &&
mount --bind /dev "$2/root/dev" &&
echo ready && exec cat
"""


class Sandbox:
    """A changed and thrown-away system; `close` ends it."""

    def __init__(self, image_root: Path, mount_point: Path) -> None:
        """Mount a copy of the image below the (empty) mount point, seen by the sandbox alone."""
        self._mount_point = mount_point
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", HOLD, "sh", image_root, mount_point],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError(f"could not mount a copy of {image_root}")

    def close(self) -> None:
        """End the holder; its namespaces, and with them all mounts, go away."""
        self._holder.communicate(timeout=30)

    def run(
        self, *command: str, user: int = 0, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside with an environment that holds a PATH only.

        `user` is a numeric user id. Raises CalledProcessError when `check` and it fails.
        """
        enter = ["nsenter", f"--target={self._holder.pid}", "--mount", "--net"]
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [*enter, "chroot", self._mount_point / "root", *as_user, "env", "-i", path, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if check and done.returncode != 0:
            print(done.stdout, done.stderr, sep="\n")
            done.check_returncode()
        return done

    def write(self, path: str, content: bytes) -> None:
        """Put a file into the sandbox; the folder must exist."""
        enter = ["nsenter", f"--target={self._holder.pid}", "--mount"]
        target = f"{self._mount_point}/root{path}"
        subprocess.run(
            [*enter, "tee", target], input=content, stdout=subprocess.DEVNULL, check=True
        )
