"""The states of the variants `top_decile` and `up_sign` equal the naive computation."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
import torch
from models import TINY, byte_tokenizer, tiny_model
from torch import nn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.layout import RoutedNeurons
from neuronxa_tasks.states.locate import locate

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer(bos=True)
MINI = Path(__file__).parents[2] / "neuronxa_tasks" / "text" / "data" / "mini"
MARGIN = 5e-6
PLAIN = {
    *("apertus", "arcee", "biogpt", "bloom", "codegen", "falcon", "gpt2", "gpt_bigcode", "gpt_neo"),
    *("gpt_neox", "gpt_neox_japanese", "gptj", "jais2", "mpt", "nanochat", "nemotron"),
    *("nemotron_h", "opt", "persimmon", "phi", "starcoder2", "xglm"),
    *("ctrl", "git", "openai-gpt"),
}
"""Families whose feed-forward networks have no gate."""


@cache
def model_of(model_type: str) -> Any:
    # Values that a limit makes equal are ties, which no quantile stands between.
    limit = {"swiglu_limit": 100.0} if "swiglu_limit" in TINY[model_type] else {}
    return tiny_model(model_type, seed=1, **limit)


def widths(ffn: Any) -> list[int]:
    """Neurons of each network of a layer."""
    sizes: list[int] = []
    for part in ffn.neurons:
        sizes += [part.each] * part.count if isinstance(part, RoutedNeurons) else [part.width]
    return sizes


def sentences_of(model_type: str, n: int) -> list[str]:
    lines = (MINI / "deu_Latn.txt").read_text(encoding="utf-8").splitlines()
    model = model_of(model_type)
    chosen: list[str] = []
    # Shorter ones hold fewer values, for a family in which every longer one has a close one.
    for text in (line[:length] for length in (20, 8, 4) for line in lines):
        # Nearer to a threshold than the rounding of float32, a neuron is neither on nor off.
        read = naive.read(model, TOKENIZER, text)
        gaps = [
            naive.top_tenth(activation, widths(ffn))[1]
            for tap in (read.gate, read.inner)
            for activation, ffn in zip(tap, locate(model).ffns, strict=True)
        ]
        if min(read.margin, *gaps) > MARGIN and text not in chosen:
            chosen.append(text)
        if len(chosen) == n:
            break
    assert len(chosen) == n
    return chosen


@pytest.mark.parametrize("model_type", sorted(TINY))
def test_every_family(model_type: str) -> None:
    model, sentences = model_of(model_type), sentences_of(model_type, 2)
    whole = model_type not in {*PLAIN, "zamba2"}
    variants = ["top_decile", "up_sign"] if whole else ["top_decile"]
    for tap in ("gate", "inner"):
        ours = Encoder(model, TOKENIZER, tap=tap, variants=variants)(sentences)
        plain = Encoder(model, TOKENIZER, tap=tap)(sentences)
        for name in ("nas", "nav", "hidden"):
            assert all(map(torch.equal, getattr(ours, name), getattr(plain, name)))
        assert plain.top == plain.up == ()
        for i, sentence in enumerate(sentences):
            read = naive.read(model, TOKENIZER, sentence)
            total = sum(naive.weights(len(read.hidden[0]), "position"))
            for layer, ffn in enumerate(locate(model).ffns):
                active, _ = naive.top_tenth(getattr(read, tap)[layer], widths(ffn))
                share = naive.nas_counts(active, "position") / total
                np.testing.assert_allclose(ours.top[layer][i].numpy(), share, atol=1e-6)
                if "up_sign" in variants:
                    share = naive.nas_counts(read.up[layer], "position") / total
                    np.testing.assert_allclose(ours.up[layer][i].numpy(), share, atol=1e-6)


@pytest.mark.parametrize("model_type", sorted(PLAIN))
def test_up_sign_without_a_gate_is_refused_by_name(model_type: str) -> None:
    with pytest.raises(NeuronXAError, match=rf"`up_sign`.*{model_type!r}.*no gate.*Leave"):
        Encoder(model_of(model_type), TOKENIZER, variants=["up_sign"])


def test_up_sign_of_an_up_projection_in_two_parts_is_refused_by_name() -> None:
    with pytest.raises(NeuronXAError, match=r"`up_sign`.*'zamba2'.*adapter.*Leave"):
        Encoder(model_of("zamba2"), TOKENIZER, variants=["up_sign"])


@pytest.mark.parametrize("model_type", ["llama", "glm"])
def test_an_up_projection_that_is_bypassed(model_type: str) -> None:
    model = tiny_model(model_type)
    mlp = model.model.layers[1].mlp
    if model_type == "llama":
        up = mlp.up_proj.weight
        mlp.forward = lambda x: mlp.down_proj(mlp.act_fn(mlp.gate_proj(x)) * (x @ up.T))
    else:
        both = mlp.gate_up_proj.weight

        def forward(x: torch.Tensor) -> Any:
            gate, rest = (x @ both.T).chunk(2, dim=-1)
            return mlp.down_proj(mlp.activation_fn(gate) * rest)

        mlp.forward = forward
    Encoder(model, TOKENIZER)(["One."])
    with pytest.raises(NeuronXAError, match=r"tap `up` of layer 1 .* fired 0 times"):
        Encoder(model, TOKENIZER, variants=["up_sign"])(["One."])


def test_an_up_projection_of_another_width() -> None:
    model = tiny_model("llama")
    mlp = model.model.layers[0].mlp
    mlp.up_proj = nn.Linear(32, 1, bias=False)
    with pytest.raises(NeuronXAError, match=r"`up` of layers.0.mlp gave 1 values .* of 48"):
        Encoder(model, TOKENIZER, variants=["up_sign"])(["One."])


def test_unknown_variants_are_refused() -> None:
    with pytest.raises(NeuronXAError, match="variants is 'sign'; it must be one of centred"):
        Encoder(model_of("llama"), TOKENIZER, variants=["sign"])
