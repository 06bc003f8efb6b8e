"""Results files that are pipes, too many, or hold one thing twice."""

from __future__ import annotations

import json
import os
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import read_results


def content(model: str, accuracy: float = 0.5, filling: int = 0) -> dict[str, Any]:
    return {
        "results": {"xnli_de": {"alias": "xnli_de", "acc,none": accuracy}},
        "n-samples": {"xnli_de": {"original": 9, "effective": 9}},
        "configs": {"xnli_de": {"description": [f"{number}" for number in range(filling)]}},
        "config": {"model_args": {"pretrained": model}},
        "model_name": model,
    }


def named(number: int) -> str:
    return f"results_2026-11-22T00-00-{number:02d}.{number:06d}.json"


SCANS: list[str] | None = None


def count_scans(event: str, arguments: tuple[Any, ...]) -> None:
    if SCANS is not None and event in ("os.scandir", "os.listdir"):
        SCANS.append(str(arguments[0]))


def test_ten_thousand_files_in_one_folder(tmp_path: Path) -> None:
    """Each file is opened once, and the folder is not listed anew for each of them."""
    global SCANS
    for number in range(10_000):
        text = json.dumps(content(f"m{number}", number / 10_000))
        (tmp_path / named(number)).write_text(text, encoding="utf-8")
        if number % 100 == 0:
            name = named(number).replace("results_", "samples_xnli_de_").replace(".json", ".jsonl")
            (tmp_path / name).write_text("", encoding="utf-8")
    sys.addaudithook(count_scans)
    SCANS = []
    try:
        read = read_results([tmp_path])
        scans = len(SCANS)
    finally:
        SCANS = None
    assert len(read.frame) == len(read.runs) == 10_000
    assert sorted(read.frame["value"]) == [number / 10_000 for number in range(10_000)]
    assert len(read.samples) == 100
    assert scans < 10, scans


def test_one_file_at_a_time_is_in_memory(tmp_path: Path) -> None:
    size = 0
    for number in range(60):
        text = json.dumps(content(f"m{number}", filling=20_000))
        (tmp_path / named(number)).write_text(text, encoding="utf-8")
        size += len(text)
    tracemalloc.start()
    try:
        read = read_results([tmp_path])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read.frame) == 60
    assert peak < size / 2, (peak, size)


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "results_1.json")
    for path in (tmp_path, tmp_path / "results_1.json"):
        with pytest.raises(NeuronXAError, match="is a pipe or a device"):
            read_results([path])


def test_folders_called_like_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "results_1.json").mkdir()
    (tmp_path / "results_2.json").write_text(json.dumps(content("m")), encoding="utf-8")
    assert len(read_results([tmp_path]).frame) == 1


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_paths_that_cannot_be(name: str) -> None:
    with pytest.raises(NeuronXAError, match=r"cannot be looked up|does not exist"):
        read_results([name])


def test_an_object_with_a_key_twice(tmp_path: Path) -> None:
    text = json.dumps(content("m")).replace('"acc,none": 0.5', '"acc,none": 0.5, "acc,none": 0.9')
    path = tmp_path / "results_1.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NeuronXAError, match="the key 'acc,none' stands twice in one object"):
        read_results([path])


def test_forty_thousand_keys_one_of_them_twice(tmp_path: Path) -> None:
    """Half an hour for 4 MB, when every key was compared with every other."""
    keys = [f'"key {number}": 1' for number in range(40_000)]
    path = tmp_path / "results_1.json"
    path.write_text("{" + ", ".join([*keys, keys[-1]]) + "}", encoding="utf-8")
    start = time.perf_counter()
    with pytest.raises(NeuronXAError, match="the key 'key 39999' stands twice"):
        read_results([path])
    assert time.perf_counter() - start < 2.0


def test_tables_and_links_inside_a_folder_are_told(tmp_path: Path) -> None:
    folder, other = tmp_path / "out", tmp_path / "other"
    for each, name in ((folder, "m"), (other, "elsewhere")):
        each.mkdir()
        (each / "results_1.json").write_text(json.dumps(content(name)), encoding="utf-8")
    (folder / "deep").mkdir()
    for name in ("scores.csv", "deep/more.tsv.gz"):
        (folder / name).write_text("model,language\n", encoding="utf-8")
    (folder / "link").symlink_to(other)
    read = read_results([folder])
    assert read.frame["model"].tolist() == ["m"]
    tables, links = read.notes
    assert f"{folder / 'deep/more.tsv.gz'}, {folder / 'scores.csv'}" in tables
    assert "name a table itself to have it read" in tables
    assert f"not followed ({folder / 'link'})" in links
    (folder / "results_1.json").unlink()
    with pytest.raises(NeuronXAError, match=r"no results file .* name a table itself"):
        read_results([folder])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything; run as another user")
def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / "results_1.json").write_text(json.dumps(content("m")), encoding="utf-8")
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(NeuronXAError, match=r"closed cannot be listed \(Permission denied\)"):
        read_results([tmp_path])


def test_a_folder_that_vanishes_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above for root: the system refuses to list one folder."""
    (tmp_path / "results_1.json").write_text(json.dumps(content("m")), encoding="utf-8")
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(NeuronXAError, match=r"closed cannot be listed \(Permission denied\)"):
        read_results([tmp_path])
