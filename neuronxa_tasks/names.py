"""Names: of metrics, in the order of the results table, and the values that options allow.

Imported by light code: no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, get_args

from neuronxa_tasks.errors import NeuronXAError

SCORES = {"nasca": "nas", "navca": "nav", "mexa": "hidden"}
"""Score -> its representation. `<score>_max` is the best layer."""

BASELINES = ("surface", "token_overlap")
"""What text alone gives, without the network."""

CONTROLS: dict[str, tuple[str, ...]] = {
    "untrained": ("floor", "above_floor"),
    "shuffled": ("shuffled",),
}
"""Control -> endings of the metrics it adds to each score."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "centred": tuple(SCORES),
    "csls": tuple(SCORES),
    "width_matched": ("nasca", "navca"),
    "hidden_sign": ("mexa",),
    "top_decile": ("nasca",),
    "up_sign": ("nasca",),
}
"""Variant -> the scores it has a version of. The metric is called `<score>_<variant>`."""

MEASURES = tuple(
    sorted(
        each.stem
        for each in (Path(__file__).parent / "alignment" / "measures").glob("*.py")
        if not each.stem.startswith("_")
    )
)
"""Measures that can stand beside the scores. The folder is the list: a file is a measure."""


RUN_MEASURES = ("lape",)
"""Measures of all languages of a run together, which are no metrics of a language."""


def measure_metric(measure: str, representation: str) -> str:
    """Metric of a measure of one representation, the mean over its layers: `cka_nas`."""
    return f"{measure}_{representation}"


def measure_metrics(measures: Iterable[str]) -> tuple[str, ...]:
    """Metrics that some measures may have; controls add their endings to them, as to scores."""
    return tuple(measure_metric(each, what) for each in measures for what in SCORES.values())


MEASURE_METRICS = measure_metrics(MEASURES)
"""Metrics of all measures."""


def of_a_measure(metric: str) -> bool:
    """Whether a metric is that of a measure, or of one of its controls."""
    endings = ("", *(f"_{ending}" for each in CONTROLS.values() for ending in each))
    return any(metric.removesuffix(ending) in MEASURE_METRICS for ending in endings)


METRICS = (
    *SCORES,
    *(f"{score}_max" for score in SCORES),
    *BASELINES,
    *(f"{score}_{ending}" for each in CONTROLS.values() for ending in each for score in SCORES),
    *(f"{score}_{variant}" for variant, scores in VARIANTS.items() for score in scores),
)
"""All metrics a group can average."""


Tap = Literal["gate", "inner"]


TAPS: tuple[str, ...] = get_args(Tap)


Weights = Literal["position", "uniform", "last"]


WEIGHTS: tuple[str, ...] = get_args(Weights)


PairsOption = Literal["", "all", "half"]


PAIRS: tuple[str, ...] = ("all", "half")


COVARIATES = ("bits_per_byte",)
"""Covariates that cost a further pass, and are computed only when asked for."""


DEFAULT_N = 100


DEFAULT_SEEDS = 3


def one_of(name: str, value: object, valid: Collection[str]) -> None:
    """Refuse a value that is not in a list of valid ones.

    Raises:
        NeuronXAError: `value` is not in `valid`.
    """
    if value not in valid:
        raise NeuronXAError(f"{name} is {value!r}; it must be one of {', '.join(valid)}.")


KEYED_ANSWERS = "neuronxa_use_cache"
"""Key in `results["config"]` of a run whose `--use_cache` knew the model."""

METRIC_PREFERENCE = ("acc", "accuracy", "acc_norm", "exact_match", "f1", "value")
"""The metric of a benchmark that is used where it has several; others by `--benchmark`."""
DEFAULT_METRIC = "nasca"
"""The alignment score that is shown where none is asked for."""


SHARES = frozenset(
    {
        "acc",
        "acc_all",
        "acc_bytes",
        "acc_mutual_info",
        "acc_norm",
        "accuracy",
        "em",
        "exact_match",
        "mc1",
        "mc2",
        "pct_stereotype",
        *SCORES,
        *(f"{score}_max" for score in SCORES),
        *BASELINES,
    }
)
"""Metrics that are shares, from 0 to 1; others may have any scale (`f1` of SQuAD is in percent)."""
LOWER_IS_BETTER = frozenset(
    {
        "bits_per_byte",
        "brier_score",
        "byte_perplexity",
        "cer",
        "cross_entropy",
        "ece",
        "likelihood_diff",
        "loss",
        "mae",
        "mse",
        "perplexity",
        "rmse",
        "ter",
        "wer",
        "word_perplexity",
    }
)
"""Metrics of which less is better, where the results file does not say which is better."""
OWN_SCALE = LOWER_IS_BETTER | {"bleu", "chrf", "chrf++", "comet"}
"""Metrics that are neither shares nor percent of anything."""


def metric_stem(metric: str) -> str:
    """The metric without the harness' filter: `exact_match` of `exact_match,strict-match`."""
    return metric.partition(",")[0]


CHECKED = "neuronxa: options, tasks and text are checked; the model is loaded"
"""A line of a run on the error stream. Errors before it would meet every checkpoint of a sweep."""
