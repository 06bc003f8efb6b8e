"""What must not stand in one frame: duplicates, mixed settings, one name for two things."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.files import Row
from neuronxa_tasks.results.run_facts import UNLOGGED

Renamed = dict[tuple[str, str], tuple[str, str]]
"""(model, revision) to (model, revision)."""


def refuse_other_models(runs: list[Row]) -> None:
    """One name and revision must be one set of weights, as far as fingerprints tell."""
    seen: dict[tuple[str, str], Row] = {}
    for run in runs:
        if not run["fingerprint"]:
            continue
        other = seen.setdefault((run["model"], run["revision"]), run)
        if other["fingerprint"] == run["fingerprint"]:
            continue
        dtypes = [other["dtype"], run["dtype"]]
        if all(dtypes) and dtypes[0] != dtypes[1]:
            raise NeuronXAError(
                f"{other['source']} loaded {run['model']!r} in {dtypes[0]} and {run['source']} in "
                f"{dtypes[1]}. The weights may be the same, but rounded otherwise they give other "
                "scores. Run both in one dtype, or give one of the files another model name: "
                f"--name {run['source']}=NAME."
            )
        raise NeuronXAError(
            f"{other['source']} and {run['source']} both say that they ran {run['model']!r}, "
            f"but the weights differ (fingerprints {other['fingerprint']} and "
            f"{run['fingerprint']}). Give one of the files another model name: "
            f"--name {run['source']}=NAME."
        )


def one_name_for_equal_weights(
    runs: Sequence[Row], known: Collection[str], given: Collection[str]
) -> tuple[Renamed, dict[str, str]]:
    """Weights with one fingerprint are one model, whatever its folders are called.

    The name that counts is the one that results without a fingerprint use as well, else the
    shortest. A name that the user gave stays as it is.

    Args:
        runs: of all files.
        known: models of results without a fingerprint.
        given: names that the user gave.

    Returns:
        (model, revision) to the (model, revision) that counts instead; and for each model that has
        another name, a sentence.
    """
    by_weights: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
    for run in runs:
        if run["fingerprint"] and run["model"] not in given:
            by_weights[run["fingerprint"]][(run["model"], run["revision"])] = None
    renamed: Renamed = {}
    notes = {}
    for fingerprint, found in by_weights.items():
        if len({model for model, _ in found}) < 2:
            continue
        chosen = min(found, key=lambda each: (each[0] not in known, len(each[0]), each))
        others = [each for each in found if each[0] != chosen[0]]
        renamed |= dict.fromkeys(others, chosen)
        notes[chosen[0]] = (
            f"{', '.join(sorted({model for model, _ in others}))} has the same weights as "
            f"{chosen[0]} (fingerprint {fingerprint}) and counts as the same model; another --name "
            "keeps them apart."
        )
    return renamed, notes


def fill_revisions(rows: list[Row], more: list[Row]) -> list[str]:
    """Gives rows of unknown revision the only known one of their model; in place."""
    known: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["revision"]:
            known[row["model"]].add(row["revision"])
    filled: dict[str, set[str]] = defaultdict(set)
    for row in [*rows, *more]:
        candidates = known[row["model"]]
        if row["revision"] or not candidates:
            continue
        if len(candidates) > 1:
            raise NeuronXAError(
                f"{row['source']} does not say which revision of {row['model']!r} it ran, and "
                f"others are of {', '.join(sorted(candidates))}. Give the file another model name: "
                f"{row['source']}=NAME, or leave it out."
            )
        filled[row["source"]].add(row["model"])
        row["revision"] = next(iter(candidates))
    return [
        f"{source} does not say its revision; taken for that of the other files of "
        f"{', '.join(sorted(models))}."
        for source, models in filled.items()
    ]


Part: TypeAlias = tuple[str, str, str, str]
"""Model, revision, task and source: what one run says of one task."""


def part_of(row: Row) -> Part:
    """What a row of any table belongs to."""
    return row["model"], row["revision"], row["task"], row["source"]


def without_duplicates(
    rows: list[Row],
    dates: Mapping[str, float],
    duplicates: str,
    renamed: Mapping[str, str] | None = None,
) -> tuple[list[Row], set[Part], list[str]]:
    """Refuses two rows for the same thing, or keeps the latest.

    Args:
        rows: of the frame.
        dates: source to the time it was made.
        duplicates: `refuse` or `latest`.
        renamed: model to a sentence on what else it is called.

    Returns:
        The rows that count; the runs of a task of which a later one has taken rows over, although
        those that only the older one has still count; and notes on what was left out.
    """
    if duplicates not in ("refuse", "latest"):
        raise NeuronXAError(
            f"duplicates is {duplicates!r}, which is not known. Use 'refuse' or 'latest'."
        )
    same: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        key = ("model", "revision", "task", "metric", "fewshot", "settings")
        same[tuple(row[name] for name in key)].append(row)
    kept: list[Row] = []
    superseded: set[Part] = set()
    dropped: dict[tuple[str, str], set[str]] = defaultdict(set)
    for twice in same.values():
        if len(twice) == 1:
            kept += twice
            continue
        first, second = twice[0], twice[1]
        if first["source"] == second["source"]:
            raise NeuronXAError(
                f"{first['source']} has {first['metric']} of {first['task']} twice for the model "
                f"{first['model']!r}. Remove one of the lines."
            )
        if duplicates == "refuse":
            raise NeuronXAError(
                f"The task {first['task']} of {first['model']!r} was run twice in the same way "
                f"({first['source']} and {second['source']}), and only one may count. "
                "Leave one out, or keep the latest."
                + (f" {renamed[first['model']]}" if renamed and first["model"] in renamed else "")
            )
        when = [dates[row["source"]] for row in twice]
        latest = max(when) if not any(math.isnan(date) for date in when) else math.nan
        if math.isnan(latest) or when.count(latest) > 1:
            raise NeuronXAError(
                f"The task {first['task']} of {first['model']!r} was run twice, and the files "
                f"({', '.join(row['source'] for row in twice)}) do not say which is the latest. "
                "Leave one out."
            )
        winner = twice[when.index(latest)]
        kept.append(winner)
        for row in twice:
            if row is not winner:
                dropped[(row["source"], winner["source"])].add(row["task"])
                superseded.add(part_of(row))
    notes = [
        f"{len(tasks)} task(s) of {old} were run again in {new}, which counts."
        for (old, new), tasks in dropped.items()
    ]
    return kept, superseded, notes


def keep_apart(
    rows: list[Row], mixed: str
) -> tuple[list[Row], dict[tuple[str, str, str, str], str]]:
    """Refuses or keeps apart the different settings of one benchmark."""
    if mixed not in ("refuse", "separate"):
        raise NeuronXAError(f"mixed is {mixed!r}, which is not known. Use 'refuse' or 'separate'.")
    by_benchmark: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_benchmark[(row["kind"], row["benchmark"])].append(row)
    result: list[Row] = []
    labels: dict[tuple[str, str, str, str], str] = {}
    for (_, benchmark), members in by_benchmark.items():
        settings = [_all_settings(row) for row in members]
        names = sorted({name for found in settings for name in found})
        differing = [
            name for name in names if len({_text(found.get(name)) for found in settings}) > 1
        ]
        if not differing:
            result += members
            continue
        if mixed == "refuse":
            name = differing[0]
            examples: dict[str, Row] = {}
            for row, found in zip(members, settings, strict=True):
                examples.setdefault(_text(found.get(name)), row)
            (one, first), (other, second) = sorted(examples.items())[:2]
            raise NeuronXAError(
                f"The results of {benchmark} differ in {', '.join(differing)}: {name} is {one} in "
                f"{first['source']} ({first['task']}) and {other} in {second['source']} "
                f"({second['task']}). Such values are not comparable: leave some out, or keep "
                "them apart as separate benchmarks."
            )
        for row, found in zip(members, settings, strict=True):
            told = ", ".join(f"{name}={_text(found.get(name))}" for name in differing)
            label = f"{benchmark} [{told}]"
            labels[(row["model"], row["revision"], row["task"], row["source"])] = label
            result.append(row | {"benchmark": label})
    return result, labels


def check_texts(rows: Sequence[Row], mixed: str) -> list[str]:
    """Refuses, or notes, scores of one language that come from different sentences or items.

    A choice of items that was not logged is noted: nobody can tell whether it is the same.
    """
    seen: dict[tuple[str, str], Row] = {}
    notes: dict[str, None] = {}
    for row in rows:
        if not row.get("text"):
            continue
        other = seen.setdefault((row["benchmark"], row["language"]), row)
        if other["text"] == row["text"]:
            continue
        told = (
            f"{other['source']} and {row['source']} scored {row['benchmark']} in "
            f"{row['language']} on "
        )
        if UNLOGGED in row["text"] or UNLOGGED in other["text"]:
            notes[
                f"{told}chosen samples, and without logged samples nobody can tell whether they "
                "are the same."
            ] = None
            continue
        if mixed == "refuse":
            raise NeuronXAError(
                f"{told}different sentences, so their scores are not comparable. Run both on the "
                "same text, or leave one out."
            )
        notes[f"{told}different sentences."] = None
    return list(notes)


def _all_settings(row: Row) -> dict[str, Any]:
    return {"fewshot": row["fewshot"], **json.loads(row["settings"])}


def _text(value: object) -> str:
    return "not given" if value is None else value if isinstance(value, str) else json.dumps(value)


def refuse_same_language(rows: list[Row]) -> None:
    """Refuses two tasks of one model that are the same language of the same benchmark."""
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in ("model", "revision", "benchmark", "metric", "language"))
        other = seen.setdefault(key, row)
        if other is not row:
            raise NeuronXAError(
                f"{row['model']!r} has the language {row['language']} twice in {row['benchmark']}: "
                f"as {other['task']} in {other['source']} and as {row['task']} in {row['source']}. "
                "Leave one out."
            )
