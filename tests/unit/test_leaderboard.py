"""Ranks of models: the statistics, what is comparable, and the command."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import correlate_data as data
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from neuronxa_tasks.cli import main
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.boards.board import build_boards
from neuronxa_tasks.reports.boards.entries import Board
from neuronxa_tasks.reports.boards.ranks import rank_models
from neuronxa_tasks.reports.boards.same_items import split_models
from neuronxa_tasks.reports.boards.tables import Cell
from neuronxa_tasks.reports.escape import latex, markdown, plain
from neuronxa_tasks.reports.leaderboard.groupings import grouping, wanted_languages
from neuronxa_tasks.results import read_results

CODES = [code for code in data.CODES if code != "eng_Latn"]
QUICK = ["--resamples", "199"]


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- ranks ------------------------------------------------------------------------------------


def test_clearly_different_models_have_one_rank_each() -> None:
    easy = seeded().uniform(0.2, 0.8, 20)
    scores = np.stack([easy - 0.2, easy, easy + 0.1]) + seeded(1).normal(0, 0.01, (3, 20))
    found = rank_models(scores, rng=seeded())
    assert found.ranks.tolist() == found.rank_low.tolist() == found.rank_high.tolist() == [3, 2, 1]
    assert found.means == pytest.approx(scores.mean(axis=1))
    assert (found.low < found.means).all()
    assert (found.means < found.high).all()
    # The means' intervals overlap, since languages differ more than models do.
    assert found.high[1] > found.low[2]


def test_models_that_differ_by_luck_share_their_ranks() -> None:
    scores = seeded(2).normal(0.5, 0.1, (4, 14))
    found = rank_models(scores, rng=seeded())
    assert sorted(found.ranks.tolist()) == [1, 2, 3, 4]
    assert found.rank_low.tolist() == [1] * 4
    assert found.rank_high.tolist() == [4] * 4


def test_equal_models_share_a_rank() -> None:
    easy = seeded(3).uniform(size=10)
    found = rank_models(np.stack([easy, easy, easy - 0.3]), rng=seeded())
    assert found.ranks.tolist() == [1, 1, 3]
    assert found.rank_low.tolist() == [1, 1, 3]
    assert found.rank_high.tolist() == [2, 2, 3]


def test_few_languages_have_no_interval_and_every_rank() -> None:
    found = rank_models(seeded().uniform(size=(3, 5)), rng=seeded())
    assert np.isnan(found.low).all()
    assert (found.rank_low.tolist(), found.rank_high.tolist()) == ([1] * 3, [3] * 3)
    assert found.reason


def test_the_interval_is_wider_than_the_plain_bootstrap() -> None:
    """Against scipy's percentile bootstrap, which is too narrow for few languages."""
    scores = seeded(4).normal(0.5, 0.1, 8)
    plain_ends = scipy_stats.bootstrap(
        (scores,), np.mean, method="percentile", rng=seeded(), n_resamples=9999
    ).confidence_interval
    found = rank_models(scores[None], rng=seeded())
    ratio = (found.high[0] - found.low[0]) / (plain_ends.high - plain_ends.low)
    # Student's t of 7 degrees of freedom over the normal, times sqrt(8 / 7): 1.29.
    assert ratio == pytest.approx(1.29, abs=0.04)


def test_pairs_against_scipy_and_a_loop() -> None:
    scores = seeded(6).normal(0.5, 0.1, (4, 9)) + np.array([[0.0], [0.05], [0.2], [0.5]])
    found = rank_models(scores, rng=seeded(), n_resamples=50)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    p = [float(scipy_stats.ttest_rel(scores[i], scores[j]).pvalue) for i, j in pairs]
    largest = 0.0
    for step, place in enumerate(np.argsort(p)):
        largest = max(largest, min(1.0, (len(p) - step) * p[place]))
        i, j = pairs[place]
        assert found.adjusted_p[i, j] == pytest.approx(largest, abs=1e-12)
        assert found.adjusted_p[j, i] == found.adjusted_p[i, j]
    told = found.adjusted_p <= 0.05
    for model in range(4):
        others = found.means[told[model]]
        assert found.rank_low[model] == 1 + (others > found.means[model]).sum()
        assert found.rank_high[model] == 4 - (others < found.means[model]).sum()


