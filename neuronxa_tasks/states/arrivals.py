"""Which tokens an expert gets, told from the call of a module of the mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

import torch
from torch import Tensor

from neuronxa_tasks.errors import NeuronXAError


@dataclass(frozen=True, slots=True)
class Arrival:
    """The m tokens that one expert gets.

    Attributes:
        expert: Its number.
        rows: [m] integers, the rows of the tokens among the S of the batch.
        source: [S, d]; its `rows` are what the expert's matrices are applied to.
        shares: [m], the routing weights of what the expert makes of them; None where the weight
            is in the inputs already.
        start: Place of the first of them in the order of `Arrivals`.
    """

    expert: int
    rows: Tensor
    source: Tensor
    shares: Tensor | None
    start: int = 0

    @property
    def inputs(self) -> Tensor:
        """[m, d], copied out of all tokens."""
        return self.source[self.rows]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The tokens of each expert that gets some.

    Attributes:
        each: One expert after the other.
        order: [S * k] integers, what sorts the k experts of all tokens by their number; None
            where they are told otherwise.
    """

    each: list[Arrival]
    order: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the module that tells who goes where.

    Attributes:
        name: Path of the experts from the decoder, for messages.
        kind: Class of the module.
        count: Number of experts.
        given: The tensors that it was called with.
        made: What it gave back; None where that is not waited for.
    """

    name: str
    kind: str
    count: int
    given: list[Tensor]
    made: Any = None


ToArrivals: TypeAlias = Callable[[Call], Arrivals]


def by_index(call: Call) -> Arrivals:
    """Experts called with tokens [S, d], experts of each [S, k] and routing weights [S, k].

    An accelerator is waited for once, for the number of tokens of each expert.

    Raises:
        NeuronXAError: The call has another form.
    """
    instead = "tokens, their experts and their routing weights"
    if len(call.given) != 3:
        raise _otherwise(call, instead)
    tokens, index, weights = call.given
    if index.is_floating_point() or index.shape != weights.shape or index.ndim != 2:
        raise _otherwise(call, instead)
    # As `grouped_mm` sorts: equal calls leave tokens of one expert in equal order.
    ordered, order = torch.sort(index.flatten())
    # Numbers from `count` on stand for "no expert" and come last.
    bounds = torch.arange(call.count + 1, device=index.device, dtype=index.dtype)
    spans = pairwise(torch.searchsorted(ordered, bounds).tolist())
    tokens, shares = tokens.reshape(-1, tokens.shape[-1]), weights.flatten()
    each = [
        Arrival(expert, chosen // index.shape[1], tokens, shares[chosen], start)
        for expert, (start, stop) in enumerate(spans)
        if len(chosen := order[start:stop])
    ]
    return Arrivals(each, order)


def every_token(call: Call) -> Arrivals:
    """InklingSharedExperts: called with tokens [..., d] and weights [..., experts]; all see all.

    Raises:
        NeuronXAError: The call has another form.
    """
    if len(call.given) != 2 or call.given[1].shape[-1] != call.count:
        raise _otherwise(call, "tokens and a weight for each expert")
    tokens, weights = (each.reshape(-1, each.shape[-1]) for each in call.given)
    rows = torch.arange(len(tokens), device=tokens.device)
    return Arrivals(
        [Arrival(expert, rows, tokens, weights[:, expert]) for expert in range(call.count)]
    )


def weighted_copies(call: Call) -> Arrivals:
    """Llama4TextExperts: called with all tokens times their routing weights, [experts * S, d].

    A token that did not go to an expert comes as zeros.

    Raises:
        NeuronXAError: The call has another form.
    """
    if len(call.given) != 1 or len(call.given[0]) % call.count:
        raise _otherwise(call, "a copy of all tokens for each expert")
    copies = call.given[0].reshape(call.count, -1, call.given[0].shape[-1])
    each = [
        Arrival(expert, torch.where(copy.any(dim=1))[0], copy, None)
        for expert, copy in enumerate(copies)
    ]
    return Arrivals([arrival for arrival in each if len(arrival.rows)])


def by_sorting(call: Call) -> Arrivals:
    """JetMoeTopKGating: called with tokens [S, d]; gives out the places sorted by their expert.

    It gives the order of the S * k places, their tokens, their weights, and how many are each
    expert's.

    Raises:
        NeuronXAError: The call has another form.
    """
    made = call.made if isinstance(call.made, tuple) else ()
    if len(call.given) != 1 or len(made) < 4 or len(made[3]) != call.count:
        raise _otherwise(call, "tokens")
    _, rows, weights, sizes, *_ = made
    bounds = pairwise(accumulate(sizes, initial=0))
    return Arrivals(
        [
            Arrival(expert, rows[start:stop], call.given[0], weights[start:stop])
            for expert, (start, stop) in enumerate(bounds)
            if stop > start
        ]
    )


def _otherwise(call: Call, instead: str) -> NeuronXAError:
    return NeuronXAError(
        f"The experts `{call.name}` ({call.kind}) were called with "
        f"{[tuple(each.shape) for each in call.given]} instead of {instead}. Another version of "
        "transformers may have changed this. Use a tested one (constraints.txt), or run the "
        "benchmarks alone."
    )
