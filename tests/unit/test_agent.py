"""The base class: what an agent can use, and what its declaration says."""

from __future__ import annotations

import pytest

from moodle_ha.ocf.agent import (
    RESERVE,
    Agent,
    Schedule,
    action,
    actions,
    method_name,
    schedules_of,
    seconds_for,
)
from moodle_ha.ocf.cluster import Cluster
from moodle_ha.ocf.environment import Environment
from moodle_ha.ocf.exits import NotInstalled
from moodle_ha.ocf.parameters import BadParameter, Integer, Parameter
from moodle_ha.system.deadline import Deadline
from moodle_ha.system.log import Log
from moodle_ha.system.programs import Programs
from tests.unit.scripted import ScriptedPrograms


class Thing(Agent):
    name = "thing"
    least = Parameter(Integer(0, 9), "Least", "Least.", default="1")
    most = Parameter(Integer(0, 9), "Most", "Most.", required=True)

    @action(timeout=10)
    def start(self) -> None:
        """Start."""

    @action(timeout=20, interval=10, depth=0)
    @action(timeout=30, interval=60, depth=10)
    def monitor(self) -> None:
        """Monitor."""

    @action(timeout=7)
    def reload_agent(self) -> None:
        """Reload."""

    @action(timeout=8)
    def migrate_to(self) -> None:
        """Migrate."""

    def helper(self) -> None:
        """No action."""

    def check_together(self) -> None:
        if self.least > self.most:
            raise BadParameter("least is more than most")


def thing(seconds: float = 20.0, **variables: str) -> Thing:
    return Thing(Environment("monitor", variables), seconds)


def test_doors() -> None:
    agent = thing(OCF_RESOURCE_INSTANCE="site:1")
    assert isinstance(agent.log, Log)
    assert isinstance(agent.programs, Programs)
    assert isinstance(agent.deadline, Deadline)
    assert isinstance(agent.cluster, Cluster)
    for door in ("log", "programs", "deadline", "cluster"):
        assert getattr(agent, door) is getattr(agent, door), "opened once"


def test_other_attributes_are_absent() -> None:
    with pytest.raises(AttributeError, match="Thing has no attribute 'door'"):
        _ = thing().door
    assert not hasattr(thing(), "window")


def test_the_deadline_began_with_the_call() -> None:
    agent = thing(30.0)
    assert 29 < agent.deadline.remaining() <= 30
    assert Thing(Environment("monitor", {}), -1.0).deadline.expired()


def test_programs_are_traced(tmp_path: object) -> None:
    from moodle_ha.ocf.trace import Trace

    file = f"{tmp_path}/trace"
    trace = Trace("thing", "site", "monitor", {"OCF_TRACE_FILE": file})
    agent = Thing(Environment("monitor", {}), 20.0, trace)
    agent.programs.run(["true"], agent.deadline)
    with open(file, encoding="utf-8") as stream:
        assert "+ true -> 0 in " in stream.read()


@pytest.mark.parametrize(
    ("instance", "unique", "file"),
    [
        ("site", "", "thing-site.state"),
        ("site:0", "", "thing-site.state"),
        ("site:0", "true", "thing-site:0.state"),
        ("a/../b", "", "thing-a_.._b.state"),
        ("", "", "thing-default.state"),
    ],
)
def test_state_files(state_folder: object, instance: str, unique: str, file: str) -> None:
    variables = {
        "OCF_RESOURCE_INSTANCE": instance,
        "OCF_RESKEY_CRM_meta_globally_unique": unique,
    }
    assert thing(**variables).state_file("state") == f"{state_folder}/{file}"


def test_required_programs(programs: ScriptedPrograms) -> None:
    agent = thing()
    agent.programs = programs
    assert agent.require_program("mysqld") == "/usr/bin/mysqld"
    agent.programs = ScriptedPrograms(absent=["mysqld"])
    with pytest.raises(NotInstalled, match="program mysqld is not installed on this node"):
        agent.require_program("mysqld")


def test_ocf_tester_can_pretend_that_programs_are_absent(programs: ScriptedPrograms) -> None:
    agent = thing(OCF_TESTER_FAIL_HAVE_BINARY="1")
    agent.programs = programs
    with pytest.raises(NotInstalled):
        agent.require_program("mysqld")


def test_all_bad_parameters_are_named() -> None:
    with pytest.raises(BadParameter) as error:
        thing(OCF_RESKEY_least="x", OCF_RESKEY_most="10").check_parameters()
    assert str(error.value) == (
        "parameter least is 'x'; it must be a whole number from 0 to 9; "
        "parameter most is '10'; it must be a whole number from 0 to 9"
    )


def test_parameters_together_are_checked_once_each_is_good() -> None:
    with pytest.raises(BadParameter, match="least is more than most"):
        thing(OCF_RESKEY_least="3", OCF_RESKEY_most="2").check_parameters()
    thing(OCF_RESKEY_least="2", OCF_RESKEY_most="2").check_parameters()


def test_actions_by_their_ocf_names() -> None:
    found = actions(Thing)
    assert [*found] == ["start", "monitor", "reload-agent", "migrate_to", "validate-all"]
    shown = [(one.timeout, one.interval, one.depth) for one in found["monitor"]]
    assert shown == [(20, 10, 0), (30, 60, 10)], "topmost first"


def test_a_subclass_replaces_an_action() -> None:
    class Other(Thing):
        @action(timeout=99)
        def start(self) -> None:
            """Another start."""

    assert [one.timeout for one in actions(Other)["start"]] == [99]
    assert [one.timeout for one in actions(Thing)["start"]] == [10]


@pytest.mark.parametrize("name", ["start", "monitor", "reload-agent", "migrate_to", "validate-all"])
def test_names_there_and_back(name: str) -> None:
    assert schedules_of(Thing, name) == actions(Thing)[name]
    assert callable(getattr(Thing, method_name(name)))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "helper",
        "stop",
        "Start",
        "start ",
        "reload_agent",
        "validate_all",
        "migrate-to",
        "check-together",
        "name",
        "most",
        "trace_ra",
        "__class__",
        "__init__",
    ],
)
def test_what_is_no_action(name: str) -> None:
    assert schedules_of(Thing, name) is None


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [
        ("20000", 19.0),
        ("100000", 95.0),
        ("5000", 4.5),
        ("1000", 0.5),
        ("600", 0.3),
        ("", 9.5),  # called by hand: what the action advertises
        ("junk", 9.5),
    ],
)
def test_a_reserve_is_kept_of_the_timeout(milliseconds: str, seconds: float) -> None:
    environment = Environment("start", {"OCF_RESKEY_CRM_meta_timeout": milliseconds})
    assert seconds_for(environment, [Schedule(10, None, None, None)]) == pytest.approx(seconds)


def test_the_reserve_is_enough_for_the_last_words() -> None:
    for timeout in (1, 2, 10, 60, 600):
        environment = Environment("start", {"OCF_RESKEY_CRM_meta_timeout": str(timeout * 1000)})
        left = timeout - seconds_for(environment, [Schedule(10, None, None, None)])
        assert left >= min(0.5, timeout / 2)
        assert left >= timeout * RESERVE
