"""Fixtures of all tests in the bed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bed.bed import Bed


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A bed of the test's own: a machine starts faster than another test's traces are removed."""
    with Bed() as made:
        yield made
