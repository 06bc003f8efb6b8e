"""The table that `neuronxa run` prints: each score with what it has to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from neuronxa_tasks.harness.printed_measures import aligned, lape_table, measure_tables
from neuronxa_tasks.names import CONTROLS, SCORES
from neuronxa_tasks.schema import MeanBlock, NeuronXABlock, TaskBlock

_BLOCKS: ContextVar[list[NeuronXABlock] | None] = ContextVar("blocks", default=None)


@contextmanager
def collected() -> Iterator[list[NeuronXABlock]]:
    """Lend a list that is filled with the blocks recorded meanwhile."""
    blocks: list[NeuronXABlock] = []
    token = _BLOCKS.set(blocks)
    try:
        yield blocks
    finally:
        _BLOCKS.reset(token)


def recorded(block: NeuronXABlock) -> None:
    """Tell who collects that a run has recorded its block."""
    blocks = _BLOCKS.get()
    if blocks is not None:
        blocks.append(block)


def summary(block: NeuronXABlock) -> str:
    """Put the scores of a run beside chance, surface, floor and their intervals.

    Args:
        block: As in the results file.

    Returns:
        A table for each corpus, n and pivot, and how to read it; empty where nothing was scored.
    """
    groups: dict[tuple[Any, ...], dict[str, TaskBlock]] = {}
    for name, task in block["tasks"].items():
        settings = (task["tap"], task["weights"], task["routed_nav"])
        key = (task["corpus"], task["n"], task["pivot"], *settings, _has_floor(task))
        groups.setdefault(key, {})[name] = task
    means = {tuple(mean["tasks"]): mean for mean in block.get("means", [])}
    tables = [_table(tasks, means.get(tuple(sorted(tasks)))) for tasks in groups.values()]
    tables += [table for tasks in groups.values() for table in measure_tables(tasks)]
    tables += [lape_table(each) for each in block.get("lape", [])]
    feet = [*_random(block), _HOW_TO_READ, *_batch(block)]
    return "\n\n".join([*tables, *feet]) if tables else ""


def _batch(block: NeuronXABlock) -> list[str]:
    size = block.get("auto_batch")
    if size is None:
        return []
    return [
        f"--batch_size was not given: alignment took auto (up to {size} sentences in a pass, cut "
        "by length),\nbenchmarks take the harness' 1."
    ]


def _random(block: NeuronXABlock) -> list[str]:
    count = block["model"]["random_weights"]
    if not count:
        return []
    return [
        f"ATTENTION: {count} weights were not in the checkpoint and were drawn at random, so these "
        "are not\nthe scores of the model. Look for a config.json that does not belong to it."
    ]


_HOW_TO_READ = (
    "A score of 0.35 says: averaged over the layers, 35 of 100 sentences and their translations "
    "are\neach other's strict nearest neighbours. Chance is what vectors without meaning give; "
    "surface is\nwhat the bare text gives without a network; floor is the same network untrained "
    '(`--metadata\n\'{"control": "untrained"}\'`). Brackets: 95 % intervals over sentences; the '
    "mean's draws them for\nall languages at once, which the harness' stderr of a group does not. "
    "Only equal n compares."
)


def _table(tasks: Mapping[str, TaskBlock], mean: MeanBlock | None) -> str:
    first = next(iter(tasks.values()))
    n = first["n"]
    floors = _has_floor(first)
    header = ["language", "surface"]
    for score in SCORES:
        header += [score, *(["floor"] if floors else [])]
    rows = []
    for _, task in sorted(tasks.items()):
        intervals = task.get("intervals", {})
        values = {"surface": task["surface"]["mutual"] / n} | _scores(task) | _floors(task)
        rows.append([task["target"], *_cells(values, intervals, floors)])
    if mean is not None:
        rows.append([f"mean of {len(tasks)}", *_cells(mean["values"], mean["intervals"], floors)])
    title = (
        f"NeuronXA, {first['corpus']} against {first['pivot']}, n = {n} sentence pairs, "
        f"chance {1 / (2 * n - 1):.4f}"
    )
    return f"{title}\n\n{aligned(header, rows)}"


def _cells(
    values: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float] | None],
    floors: bool,
) -> list[str]:
    cells = [f"{values['surface']:.3f}"]
    for score in SCORES:
        ends = intervals.get(score)
        cells.append(
            f"{values[score]:.3f} "
            + (f"[{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "(no interval)")
        )
        if floors:
            cells.append(f"{values[f'{score}_floor']:.3f}")
    return cells


def _scores(task: TaskBlock) -> dict[str, float]:
    blocks = {"nas": task["nas"], "nav": task["nav"], "hidden": task["hidden"]}
    return {score: _rate(blocks[name]["mutual"], task["n"]) for score, name in SCORES.items()}


def _floors(task: TaskBlock) -> dict[str, float]:
    runs = task.get("controls", {}).get("untrained", [])
    found = {}
    for score, name in SCORES.items():
        rates = [
            _rate(
                {"nas": run["nas"], "nav": run["nav"], "hidden": run["hidden"]}[name]["mutual"],
                task["n"],
            )
            for run in runs
        ]
        if rates:
            found[f"{score}_{CONTROLS['untrained'][0]}"] = sum(rates) / len(rates)
    return found


def _has_floor(task: TaskBlock) -> bool:
    return "untrained" in task.get("controls", {})


def _rate(hits: Sequence[int], n: int) -> float:
    return sum(hits) / (len(hits) * n)
