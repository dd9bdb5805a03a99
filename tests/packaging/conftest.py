"""Fixtures: the package of the working tree, and an installation of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.building import TOP, build_deb, copy_tree, installation
from tests.packaging.sandbox import Sandbox


@pytest.fixture(scope="session")
def agents() -> list[str]:
    """Return the names of all agents of the working tree."""
    return sorted(file.name for file in (TOP / "ocf").iterdir() if file.is_file())


@pytest.fixture(scope="session")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package of the working tree."""
    tree = copy_tree(tmp_path_factory.mktemp("deb") / "tree")
    return build_deb(tree, DEB_BUILD_OPTIONS="nocheck")


@pytest.fixture(scope="session")
def installed(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Return an installation for tests that change nothing in it but below /tmp."""
    with installation(deb, tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox
