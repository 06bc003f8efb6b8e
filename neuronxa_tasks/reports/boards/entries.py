"""A board: models that may be compared, and each two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_NAMES = 5
"""Models that are named as worse; the others are counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a board.

    Attributes:
        model: its name, with the revision where there are several.
        scores: language to score; a language that is not there is missing.
        missing: languages of the board that the model lacks.
        mean: macro mean over the board's `complete` languages; NaN where it cannot be computed.
        low: lower end of its interval over other languages; NaN where there is none.
        high: upper end.
        rank: 1 is best; equal means share a rank; None where the model is not ranked.
        rank_low: best rank that the data allow.
        rank_high: worst rank that the data allow.
        better_than: models that it is told apart from as the better one, best first.
        beside: further means over the same languages: `surface`, `token_overlap`, the floor.
        reason: why it has no mean or rank, or None.
    """

    model: str
    scores: Mapping[str, float]
    missing: tuple[str, ...]
    mean: float
    low: float
    high: float
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    better_than: tuple[str, ...] = ()
    beside: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None

    @property
    def n_languages(self) -> int:
        """Languages that the model has."""
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Duel:
    """Two ranked models of a board.

    Attributes:
        better: the one with the better mean (the first by name where they are equal).
        worse: the other.
        difference: of their means, in favour of the better one.
        adjusted_p: that they are equally good, by Student's paired t over languages and Holm's
            correction for all pairs of the board.
        told_apart: whether that is at most 1 - confidence.
    """

    better: str
    worse: str
    difference: float
    adjusted_p: float
    told_apart: bool


@dataclass(frozen=True, slots=True)
class Board:
    """Models that may be compared, best first.

    Attributes:
        kind: `alignment` or `benchmark`.
        benchmark: `neuronxa_flores`, `xnli`, ...
        label: the same, and in brackets what keeps it apart from other boards of that name.
        metric: `nasca`, `acc`, ...
        settings: what is equal for all its values: few-shot, n, pivot, tap, task version, ...
        languages: that any model has, sorted.
        complete: over which the mean is taken.
        entries: ranked ones first, then by name.
        duels: each two ranked models; empty where nothing can be told apart.
        chance: chance level of this project's alignment scores, 1 / (2n - 1); NaN for others.
        surface: language to what the bare text gives; empty where it was not computed.
        lower_is_better: of the metric.
        apart: why models stand in another board of the same benchmark, or None.
        notes: what a reader should know, one sentence each.
    """

    kind: str
    benchmark: str
    label: str
    metric: str
    settings: Mapping[str, object]
    languages: tuple[str, ...]
    complete: tuple[str, ...]
    entries: tuple[Entry, ...]
    duels: tuple[Duel, ...]
    chance: float
    surface: Mapping[str, float]
    lower_is_better: bool
    apart: str | None
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """Label and metric."""
        return f"{self.label}: {self.metric}"


def better_text(entry: Entry) -> str:
    """Those that a model is told apart from as the better one, the nearest ones by name."""
    shown = ", ".join(entry.better_than[:MOST_NAMES])
    more = len(entry.better_than) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown or "–"
