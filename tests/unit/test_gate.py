"""`neuronxa gate` through its command line: verdicts, exit codes, and what is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import correlate_data as data
import gate_data
import numpy as np
import pytest
from gate_data import hits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuronxa_tasks import statistics
from neuronxa_tasks.cli import main
from neuronxa_tasks.reports.gate.checkpoint import Score
from neuronxa_tasks.reports.gate.compare import (
    BOUNDED,
    COUNTS,
    ERRORS,
    PAIRED,
    Comparison,
    compare,
    compare_items,
)
from neuronxa_tasks.reports.gate.groups import compare_groups
from neuronxa_tasks.reports.gate.join import Joined
from neuronxa_tasks.reports.gate.rules import Limits, Rules
from neuronxa_tasks.reports.gate.signs import NO_INTERVAL, normal_p, sign_flip_p
from neuronxa_tasks.reports.gate.verdict import adjust, judge
from neuronxa_tasks.results.items import Items

CODES = ("deu_Latn", "fra_Latn", "swh_Latn")
ALIGNMENT = {code: hits(seed, rate=0.6) for seed, code in enumerate(CODES)}
ANSWERS = {"xnli": {code: hits(10 + i, 0.6, 1, 80)[0] for i, code in enumerate(CODES)}}
WORSE = {code: found & (hits(20, 0.4)) for code, found in ALIGNMENT.items()}


def gate(*arguments: object) -> int:
    return main(["gate", *map(str, arguments)])


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return gate_data.write(tmp_path / "old", "old", ALIGNMENT, ANSWERS)


def candidate(tmp_path: Path, alignment: Any = None, answers: Any = None, **more: Any) -> Path:
    alignment = ALIGNMENT if alignment is None else alignment
    answers = ANSWERS if answers is None else answers
    return gate_data.write(tmp_path / "new", "new", alignment, answers, **more)


def changed(tmp_path: Path, edit: Any) -> Path:
    """A candidate whose results file was edited."""
    made = gate_data.content("new", ALIGNMENT, ANSWERS)
    edit(made)
    return candidate(tmp_path, made=made)


def index(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "gate.json").read_text(encoding="utf-8"))
    return content


def finding(out: Path, name: str, metric: str = "nasca") -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        each for each in index(out)["findings"] if (each["name"], each["metric"]) == (name, metric)
    ]
    assert len(found) == 1
    return found[0]


# --- verdicts ---------------------------------------------------------------------------------


def test_the_same_model_passes(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    assert gate("--baseline", baseline, "--candidate", candidate(tmp_path), "-o", "x") == 0
    assert "PASS: no regression in 8 tests" in capsys.readouterr().out


def test_a_worse_model_fails_with_the_numbers(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    assert gate("--baseline", baseline, "--candidate", candidate(tmp_path, WORSE), "-o", "x") == 1
    told = capsys.readouterr().out
    assert "FAIL: regression" in told
    found = finding(Path("x"), "fra_Latn")
    before, after = (side["fra_Latn"].mean(axis=0) for side in (ALIGNMENT, WORSE))
    assert found["status"] == "regression"
    assert found["change"] == pytest.approx((after - before).mean(), abs=1e-12)
    two_sided = statistics.paired_difference(
        after, before, rng=np.random.default_rng(0)
    ).permutation.p
    assert found["p"] == pytest.approx(two_sided / 2, abs=2e-3)
    whole = finding(Path("x"), "all languages")
    assert whole["change"] == pytest.approx(
        np.mean([(WORSE[code] * 1.0 - ALIGNMENT[code]).mean() for code in CODES]), abs=1e-12
    )
    assert finding(Path("x"), "fra_Latn", "acc")["status"] == "pass"


def test_the_other_way_round_it_is_better(tmp_path: Path, baseline: Path) -> None:
    assert gate("--baseline", candidate(tmp_path, WORSE), "--candidate", baseline) == 0


def test_benchmarks_are_paired_by_mcnemar(tmp_path: Path, baseline: Path) -> None:
    answers = {"xnli": {code: found & (np.arange(80) % 4 > 0) for code, found in
                        ANSWERS["xnli"].items()}}  # fmt: skip
    new = candidate(tmp_path, answers=answers)
    assert gate("--baseline", baseline, "--candidate", new, "-o", "x") == 1
    found = finding(Path("x"), "deu_Latn", "acc")
    expected = statistics.mcnemar(ANSWERS["xnli"]["deu_Latn"], answers["xnli"]["deu_Latn"]).p / 2
    assert found["p"] == pytest.approx(expected, rel=1e-9)
    assert found["method"] == PAIRED


def test_without_samples_counts_are_tested_and_it_is_said(
    tmp_path: Path, baseline: Path, capsys: Any
) -> None:
    new = candidate(tmp_path, samples=False)
    assert gate("--baseline", baseline, "--candidate", new, "-o", "x") == 0
    assert finding(Path("x"), "deu_Latn", "acc")["method"] == COUNTS
    assert finding(Path("x"), "deu_Latn")["method"] == ERRORS
    assert "--log_samples" in capsys.readouterr().out


def test_the_best_layer_can_be_gated(tmp_path: Path, baseline: Path) -> None:
    Path("gate.toml").write_text('metrics = ["mexa_max"]\n', encoding="utf-8")
    sides = "--baseline", baseline, "--candidate", candidate(tmp_path, WORSE)
    assert gate(*sides, "--config", "gate.toml", "-o", "x") == 1
    assert {each["metric"] for each in index(Path("x"))["findings"]} == {"mexa_max"}
    best = WORSE["deu_Latn"].mean(axis=1).max()
    assert finding(Path("x"), "deu_Latn", "mexa_max")["candidate"] == pytest.approx(best)


def test_a_missing_task_is_no_pass(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    new = candidate(tmp_path, {code: ALIGNMENT[code] for code in CODES[:2]})
    assert gate("--baseline", baseline, "--candidate", new, "-o", "x") == 1
    found = finding(Path("x"), "swh_Latn")
    assert found["status"] == "missing"
    assert "not in the candidate" in found["reasons"][0]
    Path("gate.toml").write_text("allow_missing = true\n", encoding="utf-8")
    assert gate("--baseline", baseline, "--candidate", new, "--config", "gate.toml") == 0
    assert "1 skipped" in capsys.readouterr().out


def bare(folder: Path, value: float) -> Path:
    """A score of which nothing else is known."""
    made = data.results(folder.name, {}, {})
    made["results"]["mystery"] = {"acc,none": value}
    made["configs"]["mystery"] = {"num_fewshot": 0}
    data.write(folder / "results_x.json", made)
    return folder


@pytest.mark.parametrize(
    ("after", "code"),
    [(0.01, 1), (0.48, 1), (0.481, 0), (0.49, 0), (0.9, 0)],
)
def test_untested_is_not_passed(tmp_path: Path, after: float, code: int, capsys: Any) -> None:
    """A drop of `min_effect` = .01 or more that no test can judge."""
    sides = "--baseline", bare(tmp_path / "old", 0.49), "--candidate", bare(tmp_path / "new", after)
    assert gate(*sides, "-o", "x") == code
    told = capsys.readouterr().out
    assert "1 of them could not be tested" in told
    found = finding(Path("x"), "mystery", "acc")
    assert found["status"] == ("untested" if code else "pass")
    if code:
        assert "FAIL: untested 1" in told
        assert "set min_effect of [metric.acc]" in found["reasons"][0]
    Path("gate.toml").write_text("[metric.acc]\nmin_effect = 0.5\n", encoding="utf-8")
    assert gate(*sides, "--config", "gate.toml") == 0  # said to be acceptable


def test_a_task_of_the_candidate_alone_is_told(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    assert gate("--baseline", candidate(tmp_path, answers={}), "--candidate", baseline) == 0
    assert "Only the candidate has xnli_de" in capsys.readouterr().out


def test_nan_is_a_failure_named_so(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    def edit(made: dict[str, Any]) -> None:
        made["results"]["xnli_fr"]["acc,none"] = math.nan

    assert gate("--baseline", baseline, "--candidate", changed(tmp_path, edit), "-o", "x") == 1
    assert finding(Path("x"), "fra_Latn", "acc")["status"] == "NaN"
    assert "FAIL: NaN 1" in capsys.readouterr().out
    broken = ElementTree.parse("x/gate.xml").getroot().iter("failure")
    assert [each.get("type") for each in broken] == ["NaN"]


def test_nan_in_the_baseline_is_bad_input(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    def edit(made: dict[str, Any]) -> None:
        made["results"]["xnli_fr"]["acc,none"] = math.nan

    assert gate("--baseline", changed(tmp_path, edit), "--candidate", baseline) == 2
    assert "NaN in the baseline" in capsys.readouterr().err


def test_tasks_without_a_language_are_gated_too(tmp_path: Path, capsys: Any) -> None:
    for name, value in (("old", 0.8), ("new", 0.5)):
        made = data.results(name, {}, {})
        made["results"]["mystery"] = {"acc,none": value, "acc_stderr,none": 0.02}
        made["configs"]["mystery"] = {"num_fewshot": 0}
        data.write(Path(name) / "results_x.json", made)
    assert gate("--baseline", "old", "--candidate", "new") == 1
    assert "mystery" in capsys.readouterr().out


def test_less_is_better_where_the_file_says_so(tmp_path: Path) -> None:
    for name, value in (("low", 5.0), ("high", 9.0)):
        made = data.results(name, {}, {})
        made["results"]["text"] = {"perplexity,none": value, "perplexity_stderr,none": 0.1}
        made["configs"]["text"] = {"num_fewshot": 0}
        made["higher_is_better"] = {"text": {"perplexity": False}}
        data.write(Path(name) / "results_x.json", made)
    assert gate("--baseline", "high", "--candidate", "low") == 0
    assert gate("--baseline", "low", "--candidate", "high") == 1


# --- not comparable ---------------------------------------------------------------------------


def _other_shots(made: dict[str, Any]) -> None:
    made["n-shot"]["xnli_fr"] = 5


def _other_version(made: dict[str, Any]) -> None:
    made["versions"] = {"xnli_fr": 2.0}


def _other_tap(made: dict[str, Any]) -> None:
    made["config"]["neuronxa"]["tasks"]["neuronxa_flores_deu_Latn"]["tap"] = "inner"


def _other_weights(made: dict[str, Any]) -> None:
    made["config"]["neuronxa"]["tasks"]["neuronxa_flores_deu_Latn"]["weights"] = "last"


def _other_text(made: dict[str, Any]) -> None:
    made["config"]["neuronxa"]["tasks"]["neuronxa_flores_deu_Latn"]["source"]["sha256"] = "other"


def _other_limit(made: dict[str, Any]) -> None:
    made["config"]["limit"] = 80


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_other_shots, "few-shot = 0 and with few-shot = 5"),
        (_other_version, "version"),
        (_other_tap, "tap = 'gate' and with tap = 'inner'"),
        (_other_weights, "weights"),
        (_other_text, "different sentences"),
        (_other_limit, "limit"),
    ],
)
def test_other_settings_are_not_compared(
    tmp_path: Path, baseline: Path, capsys: Any, edit: Any, told: str
) -> None:
    new = changed(tmp_path, edit)
    assert gate("--baseline", baseline, "--candidate", new, "-o", "x") == 3
    assert told in capsys.readouterr().err
    assert index(Path("x"))["verdict"] == "not comparable"
    (error,) = ElementTree.parse("x/gate.xml").getroot().iter("error")
    assert told.split(" and ")[0] in (error.text or "")
    assert "NOT COMPARABLE" in Path("x/gate.md").read_text(encoding="utf-8")


def test_another_n_is_not_compared(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    new = candidate(tmp_path, {code: hits(1, n=30) for code in CODES})
    assert gate("--baseline", baseline, "--candidate", new) == 3
    assert "n = 40 and with n = 30" in capsys.readouterr().err


def test_ignored_tasks_may_differ(tmp_path: Path, baseline: Path) -> None:
    Path("gate.toml").write_text('ignore = ["xnli_f*"]\n', encoding="utf-8")
    new = changed(tmp_path, _other_shots)
    assert gate("--baseline", baseline, "--candidate", new, "--config", "gate.toml") == 0


def test_a_pattern_that_fits_nothing_is_told(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    Path("gate.toml").write_text('ignore = ["xnly_*", "xnli_fr"]\n', encoding="utf-8")
    words = ("--baseline", baseline, "--candidate", candidate(tmp_path), "--config", "gate.toml")
    assert gate(*words) == 0
    told = capsys.readouterr().out
    assert "`ignore` has 'xnly_*', which fits no task" in told
    assert "'xnli_fr'" not in told


def test_other_documents_are_not_compared(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    new = candidate(tmp_path)
    (file,) = new.glob("samples_xnli_fr_*")
    file.write_text(file.read_text(encoding="utf-8").replace("xnli_fr 7", "other"), "utf-8")
    assert gate("--baseline", baseline, "--candidate", new) == 3
    assert "different items" in capsys.readouterr().err


@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize("left", [0, 70])
def test_samples_that_were_cut_off_are_not_compared(
    tmp_path: Path, baseline: Path, capsys: Any, side: str, left: int
) -> None:
    new = candidate(tmp_path)
    (file,) = (baseline if side == "old" else new).glob("samples_xnli_fr_*")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:left]), encoding="utf-8")
    assert gate("--baseline", baseline, "--candidate", new) == 3
    assert f"has {left} documents of the 80 that were scored" in capsys.readouterr().err


def test_samples_of_an_unknown_number_must_not_be_empty(tmp_path: Path, capsys: Any) -> None:
    for name in ("old", "new"):
        made = gate_data.content(name, {}, ANSWERS)
        del made["n-samples"]
        gate_data.write(tmp_path / name, name, {}, ANSWERS, made=made)
    sides = "--baseline", tmp_path / "old", "--candidate", tmp_path / "new"
    for name, told in (("new", "n = 80 and with n = 0"), ("old", "has 0 documents")):
        (file,) = (tmp_path / name).glob("samples_xnli_fr_*")
        file.write_text("", encoding="utf-8")
        assert gate(*sides) == 3
        assert told in capsys.readouterr().err


def test_nothing_in_common(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    old = gate_data.write(tmp_path / "a", "a", ALIGNMENT)
    new = gate_data.write(tmp_path / "b", "b", {}, ANSWERS)
    assert gate("--baseline", old, "--candidate", new) == 3
    assert "no task and metric in common" in capsys.readouterr().err


# --- bad input --------------------------------------------------------------------------------


def test_a_broken_file_is_bad_input(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    new = candidate(tmp_path)
    (file,) = new.glob("results_*")
    file.write_text(file.read_text(encoding="utf-8")[:500], encoding="utf-8")
    assert gate("--baseline", baseline, "--candidate", new, "-o", "x") == 2
    assert "cut off" in capsys.readouterr().err
    assert not Path("x").exists()


def test_samples_of_another_run_are_bad_input(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    new = candidate(tmp_path)
    gate_data._write_samples(
        new, "neuronxa_flores_deu_Latn", [gate_data._sentence(row) for row in WORSE["deu_Latn"].T]
    )
    assert gate("--baseline", baseline, "--candidate", new) == 2
    assert "not of the same run" in capsys.readouterr().err


def test_two_models_on_one_side(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    new = candidate(tmp_path)
    assert gate("--baseline", baseline, "--candidate", baseline, "--candidate", new) == 2
    assert "several models" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('metrics = ["nasc"]', "Close: nasca"),
        ("[metric.mexa]\nmin_score = 0.1", "Add 'mexa' to `metrics`"),
        ('must_not_regress = ["hin_Deva"]', "no task of it"),
        ("max_dorp = 1", "max_drop"),
    ],
)
def test_rules_without_effect_are_refused(
    tmp_path: Path, baseline: Path, capsys: Any, toml: str, told: str
) -> None:
    Path("gate.toml").write_text(toml, encoding="utf-8")
    assert gate("--baseline", baseline, "--candidate", baseline, "--config", "gate.toml") == 2
    assert told in capsys.readouterr().err


def test_a_foreign_folder_is_left_alone(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    data.write(Path("x/mine.txt"), "mine")
    assert gate("--baseline", baseline, "--candidate", baseline, "-o", "x") == 2
    assert Path("x/mine.txt").exists()


# --- rules ------------------------------------------------------------------------------------


def _joined(drops: dict[str, int], n: int = 100, hit: int = 60) -> Joined:
    """Languages that lose some of their hits and win none."""
    pairs = []
    for code, drop in drops.items():
        before = np.arange(n) < hit
        after = np.arange(n) < hit - drop
        sides = [
            Score(code, "acc", "benchmark", "b", code, float(side.mean()), 0.05, n, {}, False, "",
                  None)
            for side in (before, after)
        ]  # fmt: skip
        items = [Items(tuple(range(n)), ("",) * n, side.astype(float)) for side in (before, after)]
        pairs.append(compare_items(sides[0], sides[1], items[0], items[1]))
    comparisons = [pair.comparison for pair in pairs]
    return Joined((*comparisons, *compare_groups(pairs, Rules())))


def _statuses(joined: Joined, rules: Rules) -> dict[str, str]:
    return {found.name: found.status for found in judge(joined, rules).findings}


def test_limits_decide() -> None:
    joined = _joined({"deu_Latn": 0, "fra_Latn": 4, "swh_Latn": 20})
    assert _statuses(joined, Rules()) == {
        "deu_Latn": "pass",
        "fra_Latn": "pass",  # p = 1/16
        "swh_Latn": "regression",
        "all languages": "regression",
    }
    lenient = Rules(limits=Limits(min_effect=0.25))
    assert set(_statuses(joined, lenient).values()) == {"pass"}
    strict = Rules(limits=Limits(min_effect=0.25, max_drop=0.03))
    assert _statuses(joined, strict)["fra_Latn"] == "drop"
    exactly = Rules(limits=Limits(min_effect=0.25, max_drop=0.2))
    assert _statuses(joined, exactly)["swh_Latn"] == "pass"
    floor = Rules(limits=Limits(min_effect=0.25, min_score=0.6))
    assert _statuses(joined, floor) == {
        "deu_Latn": "pass",
        "fra_Latn": "low",
        "swh_Latn": "low",
        "all languages": "pass",
    }


def _tested(p: float, language: str = "deu_Latn", change: float = -0.3) -> Comparison:
    return Comparison("b", "acc", language, (language,), language, False, 0.6, 0.6 + change, change,
                      NO_INTERVAL, 0.1, 100, p, COUNTS)  # fmt: skip


def test_alpha_is_met_and_not_passed() -> None:
    """Both sides of every limit that `alpha` sets: alone, among three, and protected."""
    one_more = 1 + 1e-9
    for rules in (Rules(), Rules(alpha=0.01), Rules(alpha=0.2)):
        alpha = rules.alpha
        alone = {p: _statuses(Joined((_tested(p),)), rules)["deu_Latn"]
                 for p in (alpha, alpha * one_more)}  # fmt: skip
        assert list(alone.values()) == ["regression", "pass"]
        others = (_tested(1.0, "fra_Latn"), _tested(1.0, "swh_Latn"))
        for p, status in ((alpha / 3, "regression"), (alpha / 3 * one_more, "pass")):
            assert _statuses(Joined((_tested(p), *others)), rules)["deu_Latn"] == status
        # Two families, each with half of alpha: one protected language, and two others.
        split = Rules(alpha=alpha, must_not_regress=("deu_Latn",))
        for p, status in ((alpha / 2, "regression"), (alpha / 2 * one_more, "pass")):
            assert _statuses(Joined((_tested(p), *others)), split)["deu_Latn"] == status
        for p, status in ((alpha / 4, "regression"), (alpha / 4 * one_more, "pass")):
            joined = Joined((_tested(1.0), _tested(p, "fra_Latn"), others[1]))
            assert _statuses(joined, split)["fra_Latn"] == status


def test_min_effect_is_met_and_not_missed() -> None:
    for change, status in ((-0.0100, "regression"), (-0.0099, "pass"), (0.3, "pass")):
        assert _statuses(Joined((_tested(1e-6, change=change),)), Rules())["deu_Latn"] == status
    protected = Rules(must_not_regress=("deu_Latn",))
    assert _statuses(Joined((_tested(1e-6, change=-1e-4),)), protected)["deu_Latn"] == "regression"


def _side(code: str, ids: Sequence[int], values: Any) -> tuple[Score, Items]:
    items = Items(tuple(ids), ("",) * len(ids), np.asarray(values, dtype=float))
    score = Score(code, "acc", "benchmark", "b", code, items.mean, 0.05, len(ids), {}, False, "",
                  None)  # fmt: skip
    return score, items


def _of_all(tables: dict[str, tuple[Sequence[int], Any, Any]]) -> Comparison:
    """The mean over languages of ids, baseline and candidate."""
    compared = []
    for code, (ids, before, after) in tables.items():
        (old, old_items), (new, new_items) = _side(code, ids, before), _side(code, ids, after)
        compared.append(compare_items(old, new, old_items, new_items))
    (found,) = compare_groups(compared, Rules())
    return found


def test_items_are_lined_up_by_their_numbers() -> None:
    """Each language lacks another item; the others are one unit each."""
    rng = np.random.default_rng(5)
    n, codes = 30, list(CODES)
    before, after = rng.integers(0, 2, (2, 3, n))
    ids = {code: [i for i in range(n) if i != 7 * k] for k, code in enumerate(codes)}
    found = _of_all({
        code: (ids[code], before[k][ids[code]], after[k][ids[code]])
        for k, code in enumerate(codes)
    })  # fmt: skip
    sums = np.zeros(n)
    for k, code in enumerate(codes):
        sums[ids[code]] += (after - before)[k][ids[code]]
    assert found.method == PAIRED
    assert found.p == pytest.approx(sign_flip_p(sums), abs=1e-12)
    assert found.change == pytest.approx(sums.sum() / (3 * (n - 1)), abs=1e-12)
    per_item = sums * n / (3 * (n - 1))
    assert found.error == pytest.approx(per_item.std(ddof=1) / math.sqrt(n), abs=1e-12)


def test_languages_of_other_size_weigh_the_same() -> None:
    rng = np.random.default_rng(6)
    ids = {"deu_Latn": list(range(1, 41)), "fra_Latn": list(range(0, 80, 2))[:25]}
    sides = {code: rng.integers(0, 2, (2, len(own))) for code, own in ids.items()}
    found = _of_all({code: (ids[code], *sides[code]) for code in ids})
    means = [(after - before).mean() for before, after in sides.values()]
    assert found.change == pytest.approx(np.mean(means), abs=1e-12)
    sums = np.zeros(80)
    for code, (before, after) in sides.items():
        sums[ids[code]] += (after - before) / len(ids[code])
    assert found.p == pytest.approx(sign_flip_p(sums), abs=1e-3)
    assert found.method == PAIRED


def test_items_that_nobody_can_line_up_have_no_more_power_than_one_language() -> None:
    """Numbered from 0 to different ends: 40 and 60 items, as if all languages erred together."""
    rng = np.random.default_rng(7)
    sides = {code: rng.integers(0, 2, (2, n)) for code, n in (("deu_Latn", 40), ("fra_Latn", 60))}
    found = _of_all({code: (range(len(each[0])), *each) for code, each in sides.items()})
    errors = [
        (after - before).std(ddof=1) / math.sqrt(len(after)) for before, after in sides.values()
    ]
    assert found.method == BOUNDED
    assert found.error == pytest.approx(np.mean(errors), abs=1e-12)
    assert found.p == pytest.approx(normal_p(found.change, np.mean(errors)), abs=1e-12)


def test_equal_models_rarely_fail_over_languages_whose_items_differ() -> None:
    """Items that are hard for one of the two models in all languages; each language lacks two."""
    rng = np.random.default_rng(8)
    n, failed = 60, 0
    codes = [code for code in data.CODES if code != "eng_Latn"][:8]
    for _ in range(200):
        ease = rng.normal(size=n)
        hits_of = [
            ease + math.sqrt(0.6) * rng.normal(size=n) + math.sqrt(0.4) * rng.normal(size=(8, n))
            > 0
            for _ in range(2)
        ]
        tables = {}
        for k, code in enumerate(codes):
            ids = np.sort(rng.choice(n, n - 2, replace=False))
            tables[code] = (ids.tolist(), hits_of[0][k][ids], hits_of[1][k][ids])
        failed += _of_all(tables).p <= 0.05
    assert failed / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_protected_languages_have_a_family_of_their_own() -> None:
    """p = 1/128 of seven lost hits: too much among many tests, enough alone at half of alpha."""
    codes = [code for code in data.CODES if code != "eng_Latn"]
    joined = _joined(dict.fromkeys(codes, 0) | {codes[0]: 7})
    assert _statuses(joined, Rules())[codes[0]] == "pass"
    rules = Rules(limits=Limits(min_effect=0.5), must_not_regress=(codes[0],))
    assert _statuses(joined, rules)[codes[0]] == "regression"


def test_adjusted_p() -> None:
    p = [0.01, 0.02, math.nan, 0.5]
    plain = adjust(p, [False] * 4, Rules())
    assert plain.tolist() == pytest.approx([0.03, 0.04, math.nan, 0.5], nan_ok=True)
    split = adjust(p, [True, False, False, False], Rules())
    assert split.tolist() == pytest.approx([0.02, 0.08, math.nan, 1.0], nan_ok=True)
    assert adjust(p, [False] * 4, Rules(correction="none")).tolist() == pytest.approx(
        p, nan_ok=True
    )


def test_groups_of_the_rules(tmp_path: Path) -> None:
    codes = ("deu_Latn", "fra_Latn", "rus_Cyrl", "bul_Cyrl", "ell_Grek")
    old = {code: hits(i, 0.8) for i, code in enumerate(codes)}
    new = {code: found & (hits(9, 0.3) | ("Cyrl" not in code)) for code, found in old.items()}
    sides = [gate_data.write(tmp_path / name, name, of) for name, of in (("a", old), ("b", new))]
    Path("gate.toml").write_text('groups = ["script"]\nalpha = 1e-4\n', encoding="utf-8")
    assert gate("--baseline", sides[0], "--candidate", sides[1], "--config", "gate.toml",
                "-o", "x") == 1  # fmt: skip
    groups = {each["name"]: each["status"] for each in index(Path("x"))["findings"]
              if each["group"]}  # fmt: skip
    assert groups == {
        "all languages": "regression",
        "script Cyrl": "regression",
        "script Latn": "pass",
    }


def test_counts_and_errors_without_samples() -> None:
    def score(value: float, kind: str = "benchmark", stderr: float = 0.05) -> Score:
        return Score("t", "acc", kind, "b", "", value, stderr, 100, {}, False, "", None)

    counted = compare(score(0.75), score(0.6)).comparison
    assert counted.method == COUNTS
    meant = compare(score(0.755), score(0.6)).comparison
    assert meant.method == ERRORS
    assert meant.error == pytest.approx(0.05 * math.sqrt(2))
    unknown = compare(score(0.755, stderr=math.nan), score(0.6)).comparison
    assert math.isnan(unknown.p)
    layers = compare(score(0.5, "alignment", math.nan), score(0.4, "alignment", math.nan))
    assert layers.comparison.error == pytest.approx(math.sqrt(0.0025 + 0.0024))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 40))
@settings(max_examples=60)
def test_a_against_a_passes_whatever_a_is(seed: int, layers: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = []
    for code in CODES:
        counts = rng.integers(0, layers + 1, n).astype(float)
        items = Items(tuple(range(n)), ("",) * n, counts, layers)
        score = Score(code, "nasca", "alignment", "c", code, items.mean, 0.0, n, {}, False, "",
                      None)  # fmt: skip
        pairs.append(compare_items(score, score, items, items))
    comparisons = [pair.comparison for pair in pairs]
    joined = Joined((*comparisons, *compare_groups(pairs, Rules())))
    for rules in (Rules(), Rules(alpha=0.99, limits=Limits(0.0, 0.0), must_not_regress=CODES)):
        assert judge(joined, rules).passed


# --- what is written --------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, baseline: Path) -> None:
    new = candidate(tmp_path, WORSE)
    for out in ("x", "y"):
        assert gate("--baseline", baseline, "--candidate", new, "-o", out) == 1
    for name in ("gate.json", "gate.md", "gate.xml"):
        assert Path("x", name).read_bytes() == Path("y", name).read_bytes()
    assert gate("--baseline", baseline, "--candidate", baseline, "-o", "x") == 0  # replaced
    assert index(Path("x"))["verdict"] == "pass"


def test_junit_counts_what_it_holds(tmp_path: Path, baseline: Path) -> None:
    gate("--baseline", baseline, "--candidate", candidate(tmp_path, WORSE), "-o", "x")
    root = ElementTree.parse("x/gate.xml").getroot()
    cases, failures = list(root.iter("testcase")), list(root.iter("failure"))
    assert root.get("tests") == str(len(cases)) == "8"
    assert root.get("failures") == str(len(failures))
    assert sum(int(suite.get("tests", 0)) for suite in root.iter("testsuite")) == len(cases)
    assert {case.get("classname") for case in cases} == {"neuronxa_flores.nasca", "xnli.acc"}


NASTY = "evil\x00\x1b[31m\u202e<script>alert(1)</script>|`x`\n&\ufffe"


@given(name=st.text(min_size=1, max_size=20))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_stays_text(tmp_path: Path, name: str) -> None:
    check_names(tmp_path, name)


def test_a_nasty_name_stays_text(tmp_path: Path) -> None:
    check_names(tmp_path, NASTY)


def check_names(tmp_path: Path, name: str) -> None:
    task = name + "!"
    for folder, value in (("old", 0.8), ("new", 0.5)):
        made = data.results(name, {}, {})
        made["results"][task] = {"acc,none": value, "acc_stderr,none": 0.02}
        made["configs"][task] = {"num_fewshot": 0}
        data.write(tmp_path / folder / "results_x.json", made)
    sides = "--baseline", tmp_path / "old", "--candidate", tmp_path / "new"
    assert gate(*sides, "-o", tmp_path / "x") == 1
    root = ElementTree.fromstring((tmp_path / "x" / "gate.xml").read_bytes())
    assert root.get("failures") == "1"
    page = (tmp_path / "x" / "gate.md").read_text(encoding="utf-8")
    assert "<script" not in page
    rows = [line for line in page.splitlines() if line.startswith("| regression")]
    # Every bar that is not escaped ends a cell.
    assert rows
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {13}


# --- what is not the same -----------------------------------------------------------------------


def test_random_weights_are_no_checkpoint(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    def draw(made: dict[str, Any]) -> None:
        made["config"]["neuronxa"]["model"]["random_weights"] = 18

    new = changed(tmp_path, draw)
    for sides in ((baseline, new), (new, baseline)):
        assert gate("--baseline", sides[0], "--candidate", sides[1], "-o", "x") == 3
        assert "18 weights of the" in capsys.readouterr().err
        assert index(Path("x"))["verdict"] == "not comparable"


def _of_choice(folder: Path, items: range, *, logged: bool) -> Path:
    """A run of 20 of 80 items, chosen by `--samples`."""
    right = {
        "xnli": {code: found[items.start : items.stop] for code, found in ANSWERS["xnli"].items()}
    }
    made = gate_data.content(folder.name, {}, right)
    made["n-samples"] = {
        task: {"original": 80, "effective": len(items)} for task in made["n-samples"]
    }
    gate_data.write(folder, folder.name, {}, right, made=made, samples=logged)
    for file in folder.glob("samples_*"):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for line, item in zip(lines, items, strict=True):
            line |= {"doc_id": item, "doc_hash": f"item {item}"}
        file.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("logged", [True, False])
def test_other_chosen_items_are_not_compared(tmp_path: Path, capsys: Any, logged: bool) -> None:
    old = _of_choice(tmp_path / "a", range(20), logged=logged)
    new = _of_choice(tmp_path / "b", range(20, 40), logged=logged)
    assert gate("--baseline", old, "--candidate", new) == 3
    told = "different sentences" if logged else "without logged samples nobody can tell"
    assert told in capsys.readouterr().err


def test_the_same_chosen_items_are_compared(tmp_path: Path) -> None:
    old = _of_choice(tmp_path / "a", range(20), logged=True)
    new = _of_choice(tmp_path / "b", range(20), logged=True)
    assert gate("--baseline", old, "--candidate", new) == 0


def test_percent_is_no_gain_over_shares(tmp_path: Path, baseline: Path, capsys: Any) -> None:
    def to_percent(made: dict[str, Any]) -> None:
        for task, row in made["results"].items():
            if task.startswith("xnli"):
                row["acc,none"] *= 50  # half as good, in percent
                row["acc_stderr,none"] *= 50

    new = changed(tmp_path, to_percent)
    for file in new.glob("samples_xnli*"):
        file.unlink()
    assert gate("--baseline", baseline, "--candidate", new) == 2
    assert "acc is a share from 0 to 1. Type --percent" in capsys.readouterr().err
    assert gate("--baseline", baseline, "--candidate", new, "--percent", "new", "-o", "x") == 1
    assert finding(Path("x"), "fra_Latn", "acc")["change"] == pytest.approx(
        -ANSWERS["xnli"]["fra_Latn"].mean() / 2
    )
    assert gate("--baseline", baseline, "--candidate", new, "--percent", "typo") == 2


def test_a_metric_of_no_known_range_is_compared_on_one_scale(tmp_path: Path, capsys: Any) -> None:
    for name, value in (("shares", 0.9), ("percent", 49.6)):
        made = data.results(name, {}, {})
        made["results"]["xnli_de"] = {"my_score,none": value}
        made["configs"]["xnli_de"] = {"num_fewshot": 0}
        data.write(Path(name) / "results_x.json", made)
    assert gate("--baseline", "shares", "--candidate", "percent") == 3
    assert "one side seems to be in percent" in capsys.readouterr().err


def test_less_perplexity_is_better_where_the_file_does_not_say(tmp_path: Path) -> None:
    for name, value in (("low", 5.0), ("high", 9.0)):
        made = data.results(name, {}, {})
        made["results"]["lambada_openai_mt_de"] = {
            "perplexity,none": value, "perplexity_stderr,none": 0.1,
        }  # fmt: skip
        made["configs"]["lambada_openai_mt_de"] = {"num_fewshot": 0}
        data.write(Path(name) / "results_x.json", made)
    assert gate("--baseline", "high", "--candidate", "low") == 0
    assert gate("--baseline", "low", "--candidate", "high") == 1


def test_an_infinite_metric_that_is_not_looked_at_does_not_matter(
    tmp_path: Path, baseline: Path, capsys: Any
) -> None:
    def add(made: dict[str, Any]) -> None:
        made["results"]["xnli_fr"]["perplexity,none"] = math.inf

    new = changed(tmp_path, add)
    assert gate("--baseline", baseline, "--candidate", new) == 0
    Path("gate.toml").write_text('metrics = ["perplexity"]\n', encoding="utf-8")
    assert gate("--baseline", new, "--candidate", new, "--config", "gate.toml") == 2
    assert "perplexity of xnli_fr is infinite" in capsys.readouterr().err
