"""The house rules that no linter knows: who may import whom, and how long a module may get.

Imports run downwards only, from a floor to a lower one, and never between rooms of one floor:

    agents, checks, commands  ->  ocf, mysql, moodle, ldirectord  ->  system

So the checks know no OCF, what is said about MySQL can be tested without Pacemaker, and `system`
can be used by everything.  Imports inside functions count as well.  `moodle_ha` itself (the
version) may be imported by all.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

LIBRARY = Path(__file__).parents[2] / "lib" / "moodle_ha"
PACKAGE = "moodle_ha"
FLOORS = (
    {"system"},
    {"ocf", "mysql", "moodle", "ldirectord"},
    {"agents", "checks", "commands"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# Agents start ten thousand times a day: these cost more to import than a whole monitor, so they
# are imported inside the function that needs them.
THIRD_PARTY = {"requests", "pymysql", "ldap3", "dns"}
MAX_LINES = 320


class Import(NamedTuple):
    """One imported module: its full dotted name, the line, and whether it is at module level."""

    target: str
    line: int
    top_level: bool


class Module(NamedTuple):
    """One module of the library: dotted name, path for messages, source text."""

    name: str
    path: str
    source: str


def modules(library: Path) -> list[Module]:
    """Read all modules below the folder of the package."""
    found = []
    for file in sorted(library.rglob("*.py")):
        parts = [library.name, *file.relative_to(library).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        path = str(file.relative_to(library.parent))
        found.append(Module(name, path, file.read_text(encoding="utf-8")))
    return found


def imports(module: Module, known: set[str]) -> Iterator[Import]:
    """Yield what a module imports; `known` are the names of all our own modules."""

    def walk(node: ast.AST, top_level: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, top_level)
            elif isinstance(child, ast.ImportFrom):
                base = absolute(child)
                for alias in child.names:
                    # `from package import x` means the module package.x where there is one
                    submodule = f"{base}.{alias.name}"
                    target = submodule if submodule in known else base
                    yield Import(target, child.lineno, top_level)
            elif is_type_checking(child):
                yield from walk(child, False)  # never executed, but a dependency all the same
            else:
                inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from walk(child, top_level and not inside)

    def absolute(node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.name.split(".")
        is_package = module.path.endswith("__init__.py")
        keep = len(parts) - node.level + (1 if is_package else 0)
        return ".".join(parts[:keep] + ([node.module] if node.module else []))

    return walk(ast.parse(module.source, module.path), True)


def is_type_checking(node: ast.AST) -> bool:
    """Tell whether a node is `if TYPE_CHECKING:` in either spelling."""
    if not isinstance(node, ast.If):
        return False
    name = node.test.attr if isinstance(node.test, ast.Attribute) else node.test
    return name == "TYPE_CHECKING" or (isinstance(name, ast.Name) and name.id == "TYPE_CHECKING")


def in_standard_library(module: str) -> bool:
    """Tell whether a top-level module comes with Python itself."""
    if module in sys.builtin_module_names:
        return True
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return False
    home = Path(sysconfig.get_path("stdlib"))
    return spec.origin == "frozen" or (
        home in Path(spec.origin).parents and "site-packages" not in spec.origin
    )


def room_of(module: str) -> str:
    """Return the room of one of our modules, "" for the package itself and its __main__."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else ""


def direction_fault(source: str, target: str) -> str:
    """Say what is wrong with one of our modules importing another, "" when nothing is."""
    here, there = room_of(source), room_of(target)
    if not there or here == there:
        return ""
    if there not in FLOOR_OF:
        return f"imports {target}, which is in no known room"
    if not here:  # the package's own __main__ starts what lies in the rooms
        return "" if source.endswith(".__main__") else f"imports {target}: it must import nothing"
    if FLOOR_OF[there] == FLOOR_OF[here]:
        return f"imports {target}: a room on the same floor"
    if FLOOR_OF[there] > FLOOR_OF[here]:
        return f"imports {target}: a floor above"
    return ""


def import_faults(library: Path) -> list[str]:
    """Return a line for every import that breaks a rule."""
    own = modules(library)
    known = {module.name for module in own}
    faults = []
    for module in own:
        here = room_of(module.name)
        if here and here not in FLOOR_OF:
            faults.append(f"{module.path}:1 is in no known room")
            continue
        for imported in imports(module, known):
            first = imported.target.partition(".")[0]
            place = f"{module.path}:{imported.line}"
            if first == PACKAGE:
                fault = direction_fault(module.name, imported.target)
                if fault:
                    faults.append(f"{place} {fault}")
            elif first in THIRD_PARTY:
                if imported.top_level:
                    faults.append(f"{place} imports {first} at module level")
            elif not in_standard_library(first):
                faults.append(f"{place} imports {first}, which is no dependency of ours")
    return faults


