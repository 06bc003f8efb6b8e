"""The folder of kept results: nothing wrong comes back, and no trouble of the disk ends a run."""

from __future__ import annotations

import gzip
import json
import logging
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuronxa_tasks.resume import cache
from neuronxa_tasks.resume.cache import ScoreCache

CONTENT = {"samples": [[1, 2], [0, 3]], "block": {"interval": [0.1 + 0.2, None]}}

json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.fixture
def store(tmp_path: Path) -> ScoreCache:
    return ScoreCache(tmp_path / "scores")


def the_file(folder: Path) -> Path:
    (file,) = (each for each in folder.rglob("*") if each.is_file())
    return file


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values.filter(lambda value: value is not None))
def test_round_trip_is_exact(tmp_path: Path, content: Any) -> None:
    ScoreCache(tmp_path).put(content, "name")
    assert repr(ScoreCache(tmp_path).get("name")) == repr(content)


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    store = ScoreCache(tmp_path / "scores")
    assert store.get("name") is None
    store.trim()
    assert list(tmp_path.iterdir()) == []


def test_parts_of_a_name_do_not_run_together(store: ScoreCache) -> None:
    store.put(1, "ab", "c")
    assert store.get("ab", "c") == 1
    assert store.get("a", "bc") is None
    assert store.get("abc") is None


def test_modes(tmp_path: Path) -> None:
    for mode in ("off", "refresh"):
        store = ScoreCache(tmp_path / mode, mode)
        store.put(CONTENT, "name")
        assert store.get("name") is None
    assert ScoreCache(tmp_path / "off").get("name") is None
    assert ScoreCache(tmp_path / "refresh").get("name") == CONTENT
    ScoreCache(tmp_path / "refresh", "refresh").put("new", "name")
    assert ScoreCache(tmp_path / "refresh").get("name") == "new"


def test_every_cut_and_every_flipped_byte_is_noticed(
    store: ScoreCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(CONTENT, "name")
    file = the_file(tmp_path)
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place])
        assert ScoreCache(tmp_path / "scores").get("name") is None
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        # The header has bytes that say nothing of the content.
        assert ScoreCache(tmp_path / "scores").get("name") in (None, CONTENT)
    assert "damaged or not one of our files" in caplog.text
    store.put(CONTENT, "name")  # scored anew
    assert store.get("name") == CONTENT


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.binary(max_size=200), st.booleans())
def test_foreign_bytes_are_never_taken(tmp_path: Path, raw: bytes, pack: bool) -> None:
    store = ScoreCache(tmp_path)
    store.put(CONTENT, "name")
    the_file(tmp_path).write_bytes(gzip.compress(raw) if pack else raw)
    assert store.get("name") is None


@pytest.mark.parametrize(
    "entry",
    [[], 3, None, {}, {"content": 1}, {"key": "other", "content": 1}, "[" * 100_000],
    ids=lambda entry: str(entry)[:12],
)
def test_foreign_json_is_never_taken(store: ScoreCache, tmp_path: Path, entry: Any) -> None:
    store.put(CONTENT, "name")
    text = entry if isinstance(entry, str) else json.dumps(entry)
    the_file(tmp_path).write_bytes(gzip.compress(text.encode()))
    assert store.get("name") is None


def test_file_of_another_name(store: ScoreCache, tmp_path: Path) -> None:
    store.put(CONTENT, "one")
    one = the_file(tmp_path)
    raw = one.read_bytes()
    one.unlink()
    store.put("other", "other")
    the_file(tmp_path).write_bytes(raw)
    assert store.get("other") is None


