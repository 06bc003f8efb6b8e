"""The language-specific neurons of a run: which were asked for, counted, and found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from neuronxa_tasks.alignment.lape import SPECIFIC, ActivityStore, specific_neurons
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.matrices import Together
from neuronxa_tasks.harness.vectors_folder import vectors_folder
from neuronxa_tasks.names import Tap
from neuronxa_tasks.schema import LapeBlock
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.sentence_pairs import Pairs


class Key(NamedTuple):
    """What the languages that are compared have in common."""

    corpus: str
    pivot: str
    tap: Tap
    n: int

    @classmethod
    def of(cls, settings: Mapping[str, Any], n: int) -> Key:
        """The comparison that a task belongs to."""
        return cls(settings["corpus"], settings["pivot"], settings["tap"], n)


def specific_plan(tasks: Mapping[str, Pairs]) -> dict[Key, tuple[str, ...]]:
    """Find the comparisons that tasks ask for, and their languages, sorted, with the pivot.

    Args:
        tasks: Task -> its sentence pairs, of all processes.

    Raises:
        NeuronXAError: A comparison would have two languages only.
    """
    members: dict[Key, set[str]] = {}
    for pairs in tasks.values():
        settings = pairs.settings
        if settings["lape"]:
            key = Key.of(settings, len(pairs.lines))
            members.setdefault(key, {key.pivot}).add(settings["target"])
    for key, languages in members.items():
        if len(languages) < 3:
            raise NeuronXAError(
                f"`lape` was asked for, but {key.corpus} has only {', '.join(sorted(languages))} "
                "in this run, and neurons of one language are told from those of others by many "
                "languages. Name a group, or several languages."
            )
    return {key: tuple(sorted(languages)) for key, languages in members.items()}


class Specific:
    """What a run does for its language-specific neurons.

    Args:
        plans: See `specific_plan`.
        folder: For the counts; any where there are no plans. All processes see it.
        together: Does a part of the work in each process.
        rank: Of this process.
    """

    def __init__(
        self,
        plans: Mapping[Key, tuple[str, ...]],
        folder: Path,
        together: Together,
        rank: int = 0,
    ) -> None:
        self._plans, self._together, self._rank = plans, together, rank
        self._stores = {}
        for index, key in enumerate(plans):
            place = folder / str(index)
            place.mkdir(exist_ok=True)
            self._stores[key] = ActivityStore(place)

    def keep(
        self, settings: Mapping[str, Any], pivot: SentenceVectors, target: SentenceVectors
    ) -> None:
        """Write the counts of a task's languages, if they are needed.

        Raises:
            NeuronXAError: The disk is full or refuses.
        """
        if settings["lape"] and self._stores:  # none where another process stores
            store = self._stores[Key.of(settings, len(pivot))]
            store.add(settings["pivot"], pivot)
            store.add(settings["target"], target)

    def find(self) -> list[LapeBlock]:
        """Find the neurons, in the first process; all hear of them.

        Call it once all processes have kept all their languages.

        Raises:
            NeuronXAError: In every process, if one of them fails.
        """
        if not self._plans:
            return []
        parts = self._together(lambda: self._blocks() if self._rank == 0 else [])
        return [block for part in parts for block in part]

    def _blocks(self) -> list[LapeBlock]:
        blocks = []
        for key, languages in self._plans.items():
            store = self._stores[key]
            bar, found = specific_neurons(store, languages)
            blocks.append(
                LapeBlock(
                    corpus=key.corpus,
                    pivot=key.pivot,
                    n=key.n,
                    tap=key.tap,
                    share=SPECIFIC,
                    bar=bar,
                    tokens={language: store.tokens(language) for language in languages},
                    neurons=store.widths(languages[0]),
                    specific=found,
                )
            )
        return blocks


@contextmanager
def specific(tasks: Mapping[str, Pairs], together: Together, rank: int) -> Iterator[Specific]:
    """Lend a folder for the counts that tasks ask for; nothing is written where none does.

    Args:
        tasks: Task -> its sentence pairs, of all processes.
        together: Does a part of the work in each process; see `processes.together`.
        rank: Of this process. The first makes and removes the folder.

    Raises:
        NeuronXAError: See `specific_plan`; or the cache folder cannot be written.
    """
    plans = specific_plan(tasks)
    if not plans:
        yield Specific({}, Path(), together, rank)
        return
    with ExitStack() as lent:
        folder: Path = together(
            lambda: lent.enter_context(vectors_folder()) if rank == 0 else None
        )[0]
        made: list[Specific] = []
        together(lambda: made.append(Specific(plans, folder, together, rank)))
        yield made[0]
