"""Collects what the benches measure, prints it as a table and writes build/bench.json."""

from __future__ import annotations

import pytest

from tests.bench import figures
from tests.bench.figures import Figure


class Collected:
    """The figures of this run, in the order of measuring."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.figures:
            return
        terminalreporter.section("measured")
        for line in figures.table(self.figures):
            terminalreporter.line(line)
        figures.write(self.figures)
        terminalreporter.line(f"written to {figures.REPORT.relative_to(figures.REPORT.parents[1])}")


_collected = Collected()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_collected)


@pytest.fixture(scope="session")
def collected() -> Collected:
    """Where a bench leaves its figures."""
    return _collected
