"""The block `config.neuronxa` of a results file, as types.

The harness writes it beside its own entries. Every score of a run can be recomputed from it: the
lists are integer hit counts per layer, and a score is the mean or the maximum of count / n.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

SCHEMA = 2
"""Of the block that is written. 2 has `measures`, and else is as 1."""
READABLE = (1, 2)
"""Schemas of blocks that can be read."""

MeasuresBlock: TypeAlias = dict[str, dict[str, list[float | None]]]
"""Measure -> representation -> its number in each layer; null where the layer has none."""


class HitsBlock(TypedDict):
    """Hits per layer of one representation; L integers (hidden states: L + 1) in 0..n."""

    mutual: list[int]
    forward: list[int]
    backward: list[int]


class TextHitsBlock(TypedDict):
    """Hits of a baseline that has no layers, 0..n."""

    mutual: int
    forward: int
    backward: int


class TokensBlock(TypedDict):
    """Tokens of the n sentences of one language, special tokens included."""

    total: int
    truncated: int


class _Profile(TypedDict):
    seed: int
    nas: HitsBlock
    nav: HitsBlock
    hidden: HitsBlock


class ProfileBlock(_Profile, total=False):
    """Hits of one control run, and its measures where they were asked for."""

    measures: MeasuresBlock


Side = Literal["pivot", "target"]


class NormsBlock(TypedDict):
    """Mean Euclidean norm of the sentence vectors, per layer."""

    nav: list[float | None]
    hidden: list[float | None]


class _Covariates(TypedDict):
    fertility: float | None
    unknown_rate: dict[Side, float | None]
    nas_density: dict[Side, list[float | None]]
    norm: dict[Side, NormsBlock]
    hub_skewness: dict[Literal["nas", "nav", "hidden"], list[float | None]]


class CovariatesBlock(_Covariates, total=False):
    """What may drive a score, with six digits; null where it does not exist.

    `fertility`: tokens of the target / tokens of the pivot, without special tokens.
    `unknown_rate`: share of unknown tokens.
    `nas_density`: mean NAS per layer, the weighted share of active neurons.
    `hub_skewness`: of the 10-occurrence of the target's sentences, per layer.
    `bits_per_byte`: of the text under the model, where it was asked for; the target's interval is
    under `intervals`.
    """

    bits_per_byte: dict[Side, float | None]


class BesideBlock(TypedDict, total=False):
    """What stands beside the scores of one language pair.

    Absent in files of older versions. `intervals` are 95 % bootstrap intervals over the sentences,
    by metric; exact bounds where all sentences have the same value (null in files of older
    versions). `controls` (of each control the hits
    for every seed), `variants` (hits of each representation it has) and `measures` are there where
    they were asked for.
    """

    surface: TextHitsBlock
    token_overlap: TextHitsBlock
    intervals: dict[str, tuple[float, float] | None]
    covariates: CovariatesBlock
    controls: dict[str, list[ProfileBlock]]
    variants: dict[str, dict[str, HitsBlock]]
    measures: MeasuresBlock


class TaskBlock(BesideBlock):
    """One language pair.

    `forward` is from pivot to target. `source` says where the text came from and has the sha256 of
    the sentences used; it says `chosen` where these are not all that were read.
    """

    n: int
    corpus: str
    pivot: str
    target: str
    tap: Literal["gate", "inner"]
    weights: Literal["position", "uniform", "last"]
    routed_nav: bool
    source: dict[str, Any]
    tokens: dict[Side, TokensBlock]
    nas: HitsBlock
    nav: HitsBlock
    hidden: HitsBlock


class _Model(TypedDict):
    fingerprint: str
    class_name: str
    model_type: str
    dtype: str
    device: str
    layers: int
    ffn_layers: list[int]
    neurons: list[int]
    hidden_size: int
    max_length: int
    add_bos_token: bool | None
    remote_code: bool
    random_weights: int


class ModelBlock(_Model, total=False):
    """The model as it was loaded.

    `layers` counts the blocks, `ffn_layers` are those with a feed-forward network (a hybrid lacks
    some) and `neurons` is the width of each of these. `tensor_parallel` is the number of processes
    that ran each pass together; absent where there was one.
    """

    tensor_parallel: int


class MeanBlock(TypedDict):
    """Means over the languages of a run with one corpus, n and settings, if there are several.

    `values` and `intervals` are by metric, for scores and what is beside them, without the best
    layer. The sentences of an interval are drawn for all languages at once; null as in
    `BesideBlock`. A group of the harness with these tasks has the same means, and a `stderr` that
    takes its languages for independent.
    """

    corpus: str
    n: int
    tasks: list[str]
    values: dict[str, float]
    intervals: dict[str, tuple[float, float] | None]


class PairHitsBlock(TypedDict):
    """Mutual hits of every pair of languages in one representation.

    Each is the lower triangle of a symmetric matrix: row i has i integers, its hits with the
    languages 0 to i - 1. `sum` is over all layers, so that the score is sum / (layers * n);
    `best` are the hits of the best layer, and `best_layer` its number (the first one of several):
    from 1, hidden states from 0, which are the embeddings.
    """

    layers: int
    sum: list[list[int]]
    best: list[list[int]]
    best_layer: list[list[int]]


class PairsBlock(TypedDict):
    """All languages of a corpus against all, where it was asked for.

    `languages` are sorted and hold the pivot. `precision` is that of the vectors that were
    compared: with float32 the pivot's row has the same hits as the tasks. `text` is the sha256 of
    the pivot's sentences.
    """

    corpus: str
    pivot: str
    n: int
    tap: Literal["gate", "inner"]
    weights: Literal["position", "uniform", "last"]
    routed_nav: bool
    precision: Literal["float32", "float16"]
    text: str
    languages: list[str]
    nas: PairHitsBlock
    nav: PairHitsBlock
    hidden: PairHitsBlock


class LapeBlock(TypedDict):
    """Language-specific neurons of the languages of a run, where they were asked for.

    `specific` has for each language and feed-forward layer the places of its neurons, from 0, and
    `neurons` the number of neurons of each layer. `share` of all neurons are specific to a
    language; a neuron is so where it is active at more than `bar` of the language's tokens. `n` are
    the sentences of a language, `tokens` what they have. See `alignment/lape.py`.
    """

    corpus: str
    pivot: str
    n: int
    tap: Literal["gate", "inner"]
    share: float
    bar: float
    tokens: dict[str, int]
    neurons: list[int]
    specific: dict[str, list[list[int]]]


class _Blocks(TypedDict):
    schema: int
    model: ModelBlock
    versions: dict[str, str]
    tasks: dict[str, TaskBlock]


class NeuronXABlock(_Blocks, total=False):
    """`results["config"]["neuronxa"]`.

    `means` and `kept` are absent in files of older versions; `pairs` and `lape` are there where
    they were asked for. `kept` names the tasks whose result, or whose control on untrained weights,
    was read from the cache of an earlier run: they are as trustworthy as that folder. `auto_batch`
    is the most sentences of a pass where no batch size was given; else `config.batch_size` says it.
    """

    means: list[MeanBlock]
    pairs: list[PairsBlock]
    lape: list[LapeBlock]
    kept: list[str]
    auto_batch: int


class RivalsBlock(TypedDict):
    """Rivals of one sentence pair in one representation; L integers each (hidden: L + 1).

    A samples file has it under `nasca_max` (NAS), `navca_max` (NAV) and `mexa_max` (hidden states)
    of each sentence. A rival is another sentence whose cosine is not smaller than the true pair's:
    among the targets (`row`), among the pivots (`column`), or a sentence that is either. No rival
    means a hit.
    """

    row: list[int]
    column: list[int]
    either: list[int]


@dataclass(frozen=True)
class SentenceRivals:
    """The model's response to one sentence pair.

    The harness turns responses into text when it logs samples, so the numbers are logged as the
    sentence's metrics, and the text says where.
    """

    nas: RivalsBlock
    nav: RivalsBlock
    hidden: RivalsBlock
    beside: dict[str, float] = field(default_factory=dict)
    """Further metrics of the sentence by name, such as `surface`: 1.0 where it is a hit."""

    def __str__(self) -> str:
        return "rivals per layer: see nasca_max, navca_max, mexa_max"


@dataclass(frozen=True)
class ControlRun:
    """One draw of a control, reduced to what is kept.

    Attributes:
        block: Its hits per layer.
        shares: Score -> [n] float64, the share of layers in which each pair is a hit; and metric
            of a measure -> [n] its values.
    """

    block: ProfileBlock
    shares: dict[str, NDArray[np.float64]]
