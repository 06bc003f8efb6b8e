"""Models inside other models, adapted, quantised, spread over devices or over processes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import dispatch_model
from models import byte_tokenizer, tiny_config, tiny_model
from peft import LoraConfig, PromptTuningConfig, TaskType, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    BitsAndBytesConfig,
    Gemma3Config,
    Glm4vConfig,
    LlavaConfig,
    Mistral3Config,
    Qwen2_5_VLConfig,
    Qwen2VLConfig,
)

from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.harness.scoring import encoder
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.vectors import SentenceVectors

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer()
TEXT = ["A dog and a cat.", "Nobody came home.", "Why?"]
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "image_size": 16,
    "patch_size": 8,
}
VISION_QWEN = {"hidden_size": 32, "embed_dim": 32, "intermediate_size": 48, "depth": 1}
HEADS = {"num_heads": 4, "out_hidden_size": 32}

WRAPPERS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "gemma3": (Gemma3Config, "gemma3_text", VISION),
    "glm4v": (Glm4vConfig, "glm4v_text", VISION_QWEN | HEADS | {"patch_size": 8}),
    "llava": (LlavaConfig, "llama", VISION | {"model_type": "clip_vision_model"}),
    "mistral3": (Mistral3Config, "mistral", VISION | {"model_type": "pixtral"}),
    "qwen2_5_vl": (Qwen2_5_VLConfig, "qwen2_5_vl_text", VISION_QWEN | HEADS),
    "qwen2_vl": (Qwen2VLConfig, "qwen2_vl_text", VISION_QWEN | {"num_heads": 4}),
}


def same(ours: SentenceVectors, theirs: SentenceVectors) -> bool:
    return all(
        map(
            torch.equal,
            [*ours.nas, *ours.nav, *ours.hidden],
            [*theirs.nas, *theirs.nav, *theirs.hidden],
        )
    )


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
def test_text_decoder_of_a_multimodal_model(wrapper: str) -> None:
    """The wrapper's vectors are those of its text decoder loaded alone."""
    config, text, vision = WRAPPERS[wrapper]
    whole = AutoModelForImageTextToText.from_config(
        config(text_config=tiny_config(text).to_dict(), vision_config=vision)
    ).eval()
    alone = tiny_model(text)
    alone.get_decoder().load_state_dict(whole.get_decoder().state_dict())
    encode = Encoder(whole, TOKENIZER)
    assert encode.layout.model_type == text
    assert same(encode(TEXT), Encoder(alone, TOKENIZER)(TEXT))


def test_context_of_the_text_decoder_is_the_limit() -> None:
    config, text, vision = WRAPPERS["llava"]
    short = tiny_config(text, max_position_embeddings=5).to_dict()
    whole = AutoModelForImageTextToText.from_config(
        config(text_config=short, vision_config=vision)
    ).eval()
    assert max(Encoder(whole, TOKENIZER)(TEXT).tokens) == 5


def adapted(model_type: str) -> Any:
    model = tiny_model(model_type)
    peft = get_peft_model(
        model, LoraConfig(r=2, target_modules=["q_proj", "gate_proj", "up_proj", "down_proj"])
    ).eval()
    with torch.no_grad():  # the usual start of LoRA changes nothing
        for name, parameter in peft.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    return peft


def test_lora_counts() -> None:
    base = Encoder(tiny_model("llama"), TOKENIZER)(TEXT)
    peft = adapted("llama")
    ours = Encoder(peft, TOKENIZER)(TEXT)
    assert not same(ours, base)
    merged = Encoder(peft.merge_and_unload(), TOKENIZER)(TEXT)
    for name in ("nav", "hidden"):
        for one, other in zip(getattr(ours, name), getattr(merged, name), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_adapter_on_experts_is_refused_until_merged() -> None:
    config = LoraConfig(r=2, target_modules=[], target_parameters=["mlp.experts.gate_up_proj"])
    peft = get_peft_model(tiny_model("mixtral"), config).eval()
    with pytest.raises(NeuronXAError, match=r"ParamWrapper.*adapter.*merge_and_unload"):
        locate(peft)
    assert locate(peft.merge_and_unload()).widths == [96, 96]


def test_learned_prompts_are_refused() -> None:
    config = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=3)
    peft = get_peft_model(tiny_model("llama"), config).eval()
    with pytest.raises(NeuronXAError, match="PROMPT_TUNING adapter"):
        Encoder(peft, TOKENIZER)


