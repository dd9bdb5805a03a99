"""An agent's meta-data: OCF 1.1, in a form that every reader takes.

Readers and what they insist on: ocf-tester validates against the DTD of OCF 1.0, which knows
neither `unique-group` nor `reloadable` nor the action `reload-agent`; an internal DTD subset adds
them (the first declaration of an attribute wins in XML, and the internal subset is read first).
crmsh cannot parse a prolog with an encoding.  pcs validates against the 1.1 schema, refuses any
other version than 1.0 and 1.1, and shows only the long descriptions of parameters.  Old pcs and
crmsh know `unique`, today's `unique-group`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from textwrap import dedent

from .. import __version__
from .agent import Agent, Schedule, actions, parameters
from .parameters import Parameter

_PROLOG = """<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd" [
<!ATTLIST parameter unique-group CDATA #IMPLIED reloadable (0|1) #IMPLIED>
<!ATTLIST action name NMTOKEN #REQUIRED>
]>
"""


def document(agent: type[Agent]) -> str:
    """The meta-data of an agent class as XML text."""
    root = ET.Element("resource-agent", name=agent.name, version=__version__)
    ET.SubElement(root, "version").text = "1.1"
    _describe(root, agent.longdesc, agent.shortdesc)
    declared = ET.SubElement(root, "parameters")
    for parameter in parameters(agent):
        _add_parameter(declared, parameter)
    advertised = ET.SubElement(root, "actions")
    for name, schedules in actions(agent).items():
        for schedule in schedules:
            _add_action(advertised, name, schedule)
    _add_action(advertised, "meta-data", Schedule(5, None, None, None))
    ET.indent(root)
    return _PROLOG + ET.tostring(root, encoding="unicode") + "\n"


def _describe(parent: ET.Element, longdesc: str, shortdesc: str) -> None:
    ET.SubElement(parent, "longdesc", lang="en").text = dedent(longdesc).strip()
    ET.SubElement(parent, "shortdesc", lang="en").text = shortdesc


def _add_parameter(parent: ET.Element, parameter: Parameter) -> None:
    given = {"name": parameter.name}
    if parameter.required:
        given["required"] = "1"
    if parameter.unique_group:
        given["unique-group"] = parameter.unique_group
        given["unique"] = "1"
    if parameter.reloadable:
        given["reloadable"] = "1"
    element = ET.SubElement(parent, "parameter", given)
    words = getattr(parameter.kind, "words", ())
    choice = f" One of: {', '.join(words)}." if words else ""
    _describe(element, parameter.longdesc + choice, parameter.shortdesc)
    content = ET.SubElement(element, "content", type=parameter.kind.xml_type)
    if parameter.default is not None:
        content.set("default", parameter.default)


def _add_action(parent: ET.Element, name: str, schedule: Schedule) -> None:
    given = {"name": name, "timeout": f"{schedule.timeout}s"}
    if schedule.interval is not None:
        given["interval"] = f"{schedule.interval}s"
    if schedule.depth is not None:
        given["depth"] = str(schedule.depth)
    if schedule.role is not None:
        given["role"] = schedule.role
    ET.SubElement(parent, "action", given)
