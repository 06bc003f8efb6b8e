from __future__ import annotations

import importlib.util
import math
import sys

import numpy as np
import pytest
from scipy import stats as reference

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import (
    dummy_code,
    mixed_model,
    partial_correlation,
    pooled_correlation,
)

# Four models, six languages, two holes.
ROWS = [
    ("m0", "l0", 0.26, 0.374), ("m0", "l1", 0.388, 0.438), ("m0", "l2", 0.557, 0.462),
    ("m0", "l3", 0.572, 0.474), ("m0", "l4", 0.737, 0.553), ("m0", "l5", 0.814, 0.525),
    ("m1", "l0", 0.302, 0.512), ("m1", "l2", 0.546, 0.517), ("m1", "l3", 0.619, 0.56),
    ("m1", "l4", 0.714, 0.611), ("m1", "l5", 0.847, 0.618), ("m2", "l0", 0.42, 0.577),
    ("m2", "l1", 0.418, 0.585), ("m2", "l2", 0.551, 0.617), ("m2", "l3", 0.636, 0.65),
    ("m2", "l5", 0.848, 0.702), ("m3", "l0", 0.395, 0.613), ("m3", "l1", 0.561, 0.648),
    ("m3", "l2", 0.709, 0.714), ("m3", "l3", 0.65, 0.735), ("m3", "l4", 0.795, 0.761),
    ("m3", "l5", 0.952, 0.75),
]  # fmt: skip
MODEL, LANGUAGE, X, Y = (list(column) for column in zip(*ROWS, strict=True))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pooled(x=X, y=Y, model=MODEL, language=LANGUAGE, **options):
    return pooled_correlation(x, y, model, language, **options)


def test_within_models_by_pingouin():
    """pingouin 0.7.0: rm_corr(frame, "x", "y", subject="model")."""
    result = pooled()
    assert result.r == pytest.approx(0.928624791104974, abs=1e-9)
    assert result.df == 17
    assert (result.n, result.n_models, result.n_languages) == (22, 4, 6)


def test_within_models_and_languages_by_statsmodels():
    """statsmodels 0.15.0: correlation of the OLS residuals of x and y on the dummies of both."""
    result = pooled(effects="model+language")
    assert result.r == pytest.approx(0.30420741501679416, abs=1e-9)
    assert result.df == 22 - 2 - (3 + 5)


@pytest.mark.parametrize("effects", ["model", "model+language"])
def test_fixed_effects_are_a_partial_correlation(effects):
    dummies = [dummy_code(MODEL).matrix]
    if effects == "model+language":
        dummies.append(dummy_code(LANGUAGE).matrix)
    partial = partial_correlation(X, Y, np.concatenate(dummies, axis=1))
    result = pooled(effects=effects)
    assert result.r == pytest.approx(partial.r, abs=1e-9)
    assert result.df == partial.df


@pytest.mark.parametrize("effects", ["model", "model+language"])
@pytest.mark.parametrize("families", [None, ["f", "f", "g", "h", "i", "j"]])
def test_whole_languages_or_families_are_left_out(effects, families):
    """Each value must equal a fit on the table without the rows of the language, or family."""
    unit_of = dict(zip((f"l{i}" for i in range(6)), families or range(6), strict=True))
    result = pooled(
        effects=effects, families=None if families is None else [unit_of[name] for name in LANGUAGE]
    )
    naive = []
    for unit in sorted(set(unit_of.values())):
        rows = [row for row in ROWS if unit_of[row[1]] != unit]
        model, language, x, y = zip(*rows, strict=True)
        dummies = [dummy_or_none(model)]
        if effects == "model+language":
            dummies.append(dummy_or_none(language))
        design = np.concatenate([np.ones((len(rows), 1)), *dummies], axis=1)
        left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
        naive.append(math.atanh(np.corrcoef(left)[0, 1]))
    z, g = math.atanh(result.r), len(naive)
    error = math.sqrt(sum((one - z) ** 2 for one in naive) * ((g - 1) / g if g == 6 else 1.0))
    reach = reference.t.ppf(0.975, g - 1) * error
    found = result.jackknife if families is None else result.by_family
    assert (found.low, found.high) == pytest.approx(
        (math.tanh(z - reach), math.tanh(z + reach)), abs=1e-9
    )
    assert found.p == pytest.approx(2 * reference.t.sf(abs(z) / error, g - 1), abs=1e-12)


def test_a_score_that_all_models_share_leaves_nothing_but_rounding():
    """Text alone gives all models one score; what the language's mean leaves of it is 1e-17."""
    generator = rng(2)
    text = np.tile(generator.uniform(0.2, 0.7, 14), 5)
    y = generator.normal(size=70)
    model = [f"m{i}" for i in range(5) for _ in range(14)]
    language = [f"l{j}" for _ in range(5) for j in range(14)]
    for x in (text, text * (1 + 1e-16 * generator.normal(size=70)), text.astype(np.float32)):
        result = pooled(x, y, model, language, effects="model+language")
        assert math.isnan(result.r)
        assert "explain x or y completely" in (result.reason or "")
    assert not math.isnan(pooled(text, y, model, language).r)


def dummy_or_none(labels):
    levels = sorted(set(labels))[1:]
    return np.array([[float(label == level) for level in levels] for label in labels]).reshape(
        len(labels), len(levels)
    )


def test_a_difference_between_models_alone_is_no_correlation_within():
    """Between models x and y rise together; within each they fall (Simpson's paradox)."""
    model = [f"m{i}" for i in range(4) for _ in range(6)]
    language = [f"l{j}" for _ in range(4) for j in range(6)]
    x = [i + 0.1 * j for i in range(4) for j in range(6)]
    y = [i - 0.1 * j for i in range(4) for j in range(6)]
    assert np.corrcoef(x, y)[0, 1] > 0.9
    assert pooled(x, y, model, language).r == pytest.approx(-1.0, abs=1e-9)


