"""Means over languages, and the table after a run."""

from __future__ import annotations

from typing import Any

import pytest

from neuronxa_tasks.harness.means import mean_blocks
from neuronxa_tasks.harness.printed_table import collected, recorded, summary
from neuronxa_tasks.schema import RivalsBlock, SentenceRivals
from neuronxa_tasks.statistics.sentences import joint_intervals
from neuronxa_tasks.text.sentence_pairs import Pairs

SETTINGS = {
    "corpus": "mini",
    "pivot": "eng_Latn",
    "tap": "gate",
    "weights": "position",
    "routed_nav": False,
}


def rivals(*either: int) -> RivalsBlock:
    return RivalsBlock(row=list(either), column=list(either), either=list(either))


def sample(nas: tuple[int, int], surface: float) -> SentenceRivals:
    return SentenceRivals(rivals(*nas), rivals(0, 0), rivals(0, 1, 1), {"surface": surface})


def task(code: str, pivot: str = "one two three", **settings: object) -> Pairs:
    lines = {i: (word, f"{word} in {code}") for i, word in enumerate(pivot.split())}
    return Pairs(SETTINGS | {"target": code} | settings, {}, lines)


SAMPLES = {
    "deu": {0: sample((0, 0), 1.0), 1: sample((0, 2), 0.0), 2: sample((1, 1), 0.0)},
    "fra": {0: sample((0, 0), 1.0), 1: sample((3, 0), 1.0), 2: sample((0, 1), 0.0)},
}


def test_means_by_hand() -> None:
    tasks = {"deu": task("deu"), "fra": task("fra"), "eng": task("eng_Latn")}
    (block,) = mean_blocks(tasks, SAMPLES | {"eng": dict.fromkeys(range(3))})
    assert block["corpus"] == "mini"
    assert block["n"] == 3
    assert block["tasks"] == ["deu", "fra"]
    # Shares of layers: 1, 1/2, 0 and 1, 1/2, 1/2.
    assert block["values"]["nasca"] == pytest.approx(3.5 / 6)
    assert block["values"]["navca"] == 1.0
    assert block["values"]["mexa"] == pytest.approx(1 / 3)
    assert block["values"]["surface"] == 0.5
    columns = {"nasca": [[1, 0.5, 0], [1, 0.5, 0.5]]}
    assert block["intervals"]["nasca"] == joint_intervals(columns, ["t", "t"])["nasca"]
    assert block["intervals"]["navca"] == joint_intervals({"x": [[1] * 3] * 2}, ["t", "t"])["x"]


def test_what_does_not_belong_together_has_no_mean() -> None:
    for other in (task("fra", tap="inner"), task("fra", pivot="one two"), task("fra", corpus="x")):
        samples = {name: dict(list(SAMPLES[name].items())[:2]) for name in SAMPLES}
        if len(other.lines) == 3:
            samples = SAMPLES
        assert mean_blocks({"deu": task("deu"), "fra": other}, samples) == []


def run_block() -> Any:
    hits = {"mutual": [40, 30], "forward": [50, 50], "backward": [50, 50]}
    none = {"mutual": [0, 0], "forward": [0, 0], "backward": [0, 0]}
    facts = {
        "n": 100,
        "corpus": "flores",
        "pivot": "eng_Latn",
        "tap": "gate",
        "weights": "position",
        "routed_nav": False,
        "surface": {"mutual": 75, "forward": 80, "backward": 80},
        "nas": hits,
        "nav": hits,
        "hidden": none,
        "intervals": {"nasca": (0.26, 0.44), "navca": (0.25, 0.45), "mexa": None},
        "controls": {"untrained": [{"seed": 0, "nas": none, "nav": hits, "hidden": none}]},
    }
    return {
        "schema": 1,
        "model": {"random_weights": 0},
        "versions": {},
        "tasks": {f"t_{code}": {**facts, "target": code} for code in ("fra_Latn", "deu_Latn")},
        "means": [
            {
                "corpus": "flores",
                "n": 100,
                "tasks": ["t_deu_Latn", "t_fra_Latn"],
                "values": {
                    "surface": 0.75, "nasca": 0.35, "navca": 0.35, "mexa": 0.0,
                    "nasca_floor": 0.0, "navca_floor": 0.35, "mexa_floor": 0.0,
                },
                "intervals": {"nasca": (0.27, 0.43), "navca": (0.27, 0.43), "mexa": None},
            }
        ],
    }  # fmt: skip


