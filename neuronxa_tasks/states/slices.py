"""Tensor parallelism of transformers: which neurons a process holds, and how all come together.

Under `tp_plan` every process runs every forward pass with a slice of the matrices. Hidden states
are whole in each of them. Of a feed-forward network a process has the same share of the neurons,
in the order of the ranks, or, where the plan gathers, all of them. Which one it is stands in the
plan of the model and in its weights (`DTensor`); nothing is inferred from a width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.dtensors import is_dtensor

_SLICED = frozenset({"rowwise"})
"""Styles of a down projection that takes the slice of its process."""
_WHOLE = frozenset({"rowwise_rep", "rowwise_split_input"})
"""Styles of one that takes all neurons, which the modules before it have gathered."""
_HIDDEN_WHOLE = _SLICED | _WHOLE | {
    "all_reduce", "colwise", "colwise_gather_output", "colwise_rep", "embedding_colwise",
    "embedding_rowwise", "local_params", "mla_kv_a_proj", "moe_identity_expert",
    "moe_tp_experts", "packed_colwise", "packed_rowwise", "replicate",
    "replicated_with_grad_allreduce",
}  # fmt: skip
"""Styles that leave the output of a block whole in every process."""
_OTHERS = {
    "ep_size": "the experts are shared out, so that no process sees all tokens of one",
    "fsdp_size": "each process computes other sentences",
    "dp_replicate_size": "each process computes other sentences",
    "pp_size": "a process lacks the other blocks",
}
_ADVICE = (
    "Load it without that; parallelize=True in one process spreads whole layers over devices and "
    "is exact."
)


@dataclass(frozen=True, slots=True)
class Slices:
    """The neurons of one network in equal parts, one for each process, in the order of the mesh.

    Attributes:
        mesh: Device mesh of the processes, one-dimensional.
        count: Number of processes.
    """

    mesh: Any
    count: int

    def whole(self, slices: Tensor) -> Tensor:
        """Bring all neurons together, in every process; each of them has to call it.

        Args:
            slices: [..., F / count] of this process.

        Returns:
            [..., F].
        """
        from torch.distributed.tensor import DTensor, Shard

        mine = DTensor.from_local(
            slices.contiguous(), self.mesh, [Shard(slices.ndim - 1)], run_check=False
        )
        return mine.full_tensor()


class Plan:
    """What tensor parallelism does with the modules of a loaded model; nothing without it.

    Args:
        model: A model of transformers.
        found: Its name, for messages.

    Attributes:
        processes: How many run each forward pass together.

    Raises:
        NeuronXAError: The model is spread over processes in a way that is not read.
    """

    def __init__(self, model: Any, found: str) -> None:
        self.processes = processes(model)
        self._found = found
        self._styles: dict[int, str] = {}
        if self.processes == 1 and getattr(model, "_device_mesh", None) is None:
            return
        told = _told(getattr(model, "config", None))
        for name, why in _OTHERS.items():
            if (told.get(name) or 1) > 1:
                raise NeuronXAError(
                    f"{found} is spread over processes with {name}={told[name]}: {why}. {_ADVICE}"
                )
        if hasattr(model, "peft_config"):
            raise NeuronXAError(
                f"{found} has an adapter and is loaded with tensor parallelism (tp_plan), and "
                "which part of the adapter a process holds is not known. Merge the adapter "
                "(merge_and_unload), save the model, and load that."
            )
        plan: Mapping[str, str] = getattr(model, "_tp_plan", None) or {}
        for name, style in plan.items():
            if style not in _HIDDEN_WHOLE:
                raise NeuronXAError(
                    f"{found} is loaded with a tp_plan that has the style {style!r} for {name}, "
                    "and it is not known that hidden states stay whole under it. Use "
                    "tp_plan=auto, or another plan without it."
                )
        for name, module in model.named_modules():
            generic = re.sub(r"\.\d+(?=\.|$)", ".*", name)
            if generic in plan:
                self._styles[id(module)] = plan[generic]

    def slices(self, down: nn.Module, width: int, name: str) -> Slices | None:
        """How the neurons before a down projection are held.

        Args:
            down: The projection.
            width: Its inputs, those of all processes.
            name: For messages.

        Returns:
            None where every process has all neurons.

        Raises:
            NeuronXAError: Neither all neurons nor an equal part of them in a row.
        """
        weight = getattr(down, "weight", None)
        style = self._styles.get(id(down))
        if self.processes == 1 or style in _WHOLE:
            return None
        if style is None and not is_dtensor(weight):
            return None
        if style not in _SLICED:
            raise self._refused(name, f"the plan has the style {style!r} for it")
        if not is_dtensor(weight):
            raise self._refused(
                name,
                "its weight does not say which part of it is here, because it is quantised or "
                "this version of transformers keeps plain slices (5.23 does not)",
            )
        held = [
            (getattr(each, "dim", None), getattr(each, "split_factor", 1))
            for each in weight.placements
        ]
        if weight.device_mesh.ndim != 1 or held != [(weight.ndim - 1, 1)]:
            raise self._refused(name, f"its weight is placed as {weight.placements}")
        return self._slices(weight, width, name)

    def of_experts(
        self, into: Mapping[str, Tensor], down: Tensor, *, across: bool, packed: bool, name: str
    ) -> Slices | None:
        """How the neurons of routed experts are held: all experts, and of each the same part.

        Args:
            into: By name the weights that make the neurons, and their biases: [E, F, d], or two
                times F where gate and up are packed.
            down: Weight of the down projection, [E, d, F].
            across: Whether all of these are [in, out] instead.
            packed: Whether `into` has the rows of the gate and behind them those of up.
            name: For messages.

        Returns:
            None where every process has all neurons.

        Raises:
            NeuronXAError: Neither all neurons nor an equal part of those of each expert in a row.
        """
        if self.processes == 1 or not any(is_dtensor(w) for w in (down, *into.values())):
            return None
        neurons = 1 if across else 2  # dimension of `down`
        wanted = {"down": (down, neurons, 1)}
        for entry, weight in into.items():
            wanted[entry] = (weight, 3 - neurons, 2 if packed else 1)
        for entry, (weight, dimension, parts) in wanted.items():
            if not is_dtensor(weight) or weight.ndim != 3:
                raise self._refused(name, f"`{entry}` does not say which part of it is here")
            (placement, *more) = weight.placements
            found = (getattr(placement, "dim", None), getattr(placement, "split_factor", 1))
            if more or found != (dimension, parts):
                raise self._refused(name, f"`{entry}` is placed as {weight.placements}")
        return self._slices(down, int(down.shape[neurons]), name)

    def check_joint(self, parts: Iterable[Any], joint: str) -> None:
        """Refuse a family whose neurons in one process depend on those in the others.

        transformers computes such a model otherwise than a process alone would.

        Args:
            parts: The networks of all blocks.
            joint: What the family does with all neurons, as part of a sentence; empty if nothing.

        Raises:
            NeuronXAError: It does something, and a network is held in slices.
        """
        for part in parts:
            if joint and part.slices is not None:
                raise self._refused(
                    part.name,
                    f"this model {joint}, and transformers takes them from the part in each "
                    "process, so that it is another model",
                )

    def _slices(self, weight: Any, width: int, name: str) -> Slices:
        count = weight.device_mesh.size()
        if width % count:
            raise self._refused(name, f"its {width} neurons are no multiple of {count} processes")
        return Slices(weight.device_mesh, count)

    def _refused(self, name: str, why: str) -> NeuronXAError:
        return NeuronXAError(
            f"{self._found} is loaded with tensor parallelism over {self.processes} processes, "
            f"and the neurons of `{name}` cannot be read: {why}. Load it without tp_plan; "
            "parallelize=True spreads whole layers over devices and is exact."
        )


def processes(model: Any) -> int:
    """How many processes run each forward pass of a model together; 1 without `tp_plan`."""
    return int(getattr(model, "_tp_size", None) or 1)


def _told(config: Any) -> Mapping[str, Any]:
    told = getattr(config, "distributed_config", None) or {}
    return told if isinstance(told, Mapping) else vars(told)
