"""The moment by which an answer must be given."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.system.deadline import Deadline


def test_counts_down() -> None:
    deadline = Deadline(10)
    first = deadline.remaining()
    time.sleep(0.01)
    assert 9 < deadline.remaining() < first <= 10
    assert not deadline.expired()


@pytest.mark.parametrize("seconds", [0, -1, -0.001])
def test_over_from_the_start(seconds: float) -> None:
    deadline = Deadline(seconds)
    assert deadline.expired()
    assert deadline.remaining() == 0.0


@given(st.floats(0.5, 1e6), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1e6)))
def test_a_share_is_never_longer(seconds: float, fraction: float, at_most: float | None) -> None:
    deadline = Deadline(seconds)
    share = deadline.share(fraction, at_most)
    limit = seconds * fraction if at_most is None else min(seconds * fraction, at_most)
    assert share.remaining() <= limit + 1e-6
    whole = deadline.remaining()
    assert share.remaining() <= whole + 1e-6
    assert share.remaining() > limit - 5


def test_a_share_of_what_is_over_is_over() -> None:
    assert Deadline(-5).share(0.5).expired()
    assert Deadline(-5).share(0.5).remaining() == 0.0


def test_waits_until_it_comes_true() -> None:
    answers = iter([False, False, True])
    started = time.monotonic()
    assert Deadline(20).wait_until(lambda: next(answers), 0.01)
    assert 0.02 <= time.monotonic() - started < 5


def test_gives_up_at_the_deadline() -> None:
    asked = []
    started = time.monotonic()
    assert not Deadline(0.1).wait_until(lambda: asked.append(1) is not None, 0.03)
    assert 0.1 <= time.monotonic() - started < 2
    assert len(asked) >= 2


def test_a_long_interval_does_not_overrun_the_deadline() -> None:
    started = time.monotonic()
    assert not Deadline(0.05).wait_until(lambda: False, 30)
    assert time.monotonic() - started < 5


def test_asks_once_more_at_the_end() -> None:
    end = time.monotonic() + 0.05
    assert Deadline(0.05).wait_until(lambda: time.monotonic() >= end, 30)


def test_asks_at_least_once_even_when_over() -> None:
    assert Deadline(-1).wait_until(lambda: True)
    assert not Deadline(-1).wait_until(lambda: False)
