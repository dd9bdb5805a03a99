"""From a command line to an exit code and exactly one reason: the contract of every agent."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.ocf import dispatch, exits
from moodle_ha.ocf.agent import Agent, action
from moodle_ha.ocf.parameters import Integer, Parameter, Text
from moodle_ha.system import statefile
from tests.unit.conftest import CallAgent
from tests.unit.scripted import ScriptedPrograms

ATTRIBUTE = "moodle-ha-thing"


def nothing(agent: Agent) -> None:
    """An action that succeeds."""


class Thing(Agent):
    """Does what a test puts into `work`."""

    name = "thing"
    shortdesc = "Thing"
    longdesc = "Thing."
    size = Parameter(Integer(1, 3), "Size", "Size.", required=True)
    colour = Parameter(Text(("red", "green")), "Colour", "Colour.", default="red")
    work: Callable[[Thing], int | None] = nothing

    @action(timeout=10)
    def start(self) -> int | None:
        return type(self).work(self)

    @action(timeout=10)
    def stop(self) -> int | None:
        return type(self).work(self)

    @action(timeout=10, interval=10, depth=0)
    @action(timeout=10, interval=20, depth=10)
    def monitor(self) -> int | None:
        return type(self).work(self)

    @action(timeout=10)
    def promote(self) -> int | None:
        return type(self).work(self)

    @action(timeout=10)
    def demote(self) -> int | None:
        return type(self).work(self)

    @action(timeout=10)
    def notify(self) -> int | None:
        return type(self).work(self)

    @action(timeout=10)
    def reload_agent(self) -> int | None:
        return type(self).work(self)

    def check_node(self) -> None:
        type(self).work(self)


def doing(work: Callable[[Agent], int | None]) -> type[Thing]:
    return type("Doing", (Thing,), {"work": staticmethod(work)})


def raising(error: BaseException) -> type[Thing]:
    def work(_: Agent) -> None:
        raise error

    return doing(work)


NEED = ["start", "promote", "reload-agent"]
DO_NOT_NEED = ["stop", "demote", "notify"]
ACTIONS = [*NEED, *DO_NOT_NEED, "monitor"]
ERRORS = [
    (exits.Failed, 1),
    (exits.WrongHere, 2),
    (exits.Unimplemented, 3),
    (exits.NotPermitted, 4),
    (exits.NotInstalled, 5),
    (exits.NeverValid, 6),
    (exits.NotRunning, 7),
    (exits.FailedPromoted, 9),
]


def expect_shown(programs: ScriptedPrograms, text: str) -> None:
    programs.expect(["attrd_updater", "--name", ATTRIBUTE, "--update-both", text, ...])


def expect_removed(programs: ScriptedPrograms) -> None:
    programs.expect(["attrd_updater", "--name", ATTRIBUTE, "--delete"])


# --- what is called -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ACTIONS, "validate-all"])
def test_success_is_silent(call: CallAgent, name: str) -> None:
    assert call(Thing, name, size=1) == (0, "", "")


@pytest.mark.parametrize("name", ["monitor", "start"])
def test_the_method_s_code_is_the_exit_code(call: CallAgent, name: str) -> None:
    promoted = doing(lambda agent: exits.RUNNING_PROMOTED)
    assert call(promoted, name, size=1) == (8, "", "")


def test_further_arguments_are_ignored(call: CallAgent) -> None:
    assert call(Thing, "monitor", "stop", "--help").code == 0


@pytest.mark.parametrize(
    "name",
    [
        "",
        "status",
        "recover",
        "reload",
        "Start",
        "start ",
        "--start",
        "validate_all",
        "reload_agent",
        "check-node",
        "work",
        "size",
        "name",
        "__init__",
        "\udcff",
    ],
)
def test_an_unknown_action_is_3(call: CallAgent, name: str) -> None:
    outcome = call(Thing, name)
    assert outcome.code == 3
    (reason,) = outcome.reasons
    assert "start, stop, monitor" in reason
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


def test_no_action_at_all_is_3(call: CallAgent) -> None:
    outcome = call(Thing)
    assert outcome.code == 3
    assert len(outcome.reasons) == 1


@given(st.text())
def test_no_name_of_an_action_crashes(name: str) -> None:
    known = {*ACTIONS, "validate-all", "meta-data", "usage", "help", "-h", "--help"}
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        code = dispatch.call(Thing, ["thing", name], {})
    finally:
        sys.stdout, sys.stderr = stdout, stderr
    assert code == 3 or name in known


@pytest.mark.parametrize("name", ["help", "usage", "-h", "--help"])
def test_help(call: CallAgent, name: str) -> None:
    outcome = call(Thing, name)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "ocf:moodle:thing - Thing",
        "its actions are: start, stop, monitor, promote, demote, notify, reload-agent,"
        " validate-all, meta-data",
    ]


def test_meta_data_needs_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert dispatch.call(Thing, ["thing", "meta-data"], {}) == 0
    assert '<resource-agent name="thing"' in out.getvalue()


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_every_error_leaves_one_reason(
    call: CallAgent, name: str, error: type[exits.OcfError], code: int
) -> None:
    outcome = call(raising(error("it is\n  broken")), name, size=1, meta_interval=10000)
    assert outcome == (code, "", "ocf-exit-reason:it is broken\n")


@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_a_probe_that_finds_nothing_is_silent(
    call: CallAgent, error: type[exits.OcfError], code: int
) -> None:
    outcome = call(raising(error("seen")), "monitor", meta_interval=0)
    assert outcome.code == code
    assert outcome.reasons == ([] if code == 7 else ["seen"])


def test_not_running_by_hand_has_a_reason(call: CallAgent) -> None:
    """crm_resource --force-check and people set no interval."""
    assert call(raising(exits.NotRunning("gone")), "monitor").reasons == ["gone"]


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize(
    "error", [ValueError("odd"), OSError(5, "Input/output error"), KeyError("x"), RecursionError()]
)
def test_a_defect_is_1_with_the_traceback_in_the_log(
    call: CallAgent, logged: list[str], name: str, error: Exception
) -> None:
    outcome = call(raising(error), name, size=1, meta_interval=10000)
    assert (outcome.code, outcome.out) == (1, "")
    (reason,) = outcome.reasons
    assert f"internal error of ocf:moodle:thing in {name}: {type(error).__name__}" in reason
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    assert "ERROR: Traceback (most recent call last):" in logged
    assert any("raise error" in line for line in logged)
    assert all("\n" not in line for line in logged)


def test_an_interrupt_at_the_terminal_is_no_traceback(call: CallAgent) -> None:
    outcome = call(raising(KeyboardInterrupt()), "start", size=1)
    assert outcome.code == 1
    assert len(outcome.reasons) == 1


def test_a_long_reason_is_cut(call: CallAgent) -> None:
    (reason,) = call(raising(exits.Failed("x" * 10_000)), "start", size=1).reasons
    assert len(reason) == 500
    assert reason.endswith("x...")


def test_a_reason_with_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """stderr as the interpreter opens it."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "utf-8", errors="backslashreplace")
    monkeypatch.setattr(sys, "stderr", stream)
    variables = {"OCF_RESKEY_size": "1"}
    code = dispatch.call(raising(exits.Failed("\udcff")), ["thing", "start"], variables)
    assert (code, raw.getvalue()) == (1, b"ocf-exit-reason:\\udcff\n")


# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NEED)
def test_bad_parameters_are_2_where_they_are_needed(call: CallAgent, name: str) -> None:
    def never(_: Agent) -> None:
        pytest.fail("the action began")

    outcome = call(doing(never), name, size="big", colour="blue")
    assert outcome.code == 2
    (reason,) = outcome.reasons
    for part in ("size is 'big'", "from 1 to 3", "colour is 'blue'", "one of red, green"):
        assert part in reason


def test_bad_parameters_are_6_for_validate_all(call: CallAgent) -> None:
    outcome = call(Thing, "validate-all", size="big")
    assert outcome.code == 6
    assert outcome.reasons == ["parameter size is 'big'; it must be a whole number from 1 to 3"]
    assert call(Thing, "validate-all").code == 6


@pytest.mark.parametrize("name", DO_NOT_NEED)
def test_bad_parameters_do_not_matter_elsewhere(call: CallAgent, name: str) -> None:
    assert call(Thing, name, size="big", colour="blue") == (0, "", "")


def test_a_probe_does_not_care_for_parameters(call: CallAgent) -> None:
    assert call(Thing, "monitor", size="big", meta_interval=0) == (0, "", "")


def test_a_bad_parameter_that_is_read_is_2(call: CallAgent) -> None:
    outcome = call(doing(lambda agent: agent.size), "monitor", size="big")
    assert outcome.code == 2
    assert len(outcome.reasons) == 1


