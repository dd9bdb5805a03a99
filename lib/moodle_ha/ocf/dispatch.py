"""From a command line to an exit code: what every agent does around its own work."""

from __future__ import annotations

import os
import sys

from . import exits
from .agent import PROVIDER, actions, method_name, schedules_of, seconds_for
from .environment import Environment
from .parameters import BadParameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn, TextIO

    from .agent import Agent
    from .trace import Trace

_NEEDS_PARAMETERS = ("start", "promote", "reload", "reload-agent", "migrate_to", "migrate_from")
_REASON_LIMIT = 500


def main(agent_class: type[Agent]) -> NoReturn:
    """Run the action named by the first argument and end the process."""
    code = call(agent_class, sys.argv, os.environ)
    # The interpreter's own clean-up would take a tenth of the whole run.
    os._exit(code)


def call(agent_class: type[Agent], argv: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run an action; returns its exit code.

    Further arguments are ignored, as OCF demands.  Every exit but success leaves exactly one
    `ocf-exit-reason:` line on stderr, except a probe that finds nothing.
    """
    name = argv[1] if len(argv) > 1 else ""
    if name == "meta-data":
        from .metadata import document

        _say(sys.stdout, document(agent_class))
        return exits.SUCCESS
    if name in ("usage", "help", "-h", "--help"):
        _say(sys.stdout, _usage(agent_class))
        return exits.SUCCESS
    schedules = schedules_of(agent_class, name)
    if schedules is None:
        wanted = f"has no action {name!r}" if name else "was given no action"
        _say_reason(f"ocf:{PROVIDER}:{agent_class.name} {wanted}; {_list(agent_class)}")
        return exits.ERR_UNIMPLEMENTED
    environment = Environment(name, variables)
    trace = _trace(agent_class, environment, variables)
    agent = agent_class(environment, seconds_for(environment, schedules), trace)
    code, reason = _run(agent, method_name(name))
    if code in (exits.SUCCESS, exits.RUNNING_PROMOTED):
        reason = ""
    elif not (code == exits.NOT_RUNNING and environment.is_probe):
        _say_reason(reason or f"{agent_class.name} {name} ended with {code} and did not say why")
    if trace is not None:
        trace.end(code, reason)
    if sys.stderr is not None and sys.stderr.isatty():
        _say(sys.stderr, f"{agent_class.name} {name}: exit code {code}\n")
    return code


def _run(agent: Agent, method: str) -> tuple[int, str]:
    """The exit code and the reason; "" where the code says it all."""
    environment = agent.environment
    try:
        if environment.action in _NEEDS_PARAMETERS:
            agent.require_parameters()
        code = getattr(agent, method)() or exits.SUCCESS
    except exits.Degraded as error:
        if not environment.is_probe:
            _note(agent, error.reason)
        if environment.action == "monitor":
            return error.code, error.reason
        return exits.SUCCESS, ""
    except exits.OcfError as error:
        return error.code, error.reason
    except BadParameter as error:
        return exits.ERR_ARGS, str(error)
    except KeyboardInterrupt:
        return exits.ERR_GENERIC, f"{environment.action} was interrupted at the terminal"
    except Exception as error:
        return _defect(agent, error)
    if not environment.is_probe and os.path.exists(agent.state_file("degraded")):
        _note(agent, None)
    return code, ""


def _note(agent: Agent, problem: str | None) -> None:
    """Publish what is wrong, or withdraw it; whatever happens, the action's own result stands."""
    from . import degradation

    try:
        if problem is not None:
            degradation.publish(agent, problem)
        elif agent.environment.action in ("start", "stop", "monitor"):
            degradation.withdraw(agent, everything=agent.environment.action != "monitor")
    except Exception as error:
        agent.log.warning(f"cannot show in the cluster how the resource is: {error}")


def _defect(agent: Agent, error: Exception) -> tuple[int, str]:
    """An error that nobody foresaw: the traceback goes to the log, never to stderr."""
    import traceback

    for line in traceback.format_exception(type(error), error, error.__traceback__):
        for part in line.splitlines():
            agent.log.error(part)
    kind = type(error).__name__
    return exits.ERR_GENERIC, (
        f"internal error of ocf:{PROVIDER}:{agent.name} in {agent.environment.action}: "
        f"{kind}: {error}; the traceback is in the log, please report it"
    )


def _trace(
    agent_class: type[Agent], environment: Environment, variables: Mapping[str, str]
) -> Trace | None:
    if not (variables.get("OCF_RESKEY_trace_ra") or variables.get("OCF_TRACE_RA")):
        return None
    from . import trace

    if not trace.wanted(variables):
        return None
    return trace.Trace(agent_class.name, environment.instance, environment.action, variables)


def _say_reason(reason: str) -> None:
    text = " ".join(reason.split())
    if len(text) > _REASON_LIMIT:
        text = text[: _REASON_LIMIT - 3] + "..."
    _say(sys.stderr, f"ocf-exit-reason:{text}\n")


def _say(stream: TextIO | None, text: str) -> None:
    """Write and flush; a reader that has gone, or never was, changes nothing."""
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        pass


def _usage(agent_class: type[Agent]) -> str:
    return f"ocf:{PROVIDER}:{agent_class.name} - {agent_class.shortdesc}\n{_list(agent_class)}\n"


def _list(agent_class: type[Agent]) -> str:
    return "its actions are: " + ", ".join([*actions(agent_class), "meta-data"])
