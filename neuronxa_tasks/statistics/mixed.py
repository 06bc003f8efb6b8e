"""Mixed model of accuracy on alignment; needs statsmodels."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    MIN_POINTS,
    FloatArray,
    check_confidence,
    complete_rows,
    panel_labels,
)
from neuronxa_tasks.statistics.correlation import missing_reason
from neuronxa_tasks.statistics.fisher import NO_INTERVAL, Interval


@dataclass(frozen=True, slots=True)
class MixedModel:
    """Slope of a line with random intercepts and slopes for models and languages.

    Attributes:
        slope: change of y per unit of x; NaN where there is no fit.
        standard_error: of the slope.
        interval: of the slope, by Student's t.
        p: two-sided p of the slope, by Student's t.
        standardised: slope in standard deviations of y per standard deviation of x.
        variance_model: variance of the models' intercepts.
        variance_language: variance of the languages' intercepts.
        variance_model_slope: variance of the models' slopes.
        variance_language_slope: variance of the languages' slopes.
        variance_residual: variance of what is left.
        n: complete rows.
        n_models: models among them.
        n_languages: languages among them.
        n_dropped: rows left out because a value was NaN.
        converged: whether the fit ended properly; if not, do not report it.
        confidence: level of the interval.
        reason: why there is no fit, or None.
    """

    slope: float
    standard_error: float
    interval: Interval
    p: float
    standardised: float
    variance_model: float
    variance_language: float
    variance_model_slope: float
    variance_language_slope: float
    variance_residual: float
    n: int
    n_models: int
    n_languages: int
    n_dropped: int
    converged: bool
    confidence: float
    reason: str | None = None


def mixed_model(
    x: ArrayLike,
    y: ArrayLike,
    model: Sequence[str],
    language: Sequence[str],
    *,
    confidence: float = 0.95,
) -> MixedModel:
    """Fits y = intercept + slope x + model + language + rest by REML.

    Models and languages have crossed random intercepts (Baayen, Davidson & Bates 2008, Journal of
    Memory and Language 59) and slopes, uncorrelated with each other. Without random slopes a slope
    that differs between languages, and is 0 on average, was found in a third of the draws instead
    of a twentieth (Barr, Levy, Scheepers & Tily 2013, Journal of Memory and Language 68, on why).
    The degrees of freedom of t are the smaller number of models or languages, less 1: so many
    slopes there are to average. That is careful; the work grows with the cube of the number of
    rows.

    Args:
        x: `[n]` numbers, for example alignment.
        y: `[n]` numbers, for example accuracy.
        model: `[n]` model of each row.
        language: `[n]` language of each row.
        confidence: level of the interval.

    Raises:
        NeuronXAError: statsmodels is missing, lengths differ, text or infinities in a column, or a
            model and language twice.
    """
    check_confidence(confidence)
    (used_x, used_y), kept, n_dropped = complete_rows({"x": x, "y": y})
    table = panel_labels(model, language, kept)
    models, languages = [row[0] for row in table], [row[1] for row in table]
    n, n_models, n_languages = len(used_x), len(set(models)), len(set(languages))
    library = _statsmodels()
    reason = missing_reason(n, {"x": used_x, "y": used_y})
    if reason is None and min(n_models, n_languages) < 2:
        reason = "a random effect needs at least two models and two languages"
    if reason is None and n - n_models - n_languages < MIN_POINTS:
        reason = f"{n} rows are too few for {n_models} models and {n_languages} languages"

    def unusable(reason: str) -> MixedModel:
        nan = math.nan
        return MixedModel(
            *(nan, nan, NO_INTERVAL, *(nan,) * 7),
            n,
            n_models,
            n_languages,
            n_dropped,
            False,
            confidence,
            reason,
        )

    if reason is not None:
        return unusable(reason)
    # Standardised columns keep the optimiser away from tiny variances.
    scale_x, scale_y = float(used_x.std(ddof=1)), float(used_y.std(ddof=1))
    standard_x = (used_x - used_x.mean()) / scale_x
    standard_y = (used_y - used_y.mean()) / scale_y
    of_language, of_model = _indicator(languages), _indicator(models)
    names = [sorted(set(languages)), sorted(set(models))]
    random_effects = library.VCSpec(
        ["language", "language slope", "model", "model slope"],
        [[names[0]], [names[0]], [names[1]], [names[1]]],
        [
            [of_language],
            [of_language * standard_x[:, None]],
            [of_model],
            [of_model * standard_x[:, None]],
        ],
    )
    fit = _fitted(
        library.MixedLM(
            standard_y,
            np.column_stack([np.ones(n), standard_x]),
            groups=np.ones(n),
            exog_vc=random_effects,
        )
    )
    if fit is None:
        return unusable("the fit ran into a singular matrix")
    standardised, error = float(fit.fe_params[1]), float(fit.bse_fe[1])
    df = min(n_models, n_languages) - 1
    reach = float(stats.t.isf((1.0 - confidence) / 2.0, df)) * error
    p = float(2.0 * stats.t.sf(abs(standardised) / error, df)) if error > 0.0 else math.nan
    by_language, language_slope, by_model, model_slope = (float(each) for each in fit.vcomp)
    ratio = scale_y / scale_x
    return MixedModel(
        slope=standardised * ratio,
        standard_error=error * ratio,
        interval=Interval((standardised - reach) * ratio, (standardised + reach) * ratio),
        p=p,
        standardised=standardised,
        variance_model=by_model * scale_y**2,
        variance_language=by_language * scale_y**2,
        variance_model_slope=model_slope * ratio**2,
        variance_language_slope=language_slope * ratio**2,
        variance_residual=float(fit.scale) * scale_y**2,
        n=n,
        n_models=n_models,
        n_languages=n_languages,
        n_dropped=n_dropped,
        converged=bool(fit.converged),
        confidence=confidence,
    )


def _fitted(model: Any) -> Any:
    """The fit by REML, or None where no method finds one.

    Powell's method needs no gradient, which variances of zero spoil for the others; where it walks
    to a singular matrix, the others are tried.
    """
    for method in (["powell"], ["bfgs", "lbfgs", "cg"]):
        with warnings.catch_warnings():
            # A variance of zero makes statsmodels warn; `converged` and the variances say it.
            warnings.simplefilter("ignore")
            try:
                fit = model.fit(reml=True, method=method)
            except np.linalg.LinAlgError:
                continue
        if math.isfinite(float(fit.fe_params[1])) and math.isfinite(float(fit.bse_fe[1])):
            return fit
    return None


def _indicator(labels: list[str]) -> FloatArray:
    levels = {label: i for i, label in enumerate(sorted(set(labels)))}
    matrix = np.zeros((len(labels), len(levels)))
    matrix[np.arange(len(labels)), [levels[label] for label in labels]] = 1.0
    return matrix


def _statsmodels() -> Any:
    """The module of statsmodels with mixed models; imported only when one is asked for."""
    try:
        return importlib.import_module("statsmodels.regression.mixed_linear_model")
    except ImportError as error:
        raise NeuronXAError(
            "A mixed model was asked for, but statsmodels, which fits it, is not installed. "
            "Type `pip install statsmodels`, or use `pooled_correlation`, which needs nothing."
        ) from error
