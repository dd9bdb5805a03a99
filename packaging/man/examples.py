"""The example configurations of an agent, shown on its pages as they are shipped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CAPTIONS = {".crm": "With crmsh", ".pcs": "With pcs"}


@dataclass(frozen=True)
class Example:
    """One example file: where it comes from in words, and its lines."""

    caption: str
    lines: list[str]


def read(folder: Path, agent: str) -> list[Example]:
    """Return the examples of an agent: the files AGENT.crm and AGENT.pcs of the folder."""
    return [
        Example(caption, file.read_text(encoding="utf-8").splitlines())
        for suffix, caption in CAPTIONS.items()
        for file in [folder / f"{agent}{suffix}"]
        if file.exists()
    ]
