"""Results files that are pipes, too many, or hold one thing twice."""

from __future__ import annotations

import json
import os
import sys
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
