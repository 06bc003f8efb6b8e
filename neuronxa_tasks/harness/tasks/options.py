"""Options of a NeuronXA task, given by `--metadata`, and their checks."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, TypeGuard

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import (
    CONTROLS,
    COVARIATES,
    DEFAULT_N,
    DEFAULT_SEEDS,
    MEASURES,
    PAIRS,
    RUN_MEASURES,
    TAPS,
    VARIANTS,
    WEIGHTS,
    PairsOption,
    Tap,
    Weights,
    one_of,
)

HARNESS_KEYS = frozenset(
    {
        "config_source",
        "data_file",
        "dataset_name",
        "dataset_repo",
        "dataset_repo_name",
        "filter_colname",
        "max_seq_lengths",
        "pretrained",
        "qa_split",
        "token",
        "tokenizer",
        "valid_pages",
        "version",
    }
)
"""Metadata that the harness itself or its own tasks read (0.4.13)."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose about a score. All of it is recorded with the result.

    Attributes:
        data_dir: Folder with the corpus' files; by default the corpus finds its text.
        pivot: Code of the pivot language.
        n: Number of sentence pairs. Scores at different n are not comparable.
        tap: Where neurons are read: `gate` is act(W_gate x), `inner` the input of the down
            projection.
        weights: Token weights of the sentence vector: `position`, `uniform` or `last`.
        routed_nav: In a mixture of experts, multiply NAV by the routing weight of the expert.
        control: Controls to score beside the model: `untrained`, `shuffled`. A text or a list.
        control_seeds: How often each control is drawn, with the seeds 0, 1, ...
        variants: Further ways to compare the same vectors; see `names.VARIANTS`. A text or
            a list.
        measures: Further measures of the same vectors, see `names.MEASURES`; `all` for every one
            of two languages; `lape` of all languages of the run. A text or a list.
        pairs: `all`: also align every language of the run with every other, not only with the
            pivot. `half`: the same with vectors in half precision, which takes half the disk.
        covariates: Covariates that cost a further pass: `bits_per_byte`. A text or a list.
    """

    data_dir: str | None = None
    pivot: str = "eng_Latn"
    n: int = DEFAULT_N
    tap: Tap = "gate"
    weights: Weights = "position"
    routed_nav: bool = False
    control: tuple[str, ...] = ()
    control_seeds: int = DEFAULT_SEEDS
    variants: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    pairs: PairsOption = ""
    covariates: tuple[str, ...] = ()


KEYS = tuple(option.name for option in fields(Options))


def told_keys() -> str:
    """The keys of `--metadata` with their defaults, for people: what `Options` says of them."""
    told = inspect.getdoc(Options) or ""
    texts = dict(re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", told, flags=re.MULTILINE))
    lines = ["keys of --metadata, for the neuronxa_* tasks (default in brackets):"]
    for option in fields(Options):
        value = option.default
        default = str(value).lower() if isinstance(value, bool) else str(value or "none")
        words = " ".join(texts.get(option.name, "").split())
        for name, values in (("VARIANTS", VARIANTS), ("MEASURES", MEASURES)):
            words = words.replace(f"see `names.{name}`", f"of {', '.join(values)}")
        lines += textwrap.wrap(
            f"{option.name:<14} [{default}] {words}",
            width=96,
            initial_indent="  ",
            subsequent_indent=" " * 17,
        )
    return "\n".join(lines)


def parse_options(metadata: Mapping[str, Any], foreign: Collection[str] = ()) -> Options:
    """Read the options out of a task's metadata.

    Args:
        metadata: What the harness hands to a task: the config's own metadata, the model
            arguments and `--metadata`, merged.
        foreign: Keys that belong to others, such as the model arguments.

    Raises:
        NeuronXAError: A wrong value, or a key that is nobody's.
    """
    for key in metadata:
        if key not in KEYS and key not in HARNESS_KEYS and key not in foreign:
            close = get_close_matches(str(key), KEYS, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise NeuronXAError(
                f"--metadata has the key {key!r}, which no NeuronXA task reads.{hint} Their keys "
                f"are {', '.join(KEYS)}. A key for a task of your own belongs into that task's "
                "config, or into a run without NeuronXA tasks."
            )
    given = {key: metadata[key] for key in KEYS if metadata.get(key) is not None}
    for key in ("data_dir", "pivot"):
        if key in given and not (isinstance(given[key], str) and given[key]):
            raise NeuronXAError(f"{key} is {given[key]!r}; it must be a non-empty text.")
    n = given.get("n", DEFAULT_N)
    if not _whole(n) or n < 2:
        raise NeuronXAError(f"n is {n!r}; it must be a whole number of sentence pairs, 2 or more.")
    seeds = given.get("control_seeds", DEFAULT_SEEDS)
    if not _whole(seeds) or seeds < 1:
        raise NeuronXAError(f"control_seeds is {seeds!r}; it must be a whole number, 1 or more.")
    if "control" in given:
        given["control"] = _some_of("control", given["control"], tuple(CONTROLS))
    if "variants" in given:
        given["variants"] = _some_of("variants", given["variants"], tuple(VARIANTS))
    if given.get("measures") == "all":
        given["measures"] = MEASURES
    if "measures" in given:
        given["measures"] = _some_of("measures", given["measures"], (*MEASURES, *RUN_MEASURES))
    if "covariates" in given:
        given["covariates"] = _some_of("covariates", given["covariates"], COVARIATES)
    if "pairs" in given:
        one_of("pairs", given["pairs"], PAIRS)
    if not isinstance(given.get("routed_nav", False), bool):
        raise NeuronXAError(f"routed_nav is {given['routed_nav']!r}; it must be true or false.")
    one_of("tap", given.get("tap", "gate"), TAPS)
    one_of("weights", given.get("weights", "position"), WEIGHTS)
    return Options(**given)


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _some_of(name: str, value: object, valid: Collection[str]) -> tuple[str, ...]:
    """One text, or a list of texts, each of them valid; in the order of the valid ones."""
    chosen = value if isinstance(value, list | tuple) else [value]
    for each in chosen:
        one_of(name, each, valid)
    return tuple(each for each in valid if each in chosen)
