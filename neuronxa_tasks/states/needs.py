"""What a variant needs of a model, refused before the first forward pass."""

from __future__ import annotations

from collections.abc import Collection

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.layout import DenseNeurons, Layout, RoutedNeurons


def check_variants(layout: Layout, variants: Collection[str]) -> None:
    """Refuse a variant whose vectors a model cannot give.

    Args:
        layout: Where the neurons are.
        variants: Their names.

    Raises:
        NeuronXAError: `up_sign`, and a feed-forward network has no gate; or `top_decile`, and this
            process has a part of the neurons of routed experts.
    """
    if "up_sign" in variants:
        _check_up(layout)
    if "top_decile" in variants:
        _check_top(layout)


def _check_up(layout: Layout) -> None:
    for ffn in layout.ffns:
        for neurons in ffn.neurons:
            if not neurons.gated:
                raise NeuronXAError(
                    "The variant `up_sign` compares the signs of the up projection of gated "
                    f"feed-forward networks, and `{neurons.name}` of this model (model_type "
                    f"{layout.model_type!r}) has no gate: its neurons are act(W_in x), which "
                    "`nasca` compares already. Leave `up_sign` out of the variants."
                )
            if isinstance(neurons, DenseNeurons) and not neurons.whole_up:
                raise NeuronXAError(
                    "The variant `up_sign` compares the signs of the up projection, and "
                    f"`{neurons.name}` of this model (model_type {layout.model_type!r}) adds the "
                    "output of an adapter to it, so that no module gives it whole. Leave "
                    "`up_sign` out of the variants."
                )


def _check_top(layout: Layout) -> None:
    for neurons in (each for ffn in layout.ffns for each in ffn.neurons):
        if isinstance(neurons, RoutedNeurons) and neurons.slices is not None:
            raise NeuronXAError(
                "The variant `top_decile` needs all neurons of an expert at once, and of "
                f"`{neurons.name}` this process has {neurons.held} of {neurons.each}, because the "
                "model is loaded with tensor parallelism. Leave `top_decile` out of the variants, "
                "or load the model without tp_plan."
            )