def test_the_table_has_all_that_a_score_is_compared_with() -> None:
    lines = summary(run_block()).splitlines()
    assert lines[0] == ("NeuronXA, flores against eng_Latn, n = 100 sentence pairs, chance 0.0050")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:7]]
    assert cells[0] == ["language", "surface", "nasca", "floor", "navca", "floor", "mexa", "floor"]
    assert [row[0] for row in cells[2:]] == ["deu_Latn", "fra_Latn", "mean of 2"]
    assert cells[2][1:] == [
        "0.750", "0.350 [0.260, 0.440]", "0.000", "0.350 [0.250, 0.450]", "0.350",
        "0.000 (no interval)", "0.000",
    ]  # fmt: skip
    assert cells[4][2] == "0.350 [0.270, 0.430]"
    assert "strict nearest neighbours" in summary(run_block())


def test_a_batch_that_nobody_chose_is_told() -> None:
    assert "--batch_size" not in summary(run_block())
    assert "up to 48 sentences in a pass" in summary(run_block() | {"auto_batch": 48})


def test_measures_have_tables_of_their_own_with_their_controls() -> None:
    block = run_block()
    for task, values in zip(block["tasks"].values(), ([0.5, 0.25], [0.5, None]), strict=True):
        task["measures"] = {"cka": {"nas": values, "nav": [None, None], "hidden": [1, 0, 0]}}
        run = task["controls"]["untrained"][0]
        task["controls"] = {
            "untrained": [{**run, "measures": {"cka": {"nas": [0.1, 0.2]}}}],
            "shuffled": [
                {**run, "measures": {"cka": {"nas": [seed / 10] * 2, "hidden": [-0.1] * 3}}}
                for seed in (0, 2)
            ],
        }
    (nas, nav, hidden) = (each for each in summary(block).split("\n\n| ") if "cka" in each)
    rows = [[cell.strip() for cell in line.split("|")] for line in nas.splitlines()]
    assert rows[0][:3] == ["language", "nasca", "cka"]
    assert [row[1:4] for row in rows[2:7]] == [
        ["deu_Latn", "0.350", "0.500"],
        ["fra_Latn", "0.350", "0.375"],
        ["mean of 2", "0.350", "0.438"],
        ["wrong pairs", "0.000", "0.100"],
        ["untrained", "0.000", "0.150"],
    ]
    assert "| deu_Latn    | 0.350 | none |" in nav
    assert "| wrong pairs | 0.000 | -0.100 |" in hidden


def test_a_measure_has_a_mean_over_languages_whose_ends_may_lie_below_0() -> None:
    samples = {
        name: {
            line: SentenceRivals(
                each.nas, each.nav, each.hidden, {**each.beside, "cka_nas": -0.25, "knn_nas": 0.5}
            )
            for line, each in of.items()
        }
        for name, of in SAMPLES.items()
    }
    (block,) = mean_blocks({"deu": task("deu"), "fra": task("fra")}, samples)
    assert block["values"]["cka_nas"] == -0.25
    low, high = block["intervals"]["cka_nas"] or (0.0, 0.0)
    assert -1 <= low < -0.25 < high <= 1  # all sentences have one value
    assert block["intervals"]["knn_nas"]


def test_weights_drawn_at_random_are_told_below_the_table() -> None:
    block = run_block()
    assert "drawn at random" not in summary(block)
    told = summary(block | {"model": block["model"] | {"random_weights": 18}})
    assert "ATTENTION: 18 weights were not in the checkpoint" in told


def test_without_scores_there_is_no_table() -> None:
    assert summary(run_block() | {"tasks": {}}) == ""


def test_blocks_are_collected_only_while_somebody_asks() -> None:
    block = run_block()
    recorded(block)
    with collected() as blocks:
        recorded(block)
    recorded(block)
    assert blocks == [block]
