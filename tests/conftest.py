"""What all tests share: choosing one share of them, and the minutes that each share took.

A share is a part of the tests with a time budget of its own.  Its name follows from the folder,
so that a new folder needs no entry anywhere but a budget:

    tests/unit/**           unit
    tests/packaging/**      packages
    tests/bed/NAME/**       bed-NAME
    tests/lab/NAME/**       lab-NAME

Tests of the bed and the lab themselves, and those of all agents alike (files directly in those
folders), are the shares "bed" and "lab".
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path, PurePath

import hypothesis
import pytest

TESTS = Path(__file__).parent

# Minutes on two cores with the lab's image built.  A share that outgrows its budget hands
# scenarios over to tests/soak.
BUDGET_MINUTES = {
    "unit": 2,
    "packages": 5,
    "bed": 2,
    "bed-vip": 3,
    "bed-checks": 6,
    "bed-web": 5,
    "bed-db": 6,
    "lab": 2,
    "lab-vip": 4,
    "lab-balancing": 6,
    "lab-web": 5,
    "lab-db": 7,
    "lab-nfs": 5,
}

# A busy machine makes any example slow now and then: that says nothing about the code.
# A verdict of CI must be the same tomorrow: new examples are looked for everywhere else.
hypothesis.settings.register_profile(
    "moodle-ha",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("moodle-ha")


def share_of(path: PurePath) -> str:
    """Return the share of a test file, given by its path relative to tests/."""
    room = path.parts[0]
    if room in ("bed", "lab"):
        return f"{room}-{path.parts[1]}" if len(path.parts) > 2 else room
    return "packages" if room == "packaging" else room


def known_shares() -> list[str]:
    """Return the names of all shares that have a test file now."""
    rooms = ("unit", "packaging", "bed", "lab")
    files = (file for room in rooms for file in TESTS.glob(f"{room}/**/test_*.py"))
    return sorted({share_of(file.relative_to(TESTS)) for file in files})


class ShareTimes:
    """Adds up the seconds that the tests of each share took, their fixtures included."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path = PurePath(report.nodeid.partition("::")[0])
        if path.parts[0] == TESTS.name:
            self.seconds[share_of(path.relative_to(TESTS.name))] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.seconds:
            return
        terminalreporter.section("minutes per share")
        for share, seconds in sorted(self.seconds.items()):
            minutes = seconds / 60
            line = f"{share:<14} {minutes:5.1f}"
            budget = BUDGET_MINUTES.get(share)
            if budget is not None:
                line += f" of {budget}" + ("   OVER BUDGET" if minutes > budget else "")
            terminalreporter.line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="NAME", help="run one share of the tests only")


def pytest_configure(config: pytest.Config) -> None:
    share = config.getoption("share")
    if share is not None and share not in known_shares():
        raise pytest.UsageError(f"no share {share}; there are: {', '.join(known_shares())}")
    config.pluginmanager.register(ShareTimes())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of other shares; None lets pytest decide as usual."""
    share = config.getoption("share")
    if share is None or collection_path.suffix != ".py" or TESTS not in collection_path.parents:
        return None
    return True if share_of(collection_path.relative_to(TESTS)) != share else None
