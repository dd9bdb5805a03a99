"""The page of a resource agent in docs/agents, as Markdown."""

from __future__ import annotations

import re

from examples import Example
from metadata import Agent, Parameter


def page(agent: Agent, examples: list[Example]) -> str:
    """Return the page.  It carries no version and no date: it changes when the agent does."""
    blocks = [
        f"# {agent.full_name}",
        f"{_escape(agent.summary)}.",
        "<!-- Written by `make docs` from the agent's metadata: change that, not this. -->",
        *map(_escape, agent.paragraphs),
        "## Parameters",
    ]
    for parameter in agent.parameters:
        blocks += _parameter(parameter)
    blocks += ["## Actions", "Suggested timeouts and intervals:", _actions(agent)]
    if examples:
        blocks.append("## Examples")
    for example in examples:
        blocks += [f"{example.caption}:", "\n".join(["```sh", *example.lines, "```"])]
    return "\n\n".join(blocks) + "\n"


def _parameter(parameter: Parameter) -> list[str]:
    facts = _escape(", ".join(parameter.facts()))
    return [
        f"### {parameter.name}",
        f"{_escape(parameter.summary)} ({facts}).",
        *map(_escape, parameter.paragraphs),
    ]


def _actions(agent: Agent) -> str:
    keys = list(dict.fromkeys(key for action in agent.actions for key in action.suggestions))
    rows = [["action", *keys], ["---"] * (len(keys) + 1)]
    for action in agent.actions:
        rows.append([action.name, *(action.suggestions.get(key, "") for key in keys)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _escape(text: str) -> str:
    """Escape what Markdown would interpret inside prose."""
    return re.sub(r"([\\`*_<>\[\]|])", r"\\\1", text)