def test_layers_on_disk(tmp_path: Path) -> None:
    model = tiny_model("llama")
    expected = Encoder(model, TOKENIZER)(TEXT)
    places = {"model.embed_tokens": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu"}
    places |= {f"model.layers.{i}": "disk" if i % 2 else "cpu" for i in range(4)}
    places["lm_head"] = "cpu"
    spread = dispatch_model(model, places, main_device="cpu", offload_dir=tmp_path)
    assert next(spread.model.layers[1].parameters()).is_meta
    assert same(Encoder(spread, TOKENIZER)(TEXT), expected)


def test_two_halves_of_a_model_are_scored_as_one(tmp_path: Path) -> None:
    """Two parts with accelerate's hooks between them stand in for two devices.

    The second half comes from the disk when it is used, so that only one half is ever held.
    """
    model = tiny_model("llama")
    both = (
        [f"{text} {i}" for i in range(4) for text in TEXT],
        [f"{i} {t}" for i in range(4) for t in TEXT],
    )
    whole = profile(*map(Encoder(model, TOKENIZER), both))
    places: dict[str, Any] = dict.fromkeys(("model.embed_tokens", "model.rotary_emb"), "cpu")
    places |= {f"model.layers.{i}": "cpu" if i < 2 else "disk" for i in range(4)}
    places |= {"model.norm": "disk", "lm_head": "disk"}
    halves = dispatch_model(model, places, main_device="cpu", offload_dir=tmp_path)
    held = [next(layer.parameters()).is_meta for layer in halves.model.layers]
    assert held == [False, False, True, True]
    parts = profile(*map(Encoder(halves, TOKENIZER), both))
    assert parts.scores == whole.scores
    for name in ("nas", "nav", "hidden"):
        assert getattr(parts, name).rivals.tolist() == getattr(whole, name).rivals.tolist()


@pytest.mark.parametrize(
    "arguments",
    [
        {"parallelize": True, "max_cpu_memory": "0KB"},  # everything on the disk
        {"parallelize": True, "device": "cpu", "max_cpu_memory": "120KB"},
    ],
)
def test_offloaded_by_the_harness(arguments: dict[str, Any], tmp_path: Path) -> None:
    model = tiny_model("llama")
    model.save_pretrained(tmp_path / "model")
    TOKENIZER.save_pretrained(tmp_path / "model")
    lm = NeuronXALM(
        pretrained=str(tmp_path / "model"),
        offload_folder=str(tmp_path / "disk"),
        batch_size=32,
        **arguments,
    )
    assert "disk" in lm.model.hf_device_map.values()
    assert same(encoder(lm, lm.model)(TEXT), Encoder(model, TOKENIZER)(TEXT))
    assert same(Encoder(lm.model, TOKENIZER)(TEXT), Encoder(model, TOKENIZER)(TEXT))


def test_experts_on_disk_are_refused(tmp_path: Path) -> None:
    model = tiny_model("mixtral")
    places = {"model.embed_tokens": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu"}
    places |= {"model.layers.0": "cpu", "model.layers.1": "disk", "lm_head": "cpu"}
    spread = dispatch_model(model, places, main_device="cpu", offload_dir=tmp_path)
    with pytest.raises(NeuronXAError, match=r"`layers.1.mlp.experts` are offloaded"):
        Encoder(spread, TOKENIZER)(TEXT)


needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None,
    reason="bitsandbytes is not installed; pip install bitsandbytes",
)


@needs_bitsandbytes
@pytest.mark.parametrize("option", ["load_in_8bit", "load_in_4bit"])
@pytest.mark.parametrize("model_type", ["llama", "mixtral"])
def test_quantised_on_the_cpu(model_type: str, option: str, tmp_path: Path) -> None:
    # bitsandbytes works on blocks of 64 numbers.
    model = tiny_model(model_type, hidden_size=64, intermediate_size=128, head_dim=16)
    model.save_pretrained(tmp_path)
    quantised = AutoModelForCausalLM.from_pretrained(
        tmp_path, quantization_config=BitsAndBytesConfig(**{option: True}), device_map="cpu"
    )
    assert "bit" in type(quantised.model.layers[0].self_attn.q_proj).__name__
    exact, ours = Encoder(model, TOKENIZER)(TEXT), Encoder(quantised, TOKENIZER)(TEXT)
    for one, other in zip(ours.nas, exact.nas, strict=True):
        assert float(torch.nn.functional.cosine_similarity(one, other).min()) > 0.8


@needs_bitsandbytes
@pytest.mark.parametrize(
    ("arguments", "layer"),
    [
        ("load_in_8bit=True", "Linear8bitLt"),
        ("load_in_4bit=True,bnb_4bit_quant_type=nf4,bnb_4bit_compute_dtype=float32", "Linear4bit"),
        ("load_in_8bit=False", "Linear"),
    ],
)
def test_bits_as_model_arguments(arguments: str, layer: str, tmp_path: Path) -> None:
    model = tiny_model("llama", hidden_size=64, intermediate_size=128, head_dim=16)
    model.save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    lm = NeuronXALM.create_from_arg_string(f"pretrained={tmp_path},{arguments}", {"device": "cpu"})
    assert type(lm.model.model.layers[0].mlp.down_proj).__name__ == layer
    exact, ours = Encoder(model, TOKENIZER)(TEXT), Encoder(lm.model, TOKENIZER)(TEXT)
    for one, other in zip(ours.nas, exact.nas, strict=True):
        assert float(torch.nn.functional.cosine_similarity(one, other).min()) > 0.8
