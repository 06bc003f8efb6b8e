"""Model arguments and the device: read as `run` reads them, checked before anything is loaded."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from neuronxa_tasks.errors import NeuronXAError, one_line

_AT_LEAST = {"max_length": 1, "max_batch_size": 1, "prefix_token_id": 0}


def typed_arguments(words: Sequence[str]) -> dict[str, Any]:
    """Read model arguments by the harness' own rule: `key=value,...`, several such words, or JSON.

    Args:
        words: What stands behind `--model_args`.

    Raises:
        NeuronXAError: JSON that is cut off or has single quotes.
    """
    from lm_eval._cli.utils import MergeDictAction

    parser = argparse.ArgumentParser(prog="neuronxa", add_help=False)
    parser.add_argument("--model_args", nargs="+", action=MergeDictAction, default={})
    try:
        return dict(parser.parse_args(["--model_args", *words]).model_args)
    except ValueError as error:
        raise NeuronXAError(f"--model_args cannot be read: {one_line(error)}") from None


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse what the loader would take in another sense than was meant, or only late.

    `HFLM` says of its arguments whether they are switches or whole numbers, and does not look.

    Args:
        arguments: Of `HFLM` or a subclass.

    Raises:
        NeuronXAError: A switch that is neither true nor false, or a number that is none.
    """
    from lm_eval.models.huggingface import HFLM

    for name, parameter in inspect.signature(HFLM.__init__).parameters.items():
        value = arguments.get(name)
        kinds = str(parameter.annotation).replace(" ", "").split("|")
        if value is None or not {*kinds} <= {"bool", "int", "None"}:
            continue
        if "bool" in kinds and not isinstance(value, bool):
            raise NeuronXAError(
                f"The model argument {name} is {value!r}; it must be True or False."
            )
        least = _AT_LEAST.get(name)
        if "int" in kinds and (
            not isinstance(value, int)
            or isinstance(value, bool)
            or (least is not None and value < least)
        ):
            floor = "" if least is None else f", {least} or more"
            raise NeuronXAError(
                f"The model argument {name} is {value!r}; it must be a whole number{floor}."
            )


def check_device(name: str | None) -> None:
    """Refuse a device that is not there; the harness takes another one without a word.

    Args:
        name: The value of `--device`, if it was given.

    Raises:
        NeuronXAError: It is no device of torch, or this machine has none of the kind or number.
    """
    if name is None or name == "cpu":
        return
    import torch

    try:
        device = torch.device(name)
        count = int(torch.get_device_module(device.type).device_count())
    except (RuntimeError, AttributeError, ValueError):
        raise NeuronXAError(
            f"--device is {name!r}, which is no device that a model can run on. Write cpu, cuda, "
            "cuda:0 or mps, or leave it out: a CUDA device is taken where there is one."
        ) from None
    if device.type == "cpu" or (device.index or 0) >= count:
        seen = f"torch sees {count or 'no'} device{'' if count == 1 else 's'} of this kind here"
        raise NeuronXAError(
            f"--device is {name!r}, but {seen}. Correct it, say --device cpu, or leave it out: a "
            "CUDA device is taken where there is one."
        )
