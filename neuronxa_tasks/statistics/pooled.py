"""One correlation over all models, with the level of each model (and language) taken out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    MIN_POINTS,
    FloatArray,
    IntArray,
    check_confidence,
    complete_rows,
    panel_labels,
)
from neuronxa_tasks.statistics.correlation import missing_reason
from neuronxa_tasks.statistics.jackknife import (
    NO_JACKKNIFE,
    Jackknife,
    check_families,
    codes,
    jackknife,
    no_jackknife,
)

Effects = Literal["model", "model+language"]

# What is left of a column's sum of squares below this share is rounding.
_NOTHING_LEFT = 1e-12


@dataclass(frozen=True, slots=True)
class PooledCorrelation:
    """Correlation over all rows of several models, given fixed effects.

    Attributes:
        effects: `model`, or `model+language`.
        r: the correlation of what the effects leave; NaN where there is none.
        n: complete rows.
        n_models: models among them.
        n_languages: languages among them.
        n_dropped: rows left out because a value was NaN.
        df: n - 2 - k, where k counts the independent effects.
        jackknife: interval from leaving out one language at a time, with all its models.
        by_family: the same for one family of languages, where families were given.
        confidence: level of the intervals.
        reason: why r is NaN, or None.
    """

    effects: Effects
    r: float
    n: int
    n_models: int
    n_languages: int
    n_dropped: int
    df: int
    jackknife: Jackknife
    by_family: Jackknife
    confidence: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums per language after its own effect, if asked for, is taken out.

    Any weighting of languages needs only their weighted sums (Frisch-Waugh-Lovell), so that
    leaving one out costs one small system of equations.
    """

    design: FloatArray  # [languages, models, models]
    with_x: FloatArray  # [languages, models]
    with_y: FloatArray  # [languages, models]
    xx: FloatArray  # [languages]
    yy: FloatArray  # [languages]
    xy: FloatArray  # [languages]
    all_xx: float  # of all rows, before any effect is taken out
    all_yy: float


