"""Another owner of our address: how sightings are counted, and the kernel's own detection."""

from __future__ import annotations

from pathlib import Path

import pytest

from moodle_ha.system import addresses, duplicates, neighbours, statefile
from moodle_ha.system.addresses import InterfaceAddress, IpAddress, Link
from moodle_ha.system.deadline import Deadline
from moodle_ha.system.netlink import Netlink

IP = IpAddress.parse("2001:db8::10")
LINK = Link(2, "eth0", 0x11043, bytes(6), b"")
OTHER = bytes.fromhex("02005e0053ff")
TENTATIVE, FAILED = 0x40, 0x08


@pytest.fixture
def record(tmp_path: Path) -> str:
    return str(tmp_path / "duplicate")


def hear(monkeypatch: pytest.MonkeyPatch, *answers: bytes | OSError | None) -> None:
    """What the next questions on the wire get."""
    left = list(answers)

    def find(*_: object, **__: object) -> bytes | None:
        answer = left.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(neighbours, "find_other_owner", find)


def test_sightings_in_a_row_are_counted(monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    assert duplicates.sightings(record) == ("", 0)
    hear(monkeypatch, OTHER, OTHER, None, OTHER)
    for expected in (("02:00:5e:00:53:ff", 1), ("02:00:5e:00:53:ff", 2), ("", 0)):
        duplicates.self_test(IP, LINK, record)
        assert duplicates.sightings(record) == expected
    duplicates.self_test(IP, LINK, record)
    assert duplicates.sightings(record)[1] == 1


def test_a_link_that_cannot_send_is_no_sighting_and_no_all_clear(
    monkeypatch: pytest.MonkeyPatch, record: str
) -> None:
    hear(monkeypatch, OTHER, OSError(100, "Network is down"))
    duplicates.self_test(IP, LINK, record)
    duplicates.self_test(IP, LINK, record)
    assert duplicates.sightings(record)[1] == 1


@pytest.mark.parametrize(
    "content", [{}, {"mac": "x"}, {"sightings": "2"}, {"mac": "x", "sightings": "many"}]
)
def test_a_damaged_record_is_none(record: str, content: dict[str, str]) -> None:
    statefile.write(record, content)
    assert duplicates.sightings(record) == ("", 0)


def test_the_other_owner_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    hear(monkeypatch, OTHER, None)
    with Netlink() as netlink:
        assert duplicates.other_owner(netlink, IP, LINK) == "02:00:5e:00:53:ff"
        assert duplicates.other_owner(netlink, IP, LINK) is None


def kernel_says(monkeypatch: pytest.MonkeyPatch, *flags: int | None) -> None:
    """The flags of the address at each question, the last one for ever; None: it is gone."""
    left = list(flags)

    def here(*_: object) -> list[InterfaceAddress]:
        now = left.pop(0) if len(left) > 1 else left[0]
        other = InterfaceAddress(IpAddress.parse("2001:db8::11"), 64, 2, flags=TENTATIVE)
        return [other] if now is None else [other, InterfaceAddress(IP, 64, 2, flags=now)]

    monkeypatch.setattr(addresses, "addresses", here)


def settled(seconds: float) -> InterfaceAddress | None:
    wanted = InterfaceAddress(IP, 64, 2)
    with Netlink() as netlink:
        return duplicates.settled(netlink, wanted, Deadline(seconds))


def test_detection_that_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel_says(monkeypatch, TENTATIVE, TENTATIVE, 0)
    found = settled(20)
    assert found is not None
    assert not found.is_tentative
    assert not found.is_duplicate


def test_detection_that_finds_another_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel_says(monkeypatch, TENTATIVE, TENTATIVE | FAILED)
    found = settled(20)
    assert found is not None
    assert found.is_duplicate


def test_detection_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel_says(monkeypatch, TENTATIVE)
    found = settled(0.1)
    assert found is not None
    assert found.is_tentative


def test_an_address_that_vanishes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel_says(monkeypatch, TENTATIVE, None)
    assert settled(20) is None
