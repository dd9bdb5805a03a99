"""What a monitor imports: each of these modules costs as much as the whole rest of its work."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOO_DEAR = {
    "argparse",
    "dataclasses",
    "enum",
    "json",
    "logging",
    "pathlib",
    "re",
    "shlex",
    "signal",
    "socket",
    "struct",
    "subprocess",
    "textwrap",
    "traceback",
    "typing",
    "xml",
}
DOORS = {"moodle_ha.system.programs", "moodle_ha.system.log", "moodle_ha.ocf.cluster", "syslog"}
# Runs a launcher as it is; at its end, where it leaves without clean-up, says what was imported.
RUNNER = """
import os, sys
leave = os._exit
def end(code):
    os.write(1, repr(sorted(sys.modules)).encode())
    leave(code)
os._exit = end
launcher, state = sys.argv.pop(1), sys.argv.pop(1)
sys.path.insert(0, os.path.dirname(os.path.dirname(launcher)) + "/lib")
import moodle_ha.ocf.agent
moodle_ha.ocf.agent.STATE_FOLDER = state
with open(launcher) as file:
    code = compile(file.read(), launcher, "exec")
exec(code, {"__file__": launcher, "__name__": "__main__"})
"""


def imported(agent: str, action: str, state: Path, **variables: str) -> tuple[int, set[str]]:
    """The exit code and the modules that one call of an agent has loaded."""
    run = subprocess.run(
        [sys.executable, "-IS", "-c", RUNNER, str(ROOT / "ocf" / agent), str(state), action],
        env={f"OCF_RESKEY_{name}": value for name, value in variables.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stderr == ""
    return run.returncode, set(ast.literal_eval(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        # A probe on a node that has not the address: the most frequent one of all.
        ({"ip": "192.0.2.99", "CRM_meta_interval": "0", "CRM_meta_timeout": "20000"}, 7),
        # A recurring monitor of an address that is there.
        ({"ip": "127.0.0.1", "prefix": "8", "nic": "lo", "CRM_meta_interval": "10000"}, 0),
    ],
)
def test_monitor_of_vip(tmp_path: Path, variables: dict[str, str], code: int) -> None:
    ended, modules = imported("vip", "monitor", tmp_path / "state", **variables)
    assert ended == code
    assert modules & TOO_DEAR == set()
    assert modules & DOORS == set(), "opened only when used"


def test_the_list_is_seen_when_it_is_broken(tmp_path: Path) -> None:
    """The meta-data does import some of them."""
    code, modules = imported("vip", "meta-data", tmp_path)
    assert code == 0
    assert {"xml", "re", "textwrap"} <= modules & TOO_DEAR
