"""Netlink: the bytes of attributes, and the real kernel, asked for what everybody may read."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from struct import pack, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.system import netlink as netlink_module
from moodle_ha.system.netlink import (
    DELADDR,
    GETADDR,
    GETLINK,
    NEWADDR,
    Netlink,
    NetlinkError,
    attribute,
    attributes,
)
from tests.unit.conftest import as_nobody

KINDS = st.integers(0, 0x3FFF)
VALUES = st.binary(max_size=300)
EVERY_LINK = pack("=BxHiII", 0, 0, 0, 0, 0)


@given(st.lists(st.tuples(KINDS, VALUES)), st.sampled_from([0, 4, 8, 12, 16]))
def test_attributes_come_back(pairs: list[tuple[int, bytes]], header: int) -> None:
    body = bytes(header) + b"".join(attribute(kind, value) for kind, value in pairs)
    assert len(body) % 4 == 0
    assert list(attributes(body, header)) == pairs


@given(st.binary(max_size=100), st.integers(0, 20))
def test_arbitrary_bytes_are_no_error(body: bytes, offset: int) -> None:
    """And no endless loop: each step goes on by at least four bytes."""
    assert len(list(attributes(body, offset))) <= len(body) // 4


def test_flags_in_the_type_are_left_out() -> None:
    nested, by_order = 0x8000, 0x4000
    assert list(attributes(attribute(3 | nested, b"a") + attribute(4 | by_order, b"b"), 0)) == [
        (3, b"a"),
        (4, b"b"),
    ]


def test_constants_are_the_kernel_s() -> None:
    """Against rtnetlink.h, by the one link that every network namespace has."""
    with Netlink() as netlink:
        (body,) = netlink.get(GETLINK, pack("=BxHiII", 0, 0, 1, 0, 0))
    assert unpack_from("=i", body, 4)[0] == 1
    assert dict(attributes(body, 16))[3] == b"lo\0"


def test_dump_lists_every_entry() -> None:
    with Netlink() as netlink:
        indexes = {unpack_from("=i", body, 4)[0] for body in netlink.dump(GETLINK, EVERY_LINK)}
        assert 1 in indexes
        assert indexes == {
            unpack_from("=i", body, 4)[0] for body in netlink.dump(GETLINK, EVERY_LINK)
        }, "a second question in the same conversation"


def test_an_error_carries_the_number() -> None:
    with Netlink() as netlink:
        with pytest.raises(NetlinkError) as error:
            netlink.get(GETLINK, pack("=BxHiII", 0, 0, 0x7FFFFFFF, 0, 0))
        assert error.value.errno == errno.ENODEV
        assert error.value.strerror == os.strerror(errno.ENODEV)
        assert isinstance(error.value, OSError)
        netlink.dump(GETLINK, EVERY_LINK)  # The conversation goes on after an error.


@pytest.mark.parametrize(
    ("change", "kind"),
    [(Netlink.create, NEWADDR), (Netlink.delete, DELADDR)],
)
def test_changes_are_refused_without_privileges(
    change: Callable[[Netlink, int, bytes], None], kind: int
) -> None:
    body = pack("=BBBBi", 2, 32, 0, 0, 1) + attribute(2, bytes([127, 9, 9, 9]))

    def work() -> object:
        with Netlink() as netlink:
            return change(netlink, kind, body)

    assert as_nobody(work) == "NetlinkError: [Errno 1] Operation not permitted"


def test_no_descriptor_is_left_open(no_fd_leak: None) -> None:
    with Netlink() as netlink:
        netlink.dump(GETADDR, pack("=BBBBi", 2, 0, 0, 0, 0))


class Kernel:
    """A socket whose other end says what a test wants: what the real kernel says too seldom."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []

    def setsockopt(self, *_: int) -> None:
        raise OSError(errno.ENOPROTOOPT, "before Linux 4.20")

    def sendto(self, data: bytes, _: object) -> None:
        self.sent.append(data)

    def recv(self, _: int) -> bytes:
        return self.answers.pop(0)

    def close(self) -> None:
        pass


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    padding = bytes(-len(body) % 4)
    return pack("=LHHLL", 16 + len(body), kind, flags, sequence, 0) + body + padding


DONE, ERROR, INTERRUPTED = 3, 2, 0x10


def asking(monkeypatch: pytest.MonkeyPatch, *answers: bytes) -> Netlink:
    kernel = Kernel(*answers)
    monkeypatch.setattr(netlink_module._socket, "socket", lambda *_: kernel)
    return Netlink()


def test_an_interrupted_dump_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    netlink = asking(
        monkeypatch,
        message(16, INTERRUPTED, 1, b"half") + message(DONE, 0, 1, bytes(4)),
        message(16, 0, 2, b"one.") + message(16, 0, 2, b"two"),
        message(DONE, 0, 2, bytes(4)),
    )
    assert netlink.dump(GETLINK, b"") == [b"one.", b"two"]


def test_a_table_that_never_rests_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [message(DONE, INTERRUPTED, number, bytes(4)) for number in range(1, 100)]
    with pytest.raises(NetlinkError, match="kept changing") as error:
        asking(monkeypatch, *answers).dump(GETLINK, b"")
    assert error.value.errno == errno.EINTR


def test_answers_to_an_earlier_question_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    netlink = asking(
        monkeypatch,
        message(16, 0, 7, b"late") + message(ERROR, 0, 7, pack("=i", -1)),
        message(16, 0, 1, b"mine"),
    )
    assert netlink.get(GETLINK, b"") == [b"mine"]


def test_an_error_in_the_middle_of_a_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    netlink = asking(
        monkeypatch, message(16, 0, 1, b"one.") + message(ERROR, 0, 1, pack("=i", -errno.EBUSY))
    )
    with pytest.raises(NetlinkError) as error:
        netlink.dump(GETLINK, b"")
    assert error.value.errno == errno.EBUSY


def test_an_acknowledgement_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    netlink = asking(monkeypatch, message(ERROR, 0, 1, pack("=i", 0) + bytes(16)))
    netlink.create(NEWADDR, b"")


@pytest.mark.parametrize(
    ("ask", "flags"),
    [
        (Netlink.dump, 0x301),  # REQUEST, ROOT and MATCH
        (Netlink.get, 0x001),
        (Netlink.create, 0x605),  # with ACK, CREATE and EXCL
        (Netlink.delete, 0x005),
    ],
)
def test_flags_of_a_question(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Netlink, int, bytes], object], flags: int
) -> None:
    netlink = asking(monkeypatch, message(ERROR, 0, 1, pack("=i", 0)))
    ask(netlink, NEWADDR, b"body")
    (sent,) = netlink._socket.sent
    assert sent == pack("=LHHLL", 20, NEWADDR, flags, 1, 0) + b"body"
