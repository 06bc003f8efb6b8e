"""Hooks: placed, proved to have fired once with the right width, always removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from models import KINDS, TINY, blocks_that_run, byte_tokenizer, tiny_model
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.families import FAMILIES, Family
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.taps import Taps

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer()
TEXT = ["One.", "Two words."]


def hooks(model: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


@pytest.mark.parametrize("model_type", KINDS)
@pytest.mark.parametrize("tap", ["gate", "inner"])
def test_hooks_are_gone_after_success(model_type: str, tap: Any) -> None:
    model = tiny_model(model_type)
    Encoder(model, TOKENIZER, tap=tap)(TEXT)
    assert hooks(model) == 0


def test_hooks_are_there_inside() -> None:
    model = tiny_model("llama")
    with Taps(locate(model)):
        assert hooks(model) > 0
    assert hooks(model) == 0


def test_hooks_are_gone_after_an_error() -> None:
    model = tiny_model("llama")
    model.model.layers[1].self_attn.forward = fail
    with pytest.raises(RuntimeError, match="broken attention"):
        Encoder(model, TOKENIZER)(TEXT)
    assert hooks(model) == 0


def test_hooks_are_gone_when_one_cannot_be_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    monkeypatch.setattr(model.model.layers[2].mlp.act_fn, "register_forward_hook", fail)
    with pytest.raises(RuntimeError, match="broken"), Taps(locate(model)):
        pass
    assert hooks(model) == 0


def fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("broken attention")


@pytest.mark.parametrize("tap", ["gate", "inner"])
def test_a_kernel_that_bypasses_the_modules(tap: Any) -> None:
    model = tiny_model("llama")
    mlp = model.model.layers[2].mlp

    def fused(x: torch.Tensor) -> torch.Tensor:
        gate = nn.functional.silu(x @ mlp.gate_proj.weight.T)
        return (gate * (x @ mlp.up_proj.weight.T)) @ mlp.down_proj.weight.T

    mlp.forward = fused
    kind = {"gate": "SiLUActivation", "inner": "Linear"}[tap]
    expected = rf"`{tap}` of layer 2 \(`layers.2.mlp`, {kind}\) fired 0 times .* fused kernels"
    with pytest.raises(NeuronXAError, match=expected):
        Encoder(model, TOKENIZER, tap=tap)(TEXT)


def twice(module: nn.Module) -> Callable[..., Any]:
    forward = module.forward

    def run_again(*args: Any, **kwargs: Any) -> Any:
        module.act_fn(torch.zeros(2, 10, 48))  # type: ignore[operator]
        return forward(*args, **kwargs)

    return run_again


def test_a_module_that_runs_twice() -> None:
    model = tiny_model("llama")
    model.model.layers[0].mlp.forward = twice(model.model.layers[0].mlp)
    with pytest.raises(NeuronXAError, match=r"layer 0 .* fired 2 times .* is shared"):
        Encoder(model, TOKENIZER)(TEXT)


def test_a_block_that_is_used_for_two_layers() -> None:
    model = tiny_model("llama")
    model.model.layers[1] = model.model.layers[0]
    with pytest.raises(NeuronXAError, match="once"):
        Encoder(model, TOKENIZER)(TEXT)


def test_a_block_that_is_skipped() -> None:
    model = tiny_model("llama")
    model.model.layers[1].forward = lambda hidden_states, **_: hidden_states
    with pytest.raises(NeuronXAError, match=r"layer 1 .* fired 0 times"):
        Encoder(model, TOKENIZER)(TEXT)


def test_a_slice_of_the_neurons() -> None:
    model = tiny_model("llama")
    model.model.layers[3].mlp.act_fn = nn.Sequential(nn.SiLU(), nn.AdaptiveAvgPool1d(12))
    with pytest.raises(NeuronXAError, match=r"`gate` of layers.3.mlp gave 12 values .* of 48"):
        Encoder(model, TOKENIZER)(TEXT)


def test_gate_and_up_in_one_activation() -> None:
    """An activation over the fused matrix would give twice the width."""
    model = tiny_model("glm")
    mlp = model.model.layers[0].mlp
    mlp.forward = lambda x: mlp.down_proj(mlp.activation_fn(mlp.gate_up_proj(x))[..., :48])
    with pytest.raises(NeuronXAError, match="gave 96 values per token instead of 48"):
        Encoder(model, TOKENIZER)(TEXT)


def test_unknown_architecture_is_refused_by_name() -> None:
    model = tiny_model("llama")
    model.config.model_type = "brandnew"
    with pytest.raises(NeuronXAError, match=r"'brandnew'.*Supported model types: .*llama"):
        locate(model)


def test_encoder_decoder_is_refused_by_name() -> None:
    config = T5Config(vocab_size=9, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    with pytest.raises(NeuronXAError, match=r"T5ForConditionalGeneration .* encoder-decoder"):
        locate(T5ForConditionalGeneration(config))


def test_not_a_model_is_refused_by_name() -> None:
    with pytest.raises(NeuronXAError, match="Linear"):
        locate(nn.Linear(2, 2))


def test_renamed_module_is_named() -> None:
    model = tiny_model("llama")
    mlp = model.model.layers[1].mlp
    mlp.activation = mlp.act_fn
    del mlp.act_fn
    with pytest.raises(NeuronXAError, match=r"no module `layers.1.mlp.act_fn` \(there are: self"):
        locate(model)


def test_a_down_projection_of_unknown_kind_is_named() -> None:
    model = tiny_model("llama")
    model.model.layers[1].mlp.down_proj = nn.Identity()
    with pytest.raises(NeuronXAError, match=r"`layers.1.mlp.down_proj` .* is a Identity"):
        locate(model)


HYBRID = {"nemotron_h": [1, 3], "zamba": [1, 2], "zamba2": [1, 2, 3]}


@pytest.mark.parametrize("model_type", sorted(TINY))
def test_layers(model_type: str) -> None:
    model = tiny_model(model_type)
    layout = locate(model)
    blocks = blocks_that_run(model)
    assert len(layout.blocks) == blocks
    assert layout.layers == HYBRID.get(model_type, list(range(blocks)))
    assert layout.model_type == model_type


def gated(model_type: str) -> bool:
    family = FAMILIES[model_type]
    return family.dense is None or family.dense.gated


@pytest.mark.parametrize("model_type", sorted(TINY))
def test_gate_and_inner_differ_where_there_is_a_gate(model_type: str) -> None:
    model = tiny_model(model_type)
    gate, inner = (Encoder(model, TOKENIZER, tap=tap)(TEXT) for tap in ("gate", "inner"))
    for layer, ffn_gate in enumerate(gate.nav):
        assert torch.equal(ffn_gate, inner.nav[layer]) != gated(model_type)
    assert all(map(torch.equal, gate.hidden, inner.hidden))


def test_widths_of_experts() -> None:
    """Routed experts first, then shared ones; the first block of this family is dense."""
    dense, routed = locate(tiny_model("deepseek_v3")).ffns
    assert dense.width == 48
    assert [part.width for part in routed.neurons] == [6 * 16, 16]


def test_a_family_is_a_row_of_plain_data() -> None:
    assert all(isinstance(family, Family) for family in FAMILIES.values())
    assert list(FAMILIES) == sorted(FAMILIES)
