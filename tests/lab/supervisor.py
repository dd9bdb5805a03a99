"""A lab in the background, for people at the command line.

The supervisor holds the lab and answers one JSON line per connection on a unix socket:
{"command": "sh", "node": "lb1", "text": "uptime"} -> {"code": 0, "out": "..."}.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.lab import cache
from tests.lab.lab import CHECKOUT, Kind, Lab
from tests.lab.processes import LabError


def socket_path() -> Path:
    """Return the path of the supervisor's socket."""
    return cache.folder() / "run" / "supervisor.sock"


def log_path() -> Path:
    """Return the path of the supervisor's log, which also shows the progress of `up`."""
    return cache.folder() / "run" / "supervisor.log"


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Send a request to the supervisor and return its answer; LabError when none runs."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(socket_path()))
        except OSError:
            raise LabError("no lab is up; start one with: python3 -m tests.lab up") from None
        connection.sendall((json.dumps(request) + "\n").encode())
        answer: dict[str, Any] = json.loads(connection.makefile().readline() or "{}")
    return answer


def start(nodes: dict[str, Kind], with_cluster: bool, minutes: float) -> None:
    """Start a supervisor in the background and wait until its lab is up.

    Raises LabError with the supervisor's last words when it ends instead.
    """
    log_path().parent.mkdir(parents=True, exist_ok=True)
    settings = json.dumps({"nodes": nodes, "cluster": with_cluster, "minutes": minutes})
    with open(log_path(), "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.supervisor", settings],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while process.poll() is None:
        if b"\nup\n" in b"\n" + log_path().read_bytes():
            return
        time.sleep(0.1)
    raise LabError(f"the lab did not come up:\n{log_path().read_text()[-3000:]}")


class Supervisor:
    """Answers requests for one lab until it is told to end."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._ending = threading.Event()

    def serve(self) -> None:
        """Serve until a request "down" came."""
        socket_path().unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(socket_path()))
            listener.listen()
            listener.settimeout(0.5)
            print("up", flush=True)
            while not self._ending.is_set():
                try:
                    connection, _ = listener.accept()
                except socket.timeout:
                    continue
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        socket_path().unlink()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(None)
            request = json.loads(connection.makefile().readline())
            try:
                code, out = self._do(request)
            except LabError as error:
                code, out = 1, f"{error}\n"
            connection.sendall((json.dumps({"code": code, "out": out}) + "\n").encode())

    def _do(self, request: dict[str, Any]) -> tuple[int, str]:
        command = request["command"]
        if command == "down":
            self._ending.set()
            return 0, ""
        if command == "status":
            return 0, self._status()
        if request["node"] == "client" and command == "sh":
            return self._lab.client.sh(request["text"], request["timeout"])
        if request["node"] not in self._lab.nodes:
            raise LabError(f"there is no node {request['node']}: {', '.join(self._lab.nodes)}")
        node = self._lab[request["node"]]
        if command == "sh":
            return node.sh(request["text"], request["timeout"])
        if command == "cut":
            node.cut(request["scope"], request["direction"])
        elif command == "boot":
            node.boot()
            node.wait_booted()
        else:
            actions = {"kill": node.kill, "freeze": node.freeze, "thaw": node.thaw}
            actions["heal"] = node.heal
            actions[command]()
        return 0, ""

    def _status(self) -> str:
        lines = []
        for node in self._lab.nodes.values():
            power = "off" if not node.alive else "frozen" if node.frozen else "on"
            cut = self._lab.network.cut_of(node.name)
            lines.append(
                f"{node.name:<12} {node.kind:<10} {power:<7} {node.address:<12} {node.address6}"
                + (f"  cut from {cut.scope} ({cut.direction})" if cut else "")
            )
        now = time.monotonic()
        for entry in self._lab.switch.fencings():
            ago = now - entry.time
            what = f"{entry.asker} asked to {entry.action} {entry.node}"
            lines.append(f"fencing: {ago:.0f} s ago {what}")
        return "\n".join(lines) + "\n"


def main() -> None:
    """Run a supervisor in the foreground with the settings given as JSON."""
    settings = json.loads(sys.argv[1])
    with Lab(settings["nodes"], wait_minutes=settings["minutes"]) as lab:
        print(f"booted {', '.join(lab.nodes)}", flush=True)
        lab.use_checkout()
        if settings["cluster"]:
            lab.cluster.form()
            print("cluster online", flush=True)
        Supervisor(lab).serve()


if __name__ == "__main__":
    main()