def test_ranks_that_overlap_may_be_told_apart() -> None:
    """The middle one is like both its neighbours, which are not like each other."""
    noise = seeded(7).normal(0, 0.05, (3, 12))
    noise -= noise.mean(axis=1, keepdims=True)
    scores = np.array([[0.0], [0.035], [0.07]]) + noise
    found = rank_models(scores, rng=seeded(), n_resamples=50)
    assert found.adjusted_p[0, 2] <= 0.05 < min(found.adjusted_p[0, 1], found.adjusted_p[1, 2])
    assert (found.rank_low[0], found.rank_high[2]) == (2, 2)  # the spans 2-3 and 1-2 share the 2


def test_a_constant_lead_is_a_lead_beyond_doubt() -> None:
    easy = seeded(3).uniform(size=10)
    assert rank_models(np.stack([easy, easy - 0.001]), rng=seeded()).adjusted_p[0, 1] == 0.0
    assert rank_models(np.stack([easy, easy]), rng=seeded()).adjusted_p[0, 1] == 1.0


def test_all_rank_intervals_hold_at_once() -> None:
    """Two pairs of equal models and a better one: 150 draws, level 0.95."""
    true = np.array([0.0, 0.0, 0.05, 0.05, 0.3])
    best = 1 + (true[None] > true[:, None]).sum(axis=1)
    worst = len(true) - (true[None] < true[:, None]).sum(axis=1)
    rng, wrong = seeded(5), 0
    for _ in range(150):
        scores = rng.normal(size=(1, 10)) + rng.normal(0, 0.1, (5, 10)) + true[:, None]
        found = rank_models(scores, rng=rng, n_resamples=199)
        wrong += bool((found.rank_low > best).any() or (found.rank_high < worst).any())
    assert wrong / 150 <= 0.1  # three standard errors above 0.05


@given(
    st.integers(1, 5).flatmap(
        lambda models: st.lists(
            st.lists(st.floats(0, 1), min_size=models, max_size=models), min_size=1, max_size=12
        )
    )
)
def test_ranks_are_consistent(table: list[list[float]]) -> None:
    scores = np.array(table).T
    found = rank_models(scores, rng=seeded(), n_resamples=50)
    models = len(scores)
    assert (found.rank_low >= 1).all()
    assert (found.rank_low <= found.ranks).all()
    assert (found.ranks <= found.rank_high).all()
    assert (found.rank_high <= models).all()
    order = np.argsort(-found.means, kind="stable")
    assert (np.diff(found.ranks[order]) >= 0).all()


@pytest.mark.parametrize("scores", [np.zeros((0, 3)), np.zeros((2, 0)), [[math.nan]]])
def test_holes_are_never_ranked(scores: Any) -> None:
    with pytest.raises(NeuronXAError, match="finite"):
        rank_models(scores, rng=seeded())


# --- comparable -------------------------------------------------------------------------------


def test_models_on_other_sentences_are_split() -> None:
    cells = {
        "a": {"x": Cell(0.1, n=9, text="t"), "y": Cell(0.1, n=9)},
        "b": {"x": Cell(0.1, n=9, text="u")},
        "c": {"x": Cell(0.1, n=9, text="t")},
        "d": {"y": Cell(0.1, n=8)},
        "e": {"z": Cell(0.1)},
    }
    first, second = split_models(cells)
    assert (first.models, first.reason) == (("a", "c", "e"), None)
    assert second.models == ("b", "d")
    assert second.reason == "b and a scored x on different sentences"


# --- boards -----------------------------------------------------------------------------------


def run(
    folder: Path, model: str, rates: dict[str, float], n: int = 100, **edit: Any
) -> dict[str, Any]:
    hits = {
        code: {name: data.hits_of(rate, n) for name in data.REPRESENTATIONS}
        for code, rate in rates.items()
    }
    made = data.results(model, hits, {"xnli": {code: 0.9 * rate for code, rate in rates.items()}},
                        n=n)  # fmt: skip
    for code in rates:
        made["results"][f"neuronxa_flores_{code}"]["surface,none"] = 0.05
        made["results"][f"neuronxa_flores_{code}"]["nasca_floor,none"] = 0.02
    for key, value in edit.items():
        made[key] = value
    data.write(folder / model.replace("/", "_") / "results_x.json", made)
    return made


def rates(best: float, codes: list[str] = CODES[:8]) -> dict[str, float]:
    return {code: round(best - 0.02 * i, 2) for i, code in enumerate(codes)}


