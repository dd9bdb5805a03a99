"""The wires of a bed: bridges in a network namespace of their own, and machines' ports on them."""

from __future__ import annotations

import subprocess

from tests.lab.processes import LabError, Spawner, run, wait_until

_HOLD = "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; echo ready; exec sleep infinity"


class Network:
    """All bridges of a bed. A machine's interface is known as (pid of its process 1, name)."""

    def __init__(self, spawner: Spawner) -> None:
        self._holder = spawner.start(
            ["unshare", "--net", "sh", "-c", _HOLD],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        with self._holder.stdout as out:
            if out.readline() != b"ready\n":
                raise LabError("no network namespace could be made for the bed (root needed?)")
        self._bridges: set[str] = set()
        self._ports: dict[tuple[int, str], str] = {}
        self._used = 0

    def ip(self, arguments: str) -> str:
        """Run `ip` in the namespace of the bridges and return what it prints."""
        return run(["nsenter", "-t", str(self._holder.pid), "-n", "ip", *arguments.split()])

    def plug_in(self, pid: int, nic: str, bridge: str) -> str:
        """Make an interface of a machine, with a cable to a bridge; returns its MAC address."""
        self._used += 1
        port, mac = f"port{self._used}", f"02:00:5e:00:53:{self._used:02x}"
        self._ensure(bridge)
        self.ip(f"link add {port} type veth peer name {nic} address {mac} netns {pid}")
        self.ip(f"link set {port} master {bridge}")
        self._ports[pid, nic] = port
        return mac

    def set_cable(self, pid: int, nic: str, plugged: bool) -> None:
        """Pull or plug the cable of an interface: the interface loses or gets its carrier.

        The interface must be up when it is plugged in: this waits until frames pass.
        """
        port = self._ports[pid, nic]
        self.ip(f"link set {port} {'up' if plugged else 'down'}")
        if plugged:
            self._wait_for_forwarding(port)
            show = ["nsenter", "-t", str(pid), "-n", "ip", "link", "show", "dev", nic]
            # Carrier comes first, sending a moment later.
            wait_until(lambda: "state UP" in run(show), 10, f"{nic} to send", every=0.01)

    def move(self, pid: int, nic: str, bridge: str) -> None:
        """Put the other end of an interface's cable into another bridge."""
        port = self._ports[pid, nic]
        self._ensure(bridge)
        self.ip(f"link set {port} master {bridge}")
        self._wait_for_forwarding(port)

    def close(self) -> None:
        """Remove all bridges and cables."""
        self._holder.kill()
        self._holder.wait()

    def _ensure(self, bridge: str) -> None:
        if bridge not in self._bridges:
            self.ip(f"link add {bridge} type bridge forward_delay 0 mcast_snooping 0")
            self.ip(f"link set {bridge} up")
            self._bridges.add(bridge)

    def _wait_for_forwarding(self, port: str) -> None:
        """The bridge learns of a carrier a moment later than the interface itself."""
        what = f"{port} to forward"
        wait_until(lambda: "state forwarding" in self._port_state(port), 10, what, every=0.01)

    def _port_state(self, port: str) -> str:
        enter = ["nsenter", "-t", str(self._holder.pid), "-n"]
        return run([*enter, "bridge", "link", "show", "dev", port])
