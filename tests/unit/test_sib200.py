"""SIB-200: its files, its order, and the mean of F1."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.configs import sib200_yaml
from neuronxa_tasks.harness.tasks.sib200 import macro_f1
from neuronxa_tasks.text import sib200
from neuronxa_tasks.text.languages import language
from neuronxa_tasks.text.spread import spread_place

ROWS = [
    {"index_id": 7, "category": "travel", "text": ' He said "go". '},
    {"index_id": 2, "category": "science/technology", "text": "Atoms,\tthen quarks."},
    {"index_id": 5, "category": "sports", "text": "They won."},
]


def write(folder: Path, rows: list[dict[str, Any]], suffix: str, split: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if suffix == ".jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:  # as published: quotation marks where CSV needs them
        quoted = [
            [str(row["index_id"]), row["category"], '"' + row["text"].replace('"', '""') + '"']
            for row in rows
        ]
        table = [["index_id", "category", "text"], *quoted]
        text = "".join("\t".join(line) + "\n" for line in table)
    (folder / f"{split}{suffix}").write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURONXA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl"])
@pytest.mark.parametrize("place", ["given", "given/sib200", "cache/sib200"])
def test_both_forms_in_every_place(tmp_path: Path, place: str, suffix: str) -> None:
    for split in ("test", "train"):
        write(tmp_path / place / "fra_Latn", ROWS, suffix, split)
    (tmp_path / "given").mkdir(exist_ok=True)  # may be meant for another corpus of the run
    found = sib200.load("fra_Latn", tmp_path / "given")
    assert [row["id"] for row in found.test] == sorted((2, 5, 7), key=spread_place)
    by_id = {row["id"]: row for row in found.test}
    assert by_id[7] == {"id": 7, "text": 'He said "go".', "category": "travel"}
    assert by_id[2]["text"] == "Atoms,\tthen quarks."
    assert found.train == found.test
    assert found.source["kind"] == "folder"
    assert found.source["where"] == str(tmp_path / place / "fra_Latn")


def test_a_folder_without_the_training_rows_is_no_folder_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("datasets.config", "huggingface_hub.constants"):
        monkeypatch.setattr(f"{module}.HF_HUB_OFFLINE", True)
    write(tmp_path / "fra_Latn", ROWS, ".tsv", "test")
    with pytest.raises(
        NeuronXAError, match=r"Davlan/sib200 \(fra_Latn, test\) could not be"
    ) as told:
        sib200.load("fra_Latn", tmp_path)
    assert f"{tmp_path / 'fra_Latn' / 'test.tsv'}" in str(told.value)
    assert "train.tsv beside it" in str(told.value)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{**ROWS[0], "category": "weather"}], "Row 0 of .* category 'weather'"),
        ([ROWS[0], {**ROWS[1], "index_id": 7}], "has the index_id 7 twice"),
        ([{**ROWS[0], "text": " "}], "no index_id or no text"),
        ([{**ROWS[0], "index_id": -1}], "no index_id or no text"),
        ([], "has no rows"),
        (["text"], "Row 0 of .* no index_id"),
        (None, "is damaged"),
    ],
)  # fmt: skip
def test_what_is_no_row_is_told(tmp_path: Path, rows: Any, told: str) -> None:
    folder = tmp_path / "fra_Latn"
    write(folder, rows or [], ".jsonl", "test")
    write(folder, ROWS, ".jsonl", "train")
    if rows is None:
        (folder / "test.jsonl").write_bytes(b'{"text": "\xff"}\n')
    with pytest.raises(NeuronXAError, match=told):
        sib200.load("fra_Latn", tmp_path)


def test_the_beginning_of_the_order_covers_all_articles() -> None:
    rows = [{"index_id": i, "category": "travel", "text": "x"} for i in range(200)]
    order = [row["id"] for row in sib200._checked(rows, "here")]
    assert sorted(order) == list(range(200))
    quarters = Counter(number // 50 for number in order[:20])
    assert all(4 <= quarters[quarter] <= 6 for quarter in range(4))


def test_languages_and_what_stands_beside() -> None:
    codes = sib200.codes()
    assert len(codes) == len(set(codes)) == 205
    assert [code for code in codes if not language(code).flores] == ["nqo_Nkoo"]
    beside = sib200_yaml.beside_tatoeba()
    aligned = [task for task in beside if task.startswith("neuronxa_tatoeba_")]
    topics = [task for task in beside if task.startswith("neuronxa_sib200_")]
    assert len(aligned) == len(topics) == len(beside) // 2 > 80
    assert not any("flores" in task for task in beside)


def test_the_prompt_is_that_of_the_harness() -> None:
    from importlib.util import find_spec

    import yaml

    spec = find_spec("lm_eval")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0]) / "tasks" / "afrobench" / "sib" / "prompt_1"
    config = yaml.safe_load((root / "sib_fra.yaml").read_text(encoding="utf-8"))
    assert config["doc_to_text"] == sib200_yaml.PROMPT
    shared = (root / "sib").read_text(encoding="utf-8").replace("!function", "")
    assert tuple(yaml.safe_load(shared)["doc_to_choice"]) == sib200.TOPICS


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40))
def test_macro_f1_is_that_of_scikit_learn(items: list[tuple[int, int]]) -> None:
    right, predicted = zip(*items, strict=True)
    assert macro_f1(items) == pytest.approx(f1_score(right, predicted, average="macro"))


def test_macro_f1_of_nothing_is_no_number() -> None:
    assert macro_f1([]) != macro_f1([])
    assert macro_f1([(0, 1), (0, 1)]) == 0
    assert macro_f1([(0, 0), (1, 0)]) == pytest.approx((2 / 3 + 0) / 2)
