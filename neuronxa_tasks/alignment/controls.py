"""Controls: what the score would be without training, and without translations.

* `untrained`: the same architecture and tokenizer with fresh random weights, the floor.
* `shuffled`: the same vectors with every sentence paired with a wrong one; no more than chance.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neuronxa_tasks.alignment.profile import View
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.forward import whole_call


def derangement(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a permutation that moves every element, all of them equally likely.

    Args:
        n: Elements, at least 2.
        rng: Source of randomness.

    Returns:
        [n] int64 without fixed point.
    """
    if n < 2:
        raise NeuronXAError(f"{n} sentence cannot be paired wrongly. Give at least two.")
    while True:  # e tries on average
        order = rng.permutation(n)
        if not np.any(order == np.arange(n)):
            return order


def shuffled(order: NDArray[np.int64]) -> View:
    """Put the target's sentences into a wrong order.

    A pair is a hit if its two sentences, which do not belong together, are mutual nearest
    neighbours. Vectors without meaning give chance, 1 / (2n - 1); where true translations are
    near, they are rivals and the rate is lower.

    Args:
        order: [n] the target sentence of each pivot sentence, see `derangement`.
    """
    columns = torch.from_numpy(order)
    return lambda similarity: similarity[:, columns.to(similarity.device)]


@contextmanager
def untrained(lm: Any, seed: int) -> Iterator[Any]:
    """Lend a model like that of `lm`, with fresh weights as transformers initialises them.

    It is made on the CPU, so that a seed gives the same weights on every machine, in the dtype of
    the trained model. On an accelerator the trained model waits in main memory meanwhile, so that
    only one of the two takes memory there. Afterwards all is as before, random numbers included.

    Args:
        lm: A loaded `HFLM`.
        seed: Of the weights.

    Raises:
        NeuronXAError: A model whose weights cannot be drawn anew: quantised, with an adapter,
            spread over devices, or of a class that transformers does not build from the config.
    """
    check_untrained(lm)
    trained = lm.model
    with torch.random.fork_rng(devices=[]):
        # Not `torch.manual_seed`, which would seed the accelerators too.
        torch.default_generator.manual_seed(seed)
        fresh = lm.AUTO_MODEL_CLASS.from_config(
            copy.deepcopy(trained.config),
            dtype=trained.dtype,
            trust_remote_code=type(trained).__module__.startswith("transformers_modules"),
        )
    if type(fresh) is not type(trained):
        raise refusal(
            f"the config describes a {type(fresh).__name__} and the model is a "
            f"{type(trained).__name__}"
        )
    device = trained.device
    try:
        if device.type != "cpu":
            trained.to("cpu")
        yield fresh.to(device).eval()
    finally:
        fresh.to("meta")  # frees the weights, whoever still holds the model
        trained.to(device)


def check_untrained(lm: Any) -> None:
    """Refuse a model whose weights cannot be drawn anew, as far as it can be seen beforehand.

    Args:
        lm: A loaded `HFLM`.

    Raises:
        NeuronXAError: See `untrained`.
    """
    model = lm.model
    if (whole := whole_call(lm)) is not None:
        raise refusal(f"{whole.why}, which is run as a whole and would not know other weights")
    if hasattr(model, "peft_config") or getattr(model, "_hf_peft_config_loaded", False):
        raise refusal("it has an adapter (PEFT), whose fresh weights would change nothing")
    if (
        getattr(model, "is_quantized", False)
        or getattr(model, "quantization_method", None) is not None
        or getattr(model.config, "quantization_config", None) is not None
    ):
        raise refusal("it is quantised, and fresh weights cannot be drawn in that form")
    places = set((getattr(model, "hf_device_map", None) or {}).values())
    if len(places) > 1 or "disk" in places or (getattr(model, "tp_size", None) or 1) > 1:
        raise refusal("it is spread over devices, and a second one would not fit beside it")
    kinds = getattr(lm.AUTO_MODEL_CLASS, "_model_mapping", {}).get(type(model.config), ())
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    remote = type(model).__module__.startswith("transformers_modules")
    if kinds and not remote and type(model) not in kinds:
        raise refusal(
            f"the config describes a {kinds[0].__name__} and the model is a {type(model).__name__}"
        )


def refusal(reason: str) -> NeuronXAError:
    """The error where the control `untrained` cannot be made; `reason` is part of a sentence."""
    return NeuronXAError(
        f"The control `untrained` cannot be made for this model: {reason}. Leave the control out "
        "here, and run it once with the plain checkpoint on one device: the floor belongs to the "
        "architecture and the tokenizer."
    )
