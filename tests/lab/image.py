"""The image of the lab: one Debian root folder, cached, shared by all nodes and by the bed.

    image = Image.ensure()
    image.root       the unpacked system; read only by convention, put an overlay over it
    image.ext4       the same as an ext4 disk, for kernel nodes
    image.uml        the kernel program of kernel nodes
    image.modules    its modules

While an Image object lives, its files are not removed, whatever other versions are built.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Callable

from tests.lab import cache, recipe


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Image:
    """One finished image; see the module's text."""

    def __init__(self, path: Path, in_use: cache.Lock) -> None:
        self.path = path
        self._in_use = in_use

    @classmethod
    def ensure(cls, say: Callable[[str], None] = _say) -> Image:
        """Return the image of the present inputs, built when there is none yet.

        Waits while another process builds. `say` gets a line when something takes minutes.
        Raises recipe.ImageError.
        """
        top = cache.folder()
        key = recipe.input_hash()
        path = top / "images" / key
        in_use = _in_use_lock(key)
        in_use.shared()
        if not path.exists():
            say("building the lab's image, which takes a minute or two; it is kept for later")
            building = cache.Lock(top / "locks" / "build")
            building.exclusive()
            try:
                if not path.exists():
                    _build(path, top / "debs" / recipe.host_suite())
                    remove_unused(except_key=key)
            finally:
                building.release()
        return cls(path, in_use)

    @property
    def root(self) -> Path:
        """The unpacked root folder."""
        return self.path / "root"

    @property
    def uml(self) -> Path:
        """The User-Mode-Linux kernel, an ordinary program."""
        return self.path / "uml/usr/bin/linux.uml"

    @property
    def modules(self) -> Path:
        """The folder of that kernel's modules (also inside the image, at /lib/modules)."""
        (versioned,) = (self.path / "uml/usr/lib/uml/modules").iterdir()
        return versioned

    @property
    def ext4(self) -> Path:
        """The ext4 disk image of the root, written when first asked for."""
        disk = self.path / "root.ext4"
        if not disk.exists():
            building = cache.Lock(cache.folder() / "locks" / "build")
            building.exclusive()
            try:
                if not disk.exists():
                    unfinished = disk.with_suffix(".unfinished")
                    recipe.make_disk(self.root, unfinished)
                    os.replace(unfinished, disk)
            finally:
                building.release()
        return disk


def _in_use_lock(key: str) -> cache.Lock:
    """Return the lock that users of an image share and that its removal needs alone."""
    return cache.Lock(cache.folder() / "locks" / f"image-{key}")


def _build(path: Path, debs: Path) -> None:
    """Build into a temporary folder and put it in place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_over in path.parent.glob("*.unfinished"):
        shutil.rmtree(left_over)
    unfinished = Path(tempfile.mkdtemp(suffix=".unfinished", dir=path.parent))
    unfinished.chmod(0o755)
    try:
        recipe.build(unfinished, debs)
        os.replace(unfinished, path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def remove_unused(except_key: str) -> None:
    """Remove the images of other inputs that no process uses."""
    for path in (cache.folder() / "images").iterdir():
        if path.name == except_key or path.name.endswith(".unfinished"):
            continue
        lock = _in_use_lock(path.name)
        if lock.try_exclusive():
            shutil.rmtree(path)
        lock.release()
