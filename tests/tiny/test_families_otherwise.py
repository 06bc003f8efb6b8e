"""Families whose models come in several forms, and mixtures that are called otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import naive
import numpy as np
import pytest
import torch
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states import arrivals
from neuronxa_tasks.states.arrivals import Call
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.locate import locate

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer(bos=True)
TEXT = ["A dog.", "Nobody came."]


def test_gemma_4_without_experts_equals_the_naive_computation() -> None:
    model = tiny_model("gemma4_text", seed=1, enable_moe_block=False)
    assert [len(ffn.neurons) for ffn in locate(model).ffns] == [1, 1]
    read = naive.read(model, TOKENIZER, TEXT[1])
    vectors = Encoder(model, TOKENIZER, tap="inner")(TEXT)
    for layer, inner in enumerate(read.inner):
        expected = naive.mean(np.abs(inner), "position")
        np.testing.assert_allclose(vectors.nav[layer][1].numpy(), expected, rtol=1e-4, atol=1e-6)


def test_doge_with_experts_of_one_neuron_is_refused_by_name() -> None:
    model = tiny_model("doge", is_moe=True, num_experts=16, num_experts_per_tok=2)
    with pytest.raises(NeuronXAError, match=r"`layers.0` of Doge.*mix the tokens of a batch"):
        locate(model)


def test_llama_4_is_run_without_its_head_and_its_weights_are_in_the_inputs() -> None:
    model = tiny_model("llama4_text")
    assert locate(model).decoder is model.model
    plain, weighted = (
        Encoder(model, TOKENIZER, routed_nav=routed_nav)(TEXT) for routed_nav in (False, True)
    )
    assert all(map(torch.equal, plain.nav, weighted.nav))


def test_blocks_for_images_are_left_out() -> None:
    layout = locate(tiny_model("mllama_text_model"))
    assert [ffn.name for ffn in layout.ffns] == ["layers.0", "layers.2"]
    assert layout.layers == [0, 1]


def test_streams_stand_in_a_row() -> None:
    vectors = Encoder(tiny_model("hy_v4"), TOKENIZER)(TEXT)
    assert [each.shape[1] for each in vectors.hidden] == [4 * 32, 4 * 32, 32]


def test_a_language_model_head_that_is_called_decoder() -> None:
    model = tiny_model("modernbert-decoder")
    assert locate(model).decoder is model.model


def test_numbers_that_stand_for_no_expert_arrive_nowhere() -> None:
    tokens, index = torch.randn(2, 4), torch.tensor([[3, 1], [0, 1]])
    weights = torch.tensor([[0.25, 0.5], [0.75, 0.125]])
    found = arrivals.by_index(Call("", "", 3, [tokens, index, weights]))
    first, second = found.each
    assert (first.expert, first.rows.tolist(), first.start) == (0, [1], 0)
    assert (second.expert, second.rows.tolist(), second.start) == (1, [0, 1], 1)
    assert second.shares is not None
    assert second.shares.tolist() == [0.5, 0.125]
    assert torch.equal(second.inputs, tokens)
    assert found.order is not None
    assert index.flatten()[found.order].tolist() == [0, 1, 1, 3]


@pytest.mark.parametrize(
    ("told", "given", "made"),
    [
        (arrivals.by_index, [torch.zeros(4, 2)], None),
        (arrivals.every_token, [torch.zeros(4, 2), torch.zeros(4, 2)], None),
        (arrivals.weighted_copies, [torch.zeros(4, 2)], None),
        (arrivals.by_sorting, [torch.zeros(4, 2)], (0, 0, 0, [4])),
    ],
)
def test_a_call_of_another_form_is_named(
    told: Callable[[Call], Any], given: list[torch.Tensor], made: Any
) -> None:
    with pytest.raises(NeuronXAError, match=r"`mlp` \(Kind\) were called .*\(4, 2\).* instead"):
        told(Call("mlp", "Kind", 3, given, made))
