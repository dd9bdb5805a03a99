"""The metadata of a resource agent, read from the XML that its `meta-data` action prints."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

PROVIDER = "moodle"


@dataclass(frozen=True)
class Parameter:
    """One instance attribute.

    `default` is None when the agent declares none.  `unique_with` is None for a parameter of which
    two resources may have the same value, else the other parameters that may not all be the same.
    """

    name: str
    summary: str
    paragraphs: list[str]
    type: str
    default: str | None
    required: bool
    unique_with: list[str] | None
    reloadable: bool

    def facts(self) -> list[str]:
        """Return what a reader must know beside the description, as short phrases."""
        facts = ["required"] if self.required else []
        facts.append(self.type)
        if self.default:
            facts.append(f"default {self.default}")
        if self.unique_with is not None:
            others = " and ".join(self.unique_with)
            facts.append(f"unique together with {others}" if others else "unique")
        if self.reloadable:
            facts.append("changed without a restart")
        return facts


@dataclass(frozen=True)
class Action:
    """One action with the timeout, interval, depth and role that the agent suggests."""

    name: str
    suggestions: dict[str, str]


@dataclass(frozen=True)
class Agent:
    """All that an agent says about itself."""

    name: str
    version: str
    summary: str
    paragraphs: list[str]
    parameters: list[Parameter]
    actions: list[Action]

    @property
    def full_name(self) -> str:
        """The name that crmsh and pcs take, as in ocf:moodle:vip."""
        return f"ocf:{PROVIDER}:{self.name}"

    @property
    def page_name(self) -> str:
        """The name of the manual page, as in ocf_moodle_vip."""
        return f"ocf_{PROVIDER}_{self.name}"


def parse(xml: str) -> Agent:
    """Read an agent's metadata.

    Raises ElementTree.ParseError for what is no XML and ValueError for a missing element.
    """
    root = ElementTree.fromstring(xml)
    groups: dict[str | None, list[str]] = {}
    for element in root.iter("parameter"):
        groups.setdefault(element.get("unique-group"), []).append(element.attrib["name"])
    return Agent(
        name=root.attrib["name"],
        version=root.get("version", ""),
        summary=_text(root, "shortdesc"),
        paragraphs=_paragraphs(root),
        parameters=[
            _parameter(element, groups[element.get("unique-group")])
            for element in root.iter("parameter")
        ],
        actions=[
            Action(element.attrib["name"], {k: v for k, v in element.items() if k != "name"})
            for element in root.iter("action")
        ],
    )


def _parameter(element: ElementTree.Element, group: list[str]) -> Parameter:
    content = element.find("content")
    if content is None:
        raise ValueError(f"parameter {element.get('name')} has no content element")
    others = [name for name in group if name != element.attrib["name"]]
    return Parameter(
        name=element.attrib["name"],
        summary=_text(element, "shortdesc"),
        paragraphs=_paragraphs(element),
        type=content.get("type", "string"),
        default=content.get("default"),
        required=element.get("required") == "1",
        unique_with=others if element.get("unique-group") else None,
        reloadable=element.get("reloadable") == "1",
    )


def _text(parent: ElementTree.Element, tag: str) -> str:
    text = parent.findtext(tag)
    if text is None:
        raise ValueError(f"{parent.tag} {parent.get('name')} has no {tag}")
    return " ".join(text.split())


def _paragraphs(parent: ElementTree.Element) -> list[str]:
    """Return the paragraphs of the long description, each as one line."""
    text = parent.findtext("longdesc") or ""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
