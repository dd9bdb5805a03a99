"""The notify action's lists as a structure."""

from __future__ import annotations

import pytest

from moodle_ha.ocf.notify import Instance, NoNotification, Notification, parse

PREFIX = "OCF_RESKEY_CRM_meta_notify_"


def notification(when: str = "post", operation: str = "start", **lists: str) -> Notification:
    """`start="db:0@a db:1@b"` becomes the variables start_resource and start_uname."""
    variables = {PREFIX + "type": when, PREFIX + "operation": operation}
    for name, text in lists.items():
        pairs = [pair.partition("@") for pair in text.split()]
        variables[f"{PREFIX}{name}_resource"] = " ".join(pair[0] for pair in pairs)
        variables[f"{PREFIX}{name}_uname"] = " ".join(pair[2] for pair in pairs)
    return parse(variables)


def text(instances: list[Instance]) -> str:
    return " ".join(map(repr, instances))


def test_every_list() -> None:
    names = {
        "starting": "start",
        "stopping": "stop",
        "promoting": "promote",
        "demoting": "demote",
        "active": "active",
        "promoted": "promoted",
        "unpromoted": "unpromoted",
    }
    given = {variable: f"db:0@{variable}1 db:1@{variable}2" for variable in names.values()}
    parsed = notification("pre", "demote", **given)
    assert parsed.is_about("pre", "demote")
    assert not parsed.is_about("post", "demote")
    assert not parsed.is_about("pre", "stop")
    for attribute, variable in names.items():
        assert text(getattr(parsed, attribute)) == given[variable]


def test_lists_are_empty_when_absent_or_blank() -> None:
    parsed = notification(active=" ")
    assert parsed.active == parsed.starting == parsed.promoted == []


def test_old_names_serve_where_the_new_are_absent() -> None:
    parsed = notification(master="db:0@a", slave="db:1@b db:2@c")
    assert text(parsed.promoted) == "db:0@a"
    assert text(parsed.unpromoted) == "db:1@b db:2@c"


def test_new_names_win() -> None:
    assert text(notification(master="db:0@old", promoted="db:0@new").promoted) == "db:0@new"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {PREFIX + "type": "pre"},
        {PREFIX + "operation": "start"},
        {PREFIX + "type": "", PREFIX + "operation": ""},
    ],
)
def test_no_notification(variables: dict[str, str]) -> None:
    with pytest.raises(NoNotification):
        parse(variables)


def test_promotion_moves() -> None:
    """The old one is demoted and the new one promoted in one transition."""
    parsed = notification(
        active="db:0@a db:1@b",
        promoted="db:0@a",
        unpromoted="db:1@b",
        demote="db:0@a",
        promote="db:1@b",
    )
    assert text(parsed.promoted_afterwards()) == "db:1@b"
    assert text(parsed.active_afterwards()) == "db:0@a db:1@b"


def test_a_promoted_instance_that_only_stops_is_gone() -> None:
    parsed = notification(active="db:0@a db:1@b", promoted="db:0@a", stop="db:0@a")
    assert parsed.promoted_afterwards() == []
    assert text(parsed.active_afterwards()) == "db:1@b"


def test_start_adds() -> None:
    parsed = notification(active="db:0@a", start="db:1@b")
    assert text(parsed.active_afterwards()) == "db:0@a db:1@b"


def test_an_instance_that_restarts_is_active_afterwards() -> None:
    """A restart is a stop and a start of one instance on one node in one transition."""
    parsed = notification(active="db:0@a db:1@b", stop="db:0@a", start="db:0@a")
    assert sorted(map(repr, parsed.active_afterwards())) == ["db:0@a", "db:1@b"]


def test_an_instance_that_restarts_promoted_is_promoted_afterwards() -> None:
    parsed = notification(
        active="db:0@a",
        promoted="db:0@a",
        demote="db:0@a",
        stop="db:0@a",
        start="db:0@a",
        promote="db:0@a",
    )
    assert text(parsed.promoted_afterwards()) == "db:0@a"
    assert text(parsed.active_afterwards()) == "db:0@a"


def test_nothing_is_listed_twice() -> None:
    parsed = notification(active="db:0@a", start="db:0@a", promoted="db:0@a", promote="db:0@a")
    assert text(parsed.active_afterwards()) == "db:0@a"
    assert text(parsed.promoted_afterwards()) == "db:0@a"
