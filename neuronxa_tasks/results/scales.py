"""Shares and percent: one scale in a benchmark, and standard errors that can be."""

from __future__ import annotations

import math
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import OWN_SCALE, SHARES, metric_stem
from neuronxa_tasks.results.files import Row

_GAP = 5.0
"""Percent and shares leave a gap: no share is above 1, and few scores are below 5 %."""
_MOST_ERRORS = 3.0
"""A standard error this many times as large as that of single hits is none."""
_NAMES = ("source", "model", "benchmark")
"""What `--percent` may name, in the order in which it is offered."""


def to_shares(rows: Sequence[Row], percent: Sequence[str]) -> tuple[str, ...]:
    """Divides values and standard errors of what is in percent by 100; in place.

    Args:
        rows: of the frame.
        percent: results files, models or benchmarks whose scores are in percent. Metrics with a
            scale of their own, such as perplexity, and scores that follow from counts stay.

    Returns:
        The names that had an effect: some score of them is above 1.
    """
    divided: dict[int, Row] = {}
    fitted = []
    for name in percent:
        scores = [row for row in rows if name in (row[key] for key in _NAMES) and _scaled(row)]
        if any(row["value"] > 1.0 for row in scores):
            fitted.append(name)
            divided |= {id(row): row for row in scores}
    for row in divided.values():
        row["value"] /= 100.0
        row["stderr"] = row.get("stderr", math.nan) / 100.0
    return tuple(fitted)


def refuse_idle_percent(
    percent: Sequence[str], fitted: Collection[str], models: Collection[str]
) -> None:
    """Refuses a name of `--percent` that had no effect.

    Args:
        percent: what was given.
        fitted: see `to_shares`.
        models: of the results, for the message.

    Raises:
        NeuronXAError: a name that no file, model or benchmark has, or of which no score is above 1.
    """
    for name in percent:
        if name not in fitted:
            known = ", ".join(sorted(set(models)))
            raise NeuronXAError(
                f"--percent is {name!r}, but no file, model or benchmark of that name has a score "
                f"above 1, so it would have no effect. The models are {known}."
            )


def check_scales(rows: Sequence[Row]) -> None:
    """Refuses shares out of their range, percent beside shares, and errors that cannot be.

    Args:
        rows: of the frame, after `to_shares`.

    Raises:
        NeuronXAError: a share that is not from 0 to 1; one benchmark and metric with shares and
            numbers above them; a standard error that is negative or larger than any items give.
    """
    for row in rows:
        if metric_stem(row["metric"]) in SHARES and not -1e-9 <= row["value"] <= 1.0 + 1e-9:
            raise NeuronXAError(
                f"{_where(row)} is {row['value']:g}, but {row['metric']} is a share from 0 to 1. "
                f"{_remedy(rows, row)}"
            )
        _check_error(row)
    by_metric: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if _scaled(row):
            by_metric[(row["benchmark"], row["metric"])].append(row)
    for members in by_metric.values():
        if mixed([row["value"] for row in members]):
            large = max(members, key=lambda row: row["value"])
            small = min(members, key=lambda row: row["value"])
            raise NeuronXAError(
                f"{_where(large)} is {large['value']:g}, but {_where(small)} is "
                f"{small['value']:g}: percent and shares cannot stand in one table. "
                f"{_remedy(rows, large)}"
            )


def mixed(values: Iterable[float]) -> bool:
    """Whether some values are shares and others percent, with nothing between them."""
    known = [value for value in values if math.isfinite(value)]
    large = [value for value in known if value > 1.0]
    # A score of 0 is 0 on both scales.
    return (
        bool(large)
        and any(0.0 < value <= 1.0 for value in known)
        and min(known) >= 0.0
        and min(large) >= _GAP
        and max(large) <= 100.0
    )


def _scaled(row: Row) -> bool:
    """Whether a score could be in percent; those of this project's runs were checked by counts."""
    counted = row["kind"] == "alignment" and row["benchmark"].startswith("neuronxa_")
    return metric_stem(row["metric"]) not in OWN_SCALE and not counted


def _check_error(row: Row) -> None:
    error, value, n = row.get("stderr", math.nan), row["value"], row.get("n")
    if error < 0.0:
        raise NeuronXAError(
            f"{_where(row)} has the standard error {error:g}, but no error is negative. Correct "
            "the file, or leave it out."
        )
    if metric_stem(row["metric"]) not in SHARES or math.isnan(error):
        return
    most = 0.5  # of two items, one of which is right
    if n is not None and n > 1:
        rate = (value * n + 2.0) / (n + 4.0)  # two hits and two misses more, so that none is 0
        most = min(most, _MOST_ERRORS * math.sqrt(rate * (1.0 - rate) / n))
    if error > most:
        items = f"{n} items" if n is not None else "any number of items"
        raise NeuronXAError(
            f"{_where(row)} is {value:g} with the standard error {error:g}, but a share of {items} "
            f"has at most about {most:.2g}. Probably one of the two is in percent: correct the "
            f"file, or type --percent {shlex.quote(row['model'])} if both are."
        )


def _where(row: Row) -> str:
    return f"{row['source']}: {row['metric']} of {row['task']} ({row['model']})"


def _remedy(rows: Sequence[Row], bad: Row) -> str:
    """What to type where nearly all scores of a file, a model or a benchmark are above 1."""
    for key in _NAMES:
        scores = [row for row in rows if row[key] == bad[key] and _scaled(row)]
        if sum(row["value"] > 1.0 for row in scores) > 0.9 * len(scores):
            return (
                f"Type --percent {shlex.quote(str(bad[key]))} if its scores are in percent, or "
                "correct them."
            )
    return "Correct it, or leave it out."
