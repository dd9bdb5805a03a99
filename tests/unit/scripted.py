"""Programs as a script: what an agent is expected to call, in order, and what it gets as answer.

Stands in for `moodle_ha.system.programs.Programs`.  A call that is not the next one of the script
fails the test at once, and so do calls that were expected and not made:

    with ScriptedPrograms() as programs:
        programs.expect(["crm_node", "--name"], out="db1\\n")
        programs.expect(["attrd_updater", ...], code=102)      # `...`: any further words
        agent.programs = programs
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from moodle_ha.system.programs import ProgramNotFound, Programs, Result, redact

if TYPE_CHECKING:
    from moodle_ha.system.deadline import Deadline

Word = Any  # a string, or `...` in the last place (its type has a name since Python 3.10 only)


class UnexpectedCall(AssertionError):
    """A program was called that the script does not have at this point, or was not called."""


class Call(NamedTuple):
    """A call that was made: what tests may want to look at afterwards."""

    argv: list[str]
    seconds: float
    stdin: bytes
    env: dict[str, str]
    secrets: list[str]


class _Expected(NamedTuple):
    argv: list[Word]
    answer: Result
    absent: bool
    effect: Callable[[], None] | None

    def matches(self, argv: list[str]) -> bool:
        if self.argv[-1:] == [...]:
            return argv[: len(self.argv) - 1] == self.argv[:-1]
        return argv == self.argv

    def __str__(self) -> str:
        return " ".join("..." if word is ... else str(word) for word in self.argv)


class ScriptedPrograms(Programs):
    """The door for external programs, behind which a test answers; a context manager.

    `absent` names programs that are not installed.  `calls` lists what was called.
    """

    def __init__(self, absent: Sequence[str] = ()) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._absent = set(absent)
        self._script: list[_Expected] = []
        self._broken = ""

    def expect(
        self,
        argv: Sequence[Word],
        *,
        out: str = "",
        err: str = "",
        code: int = 0,
        timed_out: bool = False,
        absent: bool = False,
        effect: Callable[[], None] | None = None,
    ) -> None:
        """Append a call to the script, with its answer.

        A final `...` in `argv` stands for any further words.  `absent`: the program is not
        installed.  `effect` is called while the program "runs", to change what it would change.
        """
        answer = Result([], -9 if timed_out else code, out, err, 0.0, timed_out)
        self._script.append(_Expected(list(argv), answer, absent, effect))

    def find(self, name: str) -> str | None:
        """Every program is installed unless said otherwise."""
        if name in self._absent:
            return None
        return name if "/" in name else f"/usr/bin/{name}"

    def run(
        self,
        argv: Sequence[str],
        deadline: Deadline,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> Result:
        """Answer the next call of the script.  Raises UnexpectedCall, ProgramNotFound."""
        argv = list(argv)
        shown = [redact(word, secrets) for word in argv]
        self.calls.append(Call(argv, deadline.remaining(), stdin, dict(env or {}), [*secrets]))
        if argv[0] in self._absent:
            raise ProgramNotFound(f"program {argv[0]} is not installed (by this script)")
        if not self._script:
            self._fail(f"unexpected call: {' '.join(shown)}; the script is at its end")
        expected = self._script.pop(0)
        if not expected.matches(argv):
            self._fail(f"unexpected call: {' '.join(shown)}; expected: {expected}")
        if expected.effect is not None:
            expected.effect()
        if expected.absent:
            raise ProgramNotFound(f"program {argv[0]} is not installed (by this script)")
        answer = expected.answer
        return Result(
            shown,
            answer.code,
            answer.out,
            answer.err,
            deadline.remaining() if answer.timed_out else 0.0,
            answer.timed_out,
            secrets,
        )

    def finish(self) -> None:
        """The end of the test.  Raises UnexpectedCall when calls are outstanding or went wrong.

        What went wrong earlier is said again: the code under test may have swallowed it.
        """
        if self._broken:
            raise UnexpectedCall(self._broken)
        if self._script:
            left = "; ".join(str(expected) for expected in self._script)
            raise UnexpectedCall(f"expected calls were not made: {left}")

    def _fail(self, text: str) -> None:
        self._broken = self._broken or text
        raise UnexpectedCall(text)

    def __enter__(self) -> ScriptedPrograms:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
