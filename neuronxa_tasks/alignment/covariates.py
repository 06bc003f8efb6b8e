"""Facts about a language in a model that may drive its score: tokens, density, norms, hubs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from torch import Tensor

from neuronxa_tasks.alignment.hits import TIE, similarities
from neuronxa_tasks.schema import CovariatesBlock, NormsBlock
from neuronxa_tasks.states.vectors import SentenceVectors

NEIGHBOURS = 10
"""k of the k-occurrence whose skewness tells of hubs."""


def k_occurrence(similarity: Tensor, k: int = NEIGHBOURS) -> NDArray[np.int64]:
    """Count how often each target is among the k nearest of a pivot sentence.

    Args:
        similarity: [n, n] float, pivot in rows, target in columns.
        k: Neighbours, at most n.

    Returns:
        [n] int64. Targets as near as the k-th count too, so equal sentences count equally.
    """
    kth = similarity.topk(k, dim=1).values[:, -1:]
    counts: NDArray[np.int64] = (similarity >= kth - TIE).sum(dim=0).cpu().numpy()
    return counts


def skewness(values: ArrayLike) -> float:
    """Return the third standardised moment of a population; NaN without spread.

    Of k-occurrences it measures hubness (Radovanovic et al. 2010, JMLR 11, section 3): 0 without
    hubs, large where few vectors are everybody's neighbours.
    """
    array = np.asarray(values, dtype=np.float64)
    return float(stats.skew(array)) if np.ptp(array) > 0 else math.nan


def hub_skewness(pivot: Sequence[Tensor], target: Sequence[Tensor]) -> list[float]:
    """Skewness of the 10-occurrence of the target's sentences, per layer.

    Args:
        pivot: L tensors [n, F].
        target: L tensors [n, F].

    Returns:
        L numbers; NaN where n is not greater than 10, since then everybody is a neighbour.
    """
    if len(pivot[0]) <= NEIGHBOURS:
        return [math.nan] * len(pivot)
    return [skewness(k_occurrence(similarities(p, t))) for p, t in zip(pivot, target, strict=True)]


def covariates(
    sentences: tuple[Sequence[str], Sequence[str]],
    vectors: tuple[SentenceVectors, SentenceVectors],
    tokenizer: Any,
) -> CovariatesBlock:
    """Collect the covariates of one language pair.

    Args:
        sentences: The pivot's and the target's.
        vectors: The pivot's and the target's.
        tokenizer: The model's.
    """
    pivot, target = vectors
    pivot_tokens, target_tokens = (_tokens(tokenizer, each) for each in sentences)
    return CovariatesBlock(
        fertility=number(len(target_tokens) / len(pivot_tokens) if pivot_tokens else math.nan),
        unknown_rate={
            "pivot": _unknown(tokenizer, pivot_tokens),
            "target": _unknown(tokenizer, target_tokens),
        },
        nas_density={"pivot": _means(pivot.nas), "target": _means(target.nas)},
        norm={"pivot": _norms(pivot), "target": _norms(target)},
        hub_skewness={
            "nas": _numbers(hub_skewness(pivot.nas, target.nas)),
            "nav": _numbers(hub_skewness(pivot.nav, target.nav)),
            "hidden": _numbers(hub_skewness(pivot.hidden, target.hidden)),
        },
    )


def _tokens(tokenizer: Any, sentences: Sequence[str]) -> list[int]:
    rows = tokenizer(list(sentences), add_special_tokens=False)["input_ids"]
    return [token for row in rows for token in row]


def _unknown(tokenizer: Any, tokens: Sequence[int]) -> float | None:
    unknown = tokens.count(tokenizer.unk_token_id)
    return number(unknown / len(tokens) if tokens else math.nan)


def _means(layers: Sequence[Tensor]) -> list[float | None]:
    return _numbers([float(each.mean(dtype=torch.float64)) for each in layers])


def _norms(vectors: SentenceVectors) -> NormsBlock:
    nav, hidden = (
        _numbers([float(torch.linalg.vector_norm(each, dim=1).mean()) for each in group])
        for group in (vectors.nav, vectors.hidden)
    )
    return NormsBlock(nav=nav, hidden=hidden)


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [number(value) for value in values]


def number(value: float) -> float | None:
    """Six digits; None, which JSON has, for NaN, which it has not."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
