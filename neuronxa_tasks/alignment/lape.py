"""Language activation probability entropy: which neurons are active for few languages alone?

Formula: p is the share of a language's tokens at which a neuron is active (its activation above 0;
every token counts once). Over the languages of a run p is divided by its sum, and LAPE is the
entropy of that, natural logarithm. The bar is the 95th percentile of all p. Of the neurons that
exceed it in some language those with the lowest LAPE are language-specific: as many as 1 % of all
neurons. Such a neuron belongs to each language in which it exceeds the bar.

Source: Tang et al. 2024, arXiv 2402.16438, section 2.2, with their shares. That such neurons are
found does not say that they carry a task over: changing them did not help transfer in arXiv
2503.17456.

Counts lie on disk, 4 bytes for each neuron and language (204 languages of 32 layers of 14,336
neurons: 357 MiB). Memory holds one layer of all languages as float64 and three numbers per neuron.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.alignment.layer_pair import Floats
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.vectors import SentenceVectors

SPECIFIC = 0.01
"""Share of all neurons that are language-specific."""
BAR = 0.95
"""Share of all activation probabilities that do not exceed the bar."""
_BINS = 1 << 16


class ActivityStore:
    """How often each neuron is active, of several languages in a folder, one file each.

    Args:
        folder: Exists, and nobody else writes there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, language: str, vectors: SentenceVectors) -> None:
        """Write the counts of a language, unless they are there.

        Raises:
            NeuronXAError: The disk is full or refuses.
        """
        path = self._path(language)
        if path.exists():
            return
        tokens = np.array([sum(vectors.tokens), *(each.shape[1] for each in vectors.active)])
        counts = [each.sum(dim=0).cpu().numpy() for each in vectors.active]
        own = path.with_suffix(f".{os.getpid()}")  # two processes may write the same pivot
        try:
            tokens.astype(np.int64).tofile(self._path(language, "tokens"))
            np.concatenate(counts).astype(np.uint32).tofile(own)
            own.replace(path)
        except OSError as error:
            raise NeuronXAError(
                f"The counts for `lape` cannot be written to {self._folder}: {error.strerror}. Set "
                "NEURONXA_CACHE to a folder on a larger disk, or leave `lape` out."
            ) from error

    def tokens(self, language: str) -> int:
        """Tokens of a language."""
        return int(np.fromfile(self._path(language, "tokens"), np.int64)[0])

    def widths(self, language: str) -> list[int]:
        """Neurons of each layer."""
        return [int(each) for each in np.fromfile(self._path(language, "tokens"), np.int64)[1:]]

    def layers(self, languages: Sequence[str]) -> Iterator[Floats]:
        """Activation probabilities [languages, F_l] of each layer."""
        opened = [np.memmap(self._path(each), np.uint32, mode="r") for each in languages]
        tokens = np.array([[self.tokens(each)] for each in languages], dtype=np.float64)
        start = 0
        for width in self.widths(languages[0]):
            yield np.stack([each[start : start + width] for each in opened]) / tokens
            start += width

    def _path(self, language: str, what: str = "counts") -> Path:
        return self._folder / f"{language}.{what}"


def entropy(probabilities: Floats) -> Floats:
    """LAPE of each neuron.

    Args:
        probabilities: [languages, F].

    Returns:
        [F], from 0 (one language alone) to ln(languages); NaN for a neuron that is never active.
    """
    sums = probabilities.sum(axis=0)
    shares = probabilities / np.where(sums > 0, sums, math.nan)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.asarray(-(shares * logs).sum(axis=0))


def bar_of(layers: Sequence[Floats] | Iterator[Floats], again: Iterator[Floats]) -> float:
    """The 95th percentile of all probabilities: the smallest that so many do not exceed.

    Args:
        layers: Arrays of probabilities.
        again: The same once more; only those near the percentile are held at once.
    """
    bins = np.zeros(_BINS, dtype=np.int64)
    for each in layers:
        bins += np.bincount(_bin(each).ravel(), minlength=_BINS)
    rank = round(BAR * int(bins.sum()))  # from 1
    below = np.cumsum(bins)
    found = int(np.searchsorted(below, rank))
    near = np.concatenate([each[_bin(each) == found] for each in again])
    place = rank - 1 - (int(below[found - 1]) if found else 0)
    return float(np.partition(near, place)[place])


def _bin(probabilities: Floats) -> NDArray[np.int64]:
    return np.minimum(probabilities * _BINS, _BINS - 1).astype(np.int64)


def specific_neurons(
    store: ActivityStore, languages: Sequence[str]
) -> tuple[float, dict[str, list[list[int]]]]:
    """Find the language-specific neurons.

    Args:
        store: Has all the languages.
        languages: At least two.

    Returns:
        The bar, and for each language and layer the places of its neurons, sorted. Of neurons with
        one LAPE the first of the model come first.
    """
    bar = bar_of(store.layers(languages), store.layers(languages))
    widths = store.widths(languages[0])
    entropies, clear = [], []
    for probabilities in store.layers(languages):
        entropies.append(entropy(probabilities))
        clear.append((probabilities > bar).any(axis=0))
    lowest = np.where(np.concatenate(clear), np.concatenate(entropies), math.inf)
    count = min(round(SPECIFIC * len(lowest)), int(np.isfinite(lowest).sum()))
    chosen = np.zeros(len(lowest), dtype=bool)
    chosen[np.argsort(lowest, kind="stable")[:count]] = True
    found: dict[str, list[list[int]]] = {language: [] for language in languages}
    start = 0
    for width, probabilities in zip(widths, store.layers(languages), strict=True):
        own = (probabilities > bar) & chosen[start : start + width]
        for language, row in zip(languages, own, strict=True):
            found[language].append(np.flatnonzero(row).tolist())
        start += width
    return bar, found
