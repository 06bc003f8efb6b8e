"""All languages against all: vectors on disk, mutual nearest neighbours of every pair.

Each language is encoded once and written to a temporary file; the comparison reads one layer of a
block of languages at a time. So memory holds two blocks, however many languages there are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from neuronxa_tasks.alignment.hits import REPRESENTATIONS, TIE, unit
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.schema import PairHitsBlock
from neuronxa_tasks.states.vectors import SentenceVectors

BLOCK_BYTES = 256 * 2**20
"""Size of a block of languages of one layer, and of its cosines with one language, as float64.
Two blocks are in memory at once."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of one representation; the position counts from 0."""

    representation: str
    position: int

    @property
    def name(self) -> str:
        """Name of its tensor in a language's file."""
        return f"{self.representation}.{self.position}"


class VectorStore:
    """Sentence vectors of several languages in a folder, one safetensors file each.

    Args:
        folder: Exists, and nobody else writes there.
        languages: How many will be added, so that too small a disk is told at the first.
        half: Write float16, each vector divided by its largest entry so that none overflows. Takes
            half the disk, and some near ties change sides.
    """

    def __init__(self, folder: Path, *, languages: int = 1, half: bool = False) -> None:
        self._folder = folder
        self._languages = languages
        self._half = half

    def add(self, language: str, vectors: SentenceVectors) -> None:
        """Write the vectors of a language, unless they are there.

        Raises:
            NeuronXAError: The disk is full or refuses.
        """
        path = self._path(language)
        if path.exists():
            return
        tensors = {
            f"{name}.{position}": self._packed(each)
            for name in REPRESENTATIONS
            for position, each in enumerate(getattr(vectors, name))
        }
        size = sum(each.numel() * each.element_size() for each in tensors.values())
        missing = max(1, self._languages - len(list(self._folder.glob("*.safetensors"))))
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise _disk(self._folder, str(error), missing * size) from error
        if missing * size > free:
            raise _disk(self._folder, f"{free / 2**30:.1f} GiB are free", missing * size)
        own = path.with_suffix(f".{os.getpid()}")  # two processes may write the same pivot
        try:
            save_file(tensors, own)
            own.replace(path)
        except (OSError, SafetensorError) as error:
            raise _disk(self._folder, str(error), size) from error

    def layers(self, language: str) -> tuple[Layer, ...]:
        """Return the layers of a language, as they were added.

        Raises:
            NeuronXAError: The language is not there.
        """
        with self._open(language) as file:
            names = [name.partition(".") for name in file.keys()]  # noqa: SIM118  no mapping
        order = {name: place for place, name in enumerate(REPRESENTATIONS)}
        found = [Layer(name, int(position)) for name, _, position in names]
        return tuple(sorted(found, key=lambda layer: (order[layer.representation], layer.position)))

    def block(
        self, layer: Layer, languages: Sequence[str], device: torch.device | str = "cpu"
    ) -> Tensor:
        """Return [k, n, F] float64, the unit vectors of one layer of k languages.

        Raises:
            NeuronXAError: A language is not there.
        """
        where = "cpu" if torch.device(device).type == "mps" else device  # mps has no float64
        rows = []
        for language in languages:
            with self._open(language) as file:
                rows.append(unit(file.get_tensor(layer.name).to(where)))
        return torch.stack(rows)

    def _packed(self, vectors: Tensor) -> Tensor:
        if self._half:
            largest = vectors.abs().amax(dim=1, keepdim=True)
            vectors = (vectors / torch.where(largest > 0, largest, 1.0)).half()
        return vectors.to("cpu").contiguous()

    def _path(self, language: str) -> Path:
        return self._folder / f"{language}.safetensors"

    def _open(self, language: str) -> safe_open:
        path = self._path(language)
        if not path.exists():
            raise NeuronXAError(
                f"The vectors of {language} are not in {path.parent}, where another process should "
                "have put them. Processes that compare all pairs need one folder that all of them "
                "see: set NEURONXA_CACHE to a shared one, or run in one process."
            )
        return safe_open(path, framework="pt")


def mutual_hits(one: Tensor, others: Tensor) -> Tensor:
    """Count the mutual nearest neighbours of one language with each of several.

    Args:
        one: [n, F] float64, unit vectors.
        others: [k, n, F] float64, line-parallel, on the same device.

    Returns:
        [k] int64 in 0..n: what `count_rivals(cosine(one, other))` gives without rivals.
    """
    k, n, width = others.shape
    cosines = (one @ others.reshape(k * n, width).T).reshape(n, k, n).transpose(0, 1)
    own = cosines.diagonal(dim1=1, dim2=2)
    row = (cosines >= own.unsqueeze(2) - TIE).sum(dim=2) == 1
    column = (cosines >= own.unsqueeze(1) - TIE).sum(dim=1) == 1
    return (row & column).sum(dim=1)


def hit_matrix(
    store: VectorStore,
    layer: Layer,
    languages: Sequence[str],
    *,
    device: torch.device | str = "cpu",
    block_bytes: int = BLOCK_BYTES,
) -> NDArray[np.int32]:
    """Count the hits of one layer for every pair of languages.

    A hit is mutual, so the pair in the other order has the same ones: only one half is computed.

    Args:
        store: Has all the languages.
        layer: Of the store.
        languages: L codes.
        device: Where to compute.
        block_bytes: Size of each of the two blocks in memory; one language is the least.

    Returns:
        [L, L] int32, symmetric; -1 on the diagonal.
    """
    count = len(languages)
    _, n, width = store.block(layer, languages[:1], device).shape
    step = max(1, block_bytes // (8 * n * max(n, width)))  # cosines with a block have n x n each
    hits: NDArray[np.int32] = np.full((count, count), -1, dtype=np.int32)
    for start in range(0, count, step):
        rows = store.block(layer, languages[start : start + step], device)
        for other in range(0, start + 1, step):
            columns = (
                rows
                if other == start
                else store.block(layer, languages[other : other + step], device)
            )
            for row in range(len(rows)):
                # Within one block only the languages before this one.
                before = columns[:row] if other == start else columns
                if len(before):
                    found = mutual_hits(rows[row], before).cpu().numpy()
                    hits[start + row, other : other + len(before)] = found
                    hits[other : other + len(before), start + row] = found
    return hits


def hits_block(matrices: Iterable[NDArray[np.int32]], first_layer: int) -> PairHitsBlock:
    """Reduce the matrices of a representation to what the results file keeps.

    Args:
        matrices: [L, L] hits of each layer, in order.
        first_layer: Number of the first layer: 1, hidden states 0.
    """
    stacked = np.stack(list(matrices))
    return PairHitsBlock(
        layers=len(stacked),
        sum=list(_triangle(stacked.sum(axis=0))),
        best=list(_triangle(stacked.max(axis=0))),
        best_layer=list(_triangle(stacked.argmax(axis=0) + first_layer)),
    )


def _triangle(matrix: NDArray[np.integer]) -> Iterator[list[int]]:
    for row in range(len(matrix)):
        yield [int(value) for value in matrix[row, :row]]


def _disk(folder: Path, why: str, size: int) -> NeuronXAError:
    return NeuronXAError(
        f"All pairs need {size / 2**30:.2f} GiB more for vectors of the languages, but {folder} "
        f"cannot hold them: {why}. Set NEURONXA_CACHE to a folder on a larger disk, choose fewer "
        'languages, or take `"pairs": "half"`, which needs half the space.'
    )
