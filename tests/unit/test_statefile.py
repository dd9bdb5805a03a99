"""State files survive a SIGKILL at any point, and other writers and readers at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodle_ha.system import statefile

LIBRARY = Path(__file__).parents[2] / "lib"
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(blacklist_categories=["Cs"]))


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process with the library that runs `code`."""
    prelude = f"import sys; sys.path.insert(0, {str(LIBRARY)!r})\n"
    return subprocess.Popen(
        [sys.executable, "-IS", "-c", prelude + code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder" / "file")


def beside(path: str) -> list[str]:
    return sorted(os.listdir(os.path.dirname(path)))


@given(st.dictionaries(NAMES, VALUES))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, str]
) -> None:
    path = str(tmp_path_factory.getbasetemp() / "statefile" / "file")
    statefile.write(path, content)
    assert statefile.read(path) == content


@pytest.mark.parametrize(
    "value",
    [
        "",
        "=",
        "a=b",
        "%",
        "%0A",
        "%250A",
        "a\nb",
        "a\rb",
        "a\r\nb",
        " a ",
        "é€",
        "\x0b",
        "\x85",
        "\u2028",
    ],
)
def test_values_that_need_care(path: str, value: str) -> None:
    statefile.write(path, {"name": value, "next": "1"})
    assert statefile.read(path) == {"name": value, "next": "1"}


def test_values_become_text(path: str) -> None:
    statefile.write(path, {"pid": 12, "none": None})
    assert statefile.read(path) == {"pid": "12", "none": "None"}


def test_absent_or_unreadable_is_none(tmp_path: Path) -> None:
    assert statefile.read(str(tmp_path / "absent")) is None
    assert statefile.read(str(tmp_path)) is None


def test_bytes_that_are_no_text_come_back_as_they_were(path: str) -> None:
    """As os.environ has them: the name of an interface may be any bytes."""
    value = b"eth\xff\xfe".decode("utf-8", "surrogateescape")
    statefile.write(path, {"nic": value})
    assert statefile.read(path) == {"nic": value}


def test_lines_of_others_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("junk\nname=value\n\n=empty name\n")
    content = statefile.read(str(tmp_path / "file"))
    assert content is not None
    assert content["name"] == "value"


@given(st.binary())
def test_no_content_makes_reading_fail(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "junk"
    file.write_bytes(content)
    statefile.read(str(file))


def test_folder_and_mode(path: str) -> None:
    before = os.umask(0)
    try:
        statefile.write(path, {"a": 1}, mode=0o600)
        assert os.stat(path).st_mode & 0o777 == 0o600
        statefile.write(path + "2", {"a": 1})
        assert os.stat(path + "2").st_mode & 0o777 == 0o644
        assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_nothing_is_left_beside_the_file(path: str) -> None:
    statefile.write(path, {"a": 1})
    statefile.write(path, {"a": 2})
    assert beside(path) == ["file"]
    statefile.remove(path)
    assert beside(path) == []
    statefile.remove(path)
    assert statefile.read(path) is None


def test_remove_without_a_folder_is_fine(path: str) -> None:
    statefile.remove(path)
    assert not os.path.exists(os.path.dirname(path))


def test_remove_spares_files_of_others(path: str) -> None:
    statefile.write(path, {"a": 1})
    others = ["file2", "file.degraded", "file.degraded.12.new", "other.new"]
    for other in others:
        Path(path).with_name(other).touch()
    statefile.remove(path)
    assert beside(path) == sorted(others)


def test_a_write_that_fails_leaves_the_old_content(path: str) -> None:
    statefile.write(path, {"a": "old"})
    os.chmod(path, 0o400)
    code = """
import resource
from moodle_ha.system import statefile
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))  # a full disk, as far as write(2) can tell
try:
    statefile.write(sys.argv[1], {"a": "n" * 100})
except OSError as error:
    print("OSError")
"""
    child = start(code, path)
    out, err = child.communicate(timeout=20)
    assert (out.strip(), err) == ("OSError", "")
    assert statefile.read(path) == {"a": "old"}


WRITER = """
from moodle_ha.system import statefile
import os
number = 0
print("begun", flush=True)
while number < int(sys.argv[2]):
    number += 1
    statefile.write(sys.argv[1], {"pid": os.getpid(), "filler": "x" * 5000, "last": number})
"""


def whole(content: dict[str, str] | None) -> bool:
    return content is not None and [*content] == ["pid", "filler", "last"]


def test_readers_see_the_old_or_the_new_content(path: str) -> None:
    """Two writers at once, as a monitor and the child of the one before are."""
    statefile.write(path, {"pid": 0, "filler": "", "last": 0})
    writers = [start(WRITER, path, "300") for _ in range(2)]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        content = statefile.read(path)
        assert whole(content), content
        reads += 1
    assert [writer.communicate(timeout=20)[1] for writer in writers] == ["", ""]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 10
    assert beside(path) == ["file"]


def test_a_killed_writer_leaves_a_whole_file_and_nothing_after_remove(path: str) -> None:
    for attempt in range(10):
        writer = start(WRITER, path, "1000000000")
        assert writer.stdout is not None
        writer.stdout.readline()
        while not os.path.exists(path):
            time.sleep(0.001)
        time.sleep(0.001 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=20)
        assert whole(statefile.read(path))
    statefile.remove(path)
    assert beside(path) == []


def test_leftovers_of_a_killed_writer_are_no_hindrance(path: str) -> None:
    """Its pid may well be ours, after a reboot that kept the file or in another pid namespace."""
    statefile.write(path, {"a": 1})
    for leftover in (f"{path}.new", f"{path}.{os.getpid()}.new"):
        Path(leftover).write_text("half of a li" * 1000)
    statefile.write(path, {"a": 2})
    assert statefile.read(path) == {"a": "2"}


def test_a_symlink_in_place_of_the_new_file_is_not_followed(path: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    os.mkdir(os.path.dirname(path))
    for name in (f"{path}.new", f"{path}.{os.getpid()}.new"):
        os.symlink(precious, name)
    try:
        statefile.write(path, {"a": 1})
    except OSError:
        pass
    assert precious.read_text() == "precious"
    assert not os.path.islink(path)


def test_a_symlink_in_place_of_the_file_is_replaced(path: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    os.mkdir(os.path.dirname(path))
    os.symlink(precious, path)
    statefile.write(path, {"a": 1})
    assert precious.read_text() == "precious"
    assert not os.path.islink(path)


def test_remove_leaves_the_new_file_of_a_living_writer(path: str) -> None:
    """A child that ends its work removes the file while its parent is writing it."""
    statefile.write(path, {"a": 1})
    writing = Path(f"{path}.{os.getpid()}.new")
    writing.write_text("half of a li")
    statefile.remove(path)
    assert writing.exists()


def test_no_descriptor_is_left_open(path: str, no_fd_leak: None) -> None:
    statefile.write(path, {"a": 1})
    statefile.read(path)
    os.unlink(path)
    os.mkdir(path)
    with pytest.raises(OSError, match="directory"):
        statefile.write(path, {"a": 1})


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test can cut the power; what can be seen is the order of the calls."""
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def sync(fd: int) -> None:
        target = os.readlink(f"/proc/self/fd/{fd}")
        done.append("folder" if os.path.isdir(target) else "file")
        fsync(fd)

    def move(source: str, target: str) -> None:
        done.append("rename")
        rename(source, target)

    monkeypatch.setattr(statefile.os, "fsync", sync)
    monkeypatch.setattr(statefile.os, "rename", move)
    statefile.write(path, {"a": 1})
    assert done == ["file", "rename", "folder"]
