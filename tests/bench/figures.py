"""What a bench measured: pairs of times, their ratios, and the budgets that they are held to."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

REPORT = Path(__file__).resolve().parents[2] / "build" / "bench.json"


@dataclass(frozen=True)
class Figure:
    """One measured comparison: ours against theirs, taken in turn in one run.

    `ratio` is the median of the ratios pair by pair, `low` and `high` their quartiles; `ours` and
    `theirs` are medians in `unit`.  `budget` is the ratio that the design allows.
    """

    what: str
    against: str
    unit: str
    pairs: int
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    budget: float

    @property
    def kept(self) -> bool:
        """Whether the budget is kept."""
        return self.ratio <= self.budget


def compare(
    what: str,
    against: str,
    unit: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    budget: float,
) -> Figure:
    """Compare two series of the same length, pair by pair."""
    assert len(ours) == len(theirs), "the series are no pairs"
    ratios = [mine / other for mine, other in zip(ours, theirs)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Figure(
        what,
        against,
        unit,
        len(ratios),
        statistics.median(ours),
        statistics.median(theirs),
        middle,
        low,
        high,
        budget,
    )


# A miss beyond this factor is no noise and no known limit: something has become slow.
_TOLERANCE = 1.6


def hold_to_budget(figure: Figure, known_limit: str) -> None:
    """Pass within the budget; xfail on a miss, with the figure and its reason; fail on a gross one.

    The machine's noise moves a ratio by a third, so a near miss says little about the code.
    """
    if figure.kept:
        return
    missed = (
        f"{figure.what}: {figure.ratio:.2f} of {figure.against}, budget {figure.budget:g};"
        f" {known_limit}"
    )
    if figure.ratio > figure.budget * _TOLERANCE:
        pytest.fail(missed)
    pytest.xfail(missed)


def table(figures: Sequence[Figure]) -> list[str]:
    """The figures as lines for a person."""
    head = ("what", "against", "ours", "theirs", "ratio", "quartiles", "budget", "pairs")
    rows = [
        (
            figure.what,
            figure.against,
            f"{figure.ours:.1f} {figure.unit}",
            f"{figure.theirs:.1f} {figure.unit}",
            f"{figure.ratio:.2f}",
            f"{figure.low:.2f}-{figure.high:.2f}",
            f"{figure.budget:g} {'' if figure.kept else 'MISSED'}".strip(),
            str(figure.pairs),
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in [head, *rows]
    ]


def write(figures: Sequence[Figure], path: Path = REPORT) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(figure), "kept": figure.kept} for figure in figures]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
