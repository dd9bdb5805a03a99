"""ocf:moodle:vip without a network: its parameters, decisions and messages.

What is real here is the loopback interface, asked without privileges; everything that changes the
network is tested in the bed.
"""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from moodle_ha.agents import vip_placing
from moodle_ha.agents.vip import Vip
from moodle_ha.ocf import agent as agent_module
from moodle_ha.ocf.agent import parameters
from moodle_ha.ocf.environment import Environment
from moodle_ha.ocf.exits import Degraded, Failed, WrongHere
from moodle_ha.system import (
    addresses,
    background,
    duplicates,
    neighbours,
    processes,
    routes,
    statefile,
)
from moodle_ha.system.addresses import FOREVER, InterfaceAddress, IpAddress, Link
from moodle_ha.system.netlink import Netlink
from moodle_ha.system.routes import Route
from tests.unit.conftest import CallAgent, as_nobody
from tests.unit.scripted import ScriptedPrograms

OURS, OTHER = bytes.fromhex("02005e005301"), "02:00:5e:00:53:ff"
UP, NO_CARRIER, DOWN = 0x11043, 0x1003, 0x1002
ETH0 = Link(2, "eth0", UP, OURS, b"")
LO = {"ip": "127.0.0.1", "prefix": 8, "nic": "lo"}


@pytest.fixture(autouse=True)
def loopback() -> None:
    with Netlink() as netlink:
        lo = addresses.link(netlink, name="lo")
    if lo is None or not lo.is_up:
        pytest.skip("the loopback interface is switched off here")


def vip(action: str = "monitor", level: int = 0, **settings: object) -> Vip:
    variables = {f"OCF_RESKEY_{name}": str(value) for name, value in settings.items()}
    variables |= {"OCF_RESOURCE_INSTANCE": "thing", "OCF_CHECK_LEVEL": str(level)}
    variables.setdefault("OCF_RESKEY_ip", "192.0.2.10")
    return Vip(Environment(action, variables))


# --- what is valid --------------------------------------------------------------------------

BAD = [
    ({"ip": ""}, ["parameter ip is not set", "such as 192.0.2.10 or 2001:db8::10"]),
    ({"ip": "192.0.2.10/24"}, ["parameter ip is '192.0.2.10/24'", "without prefix"]),
    ({"ip": "example"}, ["parameter ip is 'example'"]),
    ({"ip": "224.0.0.18"}, ["parameter ip is '224.0.0.18'", "one machine can own"]),
    ({"ip": "ff02::1"}, ["parameter ip is 'ff02::1'"]),
    ({"ip": "255.255.255.255"}, ["parameter ip is '255.255.255.255'"]),
    ({"ip": "127.0.0.1"}, ["parameter ip is '127.0.0.1'"]),
    ({"ip": "::1"}, ["parameter ip is '::1'"]),
    ({"ip": "::"}, ["parameter ip is '::'"]),
    ({"ip": "0.0.0.0"}, ["parameter ip is '0.0.0.0'"]),
    ({"ip": "::ffff:192.0.2.10"}, ["parameter ip is '::ffff:192.0.2.10'"]),
    ({"prefix": "33"}, ["parameter prefix is '33'", "192.0.2.10", "0 to 32"]),
    ({"prefix": "129"}, ["parameter prefix is '129'", "0 to 128"]),
    ({"prefix": "255.255.255.0"}, ["parameter prefix is '255.255.255.0'"]),
    ({"ip": "2001:db8::10", "label": "vip"}, ["parameter label is 'vip'", "unset for the IPv6"]),
    ({"ip": "fe80::10"}, ["parameter nic is not set", "link-local fe80::10"]),
    ({"nic": "eth0", "label": "x" * 11}, [f"parameter label is '{'x' * 11}'", "15"]),
    ({"nic": "eth0", "label": "é" * 6}, ["parameter label is 'éééééé'", "15"]),
    ({"announce_count": "0"}, ["parameter announce_count is '0'", "from 1 to 20"]),
    ({"announce_interval": "5"}, ["parameter announce_interval is '5'", "from 10 to 10000"]),
    ({"announce_refresh": "11"}, ["parameter announce_refresh is '11'", "from 0 to 10"]),
    ({"duplicate": "fail"}, ["parameter duplicate is 'fail'", "refuse, warn, ignore"]),
    ({"on_duplicate": "no"}, ["parameter on_duplicate is 'no'", "degrade, fail, ignore"]),
    ({"link": "up"}, ["parameter link is 'up'", "fail, degrade, ignore"]),
    ({"source": "yes"}, ["parameter source is 'yes'", "avoid, allow"]),
    ({"trace_ra": "maybe"}, ["parameter trace_ra is 'maybe'", "true or false"]),
]


