"""Sentences of a forward pass, at most: what the user said, or `auto` where nothing was said.

The harness (0.4.13) takes 1 where nothing was said, which would be one pass for each sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.utils import simple_parse_args_string

from neuronxa_tasks.harness.frames import arguments_of_the_call, frames

_DEFAULT = 32


def batch_size(lm: Any) -> int:
    """The most sentences in a pass of a run; the encoder halves it where memory runs out.

    Args:
        lm: A model of the harness, inside its call.
    """
    size = lm.batch_size
    if isinstance(size, int) and not nothing_said(lm):
        return size
    return int(lm.max_batch_size or _DEFAULT)


def nothing_said(lm: Any) -> bool:
    """Has the user of this call left the batch size out?

    Args:
        lm: A model of the harness, inside its call.
    """
    if lm.batch_size != 1:
        return False
    call = arguments_of_the_call()
    if not isinstance(call.get("model"), str) or "batch_size" in _pairs(call.get("model_args")):
        return False
    for frame in frames("_execute"):
        if frame.f_globals.get("__name__") == "lm_eval._cli.run" and "args" in frame.f_locals:
            options = frame.f_locals["args"]
            return not hasattr(options, "batch_size") and not _in_file(options)
    return call.get("batch_size") is None


def _pairs(given: Any) -> Mapping[str, Any]:
    """Model arguments as a mapping, however they were given."""
    if isinstance(given, str):
        given = simple_parse_args_string(given)
    return given if isinstance(given, Mapping) else {}


def _in_file(options: Any) -> bool:
    path = getattr(options, "config", None)
    return bool(path) and "batch_size" in EvaluatorConfig.load_yaml_config(path)
