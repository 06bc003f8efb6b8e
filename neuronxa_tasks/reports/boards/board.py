"""From the tidy frame to ranked boards: one per benchmark, metric and set of equal settings."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import BASELINES, METRICS
from neuronxa_tasks.reports.boards.entries import Board, Duel, Entry
from neuronxa_tasks.reports.boards.ranks import rank_models
from neuronxa_tasks.reports.boards.same_items import split_models
from neuronxa_tasks.reports.boards.tables import Cells, Key, Tables, chosen_boards, tables_of
from neuronxa_tasks.results import Results

Missing = Literal["languages", "models"]


def build_boards(
    results: Results,
    *,
    rng: np.random.Generator,
    metrics: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    languages: Sequence[str] | None = None,
    missing: Missing = "languages",
    confidence: float = 0.95,
    n_resamples: int = 9999,
) -> tuple[Board, ...]:
    """Ranks the models of every benchmark and metric.

    Args:
        results: read with `mixed="separate"`, so that other settings are boards of their own.
        rng: source of randomness; every board draws the same resamples.
        metrics: metrics to rank by; by default `nasca`, and of a benchmark its usual one (`acc`).
        benchmarks: benchmarks and corpora to show, such as `xnli`; by default all.
        languages: language keys to keep; by default all.
        missing: where not every model has every language: take the mean over the languages that
            all have (`languages`), or rank only the models that have all (`models`).
        confidence: level of the intervals.
        n_resamples: bootstrap resamples of languages.

    Returns:
        Alignment first, then benchmarks, by label and metric.

    Raises:
        NeuronXAError: a metric or benchmark that the results do not have, or nothing left.
    """
    tables = tables_of(results, languages)
    chosen = chosen_boards(tables, metrics, benchmarks)
    if not chosen:
        raise NeuronXAError(
            "The results have no score to rank in these languages, so there is no board. Check "
            "--languages and --benchmark, or give results of per-language tasks."
        )
    state = rng.bit_generator.state
    boards: list[Board] = []
    for key in chosen:
        groups = split_models(tables.cells[key])
        for number, group in enumerate(groups, start=1):
            rng.bit_generator.state = state  # the order of boards changes no interval
            cells = {model: tables.cells[key][model] for model in group.models}
            label = key.label if len(groups) == 1 else f"{key.label} [items {number}]"
            boards.append(
                _board(
                    key,
                    label,
                    cells,
                    tables,
                    _apart(key, tables, group.reason),
                    missing,
                    rng=rng,
                    confidence=confidence,
                    n_resamples=n_resamples,
                )
            )
    return tuple(boards)


def _board(
    key: Key,
    label: str,
    cells: Mapping[str, Cells],
    tables: Tables,
    apart: str | None,
    missing: Missing,
    **drawing: Any,
) -> Board:
    languages = tuple(sorted({language for found in cells.values() for language in found}))
    if missing == "languages":
        complete = tuple(
            language for language in languages if all(language in of for of in cells.values())
        )
        ranked = list(cells)
    else:
        complete = languages
        ranked = [model for model, found in cells.items() if len(found) == len(languages)]
    lower = key in tables.lower
    found, duels = _positions(cells, ranked, complete, lower, drawing)
    entries = [
        Entry(
            model=model,
            scores={language: of_model[language].value for language in sorted(of_model)},
            missing=tuple(language for language in languages if language not in of_model),
            beside=_beside(key, model, complete, tables),
            **found.get(model, _unranked(missing)),
        )
        for model, of_model in cells.items()
    ]
    entries.sort(key=lambda entry: (entry.rank is None, entry.rank or 0, entry.model))
    settings = tables.settings[key]
    pairs = settings.get("n")
    return Board(
        kind=key.kind,
        benchmark=key.benchmark,
        label=label,
        metric=key.metric,
        settings=settings,
        languages=languages,
        complete=complete,
        entries=tuple(entries),
        duels=tuple(duels),
        chance=1 / (2 * pairs - 1)
        if isinstance(pairs, int) and key.kind == "alignment" and key.metric in METRICS
        else math.nan,
        surface=_surface(key, cells, tables),
        lower_is_better=lower,
        apart=apart,
        notes=(*_notes(entries, languages, complete, missing), *_random(entries, tables)),
    )


def _positions(
    cells: Mapping[str, Cells],
    ranked: Sequence[str],
    complete: Sequence[str],
    lower: bool,
    drawing: Mapping[str, Any],
) -> tuple[dict[str, dict[str, Any]], list[Duel]]:
    """The fields of the models that have a mean, and each two of them."""
    if not ranked or not complete:
        return {}, []
    sign = -1.0 if lower else 1.0
    table = np.array([[cells[model][code].value for code in complete] for model in ranked])
    found = rank_models(sign * table, **drawing)
    ends = np.sort(sign * np.stack([found.low, found.high]), axis=0)
    reason = found.reason and found.reason.replace("to resample", "languages to resample")
    order = sorted(range(len(ranked)), key=lambda i: (-found.means[i], ranked[i]))
    level = 1.0 - drawing["confidence"]
    duels = [
        Duel(
            ranked[i],
            ranked[j],
            float(found.means[i] - found.means[j]),
            float(found.adjusted_p[i, j]),
            bool(found.means[i] > found.means[j] and found.adjusted_p[i, j] <= level + 1e-12),
        )
        for place, i in enumerate(order)
        for j in order[place + 1 :]
        if found.reason is None
    ]
    worse: dict[str, list[str]] = defaultdict(list)
    for duel in duels:
        if duel.told_apart:
            worse[duel.better].append(duel.worse)
    fields = {
        model: {
            "mean": float(sign * found.means[i]),
            "low": float(ends[0, i]),
            "high": float(ends[1, i]),
            "rank": int(found.ranks[i]),
            "rank_low": int(found.rank_low[i]),
            "rank_high": int(found.rank_high[i]),
            "better_than": tuple(worse[model]),
            "reason": reason,
        }
        for i, model in enumerate(ranked)
    }
    return fields, duels


def _unranked(missing: Missing) -> dict[str, Any]:
    reason = (
        "no language that all models have" if missing == "languages" else "languages are missing"
    )
    nothing = dict.fromkeys(("mean", "low", "high"), math.nan)
    return {**nothing, **dict.fromkeys(("rank", "rank_low", "rank_high")), "reason": reason}


def _beside(key: Key, model: str, complete: Sequence[str], tables: Tables) -> dict[str, float]:
    """Means of what an alignment score is compared with, where all the languages have it."""
    if key.kind != "alignment":
        return {}
    names = [*BASELINES, f"{key.metric}_floor"]  # what has none is left out below
    means = {name: tables.mean(Key(key.kind, key.label, name), model, complete) for name in names}
    return {name: mean for name, mean in means.items() if mean is not None and name != key.metric}


def _surface(key: Key, cells: Mapping[str, Cells], tables: Tables) -> dict[str, float]:
    """What the bare text gives; the same for all models, which have the same sentences."""
    if key.kind != "alignment" or key.metric == "surface":
        return {}
    found: dict[str, float] = {}
    for model in cells:
        of_text = tables.cells.get(Key(key.kind, key.label, "surface"), {}).get(model, {})
        for language, cell in of_text.items():
            if language in cells[model]:
                found.setdefault(language, cell.value)
    return dict(sorted(found.items()))


def _apart(key: Key, tables: Tables, reason: str | None) -> str | None:
    """Why there is another board of the same benchmark and metric."""
    others = sorted(
        {
            other.label
            for other in tables.cells
            if (other.kind, other.benchmark, other.metric) == (key.kind, key.benchmark, key.metric)
        }
        - {key.label}
    )
    parts = [f"other settings than in {', '.join(others)}"] if others else []
    return "; ".join([*parts, *([reason] if reason else [])]) or None


def _notes(
    entries: Sequence[Entry],
    languages: Sequence[str],
    complete: Sequence[str],
    missing: Missing,
) -> tuple[str, ...]:
    notes = []
    lost = sum(len(entry.missing) for entry in entries)
    if lost:
        notes.append(
            f"{lost} of {len(entries) * len(languages)} cells are missing and count for nobody."
        )
    if missing == "languages" and len(complete) < len(languages):
        worst = max(entries, key=lambda entry: len(entry.missing))
        notes.append(
            f"The mean is over the {len(complete)} of {len(languages)} languages that all models "
            f"have; {worst.model} lacks most, {len(worst.missing)}."
        )
    if missing == "models" and any(entry.rank is None for entry in entries):
        count = sum(entry.rank is None for entry in entries)
        notes.append(f"{count} of {len(entries)} models lack languages and are not ranked.")
    return tuple(notes)


def _random(entries: Sequence[Entry], tables: Tables) -> list[str]:
    return [
        f"{tables.random[entry.model]} weights of {entry.model} were not in its checkpoint and "
        "were drawn at random: its scores are not those of the model."
        for entry in entries
        if entry.model in tables.random
    ]
