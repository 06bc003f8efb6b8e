"""The training step in the name of a checkpoint: read by one pattern, never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS = ("global_step", "step", "checkpoint", "ckpt", "iter")
"""Words that a step number follows, with `-`, `_` or nothing between."""

_STEP = re.compile(
    rf"(?<![A-Za-z0-9])(?:{'|'.join(WORDS)})[-_]?(\d+)(?![A-Za-z0-9.])", re.IGNORECASE
)
_TOKENS = re.compile(r"(?<![A-Za-z0-9])tokens\d+(?:\.\d+)?[KMBT](?![A-Za-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedStep:
    """A step that stands in a name.

    Attributes:
        step: the number, from 0.
        rest: the name without its step and its count of tokens: equal in all names of one series.
    """

    step: int
    rest: str


def step_in(name: str) -> NamedStep | None:
    """Reads the step in the name of a folder or revision.

    `step-1000`, `step1000`, `checkpoint-1000`, `global_step1000`, `iter_0001000` and
    `stage1-step1000-tokens5B` are step 1000. `epoch-3`, `step-10k` and `1000` have no step that
    could be known for certain.

    Args:
        name: a name without folders.

    Returns:
        The step, or None where there is none, or more than one.
    """
    found = _STEP.findall(name)
    if len(found) != 1:
        return None
    return NamedStep(int(found[0]), _TOKENS.sub("tokens*", _STEP.sub("step-*", name)))