@pytest.mark.parametrize(("settings", "parts"), BAD)
@pytest.mark.parametrize(("action", "code"), [("validate-all", 6), ("start", 2)])
def test_bad_parameters(
    call: CallAgent, settings: dict[str, str], parts: list[str], action: str, code: int
) -> None:
    outcome = call(Vip, action, **{"ip": "192.0.2.10", **settings}, OCF_CHECK_LEVEL=0)
    assert outcome.code == code
    (reason,) = outcome.reasons
    for part in parts:
        assert part in reason


@pytest.mark.parametrize(
    "settings",
    [
        {"ip": "192.0.2.10"},
        {"ip": "2001:db8::10", "prefix": 128},
        {"ip": "192.0.2.10", "prefix": 0},
        {"ip": "fe80::10", "nic": "eth0"},
        {"ip": "169.254.1.1"},
        {"ip": "192.0.2.10", "nic": "eth0", "label": "x" * 10},
        {"ip": "192.0.2.10", "label": "vip", "announce_count": 20, "announce_interval": 10000},
        {"ip": "192.0.2.10", "duplicate": "warn", "on_duplicate": "fail", "link": "ignore"},
    ],
)
def test_good_parameters(call: CallAgent, settings: dict[str, object]) -> None:
    assert call(Vip, "validate-all", **settings, OCF_CHECK_LEVEL=0) == (0, "", "")


def test_validate_all_looks_for_the_interface(call: CallAgent) -> None:
    settings = {"ip": "192.0.2.10", "nic": "no-such-nic"}
    assert call(Vip, "validate-all", **settings, OCF_CHECK_LEVEL=0).code == 0
    outcome = call(Vip, "validate-all", **settings)
    assert outcome.code == 1, "an interface may come later"
    (reason,) = outcome.reasons
    assert "interface no-such-nic does not exist on this node" in reason
    assert call(Vip, "validate-all", ip="192.0.2.10", nic="lo").code == 0


# --- where it belongs -----------------------------------------------------------------------


def chosen(monkeypatch: pytest.MonkeyPatch, agent: Vip, *found: Route) -> Link:
    monkeypatch.setattr(routes, "routes", lambda *_: list(found))
    with Netlink() as netlink:
        return vip_placing.chosen_link(agent, netlink)


def test_the_interface_of_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route(bytes([192, 0, 2, 0]), 24, 1, 0, False)
    assert chosen(monkeypatch, vip(), route).name == "lo"


def test_the_interface_that_is_named_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, vip(nic="lo")).name == "lo"


@pytest.mark.parametrize("routes", [[], [Route(b"", 0, 0x7FFFFFF0, 0, True)]])
def test_no_route(monkeypatch: pytest.MonkeyPatch, routes: list[Route]) -> None:
    """None at all, or one whose interface goes away at this moment."""
    with pytest.raises(Failed, match="set the parameter nic, or configure an"):
        chosen(monkeypatch, vip(), *routes)


@pytest.mark.parametrize(
    ("settings", "prefix", "broadcast", "preferred"),
    [
        ({}, 32, "", FOREVER),
        ({"prefix": 24}, 24, "192.0.2.255", FOREVER),
        ({"prefix": 30}, 30, "192.0.2.11", FOREVER),
        ({"prefix": 31}, 31, "", FOREVER),
        ({"prefix": 0}, 0, "255.255.255.255", FOREVER),
        ({"ip": "2001:db8::10"}, 128, "", 0),
        ({"ip": "2001:db8::10", "prefix": 64}, 64, "", 0),
        ({"ip": "2001:db8::10", "source": "allow"}, 128, "", FOREVER),
    ],
)
def test_the_address_as_it_is_to_be(
    settings: dict[str, object], prefix: int, broadcast: str, preferred: int
) -> None:
    wanted = vip_placing.wanted_address(vip(**settings), ETH0)
    assert (wanted.prefix, wanted.index, wanted.label) == (prefix, 2, "")
    assert wanted.broadcast == (IpAddress.parse(broadcast).packed if broadcast else b"")
    assert wanted.preferred == preferred


