"""Meta-data: well-formed whatever the texts are; the schemas are tested with the tools."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from textwrap import dedent

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moodle_ha import __version__
from moodle_ha.agents.vip import Vip
from moodle_ha.ocf.agent import Agent, action
from moodle_ha.ocf.metadata import document
from moodle_ha.ocf.parameters import Boolean, Integer, Parameter, Text

# What XML 1.0 can hold (production [2] Char), less the carriage return, which every reader turns
# into a newline.
XML_TEXT = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff")
    | st.sampled_from("\t\n<>&\"']]>")
)


def agent(longdesc: str, shortdesc: str, default: str | None = None) -> type[Agent]:
    class Odd(Agent):
        name = "odd"
        thing = Parameter(Text(), shortdesc, longdesc, default=default)

        @action(timeout=30)
        def start(self) -> None:
            pass

        @action(timeout=20, interval=10, depth=0, role="Promoted")
        @action(timeout=25, interval=11, depth=10, role="Unpromoted")
        def monitor(self) -> None:
            pass

        @action(timeout=7)
        def reload_agent(self) -> None:
            pass

        @action(timeout=8)
        def migrate_to(self) -> None:
            pass

    Odd.longdesc = longdesc
    Odd.shortdesc = shortdesc
    return Odd


def parsed(agent_class: type[Agent]) -> ET.Element:
    return ET.fromstring(document(agent_class))


def text(element: ET.Element | None) -> str:
    assert element is not None
    return element.text or ""


@given(XML_TEXT, XML_TEXT, XML_TEXT)
@example("a & b < c > d", "\"quoted\" 'text'", "]]>")
@example("<!-- no comment -->", "&amp;", "a\tb\nc")
def test_any_text_comes_back(longdesc: str, shortdesc: str, default: str) -> None:
    root = parsed(agent(longdesc, shortdesc, default))
    for parent in (root, root.find("parameters/parameter")):
        assert parent is not None
        assert text(parent.find("longdesc")) == dedent(longdesc).strip()
        assert text(parent.find("shortdesc")) == shortdesc
    content = root.find("parameters/parameter/content")
    assert content is not None
    # A tab or newline in an attribute may come back as a blank (XML 1.0, 3.3.3).
    assert (content.get("default") or "").split() == default.split()


def test_readers_peculiarities() -> None:
    xml = document(Vip)
    prolog = xml.partition("<resource-agent")[0]
    assert xml.startswith('<?xml version="1.0"?>\n')
    assert "encoding" not in prolog, "crmsh cannot parse it then"
    assert "ra-api-1.dtd" in prolog
    assert "<select" not in xml
    assert "private" not in xml
    assert 'type="select"' not in xml
    assert xml.isascii()
    assert xml.endswith("</resource-agent>\n")


def test_order_and_versions() -> None:
    root = parsed(agent("long", "short"))
    assert root.attrib == {"name": "odd", "version": __version__}
    assert [child.tag for child in root] == [
        "version",
        "longdesc",
        "shortdesc",
        "parameters",
        "actions",
    ]
    assert text(root.find("version")) == "1.1"
    assert root.find("longdesc") is not None
    assert all(
        one.get("lang") == "en" for tag in ("longdesc", "shortdesc") for one in root.iter(tag)
    )


def test_actions() -> None:
    found = [dict(one.attrib) for one in parsed(agent("long", "short")).iter("action")]
    assert found == [
        {"name": "start", "timeout": "30s"},
        {"name": "monitor", "timeout": "20s", "interval": "10s", "depth": "0", "role": "Promoted"},
        {
            "name": "monitor",
            "timeout": "25s",
            "interval": "11s",
            "depth": "10",
            "role": "Unpromoted",
        },
        {"name": "reload-agent", "timeout": "7s"},
        {"name": "migrate_to", "timeout": "8s"},
        {"name": "validate-all", "timeout": "20s"},
        {"name": "meta-data", "timeout": "5s"},
    ]


def test_parameters() -> None:
    class Declared(Agent):
        name = "declared"
        first = Parameter(Integer(1, 9), "First", "One.", required=True, unique_group="g")
        second = Parameter(Boolean(), "Second", "Two.", default="true", reloadable=True)
        third = Parameter(Text(("x", "y")), "Third", "Three.")

    root = parsed(Declared)
    found = {one.get("name"): one for one in root.iter("parameter")}
    assert [*found] == ["first", "second", "third", "trace_ra", "trace_dir"]
    assert found["first"].attrib == {
        "name": "first",
        "required": "1",
        "unique-group": "g",
        "unique": "1",
    }
    assert found["second"].attrib == {"name": "second", "reloadable": "1"}
    contents = {name: one.find("content") for name, one in found.items()}
    shown = {name: None if one is None else one.attrib for name, one in contents.items()}
    assert shown["first"] == {"type": "integer"}
    assert shown["second"] == {"type": "boolean", "default": "true"}
    assert shown["third"] == {"type": "string"}
    assert text(found["third"].find("longdesc")) == "Three. One of: x, y."


@pytest.mark.parametrize("agent_class", [Vip])
def test_the_agents_of_this_package(agent_class: type[Agent]) -> None:
    root = parsed(agent_class)
    names = [one.get("name") for one in root.iter("action")]
    for mandatory in ("start", "stop", "monitor", "meta-data", "validate-all"):
        assert mandatory in names
    assert "reload" not in names, "for people alone, and Pacemaker ignores it"
    assert "recover" not in names
    seconds = [one.get("interval") for one in root.iter("action") if one.get("name") == "monitor"]
    assert len(set(seconds)) == len(seconds), "Pacemaker takes two of one interval for one"
    for one in root.iter("action"):
        assert re.fullmatch(r"[1-9][0-9]*s", one.get("timeout") or "")
    for one in root.iter("parameter"):
        assert len(text(one.find("longdesc"))) > 20
        assert "\n" not in text(one.find("shortdesc"))
