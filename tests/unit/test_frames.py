"""ARP and neighbour discovery as bytes."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moodle_ha.system import frames
from moodle_ha.system.addresses import IpAddress

V4 = IpAddress.parse("192.0.2.10")
V6 = IpAddress.parse("2001:db8::10")
MAC = bytes.fromhex("02005e005301")
MACS = st.binary(min_size=6, max_size=6)
ADDRESSES = st.one_of(
    st.binary(min_size=4, max_size=4).map(lambda packed: IpAddress(socket.AF_INET, packed)),
    st.binary(min_size=16, max_size=16).map(lambda packed: IpAddress(socket.AF_INET6, packed)),
)


def icmpv6_checksum_is_right(frame: bytes) -> bool:
    """RFC 4443, 2.3: the one's complement sum over pseudo header and message is all ones."""
    message = frame[54 : 54 + struct.unpack_from("!H", frame, 18)[0]]
    data = frame[22:54] + struct.pack("!II", len(message), 58) + message
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


@given(ADDRESSES, MACS)
def test_an_announcement_claims_the_address(ip: IpAddress, mac: bytes) -> None:
    built = frames.announcements(ip, mac)
    assert len(built) == (2 if ip.is_v4 else 1)
    for frame in built:
        claim = frames.claim(frame)
        if ip.packed == b"\0" * 4:
            assert claim is None
        else:
            assert claim is not None
            assert (claim.ip, claim.mac) == (ip.packed, mac)
        assert frame[6:12] == mac


@given(ADDRESSES, MACS)
def test_a_probe_claims_nothing(ip: IpAddress, mac: bytes) -> None:
    assert frames.claim(frames.probe(ip, mac)) is None


@given(st.binary(min_size=16, max_size=16), MACS)
def test_checksums(packed: bytes, mac: bytes) -> None:
    ip = IpAddress(socket.AF_INET6, packed)
    for frame in [frames.probe(ip, mac), *frames.announcements(ip, mac)]:
        assert icmpv6_checksum_is_right(frame)


def test_arp_bytes() -> None:
    """RFC 826, field by field; 60 bytes are Ethernet's shortest frame without its checksum."""
    request, reply = frames.announcements(V4, MAC)
    head = b"\xff" * 6 + MAC + bytes.fromhex("0806 0001 0800 06 04")
    ip = bytes([192, 0, 2, 10])
    assert request == (head + b"\0\1" + MAC + ip + b"\0" * 6 + ip).ljust(60, b"\0")
    assert reply == (head + b"\0\2" + MAC + ip + b"\xff" * 6 + ip).ljust(60, b"\0")
    probe = frames.probe(V4, MAC)
    assert probe == (head + b"\0\1" + MAC + b"\0" * 4 + b"\0" * 6 + ip).ljust(60, b"\0")


def test_neighbour_discovery_bytes() -> None:
    """RFC 4861: multicast MAC, hop limit 255, solicited-node address, override flag, option."""
    (advertisement,) = frames.announcements(V6, MAC)
    assert advertisement[:14] == bytes.fromhex("333300000001") + MAC + bytes.fromhex("86dd")
    assert advertisement[14:22] == bytes.fromhex("60000000 0020 3a ff")
    assert advertisement[22:54] == V6.packed + IpAddress.parse("ff02::1").packed
    assert advertisement[54:56] == bytes([136, 0])
    assert advertisement[58:] == bytes.fromhex("20000000") + V6.packed + b"\x02\x01" + MAC

    probe = frames.probe(V6, MAC)
    assert probe[:14] == bytes.fromhex("3333ff000010") + MAC + bytes.fromhex("86dd")
    assert probe[22:54] == bytes(16) + IpAddress.parse("ff02::1:ff00:10").packed
    assert probe[54:56] == bytes([135, 0])
    assert probe[58:] == bytes(4) + V6.packed


@given(st.binary(max_size=200))
@example(b"")
@example(bytes(12) + b"\x08\x06")
@example(bytes(12) + b"\x86\xdd")
def test_arbitrary_bytes_are_no_error(frame: bytes) -> None:
    frames.claim(frame)


@given(st.sampled_from([b"\x08\x06", b"\x86\xdd"]), st.binary(max_size=150))
def test_arbitrary_payloads_are_no_error(ethertype: bytes, payload: bytes) -> None:
    frames.claim(bytes(12) + ethertype + payload)


@given(ADDRESSES, MACS, st.data())
def test_damaged_frames_are_no_error(ip: IpAddress, mac: bytes, data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from(frames.announcements(ip, mac))))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    frames.claim(bytes(frame[: data.draw(st.integers(0, len(frame)))]))


def advertisement(options: bytes, source: bytes = MAC, hop_limit: int = 255) -> bytes:
    message = bytes([136, 0, 0, 0]) + bytes(4) + V6.packed + options
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, hop_limit) + V6.packed * 2
    return b"\x33\x33\0\0\0\1" + source + b"\x86\xdd" + header + message


def test_an_advertisement_without_the_option_claims_by_its_source() -> None:
    claim = frames.claim(advertisement(b""))
    assert claim is not None
    assert (claim.ip, claim.mac) == (V6.packed, MAC)


def test_the_option_wins_over_the_source_and_others_are_skipped() -> None:
    other = bytes.fromhex("020000000009")
    options = b"\x0e\x01" + bytes(6) + b"\x02\x01" + other
    claim = frames.claim(advertisement(options))
    assert claim is not None
    assert claim.mac == other


@pytest.mark.parametrize(
    "frame",
    [
        advertisement(b"", hop_limit=254),  # came through a router: RFC 4861 7.1.2
        advertisement(b"\x0e\x00" + bytes(6)),  # an option of length 0
        frames.announcements(V4, MAC)[0][:41],
        frames.announcements(V6, MAC)[0][:77],
    ],
)
def test_what_is_not_valid_claims_nothing(frame: bytes) -> None:
    assert frames.claim(frame) is None


def test_an_arp_request_for_another_claims_the_sender() -> None:
    """Whoever asks for its router tells its own address along."""
    frame = bytearray(frames.announcements(V4, MAC)[0])
    frame[38:42] = bytes([192, 0, 2, 1])
    claim = frames.claim(bytes(frame))
    assert claim is not None
    assert claim.ip == V4.packed


def test_mac_text() -> None:
    assert frames.mac_text(MAC) == "02:00:5e:00:53:01"
    assert frames.mac_text(b"") == ""