def boards(folder: Path, **options: Any) -> dict[str, Board]:
    results = read_results([folder], mixed="separate")
    found = build_boards(results, rng=seeded(), n_resamples=99, **options)
    return {board.title: board for board in found}


def test_a_board(tmp_path: Path) -> None:
    run(tmp_path, "good", rates(0.9))
    run(tmp_path, "bad", rates(0.6))
    found = boards(tmp_path)
    assert list(found) == ["neuronxa_flores: nasca", "xnli: acc"]
    board = found["neuronxa_flores: nasca"]
    assert [entry.model for entry in board.entries] == ["good", "bad"]
    assert board.complete == tuple(sorted(CODES[:8]))
    assert board.chance == 1 / 199
    good = board.entries[0]
    per_language = [sum(data.hits_of(rate)) / 300 for rate in rates(0.9).values()]
    assert good.mean == pytest.approx(sum(per_language) / 8)
    assert dict(good.beside) == pytest.approx({"surface": 0.05, "nasca_floor": 0.02})
    assert set(board.surface.values()) == {0.05}
    assert math.isnan(found["xnli: acc"].chance)


def test_missing_cells_are_counted_and_never_zero(tmp_path: Path) -> None:
    run(tmp_path, "whole", rates(0.5))
    run(tmp_path, "part", rates(0.9, CODES[:7]))
    board = boards(tmp_path)["xnli: acc"]
    part, whole = board.entries
    assert (part.model, part.missing, part.n_languages) == ("part", (CODES[7],), 7)
    assert len(board.complete) == 7
    assert whole.mean == pytest.approx(
        np.mean([0.9 * rate for rate in list(rates(0.5).values())[:7]])
    )
    assert "1 of 16 cells are missing" in board.notes[0]
    strict = boards(tmp_path, missing="models")["xnli: acc"]
    assert [entry.rank for entry in strict.entries] == [1, None]
    assert strict.entries[1].reason
    assert math.isnan(strict.entries[1].mean)


def test_models_without_a_common_language_have_no_rank(tmp_path: Path) -> None:
    run(tmp_path, "a", rates(0.5, CODES[:3]))
    run(tmp_path, "b", rates(0.5, CODES[3:6]))
    entries = boards(tmp_path)["xnli: acc"].entries
    assert [entry.rank for entry in entries] == [None, None]
    assert all("no language" in str(entry.reason) for entry in entries)


def test_other_n_and_shots_are_kept_apart_with_the_reason(tmp_path: Path) -> None:
    run(tmp_path, "a", rates(0.5))
    run(tmp_path, "b", rates(0.5), n=50)
    made = run(tmp_path, "c", rates(0.7))
    data.write(
        tmp_path / "c" / "results_x.json",
        made | {"n-shot": dict.fromkeys(made["results"], 5)},
    )
    found = boards(tmp_path)
    apart = [board for board in found.values() if board.benchmark == "neuronxa_flores"]
    assert len(apart) == 3
    assert all("other settings" in str(board.apart) for board in apart)
    assert all(len(board.entries) == 1 for board in apart)
    assert {len(found[title].entries) for title in found if title.startswith("xnli")} == {1, 2}


def test_other_sentences_are_kept_apart_with_the_reason(tmp_path: Path) -> None:
    run(tmp_path, "a", rates(0.5))
    made = run(tmp_path, "b", rates(0.6))
    made["config"]["neuronxa"]["tasks"]["neuronxa_flores_fra_Latn"]["source"]["sha256"] = "other"
    data.write(tmp_path / "b" / "results_x.json", made)
    found = boards(tmp_path)
    assert found["neuronxa_flores [items 2]: nasca"].apart == (
        "b and a scored fra_Latn on different sentences"
    )
    assert len(found["xnli: acc"].entries) == 2


def test_metrics_and_languages_can_be_chosen(tmp_path: Path) -> None:
    run(tmp_path, "a", rates(0.5))
    found = boards(tmp_path, metrics=["mexa", "acc"], languages=CODES[:2])
    assert list(found) == ["neuronxa_flores: mexa", "xnli: acc"]
    assert found["xnli: acc"].languages == tuple(sorted(CODES[:2]))
    for options, told in (
        ({"metrics": ["nasc"]}, "Close: nasca"),
        ({"benchmarks": ["xnl"]}, "Close: xnli"),
        ({"languages": ["ace_Latn"]}, "no score to rank"),
    ):
        with pytest.raises(NeuronXAError, match=told):
            boards(tmp_path, **options)


