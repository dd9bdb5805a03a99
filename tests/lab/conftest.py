"""Fixtures of the tests in the lab: one lab at a time, kept while the next test can use it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from tests.lab.lab import CHECKOUT, Kind, Lab

LOGS = CHECKOUT / "build" / "lab-logs"
WAIT_MINUTES = 15.0  # for another lab on the machine, for example somebody's soak


class Labs:
    """Hands out labs: the one that runs when it has the wanted nodes, else a new one."""

    def __init__(self) -> None:
        self.current: Lab | None = None
        self._nodes: dict[str, Kind] = {}

    def of(self, nodes: Mapping[str, Kind]) -> tuple[Lab, bool]:
        """Return a lab with these nodes and whether it is a new one."""
        if self.current is not None and self._nodes == dict(nodes):
            return self.current, False
        self.close()
        self.current = Lab(nodes, wait_minutes=WAIT_MINUTES)
        self._nodes = dict(nodes)
        return self.current, True

    def close(self) -> None:
        """End the lab that runs."""
        if self.current is not None:
            self.current.close()
            self.current = None


@pytest.fixture(scope="session")
def labs() -> Iterator[Labs]:
    """The labs of this run; the last one ends with it."""
    if os.geteuid() != 0:
        pytest.skip("the lab makes namespaces, mounts and bridges: run as root")
    labs = Labs()
    yield labs
    labs.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Write the logs of the lab's nodes to build/lab-logs when a test fails."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    labs = getattr(item, "funcargs", {}).get("labs")
    if report.failed and isinstance(labs, Labs) and labs.current is not None:
        folder = LOGS / item.name
        labs.current.collect(folder)
        report.sections.append(("lab", f"logs of the nodes are in {folder}"))
