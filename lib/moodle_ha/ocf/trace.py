"""The trace of one call of an agent: what it was given, every command, and how it ended.

Switched on and placed by the same variables as in the shell agents: `trace_ra` and `trace_dir`
(instance or operation attributes), OCF_TRACE_RA and OCF_TRACE_FILE (an absolute path, or the
number of an open file from 3 to 9).
"""

from __future__ import annotations

import os
import shlex
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = "/var/lib/heartbeat/trace_ra"
_SECRET = ("pass", "secret", "credential", "token")
_TRUE = ("1", "true", "yes", "on", "y", "t")


def wanted(variables: Mapping[str, str]) -> bool:
    """Is this call to be traced?"""
    return any(
        variables.get(name, "").lower() in _TRUE for name in ("OCF_RESKEY_trace_ra", "OCF_TRACE_RA")
    )


class Trace:
    """An open trace.  One that cannot be opened or written is silent: tracing never hurts."""

    def __init__(self, agent: str, instance: str, action: str, variables: Mapping[str, str]):
        self._started = time.monotonic()
        self._fd = _open(agent, instance, action, variables)
        self._write(f"{agent} {action} of {instance}, pid {os.getpid()}")
        for name in sorted(variables):
            if name.startswith("OCF_"):
                self._write(f"  {name}={_shown(name, variables[name])}")

    def command(self, argv: list[str], code: int, milliseconds: float) -> None:
        """A program has ended; secrets in `argv` are already replaced."""
        self._write(f"+ {shlex.join(argv)} -> {code} in {milliseconds:.0f} ms")

    def end(self, code: int, reason: str) -> None:
        """The action ends."""
        self._write(f"= {code}" + (f": {reason}" if reason else ""))
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _write(self, line: str) -> None:
        if self._fd is None:
            return
        try:
            text = f"{time.monotonic() - self._started:8.3f} {line}\n"
            os.write(self._fd, text.encode("utf-8", "backslashreplace"))
        except OSError:
            os.close(self._fd)
            self._fd = None


def _open(agent: str, instance: str, action: str, variables: Mapping[str, str]) -> int | None:
    target = variables.get("OCF_TRACE_FILE", "")
    try:
        if len(target) == 1 and target in "3456789":
            return os.dup(int(target))
        if not target.startswith("/"):
            folder = f"{variables.get('OCF_RESKEY_trace_dir') or _FOLDER}/{agent}"
            os.makedirs(folder, 0o755, exist_ok=True)
            moment = time.strftime("%Y-%m-%d.%H:%M:%S")
            target = f"{folder}/{instance.replace('/', '_')}.{action}.{moment}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(target, flags, 0o600)
    except OSError:
        return None


def _shown(name: str, value: str) -> str:
    secret = any(word in name.lower() for word in _SECRET)
    return "***" if secret else value
