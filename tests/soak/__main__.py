"""The soak: python3 -m tests.soak [--scenario NAME] [--rounds N] [--minutes M] [--seed S].

The code of the last commit is tested, and every round adds a line to results.jsonl. It can be
stopped at any time (Ctrl-C) and goes on where it was: rounds since the last change of what the
scenario tests count.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

from tests.lab.lab import CHECKOUT, Kind, Lab
from tests.lab.processes import LabError
from tests.lab.recipe import ImageError
from tests.soak import results
from tests.soak.scenarios import SCENARIOS, Observation, Scenario, configure_vip

NODES: dict[str, Kind] = {"lb1": "namespace", "lb2": "namespace"}
SOURCE = CHECKOUT / "build" / "soak-src"
LOGS = CHECKOUT / "build" / "soak-logs"


class Soak:
    """Plays rounds of some scenarios in turn, in a lab that is made anew after a failed round."""

    def __init__(self, scenarios: list[Scenario], rounds: int, deadline: float, seed: int) -> None:
        self._scenarios = scenarios
        self._rounds = rounds
        self._deadline = deadline
        self._seeds = random.Random(seed)
        self._lab: Lab | None = None
        self._modules: dict[str, str] = {}  # what each scenario tests in that lab

    def run(self) -> None:
        """Play until every scenario has its rounds or the time is up."""
        try:
            while time.monotonic() < self._deadline:
                waiting = [s for s in self._scenarios if self._done(s) < self._rounds]
                if not waiting:
                    return
                self._play(min(waiting, key=self._done))
        finally:
            self._close()

    def _done(self, scenario: Scenario) -> int:
        return len(results.since_change(scenario.name, results.commit_of(scenario.paths)))

    def _play(self, scenario: Scenario) -> None:
        module = results.commit_of(scenario.paths)
        if module != self._modules.get(scenario.name):  # a new commit: take it into the lab
            self._close()
        seed = self._seeds.randrange(1 << 31)
        seen: Observation | None = None
        try:
            seen = self._observe(scenario, random.Random(seed))
            verdict = "; ".join(seen.wrong) or results.OK
        except LabError as error:
            verdict = str(error).splitlines()[0]
        done = results.Round(
            time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            commit=results.commit_of([]),
            module=self._modules.get(scenario.name, module),
            scenario=scenario.name,
            seed=seed,
            failure=seen.failure if seen else "",
            outage=round(seen.outage, 3) if seen else None,
            lost=seen.lost if seen else 0,
            fenced=seen.fenced if seen else [],
            verdict=verdict,
        )
        results.append(done)
        outage = f"{done.outage:6.2f} s" if done.outage is not None else "  never"
        print(
            f"{done.time}  {done.scenario:<11} {done.failure:<7} outage {outage}"
            f"  lost {done.lost:>3}  fenced {','.join(done.fenced) or '-'}  {done.verdict}",
            flush=True,
        )
        if verdict != results.OK:
            self._keep_logs(f"{done.time}-{done.scenario}")
            self._close()

    def _observe(self, scenario: Scenario, chance: random.Random) -> Observation:
        if self._lab is None:
            results.snapshot(SOURCE)
            self._modules = {s.name: results.commit_of(s.paths) for s in self._scenarios}
            self._lab = Lab(NODES, wait_minutes=15, source=SOURCE)
            configure_vip(self._lab)
        self._lab.cluster.recover()
        time.sleep(chance.uniform(0, 2))  # not always at the same point of Pacemaker's intervals
        return scenario.play(self._lab, chance)

    def _keep_logs(self, name: str) -> None:
        if self._lab is not None:
            self._lab.collect(LOGS / name)
            print(f"    logs of the nodes: {LOGS / name}", flush=True)

    def _close(self) -> None:
        if self._lab is not None:
            self._lab.close()
            self._lab = None


def summary(scenarios: list[Scenario], path: Path = results.RESULTS) -> tuple[str, bool]:
    """Return the summary of the rounds since the last change, and whether all were well."""
    lines, well = [], True
    for scenario in scenarios:
        rounds = results.since_change(scenario.name, results.commit_of(scenario.paths), path)
        good = [done for done in rounds if done.verdict == results.OK]
        outages = sorted(done.outage for done in good if done.outage is not None)
        line = f"{scenario.name:<11} {len(good)} of {len(rounds)} rounds well"
        if outages:
            middle = statistics.median(outages)
            line += f", outage {outages[0]:.2f} / {middle:.2f} / {outages[-1]:.2f} s"
        lines.append(line)
        well = well and len(good) == len(rounds)
    return "\n".join(lines) + "\n(outage: shortest / median / longest)", well


def main() -> None:
    """Run the soak; exit code 1 when a round failed."""
    listed = "\n".join(f"  {name:<11} {s.what}" for name, s in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.soak",
        description=f"{__doc__}\nscenarios:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scenario", choices=SCENARIOS, help="default: all, in turn")
    parser.add_argument("--rounds", type=int, default=10, help="of each scenario, default 10")
    parser.add_argument("--minutes", type=float, default=60, help="stop after, default 60")
    parser.add_argument("--seed", type=int, default=None, help="of the rounds' seeds")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 31)
    scenarios = [SCENARIOS[options.scenario]] if options.scenario else list(SCENARIOS.values())
    deadline = time.monotonic() + 60 * options.minutes
    try:
        Soak(scenarios, options.rounds, deadline, seed).run()
    except KeyboardInterrupt:
        print("stopped; the same command goes on")
    except (LabError, ImageError) as error:
        sys.exit(f"soak: {error}")
    text, well = summary(scenarios)
    print(text)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
