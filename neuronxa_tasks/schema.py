"""The block `config.neuronxa` of a results file, as types.

The harness writes it beside its own entries. Every score of a run can be recomputed from it: the
lists are integer hit counts per layer, and a score is the mean or the maximum of count / n.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

SCHEMA = 1
"""Raised when a reader of the old form would misread the new one."""


class HitsBlock(TypedDict):
    """Hits per layer of one representation; L integers (hidden states: L + 1) in 0..n."""

    mutual: list[int]
    forward: list[int]
    backward: list[int]


class TokensBlock(TypedDict):
    """Tokens of the n sentences of one language, special tokens included."""

    total: int
    truncated: int


class TaskBlock(TypedDict):
    """One language pair.

    `forward` is from pivot to target. `source` says where the text came from and has the sha256 of
    the sentences used.
    """

    n: int
    corpus: str
    pivot: str
    target: str
    tap: Literal["gate", "inner"]
    weights: Literal["position", "uniform", "last"]
    source: dict[str, Any]
    tokens: dict[Literal["pivot", "target"], TokensBlock]
    nas: HitsBlock
    nav: HitsBlock
    hidden: HitsBlock


class ModelBlock(TypedDict):
    """The model as it was loaded."""

    fingerprint: str
    class_name: str
    model_type: str
    dtype: str
    device: str
    layers: int
    neurons: list[int]
    hidden_size: int
    max_length: int
    add_bos_token: bool | None
    remote_code: bool


class NeuronXABlock(TypedDict):
    """`results["config"]["neuronxa"]`."""

    schema: int
    model: ModelBlock
    versions: dict[str, str]
    tasks: dict[str, TaskBlock]


class SentenceRivals(TypedDict):
    """What a logged sample holds for one representation: rivals per layer, L integers each.

    A rival is another sentence whose cosine is not smaller than the true pair's: among the targets
    (`row`), among the pivots (`column`), or a sentence that is either. No rival means a hit.
    """

    row: list[int]
    column: list[int]
    either: list[int]


class Sample(TypedDict):
    """The response of one sentence pair, in `resps` of a samples file."""

    nas: SentenceRivals
    nav: SentenceRivals
    hidden: SentenceRivals
