"""The trends of a series: values, means, gaps, correlations over checkpoints, figures."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from correlate_data import CODES, write
from scipy import stats as scipy_stats
from sweep_data import HARNESS, checkpoints, launcher, learned

from neuronxa_tasks.cli import main
from neuronxa_tasks.reports.charts import load_libraries
from neuronxa_tasks.reports.sweep.figures import draw
from neuronxa_tasks.reports.sweep.over_steps import correlate_over_steps
from neuronxa_tasks.reports.sweep.step_axis import StepAxis, round_steps
from neuronxa_tasks.reports.sweep.trends import MEAN, Trends, read_trends

STEPS = (0, 10, 100, 1000, 10_000)
OTHERS = [code for code in CODES if code != "eng_Latn"]

Change = Callable[[int, dict[str, Any]], None]


def series(root: Path, steps: tuple[int, ...] = STEPS, change: Change | None = None) -> Path:
    """A swept series; `change` edits the results file of a step before it is laid out."""
    plan = root / "plan"
    for step in steps:
        content = learned(step)
        if change:
            change(step, content)
        write(plan / f"step-{step}.json", content)
    folder = checkpoints(root / "series", steps)
    words = ["sweep", str(folder), "-o", str(root / "out"), "--only", "1/1"]
    assert main([*words, "--launcher", launcher(plan), "--", *HARNESS]) == 0
    return root / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return series(tmp_path_factory.mktemp("swept"))


@pytest.fixture(scope="module")
def trends(out: Path) -> Trends:
    return read_trends(out)


def test_every_value_is_that_of_its_file(trends: Trends) -> None:
    lines = trends.lines
    for step in STEPS:
        table = learned(step)["results"]
        french = lines[("neuronxa_flores", "nasca", "fra_Latn")][step]
        assert french.value == table["neuronxa_flores_fra_Latn"]["nasca,none"]
        assert (french.n, french.interval) == (100, "sentences")
        assert math.isnan(lines[("neuronxa_flores", "mexa", "fra_Latn")][step].low)
        assert lines[("xnli", "acc", "swh_Latn")][step].value == table["xnli_sw"]["acc,none"]
        easy = lines[("arc_easy", "acc", "")][step]
        assert easy.value == table["arc_easy"]["acc,none"]
        assert easy.high - easy.low == pytest.approx(2 * 1.96 * 0.01, rel=1e-3)


def test_means_leave_the_pivot_out(trends: Trends) -> None:
    lines = trends.lines
    for step in STEPS:
        table = learned(step)["results"]
        expected = np.mean([table[f"xnli_{CODES[code]}"]["acc,none"] for code in OTHERS])
        found = lines[("xnli", "acc", MEAN)][step]
        assert found.value == pytest.approx(expected)
        assert found.languages == len(OTHERS)
        nasca = lines[("neuronxa_flores", "nasca", MEAN)][step]
        assert nasca.value == pytest.approx(
            np.mean([table[f"neuronxa_flores_{code}"]["nasca,none"] for code in OTHERS])
        )


def test_correlations_agree_with_scipy(trends: Trends) -> None:
    found = {
        (each.score, each.benchmark, each.language): each for each in correlate_over_steps(trends)
    }
    tables = [learned(step)["results"] for step in STEPS]

    def column(task: str, metric: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([table[task][f"{metric},none"] for table in tables])

    x, y = column("neuronxa_flores_swh_Latn", "mexa"), column("xnli_sw", "acc")
    each = found[("mexa", "xnli", "swh_Latn")]
    assert each.r == pytest.approx(scipy_stats.pearsonr(x, y)[0])
    assert each.rho == pytest.approx(scipy_stats.spearmanr(x, y)[0])
    assert each.r_changes == pytest.approx(scipy_stats.pearsonr(np.diff(x), np.diff(y))[0])
    assert (each.n, each.n_changes, each.languages) == (5, 4, 1)
    nasca = np.mean([column(f"neuronxa_flores_{code}", "nasca") for code in OTHERS], axis=0)
    mean = found[("nasca", "arc_easy", MEAN)]
    assert mean.r == pytest.approx(scipy_stats.pearsonr(nasca, column("arc_easy", "acc"))[0])
    assert mean.languages == len(OTHERS)


def test_a_missing_language_leaves_a_gap(tmp_path: Path) -> None:
    def without_swahili(step: int, content: dict[str, Any]) -> None:
        if step == 100:
            content["results"]["xnli_sw"]["acc,none"] = math.nan

    found = read_trends(series(tmp_path, change=without_swahili))
    line = found.lines[("xnli", "acc", MEAN)]
    assert math.isnan(line[100].value)
    assert line[100].languages == len(OTHERS) - 1
    assert not math.isnan(line[1000].value)
    assert "The mean of acc of xnli is not given at step 100" in " ".join(found.notes)
    each = next(e for e in correlate_over_steps(found) if e.benchmark == "xnli")
    assert (each.n, each.n_changes) == (4, 2)
    assert each.reason == ""
    assert "only 2 complete points" in each.reason_changes


def test_the_mean_has_the_interval_that_the_run_computed(tmp_path: Path) -> None:
    def with_means(step: int, content: dict[str, Any]) -> None:
        tasks = [f"neuronxa_flores_{code}" for code in OTHERS]
        block = {"corpus": "flores", "n": 100, "tasks": tasks, "values": {}}
        intervals = {"nasca": [0.1, 0.2], "mexa": None}
        content["config"]["neuronxa"]["means"] = [
            {**block, "tasks": tasks[:2], "intervals": {"nasca": [0.3, 0.4]}},
            {**block, "intervals": intervals},
        ]

    lines = read_trends(series(tmp_path, steps=(10, 20), change=with_means)).lines
    found = lines[("neuronxa_flores", "nasca", MEAN)][20]
    assert (found.low, found.high, found.interval) == (0.1, 0.2, "sentences")
    assert math.isnan(lines[("neuronxa_flores", "mexa", MEAN)][20].low)


def test_equal_weights_and_other_versions_are_told(tmp_path: Path) -> None:
    def same(step: int, content: dict[str, Any]) -> None:
        block = content["config"]["neuronxa"]
        block["model"]["fingerprint"] = "same" if step < 30 else "other"
        block["versions"] = {"torch": "2.4" if step < 30 else "2.5"}

    notes = read_trends(series(tmp_path, steps=(10, 20, 30), change=same)).notes
    told = " ".join(notes)
    assert "step-10" in told
    assert "have the same weights (fingerprint same)" in told
    assert "several versions of torch: 2.4 for" in told


def test_benchmarks_alone_have_trends(tmp_path: Path) -> None:
    def without_alignment(step: int, content: dict[str, Any]) -> None:
        del content["config"]["neuronxa"]
        for task in [t for t in content["results"] if t.startswith("neuronxa")]:
            for name in ("results", "configs", "n-shot"):
                del content[name][task]

    out = series(tmp_path, steps=(10, 20), change=without_alignment)
    assert main(["sweep", "-o", str(out)]) == 0
    assert "hold no alignment" in (out / "trends" / "report.md").read_text(encoding="utf-8")
    assert not (out / "trends" / "correlations.csv").exists()
    assert (out / "trends" / "figures" / "benchmarks.png").exists()


@pytest.mark.parametrize("axis", ["log", "linear"])
def test_what_is_written(out: Path, axis: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "-o", str(out), "--axis", axis]) == 0
    assert "trends of 5 checkpoints" in capsys.readouterr().out
    folder = out / "trends"
    index = json.loads((folder / "trends.json").read_text(encoding="utf-8"))
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert there == {*index["files"], "trends.json"}
    assert {Path(name).stem for name in there if name.endswith(".png")} == {
        "alignment_neuronxa_flores", "languages_neuronxa_flores", "benchmarks", "languages_xnli",
        "against_arc_easy", "against_xnli",
    }  # fmt: skip
    rows = list(csv.DictReader((folder / "trends.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["step"] for row in rows} == {str(step) for step in STEPS}
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "not independent" in text
    assert "| 10,000 |" in text
    assert str(out) not in (folder / "trends.json").read_text(encoding="utf-8").replace(
        str(out.parent / "series"), ""
    )


def test_the_same_series_gives_the_same_bytes(out: Path) -> None:
    def content() -> dict[str, bytes]:
        folder = out / "trends"
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*")}

    assert main(["sweep", "-o", str(out)]) == 0
    first = content()
    assert main(["sweep", "-o", str(out)]) == 0
    assert content() == first


def test_many_languages_become_a_heat_map(trends: Trends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuronxa_tasks.reports.sweep.figures.MAX_PANELS", 10)
    drawings = {each.name: each for each in draw(trends, load_libraries(), "log")}
    spec = drawings["languages_neuronxa_flores"].chart.to_dict()
    assert len(spec["concat"]) == 3
    assert spec["concat"][0]["mark"]["type"] == "rect"


@pytest.mark.parametrize(("step", "axis"), [(0, "log"), (7, "log"), (7, "linear")])
def test_one_checkpoint_can_be_drawn(tmp_path: Path, step: int, axis: str) -> None:
    out = series(tmp_path, steps=(step,))
    assert main(["sweep", "-o", str(out), "--axis", axis]) == 0
    assert (out / "trends" / "figures" / "benchmarks.png").stat().st_size > 5000


def test_step_0_stands_left_of_the_first_other() -> None:
    axis = StepAxis("log", (0, 100, 1000))
    assert 0 < axis.place(0) < axis.place(100) == 100
    assert StepAxis("linear", (0, 100)).place(0) == 0


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (1, 143_000, [1, 10, 100, 1000, 10_000, 100_000]),
        (1000, 5000, [1000, 2000, 5000]),
        (20, 60, [20, 60]),
        (7, 7, [7]),
    ],
)
def test_ticks_are_round(first: int, last: int, ticks: list[int]) -> None:
    assert round_steps(first, last) == ticks