@pytest.mark.parametrize(
    ("level", "code"), [(None, 5), ("10", 5), ("20", 5), ("0", 0), ("9", 0), ("junk", 5)]
)
def test_validate_all_looks_at_the_node_from_level_10(
    call: CallAgent, level: str | None, code: int
) -> None:
    settings = {} if level is None else {"OCF_CHECK_LEVEL": level}
    outcome = call(raising(exits.NotInstalled("absent")), "validate-all", size=1, **settings)
    assert outcome.code == code
    assert outcome.reasons == (["absent"] if code else [])


def test_validate_all_without_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dispatch.call(Thing, ["thing", "validate-all"], {"OCF_RESKEY_size": "1"}) == 0


# --- degraded -------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "code"), [(exits.Degraded, 190), (exits.DegradedPromoted, 191)])
@pytest.mark.parametrize("interval", ["10000", None])
def test_degraded_from_monitor(
    call: CallAgent,
    programs: ScriptedPrograms,
    error: type[exits.OcfError],
    code: int,
    interval: str | None,
) -> None:
    expect_shown(programs, "late")
    settings = {} if interval is None else {"meta_interval": interval}
    outcome = call(raising(error("late")), "monitor", **settings)
    assert outcome == (code, "", "ocf-exit-reason:late\n")


@pytest.mark.parametrize("name", ["start", "promote"])
def test_degraded_from_start_is_0_and_shown(
    call: CallAgent, programs: ScriptedPrograms, name: str
) -> None:
    """Pacemaker 2.1.5 takes 190 from a start for a failure."""
    expect_shown(programs, "late")
    assert call(raising(exits.Degraded("late")), name, size=1) == (0, "", "")


def test_a_degraded_probe_publishes_nothing(call: CallAgent) -> None:
    outcome = call(raising(exits.Degraded("late")), "monitor", meta_interval=0)
    assert outcome.code == 190


def degrade(call: CallAgent, programs: ScriptedPrograms, level: int = 0) -> None:
    expect_shown(programs, "late")
    call(raising(exits.Degraded("late")), "monitor", OCF_CHECK_LEVEL=level)


@pytest.mark.parametrize("name", ["start", "stop", "monitor"])
def test_well_again(call: CallAgent, programs: ScriptedPrograms, name: str) -> None:
    degrade(call, programs)
    expect_removed(programs)
    assert call(Thing, name, size=1) == (0, "", "")
    assert call(Thing, name, size=1) == (0, "", ""), "and once only"


@pytest.mark.parametrize("name", ["start", "stop"])
def test_start_and_stop_end_what_a_deep_monitor_found(
    call: CallAgent, programs: ScriptedPrograms, name: str
) -> None:
    degrade(call, programs, level=20)
    expect_removed(programs)
    assert call(Thing, name, size=1).code == 0


def test_a_shallow_monitor_leaves_what_a_deep_one_found(
    call: CallAgent, programs: ScriptedPrograms
) -> None:
    degrade(call, programs, level=10)
    assert call(Thing, "monitor", OCF_CHECK_LEVEL=0).code == 0
    expect_removed(programs)
    assert call(Thing, "monitor", OCF_CHECK_LEVEL=10).code == 0


@pytest.mark.parametrize("name", ["promote", "demote", "notify", "reload-agent", "validate-all"])
def test_other_actions_withdraw_nothing(
    call: CallAgent, programs: ScriptedPrograms, name: str
) -> None:
    degrade(call, programs)
    assert call(Thing, name, size=1).code == 0


