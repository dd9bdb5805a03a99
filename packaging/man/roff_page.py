"""The manual page of a resource agent, as roff with the man macros."""

from __future__ import annotations

import re
import textwrap
import time

from examples import Example
from metadata import Action, Agent, Parameter


def page(agent: Agent, examples: list[Example], epoch: int) -> str:
    """Return the page; `epoch` is its date in seconds since 1970 (UTC)."""
    date = time.strftime("%Y-%m-%d", time.gmtime(epoch))
    title = _escape(agent.page_name.upper())
    source = _escape(f"moodle-ha {agent.version}")
    lines = [
        f'.TH {title} 7 {date} "{source}" "OCF resource agents"',
        '.\\" Ragged right and no hyphenation: names of parameters stay in one piece.',
        ".ad l",
        ".nh",
        ".SH NAME",
        f"{_escape(agent.page_name)} \\- {_escape(agent.summary)}",
        ".SH SYNOPSIS",
        f".B {_escape(agent.name)}",
        "[" + " | ".join(_escape(name) for name in _action_names(agent)) + "]",
        ".SH DESCRIPTION",
    ]
    for number, paragraph in enumerate(agent.paragraphs):
        lines += [".PP"] if number else []
        lines += _prose(paragraph)
    lines.append(".SH PARAMETERS")
    for parameter in agent.parameters:
        lines += _parameter(parameter)
    lines += [".SH ACTIONS", "Suggested timeouts and intervals:"]
    for action in agent.actions:
        lines += _action(action)
    if examples:
        lines.append(".SH EXAMPLES")
    for number, example in enumerate(examples):
        lines += [".PP"] if number else []
        lines += _example(example)
    lines += [
        ".SH SEE ALSO",
        ".BR crm (8),",
        ".BR pcs (8),",
        ".BR crm_mon (8),",
        ".BR crm_resource (8)",
    ]
    return "\n".join(lines) + "\n"


def _action_names(agent: Agent) -> list[str]:
    return list(dict.fromkeys(action.name for action in agent.actions))


def _parameter(parameter: Parameter) -> list[str]:
    lead = f"{parameter.summary} ({', '.join(parameter.facts())})."
    lines = [".TP", f".B {_escape(parameter.name)}", *_prose(lead)]
    for paragraph in parameter.paragraphs:
        lines += [".IP", *_prose(paragraph)]
    return lines


def _action(action: Action) -> list[str]:
    suggestions = ", ".join(f"{name} {value}" for name, value in action.suggestions.items())
    return [".TP", f".B {_escape(action.name)}", *_prose(suggestions)]


def _example(example: Example) -> list[str]:
    code = [_literal(line) for line in example.lines]
    return [*_prose(f"{example.caption}:"), ".PP", ".RS 4", ".nf", *code, ".fi", ".RE"]


def _escape(text: str) -> str:
    """Escape what roff would interpret; dashes stay ASCII, so that they can be copied."""
    return text.replace("\\", "\\e").replace("-", "\\-")


def _prose(text: str) -> list[str]:
    """Return the source lines of a paragraph; a leading dot or quote would make a request."""
    lines = textwrap.wrap(_escape(text), 79, break_long_words=False, break_on_hyphens=False)
    return [re.sub(r"^([.'])", r"\\&\1", line) for line in lines]


def _literal(line: str) -> str:
    """Escape a line of code: its quotes and accents stay the ASCII ones."""
    escaped = _escape(line)
    for character, name in (("'", "aq"), ("`", "ga"), ("^", "ha"), ("~", "ti")):
        escaped = escaped.replace(character, f"\\({name}")
    return re.sub(r"^\.", r"\\&.", escaped)
