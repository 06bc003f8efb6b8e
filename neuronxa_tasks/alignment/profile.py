"""The alignment of two languages in one model, for each representation."""

from __future__ import annotations

from dataclasses import dataclass

from neuronxa_tasks.alignment.hits import Alignment, Compare, align, cosine
from neuronxa_tasks.states.vectors import SentenceVectors


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
