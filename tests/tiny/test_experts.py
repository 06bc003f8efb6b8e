"""Mixture of experts: every implementation, the share of active neurons, routing weights."""

from __future__ import annotations

from typing import Any

import naive
import pytest
import torch
from models import TINY, byte_tokenizer, tiny_model
from torch import nn
from transformers.integrations.finegrained_fp8 import FP8Experts

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states import arrivals, experts
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.experts import OwnActivations
from neuronxa_tasks.states.families import FAMILIES
from neuronxa_tasks.states.layout import RoutedNeurons
from neuronxa_tasks.states.locate import locate

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer()
TEXT = ["A dog and a cat.", "Nobody came.", "It rained all night long."]
ROUTED = sorted(name for name in TINY if FAMILIES[name].routed is not None)
ONLY_EAGER = {"dbrx", "jetmoe", "llama4_text", "longcat_flash"}
CHOSEN = {"zaya": 1}
NO_IDLE = {"longcat_flash": {"zero_expert_num": 0}}  # experts without neurons


def routed_of(model: Any) -> list[tuple[int, int, RoutedNeurons]]:
    """Index into the layers, place of the first neuron and routed neurons of each mixture."""
    return [
        (i, sum(other.width for other in ffn.neurons[:place]), part)
        for i, ffn in enumerate(locate(model).ffns)
        for place, part in enumerate(ffn.neurons)
        if isinstance(part, RoutedNeurons)
    ]


@pytest.mark.parametrize("model_type", sorted(set(ROUTED) - ONLY_EAGER))
@pytest.mark.parametrize("tap", ["gate", "inner"])
def test_implementations_agree(model_type: str, tap: Any) -> None:
    model = tiny_model(model_type)
    vectors = {}
    for implementation in ("eager", "batched_mm", "grouped_mm"):
        model.set_experts_implementation(implementation)
        vectors[implementation] = Encoder(model, TOKENIZER, tap=tap)(TEXT)
    eager = vectors.pop("eager")
    for other in vectors.values():
        for name in ("nas", "nav", "hidden"):
            for one, two in zip(getattr(eager, name), getattr(other, name), strict=True):
                torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4 * float(one.abs().max()))


def test_what_the_experts_show_is_read_and_not_computed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once per layer it is compared; where the order is another one, it is left alone."""
    made: list[int] = []
    recompute = experts._recomputed

    def noting(neurons: RoutedNeurons, tap: Any, expert: int, tokens: torch.Tensor) -> Any:
        made.append(expert)
        return recompute(neurons, tap, expert, tokens)

    monkeypatch.setattr(experts, "_recomputed", noting)
    model = tiny_model("mixtral")
    layers = len(routed_of(model))
    take, found = OwnActivations.take, {}
    read = (("grouped_mm", False), ("batched_mm", False))
    for way, wrong in (("eager", False), *read, ("grouped_mm", True)):
        model.set_experts_implementation(way)
        if wrong:
            monkeypatch.setattr(
                OwnActivations,
                "take",
                lambda *args: None if (rows := take(*args)) is None else rows.flip(0),
            )
        made.clear()
        found[way, wrong] = Encoder(model, TOKENIZER, batch_size=1)(TEXT)
        if (way, wrong) in read:
            assert len(made) == layers  # with one expert each, in the first pass
        else:
            assert len(made) > 3 * layers
    one, *others = found.values()
    for other in others:
        for name in ("nas", "nav"):
            for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model_type", ROUTED)
def test_share_of_neurons_of_a_token(model_type: str) -> None:
    """Of all routed neurons, top_k experts' are not zero: top_k x each / (count x each)."""
    model = tiny_model(model_type, **NO_IDLE.get(model_type, {}))
    if model_type == "nemotron_h":  # ReLU: many neurons of an active expert are zero as well
        model.model.layers[1].mixer.experts.act_fn = nn.SiLU()
    vectors = Encoder(model, TOKENIZER, weights="last")(TEXT)
    layers = routed_of(model)
    assert layers
    for layer, start, part in layers:
        active = vectors.nav[layer][:, start : start + part.width] > 0
        everywhere = part.row.arrivals is arrivals.every_token
        chosen = part.count if everywhere else CHOSEN.get(model_type, 2)
        assert active.sum(dim=1).tolist() == [chosen * part.each] * len(TEXT)
        whole = active.reshape(len(TEXT), part.count, part.each)
        assert torch.equal(whole.any(dim=2), whole.all(dim=2))


