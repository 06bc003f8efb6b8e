"""Models from GGUF files, loaded as the harness loads them: `pretrained=FOLDER,gguf_file=NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.cli import main
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.names import TAPS, Tap
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.text.corpora import corpus

gguf = pytest.importorskip("gguf", reason="gguf is not installed; pip install gguf")

pytestmark = pytest.mark.tiny

FILE = "tiny.gguf"
F32 = gguf.GGMLQuantizationType.F32
QUANTISED = (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0)
# Blocks are of 32 numbers. The rest differs from what transformers assumes when a file is silent.
UNUSUAL: dict[str, Any] = {
    "intermediate_size": 64,
    "rms_norm_eps": 1e-3,
    "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
}

Matrix = np.ndarray[Any, np.dtype[np.float32]]


def interleaved(matrix: Matrix, heads: int) -> Matrix:
    """Rows of a query or key matrix in the order of GGUF's `llama`.

    There the two numbers that rotary positions turn together are neighbours; in transformers they
    are half a head apart.
    """
    rows, columns = matrix.shape
    halves = matrix.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.transpose(0, 2, 1, 3).reshape(rows, columns))


def named(model: Any) -> dict[str, Matrix]:
    """Weights of a Llama by the names and in the layout of a GGUF file."""
    config, decoder = model.config, model.model
    tensors = {
        "token_embd": decoder.embed_tokens,
        "output_norm": decoder.norm,
        "output": model.lm_head,
    }
    for i, layer in enumerate(decoder.layers):
        tensors |= {
            f"blk.{i}.attn_norm": layer.input_layernorm,
            f"blk.{i}.attn_q": layer.self_attn.q_proj,
            f"blk.{i}.attn_k": layer.self_attn.k_proj,
            f"blk.{i}.attn_v": layer.self_attn.v_proj,
            f"blk.{i}.attn_output": layer.self_attn.o_proj,
            f"blk.{i}.ffn_norm": layer.post_attention_layernorm,
            f"blk.{i}.ffn_gate": layer.mlp.gate_proj,
            f"blk.{i}.ffn_up": layer.mlp.up_proj,
            f"blk.{i}.ffn_down": layer.mlp.down_proj,
        }
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for name, module in tensors.items():
        matrix = module.weight.detach().numpy()
        part = name.rpartition(".")[2]
        weights[f"{name}.weight"] = interleaved(matrix, heads[part]) if part in heads else matrix
    return weights


def write(model: Any, path: Path, kind: Any) -> None:
    """Write a Llama and the byte tokenizer as one GGUF file.

    Args:
        model: In float32.
        path: Of the file.
        kind: `GGMLQuantizationType` of the matrices; norms stay float32.
    """
    config, tokenizer = model.config, byte_tokenizer(bos=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if each in special else gguf.TokenType.NORMAL for each in tokens]
    )
    # The format has no empty list of merges; without one they are made of the vocabulary: none.
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(True)
    for name, matrix in named(model).items():
        if matrix.ndim == 1:
            writer.add_tensor(name, matrix)
        else:
            writer.add_tensor(name, gguf.quants.quantize(matrix, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(folder: Path) -> NeuronXALM:
    return NeuronXALM(pretrained=str(folder), gguf_file=FILE, dtype="float32", device="cpu")


@pytest.fixture
def llama() -> Any:
    return tiny_model("llama", **UNUSUAL)


def test_the_whole_file_is_read(llama: Any, tmp_path: Path) -> None:
    write(llama, tmp_path / FILE, F32)
    lm = load(tmp_path)
    expected = llama.state_dict()
    ours = lm.model.state_dict()
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
    sentence = "Why, é 猫?"
    assert lm.tokenizer(sentence).input_ids == byte_tokenizer(bos=True)(sentence).input_ids


@pytest.mark.parametrize("tap", TAPS)
def test_rival_counts_equal_those_of_the_same_weights(llama: Any, tap: Tap, tmp_path: Path) -> None:
    write(llama, tmp_path / FILE, F32)
    lm = load(tmp_path)
    assert_same_rivals(lm, llama, tap)


@pytest.mark.parametrize("kind", QUANTISED)
def test_blocks_are_unpacked_exactly(llama: Any, kind: Any, tmp_path: Path) -> None:
    """A quantised file scores as the numbers that its blocks stand for."""
    write(llama, tmp_path / FILE, kind)
    before = llama.model.layers[0].mlp.down_proj.weight.clone()
    with torch.no_grad():
        for parameter in llama.parameters():
            if parameter.ndim == 2:
                blocks = gguf.quants.quantize(parameter.numpy(), kind)
                parameter.copy_(torch.from_numpy(gguf.quants.dequantize(blocks, kind)))
    assert not torch.equal(llama.model.layers[0].mlp.down_proj.weight, before)
    assert_same_rivals(load(tmp_path), llama, "gate")


def assert_same_rivals(lm: NeuronXALM, model: Any, tap: Tap) -> None:
    """A loaded file and a model count the same rivals for every sentence in every layer."""
    text = corpus("mini").load("eng_Latn", "fra_Latn", 50)
    ours, theirs = (
        profile(encode(text.pivot), encode(text.target))
        for encode in (
            Encoder(lm.model, lm.tokenizer, tap=tap),
            Encoder(model, byte_tokenizer(bos=True), tap=tap),
        )
    )
    for name in ("nas", "nav", "hidden"):
        one, other = getattr(ours, name).rivals, getattr(theirs, name).rivals
        assert other.any()
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_doctor(llama: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(llama, tmp_path / FILE, F32)
    arguments = f"pretrained={tmp_path},gguf_file={FILE},dtype=float32"
    assert main(["doctor", "--model_args", arguments, "--device", "cpu"]) == 0
    assert "neurons per layer   64 (4x)" in capsys.readouterr().out


def test_without_the_library(llama: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(llama, tmp_path / FILE, F32)
    monkeypatch.setattr("transformers.modeling_gguf_pytorch_utils.is_gguf_available", lambda: False)
    with pytest.raises(ImportError, match=r"install torch and gguf>="):
        load(tmp_path)
