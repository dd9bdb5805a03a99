"""Taking an address away: when others depend on it; the kernel's part is tested in the bed."""

from __future__ import annotations

from pathlib import Path

import pytest

from moodle_ha.system import addresses, secondaries
from moodle_ha.system.addresses import InterfaceAddress, IpAddress, Link
from moodle_ha.system.netlink import Netlink, NetlinkError

LINK = Link(2, "eth0", 0x11043, bytes(6), b"")
SECONDARY = 0x01


def address(text: str, flags: int = 0) -> InterfaceAddress:
    ip, _, prefix = text.partition("/")
    return InterfaceAddress(IpAddress.parse(ip), int(prefix), 2, flags=flags)


class Kernel:
    """The addresses of a link, and the sysctl, as they are at the moment of the deletion."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, setting: Path) -> None:
        self.present: list[InterfaceAddress] = []
        self.setting = setting
        self.promoting_then = ""
        self.error: NetlinkError | None = None
        self.added: list[InterfaceAddress] = []
        setting.write_text("0\n")
        exchange = secondaries._exchange
        monkeypatch.setattr(addresses, "addresses", lambda *_: list(self.present))
        monkeypatch.setattr(addresses, "delete", self.delete)
        monkeypatch.setattr(addresses, "add", lambda _, one, **__: self.added.append(one))
        monkeypatch.setattr(
            secondaries, "_exchange", lambda _, value: exchange(str(setting), value)
        )

    def delete(self, _: Netlink, one: InterfaceAddress) -> bool:
        self.promoting_then = self.setting.read_text().strip()
        if self.error is not None:
            raise self.error
        return any(map(one.same_place, self.present))

    def delete_alone(self, text: str) -> bool:
        with Netlink() as netlink:
            return secondaries.delete_alone(netlink, LINK, address(text))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    return Kernel(monkeypatch, tmp_path / "promote_secondaries")


def test_secondaries_of_the_same_network_are_kept(kernel: Kernel) -> None:
    kernel.present = [address("192.0.2.10/24"), address("192.0.2.11/24", SECONDARY)]
    assert kernel.delete_alone("192.0.2.10/24")
    assert kernel.promoting_then == "1"
    assert kernel.setting.read_text().strip() == "0", "as it was"


@pytest.mark.parametrize(
    "other",
    [
        address("192.0.2.11/32"),
        address("198.51.100.1/24", SECONDARY),
        address("192.0.2.11/25", SECONDARY),
        address("192.0.2.11/24"),
    ],
)
def test_others_do_not_depend(kernel: Kernel, other: InterfaceAddress) -> None:
    kernel.present = [address("192.0.2.10/24"), other]
    assert kernel.delete_alone("192.0.2.10/24")
    assert kernel.promoting_then == "0"


def test_a_setting_that_is_on_stays_on(kernel: Kernel) -> None:
    kernel.setting.write_text("1\n")
    kernel.present = [address("192.0.2.10/24"), address("192.0.2.11/24", SECONDARY)]
    assert kernel.delete_alone("192.0.2.10/24")
    assert kernel.setting.read_text().strip() == "1"


def test_the_setting_is_put_back_after_an_error(kernel: Kernel) -> None:
    kernel.present = [address("192.0.2.10/24"), address("192.0.2.11/24", SECONDARY)]
    kernel.error = NetlinkError(1, "Operation not permitted")
    with pytest.raises(NetlinkError):
        kernel.delete_alone("192.0.2.10/24")
    assert kernel.setting.read_text().strip() == "0"


def test_a_setting_that_is_absent_is_no_hindrance(kernel: Kernel, tmp_path: Path) -> None:
    kernel.present = [address("192.0.2.10/24"), address("192.0.2.11/24", SECONDARY)]
    kernel.setting.unlink()
    kernel.setting = tmp_path / "unrelated"
    kernel.setting.write_text("")
    assert kernel.delete_alone("192.0.2.10/24")
    assert not (tmp_path / "promote_secondaries").exists()


def test_what_is_not_there(kernel: Kernel) -> None:
    assert not kernel.delete_alone("192.0.2.10/24")


def test_nothing_is_ever_added(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another agent may be stopping its address on the same link at this very moment."""
    kernel.present = [address("192.0.2.10/32"), address("192.0.2.11/32")]
    remaining = iter([kernel.present])
    monkeypatch.setattr(addresses, "addresses", lambda *_: next(remaining, []))
    kernel.delete_alone("192.0.2.10/32")
    assert kernel.added == []
