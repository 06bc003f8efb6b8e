"""The tables of `neuronxa correlate` against scipy and against plain loops."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import correlate_data as data
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.confounders import gather
from neuronxa_tasks.reports.correlate.analysis import analyse
from neuronxa_tasks.reports.estimates import Settings, out_of_reach
from neuronxa_tasks.reports.study import Primary, build_study, check_primary
from neuronxa_tasks.reports.variables import ALIGNMENT, model_names
from neuronxa_tasks.results import read_results
from neuronxa_tasks.statistics.joint import joint_difference, joint_permutation

RATES = {
    "deu_Latn": 0.80, "fra_Latn": 0.75, "swh_Latn": 0.20, "zho_Hans": 0.55, "ell_Grek": 0.50,
    "hin_Deva": 0.35,
}  # fmt: skip
ACCURACY = {
    "deu_Latn": 0.52, "fra_Latn": 0.55, "swh_Latn": 0.36, "zho_Hans": 0.44, "ell_Grek": 0.49,
    "hin_Deva": 0.41,
}  # fmt: skip
TOKENS = {
    "deu_Latn": 1200, "fra_Latn": 1300, "swh_Latn": 1900, "zho_Hans": 1250, "ell_Grek": 2100,
    "hin_Deva": 2600,
}  # fmt: skip
FEW = Settings(resamples=199)


def hits(shift: float = 0.0, seed: int = 0) -> dict:
    """NAS near the rate, NAV further away, hidden states all alike."""
    rng = np.random.default_rng(seed)
    found = {}
    for language, rate in RATES.items():
        noise = float(rng.uniform(-0.1, 0.1))
        found[language] = {
            "nas": data.hits_of(rate + shift),
            "nav": data.hits_of(max(0.0, rate + noise)),
            "hidden": [7, 7, 7, 7],
        }
    return found


def study_of(tmp_path: Path, files: dict[str, dict], published: str | None = None, **options):
    """Study, results and names of some results files and a published table."""
    for name, content in files.items():
        data.write(tmp_path / name / f"results_{name}.json", content)
    tables = [data.write(tmp_path / "scores.csv", published)] if published else []
    results = read_results([tmp_path] if files else [], published=tables)
    return build_study(results, **options), results, model_names(results)


def analysis_of(tmp_path: Path, files: dict[str, dict], settings: Settings = FEW, **options):
    study, results, names = study_of(tmp_path, files, **options)
    return analyse(study, results, names, gather(results, names), settings)


def one(records: list[dict], **columns) -> dict:
    (found,) = [r for r in records if all(r[name] == value for name, value in columns.items())]
    return found


@pytest.fixture
def single(tmp_path):
    english = {"eng_Latn": 0.6}
    content = data.results("m", hits(), {"xnli": ACCURACY | english}, tokens=TOKENS)
    return analysis_of(tmp_path, {"a": content})


def score(language: str, metric: str = "nasca") -> float:
    rates = [count / 100 for count in hits()[language]["nas"]]
    return max(rates) if metric.endswith("_max") else sum(rates) / len(rates)


# --- one model ----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["nasca", "nasca_max"])
def test_r_rho_and_fisher_are_those_of_scipy(single, metric):
    record = one(single.correlations, x=metric, y="xnli")
    x = [score(language, metric) for language in sorted(RATES)]
    y = [ACCURACY[language] for language in sorted(RATES)]
    expected = scipy_stats.pearsonr(x, y)
    interval = expected.confidence_interval(0.95)
    assert record["n"] == 6  # the pivot is left out
    assert record["r"] == pytest.approx(expected.statistic, abs=1e-12)
    assert record["fisher_low"] == pytest.approx(interval.low, abs=1e-9)
    assert record["fisher_high"] == pytest.approx(interval.high, abs=1e-9)
    assert record["rho"] == pytest.approx(scipy_stats.spearmanr(x, y).statistic, abs=1e-12)
    assert record["languages"] == " ".join(sorted(RATES))


def test_the_permutation_p_is_exact_for_few_languages(single):
    record = one(single.correlations, x="nasca", y="xnli")
    x = np.array([score(language) for language in sorted(RATES)])
    y = np.array([ACCURACY[language] for language in sorted(RATES)])
    observed = abs(np.corrcoef(x, y)[0, 1])
    orders = [abs(np.corrcoef(x, order)[0, 1]) for order in itertools.permutations(y)]
    assert record["p"] == pytest.approx(np.mean(np.array(orders) >= observed - 1e-12), abs=1e-12)
    assert record["p_method"] == "exact"


def test_noise_is_the_share_of_the_variance_that_the_errors_explain(single):
    record = one(single.correlations, x="nasca", y="xnli")
    variance = np.var(list(ACCURACY.values()), ddof=1)
    assert record["y_noise"] == pytest.approx(0.01**2 / variance, abs=1e-12)
    assert math.isnan(one(single.correlations, x="nasca_max", y="xnli")["x_noise"])


def test_constant_scores_have_no_r_but_n_and_a_reason(single):
    record = one(single.correlations, x="mexa", y="xnli")
    assert math.isnan(record["r"])
    assert math.isnan(record["p"])
    assert record["n"] == 6
    assert "same value" in record["reason"]


def test_holm_and_bh_are_over_the_tests_that_could_be_made(single):
    tested = [record for record in single.correlations if not math.isnan(record["p"])]
    assert single.families["correlations"] == len(tested) == 4
    p = [record["p"] for record in tested]
    expected = scipy_stats.false_discovery_control(p, method="bh")
    assert [record["bh"] for record in tested] == pytest.approx(list(expected), abs=1e-12)
    smallest = min(tested, key=lambda record: record["p"])
    assert smallest["holm"] == pytest.approx(4 * smallest["p"], abs=1e-12)


def test_partial_correlation_given_fertility(single):
    record = one(single.partial, x="nasca", y="xnli", given="fertility")
    codes = sorted(RATES)
    z = np.array([TOKENS[language] / 1000 for language in codes])
    design = np.column_stack([np.ones(len(z)), z])

    def residual(values):
        values = np.array(values)
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    left = residual([score(code) for code in codes]), residual([ACCURACY[code] for code in codes])
    assert record["r"] == pytest.approx(np.corrcoef(*left)[0, 1], abs=1e-9)
    assert record["k"] == 1
    assert record["r_without"] == pytest.approx(
        one(single.correlations, x="nasca", y="xnli")["r"], abs=1e-12
    )


def test_labels_of_one_language_alone_are_pooled(single):
    # Latin has three languages; Hans, Grek and Deva one each, so they are one level.
    record = one(single.partial, x="nasca", y="xnli", given="script")
    codes = sorted(RATES)
    latin = np.array([code.endswith("Latn") for code in codes], dtype=float)
    x = np.array([score(code) for code in codes])
    y = np.array([ACCURACY[code] for code in codes])
    rxy, rxz, ryz = (
        np.corrcoef(x, y)[0, 1],
        np.corrcoef(x, latin)[0, 1],
        np.corrcoef(y, latin)[0, 1],
    )
    expected = (rxy - rxz * ryz) / math.sqrt((1 - rxz**2) * (1 - ryz**2))
    assert record["r"] == pytest.approx(expected, abs=1e-9)
    assert record["k"] == 1


def test_leave_one_out_is_a_line_through_the_others(single):
    record = one(single.predictions, x="nasca", y="xnli", language="swh_Latn", how="left out")
    others = [code for code in RATES if code != "swh_Latn"]
    line = scipy_stats.linregress([score(c) for c in others], [ACCURACY[c] for c in others])
    expected = line.intercept + line.slope * score("swh_Latn")
    assert record["predicted"] == pytest.approx(expected, abs=1e-9)
    assert record["low"] < record["predicted"] < record["high"]
    assert record["observed"] == ACCURACY["swh_Latn"]


def test_a_language_without_accuracy_is_predicted(tmp_path):
    known = {code: value for code, value in ACCURACY.items() if code != "swh_Latn"}
    found = analysis_of(tmp_path, {"a": data.results("m", hits(), {"xnli": known})})
    record = one(found.predictions, x="nasca", y="xnli", language="swh_Latn")
    line = scipy_stats.linregress([score(c) for c in known], list(known.values()))
    assert record["how"] == "new"
    assert math.isnan(record["observed"])
    assert record["predicted"] == pytest.approx(
        line.intercept + line.slope * score("swh_Latn"), abs=1e-9
    )
    assert record["extrapolated"]


def test_layers_are_correlated_one_by_one(single):
    record = one(single.layers, representation="nas", layer=2, y="xnli")
    codes = sorted(RATES)
    x = [hits()[code]["nas"][1] / 100 for code in codes]
    expected = scipy_stats.pearsonr(x, [ACCURACY[code] for code in codes]).statistic
    assert record["r"] == pytest.approx(expected, abs=1e-9)
    assert {r["layer"] for r in single.layers if r["representation"] == "hidden"} == {0, 1, 2, 3}


def test_two_scores_are_compared_by_williams_t(single):
    record = one(single.differences, y="xnli", x1="nasca", x2="navca")
    n, r1, r2, r12 = record["n"], record["r1"], record["r2"], record["r12"]
    determinant = 1 - r1**2 - r2**2 - r12**2 + 2 * r1 * r2 * r12
    middle = (r1 + r2) / 2
    below = 2 * determinant * (n - 1) / (n - 3) + middle**2 * (1 - r12) ** 3
    t = (r1 - r2) * math.sqrt((n - 1) * (1 + r12) / below)
    assert record["williams_t"] == pytest.approx(t, abs=1e-9)
    assert record["williams_p"] == pytest.approx(2 * scipy_stats.t.sf(abs(t), n - 3), abs=1e-9)
    # NASCA with NAVCA, their best layers, NAVCA with its best layer; hidden states are constant,
    # and the best layer of NASCA is a multiple of its mean here.
    assert single.families["differences"] == 3


def test_one_model_has_no_average(single):
    assert single.averages == single.across_models == single.pooled == []


# --- several models -----------------------------------------------------------------------------


@pytest.fixture
def several(tmp_path):
    files = {}
    for i in range(5):
        rng = np.random.default_rng(i)
        accuracy = {code: value + float(rng.normal()) * 0.03 for code, value in ACCURACY.items()}
        files[f"m{i}"] = data.results(f"m{i}", hits(0.01 * i, i), {"xnli": accuracy})
    return analysis_of(tmp_path, files)


def test_the_average_is_that_of_fisher_z(several):
    record = one(several.averages, x="nasca", y="xnli")
    r = [one(several.correlations, model=f"m{i}", x="nasca")["r"] for i in range(5)]
    assert record["r"] == pytest.approx(math.tanh(np.mean(np.arctanh(r))), abs=1e-9)
    assert record["models"] == 5
    assert record["low"] < record["r"] < record["high"]
    assert (record["r_min"], record["r_max"]) == pytest.approx((min(r), max(r)))


def test_across_models_for_one_language(several, tmp_path):
    record = one(several.across_models, language="swh_Latn", x="navca")
    results = read_results([tmp_path]).frame
    wide = results[results["language"] == "swh_Latn"].pivot(
        index="model", columns="metric", values="value"
    )
    expected = scipy_stats.pearsonr(wide["navca"], wide["acc"])
    assert record["n"] == 5
    assert record["r"] == pytest.approx(expected.statistic, abs=1e-9)


def test_pooled_takes_out_the_models(several, tmp_path):
    record = one(several.pooled, x="nasca", effects="model")
    frame = read_results([tmp_path]).frame
    wide = frame[frame["language"] != "eng_Latn"].pivot(
        index=["model", "language"], columns="metric", values="value"
    )
    centred = wide - wide.groupby("model").transform("mean")
    assert record["r"] == pytest.approx(np.corrcoef(centred["nasca"], centred["acc"])[0, 1])
    assert record["n"] == 30


def test_a_model_more_does_not_change_the_others(tmp_path, several):
    for path in tmp_path.glob("m4/*"):
        path.unlink()
    results = read_results([tmp_path])
    names = model_names(results)
    fewer = analyse(build_study(results), results, names, gather(results, names), FEW)
    before = {(r["model"], r["x"]): r for r in several.correlations}
    for record in fewer.correlations:
        other = before[(record["model"], record["x"])]
        for column in ("r", "low", "high", "p", "family_low", "rho_p"):
            np.testing.assert_equal(record[column], other[column])


def test_few_languages_have_no_r_and_say_why(tmp_path):
    three = {code: ACCURACY[code] for code in list(ACCURACY)[:3]}
    found = analysis_of(
        tmp_path,
        {name: data.results(name, hits(), {"xnli": three}) for name in ("m0", "m1")},
    )
    for record in [*found.correlations, *found.averages, *found.pooled]:
        assert math.isnan(record["r"])
        assert "only 3" in record["reason"]
    assert found.families == {}
    assert found.predictions == []


def test_four_languages_have_no_interval_of_their_own(tmp_path):
    four = {code: ACCURACY[code] for code in list(ACCURACY)[:4]}
    record = one(
        analysis_of(tmp_path, {"a": data.results("m", hits(), {"xnli": four})}).correlations,
        x="nasca",
    )
    assert record["n"] == 4
    assert not math.isnan(record["fisher_low"])
    assert math.isnan(record["low"])


def test_related_languages_are_left_out_together(several):
    """German, French, Greek and Hindi are of one family, which leaves three of them."""
    record = one(several.averages, x="nasca", y="xnli")
    assert record["families"] == 3
    assert math.isnan(record["family_low"])


def test_shuffles_suffice_for_the_correction():
    for tests in (1, 99, 100, 101, 200, 201, 630, 1000, 1350):
        shuffles = Settings().finest(tests)
        assert 0.005 < tests / (shuffles + 1) <= 0.01 or shuffles == 9999
    assert Settings().finest(0) == 9999
    assert Settings().finest(100) == 9999
    assert Settings(resamples=20_000).finest(5) == 20_000


def test_what_holm_cannot_reach_is_counted():
    exact = {"p_method": "exact", "n": 5}
    records = [{"p": 0.01, **exact}, {"p": math.nan, **exact}, {"p": 0.1, **exact, "n": 8}]
    assert out_of_reach(records, 6) == 1  # 6 / 5! = .05, 6 / 8! far below
    assert out_of_reach(records, 5) == 0
    assert out_of_reach([{"p": 0.1, "p_method": "exact", "n": 9, "p_languages": 4}], 2) == 1
    assert out_of_reach([{"p": 0.01, **exact, "primary": True}], 6) == 0


def test_the_difference_of_averages(several):
    record = one(several.difference_averages, x1="nasca", x2="navca")
    first, second = (one(several.averages, x=name)["r"] for name in ("nasca", "navca"))
    assert record["difference"] == pytest.approx(first - second, abs=1e-9)
    assert (record["models"], record["n"]) == (5, 6)
    assert record["low"] <= record["difference"] <= record["high"]
    each = [r for r in several.differences if (r["x1"], r["x2"]) == ("nasca", "navca")]
    assert record["models_first_higher"] == sum(r["r1"] > r["r2"] for r in each)


def test_joint_difference_uses_the_languages_of_all_models():
    rng = np.random.default_rng(2)
    y, a, b = rng.normal(size=(3, 2, 8))
    a[1, 3] = math.nan
    kept = [i for i in range(8) if i != 3]

    def average(x):
        r = [np.corrcoef(x[k][kept], y[k][kept])[0, 1] for k in range(2)]
        return math.tanh(np.mean(np.arctanh(r)))

    found = joint_difference(y, a, b)
    assert found.n == 7
    assert found.difference == pytest.approx(average(a) - average(b), abs=1e-12)


def test_joint_difference_of_equal_scores_is_zero_everywhere():
    rng = np.random.default_rng(3)
    y, a = rng.normal(size=(2, 3, 9))
    found = joint_difference(y, a, 2 * a + 1)
    assert abs(found.difference) < 1e-12
    assert max(abs(found.interval.low), abs(found.interval.high)) < 1e-6


@pytest.mark.parametrize("n", [0, 3])
def test_joint_difference_needs_four_languages(n):
    found = joint_difference(*np.zeros((3, 2, n)))
    assert math.isnan(found.difference)
    assert found.n == n


# --- the primary cell ---------------------------------------------------------------------------


def test_the_primary_test_stands_outside_its_family(tmp_path):
    content = data.results("m", hits(), {"xnli": ACCURACY})
    found = analysis_of(
        tmp_path, {"a": content}, Settings(resamples=99, primary=Primary("xnli", "nasca"))
    )
    record = one(found.correlations, primary=True)
    assert (record["x"], record["y"]) == ("nasca", "xnli")
    assert math.isnan(record["holm"])
    assert found.families["correlations"] == 3


def test_the_primary_average(tmp_path):
    files = {m: data.results(m, hits(seed=i), {"xnli": ACCURACY}) for i, m in enumerate("ab")}
    found = analysis_of(tmp_path, files, Settings(resamples=99, primary=Primary("xnli", "nasca")))
    assert not any(record["primary"] for record in found.correlations)
    assert one(found.averages, primary=True)["x"] == "nasca"


@pytest.mark.parametrize(
    ("primary", "told"),
    [
        (Primary("xcopa", "nasca"), "is no cell here"),
        (Primary("xnli", "bleu"), "is no cell here"),
        (Primary("xnli", "nasca", "other"), "names the model 'other'"),
    ],
)
def test_an_unknown_primary_cell_is_refused(tmp_path, primary, told):
    study, _, _ = study_of(tmp_path, {"a": data.results("m", hits(), {"xnli": ACCURACY})})
    with pytest.raises(NeuronXAError, match=told):
        check_primary(study, primary)


# --- which values are paired --------------------------------------------------------------------

PUBLISHED = "model,language,benchmark,acc\n" + "".join(
    f"m,{data.CODES[code]},{name},{value + shift}\n"
    for name, shift in (("xnli", 0.0), ("xcopa", 0.1))
    for code, value in (ACCURACY | {"eng_Latn": 0.7}).items()
)


def test_benchmarks_of_published_tables_are_paired_without_english(tmp_path):
    study, _, _ = study_of(tmp_path, {}, PUBLISHED)
    (pair,) = study.pairs
    assert (pair.x.label, pair.y.label) == ("xcopa", "xnli")
    assert study.excluded == ("eng_Latn",)
    assert len(pair.languages("m")) == 6


def test_the_pivot_can_be_kept(tmp_path):
    study, _, _ = study_of(tmp_path, {}, PUBLISHED, pivot="none")
    assert "eng_Latn" in study.pairs[0].languages("m")
    assert study.excluded == ()


def test_a_published_table_stands_beside_the_alignment(tmp_path):
    study, _, _ = study_of(tmp_path, {"a": data.results("m", hits(), {})}, PUBLISHED)
    assert {pair.x.kind for pair in study.pairs} == {"alignment"}
    assert {pair.y.label for pair in study.pairs} == {"xnli", "xcopa"}


def test_benchmarks_are_paired_with_each_other_on_request(tmp_path):
    study, _, _ = study_of(tmp_path, {"a": data.results("m", hits(), {})}, PUBLISHED, between=True)
    assert [p.x.label for p in study.pairs if p.x.kind == "benchmark"] == ["xcopa"]


def test_metric_and_benchmark_can_be_chosen(tmp_path):
    study, _, _ = study_of(
        tmp_path,
        {"a": data.results("m", hits(), {})},
        PUBLISHED,
        metrics=["mexa", "nasca"],
        benchmarks=["xnli"],
    )
    assert [(p.x.label, p.y.label) for p in study.pairs] == [("nasca", "xnli"), ("mexa", "xnli")]


def with_more_metrics() -> dict:
    """A run with text baselines and a variant."""
    content = data.results("m", hits(), {"xnli": ACCURACY})
    for i, row in enumerate(content["results"].values()):
        if "nasca,none" in row:
            row |= {"surface,none": 0.01 * i, "token_overlap,none": 0.02, "mexa_csls,none": 0.1 * i}
    return content


def test_baselines_stand_beside_the_scores_and_variants_come_by_name(tmp_path):
    study, _, _ = study_of(tmp_path, {"a": with_more_metrics()})
    assert [pair.x.label for pair in study.pairs] == list(ALIGNMENT)
    assert any("mexa_csls" in note for note in study.notes)
    compared = {(first.x.label, second.x.label) for first, second in study.alternatives()}
    assert ("nasca", "surface") in compared
    assert ("nasca", "nasca_max") in compared
    assert ("nasca", "mexa_max") not in compared
    study, _, _ = study_of(
        tmp_path, {"a": with_more_metrics()}, metrics=["mexa_csls", "nasca", "mexa_max"]
    )
    assert [pair.x.label for pair in study.pairs] == ["nasca", "mexa_max", "mexa_csls"]
    assert len(study.alternatives()) == 3


def test_a_score_is_compared_with_itself_on_another_corpus(tmp_path):
    first, second = (data.results("m", hits(seed=i), {"xnli": ACCURACY}) for i in range(2))
    text = json.dumps(second).replace("flores", "tatoeba")
    for part in (other := json.loads(text)):
        if isinstance(other[part], dict):
            other[part] = {k: v for k, v in other[part].items() if not k.startswith("xnli")}
    study, _, _ = study_of(tmp_path, {"a": first, "b": other})
    compared = {(one.x.label, two.x.label) for one, two in study.alternatives()}
    assert ("nasca (neuronxa_flores)", "nasca (neuronxa_tatoeba)") in compared
    assert ("nasca (neuronxa_flores)", "mexa (neuronxa_flores)") in compared
    assert ("nasca (neuronxa_flores)", "mexa (neuronxa_tatoeba)") not in compared


def test_another_metric_of_a_benchmark(tmp_path):
    content = data.results("m", hits(), {"xnli": ACCURACY})
    for name, row in content["results"].items():
        if name.startswith("xnli"):
            row["acc_norm,none"] = 1 - row["acc,none"]
    study, _, _ = study_of(tmp_path, {"a": content})
    assert {pair.y.label for pair in study.pairs} == {"xnli"}
    assert any("acc_norm" in note for note in study.notes)
    study, _, _ = study_of(tmp_path, {"a": content}, benchmarks=["xnli:acc_norm"])
    assert {pair.y.label for pair in study.pairs} == {"xnli acc_norm"}


def test_belebele_on_flores_is_warned_of(tmp_path):
    table = PUBLISHED.replace("xnli", "belebele")
    study, _, _ = study_of(tmp_path, {"a": data.results("m", hits(), {})}, table)
    assert any("FLORES passages" in note for note in study.notes)


@pytest.mark.parametrize("benchmark", ["sib200", "sib_prompt_1", "flores_to_eng_prompt_1"])
def test_other_benchmarks_of_flores_are_warned_of(tmp_path, benchmark):
    table = PUBLISHED.replace("xnli", benchmark)
    study, _, _ = study_of(tmp_path, {"a": data.results("m", hits(), {})}, table)
    (note,) = [note for note in study.notes if "the text they share" in note]
    assert "neuronxa_tatoeba" in note
    assert ("SIB-200" in note) == benchmark.startswith("sib")
    elsewhere = study_of(tmp_path, {"a": data.results("m", hits(), {})}, PUBLISHED)[0]
    assert not [note for note in elsewhere.notes if "the text they share" in note]


def test_a_model_that_stands_alone_is_noted(tmp_path):
    table = PUBLISHED + "lonely,de,xquad,0.5\n"
    study, _, _ = study_of(tmp_path, {"a": data.results("m", hits(), {})}, table)
    assert any(note.startswith("lonely") for note in study.notes)


# --- the joint permutation ----------------------------------------------------------------------


def test_joint_permutation_against_a_plain_loop():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))

    def mean_r(order):
        return np.mean([np.corrcoef(a, b[list(order)])[0, 1] for a, b in zip(x, y, strict=True)])

    observed = abs(mean_r(range(5)))
    values = [abs(mean_r(order)) for order in itertools.permutations(range(5))]
    found = joint_permutation(x, y, rng=rng)
    assert found.method == "exact"
    assert found.p == pytest.approx(np.mean(np.array(values) >= observed - 1e-12), abs=1e-12)


def test_joint_permutation_of_one_model_is_the_plain_one():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=12), rng.normal(size=12)
    found = joint_permutation([x], [y], rng=np.random.default_rng(0))
    expected = scipy_stats.permutation_test(
        (y,),
        lambda order: scipy_stats.pearsonr(x, order).statistic,
        permutation_type="pairings",
        n_resamples=4999,
        random_state=1,
    ).pvalue
    assert found.method == "monte carlo"
    assert found.p == pytest.approx(expected, abs=0.03)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(4, 6))
@settings(max_examples=30)
def test_joint_permutation_is_a_probability_and_ignores_scale(seed, models, n):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(models, n)), rng.normal(size=(models, n))
    found = joint_permutation(x, y, rng=rng).p
    assert 0.0 < found <= 1.0
    assert joint_permutation(3 * x + 7, 0.01 * y, rng=rng).p == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize(
    "x", [[[1.0, 2.0, 3.0]], [[1.0, 2.0, math.nan, 4.0]], [[2.0, 2.0, 2.0, 2.0]]]
)
def test_joint_permutation_has_no_p_without_data(x):
    y = [list(range(len(x[0])))]
    found = joint_permutation(x, y, rng=np.random.default_rng(0))
    assert math.isnan(found.p)
    assert found.method == "none"