@pytest.mark.parametrize("model_type", ["mixtral", "deepseek_v3", "gpt_oss"])
def test_routing_weights_enter_only_nav_and_only_on_request(model_type: str) -> None:
    model = tiny_model(model_type)
    shares: list[torch.Tensor] = []
    plain = Encoder(model, TOKENIZER)([TEXT[0]])
    layer, _, part = routed_of(model)[-1]
    handle = part.experts.register_forward_pre_hook(lambda _, args: shares.extend(args))
    weighted = Encoder(model, TOKENIZER, routed_nav=True)([TEXT[0]])
    handle.remove()
    assert all(map(torch.equal, plain.nas, weighted.nas))
    assert all(map(torch.equal, plain.hidden, weighted.hidden))

    _, index, share = shares
    states = naive.read(model, TOKENIZER, TEXT[0]).gate[layer]
    expected = torch.zeros(part.count, part.each, dtype=torch.float64)
    total = len(states) * (len(states) + 1) // 2
    for t, activation in enumerate(states):
        of_experts = torch.tensor(abs(activation[: part.width])).reshape(part.count, part.each)
        for expert, weight in zip(index[t].tolist(), share[t].tolist(), strict=True):
            expected[expert] += (t + 1) / total * weight * of_experts[expert]
    ours = weighted.nav[layer][0]
    torch.testing.assert_close(ours[: part.width], expected.flatten().float())
    torch.testing.assert_close(ours[part.width :], plain.nav[layer][0, part.width :])


def test_memory_is_that_of_one_expert_and_one_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """No array [tokens, all experts' neurons] is ever made."""
    model = tiny_model("mixtral")
    largest = 0
    new = torch.Tensor.__matmul__

    def measured(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        product = new(one, other)
        largest = max(largest, product.numel())
        return product

    monkeypatch.setattr(torch.Tensor, "__matmul__", measured)
    sentences = [f"{text} {i}" for i in range(10) for text in TEXT]
    Encoder(model, TOKENIZER)(sentences)
    tokens = len(sentences) * max(len(TOKENIZER(text)["input_ids"]) for text in sentences)
    assert 0 < largest <= tokens * 2 * 16  # both halves of one expert


def test_experts_without_matrices_are_refused() -> None:
    model = tiny_model("mixtral")
    layer = model.model.layers[1].mlp.experts
    layer.gate_up_proj = nn.Parameter(layer.gate_up_proj.to(torch.uint8), requires_grad=False)
    with pytest.raises(NeuronXAError, match=r"`layers.1.mlp.experts` .* quantised"):
        locate(model)


def test_float8_experts_are_refused_by_name() -> None:
    model = tiny_model("qwen3_moe")
    of_float8 = FP8Experts(model.config, block_size=(16, 16))
    assert of_float8.gate_up_proj.dtype == torch.float8_e4m3fn
    model.model.layers[1].mlp.experts = of_float8
    with pytest.raises(
        NeuronXAError, match=r"`layers.1.mlp.experts` .*FP8Experts.* float8_e4m3fn: .* bfloat16"
    ):
        Encoder(model, TOKENIZER)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_experts_in_half_precision(dtype: torch.dtype) -> None:
    vectors = Encoder(tiny_model("qwen3_moe").to(dtype), TOKENIZER)(TEXT)
    assert all(bool((each > 0).any()) for each in vectors.nav)


def test_experts_that_are_bypassed() -> None:
    model = tiny_model("mixtral")
    model.model.layers[1].mlp.forward = lambda x: x
    with pytest.raises(NeuronXAError, match=r"layer 1 \(`layers.1.mlp.experts`.* fired 0 times"):
        Encoder(model, TOKENIZER)(TEXT)


def test_experts_that_are_called_otherwise() -> None:
    model = tiny_model("mixtral")
    mlp = model.model.layers[0].mlp
    mlp.experts.forward = lambda x: x
    mlp.forward = lambda x: mlp.experts(x)
    with pytest.raises(NeuronXAError, match=r"`layers.0.mlp.experts` .* were called with"):
        Encoder(model, TOKENIZER)(TEXT)


def test_a_missing_shared_expert_is_named_and_a_switched_off_one_is_not_missed() -> None:
    model = tiny_model("granitemoeshared", shared_intermediate_size=0)
    assert [len(ffn.neurons) for ffn in locate(model).ffns] == [1, 1]
    model = tiny_model("deepseek_v3")
    del model.model.layers[1].mlp.shared_experts
    with pytest.raises(NeuronXAError, match=r"no module `layers.1.mlp.shared_experts.down_proj`"):
        locate(model)
