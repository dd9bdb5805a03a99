"""Building the package from the working tree, and installing it in a copy of the lab's image."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.packaging.sandbox import Sandbox

TOP = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path = TOP, **environment: str) -> str:
    """Run a program and return its stdout; shows all output and raises when it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="\n")
        done.check_returncode()
    return done.stdout


def copy_tree(target: Path) -> Path:
    """Commit the working tree, as it is now, in a new repository; return its folder."""
    target.mkdir(parents=True)
    files = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, files.split("\0")):
        source, copy = TOP / name, target / name
        if source.is_file():  # not what was deleted but is still in the index
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    run("git", "init", "--quiet", cwd=target)
    run("git", "add", "--all", cwd=target)
    run("git", *identity, "commit", "--quiet", "--message=Working tree", cwd=target)
    return target


def build_deb(tree: Path, **environment: str) -> Path:
    """Run `make deb` in a tree and return the package."""
    run("make", "deb", cwd=tree, **environment)
    (deb,) = (tree / "build" / "deb").glob("*.deb")
    return deb


@contextmanager
def installation(deb: Path, mount_point: Path) -> Iterator[Sandbox]:
    """A copy of the lab's image with the package installed, its documents included."""
    if os.geteuid() != 0:
        pytest.skip("installing a package takes root")
    from tests.lab.image import Image

    image = Image.ensure()
    sandbox = Sandbox(image.root, mount_point)
    try:
        sandbox.write("/tmp/moodle-ha.deb", deb.read_bytes())
        documents = "--path-include=/usr/share/*/*"  # which the image leaves out
        sandbox.run("dpkg", documents, "--install", "/tmp/moodle-ha.deb")
        yield sandbox
    finally:
        sandbox.close()
