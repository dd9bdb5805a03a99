"""What is wrong although the resource works, where crm_mon can show it.

Pacemaker reports a recurring monitor only when its exit *code* changes: a second cause under 190
would never be seen.  So the present one is also a node attribute, `moodle-ha-<resource>`, which
`crm_mon -A` shows.
"""

from __future__ import annotations

import os

from ..system import statefile
from .exits import OcfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .agent import Agent

_DAMPEN = 1.0


def attribute_name(resource: str) -> str:
    """The node attribute of a resource."""
    return f"moodle-ha-{resource}"


def publish(agent: Agent, reason: str) -> None:
    """Say what is wrong; again at each monitor, since a restarted Pacemaker has forgotten it."""
    path = agent.state_file("degraded")
    level = agent.environment.check_level or 0
    known = statefile.read(path) or {}
    if known.get("reason") != reason:
        agent.log.warning(f"degraded: {reason}")
    try:
        # Written first: what is published by then can always be withdrawn.
        statefile.write(path, {"reason": reason, "level": level})
        agent.cluster.set_attribute(
            attribute_name(agent.environment.resource), reason, dampen=_DAMPEN
        )
    except (OSError, OcfError) as error:
        agent.log.warning(f"cannot publish the degradation: {error}")


def withdraw(agent: Agent, *, everything: bool = False) -> None:
    """All is well: remove the attribute, if one was published.

    A monitor withdraws only what a monitor of its own depth or less has found, since it did not
    look any deeper; `everything` is for start and stop.
    """
    path = agent.state_file("degraded")
    if not os.path.exists(path):
        return
    known = statefile.read(path) or {}
    level = agent.environment.check_level or 0
    if not everything and int(known.get("level", "0")) > level:
        return
    try:
        agent.cluster.delete_attribute(attribute_name(agent.environment.resource))
        statefile.remove(path)
        agent.log.info(f"no longer degraded: {known.get('reason', '')}")
    except (OSError, OcfError) as error:
        agent.log.warning(f"cannot withdraw the degradation: {error}")
