"""The base class of every agent: declaration of its actions, and what each of them can use.

An agent is a class with `name`, `shortdesc`, `longdesc`, `Parameter` attributes and methods marked
with `@action`.  The method `reload_agent` is the action `reload-agent`, and so on.
"""

from __future__ import annotations

import time

from .exits import NeverValid, NotInstalled, WrongHere
from .parameters import BadParameter, Boolean, Parameter, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    from ..system.deadline import Deadline
    from ..system.log import Log
    from ..system.programs import Programs
    from .cluster import Cluster
    from .environment import Environment
    from .trace import Trace

    Method = TypeVar("Method", bound=Callable[..., Any])

PROVIDER = "moodle"
STATE_FOLDER = "/run/moodle-ha"
RESERVE = 0.05
"""The part of the timeout that is kept for ending with a reason before Pacemaker kills us."""


class Schedule:
    """How an action is advertised: seconds of timeout and interval, depth, role."""

    def __init__(
        self, timeout: int, interval: int | None, depth: int | None, role: str | None
    ) -> None:
        self.timeout = timeout
        self.interval = interval
        self.depth = depth
        self.role = role


def action(
    timeout: int, *, interval: int | None = None, depth: int | None = None, role: str | None = None
) -> Callable[[Method], Method]:
    """Mark a method as an action.

    Several marks on one method advertise it several times, topmost first: a monitor with more
    than one depth or role.  pcs copies these timeouts into the CIB, so they are real settings;
    the intervals of one action must all differ, or Pacemaker takes two operations for one.
    """

    def mark(method: Method) -> Method:
        schedules = [Schedule(timeout, interval, depth, role), *getattr(method, "schedules", [])]
        method.schedules = schedules  # type: ignore[attr-defined]
        return method

    return mark


class Agent:
    """One call of a resource agent: its parameters and the doors to the machine.

    `deadline` is the moment by which the action must have ended, `programs` starts external
    programs, `log` writes to syslog, `cluster` reads and writes attributes.
    """

    name = ""
    shortdesc = ""
    longdesc = ""

    trace_ra = Parameter(
        Boolean(),
        "Trace the agent",
        "Write every command that the agent runs, with exit code and milliseconds, to a file below"
        " trace_dir. Best set on a single operation: crm resource trace RESOURCE monitor.",
        default="false",
        reloadable=True,
    )
    trace_dir = Parameter(
        Text(),
        "Folder of the traces",
        "Folder below which traces are written, as AGENT/RESOURCE.ACTION.TIME.",
        default="/var/lib/heartbeat/trace_ra",
        reloadable=True,
    )

    # The doors to the machine.  Each is opened when it is first used, since most monitors need
    # none, and their modules would be a quarter of such a monitor's time.
    log: Log
    programs: Programs
    deadline: Deadline
    cluster: Cluster

    def __init__(
        self, environment: Environment, seconds: float = 20.0, trace: Trace | None = None
    ) -> None:
        """`seconds` is the time that this call of the agent may take from now on."""
        self.environment = environment
        self._end = time.monotonic() + seconds
        self._trace = trace

    def __getattr__(self, name: str) -> Any:
        open_door = _DOORS.get(name)
        if open_door is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        door = open_door(self)
        setattr(self, name, door)
        return door

    def _open_log(self) -> Log:
        from ..system.log import Log

        return Log(
            f"moodle-ha-{self.name}({self.environment.instance})", self.environment.variables
        )

    def _open_programs(self) -> Programs:
        from ..system.programs import Programs

        return Programs(self._trace.command if self._trace else None)

    def _open_deadline(self) -> Deadline:
        from ..system.deadline import Deadline

        return Deadline(self._end - time.monotonic())

    def _open_cluster(self) -> Cluster:
        from .cluster import Cluster

        return Cluster(self.programs, self.log, self.environment.instance, self.deadline)

    def state_file(self, purpose: str) -> str:
        """The path of a state file of this resource; gone after a reboot, as OCF wants it."""
        resource = self.environment.resource.replace("/", "_")
        return f"{STATE_FOLDER}/{self.name}-{resource}.{purpose}"

    def require_program(self, name: str) -> str:
        """The path of a program.  Raises NotInstalled; ocf-tester asks us to pretend that."""
        pretend_absent = self.environment.variable("OCF_TESTER_FAIL_HAVE_BINARY")
        path = None if pretend_absent else self.programs.find(name)
        if path is None:
            raise NotInstalled(f"program {name} is not installed on this node; install it here")
        return path

    def check_parameters(self) -> None:
        """Read every parameter once.  Raises BadParameter that names all bad ones."""
        problems = []
        for parameter in parameters(type(self)):
            try:
                getattr(self, parameter.name)
            except BadParameter as error:
                problems.append(str(error))
        if not problems:
            try:
                self.check_together()
            except BadParameter as error:
                problems.append(str(error))
        if problems:
            raise BadParameter("; ".join(problems))

    def check_together(self) -> None:
        """For agents to override: what single parameters cannot say.  Raises BadParameter."""

    def check_node(self) -> None:
        """For agents to override: can this node run the resource?  Raises OcfError."""

    def require_parameters(self) -> None:
        """Start, promote and reload cannot work with bad ones.  Raises WrongHere."""
        try:
            self.check_parameters()
        except BadParameter as error:
            raise WrongHere(str(error)) from None

    @action(timeout=20)
    def validate_all(self) -> int | None:
        """Check the parameters; from level 10 on this node as well.

        pcs and crmsh set no level and mean this node.
        """
        try:
            self.check_parameters()
        except BadParameter as error:
            raise NeverValid(str(error)) from None
        level = self.environment.check_level
        if level is None or level >= 10:
            self.check_node()
        return None


