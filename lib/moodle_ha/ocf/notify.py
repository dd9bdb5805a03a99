"""The notify action: what the transition at hand does to the instances of a clone.

Pacemaker reports parallel lists of instances and nodes in some twenty variables, as things were
*before* the transition.  They are parsed once into a structure.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "OCF_RESKEY_CRM_meta_notify_"
# Pacemaker still sets the names from before 2.1 beside today's.
_OLD_NAMES = {"promoted": "master", "unpromoted": "slave"}


class NoNotification(Exception):
    """The environment holds no notification: notify was called by hand, or without notify=true."""


class Instance:
    """One clone instance and the node that it is on."""

    __slots__ = ("node", "resource")

    def __init__(self, resource: str, node: str) -> None:
        self.resource = resource
        self.node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instance) and (self.resource, self.node) == (
            other.resource,
            other.node,
        )

    def __hash__(self) -> int:
        return hash((self.resource, self.node))

    def __repr__(self) -> str:
        return f"{self.resource}@{self.node}"


class Notification:
    """`when` is "pre" or "post", `operation` is start, stop, promote or demote.

    `starting`, `stopping`, `promoting` and `demoting` list what the whole transition does to the
    clone; `active`, `promoted` and `unpromoted` how things stood before it.
    """

    def __init__(self, when: str, operation: str, lists: Mapping[str, list[Instance]]) -> None:
        self.when = when
        self.operation = operation
        self.starting = lists["start"]
        self.stopping = lists["stop"]
        self.promoting = lists["promote"]
        self.demoting = lists["demote"]
        self.active = lists["active"]
        self.promoted = lists["promoted"]
        self.unpromoted = lists["unpromoted"]

    def is_about(self, when: str, operation: str) -> bool:
        """Is it this moment of this operation?"""
        return (self.when, self.operation) == (when, operation)

    def active_afterwards(self) -> list[Instance]:
        """The instances that run once the transition is over."""
        stopping = set(self.stopping)
        kept = [instance for instance in self.active if instance not in stopping]
        # One that is restarted stands in all three lists.
        return kept + [instance for instance in self.starting if instance not in kept]

    def promoted_afterwards(self) -> list[Instance]:
        """The instances that are promoted once the transition is over."""
        gone = set(self.demoting) | set(self.stopping)
        kept = [instance for instance in self.promoted if instance not in gone]
        return kept + [instance for instance in self.promoting if instance not in kept]


def parse(variables: Mapping[str, str]) -> Notification:
    """Read the notification of this call.  Raises NoNotification."""
    when = variables.get(_PREFIX + "type", "")
    operation = variables.get(_PREFIX + "operation", "")
    if not when or not operation:
        raise NoNotification("OCF_RESKEY_CRM_meta_notify_type and _operation are not set")
    names = ("start", "stop", "promote", "demote", "active", "promoted", "unpromoted")
    return Notification(when, operation, {name: _instances(variables, name) for name in names})


def _instances(variables: Mapping[str, str], name: str) -> list[Instance]:
    for spelling in (name, _OLD_NAMES.get(name, name)):
        resources = variables.get(f"{_PREFIX}{spelling}_resource", "").split()
        nodes = variables.get(f"{_PREFIX}{spelling}_uname", "").split()
        if resources:
            return [Instance(resource, node) for resource, node in zip(resources, nodes)]
    return []
