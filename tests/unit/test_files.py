"""Folders and files that are whole or not there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import disk_told, whole_folder, write_whole

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only; run on Linux or macOS")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(target: Path, text: str, **options: object) -> None:
    with whole_folder(target, **options) as folder:  # type: ignore[arg-type]
        (folder / "one").write_text(text, encoding="utf-8")
        (folder / "two").write_text(text, encoding="utf-8")


def read(target: Path) -> set[str]:
    return {(target / name).read_text(encoding="utf-8") for name in ("one", "two")}


def test_a_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "out"
    with whole_folder(target) as folder:
        (folder / "x").write_bytes(b"x")
        assert folder.parent.parent == target.parent  # the same disk
        assert not target.exists()
        hidden = names(target.parent)
    assert hidden[0].startswith(".out.")
    assert names(target.parent) == ["out"]
    assert names(target) == ["x"]


def test_the_place_of_growth_cannot_be_guessed(tmp_path: Path) -> None:
    rooms = set()
    for _ in range(20):
        with whole_folder(tmp_path / "out", replace=True) as folder:
            rooms.add(folder.parent.name)
            mode = folder.parent.stat().st_mode
    assert len(rooms) == 20
    if sys.platform != "win32":
        assert stat.S_IMODE(mode) == 0o700


@POSIX
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_permissions_are_those_of_new_files(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        make(tmp_path / "folder", "x")
        write_whole(tmp_path / "file", b"x")
        (tmp_path / "usual folder").mkdir()
        (tmp_path / "usual file").write_bytes(b"x")
    finally:
        os.umask(before)
    for kind in ("folder", "file"):
        assert (tmp_path / kind).stat().st_mode == (tmp_path / f"usual {kind}").stat().st_mode


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_what_was_there(tmp_path: Path, stop: BaseException, there: bool) -> None:
    if there:
        make(tmp_path / "out", "old")

    def write() -> None:
        with whole_folder(tmp_path / "out", replace=True) as folder:
            (folder / "one").write_bytes(b"new")
            raise stop

    with pytest.raises(type(stop)):
        write()
    assert names(tmp_path) == ["out"] * there
    assert not there or read(tmp_path / "out") == {"old"}


@pytest.mark.parametrize("stop", [OSError(5, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("keep", [False, True])
def test_a_failed_rename_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException, keep: bool
) -> None:
    make(tmp_path / "out", "old")
    real = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise stop
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(type(stop)):
        make(tmp_path / "out", "new", replace=True, keep=tmp_path / "kept" if keep else None)
    assert names(tmp_path) == ["out"]
    assert read(tmp_path / "out") == {"old"}


def test_what_is_there_is_replaced_kept_or_refused(tmp_path: Path) -> None:
    target = tmp_path / "out"
    make(target, "first")
    with pytest.raises(OSError, match="out"):
        make(target, "second")
    assert read(target) == {"first"}
    make(target, "third", replace=True)
    assert read(target) == {"third"}
    assert names(tmp_path) == ["out"]
    make(target, "fourth", replace=True, keep=tmp_path / "kept")
    assert (read(target), read(tmp_path / "kept")) == ({"fourth"}, {"third"})
    assert names(tmp_path) == ["kept", "out"]


@POSIX
def test_a_link_in_the_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "text").write_bytes(b"mine")
    (tmp_path / "folder").symlink_to(tmp_path / "mine")
    make(tmp_path / "folder", "new", replace=True)
    (tmp_path / "file").symlink_to(tmp_path / "mine" / "text")
    write_whole(tmp_path / "file", b"new")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    write_whole(tmp_path / "broken", b"new")
    assert not any((tmp_path / name).is_symlink() for name in ("folder", "file", "broken"))
    assert names(tmp_path) == ["broken", "file", "folder", "mine"]
    assert names(tmp_path / "mine") == ["text"]
    assert (tmp_path / "mine" / "text").read_bytes() == b"mine"


@POSIX
def test_only_files_are_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("pipe", "folder", "device"):
        with pytest.raises(NeuronXAError, match=f"{name} exists and is not a file"):
            write_whole(tmp_path / name, b"x")
    assert names(tmp_path) == ["device", "folder", "pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "a" / "out", b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a" / "out", b"new")
    assert names(tmp_path / "a") == ["out"]
    assert (tmp_path / "a" / "out").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["x" * 250, "ख" * 80, "a.b", "with space"])
def test_long_and_odd_names(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / "files" / name, b"x")
    make(tmp_path / "folders" / name, "x")
    assert names(tmp_path / "files") == names(tmp_path / "folders") == [name]


def test_many_writers_leave_one_whole_result(tmp_path: Path) -> None:
    lost: list[OSError] = []

    def write(number: int) -> None:
        for turn in range(20):
            write_whole(tmp_path / "file", f"{number}.{turn}\n".encode() * 1000)
            try:
                make(tmp_path / "out", f"{number}.{turn}", replace=True)
            except OSError as error:  # another one was faster between the two renames
                lost.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["file", "out"]
    assert len(read(tmp_path / "out")) == 1
    assert len(set((tmp_path / "file").read_text(encoding="utf-8").split())) == 1
    assert len(lost) < 80


KILLED = """
import os, signal, sys
from pathlib import Path
from neuronxa_tasks.files import whole_folder
with whole_folder(Path(sys.argv[1]), replace=True) as folder:
    (folder / "one").write_text("new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@POSIX
def test_a_kill_leaves_the_old_folder_and_a_hidden_one(tmp_path: Path) -> None:
    make(tmp_path / "out", "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "out")], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert read(tmp_path / "out") == {"old"}
    hidden = [name for name in names(tmp_path) if name != "out"]
    assert len(hidden) == 1
    assert hidden[0].startswith(".out.")
    make(tmp_path / "out", "new", replace=True)
    assert read(tmp_path / "out") == {"new"}


def test_errors_of_the_disk_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    target = tmp_path / "file" / "x"
    told = pytest.raises(NeuronXAError, match=r"x cannot be written: [A-Z].*[a-z]\. Go elsewhere\.")
    with told, disk_told(target, "Go elsewhere."):
        write_whole(target, b"")
