"""One machine of the bed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bed.agent import Agent
from tests.bed.network import Network
from tests.bed.program import BedError, Program, Result
from tests.bed.wire import Responder, Sniffer
from tests.lab.processes import Spawner, child_of, packet_socket_of, wait_until

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}
_SETUP = Path(__file__).with_name("machine_init.sh")
_INIT = Path(__file__).with_name("machine_init.py")


class Machine:
    """Namespaces over the lab's image; see the package's text.

    The checkout is at /src, writable without effect on the host; its agents are installed as
    ocf:moodle:*. Files are kept in memory. What programs log is in /var/log/syslog.
    """

    def __init__(
        self,
        spawner: Spawner,
        network: Network,
        image: Path,
        checkout: Path,
        state: Path,
        name: str,
    ) -> None:
        self.name = name
        self.macs: dict[str, str] = {}
        self._network = network
        self._open = contextlib.ExitStack()
        self._running: list[Program] = []
        separate = ["--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child=KILL"]
        setup = ["sh", "-c", _SETUP.read_text(), "init", str(state), str(image), str(checkout)]
        self._holder = spawner.start(
            ["unshare", *separate, *setup, name, _INIT.read_text()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        with self._holder.stdout as out, self._holder.stderr as err:
            if out.readline() != b"ready\n":
                raise BedError(f"machine {name} did not start: {err.read().decode().strip()}")
        self.pid = child_of(self._holder)

    # --- programs and files ------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """The machine's root folder, for reading and writing its files from outside.

        Absolute symbolic links on the way would lead to the host's files.
        """
        return Path(f"/proc/{self.pid}/root")

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stdin: str = "",
        timeout: float = 60,
    ) -> Result:
        """Run a program to its end; see `spawn`. Raises BedError after `timeout` seconds."""
        return self.spawn(argv, env=env, user=user, stdin=stdin).wait(timeout)

    def sh(self, script: str, **options: Any) -> str:
        """Run a shell script and return its stdout; BedError when it fails."""
        result = self.run(["sh", "-c", script], **options)
        if result.code != 0:
            raise BedError(f"{self.name}: {script!r} ended with {result.code}: {result.err}")
        return result.out

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stdin: str = "",
    ) -> Program:
        """Start a program in the background.

        `env` is its whole environment (a usual one when None), `user` a name of the machine's
        /etc/passwd instead of root.
        """
        command = list(argv)
        if user is not None:
            as_user = ["--reuid", user, "--regid", user_group(user), "--clear-groups"]
            command = ["/usr/bin/setpriv", *as_user, *command]
        program = Program(self.pid, command, _ENVIRONMENT if env is None else env, stdin)
        self._running = [running for running in self._running if running.alive] + [program]
        return program

    def wait_for_processes(self, count: int = 0, timeout: float = 10) -> None:
        """Wait until no more than `count` processes are left; LabTimeout names those that are."""
        wait_until(
            lambda: len(self.processes()) <= count,
            timeout,
            f"the processes of {self.name} to end",
            every=0.02,
            describe=lambda: "\n".join(self.processes()),
        )

    def processes(self) -> list[str]:
        """The command lines of all processes but process 1.

        Those that have ended and are being cleared away by the kernel have no command line any
        more, and are left out.
        """
        found = []
        for folder in (self.root / "proc").iterdir():
            if folder.name.isdigit() and folder.name != "1":
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    found.append(b" ".join(words).decode("utf-8", "replace").strip())
        return [line for line in found if line]

    def log(self) -> list[str]:
        """The lines that the machine's programs have sent to syslog."""
        return (self.root / "var/log/syslog").read_text("utf-8", "replace").splitlines()

    def agent(self, name: str, **parameters: str) -> Agent:
        """A resource agent of the checkout with its parameters, called as Pacemaker calls it."""
        return Agent(self, name, parameters)

    # --- network -----------------------------------------------------------------------------

    def ip(self, arguments: str) -> str:
        """Run `ip` and return what it prints; BedError when it fails."""
        return self.sh(f"ip {arguments}")

    def ip_json(self, arguments: str) -> Any:
        """Run `ip -json` and return what it prints, as objects."""
        return json.loads(self.ip(f"-json {arguments}") or "[]")

    def addresses(self, nic: str = "eth0") -> list[dict[str, Any]]:
        """The addresses on an interface, as `ip -json` describes them, less link-local ones."""
        shown = self.ip_json(f"address show dev {nic}")
        found = [info for link in shown for info in link.get("addr_info", ())]
        return [info for info in found if info["scope"] != "link"]

    def has_address(self, ip: str, nic: str = "eth0") -> bool:
        """Whether an address (without prefix) is on an interface."""
        return any(info["local"] == ip for info in self.addresses(nic))

    def plug_in(self, nic: str, bridge: str = "lan") -> None:
        """Add an interface with a cable to a bridge and switch it on.

        It is as one that has been up for long: its link-local address is usable at once. The
        kernel's detection of duplicates begins without the random pause of up to a second.
        """
        self.macs[nic] = self._network.plug_in(self.pid, nic, bridge)
        settings = f"/proc/sys/net/ipv6/conf/{nic}"
        self.sh(
            f"echo 0 >{settings}/accept_dad; echo 0 >{settings}/router_solicitation_delay;"
            f" ip link set {nic} up"
        )
        self._network.set_cable(self.pid, nic, True)
        self.sh(f"echo 1 >{settings}/accept_dad")

    def set_cable(self, nic: str, plugged: bool) -> None:
        """Pull or plug the cable of an interface: the link loses or gets its carrier."""
        self._network.set_cable(self.pid, nic, plugged)

    def move(self, nic: str, bridge: str) -> None:
        """Plug the cable of an interface into another bridge."""
        self._network.move(self.pid, nic, bridge)

    def set_link(self, nic: str, up: bool) -> None:
        """Switch an interface on or off."""
        self.ip(f"link set {nic} {'up' if up else 'down'}")

    def delete_link(self, nic: str) -> None:
        """Remove an interface, with its cable."""
        self.ip(f"link delete {nic}")
        del self.macs[nic]

    def add_address(self, address: str, nic: str = "eth0") -> None:
        """Add an address (192.0.2.1/24, 2001:db8::1/64), without duplicate detection."""
        self.ip(f"address add {address} dev {nic}{' nodad' if ':' in address else ''}")

    def delete_address(self, address: str, nic: str = "eth0") -> None:
        """Remove an address, given with its prefix length."""
        self.ip(f"address delete {address} dev {nic}")

    def sniff(self, nic: str = "eth0") -> Sniffer:
        """Record the frames that pass an interface, until closed (a context manager)."""
        return self._open.enter_context(Sniffer(packet_socket_of(self.pid, nic)))

    def answer_for(self, ip: str, mac: str, nic: str = "eth0", *, skip: int = 0) -> Responder:
        """Answer ARP requests and neighbour solicitations for `ip` with `mac`, until closed.

        So does a router with proxy ARP, or another machine that has the address. The first
        `skip` questions get no answer. A context manager.
        """
        return self._open.enter_context(Responder(packet_socket_of(self.pid, nic), ip, mac, skip))

    def send(self, frame: bytes, nic: str = "eth0") -> None:
        """Send a raw Ethernet frame."""
        with packet_socket_of(self.pid, nic) as packets:
            packets.send(frame)

    def close(self) -> None:
        """End the machine and everything that runs in it."""
        self._open.close()
        # The end of process 1 comes after that of all others; `unshare` waits for it.
        os.kill(self.pid, signal.SIGKILL)
        self._holder.wait()
        for program in self._running:
            program.wait()


def user_group(user: str) -> str:
    """The first group of a user: Debian gives each its own, but for nobody."""
    return "nogroup" if user == "nobody" else user
