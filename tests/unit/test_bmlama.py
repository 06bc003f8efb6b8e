"""Files of BMLAMA-53, and the fairness of its accuracy."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.tasks.bmlama import accuracy, gold_loss, sentence_losses, sums
from neuronxa_tasks.text.bmlama import Query, find, read, spread
from neuronxa_tasks.text.languages import benchmark_languages

ROW = {
    "id": 0,
    "Prompt": "Rain is made of <mask>.",
    "Ans": "water",
    "Candidate Ans": "iron, sand, water",
    "Subject": "rain",
}


def write_json(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_reads_both_layouts(tmp_path: Path) -> None:
    # A quotation mark and a line separator inside a text must survive.
    prompts = ['The "Iliad" was written by <mask>.', "It is\u2028 <mask>, he said."]
    rows = [{**ROW, "id": index, "Prompt": prompt} for index, prompt in enumerate(prompts)]
    lines = write_json(tmp_path / "en.jsonl", *rows)
    table = tmp_path / "en.tsv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, ["Prompt", "Ans", "Candidate Ans", "Subject"],
            delimiter="\t", lineterminator="\n", extrasaction="ignore",
        )  # fmt: skip
        writer.writeheader()
        writer.writerows(rows)
    assert '""Iliad""' in table.read_text(encoding="utf-8")
    queries = tuple(
        Query(index, prompt, ("iron", "sand", "water"), 2) for index, prompt in enumerate(prompts)
    )
    assert read(lines) == read(table) == queries
    assert queries[0].sentences()[2] == 'The "Iliad" was written by water.'


def test_finds_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURONXA_CACHE", str(tmp_path / "cache"))
    with pytest.raises(NeuronXAError) as told:
        find("en")
    for words in ("en.jsonl or en.tsv", "not downloaded by itself", "data_dir", "BMLAMA53"):
        assert words in str(told.value)
    cached = tmp_path / "cache" / "BMLAMA53"
    cached.mkdir(parents=True)
    (cached / "en.tsv").touch()
    assert find("en") == find("en", tmp_path) == cached / "en.tsv"
    (tmp_path / "bmlama53").mkdir()
    (tmp_path / "bmlama53" / "en.jsonl").touch()
    assert find("en", tmp_path) == tmp_path / "bmlama53" / "en.jsonl"
    (tmp_path / "en.jsonl").touch()
    assert find("en", str(tmp_path)) == tmp_path / "en.jsonl"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no queries"),
        ([{"premise": "a", "hypothesis": "b", "label": 0}], "lacks id, Prompt, Ans, Candidate Ans"),
        ([[]], "lacks id, Prompt"),
        ([{**ROW, "Prompt": "No mask."}], "0 times <mask>"),
        ([{**ROW, "Prompt": "<mask> <mask>"}], "2 times <mask>"),
        ([{**ROW, "Ans": "fire"}], "'fire' 0 times"),
        ([{**ROW, "Candidate Ans": "water, water"}], "'water' 2 times"),
        ([ROW, ROW], "id 0 twice"),
        ([ROW, {**ROW, "id": 1, "Ans": ""}], "Row 1 .* lacks Ans"),
    ],
)
def test_refuses_rows(rows: list[Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match=words):
        read(write_json(tmp_path / "en.jsonl", *rows))


def test_refuses_files(tmp_path: Path) -> None:
    for name, content, words in (
        ("a.jsonl", b"{", "damaged"),
        ("b.jsonl", b"\xff\xfe{}", "not UTF-8: byte 0xff"),
        ("c.tsv", b'Prompt\tAns\n"open', "damaged"),
        ("d.tsv", b"Prompt\tAns\nx <mask>\ty\n", "lacks Candidate Ans"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(NeuronXAError, match=words):
            read(path)
    with pytest.raises(NeuronXAError, match="cannot be read"):
        read(tmp_path / "none.jsonl")


@pytest.mark.data
def test_real_files_and_chance(data_dir: Path) -> None:
    """A model that finds all candidates equal is at chance, though the right one comes last."""
    folder = data_dir / "bmlama53"
    english = read(find("en", folder))
    chance = sum(1 / len(query.candidates) for query in english) / len(english)
    assert chance == pytest.approx(0.1910406885758982)  # counted by hand over the file
    for code in benchmark_languages("bmlama53"):
        queries = read(find(code, folder))
        assert [(q.id, len(q.candidates), q.gold) for q in queries] == [
            (q.id, len(q.candidates), q.gold) for q in english
        ]
        assert all(query.gold == len(query.candidates) - 1 for query in queries)
        constant = [accuracy([3.0] * len(query.candidates), query.gold) for query in queries]
        assert sum(constant) / len(constant) == pytest.approx(chance)


@given(st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=1, max_size=6), st.randoms())
def test_order_of_candidates_means_nothing(losses: list[float], random: Any) -> None:
    every = [accuracy(losses, gold) for gold in range(len(losses))]
    assert sum(every) == pytest.approx(1.0)
    gold = len(losses) - 1
    order = list(range(len(losses)))
    random.shuffle(order)
    assert accuracy([losses[i] for i in order], order.index(gold)) == accuracy(losses, gold)


def test_accuracy_and_loss() -> None:
    assert accuracy([2.0, 1.0], 1) == 1.0
    assert accuracy([1.0, 2.0], 1) == 0.0
    assert math.isnan(accuracy([1.0, math.nan], 0))
    assert math.isnan(accuracy([1.0, math.inf], 0))
    assert (
        gold_loss(
            [
                {"losses": [1.0, 2.0], "tokens": [3, 4], "gold": 1},
                {"losses": [4.0], "tokens": [5], "gold": 0},
            ]
        )
        == 3.0
    )


def test_models_without_a_tokenizer_are_refused() -> None:
    class Remote:
        prefix_token_id = 0

    with pytest.raises(NeuronXAError, match=r"Remote cannot score .* no tok_encode\. Use --model"):
        sentence_losses(Remote(), [])


def test_the_sum_can_prefer_another_candidate_than_the_mean() -> None:
    """The French item of the issue: "hongrois" by the mean, "anglais" by the sum."""
    losses, tokens = [4.41, 4.78], [11, 9]
    assert accuracy(losses, 0) == 1.0
    assert accuracy(sums(losses, tokens), 1) == 1.0
    assert accuracy(sums([0.1, 0.3], [3, 1]), 0) == 0.5  # a tie that floats would break


@given(st.integers(1, 80), st.integers(100, 3070))
def test_every_prefix_covers_the_file(k: int, rows: int) -> None:
    queries = [Query(i, "<mask>", ("a",), 0) for i in range(rows)]
    ordered = [query.id for query in spread(queries)]
    assert sorted(ordered) == list(range(rows))
    places = sorted(ordered[:k])
    gaps = np.diff([places[-1] - rows, *places])  # around the end of the file
    assert gaps.max() <= 2.7 * rows / k + 1  # three distances of the golden ratio


def test_the_order_spreads_relations(data_dir: Path) -> None:
    path = find("en", data_dir)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    relation = {row["id"]: row["Prompt"].replace(row["Subject"], "_") for row in rows}
    queries = read(path)
    assert len({relation[query.id] for query in queries[:60]}) <= 4
    assert len({relation[query.id] for query in spread(queries)[:60]}) >= 18
    french = spread(read(find("fr", data_dir)))
    assert [each.id for each in french] == [each.id for each in spread(queries)]
