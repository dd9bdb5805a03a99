"""Namespace nodes: the image with real systemd in namespaces of its own, on the host's kernel.

They boot in half a second and run at native speed. What they share with the host is its
kernel: no modules of their own, and a kill loses nothing that was written.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab import network
from tests.lab.node import PATH, Node, Result, Surroundings
from tests.lab.processes import LabError

_INIT = Path(__file__).with_name("namespace_init.sh")
_MARGIN = 5.0  # seconds that the host waits longer than the timeout inside the node


class NamespaceNode(Node):
    """A node without a kernel of its own; see the module's text."""

    kind = "namespace"
    boot_timeout = 60.0

    def __init__(self, name: str, number: int, around: Surroundings) -> None:
        super().__init__(name, number, around)
        for part in ("upper", "work", "root"):
            (around.anchor.visible(self.folder) / part).mkdir()

    def _start(self) -> None:
        around = self._around
        hosts = "\n".join(f"{address} {name}" for name, address in around.hosts.items())
        log = open(around.anchor.visible(self.folder) / "console.log", "ab")  # noqa: SIM115
        separate = ["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup"]
        command = ["unshare", *separate, "--fork", "--kill-child=KILL", "bash", "-c"]
        command += [_INIT.read_text(), "init", str(self.folder), str(around.image.root)]
        command += [str(around.source), self.name, hosts, *network.addresses(self.number)]
        with log:
            self._spawn(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        assert self._process is not None
        assert self._process.stdin is not None
        around.network.plug_in(self.name, self.pid, self.mac)
        with self._process.stdin as go:
            go.write(b"go\n")

    def _booted(self) -> bool:
        if Path(f"/proc/{self.pid}/comm").read_text().strip() != "systemd":
            return False
        state = self.sh("systemctl is-system-running", 10).out.strip()
        return state in ("running", "degraded")

    def kill(self) -> None:
        """Take the power away; see Node.kill."""
        with self._power:
            super().kill()
            self._around.network.unplug(self.name)

    def sh(self, command: str, timeout: float = 60) -> Result:
        """Run a shell command in the node."""
        inside = ["timeout", "--signal=KILL", str(timeout), "bash", "-c", command]
        return self._enter(inside, None, timeout)

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file in the node."""
        data = content.encode() if isinstance(content, str) else content
        write = 'mkdir -p "$(dirname "$0")" && cat >"$0" && chmod "$1" "$0"'
        result = self._enter(["sh", "-c", write, path, f"{mode:o}"], data, 30)
        if result.code != 0:
            raise LabError(f"{self.name}: cannot write {path}: {result.out}")

    def _enter(self, command: list[str], data: bytes | None, timeout: float) -> Result:
        """Run a command inside the node, as part of it: it is frozen and killed with it."""
        if not self.alive:
            return Result(125, f"{self.name} is switched off")
        if self.frozen:
            return Result(124, f"{self.name} is frozen")
        enter = ["nsenter", "-t", str(self.pid), *["-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w"]]
        clean = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8"]
        try:
            done = subprocess.run(
                self._in_cgroup([*enter, *clean, *command]),
                input=data if data is not None else b"",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout + _MARGIN,
            )
        except subprocess.TimeoutExpired as expired:
            return Result(124, (expired.stdout or b"").decode("utf-8", "replace"))
        code = 124 if done.returncode in (-9, 137) else done.returncode
        return Result(code, done.stdout.decode("utf-8", "replace"))
