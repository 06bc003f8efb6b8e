"""The tables of measures that `neuronxa run` prints: each beside the score and its controls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.schema import LapeBlock, MeasuresBlock, ProfileBlock, TaskBlock


def measure_tables(tasks: Mapping[str, TaskBlock]) -> list[str]:
    """One table per representation, languages in rows, with the means of the controls below.

    Args:
        tasks: Of one corpus and one set of settings.

    Returns:
        Nothing where no measure was asked for.
    """
    blocks = [task for _, task in sorted(tasks.items()) if task.get("measures")]
    if not blocks:
        return []
    first = blocks[0]
    tables = []
    for score, representation in SCORES.items():
        names = [name for name, of in first["measures"].items() if representation in of]
        if not names:
            continue
        rows = [[task["target"], *_row(task, task["n"], names, representation)] for task in blocks]
        rows += _below(blocks, names, representation)
        title = (
            f"Measures of {_CALLED[representation]}, {first['corpus']} against {first['pivot']}, "
            f"n = {first['n']}, mean over layers"
        )
        tables.append(f"{title}\n\n{aligned(['language', score, *names], rows)}")
    return tables


_CALLED = {"nas": "neuron states", "nav": "neuron values", "hidden": "hidden states"}


def _below(blocks: Sequence[TaskBlock], names: Sequence[str], what: str) -> list[list[str]]:
    """The mean over languages, and that of each control."""
    rows = []
    if len(blocks) > 1:
        numbers = [_numbers(task, task["n"], names, what) for task in blocks]
        rows.append([f"mean of {len(blocks)}", *_cells(numbers)])
    for control, called in (("shuffled", "wrong pairs"), ("untrained", "untrained")):
        runs = [
            _numbers(run, task["n"], names, what)
            for task in blocks
            for run in task.get("controls", {}).get(control, [])
        ]
        if runs:
            rows.append([called, *_cells(runs)])
    return rows


def _row(block: TaskBlock, n: int, names: Sequence[str], what: str) -> list[str]:
    return _cells([_numbers(block, n, names, what)])


def _numbers(
    block: TaskBlock | ProfileBlock, n: int, names: Sequence[str], what: str
) -> list[float]:
    """The score and the measures; NaN where no layer has a number."""
    hits = {"nas": block["nas"], "nav": block["nav"], "hidden": block["hidden"]}[what]["mutual"]
    measures: MeasuresBlock = block.get("measures", {})
    return [
        sum(hits) / (len(hits) * n),
        *(_mean(measures.get(name, {}).get(what, [])) for name in names),
    ]


def _mean(numbers: Iterable[float | None]) -> float:
    known = [each for each in numbers if each is not None and not math.isnan(each)]
    return math.fsum(known) / len(known) if known else math.nan


def _cells(rows: Sequence[Sequence[float]]) -> list[str]:
    means = [_mean(column) for column in zip(*rows, strict=True)]
    return ["none" if math.isnan(each) else f"{each:.3f}" for each in means]


def lape_table(block: LapeBlock) -> str:
    """How many language-specific neurons each language has, and in which third of the layers."""
    rows = []
    for language, layers in block["specific"].items():
        counts = [len(each) for each in layers]
        parts = _thirds(counts)
        share = sum(counts) / sum(block["neurons"])
        rows.append([language, str(sum(counts)), f"{share:.2%}", *map(str, parts)])
    title = (
        f"Language-specific neurons (LAPE), {block['corpus']}, {len(rows)} languages, "
        f"n = {block['n']} sentences, active at more than {block['bar']:.3f} of the tokens"
    )
    header = ["language", "neurons", "of all", "first third of layers", "middle", "last"]
    return f"{title}\n\n{aligned(header, rows)}"


def _thirds(counts: Sequence[int]) -> list[int]:
    ends = [round(len(counts) * part / 3) for part in range(4)]
    return [sum(counts[start:end]) for start, end in pairwise(ends)]


def aligned(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown whose columns are as wide as their widest cell."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )
