"""The record of the soak: resumed after any interruption, counted since the last change."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from tests.soak import results
from tests.soak.__main__ import summary
from tests.soak.scenarios import SCENARIOS

ROUND = results.Round(
    time="2026-01-02T03:04:05Z",
    commit="aaaaaaa",
    module="bbbbbbb",
    scenario="vip-cut",
    seed=7,
    failure="cut",
    outage=6.5,
    lost=130,
    fenced=["lb1"],
    verdict=results.OK,
)


def test_rounds_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert results.read(path) == []
    other = replace(ROUND, outage=None, verdict="fenced ['lb1', 'lb2'], not just lb1")
    results.append(ROUND, path)
    results.append(other, path)
    assert results.read(path) == [ROUND, other]


def test_a_line_cut_off_by_a_power_loss_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results.append(ROUND, path)
    whole = path.read_text()
    path.write_text(whole + whole[:40])
    assert results.read(path) == [ROUND]
    results.append(ROUND, path)  # on a line of its own, although the last one has no end
    assert results.read(path) == [ROUND, ROUND]


def test_rounds_count_since_the_last_change_of_the_module(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    for done in (ROUND, replace(ROUND, module="ccccccc"), replace(ROUND, scenario="vip-kill")):
        results.append(done, path)
    assert results.since_change("vip-cut", "bbbbbbb", path) == [ROUND]
    assert results.since_change("vip-cut", "ddddddd", path) == []


def test_commit_of_a_module(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        person = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(tmp_path), *person, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "agent").write_text("1")
    git("add", "agent")
    git("commit", "-q", "-m", "one")
    first = git("log", "-1", "--format=%h")
    (tmp_path / "other").write_text("1")
    git("add", "other")
    git("commit", "-q", "-m", "two")
    assert results.commit_of(["agent"], tmp_path) == first
    git("commit", "-q", "--allow-empty", "-m", "three")
    assert results.commit_of(["agent"], tmp_path) == first
    (tmp_path / "agent").write_text("2")
    git("commit", "-q", "-a", "-m", "four")
    assert results.commit_of(["agent"], tmp_path) == git("log", "-1", "--format=%h") != first


def test_what_the_scenarios_test_exists() -> None:
    for scenario in SCENARIOS.values():
        for path in scenario.paths:
            assert (results.CHECKOUT / path).exists()


def test_summary_tells_failed_rounds(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    scenario = replace(SCENARIOS["vip-cut"], paths=["LICENSE"])
    here = replace(ROUND, module=results.commit_of(scenario.paths))
    results.append(here, path)
    results.append(replace(here, outage=7.5), path)
    text, well = summary([scenario], path)
    assert "2 of 2 rounds well, outage 6.50 / 7.00 / 7.50 s" in text
    assert well
    results.append(replace(here, verdict="fenced nobody"), path)
    text, well = summary([scenario], path)
    assert "2 of 3 rounds well" in text
    assert not well
