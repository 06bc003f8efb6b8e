"""The alignment of two languages in one model, for each representation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import Tensor

from neuronxa_tasks.alignment.hits import (
    REPRESENTATIONS,
    Alignment,
    Compare,
    Counts,
    Look,
    align,
    cosine,
    count_rivals,
    finite,
    look_at,
)
from neuronxa_tasks.states.reading import fetch_all
from neuronxa_tasks.states.vectors import SentenceVectors

if TYPE_CHECKING:
    import pandas as pd

View: TypeAlias = Callable[[Tensor], Tensor]
"""From the cosines of a layer to other similarities of the pairs, [n, n] -> [n, n]."""


@dataclass(frozen=True)
class Profile:
    """Alignment of two languages in one model, for each representation.

    Attributes:
        nas: Of neuron activation states; its mean is NASCA.
        nav: Of neuron activation values; its mean is NAVCA.
        hidden: Of hidden states; its mean is MEXA.
    """

    nas: Alignment
    nav: Alignment
    hidden: Alignment

    @property
    def n(self) -> int:
        """Number of sentence pairs."""
        return self.nas.n

    @property
    def scores(self) -> dict[str, float]:
        """Mean over layers and best layer for each representation, by metric name."""
        named = {"nasca": self.nas, "navca": self.nav, "mexa": self.hidden}
        means = {name: each.mean for name, each in named.items()}
        return means | {f"{name}_max": each.max for name, each in named.items()}

    def to_frame(self) -> pd.DataFrame:
        """One row per representation and layer.

        Returns:
            `representation` (`nas`, `nav`, `hidden`); `layer`, which counts feed-forward networks
            from 1, and blocks from 1 for hidden states, with the embeddings as 0; the hits
            `mutual`, `forward` and `backward`; `n`; and `rate`, mutual / n. NASCA is the mean
            `rate` of `nas`, NAVCA that of `nav`, MEXA that of `hidden`.
        """
        from neuronxa_tasks.alignment.profile_views import frame_of

        return frame_of({"nas": self.nas, "nav": self.nav, "hidden": self.hidden})

    def plot(self, title: str = "") -> Any:
        """An Altair chart: the share of mutual nearest neighbours in each layer, and chance.

        Args:
            title: above the chart.

        Raises:
            NeuronXAError: Altair is not installed.
        """
        from neuronxa_tasks.alignment.profile_views import chart_of

        return chart_of(self.to_frame(), title)


def profile(pivot: SentenceVectors, target: SentenceVectors, compare: Compare = cosine) -> Profile:
    """Align the vectors of two line-parallel lists of sentences.

    Args:
        pivot: Vectors of the pivot language.
        target: Vectors of the target language, from the same encoder.
        compare: Similarity of all pairs of vectors of a layer; see `align`.

    Raises:
        NeuronXAError: The two do not belong together, or have fewer than two sentences.
    """
    return Profile(
        nas=align(pivot.nas, target.nas, compare),
        nav=align(pivot.nav, target.nav, compare),
        hidden=align(pivot.hidden, target.hidden, compare),
    )


def profile_and_views(
    pivot: SentenceVectors,
    target: SentenceVectors,
    views: Mapping[str, View],
    looks: Sequence[Look] = (),
) -> tuple[Profile, dict[str, Profile], list[dict[str, Counts]]]:
    """Do what `profile` does, and take from the same cosines whatever else they say.

    Vectors are compared once, and an accelerator is waited for once.

    Args:
        pivot: Vectors of the pivot language.
        target: Vectors of the target language, from the same encoder.
        views: Name -> other similarities, made of the cosines.
        looks: What else is counted in the cosines.

    Returns:
        The profile, the profile of each view, and for each of `looks` representation -> [L, ...].

    Raises:
        NeuronXAError: As `profile`.
    """
    asked = [count_rivals, *(_seen_through(view) for view in views.values()), *looks]
    pending = [
        look_at(getattr(pivot, name), getattr(target, name), asked) for name in REPRESENTATIONS
    ]
    fetched = iter(fetch_all([group for groups in pending for group in groups]))
    counts = [finite([next(fetched) for _ in groups]) for groups in pending]
    each = [
        dict(zip(REPRESENTATIONS, of_look, strict=True)) for of_look in zip(*counts, strict=True)
    ]
    own, *others = [
        Profile(**{name: Alignment(rivals.transpose(1, 0, 2)) for name, rivals in found.items()})
        for found in each[: 1 + len(views)]
    ]
    return own, dict(zip(views, others, strict=True)), each[1 + len(views) :]


def _seen_through(view: View) -> Look:
    return lambda similarity: count_rivals(view(similarity))
