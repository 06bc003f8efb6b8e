"""Alignment of two sets of sentence vectors: arrays in, integers and rates out.

Definitions: Huang et al. 2025 (arXiv 2507.14900), section 3, and Kargaran et al. 2025 (MEXA,
arXiv 2410.05873), section 3. The cosine matrix C has the pivot sentences in its rows and the
target sentences in its columns. A pair i is a hit if C[i, i] is strictly greater than every other
entry of row i and column i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.memory import free_cached, out_of_memory, side_by_side
from neuronxa_tasks.states.reading import fetch

Compare: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Look: TypeAlias = Callable[[Tensor], Tensor]
"""From the similarities of a layer, [n, n], to counts, int64."""
Counts: TypeAlias = NDArray[np.int64]
Rates: TypeAlias = NDArray[np.float64]

TIE = 1e-12
"""Cosines closer than this are equal.

Equal sentences have equal vectors, yet the rounding of a matrix product may depend on the column:
float64 cosines of equal vectors differ by about 1e-16. Vectors come in float32, so a smaller
difference than this between different sentences is beyond their precision.
"""

REPRESENTATIONS = ("nas", "nav", "hidden")


def cosine(pivot: Tensor, target: Tensor) -> Tensor:
    """Cosine of every pivot vector with every target vector.

    Args:
        pivot: [n, F], any float dtype.
        target: [n, F], the same device.

    Returns:
        [n, n] float64. A zero vector has cosine 0 with everything: it ties with all others, so
        it is never a hit and never anybody's only neighbour.
    """
    if pivot.device.type == "mps":  # has no float64
        pivot, target = pivot.cpu(), target.cpu()
    pivot, target = pivot.to(torch.float64), target.to(torch.float64)
    # The product is divided, not the vectors: n x n numbers instead of n x F.
    return (pivot @ target.T).div_(_norms(pivot)).div_(_norms(target).T)


def similarities(pivot: Tensor, target: Tensor, compare: Compare = cosine) -> Tensor:
    """Compare vectors wherever they are: on an accelerator if one of them is, and there is room.

    Args:
        pivot: [n, F], any float dtype.
        target: [n, F], maybe on another device.
        compare: As for `align`.

    Returns:
        [n, n], float64.
    """
    pivot, target = side_by_side(pivot, target)
    try:
        return compare(pivot, target)
    except Exception as error:
        if pivot.device.type == "cpu" or not out_of_memory(error):
            raise
    free_cached()
    return compare(pivot.cpu(), target.cpu())


def unit(vectors: Tensor) -> Tensor:
    """Divide each row by its Euclidean norm, in float64; a row of zeros stays as it is.

    Args:
        vectors: [n, F], any float dtype, on a device that has float64.
    """
    vectors = vectors.to(torch.float64)
    return vectors / _norms(vectors)


def _norms(vectors: Tensor) -> Tensor:
    """Euclidean norms [n, 1]; 1 for a row of zeros, which stays as it is when divided."""
    norms = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return torch.where(norms > 0, norms, 1.0)


def count_rivals(similarity: Tensor) -> Tensor:
    """Count, for every pair, the sentences that are at least as close as its true partner.

    Args:
        similarity: [n, n] float, pivot in rows, target in columns.

    Returns:
        [3, n] int64: rivals in the row (other targets for pivot i), in the column (other pivots
        for target i), and in either (sentences j that are a rival in the row, in the column or
        in both). No rival in the row is a hit forward (pivot to target), none in the column
        backward, none in either mutual.
    """
    own = similarity.diagonal()
    row = similarity >= own.unsqueeze(1) - TIE
    column = (similarity >= own.unsqueeze(0) - TIE).T
    either = row | column
    return torch.stack([rivals.sum(dim=1) - 1 for rivals in (row, column, either)])


@dataclass(frozen=True)
class Alignment:
    """Alignment of one representation between two languages.

    Attributes:
        rivals: [3, L, n] int64: per layer and sentence pair the rivals in the row, in the column
            and in either. See `count_rivals`.
    """

    rivals: Counts

    @cached_property
    def forward(self) -> Counts:
        """[L] int64, hits from pivot to target."""
        return self._hits(0)

    @cached_property
    def backward(self) -> Counts:
        """[L] int64, hits from target to pivot."""
        return self._hits(1)

    @cached_property
    def mutual(self) -> Counts:
        """[L] int64, mutual nearest neighbours."""
        return self._hits(2)

    def _hits(self, kind: int) -> Counts:
        hits: Counts = np.count_nonzero(self.rivals[kind] == 0, axis=1)
        return hits

    @property
    def n(self) -> int:
        """Number of sentence pairs."""
        return int(self.rivals.shape[2])

    @property
    def rates(self) -> Rates:
        """[L] float64 in [0, 1], mu per layer: the share of mutual nearest neighbours."""
        return self.mutual / self.n

    @property
    def shares(self) -> Rates:
        """[n] float64 in [0, 1], the share of layers in which each pair is a mutual hit."""
        shares: Rates = (self.rivals[2] == 0).mean(axis=0)
        return shares

    @property
    def mean(self) -> float:
        """Mean of `rates` over the layers."""
        return float(self.rates.mean())

    @property
    def max(self) -> float:
        """Rate of the best layer."""
        return float(self.rates.max())


def align(
    pivot: Sequence[Tensor | ArrayLike],
    target: Sequence[Tensor | ArrayLike],
    compare: Compare = cosine,
) -> Alignment:
    """Align the sentence vectors of two languages, layer by layer.

    Args:
        pivot: L arrays [n, F_l], the vectors of the pivot sentences.
        target: L arrays [n, F_l], line-parallel to the pivot.
        compare: Similarity of all pairs of vectors of a layer, [n, F], [n, F] -> [n, n].

    Raises:
        NeuronXAError: Different numbers of layers or sentences, fewer than two sentences, or a
            vector that is not finite.
    """
    (counts,) = finite([fetch(each) for each in look_at(pivot, target, [count_rivals], compare)])
    return Alignment(counts.transpose(1, 0, 2))


def look_at(
    pivot: Sequence[Tensor | ArrayLike],
    target: Sequence[Tensor | ArrayLike],
    looks: Sequence[Look],
    compare: Compare = cosine,
) -> list[list[Tensor]]:
    """Compare the vectors of each layer once, and let several functions count in the result.

    Nothing waits for an accelerator: `states.reading.fetch` brings all counts at once.

    Args:
        pivot: L arrays [n, F_l].
        target: L arrays [n, F_l].
        looks: What is counted.
        compare: As for `align`.

    Returns:
        For each of `looks` L tensors, and one list more for `finite`.

    Raises:
        NeuronXAError: As `align`, but for vectors that are not finite.
    """
    if len(pivot) != len(target) or not pivot:
        raise NeuronXAError(
            f"The pivot has {len(pivot)} layers and the target {len(target)}. Both need the same "
            "layers, at least one: encode them with the same model and options."
        )
    found: list[list[Tensor]] = [[] for _ in range(len(looks) + 1)]
    for i, (p, t) in enumerate(zip(pivot, target, strict=True)):
        similarity = _layer(torch.as_tensor(p), torch.as_tensor(t), i, compare)
        for counts, look in zip(found, (*looks, _all_finite), strict=True):
            counts.append(look(similarity))
    return found


def finite(counts: Sequence[Counts]) -> Sequence[Counts]:
    """Check what `look_at` says about each layer; return the counts without it.

    Args:
        counts: For each look [L, ...], and [L] whether all similarities of a layer are finite.

    Raises:
        NeuronXAError: A layer has a vector that is not finite.
    """
    *counts, are_finite = counts
    if not are_finite.all():
        raise NeuronXAError(
            f"Layer {int(are_finite.argmin())} has a vector that is not finite, so its cosines "
            "mean nothing. Load the model in bfloat16 or float32, or look for damaged weights."
        )
    return counts


def _all_finite(similarity: Tensor) -> Tensor:
    return torch.isfinite(similarity).all().long()


def _layer(pivot: Tensor, target: Tensor, layer: int, compare: Compare) -> Tensor:
    if pivot.ndim != 2 or pivot.shape != target.shape:
        raise NeuronXAError(
            f"Layer {layer}: the pivot vectors have shape {list(pivot.shape)} and the target "
            f"vectors {list(target.shape)}. Alignment needs line-parallel text and one model: "
            "the same number of sentences and the same width."
        )
    if len(pivot) < 2:
        raise NeuronXAError(
            f"{len(pivot)} sentence pair has no rivals, so a nearest neighbour means nothing. "
            "Give at least two pairs; 100 is the usual number."
        )
    return similarities(pivot, target, compare)
