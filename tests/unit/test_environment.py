"""What Pacemaker tells an agent, read from its variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.ocf.environment import Environment
from moodle_ha.ocf.notify import NoNotification


def environment(action: str = "monitor", **variables: str) -> Environment:
    """`meta_x` stands for OCF_RESKEY_CRM_meta_x."""
    named = {
        f"OCF_RESKEY_CRM_{name}" if name.startswith("meta_") else name: value
        for name, value in variables.items()
    }
    return Environment(action, named)


def test_called_by_hand() -> None:
    bare = environment()
    assert bare.instance == bare.resource == "default"
    assert bare.interval is None
    assert bare.timeout is None
    assert bare.check_level is None
    assert bare.role is None
    assert bare.node is None
    assert [bare.is_probe, bare.is_clone, bare.is_promotable] == [False] * 3
    with pytest.raises(NoNotification):
        _ = bare.notification


def test_unset_and_empty_are_the_same() -> None:
    empty = environment(OCF_RESKEY_ip="", OCF_ROOT="", meta_on_node="", OCF_RESOURCE_INSTANCE="")
    assert empty.parameter("ip") is None
    assert empty.parameter("other") is None
    assert empty.variable("OCF_ROOT") is None
    assert empty.node is None
    assert empty.instance == "default"


def test_values() -> None:
    full = environment(
        OCF_RESKEY_ip="192.0.2.1", OCF_ROOT="/usr/lib/ocf", meta_on_node="db1", meta_clone="0"
    )
    assert full.parameter("ip") == "192.0.2.1"
    assert full.variable("OCF_ROOT") == "/usr/lib/ocf"
    assert full.meta("on_node") == full.node == "db1"
    assert full.is_clone


@pytest.mark.parametrize(
    ("instance", "unique", "resource"),
    [
        ("web", "", "web"),
        ("web:2", "", "web"),
        ("web:2", "false", "web"),
        ("web:2", "true", "web:2"),
    ],
)
def test_the_number_of_a_clone_instance(instance: str, unique: str, resource: str) -> None:
    variables = {"OCF_RESOURCE_INSTANCE": instance, "meta_globally_unique": unique}
    assert environment(**variables).resource == resource
    assert environment(**variables).instance == instance


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20000", 20.0), ("500", 0.5), ("0", 0.0), ("", None), ("20s", None), ("junk", None)],
)
def test_milliseconds(text: str, seconds: float | None) -> None:
    assert environment(meta_timeout=text).timeout == seconds
    assert environment(meta_interval=text).interval == seconds


@pytest.mark.parametrize(
    ("action", "interval", "probe"),
    [
        ("monitor", "0", True),
        ("monitor", "10000", False),
        ("monitor", "", False),
        ("start", "0", False),
        ("stop", "0", False),
    ],
)
def test_probe(action: str, interval: str, probe: bool) -> None:
    assert environment(action, meta_interval=interval).is_probe is probe


def test_pacemaker_probes_without_an_interval_but_names_the_node() -> None:
    """Seen with Pacemaker 2.1.5; `crm_resource --force-check` names no node."""
    assert environment("monitor", meta_on_node="lb1", meta_timeout="20000").is_probe
    assert not environment("monitor", meta_timeout="20000").is_probe
    assert not environment("monitor", meta_on_node="lb1", meta_interval="10000").is_probe
    assert not environment("start", meta_on_node="lb1").is_probe


@pytest.mark.parametrize(
    ("text", "level"), [("0", 0), ("10", 10), ("20", 20), ("", None), ("deep", None)]
)
def test_check_level(text: str, level: int | None) -> None:
    assert environment(OCF_CHECK_LEVEL=text).check_level == level


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Master", "Promoted"),
        ("Slave", "Unpromoted"),
        ("Promoted", "Promoted"),
        ("Unpromoted", "Unpromoted"),
        ("Started", "Started"),
        ("", None),
    ],
)
def test_roles_in_today_s_words(text: str, role: str | None) -> None:
    assert environment(meta_role=text).role == role


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "yes", "on", "y", "1"])
def test_true(text: str) -> None:
    assert environment(meta_promotable=text).is_promotable


@pytest.mark.parametrize("text", ["false", "no", "off", "n", "0", "", "2", "junk"])
def test_false(text: str) -> None:
    assert not environment(meta_promotable=text).is_promotable


def test_notification() -> None:
    notice = environment(
        "notify",
        meta_notify_type="pre",
        meta_notify_operation="promote",
        meta_notify_promote_resource="db:1",
        meta_notify_promote_uname="db2",
    ).notification
    assert notice.is_about("pre", "promote")
    assert [instance.node for instance in notice.promoting] == ["db2"]


@given(st.sampled_from(["timeout", "interval", "role", "clone", "globally_unique"]), st.text())
def test_no_text_is_an_error(name: str, text: str) -> None:
    odd = environment(**{f"meta_{name}": text}, OCF_RESOURCE_INSTANCE=text, OCF_CHECK_LEVEL=text)
    for read in ("instance", "resource", "interval", "timeout", "is_probe", "check_level", "role"):
        getattr(odd, read)
