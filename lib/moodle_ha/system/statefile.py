"""Small files of name=value lines that survive a SIGKILL at any point.

A write makes a new file, syncs it and renames it over the old one, so a reader sees the old
content or the new one and nothing between.  JSON would cost 10 ms of import.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def read(path: str) -> dict[str, str] | None:
    """The content, or None when there is no such file or it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            text = file.read()
    except OSError:
        return None
    pairs = (line.partition("=") for line in text.split("\n") if "=" in line)
    return {name: _unescape(value) for name, _, value in pairs}


def write(path: str, content: Mapping[str, object], mode: int = 0o644) -> None:
    """Replace the file; its folder is made (0755) when absent.  Raises OSError."""
    folder = os.path.dirname(path)
    os.makedirs(folder, 0o755, exist_ok=True)
    text = "".join(f"{name}={_escape(str(value))}\n" for name, value in content.items())
    new = f"{path}.{os.getpid()}.new"  # Two may be writing at once, a monitor and its child.
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        data = text.encode("utf-8", "surrogateescape")
        while data:
            data = data[os.write(fd, data) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(new, path)
    _sync_folder(folder)


def remove(path: str) -> None:
    """Remove the file and what killed writers left beside it; absent is fine.  Raises OSError."""
    folder, name = os.path.split(path)
    try:
        present = os.listdir(folder)
    except FileNotFoundError:
        return
    for other in present:
        if other == name or _is_left_behind(other, name):
            try:
                os.unlink(os.path.join(folder, other))
            except FileNotFoundError:
                pass


def _is_left_behind(other: str, name: str) -> bool:
    """Is it the new file of a writer that lives no more?"""
    if not (other.startswith(name + ".") and other.endswith(".new")):
        return False
    writer = other[len(name) + 1 : -4]
    return writer.isdecimal() and not os.path.exists(f"/proc/{writer}")


def _sync_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _escape(value: str) -> str:
    return value.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def _unescape(value: str) -> str:
    return value.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
