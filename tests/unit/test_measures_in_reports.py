"""A measure flows by its name: correlate, leaderboard, page and gate."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import correlate_data as data
import numpy as np
import pytest
from scipy import stats

from neuronxa_tasks import statistics
from neuronxa_tasks.cli import main
from neuronxa_tasks.reports.page.language_scores import rankable
from neuronxa_tasks.statistics.joint import joint_difference
from neuronxa_tasks.statistics.multiplicity import holm

LANGUAGES = [code for code in data.CODES if code != "eng_Latn"]
COUNT = len(LANGUAGES)


def values(seed: int) -> dict[str, np.ndarray]:
    """NASCA goes with accuracy a little, CKA much, RSA not at all."""
    rng = np.random.default_rng(seed)
    accuracy = rng.uniform(0.35, 0.8, COUNT)
    return {
        "acc": accuracy,
        "nasca": np.round(accuracy + rng.normal(0, 0.15, COUNT), 2).clip(0.05, 0.95),
        "cka_nas": accuracy + rng.normal(0, 0.02, COUNT),
        "rsa_nas": rng.uniform(-0.2, 0.5, COUNT),
        "cka_hidden": accuracy + rng.normal(0, 0.1, COUNT),
    }


def content(model: str, seed: int) -> dict[str, Any]:
    found = values(seed)
    flat = [30, 40, 35]
    hits = {
        code: {"nas": [round(100 * rate)] * 3, "nav": flat, "hidden": [*flat, 20 + place]}
        for place, (code, rate) in enumerate(zip(LANGUAGES, found["nasca"], strict=True))
    }
    accuracy = dict(zip(LANGUAGES, map(float, found["acc"]), strict=True))
    run = data.results(model, hits, {"xnli": accuracy})
    for metric in ("cka_nas", "rsa_nas", "cka_hidden"):
        for code, value in zip(LANGUAGES, found[metric], strict=True):
            row = run["results"][f"neuronxa_flores_{code}"]
            row |= {f"{metric},none": float(value), f"{metric}_stderr,none": 0.02}
            row |= {f"{metric}_shuffled,none": 0.01, f"{metric}_floor,none": 0.11}
    run["config"]["neuronxa"]["schema"] = 2
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        data.write(folder / name / "results_a.json", content(name, seed))
        for seed, name in enumerate(("one", "two"))
    ]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def report(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    words = ["correlate", *map(str, runs), "-o", str(out), "--resamples", "99", "--no-figures"]
    assert main(words) == 0
    return out


def z_average(pairs: list[Mapping[str, np.ndarray]], a: str, b: str) -> float:
    return float(np.tanh(np.mean([np.arctanh(stats.pearsonr(m[a], m[b])[0]) for m in pairs])))


def test_correlate_says_which_measure_goes_best(report: Path) -> None:
    found = rows(report / "measures.csv")
    of = {row["x"]: row for row in found}
    assert {"nasca", "navca", "mexa", "cka_nas", "rsa_nas", "cka_hidden"} == set(of)
    assert found[0]["x"] == "cka_nas"
    r = [float(row["r"]) for row in found if row["r"]]
    assert r == sorted(r, reverse=True)
    models = [values(0), values(1)]
    tables = {name: np.array([each[name] for each in models]) for name in models[0]}
    tables["nasca"] = np.round(100 * tables["nasca"]) / 100
    for name in ("cka_nas", "rsa_nas", "cka_hidden"):
        row = of[name]
        assert float(row["r"]) == pytest.approx(z_average(models, name, "acc"))
        assert (row["models"], row["n"], row["than"]) == ("2", str(COUNT), "nasca")
        apart = joint_difference(tables["acc"], tables[name], tables["nasca"])
        assert float(row["difference"]) == pytest.approx(apart.difference)
        ends = float(row["difference_low"]), float(row["difference_high"])
        assert ends == pytest.approx((apart.interval.low, apart.interval.high))
        assert (float(row["p"]) < 0.05) == (ends[0] > 0 or ends[1] < 0)
    assert of["nasca"]["difference"] == ""
    tested = [row for row in found if row["p"]]
    adjusted = holm([float(row["p"]) for row in tested])
    assert [float(row["holm"]) for row in tested] == pytest.approx(list(adjusted))
    page, whole = (report / "page.md", report / "report.md")
    for text in (page.read_text(encoding="utf-8"), whole.read_text(encoding="utf-8")):
        assert "## Which measure goes best with a benchmark" in text
        assert "cka_nas (neuronxa_flores)" in text
    index = json.loads((report / "correlate.json").read_text(encoding="utf-8"))
    assert not any("cka_nas" in note for note in index["notes"])
    assert index["families"]["measures"] == len(tested)


def test_correlate_says_which_measures_agree(report: Path) -> None:
    lines = rows(report / "measure_agreement.csv")
    found = {(row["a"], row["b"]): float(row["r"]) for row in lines if row["r"]}
    models = [values(0), values(1)]
    expected = z_average(models, "cka_nas", "cka_hidden")
    assert found.get(("cka_hidden", "cka_nas"), found.get(("cka_nas", "cka_hidden"))) == (
        pytest.approx(expected)
    )
    text = (report / "report.md").read_text(encoding="utf-8")
    assert "## Which measures agree" in text
    assert "| neuronxa_flores | nasca | cka | rsa |" in text


def test_measures_multiply_no_tests_unless_they_are_named(
    runs: list[Path], report: Path, tmp_path: Path
) -> None:
    assert not any("cka" in row["x"] for row in rows(report / "correlations.csv"))
    out = tmp_path / "out"
    words = ["-o", str(out), "--metric", "cka_nas", "--resamples", "99", "--no-figures"]
    assert main(["correlate", *map(str, runs), *words]) == 0
    assert {row["x"] for row in rows(out / "correlations.csv")} == {"cka_nas"}


def test_without_measures_there_is_no_table(tmp_path: Path) -> None:
    run = content("m", 3)
    for row in run["results"].values():
        for name in [key for key in row if key.startswith(("cka", "rsa"))]:
            del row[name]
    path = data.write(tmp_path / "results_a.json", run)
    out = tmp_path / "out"
    words = ["-o", str(out), "--resamples", "99", "--no-figures"]
    assert main(["correlate", str(path), *words]) == 0
    assert not (out / "measures.csv").exists()
    assert not (out / "measure_agreement.csv").exists()
    assert "Which measure" not in (out / "report.md").read_text(encoding="utf-8")


def test_a_measure_of_a_table_is_alignment(tmp_path: Path) -> None:
    found = values(0)
    lines = ["model,language,benchmark,metric,value"]
    for place, code in enumerate(LANGUAGES):
        lines.append(f"m,{code},neuronxa_flores,cka_nas,{found['cka_nas'][place]:.4f}")
        lines.append(f"m,{code},xnli,acc,{found['acc'][place]:.4f}")
    path = data.write(tmp_path / "scores.csv", "\n".join(lines) + "\n")
    out = tmp_path / "out"
    words = ["-o", str(out), "--resamples", "99", "--no-figures"]
    assert main(["correlate", str(path), *words]) == 0
    (row,) = rows(out / "measures.csv")
    assert row["x"] == "cka_nas"
    assert row["than"] == row["p"] == ""  # no NASCA to compare with


def test_the_leaderboard_ranks_by_a_measure(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "board"
    words = ["-o", str(out), "--metric", "cka_nas", "--resamples", "199"]
    assert main(["leaderboard", *map(str, runs), *words]) == 0
    (board,) = {row["metric"] for row in rows(out / "leaderboard.csv")}
    assert board == "cka_nas"
    for row in rows(out / "leaderboard.csv"):
        seed = ("one", "two").index(row["model"])
        assert float(row["mean"]) == pytest.approx(values(seed)["cka_nas"].mean())
        assert float(row["floor"]) == pytest.approx(0.11)
        assert row["chance"] == ""  # 1 / (2n - 1) is not its chance


def test_the_page_offers_measures_and_not_their_controls() -> None:
    metrics = ["nasca", "surface", "cka_nas", "cka_nas_shuffled", "cka_nas_floor", "mrr_hidden"]
    assert rankable(metrics) == ["nasca", "cka_nas", "mrr_hidden"]


def test_a_gate_looks_at_a_measure_by_name(runs: list[Path], tmp_path: Path) -> None:
    rules = data.write(tmp_path / "rules.toml", 'metrics = ["cka_nas"]\nmin_effect = 0.0\n')
    worse = content("one", 0)
    for row in worse["results"].values():
        if "cka_nas,none" in row:
            row["cka_nas,none"] -= 0.3
    path = data.write(tmp_path / "worse" / "results_a.json", worse)
    for candidate, code in ((runs[0], 0), (path, 1)):
        words = ["--config", rules, "--baseline", runs[0], "--candidate", candidate]
        assert main(["gate", *map(str, words)]) == code


def test_p_of_a_joint_difference_goes_with_its_interval() -> None:
    rng = np.random.default_rng(0)
    below = 0
    for _ in range(60):
        y = rng.normal(size=(2, 12))
        first, second = y + rng.normal(size=(2, 12)), y + rng.normal(0, 2, size=(2, 12))
        found = joint_difference(y, first, second)
        outside = found.interval.low > 0 or found.interval.high < 0
        assert (found.p < 0.05) is outside
        below += outside
    assert 5 < below < 55
    same = joint_difference(y, first, first)
    assert math.isnan(same.p)
    assert statistics.MIN_POINTS == 4
