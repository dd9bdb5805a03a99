"""The stand-in for external programs: it must fail when the script is not followed."""

from __future__ import annotations

import pytest

from moodle_ha.system.deadline import Deadline
from moodle_ha.system.programs import ProgramNotFound
from tests.unit.scripted import ScriptedPrograms, UnexpectedCall


def run(programs: ScriptedPrograms, *argv: str) -> tuple[int, str]:
    result = programs.run(argv, Deadline(5))
    return result.code, result.out


def test_answers_in_order() -> None:
    with ScriptedPrograms() as programs:
        programs.expect(["a", "1"], out="first")
        programs.expect(["b"], code=3)
        assert run(programs, "a", "1") == (0, "first")
        assert run(programs, "b") == (3, "")
    assert [call.argv for call in programs.calls] == [["a", "1"], ["b"]]


def test_dots_stand_for_further_words() -> None:
    with ScriptedPrograms() as programs:
        programs.expect(["a", "1", ...])
        programs.expect(["a", ...])
        run(programs, "a", "1", "2")
        run(programs, "a")


def test_another_call_fails_at_once() -> None:
    programs = ScriptedPrograms()
    programs.expect(["a"])
    with pytest.raises(UnexpectedCall, match="unexpected call: b 1; expected: a"):
        run(programs, "b", "1")


def test_another_order_fails() -> None:
    programs = ScriptedPrograms()
    programs.expect(["a"])
    programs.expect(["b"])
    with pytest.raises(UnexpectedCall):
        run(programs, "b")


def test_a_call_too_many_fails() -> None:
    with pytest.raises(UnexpectedCall, match="at its end"):
        run(ScriptedPrograms(), "a")


def test_a_failure_that_was_swallowed_is_said_at_the_end() -> None:
    programs = ScriptedPrograms()
    with pytest.raises(UnexpectedCall):
        run(programs, "a")
    with pytest.raises(UnexpectedCall, match="unexpected call: a"):
        programs.finish()


def test_outstanding_calls_fail_at_the_end() -> None:
    programs = ScriptedPrograms()
    programs.expect(["a", ...])
    with pytest.raises(UnexpectedCall, match=r"not made: a \.\.\."), programs:
        pass


def test_absent_programs() -> None:
    with ScriptedPrograms(absent=["a"]) as programs:
        assert programs.find("a") is None
        assert programs.find("b") == "/usr/bin/b"
        with pytest.raises(ProgramNotFound):
            run(programs, "a")
        programs.expect(["b"], absent=True)
        with pytest.raises(ProgramNotFound):
            run(programs, "b")


def test_timeout_secrets_and_effect() -> None:
    happened = []
    with ScriptedPrograms() as programs:
        programs.expect(["a", ...], timed_out=True, effect=lambda: happened.append("a"))
        programs.expect(["b", "hidden"], code=1, err="not hidden")
        slow = programs.run(["a", "x"], Deadline(2), stdin=b"in", env={"K": "v"})
        assert slow.timed_out
        assert slow.code == -9
        assert happened == ["a"]
        refused = programs.run(["b", "hidden"], Deadline(2), secrets=["hidden"])
        assert refused.argv == ["b", "***"]
        assert refused.failure() == "b exited with 1: not ***"
    assert programs.calls[0].stdin == b"in"
    assert programs.calls[0].env == {"K": "v"}
    assert 1 < programs.calls[0].seconds <= 2
    assert programs.calls[1].secrets == ["hidden"]
