"""Fixtures of all tests in the bed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.bed.bed import Bed


@pytest.fixture(scope="session", autouse=True)
def _as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("the bed makes namespaces and mounts: run as root")


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A bed of the test's own: a machine starts faster than another test's traces are removed."""
    with Bed() as made:
        yield made
