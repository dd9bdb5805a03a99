"""Processes of the lab: none of them outlives the process that runs the lab."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, TypeVar

_ETH_P_ALL = 3
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_Made = TypeVar("_Made")


class LabError(Exception):
    """Something in the lab did not work; the text says what was tried and what came of it."""


class LabTimeout(LabError):
    """A condition did not come true in time."""


def run(command: list[str], text_in: str | None = None, timeout: float = 60) -> str:
    """Run a program on the host and return its stdout; LabError when it fails."""
    done = subprocess.run(
        command,
        input=text_in,
        stdin=subprocess.DEVNULL if text_in is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def wait_until(
    condition: Callable[[], Any],
    timeout: float,
    what: str,
    *,
    every: float = 0.1,
    describe: Callable[[], str] | None = None,
) -> Any:
    """Wait up to `timeout` seconds until `condition()` is true and return its value.

    Raises LabTimeout naming `what` was waited for, with `describe()` appended.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            details = "\n" + describe() if describe else ""
            raise LabTimeout(f"waited {timeout:g} s for {what}{details}")
        time.sleep(every)


class Spawner:
    """Starts processes that the kernel kills when this process ends, however it ends.

    The death signal is bound to the *thread* that forked, so all are forked by one thread
    that lives as long as the spawner.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spawner")

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start `command`; options are those of subprocess.Popen."""
        bound = ["setpriv", "--pdeathsig", "KILL", *command]

        def fork() -> subprocess.Popen[bytes]:
            return subprocess.Popen(bound, **options)

        return self._thread.submit(fork).result()

    def close(self) -> None:
        """End the thread; what was started and still runs is killed by the kernel."""
        self._thread.shutdown()


def in_network_of(pid: int, make: Callable[[], _Made]) -> _Made:
    """Return what `make()` returns when called inside the network namespace of `pid`.

    For sockets: they stay in the namespace in which they were made.
    """
    made: list[_Made] = []
    failed: list[BaseException] = []

    def enter_and_make() -> None:
        try:
            with open(f"/proc/{pid}/ns/net", "rb") as namespace:
                if _libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(make())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=enter_and_make)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def packet_socket_of(pid: int, nic: str) -> socket.socket:
    """Return a socket for all raw Ethernet frames on an interface of the network of `pid`."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        made.bind((nic, _ETH_P_ALL))
        return made

    return in_network_of(pid, make)


def child_of(process: subprocess.Popen[bytes], timeout: float = 10) -> int:
    """Return the pid of the first child of `process`, waiting until there is one."""

    def find() -> int | None:
        if process.poll() is not None:
            raise LabError(f"{process.args!r} ended at once with {process.returncode}")
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        except OSError:
            return None
        return int(children.split()[0]) if children.strip() else None

    return int(wait_until(find, timeout, f"a child of {process.args!r}", every=0.01))


def require_root() -> None:
    """Raise LabError unless we are root."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes namespaces, mounts and bridges")
