"""The base class of every agent: declaration of its actions, and what each of them can use.

An agent is a class with `name`, `shortdesc`, `longdesc`, `Parameter` attributes and methods marked
with `@action`.  The method `reload_agent` is the action `reload-agent`, and so on.
"""

from __future__ import annotations

import os

from ..system.deadline import Deadline
from .exits import NeverValid, NotInstalled, WrongHere
from .parameters import BadParameter, Boolean, Parameter, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    from ..system.log import Log
    from ..system.programs import Programs
    from .cluster import Cluster
    from .environment import Environment

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
    programs, `cluster` reads and writes attributes.
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

    def __init__(
        self, environment: Environment, log: Log, programs: Programs, deadline: Deadline
    ) -> None:
        self.environment = environment
        self.log = log
        self.programs = programs
        self.deadline = deadline
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """Attributes, promotion score and quorum (loaded when first used)."""
        if self._cluster is None:
            from .cluster import Cluster

            self._cluster = Cluster(
                self.programs, self.log, self.environment.instance, self.deadline
            )
        return self._cluster

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


def method_name(ocf_name: str) -> str:
    """`reload-agent` is the method `reload_agent`."""
    return ocf_name.replace("-", "_")


def _ocf_name(method: str) -> str:
    """OCF spells its actions with dashes, but for the two migrations."""
    return method if method.startswith("migrate_") else method.replace("_", "-")


def deadline_for(environment: Environment, schedules: list[Schedule]) -> Deadline:
    """When this action must have ended: the caller's timeout less our reserve.

    Called by hand there is no timeout, and the advertised one holds.
    """
    seconds = environment.timeout or float(schedules[0].timeout)
    # The clock of the caller began before the interpreter did: at most half a second is lost to
    # that on the slowest machine that we know (a virtual one without hardware support).
    return Deadline(max(seconds * 0.5, seconds - max(0.5, seconds * RESERVE)))


def is_privileged() -> bool:
    """Changing the machine takes root."""
    return os.geteuid() == 0