def test_bomb(store: ScoreCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LARGEST", 1000)
    store.put(list(range(1000)), "name")
    assert store.get("name") is None


def test_warnings_come_once(
    store: ScoreCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "abc":
        store.put(CONTENT, name)
    for file in (tmp_path / "scores").rglob("*.gz"):
        file.write_bytes(b"")
    for name in "abc":
        assert store.get(name) is None
    assert len(caplog.records) == 1


# --- what somebody else may have put there --------------------------------------------------------


def another_user(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away; run the tests as root")
    os.chown(path, 12345, -1)


def link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def link_to_a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def writable_by_all(path: Path) -> None:
    path.chmod(0o666)


def writable_by_group(path: Path) -> None:
    path.chmod(0o620)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (another_user, "belongs to somebody else"),
        (link, "symbolic link"),
        (link_to_a_device, "symbolic link"),
        (pipe, "no regular file"),
        (folder, "cannot be used"),
        (writable_by_all, "others may write to it"),
        (writable_by_group, "type: chmod go-w"),
    ],
)
def test_a_file_of_others_is_not_read(
    store: ScoreCache,
    tmp_path: Path,
    change: Callable[[Path], None],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.put(CONTENT, "name")
    assert store.get("name") == CONTENT
    change(the_file(tmp_path))
    assert store.get("name") is None  # a pipe would have it wait for ever
    assert words in caplog.text


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o707])
@pytest.mark.parametrize("place", ["scores", "inside"])
def test_a_folder_that_others_can_write_is_not_used(
    tmp_path: Path, mode: int, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    ScoreCache(tmp_path / "scores").put(CONTENT, "name")
    ours = the_file(tmp_path)
    store = ScoreCache(tmp_path / "scores")
    (tmp_path / "scores" if place == "scores" else ours.parent).chmod(mode)
    assert store.get("name") is None
    assert "others may write to it; type: chmod go-w" in caplog.text
    before = ours.read_bytes()
    store.put("new", "name")
    assert ours.read_bytes() == before
    assert "cannot be kept" in caplog.text


def test_what_is_made_is_this_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ScoreCache(tmp_path / "a" / "scores").put(CONTENT, "name")
    finally:
        os.umask(before)
    ours = the_file(tmp_path)
    assert ours.stat().st_mode & 0o777 == 0o600
    assert ours.parent.stat().st_mode & 0o777 == 0o700
    assert ours.parent.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_under_the_name_of_a_temporary_file_is_not_followed(
    store: ScoreCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.put(CONTENT, "name")
    ours = the_file(tmp_path)
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    old = ours.with_name(f"{ours.name}.{platform.node()}.{os.getpid()}.tmp")
    old.symlink_to(mine)  # where one could know the name
    store.put("new", "name")
    assert store.get("name") == "new"
    old.unlink()
    # Even somebody who guesses the name gets nothing.
    monkeypatch.setattr("secrets.token_hex", lambda size: "guessed")
    guessed = ours.with_name(f"{ours.name}.guessed.tmp")
    guessed.symlink_to(mine)
    store.put("newer", "name")
    assert "cannot be kept" in caplog.text
    assert mine.read_text() == "precious"
    assert guessed.is_symlink()  # it is not ours to remove
    assert ScoreCache(tmp_path / "scores").get("name") == "new"


def unwritable(tmp_path: Path) -> Path:
    folder = tmp_path / "scores"
    folder.write_text("a file")
    return folder


def read_only(tmp_path: Path) -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; run the tests as another user")
    folder = tmp_path / "scores"
    folder.mkdir(mode=0o555)
    return folder


@pytest.mark.parametrize("make", [unwritable, read_only])
def test_folder_that_cannot_be_written(
    tmp_path: Path, make: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    store = ScoreCache(make(tmp_path))
    with caplog.at_level(logging.WARNING):
        for name in "abc":
            store.put(CONTENT, name)
            assert store.get(name) is None
        store.trim()
    told = [record for record in caplog.records if "cannot be kept" in record.message]
    assert len(told) == 1
    assert "The run goes on" in told[0].message


FULL = """
import logging, resource, sys
from pathlib import Path
from neuronxa_tasks.resume.cache import ScoreCache
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
store = ScoreCache(Path(sys.argv[1]))
store.put(["small"], "small")
store.put([str(i) for i in range(1000)], "large")
store.put(["small"], "later")
print([store.get(name) for name in ("small", "large", "later")])
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system has no file limit")
def test_disk_that_is_full(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=True
    )
    # A write that was cut leaves nothing behind, and nothing more is tried.
    assert done.stdout.strip() == "[['small'], None, None]"
    assert done.stderr.count("cannot be kept") == 1
    assert len(list(tmp_path.rglob("*.gz*"))) == 1


WRITER = """
import sys
from pathlib import Path
from neuronxa_tasks.resume.cache import ScoreCache
store = ScoreCache(Path(sys.argv[1]))
for i in range(300):
    store.put([sys.argv[2]] * 1000, "name")
    found = store.get("name")
    assert found in (["a"] * 1000, ["b"] * 1000, ["c"] * 1000), found
"""


def test_several_writers(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, name], stderr=subprocess.PIPE)
        for name in "abc"
    ]
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors.decode()
        assert errors == b""
    assert the_file(tmp_path).suffix == ".gz"


def test_trim_removes_what_was_used_first(store: ScoreCache, tmp_path: Path) -> None:
    for age, name in enumerate("abcd"):
        store.put(os.urandom(500).hex(), name)
        newest = max((tmp_path / "scores").rglob("*.gz"), key=lambda file: file.stat().st_mtime_ns)
        when = time.time() - 100 + age
        os.utime(newest, (when, when))
    size = newest.stat().st_size
    store.get("a")  # used now
    store.trim(limit=round(2.5 * size))
    assert [store.get(name) is not None for name in "abcd"] == [True, False, False, True]


def test_trim_follows_no_link(store: ScoreCache, tmp_path: Path) -> None:
    store.put(CONTENT, "name")
    ours = the_file(tmp_path)
    large = tmp_path / "large"
    large.write_bytes(bytes(10_000))
    ours.with_name("0" * 64 + ".json.gz").symlink_to(large)
    store.trim(limit=5_000)
    assert ours.exists()
    assert large.exists()


def test_trim_leaves_other_files_alone(store: ScoreCache, tmp_path: Path) -> None:
    store.put(CONTENT, "name")
    ours = the_file(tmp_path)
    foreign = [ours.parent / "notes.json.gz", tmp_path / "scores" / "mine.txt"]
    left_over = ours.with_name(ours.name + ".node.17.tmp")
    in_use = ours.with_name(ours.name + ".node.18.tmp")
    for file in (*foreign, left_over, in_use):
        file.write_text("x")
    for file in (*foreign, left_over):
        os.utime(file, (0, 0))
    store.trim()
    assert not left_over.exists()
    assert in_use.exists()
    store.trim(limit=0)
    assert sorted(each for each in tmp_path.rglob("*") if each.is_file()) == sorted(foreign)