_DOORS: dict[str, Callable[[Agent], Any]] = {
    "log": Agent._open_log,
    "programs": Agent._open_programs,
    "deadline": Agent._open_deadline,
    "cluster": Agent._open_cluster,
}


def parameters(agent: type[Agent]) -> list[Parameter]:
    """The parameters of an agent class: its own first, in the order of their declaration."""
    found: dict[str, Parameter] = {}
    for owner in agent.__mro__:
        for name, value in vars(owner).items():
            if isinstance(value, Parameter):
                found.setdefault(name, value)
    return list(found.values())


def actions(agent: type[Agent]) -> dict[str, list[Schedule]]:
    """The actions of an agent class by their OCF names, in the order of their declaration."""
    return dict(_actions(agent))


def _actions(agent: type[Agent]) -> Iterator[tuple[str, list[Schedule]]]:
    seen = set()
    for owner in agent.__mro__:
        for name in vars(owner):
            schedules = getattr(getattr(agent, name), "schedules", None)
            if schedules and name not in seen:
                seen.add(name)
                yield _ocf_name(name), schedules


def schedules_of(agent: type[Agent], ocf_name: str) -> list[Schedule] | None:
    """How one action is advertised; None when the agent has none of exactly this name."""
    method = method_name(ocf_name)
    if _ocf_name(method) != ocf_name:
        return None
    schedules: list[Schedule] | None = getattr(getattr(agent, method, None), "schedules", None)
    return schedules


def method_name(ocf_name: str) -> str:
    """`reload-agent` is the method `reload_agent`."""
    return ocf_name.replace("-", "_")


def _ocf_name(method: str) -> str:
    """OCF spells its actions with dashes, but for the two migrations."""
    return method if method.startswith("migrate_") else method.replace("_", "-")


def seconds_for(environment: Environment, schedules: list[Schedule]) -> float:
    """How long this action may take: the caller's timeout less our reserve.

    Called by hand there is no timeout, and the advertised one holds.
    """
    seconds = environment.timeout or float(schedules[0].timeout)
    # The caller's clock began before the interpreter did: that takes half a second on the slowest
    # machine that we know (a virtual one without hardware support).
    return max(seconds * 0.5, seconds - max(0.5, seconds * RESERVE))