def test_a_probe_withdraws_nothing(call: CallAgent, programs: ScriptedPrograms) -> None:
    """A probe has no side effects, and has hardly looked."""
    degrade(call, programs)
    assert call(Thing, "monitor", meta_interval=0).code == 0


@pytest.mark.parametrize("error", [exits.Failed("bad"), ValueError("odd")])
def test_a_failure_withdraws_nothing(
    call: CallAgent, programs: ScriptedPrograms, error: Exception
) -> None:
    degrade(call, programs)
    assert call(raising(error), "monitor").code == 1


def test_a_second_cause_under_the_same_code_is_shown(
    call: CallAgent, programs: ScriptedPrograms
) -> None:
    degrade(call, programs)
    expect_shown(programs, "too full")
    outcome = call(raising(exits.Degraded("too full")), "monitor")
    assert outcome == (190, "", "ocf-exit-reason:too full\n")


def test_a_state_folder_that_cannot_be_written_changes_no_result(
    call: CallAgent, state_folder: Path, logged: list[str]
) -> None:
    state_folder.write_text("in the way")
    outcome = call(raising(exits.Degraded("late")), "monitor")
    assert outcome == (190, "", "ocf-exit-reason:late\n")
    assert any(line.startswith("WARNING: ") for line in logged)
    assert call(Thing, "stop") == (0, "", "")


def test_a_damaged_note_changes_no_result(
    call: CallAgent, programs: ScriptedPrograms, state_folder: Path
) -> None:
    statefile.write(f"{state_folder}/thing-thing.degraded", {"level": "junk"})
    expect_removed(programs)
    assert call(Thing, "stop") == (0, "", "")


def test_bytes_that_are_no_text_in_a_degradation(
    call: CallAgent, programs: ScriptedPrograms
) -> None:
    programs.expect(["attrd_updater", ...])
    assert call(raising(exits.Degraded("\udcff")), "monitor").code == 190


# --- time, trace, terminal ------------------------------------------------------------------


def test_the_deadline_keeps_a_reserve(call: CallAgent) -> None:
    seen = []

    def work(agent: Agent) -> None:
        seen.append(agent.deadline.remaining())

    call(doing(work), "monitor", meta_timeout=40000)
    call(doing(work), "monitor")
    assert 35 < seen[0] <= 38
    assert 8 < seen[1] <= 9.5


def test_trace(call: CallAgent, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    settings = {"size": 1, "OCF_TRACE_RA": 1, "OCF_TRACE_FILE": file}
    call(raising(exits.Failed("broken")), "start", **settings)
    call(Thing, "monitor", **settings)
    text = file.read_text()
    assert "thing start of thing" in text
    assert "= 1: broken" in text
    assert text.endswith("= 0\n")


def test_no_trace_unless_asked_for(call: CallAgent, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    call(Thing, "monitor", trace_ra="false", OCF_TRACE_FILE=file)
    assert not file.exists()


def test_a_terminal_is_told_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert dispatch.call(raising(exits.NotRunning("gone")), ["thing", "monitor"], {}) == 7
    assert terminal.getvalue() == "ocf-exit-reason:gone\nthing monitor: exit code 7\n"


class Gone(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, _: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("stream", [None, Gone()])
@pytest.mark.parametrize("name", ["meta-data", "help", "monitor", "no-such-action"])
def test_streams_that_are_closed_change_no_code(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None, name: str
) -> None:
    code = {"meta-data": 0, "help": 0, "monitor": 7, "no-such-action": 3}[name]
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    assert dispatch.call(raising(exits.NotRunning("gone")), ["thing", name], {}) == code


def test_main_ends_the_process_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the interpreter's clean-up, so that nothing may be left in a buffer."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 2)
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        monkeypatch.setattr(sys, "argv", ["thing", "monitor"])
        dispatch.main(raising(exits.NotRunning("gone")))
    os.close(write)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with open(read, encoding="utf-8") as pipe:
        assert (code, pipe.read()) == (7, "ocf-exit-reason:gone\n")