def test_label() -> None:
    assert vip_placing.wanted_address(vip(label="vip"), ETH0).label == "eth0:vip"
    link = Link(2, "enp0s31f6", UP, OURS, b"")
    with pytest.raises(WrongHere, match="label is 'virtual'; enp0s31f6:virtual must have at most"):
        vip_placing.wanted_address(vip(label="virtual"), link)


# --- probe and monitor ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"ip": "192.0.2.10"},
        {"ip": "2001:db8::10", "nic": "no-such-nic"},
        {},
        {"ip": "junk", "prefix": "junk", "duplicate": "junk"},
        {"ip": "127.0.0.1"},  # on lo it may belong to a real server of IPVS
    ],
)
def test_a_probe_that_finds_nothing(call: CallAgent, settings: dict[str, str]) -> None:
    assert call(Vip, "monitor", **settings, meta_interval=0) == (7, "", "")


def test_a_probe_that_finds_it(call: CallAgent) -> None:
    assert call(Vip, "monitor", **LO, meta_interval=0) == (0, "", "")
    bad = {**LO, "prefix": "junk", "link": "junk"}
    assert call(Vip, "monitor", **bad, meta_interval=0) == (0, "", "")


def test_a_probe_finds_what_an_earlier_start_put_there(call: CallAgent, state_folder: Path) -> None:
    statefile.write(f"{state_folder}/vip-thing.state", {"ip": "127.0.0.1", "nic": "lo"})
    assert call(Vip, "monitor", meta_interval=0) == (0, "", "")


@pytest.mark.parametrize("level", [0, 10])
def test_monitor_of_what_is_there(call: CallAgent, level: int) -> None:
    outcome = call(Vip, "monitor", **LO, meta_interval=10000, OCF_CHECK_LEVEL=level)
    assert outcome == (0, "", "")


@pytest.mark.parametrize(
    ("settings", "code", "part"),
    [
        ({"ip": "192.0.2.10"}, 7, "192.0.2.10 is not on this node: it is on no interface"),
        ({"ip": "192.0.2.10", "nic": "no-nic"}, 7, "interface no-nic does not exist"),
        ({**LO, "prefix": 24}, 1, "is on lo with prefix 8; it should be on lo with prefix 24"),
        ({"ip": "junk"}, 2, "parameter ip is 'junk'"),
        ({}, 2, "parameter ip is not set"),
    ],
)
@pytest.mark.parametrize("interval", [{}, {"meta_interval": 10000}])
def test_monitor_of_what_is_not_there(
    call: CallAgent, settings: dict[str, object], code: int, part: str, interval: dict[str, int]
) -> None:
    outcome = call(Vip, "monitor", **settings, **interval)
    assert outcome.code == code
    (reason,) = outcome.reasons
    assert part in reason


def test_monitor_on_another_interface_than_the_named_one(
    call: CallAgent, state_folder: Path
) -> None:
    """The named one has gone, and the address is somewhere else."""
    statefile.write(f"{state_folder}/vip-thing.state", {"ip": "127.0.0.1", "nic": "lo"})
    outcome = call(Vip, "monitor", ip="127.0.0.1", prefix=8, nic="no-such-nic")
    assert outcome.code in (1, 7)
    (reason,) = outcome.reasons
    assert "no-such-nic" in reason


