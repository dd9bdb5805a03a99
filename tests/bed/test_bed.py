"""The bed itself: what its tests rely on."""

from __future__ import annotations

import time

import pytest

from tests.bed.bed import Bed
from tests.bed.program import BedError
from tests.bed.wire import REQUEST, Arp
from tests.lab.processes import wait_until

PING = ["ping", "-c1", "-W1"]
# After a ping in vain the kernel repeats its ARP request a second later only.
PATIENT_PING = ["ping", "-c1", "-W5"]


def test_machines_reach_each_other(bed: Bed) -> None:
    one = bed.machine("one", "192.0.2.1/24", "2001:db8::1/64")
    bed.machine("two", "192.0.2.2/24", "2001:db8::2/64")
    for address in ("192.0.2.2", "2001:db8::2"):
        assert one.run([*PING, address]).code == 0


def test_cable_can_be_pulled_and_moved(bed: Bed) -> None:
    one = bed.machine("one", "192.0.2.1/24")
    two = bed.machine("two", "192.0.2.2/24")
    two.set_cable("eth0", False)
    assert "NO-CARRIER" in two.ip("link show eth0")
    assert one.run([*PING, "192.0.2.2"]).code == 1
    two.set_cable("eth0", True)
    assert one.run([*PATIENT_PING, "192.0.2.2"]).code == 0
    two.move("eth0", "elsewhere")
    assert one.run([*PING, "192.0.2.2"]).code == 1
    one.move("eth0", "elsewhere")
    assert one.run([*PATIENT_PING, "192.0.2.2"]).code == 0


def test_machines_see_only_themselves(bed: Bed) -> None:
    one, two = bed.machine("one"), bed.machine("two")
    one.sh("echo x >/run/file; echo x >/etc/file; echo x >/dev/shm/file")
    running = one.spawn(["sleep", "60"])
    wait_until(lambda: "sleep 60" in one.processes(), 10, "sleep to run")
    assert two.processes() == []
    assert two.sh("ls /run/file /etc/file /dev/shm/file 2>/dev/null || :") == ""
    assert (one.sh("hostname"), two.sh("hostname")) == ("one\n", "two\n")
    running.kill()
    assert running.wait().code != 0
    assert one.processes() == []


def test_programs_get_their_environment_user_and_input(bed: Bed) -> None:
    machine = bed.machine("machine")
    assert machine.run(["env"], env={"PATH": "/usr/bin", "A": "1"}).out == "PATH=/usr/bin\nA=1\n"
    assert machine.sh("id -un; id -Gn", user="nobody") == "nobody\nnogroup\n"
    assert machine.run(["cat"], stdin="text").out == "text"
    result = machine.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.code, result.out, result.err) == (3, "out\n", "err\n")


def test_program_that_takes_too_long_is_killed_with_its_children(bed: Bed) -> None:
    machine = bed.machine("machine")
    with pytest.raises(BedError, match="did not end"):
        machine.run(["sh", "-c", "sleep 60 & sleep 60"], timeout=0.3)
    machine.wait_for_processes()


def test_program_can_be_paused(bed: Bed) -> None:
    machine = bed.machine("machine")
    counting = machine.spawn(["sh", "-c", "while :; do echo x; sleep 0.01; done"])
    wait_until(lambda: counting.out, 10, "output")
    counting.pause()
    time.sleep(0.1)
    before = counting.out
    time.sleep(0.3)
    assert counting.out == before
    counting.resume()
    wait_until(lambda: counting.out != before, 10, "more output")
    assert counting.alive
    counting.kill()
    counting.wait()
    machine.wait_for_processes()


def test_orphans_are_reaped(bed: Bed) -> None:
    machine = bed.machine("machine")
    machine.sh("(sleep 0.2 &)")
    machine.wait_for_processes()


def test_log_is_kept(bed: Bed) -> None:
    machine = bed.machine("machine")
    machine.sh("logger -t somebody 'something happened'")
    wait_until(lambda: machine.log(), 10, "a line in the log")
    (line,) = machine.log()
    assert line.endswith("somebody: something happened")


def test_frames_are_sent_and_recorded(bed: Bed) -> None:
    one, two = bed.machine("one"), bed.machine("two")
    packet = Arp(REQUEST, one.macs["eth0"], "192.0.2.1", "00:00:00:00:00:00", "192.0.2.2")
    with one.sniff() as sending, two.sniff() as receiving:
        one.send(packet.frame())
        (sent,) = sending.wait_for(lambda frame: frame.packet == packet)
        (received,) = receiving.wait_for(lambda frame: frame.packet == packet)
    assert sent.outgoing
    assert not received.outgoing
    assert abs(sent.time - received.time) < 1


def test_answers_for_an_address_nobody_has(bed: Bed) -> None:
    one, two = bed.machine("one", "192.0.2.1/24", "2001:db8::1/64"), bed.machine("two")
    mac = "02:00:5e:00:53:f0"
    with two.answer_for("192.0.2.9", mac), two.answer_for("2001:db8::9", mac):
        for address in ("192.0.2.9", "2001:db8::9"):
            one.run([*PING, address])
            assert mac in one.ip(f"neighbour show {address}")
    one.run([*PING, "192.0.2.8"])
    assert mac not in one.ip("neighbour show 192.0.2.8")
