"""Correlation of two columns with covariates taken out of both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    MIN_POINTS,
    BoolArray,
    FloatArray,
    as_column,
    check_confidence,
    complete_rows,
    deviations,
)
from neuronxa_tasks.statistics.correlation import missing_reason, ranks
from neuronxa_tasks.statistics.fisher import (
    NO_INTERVAL,
    Interval,
    Kind,
    check_kind,
    fisher_interval,
)

# Directions weaker than this share of the strongest are combinations of the others.
_RANK_TOLERANCE = 1e-10
# A residual this small means that the covariates explain the column completely.
_EXPLAINED = 1e-9


@dataclass(frozen=True, slots=True)
class PartialCorrelation:
    """A correlation given covariates.

    Attributes:
        kind: `pearson` or `spearman` (everything ranked first).
        r: the partial correlation; NaN where there is none.
        n: complete rows used.
        n_dropped: rows left out because a value was NaN.
        n_covariates: independent covariates k taken out.
        n_redundant: covariate columns that were constant or a combination of others.
        df: n - 2 - k.
        p: two-sided, from t = r sqrt(df / (1 - r^2)).
        interval: Fisher interval with n - k - 3.
        confidence: level of the interval.
        reason: why r is NaN, or None.
    """

    kind: Kind
    r: float
    n: int
    n_dropped: int
    n_covariates: int
    n_redundant: int
    df: int
    p: float
    interval: Interval
    confidence: float
    reason: str | None = None


def partial_correlation(
    x: ArrayLike,
    y: ArrayLike,
    covariates: ArrayLike,
    *,
    kind: Kind = "pearson",
    confidence: float = 0.95,
) -> PartialCorrelation:
    """Correlates what is left of x and y after regressing both on the covariates.

    With k independent covariates, df = n - 2 - k and Fisher's standard error is
    1 / sqrt(n - k - 3) (Fisher 1924). Spearman's version ranks all columns first. Columns that
    add nothing (constant, or a combination of others) are counted and cost no degree of freedom.
    Rows with a NaN anywhere are dropped and counted.

    Args:
        x: `[n]` numbers.
        y: `[n]` numbers.
        covariates: `[n]` or `[n, k]` numbers; for labels see `dummy_code`.
        kind: `pearson` or `spearman`.
        confidence: level of the interval.

    Returns:
        NaN with a reason where n - k < 4, a column is constant, or the covariates explain x or y
        completely.

    Raises:
        NeuronXAError: lengths differ, text or infinities in a column, or an option out of range.
    """
    check_kind(kind)
    check_confidence(confidence)
    table = np.asarray(covariates)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2:
        raise NeuronXAError(
            f"The covariates have the shape {table.shape}, but they need rows and columns. "
            "Pass one row per point and one column per covariate."
        )
    named = {f"covariate {i}": table[:, i] for i in range(table.shape[1])}
    (used_x, used_y, *used_z), _, n_dropped = complete_rows({"x": x, "y": y, **named})
    if not named and len(table) != len(used_x) + n_dropped:
        raise NeuronXAError(
            f"The covariates have {len(table)} rows and x has {len(used_x) + n_dropped}, so they "
            "cannot be paired. Join them on the language first."
        )
    n = len(used_x)
    columns = np.stack([used_x, used_y, *used_z])
    if kind == "spearman" and n:
        columns = ranks(columns)
    basis = column_basis(columns[2:]) if n else np.zeros((0, 0))
    k = len(basis)
    df = n - 2 - k

    def unusable(reason: str) -> PartialCorrelation:
        return PartialCorrelation(
            kind,
            math.nan,
            n,
            n_dropped,
            k,
            len(used_z) - k,
            df,
            math.nan,
            NO_INTERVAL,
            confidence,
            reason,
        )

    reason = missing_reason(n, {"x": used_x, "y": used_y})
    if reason is not None:
        return unusable(reason)
    if n - k < MIN_POINTS:
        return unusable(
            f"{k} independent covariates leave {n} points without degrees of freedom; at least "
            f"{k + MIN_POINTS} points are needed"
        )
    units, _ = deviations(columns[:2])
    left = units - (units @ basis.T) @ basis
    length = np.linalg.norm(left, axis=1)
    for name, rest in zip(("x", "y"), length, strict=True):
        if rest < _EXPLAINED:
            return unusable(f"the covariates explain {name} completely")
    r = float(np.clip(left[0] @ left[1] / (length[0] * length[1]), -1.0, 1.0))
    t = r * math.sqrt(df / (1.0 - r * r)) if abs(r) < 1.0 else math.copysign(math.inf, r)
    return PartialCorrelation(
        kind=kind,
        r=r,
        n=n,
        n_dropped=n_dropped,
        n_covariates=k,
        n_redundant=len(used_z) - k,
        df=df,
        p=float(2.0 * stats.t.sf(abs(t), df)),
        interval=fisher_interval(r, n, kind=kind, covariates=k, confidence=confidence),
        confidence=confidence,
    )


def column_basis(columns: FloatArray) -> FloatArray:
    """Orthonormal basis of what the columns add to a constant.

    Args:
        columns: `[k, n]` float64 without NaN.

    Returns:
        `[rank, n]` float64, rank <= k; each row has mean 0 and length 1.
    """
    if columns.shape[0] == 0:
        return np.zeros((0, columns.shape[1]))
    units, _ = deviations(columns)
    _, strength, directions = np.linalg.svd(units, full_matrices=False)
    independent = strength > _RANK_TOLERANCE * max(1.0, float(strength.max(initial=0.0)))
    return np.asarray(directions[independent], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class DummyCode:
    """Labels as columns of zeros and ones.

    Attributes:
        matrix: `[n, levels - 1]` float64; a row of NaN where the label is missing.
        columns: the level of each column.
        reference: the level that is zero everywhere (the most frequent; ties by alphabet).
        singletons: levels with one member. That row is fitted exactly, so it takes no part in a
            partial correlation any more.
        missing: `[n]` bool, True where the label is missing.
    """

    matrix: FloatArray
    columns: tuple[str, ...]
    reference: str
    singletons: tuple[str, ...]
    missing: BoolArray


def dummy_code(labels: Sequence[str | None], *, name: str = "the covariate") -> DummyCode:
    """Turns labels such as script or family into covariate columns.

    Args:
        labels: `[n]` labels; None, NaN or an empty text is a missing one.
        name: how messages call the covariate.

    Raises:
        NeuronXAError: no label at all, something that is no text, or so many levels that fewer
            than four degrees of freedom would be left.
    """
    cleaned = [_label(label, name) for label in labels]
    counts = Counter(label for label in cleaned if label is not None)
    if not counts:
        raise NeuronXAError(
            f"{name} has no label in any of {len(cleaned)} rows, so there is nothing to adjust "
            "for. Leave it out or fill it in."
        )
    n = sum(counts.values())
    if n - (len(counts) - 1) < MIN_POINTS:
        raise NeuronXAError(
            f"{name} has {len(counts)} levels in {n} labelled rows, which leaves fewer than "
            f"{MIN_POINTS} degrees of freedom for a correlation. "
            "Merge levels into larger ones, or leave it out."
        )
    reference = min(counts, key=lambda level: (-counts[level], level))
    columns = tuple(sorted(level for level in counts if level != reference))
    matrix = np.array(
        [
            [math.nan if label is None else float(label == level) for level in columns]
            for label in cleaned
        ],
        dtype=np.float64,
    ).reshape(len(cleaned), len(columns))
    return DummyCode(
        matrix=matrix,
        columns=columns,
        reference=reference,
        singletons=tuple(sorted(level for level, count in counts.items() if count == 1)),
        missing=np.array([label is None for label in cleaned], dtype=np.bool_),
    )


def _label(label: object, name: str) -> str | None:
    if label is None or (isinstance(label, float) and math.isnan(label)) or label == "":
        return None
    if not isinstance(label, str):
        raise NeuronXAError(
            f"{name} holds {label!r}, but only texts are labels. "
            "Pass numbers as a numeric covariate, or write them as text."
        )
    return label


def stack_covariates(*covariates: ArrayLike) -> FloatArray:
    """Puts numeric columns `[n]` and tables `[n, k]` side by side, `[n, sum of k]`.

    Raises:
        NeuronXAError: lengths differ, or text or infinities in a column.
    """
    columns: list[FloatArray] = []
    for position, values in enumerate(covariates):
        table = np.asarray(values)
        table = table[:, None] if table.ndim == 1 else table
        columns += [
            as_column(table[:, i], f"covariate {position}.{i}") for i in range(table.shape[1])
        ]
    lengths = {len(np.asarray(values)) for values in covariates}
    if len(lengths) != 1:
        raise NeuronXAError(
            f"The covariates have {sorted(lengths)} rows, so they cannot stand side by side. "
            "Join them on the language first."
        )
    return np.stack(columns, axis=1) if columns else np.zeros((lengths.pop(), 0))
