"""What `correlate` says about scores alone: the real command on files whose hits are known."""

from __future__ import annotations

import csv
import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from correlate_data import REPRESENTATIONS, results, write
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from neuronxa_tasks.cli import main
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.correlate.alone_sections import answer
from neuronxa_tasks.reports.correlate.language_pairs import order
from neuronxa_tasks.reports.correlate.sentences import read_sentences
from neuronxa_tasks.reports.layers import plateau
from neuronxa_tasks.results import read_pairs, read_results
from neuronxa_tasks.statistics import expected_rate

CODES = ("deu_Latn", "fra_Latn", "hin_Deva", "swh_Latn", "zho_Hans")
PAIRED = tuple(sorted((*CODES, "eng_Latn")))
N = 40
LAYERS = {"nas": 3, "nav": 3, "hidden": 4}
DATE = "2026-11-22T10-00-00.000001"


def rivals_of(seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Language to representation to [layers, n] rivals in either."""
    rng = np.random.default_rng(seed)
    ease = rng.random(N)
    found: dict[str, dict[str, np.ndarray]] = {}
    for place, code in enumerate(CODES):
        chance = np.clip(ease * (place + 2) / 5, 0, 1)
        found[code] = {
            name: np.where(rng.random((layers, N)) < chance, 0, rng.integers(1, 20, (layers, N)))
            for name, layers in LAYERS.items()
        }
    return found


def pairs_block(scores: dict[tuple[int, int], int]) -> dict[str, Any]:
    triangle = [[scores[(j, i)] for j in range(i)] for i in range(len(PAIRED))]
    block: dict[str, Any] = {"corpus": "flores", "n": N, "languages": list(PAIRED)}
    block |= {"pivot": "eng_Latn", "tap": "gate", "weights": "position", "text": "t"}
    for name, layers in LAYERS.items():
        best = [[-(-hits // layers) for hits in row] for row in triangle]
        block[name] = {"layers": layers, "sum": triangle, "best": best, "best_layer": best}
    return block


def run_folder(folder: Path, model: str, seed: int, *, samples: bool = True) -> Path:
    """One run: results and samples that belong together, and a matrix."""
    rivals = rivals_of(seed)
    hits = {
        code: {name: (each == 0).sum(axis=1).tolist() for name, each in by_name.items()}
        for code, by_name in rivals.items()
    }
    content = results(model, hits, {}, n=N)
    rng = np.random.default_rng(seed)
    matrix = {key: int(rng.integers(0, N)) for key in combinations(range(len(PAIRED)), 2)}
    content["config"]["neuronxa"]["pairs"] = [pairs_block(matrix)]
    write(folder / model / f"results_{DATE}.json", content)
    for place, (code, by_name) in enumerate(rivals.items()):
        lines = []
        for line in range(N):
            sample: dict[str, Any] = {
                "doc_id": line,
                "doc": {"id": line, "pivot": f"sentence {line}", "target": f"{code} {line}"},
                "surface": float(line < 5 * place),
            }
            for name, metric in REPRESENTATIONS.items():
                either = by_name[name][:, line].tolist()
                sample[metric] = either.count(0) / len(either)
                sample[f"{metric}_max"] = {"row": either, "column": either, "either": either}
            lines.append(json.dumps(sample))
        if samples:
            name = f"samples_neuronxa_flores_{code}_{DATE}.jsonl"
            write(folder / model / name, "\n".join(lines) + "\n")
    return folder


def correlate(folder: Path, *options: str) -> Path:
    out = folder / "report"
    code = main(["correlate", str(folder / "runs"), "-o", str(out), "--resamples", "199", *options])
    assert code == 0
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    run_folder(folder / "runs", "a", 1)
    run_folder(folder / "runs", "b", 2)
    return correlate(folder)


def test_the_report_needs_no_benchmark(report: Path) -> None:
    text = (report / "report.md").read_text()
    for words in (
        "# Alignment scores",
        "no benchmark: nothing was correlated",
        "## Differences of scores",
        "**Are 40 pairs enough?** nasca of a, neuronxa_flores, 5 languages",
        "## Where alignment peaks",
        "## All pairs of languages",
    ):
        assert words in text
    names = {path.name for path in (report / "figures").iterdir() if path.suffix == ".svg"}
    assert names >= {
        "smaller_n.svg",
        "profiles_a_neuronxa_flores.svg",
        "pairs_mexa_b_flores_40.svg",
    }
    index = json.loads((report / "correlate.json").read_text())
    assert index["models"] == ["a", "b"]


def test_differences_are_those_of_the_sentences(report: Path) -> None:
    table = rows(report / "score_differences.csv")
    rivals = {"a": rivals_of(1), "b": rivals_of(2)}
    shares = {
        (model, metric, code): (rivals[model][code][name] == 0).mean(axis=0)
        for model in "ab"
        for name, metric in REPRESENTATIONS.items()
        for code in CODES
    }
    checked = 0
    for row in table:
        codes = CODES if row["language"] == "mean" else (row["language"],)
        if "surface" in (row["a"], row["b"]):
            continue
        if row["between"] == "metrics":
            sides = [[shares[(row["of"], row[side], code)] for code in codes] for side in "ab"]
        else:
            sides = [[shares[(row[side], row["of"], code)] for code in codes] for side in "ab"]
        values = np.mean(sides[0], axis=0) - np.mean(sides[1], axis=0)
        assert float(row["difference"]) == pytest.approx(values.mean(), abs=1e-12)
        error = values.std(ddof=1) / math.sqrt(N)
        width = float(row["high"]) - float(row["low"])
        assert width == pytest.approx(2 * 1.96 * error, rel=0.15)
        checked += 1
    assert checked == (2 * 3 + 3) * (len(CODES) + 1)
    kept = {row["language"] for row in table if row["b"] == "surface"}
    assert kept == {"mean", *CODES}


def test_smaller_n_is_the_expected_rate(report: Path) -> None:
    rivals = rivals_of(1)
    for row in rows(report / "smaller_n.csv"):
        if row["model"] == "a":
            name = {metric: name for name, metric in REPRESENTATIONS.items()}[row["metric"]]
            m = int(row["n"])
            expected = np.mean([expected_rate(rivals[code][name], m).mean() for code in CODES])
            assert float(row["score"]) == pytest.approx(expected, abs=1e-12)
            assert float(row["chance"]) == pytest.approx(1 / (2 * m - 1))
            assert float(row["low"]) <= float(row["score"]) <= float(row["high"])
    assert {int(row["n"]) for row in rows(report / "smaller_n.csv")} == set(range(2, 41, 2))


def test_enough_is_computed_from_the_sentences(report: Path) -> None:
    row = next(r for r in rows(report / "enough.csv") if (r["model"], r["metric"]) == ("a", "mexa"))
    shares = np.array([(rivals_of(1)[code]["hidden"] == 0).mean(axis=0) for code in CODES])
    noise = (shares.var(axis=1, ddof=1) / N).mean() / shares.mean(axis=1).var(ddof=1)
    assert float(row["noise"]) == pytest.approx(noise)
    half = [expected_rate(rivals_of(1)[code]["hidden"], 20).mean() for code in CODES]
    rho = spearmanr(shares.mean(axis=1), half).statistic
    assert float(row["rho_with_half"]) == pytest.approx(rho)


def test_peaks_are_those_of_the_hits(report: Path) -> None:
    for row in rows(report / "profiles.csv"):
        seed = {"a": 1, "b": 2}[row["model"]]
        hits = (rivals_of(seed)[row["language"]][row["representation"]] == 0).sum(axis=1)
        first = 0 if row["representation"] == "hidden" else 1
        assert int(row["peak_layer"]) == int(hits.argmax()) + first
        assert float(row["peak_rate"]) == hits.max() / N
        inside = range(int(row["plateau_from"]) - first, int(row["plateau_to"]) - first + 1)
        assert int(row["plateau_width"]) == len(inside)
        assert all(hits[layer] >= 0.9 * hits.max() for layer in inside)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_a_plateau_is_as_wide_as_it_can_be(hits: list[int]) -> None:
    first, peak, last = plateau(hits)
    assert first <= peak <= last
    assert hits[peak] == max(hits)
    assert hits.index(max(hits)) == peak
    assert all(hits[place] >= 0.9 * hits[peak] for place in range(first, last + 1))
    assert first == 0 or hits[first - 1] < 0.9 * hits[peak]
    assert last == len(hits) - 1 or hits[last + 1] < 0.9 * hits[peak]


def test_pairs_and_families(report: Path) -> None:
    (a, _) = read_pairs([report.parent / "runs"])
    assert (a.model, a.corpus, a.n, a.languages) == ("a", "flores", N, PAIRED)
    table = [row for row in rows(report / "language_pairs.csv") if row["model"] == "a"]
    assert len(table) == 15
    for row in table:
        i, j = PAIRED.index(row["a"]), PAIRED.index(row["b"])
        assert float(row["nasca"]) == a.scores["nasca"][i, j] == a.scores["nasca"][j, i]
    english = next(row for row in table if {row["a"], row["b"]} == {"eng_Latn", "deu_Latn"})
    assert (english["same_family"], english["same_script"]) == ("true", "true")
    (row,) = (
        row
        for row in rows(report / "language_families.csv")
        if (row["model"], row["metric"], row["label"]) == ("a", "nasca", "script")
    )
    latin = [PAIRED.index(code) for code in PAIRED if code.endswith("Latn")]
    within = [a.scores["nasca"][i, j] for i, j in combinations(latin, 2)]
    assert float(row["within"]) == pytest.approx(np.mean(within))
    assert int(row["within_pairs"]) == len(within)


def test_neighbours_stand_together() -> None:
    near = np.array([[np.nan, 0.1, 0.9], [0.1, np.nan, 0.2], [0.9, 0.2, np.nan]])
    assert order(near) in ([0, 2, 1], [1, 2, 0], [2, 0, 1], [1, 0, 2])
    assert abs(order(near).index(0) - order(near).index(2)) == 1


def test_without_samples_it_says_so(tmp_path: Path) -> None:
    run_folder(tmp_path / "runs", "a", 1, samples=False)
    out = correlate(tmp_path, "--no-figures")
    assert "5 of 5 alignment tasks have no logged samples" in (out / "report.md").read_text()
    assert not (out / "score_differences.csv").exists()
    assert (out / "profiles.csv").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda block: block["nas"]["sum"][2].append(1), "nas.sum is no lower triangle for 6"),
        (lambda block: block["hidden"]["best"][2].__setitem__(0, 41), "hits that are not in 0..40"),
        (lambda block: block["languages"].__setitem__(0, "fra_Latn"), "a language twice"),
        (lambda block: block.__setitem__("n", 0), "a matrix has n = 0"),
    ],
)
def test_a_damaged_matrix_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    run_folder(tmp_path, "a", 1, samples=False)
    file = tmp_path / "a" / f"results_{DATE}.json"
    content = json.loads(file.read_text())
    change(content["config"]["neuronxa"]["pairs"][0])
    with pytest.raises(NeuronXAError, match=words.replace(".", r"\.")):
        read_pairs([write(file, content)])


def test_covariates_of_the_results_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rivals = rivals_of(1)
    hits = {
        code: {name: (each == 0).sum(axis=1).tolist() for name, each in by_name.items()}
        for code, by_name in rivals.items()
    }
    accuracy = {"xnli": dict(zip(CODES, (0.5, 0.6, 0.4, 0.7, 0.45), strict=True))}
    content = results("a", hits, accuracy, n=N)
    for place, code in enumerate(CODES):
        content["config"]["neuronxa"]["tasks"][f"neuronxa_flores_{code}"]["covariates"] = {
            "bits_per_byte": {"pivot": 1.0, "target": [1.5, 1.1, 2.5, 1.2, 1.9][place]},
            "nas_density": {"pivot": [0.5], "target": [0.1 * place, 0.2, None]},
        }
    write(tmp_path / "runs" / f"results_{DATE}.json", content)
    out = correlate(
        tmp_path, "--no-figures", "--covariates", "bits_per_byte", "--covariates", "nas_density"
    )
    given_ = {row["given"] for row in rows(out / "partial.csv")}
    assert {"bits_per_byte", "nas_density", "fertility + bits_per_byte + nas_density"} <= {
        *given_,
        *(
            each.replace("nas_density + bits_per_byte", "bits_per_byte + nas_density")
            for each in given_
        ),
    }
    arguments = ["correlate", str(tmp_path / "runs"), "-o", str(tmp_path / "x"), "--no-figures"]
    for name, words in (
        ("unknown_rate", "none of the results has it"),
        ("bits", "neither a CSV file nor a covariate of the results"),
    ):
        assert main([*arguments, "--covariates", name]) == 2
        assert words in capsys.readouterr().err


def test_of_two_runs_with_samples_each_language_counts_once(tmp_path: Path) -> None:
    newer, older = (run_folder(tmp_path / when, "a", 1) for when in ("newer", "older"))
    for folder, date in ((newer, 2.0), (older, 1.0)):
        file = next(folder.rglob("results_*.json"))
        content = json.loads(file.read_text()) | {"date": date}
        if folder == older:  # it has a score that the newer one lacks
            for task, values in content["results"].items():
                if task.startswith("neuronxa_flores_"):
                    values["nasca_floor,none"] = 0.01
        write(file, content)
    results_ = read_results([newer, older], duplicates="latest")
    assert "nasca_floor" in set(results_.frame["metric"])
    found, without = read_sentences(results_, {("a", "main"): "a"})
    assert sorted(each.language for each in found) == sorted(CODES)
    assert without == 0


def test_of_two_matrices_of_equal_size_the_latest_counts(tmp_path: Path) -> None:
    for seed, (when, date) in enumerate((("a-older", 1.0), ("b-newer", 2.0)), start=1):
        file = next(run_folder(tmp_path / "runs" / when, "a", seed).rglob("results_*.json"))
        content = json.loads(file.read_text()) | {"date": date}
        if when == "a-older":  # a score of it still counts, so it is read
            content["results"][f"neuronxa_flores_{CODES[0]}"]["nasca_floor,none"] = 0.01
        write(file, content)
    out = correlate(tmp_path, "--no-figures", "--latest")
    (newer,) = read_pairs([tmp_path / "runs" / "b-newer"])
    place = {code: i for i, code in enumerate(newer.languages)}
    pairs = rows(out / "language_pairs.csv")
    assert pairs
    for row in pairs:
        expected = newer.scores["nasca"][place[row["a"]], place[row["b"]]]
        assert float(row["nasca"]) == pytest.approx(float(expected))


def test_what_the_bare_text_gives_is_a_covariate(tmp_path: Path) -> None:
    hits = {
        code: {name: (each == 0).sum(axis=1).tolist() for name, each in by_name.items()}
        for code, by_name in rivals_of(1).items()
    }
    accuracy, surface = (0.5, 0.6, 0.4, 0.7, 0.45), (3, 9, 4, 6, 1)
    content = results("a", hits, {"xnli": dict(zip(CODES, accuracy, strict=True))}, n=N)
    for code, count in zip(CODES, surface, strict=True):
        block = content["config"]["neuronxa"]["tasks"][f"neuronxa_flores_{code}"]
        block["surface"] = {"mutual": count, "forward": N, "backward": N}
    write(tmp_path / "runs" / f"results_{DATE}.json", content)
    out = correlate(tmp_path, "--no-figures", "--covariates", "surface")
    (row,) = (
        each
        for each in rows(out / "partial.csv")
        if (each["x"], each["y"], each["given"]) == ("nasca", "xnli", "surface")
    )
    nasca = [np.mean(hits[code]["nas"]) / N for code in CODES]
    xy, xz, yz = (
        np.corrcoef(one, other)[0, 1]
        for one, other in ((nasca, accuracy), (nasca, surface), (accuracy, surface))
    )
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert float(row["r"]) == pytest.approx(expected)


def test_the_answer_is_a_sentence_of_its_numbers() -> None:
    record = {
        "model": "m", "corpus": "c", "metric": "nasca", "languages": 9, "n": 100, "score": 0.3,
        "half_width": 0.05, "noise": 0.04, "half_n": 50, "score_at_half": 0.36,
        "rho_with_half": 0.99,
    }  # fmt: skip
    assert "± 0.050" in answer(record)
    assert "100 pairs are enough to tell the languages apart" in answer(record)
    assert "0.360 instead of 0.300" in answer(record)
    assert "are not enough" in answer(record | {"noise": 0.3})
    assert "cannot be said" in answer(record | {"half_width": math.nan})
    assert "nothing to order" in answer(record | {"noise": math.nan})
