"""What stands beside the scores of one language pair, as blocks and as metrics per sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from neuronxa_tasks.alignment import Alignment
from neuronxa_tasks.schema import BesideBlock, TextHitsBlock
from neuronxa_tasks.surface import content_tokens, surface, token_overlap


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
    beside: Beside, pivot: Sequence[str], target: Sequence[str], tokenizer: Any
) -> None:
    """Add `surface` and `token_overlap`, which need no network.

    Args:
        beside: Is filled.
        pivot: n sentences.
        target: n sentences.
        tokenizer: The model's.
    """
    tokens = [content_tokens(tokenizer, sentences) for sentences in (pivot, target)]
    of_text, of_tokens = surface(pivot, target), token_overlap(*tokens)
    beside.metrics |= {
        "surface": of_text.shares.tolist(),
        "token_overlap": of_tokens.shares.tolist(),
    }
    beside.block["surface"] = _text_hits(of_text)
    beside.block["token_overlap"] = _text_hits(of_tokens)


def _text_hits(alignment: Alignment) -> TextHitsBlock:
    return TextHitsBlock(
        mutual=int(alignment.mutual[0]),
        forward=int(alignment.forward[0]),
        backward=int(alignment.backward[0]),
    )