def test_reload_agent_touches_nothing(call: CallAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs valid parameters, so that loopback will not do: the checks of kinds are left out."""
    monkeypatch.setattr(Vip, "check_together", lambda _: None)
    assert call(Vip, "reload-agent", **LO) == (0, "", "")
    outcome = call(Vip, "reload-agent", ip="192.0.2.10")
    assert outcome.code == 7
    assert len(outcome.reasons) == 1


# --- the link and the neighbours ------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "policy", "problem"),
    [
        (UP, "fail", ""),
        (NO_CARRIER, "fail", "interface eth0 of 192.0.2.10 has no carrier; check cable"),
        (DOWN, "fail", "interface eth0 of 192.0.2.10 is switched off; ip link set eth0 up"),
        (DOWN, "degrade", "interface eth0 of 192.0.2.10 is switched off"),
        (DOWN, "ignore", ""),
        (NO_CARRIER, "ignore", ""),
    ],
)
def test_link_problems(flags: int, policy: str, problem: str) -> None:
    found = vip(link=policy)._link_problem(Link(2, "eth0", flags, OURS, b""))
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


class OnLink:
    """Puts 192.0.2.10/32 on a link that does not exist, and counts what is left to children."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, flags: int) -> None:
        self.link = Link(2, "eth0", flags, OURS, b"")
        self.address = InterfaceAddress(IpAddress.parse("192.0.2.10"), 32, 2)
        self.children = 0
        monkeypatch.setattr(addresses, "addresses", lambda *_: [self.address])
        monkeypatch.setattr(addresses, "link", lambda *_, **__: self.link)
        monkeypatch.setattr(background, "detach", self.detach)

    def detach(self, _: object) -> int:
        self.children += 1
        return os.getpid()


@pytest.mark.parametrize(("policy", "code"), [("fail", 7), ("degrade", 190), ("ignore", 0)])
@pytest.mark.parametrize("flags", [NO_CARRIER, DOWN])
def test_monitor_by_link_policy(
    call: CallAgent,
    programs: ScriptedPrograms,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    code: int,
    flags: int,
) -> None:
    OnLink(monkeypatch, flags)
    if code == 190:
        programs.expect(["attrd_updater", ...])
    outcome = call(Vip, "monitor", ip="192.0.2.10", link=policy)
    assert outcome.code == code
    assert len(outcome.reasons) == (1 if code else 0)


@pytest.mark.parametrize(
    ("sightings", "policy", "code"),
    [
        (0, "degrade", 0),
        (1, "degrade", 0),
        (2, "degrade", 190),
        (2, "fail", 1),
        (2, "ignore", 0),
        (3, "degrade", 190),
    ],
)
def test_monitor_by_sightings(
    call: CallAgent,
    programs: ScriptedPrograms,
    monkeypatch: pytest.MonkeyPatch,
    state_folder: Path,
    sightings: int,
    policy: str,
    code: int,
) -> None:
    there = OnLink(monkeypatch, UP)
    if sightings:
        record = f"{state_folder}/vip-thing.duplicate"
        statefile.write(record, {"mac": OTHER, "sightings": sightings})
    if code == 190:
        programs.expect(["attrd_updater", ...])
    outcome = call(Vip, "monitor", ip="192.0.2.10", on_duplicate=policy)
    assert outcome.code == code
    if code:
        (reason,) = outcome.reasons
        assert f"192.0.2.10 on eth0 is also in use by MAC {OTHER}; take it off" in reason
    assert there.children == (0 if policy == "ignore" else 1)


def test_refresh_announcements_without_the_self_test(
    call: CallAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = OnLink(monkeypatch, UP)
    settings = {"ip": "192.0.2.10", "on_duplicate": "ignore", "announce_refresh": 2}
    assert call(Vip, "monitor", **settings).code == 0
    assert there.children == 1
    assert call(Vip, "monitor", **settings, OCF_CHECK_LEVEL=10).code == 0
    assert there.children == 1, "of depth 0 alone"


def test_the_deep_self_test_waits_itself(
    call: CallAgent, programs: ScriptedPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = OnLink(monkeypatch, UP)
    heard = bytes.fromhex(OTHER.replace(":", ""))
    monkeypatch.setattr(neighbours, "find_other_owner", lambda *_, **__: heard)
    settings = {"ip": "192.0.2.10", "OCF_CHECK_LEVEL": 10}
    assert call(Vip, "monitor", **settings).code == 0
    programs.expect(["attrd_updater", ...])
    outcome = call(Vip, "monitor", **settings)
    assert outcome.code == 190
    assert OTHER in outcome.reasons[0]
    assert there.children == 0


def test_a_monitor_survives_a_full_process_table(
    call: CallAgent, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    OnLink(monkeypatch, UP)

    def detach(_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(background, "detach", detach)
    assert call(Vip, "monitor", ip="192.0.2.10").code == 0
    assert any(line.startswith("WARNING: cannot test for another owner") for line in logged)


@pytest.mark.parametrize("level", [0, 10])
def test_a_monitor_survives_a_full_disk_and_a_damaged_record(
    call: CallAgent, monkeypatch: pytest.MonkeyPatch, state_folder: Path, level: int
) -> None:
    OnLink(monkeypatch, UP)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    statefile.write(f"{state_folder}/vip-thing.duplicate", {"sightings": "junk"})
    monkeypatch.setattr(duplicates, "self_test", full)
    assert call(Vip, "monitor", ip="192.0.2.10", OCF_CHECK_LEVEL=level).code == 0


def test_an_address_that_the_kernel_has_taken_out_of_use(
    call: CallAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = OnLink(monkeypatch, UP)
    there.address = InterfaceAddress(IpAddress.parse("2001:db8::10"), 128, 2, flags=0x08)
    outcome = call(Vip, "monitor", ip="2001:db8::10")
    assert outcome.code == 1
    assert "found another owner by duplicate address detection" in outcome.reasons[0]


# --- start ----------------------------------------------------------------------------------


class Placing:
    """What `place` does to the network, and what it hears there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, other: str | None = None) -> None:
        self.added: list[tuple[InterfaceAddress, bool]] = []
        self.removed: list[InterfaceAddress] = []
        self.asked = 0
        self.other = other
        monkeypatch.setattr(addresses, "add", self.add)
        monkeypatch.setattr(duplicates, "other_owner", self.owner)
        monkeypatch.setattr(Vip, "take_off", lambda _, __, ___, one: self.removed.append(one))

    def add(self, _: Netlink, one: InterfaceAddress, *, detect_duplicates: bool = True) -> None:
        self.added.append((one, detect_duplicates))

    def owner(self, *_: object) -> str | None:
        self.asked += 1
        return self.other

    def place(
        self, agent: Vip, link: Link = ETH0, present: list[InterfaceAddress] | None = None
    ) -> None:
        with Netlink() as netlink:
            vip_placing.place(agent, netlink, link, [(link, one) for one in present or []])


def test_another_owner_is_refused_with_nothing_configured(
    monkeypatch: pytest.MonkeyPatch, logged: list[str], state_folder: Path
) -> None:
    placing = Placing(monkeypatch, OTHER)
    with pytest.raises(Failed) as error:
        placing.place(vip("start"))
    assert placing.added == []
    assert not state_folder.exists()
    for part in (
        f"192.0.2.10 is already in use on the network of eth0 by MAC {OTHER}",
        "proxy ARP",
    ):
        assert part in error.value.reason


def test_another_owner_is_a_warning(monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    placing = Placing(monkeypatch, OTHER)
    placing.place(vip("start", duplicate="warn"))
    ((_, detect),) = placing.added
    assert not detect, "the kernel would refuse it"
    assert any(line.startswith("WARNING: ") and OTHER in line for line in logged)


def test_another_owner_is_ignored(monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    placing = Placing(monkeypatch, OTHER)
    placing.place(vip("start", duplicate="ignore"))
    assert placing.asked == 0
    assert len(placing.added) == 1


def test_a_silent_link_is_not_asked(monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    placing = Placing(monkeypatch, OTHER)
    placing.place(vip("start", link="degrade"), Link(2, "eth0", DOWN, OURS, b""))
    assert placing.asked == 0
    assert len(placing.added) == 1


def test_the_state_is_there_before_the_address(
    monkeypatch: pytest.MonkeyPatch, logged: list[str], state_folder: Path
) -> None:
    """A stop after a SIGKILL at this point must know what to remove."""
    placing = Placing(monkeypatch)
    agent = vip("start")
    statefile.write(agent.state_file("duplicate"), {"mac": OTHER, "sightings": 5})

    def add(*_: object, **__: object) -> None:
        assert statefile.read(agent.state_file("state")) == {"ip": "192.0.2.10", "nic": "eth0"}
        placing.added.append((InterfaceAddress(agent.ip, 32, 2), True))

    monkeypatch.setattr(addresses, "add", add)
    placing.place(agent)
    assert len(placing.added) == 1
    assert duplicates.sightings(agent.state_file("duplicate")) == ("", 0), "of an earlier life"


def test_what_is_in_place_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    placing = Placing(monkeypatch, OTHER)
    agent = vip("start")
    placing.place(agent, present=[InterfaceAddress(agent.ip, 32, 2)])
    assert (placing.added, placing.removed, placing.asked) == ([], [], 0)


@pytest.mark.parametrize(
    "present",
    [
        InterfaceAddress(IpAddress.parse("192.0.2.10"), 24, 2),
        InterfaceAddress(IpAddress.parse("192.0.2.10"), 32, 3),
        InterfaceAddress(IpAddress.parse("192.0.2.10"), 32, 2, flags=0x08),
    ],
)
def test_what_is_elsewhere_is_moved(
    monkeypatch: pytest.MonkeyPatch, logged: list[str], present: InterfaceAddress
) -> None:
    placing = Placing(monkeypatch)
    placing.place(vip("start"), present=[present])
    assert placing.removed == [present]
    assert len(placing.added) == 1


@pytest.mark.parametrize(
    ("flags", "part"),
    [(0x40, "stayed tentative"), (0x48, f"by MAC {OTHER}"), (None, "vanished from eth0")],
)
def test_the_kernel_s_own_detection(
    monkeypatch: pytest.MonkeyPatch, logged: list[str], flags: int | None, part: str
) -> None:
    placing = Placing(monkeypatch)
    agent = vip("start", ip="2001:db8::10")
    now = None if flags is None else InterfaceAddress(agent.ip, 128, 2, flags=flags)

    def settled(*_: object) -> InterfaceAddress | None:
        placing.other = OTHER
        return now

    monkeypatch.setattr(duplicates, "settled", settled)
    with pytest.raises(Failed, match=part):
        placing.place(agent)
    assert placing.removed == ([] if now is None else [now]), "nothing stays configured"
    assert len(placing.added) == 1


def test_a_link_that_is_down_fails_the_start_by_default(call: CallAgent) -> None:
    """On no link at all is loopback down, so its policy is asked with a link of our own."""
    link = Link(2, "eth0", NO_CARRIER, OURS, b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vip_placing, "chosen_link", lambda *_: link)
        placing = Placing(patch)
        outcome = call(Vip, "start", ip="192.0.2.10")
        assert outcome.code == 1
        assert "cannot start 192.0.2.10: interface eth0 of 192.0.2.10 has no carrier" in outcome.err
        assert placing.added == []


def test_a_link_that_is_down_degrades_the_start(
    call: CallAgent, programs: ScriptedPrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(2, "eth0", DOWN, OURS, b"")
    monkeypatch.setattr(vip_placing, "chosen_link", lambda *_: link)
    placing = Placing(monkeypatch)
    programs.expect(["attrd_updater", ...])
    assert call(Vip, "start", ip="192.0.2.10", link="degrade") == (0, "", "")
    assert len(placing.added) == 1


def test_announcements_that_cannot_be_sent_degrade(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Link) -> None:
        raise OSError(100, "Network is down")

    monkeypatch.setattr(neighbours, "PacketSocket", closed)
    with pytest.raises(Degraded, match="Network is down"):
        vip_placing.announce(vip("start"), ETH0)


def test_a_full_process_table_costs_only_the_later_announcements(
    monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    sent: list[str] = []

    def full(_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(neighbours, "PacketSocket", lambda link: link)
    monkeypatch.setattr(neighbours, "announce", lambda _, ip, link: sent.append(str(ip)))
    monkeypatch.setattr(background, "detach", full)
    vip_placing.announce(vip("start"), ETH0)
    assert sent == ["192.0.2.10"]
    assert any(line.startswith("WARNING: cannot announce 192.0.2.10 again") for line in logged)


@pytest.fixture
def open_state_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder that everybody may write."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    monkeypatch.setattr(agent_module, "STATE_FOLDER", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_start_without_privileges_is_4(call: CallAgent, open_state_folder: Path) -> None:
    code, out, err = ast.literal_eval(
        as_nobody(lambda: tuple(call(Vip, "start", ip="192.0.2.77", nic="lo")))
    )
    assert (code, out) == (4, "")
    assert err.startswith("ocf-exit-reason:cannot start 192.0.2.77")
    assert "run this as root" in err
    assert err.count("\n") == 1


# --- stop -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ip": "192.0.2.10"},
        {"ip": "junk", "prefix": "junk", "duplicate": "junk"},
        {"ip": "192.0.2.10", "nic": "no-such-nic"},
        {"ip": "2001:db8::10"},
    ],
)
def test_stop_of_what_is_not_there(call: CallAgent, settings: dict[str, str]) -> None:
    assert call(Vip, "stop", **settings) == (0, "", "")


def test_stop_leaves_no_state(call: CallAgent, state_folder: Path) -> None:
    for purpose in ("state", "announcer", "duplicate"):
        statefile.write(f"{state_folder}/vip-thing.{purpose}", {"ip": "192.0.2.10"})
    statefile.write(f"{state_folder}/vip-thing2.state", {"ip": "192.0.2.11"})
    assert call(Vip, "stop", ip="192.0.2.10") == (0, "", "")
    assert os.listdir(state_folder) == ["vip-thing2.state"]


def test_stop_ends_the_announcer(call: CallAgent, state_folder: Path) -> None:
    child = subprocess.Popen(["sleep", "300"])
    try:
        announcer = processes.of(child.pid)
        assert announcer is not None
        processes.remember(f"{state_folder}/vip-thing.announcer", announcer)
        assert call(Vip, "stop", ip="192.0.2.10").code == 0
        assert child.wait(timeout=20) < 0
    finally:
        child.kill()
        child.wait()


def test_stop_spares_a_process_that_has_the_announcer_s_pid(
    call: CallAgent, state_folder: Path
) -> None:
    child = subprocess.Popen(["sleep", "300"])
    try:
        content = {"pid": child.pid, "started": 1}
        statefile.write(f"{state_folder}/vip-thing.announcer", content)
        assert call(Vip, "stop", ip="192.0.2.10").code == 0
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_stop_removes_both_the_declared_and_the_remembered_address(
    call: CallAgent, monkeypatch: pytest.MonkeyPatch, state_folder: Path
) -> None:
    """The parameter may have been changed while the cluster did not manage the resource."""
    texts = ("192.0.2.10", "192.0.2.20", "192.0.2.30")
    there = [InterfaceAddress(IpAddress.parse(text), 32, 2) for text in texts]
    monkeypatch.setattr(addresses, "addresses", lambda *_: list(there))
    monkeypatch.setattr(addresses, "link", lambda *_, **__: ETH0)
    monkeypatch.setattr(Vip, "take_off", lambda _, __, ___, one: there.remove(one))
    statefile.write(f"{state_folder}/vip-thing.state", {"ip": "192.0.2.20", "nic": "eth0"})
    assert call(Vip, "stop", ip="192.0.2.10") == (0, "", "")
    assert [str(one.ip) for one in there] == ["192.0.2.30"]


def test_stop_fails_when_it_stays(call: CallAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    OnLink(monkeypatch, UP)
    monkeypatch.setattr(Vip, "take_off", lambda *_: None)
    outcome = call(Vip, "stop", ip="192.0.2.10")
    assert outcome.code == 1
    assert "192.0.2.10 is still on eth0 after it was deleted" in outcome.reasons[0]


def test_stop_without_privileges_is_4(call: CallAgent, open_state_folder: Path) -> None:
    """Nothing is harmed: nobody may take 127.0.0.1 away."""
    importlib.import_module("moodle_ha.system.secondaries")  # nobody may be unable to read it
    code, out, err = ast.literal_eval(as_nobody(lambda: tuple(call(Vip, "stop", **LO))))
    assert (code, out) == (4, "")
    assert err.startswith("ocf-exit-reason:cannot stop")


# --- what is declared -----------------------------------------------------------------------


def test_what_can_be_changed_without_taking_the_address_down() -> None:
    declared = {one.name for one in parameters(Vip) if one.reloadable}
    assert declared == {
        "announce_count",
        "announce_interval",
        "announce_refresh",
        "duplicate",
        "on_duplicate",
        "link",
        "trace_ra",
        "trace_dir",
    }
    assert [one.name for one in parameters(Vip) if one.required] == ["ip"]
    assert [one.name for one in parameters(Vip) if one.unique_group] == ["ip"]