def test_what_every_model_shares_of_a_language_is_no_correlation_beyond_it():
    generator = rng(1)
    model = [f"m{i}" for i in range(20) for _ in range(20)]
    language = [f"l{j}" for _ in range(20) for j in range(20)]
    shared = np.tile(generator.normal(size=20), 20)
    x, y = shared + 0.3 * generator.normal(size=(2, 400))
    assert pooled(x, y, model, language).r > 0.8
    assert abs(pooled(x, y, model, language, effects="model+language").r) < 0.15


def test_one_model_is_its_plain_correlation():
    result = pooled(X[:6], Y[:6], MODEL[:6], LANGUAGE[:6])
    assert result.r == pytest.approx(np.corrcoef(X[:6], Y[:6])[0, 1], abs=1e-12)
    assert result.df == 4


def test_rows_with_nan_are_dropped_and_counted():
    result = pooled([*X, math.nan], [*Y, 0.5], [*MODEL, "m9"], [*LANGUAGE, "l9"])
    assert (result.n, result.n_dropped, result.n_models) == (22, 1, 4)
    assert result.r == pytest.approx(pooled().r, abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "effects", "reason"),
    [
        (slice(0, 3), "model", "only 3 complete points"),
        (slice(0, 6), "model+language", "effects leave 6 rows without degrees of freedom"),
    ],
)
def test_no_pooled_correlation_says_why(rows, effects, reason):
    result = pooled(X[rows], Y[rows], MODEL[rows], LANGUAGE[rows], effects=effects)
    assert math.isnan(result.r)
    assert math.isnan(result.jackknife.low)
    assert reason in (result.reason or "")


def test_nothing_left_says_why():
    level = [float(name[1]) for name in MODEL]
    result = pooled(level, Y)
    assert math.isnan(result.r)
    assert "explain x or y completely" in (result.reason or "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"effects": "language"}, "'language'"),
        ({"model": MODEL[:3]}, "model has 3 labels for 22 rows"),
        ({"language": [*LANGUAGE[:-1], ""]}, "in row 21"),
        ({"language": [*LANGUAGE[:-1], "l4"]}, "'m3' has 2 rows for the language 'l4'"),
    ],
)
def test_bad_tables_are_refused(change, told):
    with pytest.raises(NeuronXAError, match=told):
        pooled(**change)


# --- mixed model ------------------------------------------------------------------------------


def test_without_statsmodels_the_mixed_model_is_refused_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels.regression.mixed_linear_model", None)
    with pytest.raises(NeuronXAError, match="pip install statsmodels"):
        mixed_model(X, Y, MODEL, LANGUAGE)


needs_statsmodels = pytest.mark.skipif(
    importlib.util.find_spec("statsmodels") is None,
    reason="statsmodels is not installed; `pip install statsmodels` lifts this skip",
)


@needs_statsmodels
def test_the_mixed_model_equals_its_formula():
    """statsmodels 0.15.0: mixedlm("y ~ c", groups="one", vc_formula={"language": "0 + C(language)",
    "ls": "0 + C(language):c", ...}).fit(reml=True, method=["powell"]), c = x - mean.

    The formula fits raw columns and this project standardised ones, and the optimiser stops at
    slightly different places.
    """
    result = mixed_model(X, Y, MODEL, LANGUAGE)
    assert result.converged
    assert result.slope == pytest.approx(0.3113969725825064, rel=2e-3)
    assert result.standard_error == pytest.approx(0.06727711352832122, rel=1e-2)
    assert result.variance_model == pytest.approx(0.0072442, rel=2e-2)
    assert result.variance_language_slope == pytest.approx(0.0073795, rel=1e-2)
    assert result.variance_model_slope == pytest.approx(0.0, abs=1e-6)
    assert result.variance_residual == pytest.approx(0.00032609, rel=1e-2)
    assert result.interval.low < result.slope < result.interval.high
    # Four models, so three degrees of freedom.
    assert result.p == pytest.approx(
        2 * reference.t.sf(0.3113969725825 / 0.0672771135283, 3), rel=0.03
    )


@needs_statsmodels
def test_a_slope_of_some_languages_is_not_the_slope_of_languages():
    """1 in eight languages and -1 in six: on average near 0, as the random slopes say."""
    draw = rng(3)
    x = draw.normal(size=(6, 14))
    y = x * np.array([1.0] * 8 + [-1.0] * 6) + 0.1 * draw.normal(size=(6, 14))
    model = [f"m{i}" for i in range(6) for _ in range(14)]
    language = [f"l{j}" for _ in range(6) for j in range(14)]
    result = mixed_model(x.ravel(), y.ravel(), model, language)
    assert result.variance_language_slope == pytest.approx(1.0, abs=0.4)
    assert result.standard_error == pytest.approx(1 / math.sqrt(14), abs=0.07)
    assert result.p > 0.2


@needs_statsmodels
def test_a_line_without_any_rest_has_no_fit_and_says_why():
    x = rng(0).normal(size=48)
    model = [f"m{i}" for i in range(6) for _ in range(8)]
    language = [f"l{j}" for _ in range(6) for j in range(8)]
    result = mixed_model(x, 2 * x, model, language)
    assert math.isnan(result.slope)
    assert result.reason == "the fit ran into a singular matrix"
    assert not result.converged


@needs_statsmodels
def test_a_mixed_model_needs_two_models_and_two_languages():
    result = mixed_model(X[:6], Y[:6], MODEL[:6], LANGUAGE[:6])
    assert math.isnan(result.slope)
    assert "at least two models and two languages" in (result.reason or "")
