"""Facts about a language in a model that may drive its score: tokens, density, norms, hubs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from torch import Tensor

from neuronxa_tasks.alignment.hits import TIE, Counts
from neuronxa_tasks.schema import CovariatesBlock, NormsBlock
from neuronxa_tasks.states.vectors import Sizes

NEIGHBOURS = 10
"""k of the k-occurrence whose skewness tells of hubs."""


def k_occurrence(similarity: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """Count how often each target is among the k nearest of a pivot sentence.

    Args:
        similarity: [n, n] float, pivot in rows, target in columns.
        k: Neighbours; where there are fewer, everybody is one.

    Returns:
        [n] int64. Targets as near as the k-th count too, so equal sentences count equally.
    """
    kth = similarity.topk(min(k, len(similarity)), dim=1).values[:, -1:]
    return (similarity >= kth - TIE).sum(dim=0)


def skewness(values: ArrayLike) -> float:
    """Return the third standardised moment of a population; NaN without spread.

    Of k-occurrences it measures hubness (Radovanovic et al. 2010, JMLR 11, section 3): 0 without
    hubs, large where few vectors are everybody's neighbours.
    """
    array = np.asarray(values, dtype=np.float64)
    return float(stats.skew(array)) if np.ptp(array) > 0 else math.nan


def hub_skewness(occurrence: Counts) -> list[float]:
    """Skewness of the 10-occurrence of the target's sentences, per layer.

    Args:
        occurrence: [L, n], of each layer what `k_occurrence` counts.

    Returns:
        L numbers; NaN where n is not greater than 10, since then everybody is a neighbour.
    """
    if occurrence.shape[1] <= NEIGHBOURS:
        return [math.nan] * len(occurrence)
    return [skewness(layer) for layer in occurrence]


def covariates(
    tokens: tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]],
    sizes: tuple[Sizes, Sizes],
    occurrence: Mapping[str, Counts],
    unknown: int | None,
) -> CovariatesBlock:
    """Collect the covariates of one language pair.

    Args:
        tokens: Token ids of the pivot's sentences and of the target's, without special tokens.
        sizes: Of the pivot's vectors and of the target's.
        occurrence: Representation -> [L, n], see `k_occurrence`.
        unknown: Id of the tokenizer's unknown token; None where it has none.
    """
    pivot, target = sizes
    pivot_tokens, target_tokens = ([token for row in rows for token in row] for rows in tokens)
    return CovariatesBlock(
        fertility=number(len(target_tokens) / len(pivot_tokens) if pivot_tokens else math.nan),
        unknown_rate={
            "pivot": _share(unknown, pivot_tokens),
            "target": _share(unknown, target_tokens),
        },
        nas_density={
            "pivot": _numbers(pivot.density),
            "target": _numbers(target.density),
        },
        norm={"pivot": _norms(pivot), "target": _norms(target)},
        hub_skewness={
            "nas": _numbers(hub_skewness(occurrence["nas"])),
            "nav": _numbers(hub_skewness(occurrence["nav"])),
            "hidden": _numbers(hub_skewness(occurrence["hidden"])),
        },
    )


def _share(unknown: int | None, tokens: Sequence[int | None]) -> float | None:
    return number(tokens.count(unknown) / len(tokens) if tokens else math.nan)


def _norms(sizes: Sizes) -> NormsBlock:
    return NormsBlock(nav=_numbers(sizes.nav), hidden=_numbers(sizes.hidden))


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [number(value) for value in values]


def number(value: float) -> float | None:
    """Six digits; None, which JSON has, for NaN, which it has not."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
