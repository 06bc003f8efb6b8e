"""Other ways to compare the same vectors, for what is known to distort a nearest neighbour.

* `centred`: every language's mean vector is taken away first; answers anisotropy.
* `csls`: similarity less the mean similarity to the nearest neighbours; answers hubs.
* `width_matched`: as many random neurons as a hidden state has dimensions; answers that NAS and
  NAV have longer vectors.
* `hidden_sign`: whether hidden states are positive, as NAS is of neurons; answers that only the
  neurons are made binary.
* `top_decile`: a neuron is active where it is among the highest tenth of its network at that token;
  answers that the threshold 0 makes models and languages differently dense.
* `up_sign`: whether the up projection is positive, instead of the gate; answers that the gate is
  one of two branches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from neuronxa_tasks.alignment.hits import TIE, Alignment, align, cosine
from neuronxa_tasks.alignment.profile import Profile, View, profile, profile_and_views
from neuronxa_tasks.states.vectors import SentenceVectors

NEIGHBOURS = 10
"""k of CSLS."""
WIDTH_SEED = 0
"""Of the neurons that `width_matched` draws."""


def variant_alignments(
    variant: str,
    pivot: SentenceVectors,
    target: SentenceVectors,
    seen: Mapping[str, Profile] = MappingProxyType({}),
) -> dict[str, Alignment]:
    """Compare the vectors of two languages in another way.

    Args:
        variant: A key of `names.VARIANTS`.
        pivot: Vectors of the pivot, from an encoder that was given the variant.
        target: Vectors of the target.
        seen: Profiles of `VIEWS` that `profile_and_views` gave already.

    Returns:
        The alignment of each representation that the variant has.
    """
    if variant == "hidden_sign":
        return {"hidden": align(pivot.signs, target.signs)}
    if variant == "top_decile":
        return {"nas": align(pivot.top, target.top)}
    if variant == "up_sign":
        return {"nas": align(pivot.up, target.up)}
    if variant == "width_matched":
        width = pivot.hidden[0].shape[1]
        return {
            "nas": align(subset(pivot.nas, width), subset(target.nas, width)),
            "nav": align(subset(pivot.nav, width), subset(target.nav, width)),
        }
    if variant in VIEWS:
        found = seen.get(variant) or profile_and_views(pivot, target, VIEWS)[1][variant]
    else:
        found = profile(pivot, target, centred_cosine)
    return {"nas": found.nas, "nav": found.nav, "hidden": found.hidden}


def centred_cosine(pivot: Tensor, target: Tensor) -> Tensor:
    """Cosine after each language's mean over its n sentences is taken away.

    Args:
        pivot: [n, F], any float dtype.
        target: [n, F].

    Returns:
        [n, n] float64. A vector that is the mean, up to rounding, has cosine 0 with everything.
    """
    if pivot.device.type == "mps":  # has no float64
        pivot, target = pivot.cpu(), target.cpu()
    return cosine(_centred(pivot), _centred(target))


def _centred(vectors: Tensor) -> Tensor:
    vectors = vectors.to(torch.float64)
    centred = vectors - vectors.mean(dim=0)
    size = torch.linalg.vector_norm(vectors, dim=1).max()
    nothing = torch.linalg.vector_norm(centred, dim=1) <= TIE * size
    return centred.masked_fill(nothing.unsqueeze(1), 0.0)


def csls(similarity: Tensor) -> Tensor:
    """Cross-domain similarity local scaling (Conneau et al. 2018, arXiv 1710.04087, section 2.3).

    2 cos(x, y) - r(x) - r(y), where r is the mean cosine with the 10 nearest sentences of the
    other language (all, where there are fewer), the true partner among them.

    Args:
        similarity: [n, n] float64, cosines; pivot in rows, target in columns.

    Returns:
        [n, n] float64.
    """
    k = min(NEIGHBOURS, len(similarity))
    of_pivot = similarity.topk(k, dim=1).values.mean(dim=1, keepdim=True)
    of_target = similarity.topk(k, dim=0).values.mean(dim=0, keepdim=True)
    return 2 * similarity - of_pivot - of_target


VIEWS: Mapping[str, View] = MappingProxyType({"csls": csls})
"""Variants that take the same cosines otherwise."""


def subset(layers: Sequence[Tensor], width: int) -> list[Tensor]:
    """Choose neurons at random, the same for all languages and for layers of equal width.

    Args:
        layers: L tensors [n, F_l].
        width: Neurons to keep; layers that have no more keep all.

    Returns:
        L tensors [n, min(F_l, width)].
    """
    return [
        each[:, _chosen(each.shape[1], width).to(each.device)] if each.shape[1] > width else each
        for each in layers
    ]


def _chosen(of: int, width: int) -> Tensor:
    rng = np.random.default_rng(WIDTH_SEED)
    return torch.from_numpy(np.sort(rng.choice(of, width, replace=False)))
