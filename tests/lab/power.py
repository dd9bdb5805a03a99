"""The power switch: what fence_lab talks to. It really ends nodes, and keeps a log."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple

from tests.lab import network
from tests.lab.anchor import Anchor
from tests.lab.node import Node
from tests.lab.processes import LabError, in_network_of

PORT = 7070


class Switching(NamedTuple):
    """One request: when it came (time.monotonic), from which node, what, for which node."""

    time: float
    asker: str
    action: str
    node: str


class PowerSwitch:
    """A TCP server in the lab's network; one line `ACTION NODE` per connection.

    The answer is the fence agent's exit code on a line, then text. With `delay` (seconds)
    set, a node keeps its power for that long after it was asked to lose it.
    """

    def __init__(self, nodes: Mapping[str, Node], anchor: Anchor) -> None:
        self.delay = 0.0
        self.log: list[Switching] = []
        self._nodes = nodes
        self._names = {node.address: name for name, node in nodes.items()}
        address = (network.IPV4.format(network.SWITCH), PORT)
        self._listener = in_network_of(anchor.pid, lambda: socket.create_server(address))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def fencings(self, since: float = 0.0) -> list[Switching]:
        """Return the requests since a time (time.monotonic) that took a node's power."""
        return [e for e in self.log if e.action in ("off", "reboot") and e.time >= since]

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, (asker, *_) = self._listener.accept()
            except OSError:
                return
            arguments = (connection, self._names.get(asker, asker))
            threading.Thread(target=self._answer, args=arguments, daemon=True).start()

    def _answer(self, connection: socket.socket, asker: str) -> None:
        with connection:
            try:
                connection.settimeout(10)
                action, _, node = connection.makefile().readline().strip().partition(" ")
                self.log.append(Switching(time.monotonic(), asker, action, node))
                try:
                    answer = self._switch(action, node)
                except LabError as error:
                    answer = f"1\n{error}\n"
                connection.sendall(answer.encode())
            except OSError:  # the asker lost its own power meanwhile
                return

    def _switch(self, action: str, name: str) -> str:
        if action == "monitor":
            return "0\n"
        if action == "list":
            return "0\n" + "".join(f"{known},\n" for known in self._nodes)
        if name not in self._nodes:
            return "1\n"
        node = self._nodes[name]
        if action == "status":
            return "0\n" if node.alive else "2\n"
        if action in ("off", "reboot"):
            time.sleep(self.delay)
            node.kill()
        if action in ("on", "reboot") and not node.alive:
            node.boot()
        return "0\n" if action in ("on", "off", "reboot") else "1\n"