def import_cycles(library: Path) -> list[str]:
    """Return the cycles among our modules' imports at module level, as `a -> b -> a`."""
    own = modules(library)
    known = {module.name for module in own}
    graph = {
        module.name: sorted(
            {
                imported.target
                for imported in imports(module, known)
                if imported.top_level and imported.target in known
            }
        )
        for module in own
    }
    cycles: list[str] = []
    finished: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            cycles.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in finished:
            for target in graph[name]:
                visit(target, [*path, name])
            finished.add(name)

    for name in graph:
        visit(name, [])
    return cycles


def long_modules(library: Path) -> list[str]:
    """Return a line for every module that has outgrown its limit: it is two things by then."""
    lengths = ((module.path, len(module.source.splitlines())) for module in modules(library))
    return [f"{path}: {lines} lines" for path, lines in lengths if lines > MAX_LINES]


def test_imports_run_down_only() -> None:
    assert import_faults(LIBRARY) == []


def test_modules_import_each_other_without_cycles() -> None:
    assert import_cycles(LIBRARY) == []


def test_modules_stay_short() -> None:
    assert long_modules(LIBRARY) == []


# --- the checker finds what it is there for -----------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a small library that keeps all rules."""
    root = tmp_path / PACKAGE
    plant(root, "__init__.py", '__version__ = "1"\n')
    for rooms in FLOORS:
        for room in rooms:
            plant(root, f"{room}/__init__.py", f"from {PACKAGE} import __version__\n")
    plant(root, "system/log.py", "import os\n")
    plant(root, "ocf/agent.py", f"import sys\nfrom {PACKAGE}.system import log\n")
    plant(root, "agents/vip.py", "from ..ocf.agent import x\nfrom ..system.log import y\n")
    return root


def plant(root: Path, path: str, source: str) -> None:
    """Write a module into the scratch library."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")


def test_a_tidy_library_passes(library: Path) -> None:
    assert import_faults(library) == []
    assert import_cycles(library) == []
    assert long_modules(library) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("system/x.py", "from moodle_ha.ocf import agent", "moodle_ha.ocf.agent: a floor above"),
        ("system/x.py", "import moodle_ha.agents.vip", "moodle_ha.agents.vip: a floor above"),
        ("system/x.py", "from ..ocf.agent import y", "moodle_ha.ocf.agent: a floor above"),
        ("ocf/x.py", "from moodle_ha import mysql", "moodle_ha.mysql: a room on the same floor"),
        ("ocf/x.py", "from .. import agents", "moodle_ha.agents: a floor above"),
        ("checks/x.py", "def f():\n import moodle_ha.agents.vip", "a room on the same floor"),
        (
            "mysql/x.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n from moodle_ha.ocf import agent",
            "x.py:3 imports moodle_ha.ocf.agent: a room on the same floor",
        ),
        ("__init__.py", "from . import system", "moodle_ha.system: it must import nothing"),
        ("cellar/x.py", "", "is in no known room"),
        ("agents/x.py", "import moodle_ha.cellar", "moodle_ha.cellar, which is in no known room"),
        ("mysql/x.py", "import pymysql.cursors", "imports pymysql at module level"),
        ("mysql/x.py", "try:\n import pymysql\nexcept ImportError: ...", "pymysql at module level"),
        ("mysql/x.py", "class A:\n from dns import query", "imports dns at module level"),
        ("system/x.py", "def f():\n import psutil", "psutil, which is no dependency of ours"),
    ],
)
def test_a_wrong_import_is_found(library: Path, path: str, source: str, fault: str) -> None:
    plant(library, path, source)
    faults = import_faults(library)
    assert len(faults) == 1
    assert fault in faults[0]
    assert f"{PACKAGE}/{path}:" in faults[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("mysql/x.py", "def connect():\n import pymysql"),
        ("__main__.py", "from moodle_ha.checks import x"),
        ("system/x.py", "from . import log\nfrom .log import y"),
    ],
)
def test_a_right_import_is_let_through(library: Path, path: str, source: str) -> None:
    plant(library, path, source)
    assert import_faults(library) == []


def test_a_cycle_is_found(library: Path) -> None:
    plant(library, "system/a.py", "from . import b")
    plant(library, "system/b.py", "from .c import x")
    plant(library, "system/c.py", "import moodle_ha.system.a")
    assert import_cycles(library) == [
        "moodle_ha.system.a -> moodle_ha.system.b -> moodle_ha.system.c -> moodle_ha.system.a"
    ]


def test_an_import_at_run_time_makes_no_cycle(library: Path) -> None:
    plant(library, "system/a.py", "from . import b")
    plant(library, "system/b.py", "def f():\n from . import a")
    assert import_cycles(library) == []


def test_a_long_module_is_found(library: Path) -> None:
    plant(library, "system/x.py", "\n" * (MAX_LINES + 1))
    assert long_modules(library) == [f"{PACKAGE}/system/x.py: {MAX_LINES + 1} lines"]