def test_less_perplexity_is_better(tmp_path: Path) -> None:
    for model, value in (("low", 4.0), ("high", 9.0)):
        made = data.results(model, {}, {})
        for code in CODES[:6]:
            task = f"lambada_openai_mt_{data.CODES[code]}"
            made["results"][task] = {"perplexity,none": value + 0.1 * ord(code[0])}
            made["configs"][task] = {"num_fewshot": 0}
        data.write(tmp_path / model / "results_x.json", made)
    (board,) = boards(tmp_path).values()
    assert [entry.model for entry in board.entries] == ["low", "high"]
    assert board.lower_is_better
    assert board.entries[0].low < board.entries[0].mean < board.entries[0].high


def test_less_is_better_where_the_file_says_so(tmp_path: Path) -> None:
    for model, value in (("low", 0.3), ("high", 0.6)):
        made = data.results(model, {}, {})
        tasks = [f"xnli_{data.CODES[code]}" for code in CODES[:6]]
        made["results"] = {task: {"surprise,none": value} for task in tasks}
        made["configs"] = {task: {"num_fewshot": 0} for task in tasks}
        made["higher_is_better"] = {task: {"surprise": False} for task in tasks}
        data.write(tmp_path / model / "results_x.json", made)
    (board,) = boards(tmp_path).values()
    assert board.lower_is_better
    assert [(entry.model, entry.rank) for entry in board.entries] == [("low", 1), ("high", 2)]
    del made["higher_is_better"]
    data.write(tmp_path / "high" / "results_x.json", made)
    with pytest.raises(NeuronXAError, match="says that less surprise of xnli is better"):
        boards(tmp_path)


def test_weights_drawn_at_random_are_told_on_their_boards(tmp_path: Path) -> None:
    run(tmp_path, "whole", rates(0.9))
    made = run(tmp_path, "partly", rates(0.6))
    made["config"]["neuronxa"]["model"]["random_weights"] = 18
    data.write(tmp_path / "partly" / "results_x.json", made)
    for board in boards(tmp_path).values():
        (note,) = board.notes
        assert note.startswith("18 weights of partly were not in its checkpoint")


def test_a_choice_of_samples_that_was_not_logged_has_no_common_rank(tmp_path: Path) -> None:
    for model in ("a", "b"):
        made = run(tmp_path, model, rates(0.5))
        made["n-samples"] = {task: {"original": 900, "effective": 20} for task in made["results"]}
        data.write(tmp_path / model / "results_x.json", made)
    found = boards(tmp_path)
    assert len(found) == 4
    assert all(len(board.entries) == 1 for board in found.values())
    assert "nobody can tell" in str(found["xnli [items 2]: acc"].apart)


def test_no_model_is_lost_by_its_metric(tmp_path: Path) -> None:
    made = run(tmp_path, "acc", rates(0.5))
    for model, metrics in (("norm", ["acc_norm"]), ("both", ["acc", "acc_norm"])):
        other = json.loads(json.dumps(made)) | {"model_name": model}
        other["config"]["neuronxa"]["model"]["fingerprint"] = model
        for task, row in other["results"].items():
            if task.startswith("xnli"):
                row |= {f"{metric},none": row["acc,none"] for metric in metrics}
                if "acc" not in metrics:
                    del row["acc,none"]
        data.write(tmp_path / model / "results_x.json", other)
    found = {title: board for title, board in boards(tmp_path).items() if "xnli" in title}
    assert {title: len(board.entries) for title, board in found.items()} == {
        "xnli: acc": 2, "xnli: acc_norm": 2,
    }  # fmt: skip
    (tmp_path / "acc" / "results_x.json").unlink()
    assert [title for title in boards(tmp_path) if "xnli" in title] == ["xnli: acc_norm"]


def test_groupings() -> None:
    assert grouping("script").labels["rus_Cyrl"] == "Cyrl"
    assert wanted_languages(["xnli"]) is not None
    assert wanted_languages(["sw, fra_Latn"]) == ("swh_Latn", "fra_Latn")
    assert wanted_languages([]) is None
    with pytest.raises(NeuronXAError, match="Close: script"):
        grouping("scripts")
    with pytest.raises(NeuronXAError, match="names no language"):
        wanted_languages(["klingon"])


