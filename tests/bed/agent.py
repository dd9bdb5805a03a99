"""A resource agent in a machine of the bed, called as Pacemaker calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bed.program import Program, Result

if TYPE_CHECKING:
    from tests.bed.machine import Machine

FOLDER = "/usr/lib/ocf/resource.d/moodle"
REASON = "ocf-exit-reason:"
SUCCESS, NOT_RUNNING, RUNNING_PROMOTED = 0, 7, 8


@dataclass(frozen=True)
class AgentResult(Result):
    """How an action ended; `reason` is the text of its exit reason, "" when it left none."""

    reason: str


class Agent:
    """An agent with the parameters of one resource.

        vip = machine.agent("vip", ip="192.0.2.10", nic="eth0")
        assert vip("start").code == 0

    Every call is held to what each agent owes its caller: no traceback on stderr, and exactly one
    exit reason with every failure but a probe that finds nothing.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        parameters: Mapping[str, str],
        instance: str = "resource",
    ) -> None:
        self.machine = machine
        self.name = name
        self.parameters = dict(parameters)
        self.instance = instance

    def with_parameters(self, **changes: str | None) -> Agent:
        """The same resource with some parameters changed, or unset (None)."""
        merged: dict[str, str | None] = {**self.parameters, **changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        return Agent(self.machine, self.name, kept, self.instance)

    def __call__(
        self,
        action: str,
        *,
        interval: float | None = None,
        depth: int | None = None,
        timeout: float = 20,
        user: str | None = None,
        meta: Mapping[str, str] | None = None,
    ) -> AgentResult:
        """Run an action to its end; see `environment` for the arguments.

        One that outlives its timeout, which Pacemaker would kill, raises BedError.
        """
        env = self.environment(action, interval=interval, depth=depth, timeout=timeout, meta=meta)
        done = self.machine.run(self.command(action), env=env, user=user, timeout=timeout)
        probe = action == "monitor" and interval == 0
        return AgentResult(**vars(done), reason=_checked_reason(done, action, probe))

    def probe(self) -> AgentResult:
        """Run the monitor by which Pacemaker asks whether the resource happens to run."""
        return self("monitor", interval=0)

    def spawn(self, action: str, *, timeout: float = 20) -> Program:
        """Start an action and return at once."""
        return self.machine.spawn(
            self.command(action), env=self.environment(action, timeout=timeout)
        )

    def command(self, action: str) -> list[str]:
        """The command line of an action."""
        return [f"{FOLDER}/{self.name}", action]

    def environment(
        self,
        action: str,
        *,
        interval: float | None = None,
        depth: int | None = None,
        timeout: float = 20,
        meta: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """What Pacemaker 2.1.5 sets for an action.

        `interval` and `timeout` are seconds (a monitor recurs every 10 s when not told else, and
        0 makes it a probe), `depth` is OCF_CHECK_LEVEL, `meta` has further CRM_meta variables.
        """
        if interval is None:
            interval = 10 if action == "monitor" else 0
        env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RA_VERSION_MAJOR": "1",
            "OCF_RA_VERSION_MINOR": "1",
            "OCF_RESOURCE_INSTANCE": self.instance,
            "OCF_RESOURCE_TYPE": self.name,
            "OCF_RESOURCE_PROVIDER": "moodle",
            "OCF_EXIT_REASON_PREFIX": REASON,
            "HA_LOGFACILITY": "daemon",
            "OCF_RESKEY_crm_feature_set": "3.16.1",
            "OCF_RESKEY_CRM_meta_name": action,
            "OCF_RESKEY_CRM_meta_timeout": str(round(timeout * 1000)),
            "OCF_RESKEY_CRM_meta_on_node": self.machine.name,
        }
        if interval > 0:
            env["OCF_RESKEY_CRM_meta_interval"] = str(round(interval * 1000))
        for name, value in (meta or {}).items():
            env[f"OCF_RESKEY_CRM_meta_{name}"] = value
        for name, value in self.parameters.items():
            env[f"OCF_RESKEY_{name}"] = value
        if depth is not None:
            env["OCF_CHECK_LEVEL"] = str(depth)
        return env


def _checked_reason(done: Result, action: str, probe: bool) -> str:
    """The exit reason; AssertionError when stderr is not as every agent has to leave it."""
    shown = f"{action} ended with {done.code} and wrote:\n{done.err}"
    assert "Traceback" not in done.err, shown
    lines = done.err.splitlines()
    reasons = [line[len(REASON) :].strip() for line in lines if line.startswith(REASON)]
    silent = done.code in (SUCCESS, RUNNING_PROMOTED) or (probe and done.code == NOT_RUNNING)
    assert len(reasons) == (0 if silent else 1), f"exit reasons are wrong: {shown}"
    assert silent or reasons[0], f"the exit reason is empty: {shown}"
    return "".join(reasons)
