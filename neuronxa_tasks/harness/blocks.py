"""What stands beside the scores of one language pair, as blocks and as metrics per sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neuronxa_tasks.alignment.hits import Alignment, Rates
from neuronxa_tasks.alignment.intervals import metric_intervals
from neuronxa_tasks.alignment.measuring import Measured
from neuronxa_tasks.alignment.profile import Profile
from neuronxa_tasks.alignment.surface import content_tokens, surface, token_overlap
from neuronxa_tasks.names import SCORES, VARIANTS
from neuronxa_tasks.schema import BesideBlock, ControlRun, HitsBlock, ProfileBlock, TextHitsBlock


@dataclass
class Beside:
    """Further facts about the pairs of one task.

    Attributes:
        metrics: Metric -> one value per sentence, whose mean the harness reports.
        block: The same, and what has no value per sentence, for the results file.
    """

    metrics: dict[str, list[float]] = field(default_factory=dict)
    block: BesideBlock = field(default_factory=BesideBlock)

    def of_line(self, line: int) -> dict[str, float]:
        """Return the metrics of one sentence."""
        return {name: values[line] for name, values in self.metrics.items()}


def add_text_baselines(
    beside: Beside,
    texts: tuple[Sequence[str], Sequence[str]],
    tokens: tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]],
    special: Collection[int],
) -> None:
    """Add `surface` and `token_overlap`, which need no network.

    Args:
        beside: Is filled.
        texts: n sentences of the pivot, and of the target.
        tokens: Their token ids, see `plain_tokens`.
        special: Ids of special tokens, which count in neither.
    """
    of_text = surface(*texts)
    of_tokens = token_overlap(*(content_tokens(rows, special) for rows in tokens))
    beside.metrics |= {
        "surface": of_text.shares.tolist(),
        "token_overlap": of_tokens.shares.tolist(),
    }
    beside.block["surface"] = _text_hits(of_text)
    beside.block["token_overlap"] = _text_hits(of_tokens)


def control_run(seed: int, result: Profile, measures: Measured) -> ControlRun:
    """Reduce the profile and the measures of a control."""
    block = ProfileBlock(
        seed=seed,
        nas=hits_block(result.nas),
        nav=hits_block(result.nav),
        hidden=hits_block(result.hidden),
    )
    if measures.block:
        block["measures"] = measures.block
    return ControlRun(block, {**_shares(result), **measures.values})


def add_measures(beside: Beside, found: Measured) -> None:
    """Add the measures, `<measure>_<representation>`."""
    if found.block:
        beside.block["measures"] = found.block
    beside.metrics |= {metric: values.tolist() for metric, values in found.values.items()}


def add_floor(
    beside: Beside, runs: Sequence[ControlRun], result: Profile, measures: Measured
) -> None:
    """Add what untrained weights give, `<score>_floor`, and `<score>_above_floor`.

    Both are means over the seeds; above the floor is score - floor, sentence by sentence. What one
    of the two does not have has neither.
    """
    for score, shares in {**_shares(result), **measures.values}.items():
        if not all(score in run.shares for run in runs):
            continue
        floor: Rates = np.mean([run.shares[score] for run in runs], axis=0)
        beside.metrics[f"{score}_floor"] = floor.tolist()
        beside.metrics[f"{score}_above_floor"] = (shares - floor).tolist()
    _add_runs(beside, "untrained", runs)


def add_shuffled(beside: Beside, runs: Sequence[ControlRun]) -> None:
    """Add the scores of wrong pairs, `<score>_shuffled`, the mean over the seeds."""
    for score in runs[0].shares:
        known = score in SCORES or score in beside.metrics
        if not (known and all(score in run.shares for run in runs)):
            continue
        shares: Rates = np.mean([run.shares[score] for run in runs], axis=0)
        beside.metrics[f"{score}_shuffled"] = shares.tolist()
    _add_runs(beside, "shuffled", runs)


def add_variants(beside: Beside, found: Mapping[str, Mapping[str, Alignment]]) -> None:
    """Add other comparisons of the same vectors, `<score>_<variant>`.

    Args:
        beside: Is filled.
        found: Variant -> what `variant_alignments` gave.
    """
    for variant, of_variant in found.items():
        blocks = beside.block.setdefault("variants", {})
        blocks[variant] = {name: hits_block(each) for name, each in of_variant.items()}
        for score in VARIANTS[variant]:
            shares = of_variant[SCORES[score]].shares
            beside.metrics[f"{score}_{variant}"] = shares.tolist()


def add_intervals(beside: Beside, result: Profile) -> None:
    """Add the interval of every mean over sentences: of the scores, and of what is beside them."""
    beside.block["intervals"] = metric_intervals({**_shares(result), **beside.metrics})


def hits_block(alignment: Alignment) -> HitsBlock:
    """Return the hits per layer as plain integers."""
    return HitsBlock(
        mutual=alignment.mutual.tolist(),
        forward=alignment.forward.tolist(),
        backward=alignment.backward.tolist(),
    )


def _add_runs(beside: Beside, control: str, runs: Sequence[ControlRun]) -> None:
    beside.block.setdefault("controls", {})[control] = [run.block for run in runs]


def _shares(result: Profile) -> dict[str, Rates]:
    return {score: getattr(result, name).shares for score, name in SCORES.items()}


def _text_hits(alignment: Alignment) -> TextHitsBlock:
    return TextHitsBlock(
        mutual=int(alignment.mutual[0]),
        forward=int(alignment.forward[0]),
        backward=int(alignment.backward[0]),
    )
