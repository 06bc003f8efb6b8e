"""The language x language matrices of a run: which were asked for, kept, and computed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import torch
from tqdm import tqdm

from neuronxa_tasks.alignment.hits import REPRESENTATIONS
from neuronxa_tasks.alignment.language_matrix import VectorStore, hit_matrix, hits_block
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.names import Tap, Weights
from neuronxa_tasks.schema import PairsBlock
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.sentence_pairs import Pairs

Gather: TypeAlias = Callable[[Any], list[Any]]
"""Brings one value of each process together, in all of them."""


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
    """

    def __init__(self, plans: Mapping[Key, Plan], folder: Path) -> None:
        self._plans = plans
        self._stores = {}
        for index, key in enumerate(plans):
            place = folder / str(index)
            place.mkdir(exist_ok=True)
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

    def compare(self, device: torch.device | str, gather: Gather, rank: int) -> list[PairsBlock]:
        """Compute the matrices, each process some layers, and bring them together.

        Call it once all processes have kept all their languages.

        Raises:
            NeuronXAError: In every process, if one of them fails.
        """
        blocks = []
        world = len(gather(None)) if self._plans else 1
        for key, each in self._plans.items():
            part: dict[Any, Any] = {}
            error: NeuronXAError | None = None
            store = self._stores[key]
            layers = []
            try:
                layers = list(store.layers(each.languages[0]))
                bar = tqdm(layers[rank::world], desc="All pairs", unit="layer", disable=rank != 0)
                for layer in bar:
                    part[layer] = hit_matrix(store, layer, each.languages, device=device)
            except NeuronXAError as caught:
                error = caught  # after the others know: a silent process leaves them waiting
            found: dict[Any, Any] = {}
            for other, other_error in gather((part, error)):
                if other_error is not None:
                    raise other_error
                found |= other
            hits = {
                name: hits_block(
                    (found[layer] for layer in layers if layer.representation == name),
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


@contextmanager
def matrices(tasks: Mapping[str, Pairs], gather: Gather, rank: int) -> Iterator[Matrices]:
    """Lend a folder for the matrices that tasks ask for; nothing is written where none does.

    The folder is inside the cache folder and is removed at the end, after an error too.

    Args:
        tasks: Task -> its sentence pairs, of all processes.
        gather: Brings values of all processes together.
        rank: Of this process. The first makes and removes the folder.

    Raises:
        NeuronXAError: See `plan`; or the cache folder cannot be written.
    """
    plans = plan(tasks)
    if not plans:
        yield Matrices({}, Path())
        return
    made: Path | NeuronXAError | None = None
    if rank == 0:
        root = cache_folder()
        try:
            root.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix="pairs-", dir=root))
        except OSError as error:
            made = NeuronXAError(
                f"All pairs need space for vectors in {root}, which cannot be written: "
                f"{error.strerror}. Set NEURONXA_CACHE to another folder."
            )
    folder = gather(made)[0]
    if isinstance(folder, NeuronXAError):
        raise folder
    try:
        yield Matrices(plans, folder)
    finally:
        if rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
