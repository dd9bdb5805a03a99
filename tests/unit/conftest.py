"""What the unit tests share: a state folder of their own, and agents called as Pacemaker does."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from moodle_ha.ocf import agent as agent_module
from moodle_ha.ocf import dispatch
from moodle_ha.ocf.agent import Agent
from moodle_ha.system.log import Log
from tests.unit.scripted import ScriptedPrograms

REASON = "ocf-exit-reason:"


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the agents of this test keep their state; absent at first, as after a boot."""
    folder = tmp_path / "state"
    monkeypatch.setattr(agent_module, "STATE_FOLDER", str(folder))
    return folder


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that are written to the log, as `LEVEL: text`, instead of to this machine's."""
    lines: list[str] = []

    def write(_: Log, level: str, text: str) -> None:
        lines.append(f"{level.upper()}: {text}")

    monkeypatch.setattr(Log, "_write", write)
    return lines


@pytest.fixture
def programs() -> Iterator[ScriptedPrograms]:
    """Scripted programs, finished when the test ends."""
    scripted = ScriptedPrograms()
    yield scripted
    scripted.finish()


class Outcome(NamedTuple):
    """How a call of an agent ended; `reasons` without the prefix."""

    code: int
    out: str
    err: str

    @property
    def reasons(self) -> list[str]:
        lines = self.err.splitlines()
        return [line[len(REASON) :] for line in lines if line.startswith(REASON)]


CallAgent = Callable[..., Outcome]


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, logged: list[str], programs: ScriptedPrograms
) -> CallAgent:
    """Call an agent class as its launcher does: call(Agent, "monitor", ip=..., meta_interval=0).

    Keywords become OCF_RESKEY_ variables, those that begin with `meta_` or `OCF_` what their names
    say.  External programs are those of the fixture `programs`, and none when it has no script.
    """
    monkeypatch.setitem(agent_module._DOORS, "programs", lambda agent: programs)

    def run(agent: type[Agent], *arguments: str, **settings: object) -> Outcome:
        variables = {"OCF_RESOURCE_INSTANCE": "thing"}
        for name, value in settings.items():
            if name.startswith("meta_"):
                name = f"OCF_RESKEY_CRM_{name}"
            elif not name.startswith(("OCF_", "HA_")):
                name = f"OCF_RESKEY_{name}"
            variables[name] = str(value)
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            code = dispatch.call(agent, ["agent", *arguments], variables)
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def no_fd_leak() -> Iterator[None]:
    """Fails the test when it ends with other descriptors open than it began with."""
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before


def as_nobody(work: Callable[[], object]) -> str:
    """What `work` returns, as text, in a child without any privilege; its error otherwise.

    For root, who runs most of the tests: nothing that is refused can be seen as root.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            answer = str(work())
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return answer