# --- the command ------------------------------------------------------------------------------


def leaderboard(*arguments: object) -> int:
    return main(["leaderboard", *map(str, arguments), *QUICK])


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "runs", "good", rates(0.9))
    run(tmp_path / "runs", "bad|<b>_x", rates(0.6, CODES[:7]))
    return tmp_path / "runs"


def test_what_is_written(two: Path, capsys: Any) -> None:
    assert leaderboard(two, "-o", "board") == 0
    assert "good" in capsys.readouterr().out
    names = {path.name for path in Path("board").iterdir()}
    assert names == {"leaderboard.md", "leaderboard.csv", "leaderboard.json", "leaderboard.tex",
                     "scores.csv", "duels.csv"}  # fmt: skip
    with Path("board/duels.csv").open(encoding="utf-8", newline="") as file:
        (alignment, _) = list(csv.DictReader(file))
    assert (alignment["better"], alignment["worse"]) == ("good", "bad|<b>_x")
    assert alignment["told_apart"] == "true"
    with Path("board/scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    holes = [row for row in rows if row["score"] == ""]
    assert {(row["model"], row["language"]) for row in holes} == {("bad|<b>_x", CODES[7])}
    content = json.loads(Path("board/leaderboard.json").read_text(encoding="utf-8"))
    assert content["boards"][0]["entries"][0]["model"] == "good"
    assert content["boards"][0]["entries"][0]["better_than"] == ["bad|<b>_x"]
    assert sorted(content["files"]) == sorted(names - {"leaderboard.json"})
    page = Path("board/leaderboard.md").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "bad&#124;&lt;b&gt;" in page
    for table in re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    tex = Path("board/leaderboard.tex").read_text(encoding="utf-8")
    assert r"bad\textbar{}\textless{}b\textgreater{}\_x" in tex
    assert tex.count(r"\begin{table}") == tex.count(r"\end{table}") == 2


def test_the_same_input_gives_the_same_bytes(two: Path) -> None:
    for out in ("x", "y"):
        assert leaderboard(two, "-o", out) == 0
    for path in Path("x").iterdir():
        assert path.read_bytes() == (Path("y") / path.name).read_bytes()
    assert leaderboard(two, "-o", "x", "--by", "script") == 0  # an earlier output is replaced
    data.write(Path("z/mine.txt"), "mine")
    assert leaderboard(two, "-o", "z") == 2


def test_groups_of_languages(two: Path) -> None:
    classes = "language,class\n" + "".join(
        f"{code},{'high' if i < 3 else 'low'}\n" for i, code in enumerate(CODES)
    )
    data.write(Path("classes.csv"), classes)
    options = "--covariates", "classes.csv", "--by", "class"
    assert leaderboard(two, "-o", "board", *options) == 0
    with Path("board/scores.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "acc"]
    good = {row["class"]: row for row in rows if row["model"] == "good"}
    assert (good["high"]["languages"], good["low"]["languages"]) == ("3", "4")
    expected = np.mean([0.9 * rate for rate in list(rates(0.9).values())[:3]])
    assert float(good["high"]["score"]) == pytest.approx(expected)
    assert leaderboard(two, "-o", "board", "--by", "class") == 2


def test_published_tables_join_in(two: Path) -> None:
    lines = "".join(f"other,{code},xnli,0.5\n" for code in CODES[:8])
    data.write(Path("table.csv"), "model,language,benchmark,acc\n" + lines)
    assert leaderboard(two, "table.csv", "-o", "board", "--benchmark", "xnli") == 0
    page = Path("board/leaderboard.md").read_text(encoding="utf-8")
    assert "other" in page


# --- escapes ----------------------------------------------------------------------------------


@given(st.text())
def test_escaped_text_is_one_harmless_line(text: str) -> None:
    for escaped in (plain(text), markdown(text), latex(text)):
        assert "\n" not in escaped
        assert all(sign.isprintable() or sign == " " for sign in escaped)
    assert not re.search(r"[<>|]", markdown(text))
    bare = re.sub(r"\\[a-z]+\{\}|\\[&%$#_{}]", "", latex(text))
    assert not re.search(r"[&%$#_{}~^\\]", bare)
