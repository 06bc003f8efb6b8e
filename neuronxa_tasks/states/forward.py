"""Which forward pass is that of a model: its decoder alone, or all that the harness runs around it.

The decoder alone saves the logits. But a class of the harness may change the pass where it calls
the model (`--model steered` places hooks there), and whoever holds the model may do so above the
decoder. Then the whole call is run, as the benchmarks run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.locate import locate

CALL = "_model_call"
"""What every likelihood of `HFLM` goes through: token ids [B, T] in, logits out."""
_AROUND = ("_loglikelihood_tokens", "loglikelihood", "loglikelihood_rolling")
"""What calls it. Hooks placed here change the benchmarks and cannot be placed for us."""
_HFLM = "lm_eval.models.huggingface"
_HARMLESS_HOOKS = ("accelerate.", "transformers.", "peft.", "torch.")


@dataclass(frozen=True, slots=True)
class WholeCall:
    """A forward pass that is more than the decoder.

    Attributes:
        call: Runs it on token ids [B, T] that are padded on the right, without a mask.
        why: What makes it more, as the beginning of a sentence.
    """

    call: Callable[[Tensor], Any]
    why: str


def whole_call(lm: Any) -> WholeCall | None:
    """Find out whether the decoder alone is what a model of the harness runs.

    Args:
        lm: A loaded `HFLM`.

    Returns:
        None if the decoder is all that changes hidden states and activations.

    Raises:
        NeuronXAError: A class that is not the harness' own changes what stands around the call,
            so that it cannot be known what a forward pass of this model is.
    """
    name = type(lm).__name__
    for method in _AROUND:
        home = _home(lm, method)
        if home is not None and not home.startswith(("lm_eval.", "neuronxa_tasks.")):
            raise NeuronXAError(
                f"The model class {name} has a `{method}` of its own (from {home}), which may "
                "change the forward pass of the benchmarks in a way that alignment scores would "
                f"not see. Move the change into `{CALL}`, where the scores are computed too, or "
                "run the benchmarks alone."
            )
    if told := own_pass(lm):
        return WholeCall(getattr(lm, CALL), told)
    if getattr(lm, "mixed_precision_dtype", None) is not None:
        told = f"mixed_precision_dtype is {lm.mixed_precision_dtype}"
        return WholeCall(getattr(lm, CALL), told)
    for path, module in _above(lm.model, locate(lm.model).decoder):
        if has_foreign_hook(module) or is_patched(module):
            told = f"the module {path or type(module).__name__} has a hook that is not known here"
            return WholeCall(getattr(lm, CALL), told)
    return None


def own_pass(lm: Any) -> str:
    """What a class of the harness does to the forward pass itself; empty if it does nothing.

    Args:
        lm: A loaded `HFLM`.
    """
    own = _home(lm, CALL) not in (None, _HFLM)
    return f"{type(lm).__name__} has a `{CALL}` of its own" if own else ""


def has_foreign_hook(module: nn.Module) -> bool:
    """Whether somebody else than the usual libraries may change what a module computes."""
    return any(
        not f"{getattr(hook, '__module__', None) or ''}.".startswith(_HARMLESS_HOOKS)
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    )


def is_patched(module: nn.Module) -> bool:
    """Whether a module has a `forward` that is not its class', nor of a library that is known.

    accelerate's own moves tensors; that of tensor parallelism follows the model's plan.
    """
    forward = vars(module).get("forward")
    home = str(getattr(forward, "__module__", None))
    known = hasattr(module, "_hf_hook") or home.startswith("transformers.distributed.")
    return forward is not None and not known


def _home(lm: Any, method: str) -> str | None:
    """Name of the module that a method comes from; None if the object has none."""
    if method in vars(lm):
        return str(getattr(vars(lm)[method], "__module__", None) or "an assignment")
    for kind in type(lm).__mro__:
        if method in vars(kind):
            return kind.__module__
    return None


def _above(model: nn.Module, decoder: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules that contain the decoder, with their paths."""
    for path, module in model.named_modules():
        if module is not decoder and any(each is decoder for each in module.modules()):
            yield path, module
