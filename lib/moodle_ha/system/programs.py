"""The one door for external programs.

Every program is started with an argument list (never a shell), LC_ALL=C, no stdin unless given,
in a process group of its own, under a deadline, with its output captured and limited.  Its
environment holds nothing of ours: an agent's environment carries the parameters of the resource,
and a secret among them must not be handed on.

`subprocess` would cost 13 ms of import on every call of an agent; posix_spawn does the same here.
"""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .deadline import Deadline

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
OUTPUT_LIMIT = 1 << 20
"""Bytes kept of each of stdout and stderr; what comes beyond is read and dropped."""
_LAST_READS = 16  # of 64 KiB: what a pipe can hold when the program has ended
_REAP_WAIT = 0.2  # seconds, of the reserve that every deadline leaves


class ProgramNotFound(Exception):
    """The program is not installed, or cannot be executed; the text names it."""


class Result:
    """How a program ended: `code` (negative: the signal that ended it), `out`, `err`, `seconds`.

    `timed_out` says that we ended it at the deadline; `code` is then -9.
    """

    __slots__ = ("_secrets", "argv", "code", "err", "out", "seconds", "timed_out")

    def __init__(
        self,
        argv: Sequence[str],
        code: int,
        out: str = "",
        err: str = "",
        seconds: float = 0.0,
        timed_out: bool = False,
        secrets: Sequence[str] = (),
    ) -> None:
        self.argv = list(argv)
        self.code = code
        self.out = out
        self.err = err
        self.seconds = seconds
        self.timed_out = timed_out
        self._secrets = secrets

    def failure(self) -> str:
        """One line for an exit reason: which program ended how, with its last words.

        Secrets are replaced, also where the program has printed them.
        """
        name = os.path.basename(self.argv[0])
        # Replaced before the last line is taken: a secret may have several.
        words = redact(self.err.strip() or self.out.strip(), self._secrets).splitlines()
        how = (
            f"gave no answer in {self.seconds:.1f} s"
            if self.timed_out
            else f"was ended by signal {-self.code}"
            if self.code < 0
            else f"exited with {self.code}"
        )
        return redact(name, self._secrets) + f" {how}" + (f": {words[-1]}" if words else "")


class Programs:
    """Runs programs; tests replace it by a script of expected calls.

    `trace` is called with (argument list with secrets replaced, exit code, milliseconds).
    """

    def __init__(self, trace: Callable[[list[str], int, float], None] | None = None) -> None:
        self._trace = trace

    def find(self, name: str) -> str | None:
        """The path of a program, searched in the system's folders only; None when absent."""
        if "/" in name:
            return name if os.access(name, os.X_OK) else None
        for folder in PATH.split(":"):
            path = f"{folder}/{name}"
            if os.access(path, os.X_OK) and not os.path.isdir(path):
                return path
        return None

    def run(
        self,
        argv: Sequence[str],
        deadline: Deadline,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> Result:
        """Run a program to its end, or kill its process group at the deadline.

        `env` is added to PATH and LC_ALL; `secrets` are replaced by *** in the trace and in
        what `Result` shows of the arguments and the failure.  Raises ProgramNotFound.
        """
        path = self.find(argv[0])
        if path is None:
            raise ProgramNotFound(f"program {argv[0]} is not installed (looked in {PATH})")
        shown = [redact(word, secrets) for word in argv]
        started = time.monotonic()
        child = _Child(path, list(argv), {"PATH": PATH, "LC_ALL": "C", **(env or {})})
        out, err, timed_out = child.talk(stdin, deadline)
        code = child.reap()
        seconds = time.monotonic() - started
        if self._trace is not None:
            self._trace(shown, code, seconds * 1000)
        return Result(
            shown,
            code,
            out.decode("utf-8", "replace"),
            err.decode("utf-8", "replace"),
            seconds,
            timed_out,
            secrets,
        )


def redact(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret replaced by ***."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class _Child:
    """A started program with pipes on its three standard files."""

    def __init__(self, path: str, argv: list[str], env: dict[str, str]) -> None:
        stdin_r, self._stdin = os.pipe()
        self._stdout, stdout_w = os.pipe()
        self._stderr, stderr_w = os.pipe()
        try:
            self._pid = os.posix_spawn(
                path,
                argv,
                env,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, stdin_r, 0),
                    (os.POSIX_SPAWN_DUP2, stdout_w, 1),
                    (os.POSIX_SPAWN_DUP2, stderr_w, 2),
                ],
                setpgroup=0,
                setsigmask=[],
                setsigdef=[13, 25],  # SIGPIPE, SIGXFSZ: Python ignores them, children inherit
            )
        except OSError as error:
            for fd in (self._stdin, self._stdout, self._stderr):
                os.close(fd)
            raise ProgramNotFound(f"program {path} cannot be started: {error.strerror}") from None
        finally:
            for fd in (stdin_r, stdout_w, stderr_w):
                os.close(fd)

    def talk(self, data: bytes, deadline: Deadline) -> tuple[bytes, bytes, bool]:
        """Feed stdin, collect stdout and stderr until the program ends: (out, err, timed out).

        The end is the program's own, not that of its pipes: a daemon that it leaves behind may
        hold them open for ever.
        """
        chunks: dict[int, list[bytes]] = {self._stdout: [], self._stderr: []}
        sizes = {self._stdout: 0, self._stderr: 0}
        ended = os.pidfd_open(self._pid)
        poll = select.poll()
        for fd in (self._stdout, self._stderr, ended):
            poll.register(fd, select.POLLIN)
        if data:
            os.set_blocking(self._stdin, False)
            poll.register(self._stdin, select.POLLOUT)
        else:
            os.close(self._stdin)
        stdin_open = bool(data)
        timed_out = done = False
        while not done:
            left = deadline.remaining()
            if left <= 0:
                timed_out = True
                self._kill()
                break
            for fd, _ in poll.poll(left * 1000):
                if fd == ended:
                    done = True
                elif fd == self._stdin:
                    data = _feed(fd, data)
                    if not data:
                        poll.unregister(fd)
                        os.close(fd)
                        stdin_open = False
                elif not _collect(fd, chunks[fd], sizes):
                    poll.unregister(fd)
        for fd in (self._stdout, self._stderr):
            os.set_blocking(fd, False)
            for _ in range(_LAST_READS):
                if not _collect(fd, chunks[fd], sizes):
                    break
        for fd in (self._stdout, self._stderr, ended, *([self._stdin] if stdin_open else [])):
            os.close(fd)
        return b"".join(chunks[self._stdout]), b"".join(chunks[self._stderr]), timed_out

    def _kill(self) -> None:
        try:
            os.killpg(self._pid, 9)
        except ProcessLookupError:
            pass

    def reap(self) -> int:
        """The exit code; -9 for a killed program that hangs in the kernel and cannot be reaped."""
        end = time.monotonic() + _REAP_WAIT
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                return -9
            time.sleep(0.005)


def _feed(fd: int, data: bytes) -> bytes:
    """Write what the pipe takes; returns the rest, nothing once the reader has gone."""
    try:
        return data[os.write(fd, data) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return b""


def _collect(fd: int, chunks: list[bytes], sizes: dict[int, int]) -> bool:
    """Read once from a pipe; False at its end, or when it holds nothing more for now."""
    try:
        chunk = os.read(fd, 65536)
    except BlockingIOError:
        return False
    room = OUTPUT_LIMIT - sizes[fd]
    if chunk and room > 0:
        chunks.append(chunk[:room])
        sizes[fd] += len(chunk)
    return bool(chunk)
