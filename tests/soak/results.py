"""The record of soak rounds: one JSON line per round, which outlives any interruption."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.lab import CHECKOUT

RESULTS = Path(__file__).with_name("results.jsonl")
OK = "ok"


@dataclass(frozen=True)
class Round:
    """One round. `module` is the last commit that changed what the scenario tests."""

    time: str
    commit: str
    module: str
    scenario: str
    seed: int
    failure: str
    outage: float | None  # seconds without a reply, None when it never ended
    lost: int
    fenced: list[str]
    verdict: str  # OK, or what was wrong


def commit_of(paths: Sequence[str], folder: Path = CHECKOUT) -> str:
    """Return the short id of the last commit that changed the paths (none: of the last commit)."""
    command = ["git", "-C", str(folder), "log", "-1", "--format=%h", "--", *paths]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def snapshot(target: Path, folder: Path = CHECKOUT) -> None:
    """Replace the folder `target` by the agents and the library of the last commit.

    So a soak tests what its record says, whatever is edited meanwhile.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    command = ["git", "-C", str(folder), "archive", "HEAD", "ocf", "lib"]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(target)], input=archive, check=True)


def append(done: Round, path: Path = RESULTS) -> None:
    """Add a round to the record and wait until it is on the disk."""
    # A last line that was cut off stays for people to see; ours gets a line of its own.
    torn = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    with open(path, "a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + json.dumps(asdict(done)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path = RESULTS) -> list[Round]:
    """Return all rounds of the record; a last line that was cut off by a power loss is left out."""
    if not path.exists():
        return []
    rounds = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rounds.append(Round(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return rounds


def since_change(scenario: str, module: str, path: Path = RESULTS) -> list[Round]:
    """Return the rounds of a scenario since the last change of what it tests."""
    return [done for done in read(path) if (done.scenario, done.module) == (scenario, module)]
