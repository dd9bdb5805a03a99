"""What Pacemaker tells an agent: the action and the OCF_ variables, read once and typed.

Sources: OCF resource agent API 1.1 ("Environment variables"), Pacemaker Administration ("OCF
Resource Agents"), and services_linux.c for the variables that no document names.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .notify import Notification

_META = "OCF_RESKEY_CRM_meta_"
_TRUE = ("1", "true", "yes", "on", "y", "t")


class Environment:
    """One call of an agent."""

    def __init__(self, action: str, variables: Mapping[str, str]) -> None:
        self.action = action
        self.variables = variables

    def parameter(self, name: str) -> str | None:
        """An instance attribute as text; None when unset or empty."""
        return self.variables.get("OCF_RESKEY_" + name) or None

    def meta(self, name: str) -> str | None:
        """A meta attribute, by its name with underscores; None when unset or empty."""
        return self.variables.get(_META + name) or None

    def variable(self, name: str) -> str | None:
        """Any other variable; None when unset or empty."""
        return self.variables.get(name) or None

    @property
    def instance(self) -> str:
        """The resource instance as Pacemaker names it, `:N` included; "default" by hand."""
        return self.variables.get("OCF_RESOURCE_INSTANCE") or "default"

    @property
    def resource(self) -> str:
        """The resource for names of files and attributes.

        `:N` is kept only where the number means something, in globally unique clones.
        """
        if self.is_true("globally_unique"):
            return self.instance
        return self.instance.partition(":")[0]

    @property
    def interval(self) -> float | None:
        """Seconds between two runs of this operation; 0 for a single run, None when unknown."""
        return self._seconds("interval")

    @property
    def timeout(self) -> float | None:
        """Seconds after which Pacemaker kills us; None when called by hand."""
        return self._seconds("timeout")

    @property
    def is_probe(self) -> bool:
        """A monitor that asks whether the resource happens to run here.

        ocf-tester sets an interval of 0 for that, Pacemaker (2.1.5) no interval at all.
        `crm_resource --force-check` sets none either, but unlike Pacemaker's executor does not
        name the node: it and people want the full monitor.
        """
        if self.action != "monitor":
            return False
        return self.interval == 0 or (self.interval is None and self.node is not None)

    @property
    def check_level(self) -> int | None:
        """OCF_CHECK_LEVEL; None when unset or no number."""
        try:
            return int(self.variables["OCF_CHECK_LEVEL"])
        except (KeyError, ValueError):
            return None

    @property
    def role(self) -> str | None:
        """The role that a recurring monitor is meant for, in today's words; None when unset."""
        role = self.meta("role")
        return {"Master": "Promoted", "Slave": "Unpromoted"}.get(role or "", role)

    @property
    def node(self) -> str | None:
        """The name of the node that this action runs on; None when called by hand."""
        return self.meta("on_node")

    @property
    def is_clone(self) -> bool:
        """True for an instance of a clone."""
        return self.meta("clone") is not None

    @property
    def is_promotable(self) -> bool:
        """True for an instance of a promotable clone."""
        return self.is_true("promotable")

    @property
    def notification(self) -> Notification:
        """What a notify action reports.  Raises NoNotification outside of one."""
        from . import notify

        return notify.parse(self.variables)

    def is_true(self, name: str) -> bool:
        """A meta attribute read as a boolean, in any of the spellings that Pacemaker takes."""
        return (self.meta(name) or "").lower() in _TRUE

    def _seconds(self, name: str) -> float | None:
        value = self.meta(name)
        try:
            return None if value is None else int(value) / 1000
        except ValueError:
            return None
