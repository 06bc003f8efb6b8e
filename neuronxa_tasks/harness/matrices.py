"""The language x language matrices of a run: which were asked for, kept, and computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from neuronxa_tasks.alignment.hits import REPRESENTATIONS
from neuronxa_tasks.alignment.language_matrix import Layer, VectorStore, hit_matrix, hits_block
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.harness.vectors_folder import remove_left, vectors_folder
from neuronxa_tasks.names import Tap, Weights
from neuronxa_tasks.schema import PairsBlock
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.sentence_pairs import Pairs

Together: TypeAlias = Callable[[Callable[[], Any]], list[Any]]
"""Does a part of the work in each process and returns the parts by rank; an error in one of them
is told to all."""


def _alone(work: Callable[[], Any]) -> list[Any]:
    return [work()]


class Key(NamedTuple):
    """What the languages of one matrix have in common."""

    corpus: str
    pivot: str
    tap: Tap
    weights: Weights
    routed_nav: bool
    how: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Key:
        """The matrix that a task belongs to; `how` is empty where none was asked for."""
        names = ("corpus", "pivot", "tap", "weights", "routed_nav", "pairs")
        return cls(*(settings[name] for name in names))


@dataclass(frozen=True)
class Plan:
    """One matrix: its languages, sorted, and the number of sentences."""

    languages: tuple[str, ...]
    n: int
    sha256: str


def plan(tasks: Mapping[str, Pairs]) -> dict[Key, Plan]:
    """Find the matrices that tasks ask for.

    Args:
        tasks: Task -> its sentence pairs, of all processes.

    Raises:
        NeuronXAError: Languages of a matrix have different sentences of the pivot, so that their
            lines are not parallel; or a matrix would have one pair only.
    """
    members: dict[Key, list[str]] = {}
    for name in sorted(tasks):
        key = Key.of(tasks[name].settings)
        if key.how:
            members.setdefault(key, []).append(name)
    plans: dict[Key, Plan] = {}
    for key, names in members.items():
        text = tasks[names[0]].column(0)
        for name in names:
            if tasks[name].column(0) != text:
                raise NeuronXAError(
                    f"All pairs were asked for, but {names[0]} and {name} have different sentences "
                    f"of the pivot {key.pivot}, so the two targets are not parallel to each other. "
                    "Take a corpus in which all languages have the same sentences, such as FLORES, "
                    "or leave `pairs` out."
                )
        languages = sorted({tasks[name].settings["target"] for name in names} | {key.pivot})
        if len(languages) < 3:
            raise NeuronXAError(
                f"All pairs were asked for, but {key.corpus} has only {', '.join(languages)} in "
                "this run, and that pair is the score itself. Name a group, or several languages."
            )
        digest = hashlib.sha256("\n".join(text).encode()).hexdigest()
        plans[key] = Plan(tuple(languages), len(text), digest)
    return plans


class Matrices:
    """What a run does for its matrices.

    Args:
        plans: See `plan`.
        folder: For the vectors; any where there are no plans.
        together: Does a part of the work in each process.
        rank: Of this process.
        world: Number of processes.

    Raises:
        NeuronXAError: The folder is not there, or cannot be written.
    """

    def __init__(
        self,
        plans: Mapping[Key, Plan],
        folder: Path,
        together: Together = _alone,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._plans = plans
        self._together, self._rank, self._world = together, rank, world
        self._stores = {}
        for index, key in enumerate(plans):
            place = folder / str(index)
            try:
                place.mkdir(exist_ok=True)
            except OSError as error:
                raise NeuronXAError(
                    f"Process {rank} of {world} cannot use {folder}, where the first one has made "
                    f"room for the vectors of all pairs: {error.strerror}. All processes need one "
                    "folder that they see: set NEURONXA_CACHE to one that all machines share, or "
                    "run on one machine."
                ) from error
            self._stores[key] = VectorStore(
                place, languages=len(plans[key].languages), half=key.how == "half"
            )

    def keep(
        self, settings: Mapping[str, Any], pivot: SentenceVectors, target: SentenceVectors
    ) -> None:
        """Write the vectors of a task's languages, if a matrix needs them.

        Raises:
            NeuronXAError: The disk is full or refuses.
        """
        store = self._stores.get(Key.of(settings))
        if store is not None:
            store.add(settings["pivot"], pivot)
            store.add(settings["target"], target)

    def compare(self, device: torch.device | str) -> list[PairsBlock]:
        """Compute the matrices, each process some layers, and bring them together.

        Call it once all processes have kept all their languages.

        Raises:
            NeuronXAError: In every process, if one of them fails.
            Exception: Any other of this process; the others are told.
        """
        blocks = []
        for key, each in self._plans.items():
            store = self._stores[key]
            parts = self._together(partial(self._part, store, each.languages, device))
            # From here on the folder may be gone: the first process removes it as soon as it can.
            found = {layer: hits for part in parts for layer, hits in part.items()}
            order = sorted(found, key=lambda layer: layer.position)
            hits = {
                name: hits_block(
                    (found[layer] for layer in order if layer.representation == name),
                    first_layer=0 if name == "hidden" else 1,
                )
                for name in REPRESENTATIONS
            }
            blocks.append(
                PairsBlock(
                    corpus=key.corpus,
                    pivot=key.pivot,
                    n=each.n,
                    tap=key.tap,
                    weights=key.weights,
                    routed_nav=key.routed_nav,
                    precision="float16" if key.how == "half" else "float32",
                    text=each.sha256,
                    languages=list(each.languages),
                    nas=hits["nas"],
                    nav=hits["nav"],
                    hidden=hits["hidden"],
                )
            )
        return blocks

    def _part(
        self, store: VectorStore, languages: Sequence[str], device: torch.device | str
    ) -> dict[Layer, NDArray[np.int32]]:
        """The layers of this process."""
        layers = store.layers(languages[0])[self._rank :: self._world]
        bar = tqdm(layers, desc="All pairs", unit="layer", disable=self._rank != 0)
        return {layer: hit_matrix(store, layer, languages, device=device) for layer in bar}


@contextmanager
def matrices(
    tasks: Mapping[str, Pairs], together: Together, rank: int, world: int = 1
) -> Iterator[Matrices]:
    """Lend a folder for the matrices that tasks ask for; nothing is written where none does.

    The folder is inside the cache folder and is removed at the end, after an error too. What a
    killed run has left there is removed by the next run.

    Args:
        tasks: Task -> its sentence pairs, of all processes.
        together: Does a part of the work in each process; see `processes.together`.
        rank: Of this process. The first makes and removes the folder.
        world: Number of processes.

    Raises:
        NeuronXAError: See `plan`; or the cache folder cannot be written, or not all processes see
            it.
    """
    plans = plan(tasks)
    if rank == 0:
        remove_left(cache_folder())
    if not plans:
        yield Matrices({}, Path(), together)
        return
    with ExitStack() as lent:
        folder: Path = together(
            lambda: lent.enter_context(vectors_folder()) if rank == 0 else None
        )[0]
        made: list[Matrices] = []
        # The folder of the first process; another machine may not have it.
        together(lambda: made.append(Matrices(plans, folder, together, rank, world)))
        yield made[0]