def pooled_correlation(
    x: ArrayLike,
    y: ArrayLike,
    model: Sequence[str],
    language: Sequence[str],
    *,
    effects: Effects = "model",
    families: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> PooledCorrelation:
    """Correlates x and y within models over all rows of several models.

    `model` takes out each model's mean: what is left is the common correlation over languages
    (the repeated-measures correlation of Bakdash & Marusich 2017, Frontiers in Psychology 8:456).
    `model+language` takes out each language's mean as well: what is left says whether a model
    that aligns a language better than its peers do also performs better in it, which resource
    level cannot explain. Tables with holes are solved exactly by least squares.

    Args:
        x: `[n]` numbers, for example alignment.
        y: `[n]` numbers, for example accuracy.
        model: `[n]` model of each row.
        language: `[n]` language of each row; one row per model and language.
        effects: `model` or `model+language`.
        families: `[n]` family of the language of each row.
        confidence: level of the intervals.

    Raises:
        NeuronXAError: lengths differ, text or infinities in a column, a model and language twice,
            or an option out of range.
    """
    check_confidence(confidence)
    if effects not in ("model", "model+language"):
        raise NeuronXAError(
            f"The effects are {effects!r}, which is not known. Use 'model' or 'model+language'."
        )
    (used_x, used_y), kept, n_dropped = complete_rows({"x": x, "y": y})
    table = panel_labels(model, language, kept)
    models, languages = codes([row[0] for row in table]), codes([row[1] for row in table])
    if families is not None:
        check_families(families, len(kept))
    n = len(used_x)
    n_models, n_languages = len(np.unique(models)), len(np.unique(languages))

    def unusable(reason: str, df: int) -> PooledCorrelation:
        return PooledCorrelation(
            effects,
            math.nan,
            n,
            n_models,
            n_languages,
            n_dropped,
            df,
            no_jackknife(n_languages, reason),
            NO_JACKKNIFE if families is None else no_jackknife(n_languages, reason),
            confidence,
            reason,
        )

    reason = missing_reason(n, {"x": used_x, "y": used_y})
    if reason is not None:
        return unusable(reason, n - 2)
    sums = _sums(used_x, used_y, models, languages, both=effects == "model+language")
    k = _independent_effects(sums, n_models, n_languages, both=effects == "model+language")
    df = n - 2 - k
    if n - k < MIN_POINTS:
        return unusable(f"{k} independent effects leave {n} rows without degrees of freedom", df)
    r = float(_correlations(sums, np.ones((1, n_languages)))[0])
    if math.isnan(r):
        return unusable(f"the effects of {effects} explain x or y completely", df)

    def interval(units: IntArray, of_families: bool) -> Jackknife:
        """`units`: `[languages]` what each belongs to."""
        counted = (units[None, :] != np.arange(int(units.max()) + 1)[:, None]).astype(np.float64)
        return jackknife(
            _fisher(np.array([r]))[0],
            _fisher(_correlations(sums, counted)),
            confidence=confidence,
            families=of_families,
        )

    by_family = NO_JACKKNIFE
    if families is not None:
        of_row = [family for family, use in zip(families, kept, strict=True) if use]
        of_language = dict(zip(languages.tolist(), of_row, strict=True))
        by_family = interval(codes([of_language[i] for i in range(n_languages)]), True)
    return PooledCorrelation(
        effects=effects,
        r=r,
        n=n,
        n_models=n_models,
        n_languages=n_languages,
        n_dropped=n_dropped,
        df=df,
        jackknife=interval(np.arange(n_languages, dtype=np.int64), False),
        by_family=by_family,
        confidence=confidence,
    )


def _fisher(r: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):  # r = 1: no finite z, which `jackknife` says
        return np.asarray(np.arctanh(np.where(np.abs(r) > 1.0 - 1e-12, np.sign(r), r)))


def _sums(
    x: FloatArray, y: FloatArray, models: IntArray, languages: IntArray, *, both: bool
) -> _Sums:
    """Sums per language of centred x, y and the indicator columns of the models."""
    n_models, n_languages = int(models.max()) + 1, int(languages.max()) + 1
    x = x - x.mean()
    y = y - y.mean()
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    design = np.zeros((n_languages, n_models, n_models))
    with_x, with_y = np.zeros((2, n_languages, n_models))
    xx, yy, xy = np.zeros((3, n_languages))
    for language in range(n_languages):
        rows = languages == language
        indicator = np.zeros((int(rows.sum()), n_models))
        indicator[np.arange(len(indicator)), models[rows]] = 1.0
        part_x, part_y = x[rows], y[rows]
        if both:
            indicator = indicator - indicator.mean(axis=0)
            part_x, part_y = part_x - part_x.mean(), part_y - part_y.mean()
        design[language] = indicator.T @ indicator
        with_x[language], with_y[language] = indicator.T @ part_x, indicator.T @ part_y
        xx[language], yy[language] = part_x @ part_x, part_y @ part_y
        xy[language] = part_x @ part_y
    return _Sums(design, with_x, with_y, xx, yy, xy, float(x @ x), float(y @ y))


def _independent_effects(sums: _Sums, n_models: int, n_languages: int, *, both: bool) -> int:
    """Number of independent columns among the effects, beyond the constant."""
    if not both:
        return n_models - 1
    rank = int(np.linalg.matrix_rank(sums.design.sum(axis=0), tol=1e-9 * n_languages))
    return n_languages + rank - 1


def _correlations(sums: _Sums, weights: FloatArray) -> FloatArray:
    """Correlation under each row of language weights.

    Args:
        sums: per language.
        weights: `[m, languages]`, how often each language counts.

    Returns:
        `[m]` float64; NaN where the effects leave nothing of x or y.
    """
    result = np.empty(len(weights))
    n_models = sums.design.shape[1]
    step = max(1, 1_000_000 // (n_models * n_models))
    for start in range(0, len(weights), step):
        part = weights[start : start + step]
        design = np.tensordot(part, sums.design, axes=1)
        inverse = np.linalg.pinv(design, rcond=1e-10, hermitian=True)
        with_x, with_y = part @ sums.with_x, part @ sums.with_y
        explained_x = np.einsum("bij,bj->bi", inverse, with_x)
        explained_y = np.einsum("bij,bj->bi", inverse, with_y)
        xx = part @ sums.xx - (with_x * explained_x).sum(axis=1)
        yy = part @ sums.yy - (with_y * explained_y).sum(axis=1)
        xy = part @ sums.xy - (with_x * explained_y).sum(axis=1)
        # Against all rows: against what a language's effect leaves, rounding would look like much.
        enough = (xx > _NOTHING_LEFT * sums.all_xx) & (yy > _NOTHING_LEFT * sums.all_yy)
        scale = np.sqrt(np.where(enough, xx * yy, 1.0))
        result[start : start + step] = np.where(enough, np.clip(xy / scale, -1.0, 1.0), math.nan)
    return result
