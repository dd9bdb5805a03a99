"""Kernel nodes: User-Mode-Linux, a machine with a kernel, modules and disks of its own.

They boot in about six seconds and fork some 25 times slower than the host. Commands go over
a serial line, so that they work whatever the network does.
"""

from __future__ import annotations

import base64
import json
import queue
import shutil
import socket
import subprocess
import threading
from typing import Any

from tests.lab import network
from tests.lab.node import Node, Result, Surroundings
from tests.lab.processes import LabError

_SERIAL_CHUNK = 2048  # bytes at once: the guest's line discipline takes no more
_MARGIN = 15.0  # seconds that we wait for an answer beyond the timeout inside the node


class KernelNode(Node):
    """A node with its own kernel; `memory` in the kernel's notation, `disks` as ubd1, ubd2..."""

    kind = "kernel"
    boot_timeout = 120.0

    def __init__(self, name: str, number: int, around: Surroundings, memory: str = "256M") -> None:
        super().__init__(name, number, around)
        self._memory = memory
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._sending = threading.Lock()
        self._serial: socket.socket | None = None
        self._request = 0
        self._hello = threading.Event()

    def _start(self) -> None:
        around = self._around
        disk = around.image.ext4
        around.network.add_tap(self.name)
        self._hello.clear()
        folder = around.anchor.visible(self.folder)
        shutil.rmtree(folder / "uml", ignore_errors=True)
        (folder / "uml").mkdir()
        ours, theirs = socket.socketpair()
        hosts = ",".join(f"{name}={address}" for name, address in around.hosts.items())
        network_of = ["nsenter", "-t", str(around.anchor.pid), "-n"]
        unshare = ["unshare", "--pid", "--fork", "--kill-child=KILL"]
        kernel = [str(around.image.uml), f"mem={self._memory}", f"umid={self.name}"]
        kernel += [f"uml_dir={self.folder}/uml/", f"ubd0={self.folder}/root.cow,{disk}"]
        kernel += ["root=/dev/ubda", "rw", "quiet", "systemd.show_status=0"]
        # Without gro=1, TCP between two kernel nodes all but stops.
        kernel += [f"vec0:transport=tap,ifname={self.name},mac={self.mac},depth=128,gro=1"]
        kernel += ["con=null", "con0=null,fd:1", "ssl=null", f"ssl1=fd:{theirs.fileno()}"]
        kernel += ["console=tty0", f"lab.name={self.name}", f"lab.hosts={hosts}"]
        kernel += [f"lab.src={around.source}"]
        kernel += ["lab.addresses=" + ",".join(network.addresses(self.number))]
        # The guest's memory is a file in TMPDIR.
        environment = ["env", "-i", f"TMPDIR={self.folder}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        with open(folder / "console.log", "ab") as log, theirs:
            self._spawn(
                [*environment, *network_of, *unshare, *kernel],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
            )
        self._serial = ours
        threading.Thread(target=self._listen, args=(ours,), daemon=True).start()

    def _booted(self) -> bool:
        if not self._hello.is_set():
            return False
        state = self.sh("systemctl is-system-running", 20).out.strip()
        return state in ("running", "degraded")

    def kill(self) -> None:
        """Take the power away; see Node.kill."""
        with self._power:
            super().kill()
            self._hello.clear()
            if self._serial:
                self._serial.close()
                self._serial = None

    def sh(self, command: str, timeout: float = 60) -> Result:
        """Run a shell command in the node."""
        return self._ask({"cmd": command, "timeout": timeout}, timeout + _MARGIN)

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file in the node and to its disk."""
        data = content.encode() if isinstance(content, str) else content
        request = {"put": path, "data": base64.b64encode(data).decode(), "mode": mode}
        result = self._ask(request, 60)
        if result.code != 0:
            raise LabError(f"{self.name}: cannot write {path}: {result.out}")

    def _ask(self, request: dict[str, Any], timeout: float) -> Result:
        if not self.alive:
            return Result(125, f"{self.name} is switched off")
        if self.frozen:
            return Result(124, f"{self.name} is frozen")
        answer: queue.Queue[dict[str, Any]] = queue.Queue()
        with self._sending:
            self._request += 1
            number = self._request
            self._answers[number] = answer
            data = (json.dumps({"id": number, **request}) + "\n").encode()
            try:
                for start in range(0, len(data), _SERIAL_CHUNK):
                    if self._serial is None:
                        raise OSError("no serial line")
                    self._serial.sendall(data[start : start + _SERIAL_CHUNK])
            except OSError as error:
                return Result(125, f"{self.name}: {error}")
        try:
            said = answer.get(timeout=timeout)
        except queue.Empty:
            return Result(124, f"{self.name} did not answer in {timeout:g} s")
        finally:
            self._answers.pop(number, None)
        return Result(said["code"], said["out"])

    def _listen(self, serial: socket.socket) -> None:
        """Take the answers from the serial line until it ends."""
        pending = b""
        while True:
            try:
                data = serial.recv(65536)
            except OSError:
                return
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                if "hello" in said:
                    self._hello.set()
                waiting = self._answers.get(said.get("id", 0))
                if waiting:
                    waiting.put(said)
