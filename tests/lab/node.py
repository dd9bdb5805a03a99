"""A node of the lab: what kernel nodes and namespace nodes have in common."""

from __future__ import annotations

import subprocess
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.lab import network
from tests.lab.anchor import Anchor
from tests.lab.image import Image
from tests.lab.network import Cut, Direction, Network, Scope
from tests.lab.processes import LabError, Spawner, child_of, wait_until

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_JOIN_CGROUP = 'echo $$ >"$0/cgroup.procs"; exec "$@"'


class Result(NamedTuple):
    """How a command in a node ended: exit code (124: timed out), stdout and stderr together."""

    code: int
    out: str


@dataclass(frozen=True)
class Surroundings:
    """What every node of one lab needs from it."""

    image: Image
    anchor: Anchor
    network: Network
    spawner: Spawner
    hosts: dict[str, str]
    source: Path


class Node(ABC):
    """A machine with a power cord and a network cable.

    Its disk outlives `kill` and `boot`, as a real one does. Methods that change its power may
    be called from several threads.
    """

    kind = ""
    pid: int  # of the node's first process, as the host sees it
    boot_timeout = 60.0

    def __init__(self, name: str, number: int, around: Surroundings) -> None:
        self.name = name
        self.number = number
        self.address = network.IPV4.format(number)
        self.address6 = network.IPV6.format(number)
        self.mac = network.MAC.format(number)
        self.frozen = False
        self._around = around
        self._power = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        around.anchor.visible(self.folder).mkdir()

    @property
    def folder(self) -> Path:
        """The node's folder in the lab's state, as the node's own processes see it."""
        return self._around.anchor.state / self.name

    @property
    def alive(self) -> bool:
        """Whether the node has power and its first process runs."""
        return self._process is not None and self._process.poll() is None

    @abstractmethod
    def _start(self) -> None:
        """Start the node's first process, and set `_process` and `pid`."""

    @abstractmethod
    def _booted(self) -> bool:
        """Whether the node takes commands and has finished booting."""

    @abstractmethod
    def sh(self, command: str, timeout: float = 60) -> Result:
        """Run a shell command in the node."""

    @abstractmethod
    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file in the node, so that it survives a power cut."""

    def run(self, command: str, timeout: float = 60) -> str:
        """Run a shell command in the node and return what it printed; LabError if it fails."""
        result = self.sh(command, timeout)
        if result.code != 0:
            raise LabError(f"{self.name}: {command!r} ended with {result.code}:\n{result.out}")
        return result.out

    def boot(self) -> None:
        """Switch the node on; returns at once, see `wait_booted`."""
        with self._power:
            if self.alive:
                raise LabError(f"{self.name} is running already")
            try:
                self._start()
            except LabError as error:
                raise LabError(f"{self.name} does not start: {error}\n{self.console()}") from error

    def wait_booted(self, timeout: float | None = None) -> None:
        """Wait until the node has booted."""
        wait_until(
            lambda: self.alive and self._booted(),
            timeout or self.boot_timeout,
            f"{self.name} to boot",
            describe=self.console,
        )

    def console(self) -> str:
        """Return what the node printed on its console since the lab began."""
        path = self._around.anchor.visible(self.folder) / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self) -> None:
        """Take the power away: every process ends at once and nothing more is sent."""
        with self._power:
            if self._process is None:
                return
            # The port goes first: else the host's kernel would say goodbye (FIN, RST) on
            # the connections of a dead namespace node, as no machine without power does.
            self._around.network.power_port(self.name, on=False)
            (self._cgroup / "cgroup.kill").write_text("1")
            self._process.wait()
            self._process = None
            # The disk may only be used again when the last process has let go of it.
            events = self._cgroup / "cgroup.events"
            gone = f"all processes of {self.name} to be gone"
            wait_until(lambda: "populated 0" in events.read_text(), 30, gone, every=0.01)
            self.thaw()

    def freeze(self) -> None:
        """Stop the node as a hypervisor pauses a machine: nothing runs, nothing answers."""
        with self._power:
            self.frozen = True
            self._around.network.silence(self.name, True)
            self._freezer("1")

    def thaw(self) -> None:
        """Let a frozen node go on where it stopped."""
        with self._power:
            self._freezer("0")
            self._around.network.silence(self.name, False)
            self.frozen = False

    def cut(self, scope: Scope = "all", direction: Direction = "both") -> None:
        """Cut the node off from everything or only from its `peers` (power switch and client stay).

        Both directions of everything is the cable out: the node sees the carrier go.
        One way ("in" or "out", seen from the node) drops the frames silently.
        """
        self._around.network.cut(self.name, Cut(scope, direction))

    def heal(self) -> None:
        """End the cut."""
        self._around.network.heal(self.name)

    def _freezer(self, value: str) -> None:
        (self._cgroup / "cgroup.freeze").write_text(value)

    @property
    def _cgroup(self) -> Path:
        return self._around.anchor.cgroup(self.name)

    def _in_cgroup(self, command: list[str]) -> list[str]:
        """Return the command that runs `command` inside the node's cgroup."""
        return ["sh", "-c", _JOIN_CGROUP, str(self._cgroup), *command]

    def _spawn(self, command: list[str], **options: object) -> None:
        """Start the node's first process from the anchor's mounts; `command` ends in a fork."""
        inside = ["nsenter", "-t", str(self._around.anchor.pid), "-m", *command]
        self._process = self._around.spawner.start(self._in_cgroup(inside), **options)
        self.pid = child_of(self._process)
