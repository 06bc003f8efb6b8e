"""The losses that the BMLAMA-53 tasks logged, and RankC of a run computed from them.

RankC itself, from losses in memory, is `neuronxa_tasks.statistics.rankc`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import read_samples
from neuronxa_tasks.statistics.rankc import Losses, RankC, rankc

PIVOT = "en"
"""Code of the language that the others are compared with by default."""

_FILE = re.compile(r"samples_neuronxa_bmlama53_(?P<code>[a-z]+)_\d{4}-.*\.jsonl(\.gz)?")


def rankc_from_samples(
    samples: Mapping[str, str | Path],
    pairs: Iterable[tuple[str, str]] | None = None,
    by: Literal["mean", "sum"] = "mean",
) -> dict[tuple[str, str], RankC]:
    """Compute RankC from what the BMLAMA-53 tasks logged.

    Args:
        samples: Code of a language -> its samples file; `sample_files` finds them.
        pairs: Pairs of codes; by default English with each other language.
        by: Rank candidates by the mean loss per token, as published, or by the loss of the whole
            sentence.

    Returns:
        Pair -> RankC, in the order of the pairs.

    Raises:
        NeuronXAError: A language that is not among the samples, or a file that is no such samples.
    """
    wanted = list(pairs) if pairs is not None else [(PIVOT, c) for c in samples if c != PIVOT]
    codes = dict.fromkeys(code for pair in wanted for code in pair)
    lacking = [code for code in codes if code not in samples]
    if lacking:
        raise NeuronXAError(
            f"There are no samples of {', '.join(lacking)}, only of {', '.join(samples) or 'none'}."
            " Run neuronxa_bmlama53 with --log_samples, or choose other pairs."
        )
    losses = {code: read_losses(samples[code], by) for code in codes}
    return {(one, other): rankc(losses[one], losses[other]) for one, other in wanted}


def sample_files(folder: str | Path) -> dict[str, Path]:
    """Find the samples of BMLAMA-53 in a run's output folder and below it.

    Returns:
        Code of a language -> its file, sorted by code.

    Raises:
        NeuronXAError: A language has several files, so that there is more than one run.
    """
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).rglob("samples_neuronxa_bmlama53_*.jsonl*")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            continue
        code = match["code"]
        if code in found:
            raise NeuronXAError(
                f"{folder} holds samples of more than one run: {found[code].name} and {path.name} "
                "are the same language. Give the folder of one run."
            )
        found[code] = path
    return dict(sorted(found.items()))


def read_losses(path: str | Path, by: Literal["mean", "sum"] = "mean") -> Losses:
    """Read the losses that a BMLAMA-53 task logged, by query id; see `rankc_from_samples`.

    Raises:
        NeuronXAError: The file is damaged, is of another task, or has a query twice.
    """
    losses: Losses = {}
    for sample in read_samples(path):
        try:
            query = int(sample["doc"]["id"])
            # JSON has no NaN; a reader may find null or the text NaN where a loss was not finite.
            values = [math.nan if x is None else float(x) for x in _logged(sample, "losses")]
            if by == "sum":
                tokens = _logged(sample, "tokens")
                values = [float(f"{x * int(n):.12g}") for x, n in zip(values, tokens, strict=True)]
        except (KeyError, TypeError, ValueError) as error:
            raise NeuronXAError(
                f"The samples file {path} does not have, under cross_entropy, the losses of "
                "candidates and their tokens, so it is not of BMLAMA-53 or of an older version. "
                "Give samples_neuronxa_bmlama53_*.jsonl of version 2."
            ) from error
        if query in losses:
            raise NeuronXAError(
                f"The samples file {path} has query {query} twice, so it is not of one run. Run "
                "the task again with --log_samples."
            )
        losses[query] = np.asarray(values, dtype=np.float64)
    return losses


def _logged(sample: Mapping[str, Any], name: str) -> list[Any]:
    block = sample["cross_entropy"]
    values = block[name] if isinstance(block, Mapping) else None
    if not isinstance(values, list) or not values:
        raise TypeError(f"no list of {name}")
    return values
