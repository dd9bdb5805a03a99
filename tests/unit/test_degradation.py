"""What is wrong although the resource works: shown, replaced and withdrawn as a node attribute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moodle_ha.ocf import degradation
from moodle_ha.ocf.agent import Agent
from moodle_ha.ocf.environment import Environment
from moodle_ha.system import statefile
from tests.unit.scripted import ScriptedPrograms

NAME = "moodle-ha-site"
At = Callable[..., Agent]


@pytest.fixture
def at(programs: ScriptedPrograms, logged: list[str]) -> At:
    """An agent in a monitor of this depth: at(10)."""

    class Thing(Agent):
        name = "thing"

    def make(depth: int | str = 0) -> Agent:
        variables = {"OCF_RESOURCE_INSTANCE": "site:0", "OCF_CHECK_LEVEL": str(depth)}
        agent = Thing(Environment("monitor", variables))
        agent.programs = programs
        return agent

    return make


def expect_shown(programs: ScriptedPrograms, text: str, **answer: object) -> None:
    argv = ["attrd_updater", "--name", NAME, "--update-both", text, "--delay", "1s"]
    programs.expect(argv, **answer)


def expect_removed(programs: ScriptedPrograms, **answer: object) -> None:
    programs.expect(["attrd_updater", "--name", NAME, "--delete"], **answer)


def note(at: At) -> Path:
    return Path(at().state_file("degraded"))


def test_shown_and_withdrawn(at: At, programs: ScriptedPrograms, logged: list[str]) -> None:
    expect_shown(programs, "late by 3 s")
    degradation.publish(at(), "late by 3 s")
    assert note(at).exists()
    expect_removed(programs)
    degradation.withdraw(at())
    assert not note(at).exists()
    assert logged == ["WARNING: degraded: late by 3 s", "INFO: no longer degraded: late by 3 s"]


def test_shown_at_each_monitor_logged_once(
    at: At, programs: ScriptedPrograms, logged: list[str]
) -> None:
    """A Pacemaker that was restarted has forgotten the attribute."""
    for _ in range(3):
        expect_shown(programs, "late")
        degradation.publish(at(), "late")
    assert logged == ["WARNING: degraded: late"]


def test_a_second_cause_is_shown_and_logged(
    at: At, programs: ScriptedPrograms, logged: list[str]
) -> None:
    expect_shown(programs, "first")
    degradation.publish(at(), "first")
    expect_shown(programs, "second")
    degradation.publish(at(), "second")
    assert logged == ["WARNING: degraded: first", "WARNING: degraded: second"]


def test_one_line(at: At, programs: ScriptedPrograms) -> None:
    expect_shown(programs, "two lines")
    degradation.publish(at(), " two\n  lines\n")


def test_a_shallow_monitor_does_not_withdraw_what_a_deep_one_found(
    at: At,
    programs: ScriptedPrograms,
) -> None:
    expect_shown(programs, "deep")
    degradation.publish(at(10), "deep")
    degradation.withdraw(at(0))
    assert note(at).exists()
    expect_removed(programs)
    degradation.withdraw(at(20))
    assert not note(at).exists()


def test_both_depths_are_shown_and_withdrawn_one_by_one(at: At, programs: ScriptedPrograms) -> None:
    expect_shown(programs, "deep")
    degradation.publish(at(10), "deep")
    expect_shown(programs, "shallow; deep")
    degradation.publish(at(0), "shallow")
    expect_shown(programs, "deep")
    degradation.withdraw(at(0))
    expect_removed(programs)
    degradation.withdraw(at(10))


def test_a_deep_monitor_replaces_what_a_shallow_one_found(
    at: At, programs: ScriptedPrograms
) -> None:
    expect_shown(programs, "shallow")
    degradation.publish(at(0), "shallow")
    expect_shown(programs, "deep")
    degradation.publish(at(10), "deep")


def test_start_and_stop_withdraw_everything(at: At, programs: ScriptedPrograms) -> None:
    expect_shown(programs, "deep")
    degradation.publish(at(20), "deep")
    expect_removed(programs)
    degradation.withdraw(at(0), everything=True)
    assert not note(at).exists()


def test_a_cluster_that_refuses_is_asked_again(at: At, programs: ScriptedPrograms) -> None:
    expect_shown(programs, "late")
    degradation.publish(at(), "late")
    expect_removed(programs, timed_out=True)
    degradation.withdraw(at())
    assert note(at).exists(), "or the attribute would stay for ever"
    expect_removed(programs)
    degradation.withdraw(at())
    assert not note(at).exists()


def test_without_a_cluster_it_is_noted_and_forgotten(at: At, programs: ScriptedPrograms) -> None:
    expect_shown(programs, "late", code=102)
    degradation.publish(at(), "late")
    expect_removed(programs, code=102)
    degradation.withdraw(at())
    assert not note(at).exists()


@pytest.mark.parametrize(
    "content", [{}, {"level": "junk"}, {"reason": "x"}, {"-1": "x"}, {"²": "x"}, {"": "x"}]
)
def test_a_damaged_note_is_withdrawn(
    at: At, programs: ScriptedPrograms, content: dict[str, str]
) -> None:
    statefile.write(str(note(at)), content)
    expect_removed(programs)
    degradation.withdraw(at())
    assert not note(at).exists()


def test_the_name_of_the_attribute_has_no_instance_number() -> None:
    assert degradation.attribute_name("site") == NAME
