"""What is wrong although the resource works, where crm_mon can show it.

Pacemaker reports a recurring monitor only when its exit *code* changes: a second cause under 190
would never be seen.  So the present causes are also a node attribute, `moodle-ha-<resource>`,
which `crm_mon -A` shows.

Monitors of different depth find different causes.  Each is kept with the depth that found it, and
only a monitor of that depth or a greater one, which looked there, can withdraw it.
"""

from __future__ import annotations

from ..system import statefile
from ..system.log import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .agent import Agent

_DAMPEN = 1.0  # seconds: two causes that come together make one change of the CIB


def publish(agent: Agent, reason: str) -> None:
    """Say what is wrong; again at each monitor, since a restarted Pacemaker has forgotten it.

    Raises OSError when it cannot be noted down.
    """
    level = agent.environment.check_level or 0
    reason = one_line(reason)
    known = _causes(agent)
    if known.get(level) != reason:
        agent.log.warning(f"degraded: {reason}")
    # A monitor of this depth has looked at all that the less deep ones look at.
    causes = {depth: cause for depth, cause in known.items() if depth > level}
    causes[level] = reason
    # Noted first: what is published by then can always be withdrawn.
    _note(agent, causes)
    _show(agent, causes)


def withdraw(agent: Agent, *, everything: bool = False) -> None:
    """All that this monitor looked at is well; `everything` is for start and stop.

    Raises OSError when the note cannot be removed.
    """
    level = agent.environment.check_level or 0
    known = _causes(agent)
    left = {depth: cause for depth, cause in known.items() if depth > level and not everything}
    if known and left == known:
        return
    # Noted last: what the cluster refuses now, the next monitor tries again.
    if left and _show(agent, left):
        _note(agent, left)
    elif not left and agent.cluster.delete_attribute(_name(agent)):
        statefile.remove(agent.state_file("degraded"))
    else:
        return
    agent.log.info(f"no longer degraded: {_text(known) or 'the cause is unknown'}")


def _note(agent: Agent, causes: dict[int, str]) -> None:
    statefile.write(agent.state_file("degraded"), {str(k): v for k, v in causes.items()})


def _show(agent: Agent, causes: dict[int, str]) -> bool:
    return agent.cluster.set_attribute(_name(agent), _text(causes), dampen=_DAMPEN)


def attribute_name(resource: str) -> str:
    """The node attribute of a resource."""
    return f"moodle-ha-{resource}"


def _name(agent: Agent) -> str:
    return attribute_name(agent.environment.resource)


def _text(causes: dict[int, str]) -> str:
    """Each cause once, those of the least depth first."""
    return "; ".join(dict.fromkeys(cause for _, cause in sorted(causes.items())))


def _causes(agent: Agent) -> dict[int, str]:
    """Depth of the monitor to what it found; what is no depth is passed over."""
    noted = statefile.read(agent.state_file("degraded")) or {}
    return {int(depth): cause for depth, cause in noted.items() if depth.isdecimal()}
