"""What `neuronxa transfer` trains on, and how: rows of XNLI and the settings of a training."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError

CONFIG, SPLIT = "en", "train"
"""What is loaded from a data set of the Hub."""
_FIELDS = ("premise", "hypothesis", "label")
WORDS = ("Yes", "Also", "No")
"""The harness' words for entailment, neutral and contradiction (labels 0, 1, 2)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row of XNLI. `label` is 0 (entailment), 1 (neutral) or 2 (contradiction)."""

    premise: str
    hypothesis: str
    label: int

    def choices(self) -> tuple[str, ...]:
        """Return the three texts that `xnli_en` of the harness compares, in order of the labels.

        The harness puts its target delimiter, a space, before each, though no context precedes it.
        """
        return tuple(f" {self.premise}, right? {word}, {self.hypothesis}" for word in WORDS)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. The defaults are a modest run for a model of some billion parameters.

    Attributes:
        steps: Number of updates.
        batch: Examples per update; each is three sequences.
        lr: Learning rate of AdamW, which falls linearly to zero.
        rank: Rank of the LoRA matrices; their scale is 2.
        seed: Decides the order of the examples and the first LoRA weights.
    """

    steps: int = 1000
    batch: int = 8
    lr: float = 1e-4
    rank: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "rank"):
            if getattr(self, name) < 1:
                raise NeuronXAError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise NeuronXAError(f"lr is {self.lr}; it must be a positive number such as 1e-4.")
        if not 0 <= self.seed < 2**63:
            raise NeuronXAError(f"seed is {self.seed}; it must be 0 or more, below 2**63.")


def read_examples(train: str) -> tuple[tuple[Example, ...], dict[str, Any]]:
    """Read training examples.

    Args:
        train: A file of JSON lines with `premise`, `hypothesis` and `label`, or the name of a data
            set on the Hub such as `facebook/xnli`, of which the config `en` and the split `train`
            are taken.

    Returns:
        The examples, and where they came from: `kind`, `where`, `n` and the `sha256` of the text.

    Raises:
        NeuronXAError: No such file or data set, or a row that is no example; it says which.
    """
    path = Path(train).expanduser()
    if path.is_file():
        kind, rows = "file", _file_rows(path)
    elif path.suffix or train.count("/") != 1:
        raise NeuronXAError(
            f"--train is {train!r}, which is neither a file nor a name on the Hub (`owner/name`). "
            "Give a file of JSON lines, or facebook/xnli."
        )
    else:
        kind, rows = "hub", _hub_rows(train)
    examples = tuple(_example(row, f"Row {i} of {train}") for i, row in enumerate(rows))
    if not examples:
        raise NeuronXAError(f"{train} has no rows. Give the training part of XNLI.")
    digest = hashlib.sha256()
    for example in examples:
        digest.update(
            json.dumps([example.premise, example.hypothesis, example.label]).encode() + b"\n"
        )
    facts = {"kind": kind, "where": train, "n": len(examples), "sha256": digest.hexdigest()}
    return examples, facts


def _file_rows(path: Path) -> Iterable[Any]:
    rows: list[Any] = []
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            rows.extend(json.loads(line) for line in file if line.strip())
    except (OSError, ValueError, RecursionError) as error:
        raise NeuronXAError(
            f"{path} cannot be read as JSON lines ({error}, after {len(rows)} rows). Give one JSON "
            "object per line with premise, hypothesis and label, in UTF-8."
        ) from None
    return rows


def _hub_rows(name: str) -> Iterable[Any]:
    from datasets import load_dataset

    try:
        rows: Iterable[Any] = load_dataset(name, CONFIG, split=SPLIT)
    except Exception as error:  # many types: gated, offline, unknown config, broken cache
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise NeuronXAError(
            f"The data set {name} ({CONFIG}, {SPLIT}) could not be loaded from the Hub: {reason}. "
            "Check the connection and the name, or give a file of JSON lines."
        ) from error
    return rows


def _example(row: Any, where: str) -> Example:
    if not isinstance(row, Mapping) or any(key not in row for key in _FIELDS):
        raise NeuronXAError(f"{where} lacks one of {', '.join(_FIELDS)}. Give data like XNLI's.")
    premise, hypothesis, label = (row[key] for key in _FIELDS)
    if not (isinstance(premise, str) and isinstance(hypothesis, str) and premise and hypothesis):
        raise NeuronXAError(f"{where} has a premise or hypothesis that is no text. Remove the row.")
    if isinstance(label, bool) or label not in (0, 1, 2):
        raise NeuronXAError(
            f"{where} has the label {label!r}; labels are 0 (entailment), 1 (neutral) and 2 "
            "(contradiction). Convert the labels, and remove rows without one."
        )
    return Example(premise, hypothesis, int(label))
