"""Parameters: typed values out of text, and errors that name what is allowed."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.agents.vip import Vip
from moodle_ha.ocf.agent import Agent, parameters
from moodle_ha.ocf.environment import Environment
from moodle_ha.ocf.parameters import BadParameter, Boolean, Integer, IpAddress, Parameter, Text
from moodle_ha.system import addresses

KINDS = [Text(), Text(("a", "b")), Integer(-5, 100), Boolean(), IpAddress()]
# With lone surrogates: what os.environ has for bytes that are not UTF-8
JUNK = st.text(st.characters())


def parameter(kind: Text | Integer | Boolean | IpAddress, **settings: object) -> Parameter:
    made = Parameter(kind, "short", "long", **settings)  # type: ignore[arg-type]
    made.__set_name__(Agent, "thing")
    return made


@given(st.integers(-(10**9), 10**9), st.integers(-100, 100), st.integers(-100, 100))
def test_integers(number: int, one: int, two: int) -> None:
    kind = Integer(min(one, two), max(one, two))
    if kind.least <= number <= kind.most:
        assert kind.parse(str(number)) == number
    else:
        with pytest.raises(ValueError, match=str(number)):
            kind.parse(str(number))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1_0",
        "+1",
        "1.0",
        "0x1",
        "--1",
        "-",
        "1-",
        "\u0661",
        "\u00b2",
        "1\n",
        "9" * 5000,
    ],
)
def test_no_integers(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text of it is nowhere shown
        Integer(-100, 100).parse(text)


@given(st.ip_addresses())
def test_addresses(ip: ipaddress.IPv4Address) -> None:
    assert IpAddress().parse(str(ip)) == addresses.IpAddress.parse(str(ip))


@pytest.mark.parametrize("text", ["true", "TRUE", "yes", "on", "1", "y", "t", "True"])
def test_true(text: str) -> None:
    assert Boolean().parse(text) is True


@pytest.mark.parametrize("text", ["false", "no", "OFF", "0", "n", "f", "False"])
def test_false(text: str) -> None:
    assert Boolean().parse(text) is False


@given(JUNK)
def test_text_is_any_text_or_one_of_its_words(text: str) -> None:
    assert Text().parse(text) == text
    assert Text((text, "other")).parse(text) == text
    with pytest.raises(ValueError):  # noqa: PT011 - the text of it is nowhere shown
        Text((text + "x", "x" + text)).parse(text)


@given(st.sampled_from(KINDS), JUNK)
def test_junk_is_a_value_or_named(kind: Text | Integer | Boolean | IpAddress, text: str) -> None:
    try:
        kind.parse(text)
    except ValueError:
        with pytest.raises(BadParameter) as error:
            parameter(kind).read(text)
        said = str(error.value)
        assert said == f"parameter thing is {text!r}; it must be {kind.allowed}"
        assert said.encode(), "bytes that are not UTF-8 are escaped"
    else:
        parameter(kind).read(text)


def test_unset() -> None:
    assert parameter(Integer(0, 9)).read(None) is None
    assert parameter(Integer(0, 9), default="3").read(None) == 3
    assert parameter(Integer(0, 9), default="3").read("4") == 4
    with pytest.raises(BadParameter, match="parameter thing is not set; it must be a whole"):
        parameter(Integer(0, 9), required=True).read(None)


class Thing(Agent):
    name = "thing"
    size = Parameter(Integer(1, 3), "Size", "Size.", default="2")
    ip = Parameter(IpAddress(), "Address", "Address.", required=True)


def thing(**settings: str) -> Thing:
    return Thing(Environment("start", {f"OCF_RESKEY_{k}": v for k, v in settings.items()}))


def test_read_on_the_agent() -> None:
    assert thing(size="3").size == 3
    assert thing(size="").size == 2
    assert str(thing(ip="2001:DB8::1").ip) == "2001:db8::1"
    with pytest.raises(
        BadParameter, match="parameter size is '4'; it must be a whole number from 1 to 3"
    ):
        _ = thing(size="4").size
    with pytest.raises(BadParameter, match="parameter ip is not set"):
        _ = thing(ip="").ip


def test_declared_on_the_class() -> None:
    assert isinstance(Thing.size, Parameter)
    assert [one.name for one in parameters(Thing)] == ["size", "ip", "trace_ra", "trace_dir"]


def test_a_subclass_can_declare_anew() -> None:
    class Other(Thing):
        size = Parameter(Integer(1, 9), "Size", "Size.", default="9")

    names = [one.name for one in parameters(Other)]
    assert sorted(names) == sorted(one.name for one in parameters(Thing))
    assert Other(Environment("start", {})).size == 9


@pytest.mark.parametrize("agent", [Agent, Vip])
def test_declarations_hold_what_they_promise(agent: type[Agent]) -> None:
    for one in parameters(agent):
        assert one.name.isidentifier(), "names of environment variables have no dash"
        assert one.shortdesc
        assert one.longdesc
        assert not (one.required and one.default is not None)
        if one.default is not None:
            one.read(one.default)
        for name in (one.name, one.shortdesc, one.longdesc):
            assert name.isascii()
