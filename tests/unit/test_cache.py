"""The folder of kept results: nothing wrong comes back, and no trouble of the disk ends a run."""

from __future__ import annotations

import gzip
import json
import logging
import os
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
