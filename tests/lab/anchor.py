"""The anchor: processes that hold everything of the lab that is not a process of a node.

One holds the network namespace of the bridge and a mount namespace with a tmpfs (the nodes'
disks, sockets, logs) and the cgroup hierarchy; one holds the client's network and files.
Both die with the lab's process, and all they hold goes with them: no named namespace, no
mount and no file of a node can be left behind. Only empty cgroup folders survive a kill -9;
the next lab removes them.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.lab import cache
from tests.lab.image import Image
from tests.lab.processes import LabError, Spawner

CGROUP = "moodle-ha-lab"
_HOLD = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$0"
mkdir "$0/cgroup"
mount -t cgroup2 none "$0/cgroup"
ip link set lo up
echo ready
exec sleep infinity
"""

# The client has the image's programs, with a layer of its own that is as short-lived.
_CLIENT = """
set -e
cd "$0"
mount -t tmpfs -o mode=755 tmpfs .
cd "$0"
mkdir upper work root
mount -t overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" overlay root
mount -t proc proc root/proc
mount -t sysfs -o ro sysfs root/sys
mount --rbind /dev root/dev
mount -t tmpfs -o mode=755 tmpfs root/run
ip link set lo up
echo ready
exec chroot root sleep infinity
"""


class Anchor:
    """Holds the lab's namespaces, its state folder and its cgroups; see the module's text."""

    def __init__(self, spawner: Spawner, image: Image) -> None:
        self.state = cache.folder() / "run" / "state"
        self.state.mkdir(parents=True, exist_ok=True)
        hold = ["unshare", "--net", "--mount", "--propagation", "private"]
        self._bridge = _start(spawner, [*hold, "sh", "-c", _HOLD, str(self.state)])
        place = self.state.with_name("client")
        place.mkdir(exist_ok=True)
        self._client = _start(spawner, [*hold, "sh", "-c", _CLIENT, str(place), str(image.root)])
        self._sweep_cgroups()

    @property
    def pid(self) -> int:
        """The process whose network is the bridge's and whose mounts the nodes start from."""
        return self._bridge.pid

    @property
    def client_pid(self) -> int:
        """The process whose network is the client's."""
        return self._client.pid

    def visible(self, path: Path) -> Path:
        """Return the path by which this process sees a file below the state folder."""
        return Path(f"/proc/{self.pid}/root{path}")

    def cgroup(self, node: str) -> Path:
        """Return the cgroup folder of a node, made when it does not exist."""
        folder = self.visible(self.state) / "cgroup" / CGROUP / node
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Remove the cgroups and end; the nodes must have been killed."""
        self._sweep_cgroups()
        for process in (self._client, self._bridge):
            process.kill()
            process.wait()

    def _sweep_cgroups(self) -> None:
        """Remove all cgroups of labs, after killing what a lab that died may have left in them."""
        top = self.visible(self.state) / "cgroup" / CGROUP
        deadline = time.monotonic() + 10
        while top.exists():
            (top / "cgroup.kill").write_text("1")
            try:
                for folder in sorted(top.rglob("*"), key=lambda path: -len(path.parts)):
                    if folder.is_dir():
                        folder.rmdir()
                top.rmdir()
            except OSError as error:  # killed processes take a moment to be gone
                if time.monotonic() > deadline:
                    raise LabError(f"cannot remove the lab's cgroup {top}: {error}") from None
                time.sleep(0.05)


def _start(spawner: Spawner, command: list[str]) -> subprocess.Popen[bytes]:
    process = spawner.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as out:
        if out.readline() != b"ready\n":
            raise LabError(f"{command[0]} could not hold the lab's namespaces (root needed?)")
    return process
