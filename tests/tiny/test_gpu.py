"""What only a CUDA device can show; `tests/bench/gpu.py` runs these, too."""

from __future__ import annotations

import warnings

import pytest
import torch
from accelerate import dispatch_model
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.alignment.covariates import k_occurrence
from neuronxa_tasks.alignment.profile import Profile, profile, profile_and_views
from neuronxa_tasks.alignment.variants import VIEWS
from neuronxa_tasks.states.encoder import Encoder

pytestmark = [
    pytest.mark.tiny,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device; run on one"),
]

TOKENIZER = byte_tokenizer()
BOTH = (
    [f"A dog and a cat, {i}." for i in range(30)],
    [f"{i}, a cat or a dog." for i in range(30)],
)
MODELS = ["llama", "gpt2", "mixtral"]


def rivals(found: Profile) -> list[object]:
    return [getattr(found, name).rivals.tolist() for name in ("nas", "nav", "hidden")]


@pytest.mark.parametrize("model_type", MODELS)
def test_rivals_in_float32_are_those_of_the_cpu(model_type: str) -> None:
    model = tiny_model(model_type)
    here = profile(*map(Encoder(model, TOKENIZER), BOTH))
    assert rivals(profile(*map(Encoder(model.cuda(), TOKENIZER), BOTH))) == rivals(here)


@pytest.mark.parametrize("model_type", MODELS)
def test_bfloat16_is_near_the_cpu(model_type: str) -> None:
    model = tiny_model(model_type).to(torch.bfloat16)
    here = Encoder(model, TOKENIZER)(BOTH[0])
    there = Encoder(model.cuda(), TOKENIZER)(BOTH[0])
    for name in ("nas", "nav", "hidden"):
        for one, other in zip(getattr(here, name), getattr(there, name), strict=True):
            assert float((one - other.cpu()).abs().mean()) < 0.05 * float(one.abs().max())


def test_a_language_is_waited_for_a_few_times_whatever_its_layers() -> None:
    counts = []
    for layers in (2, 8):
        model = tiny_model("llama", num_hidden_layers=layers).cuda()
        encode = Encoder(model, TOKENIZER)
        pivot, target = map(encode, BOTH)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                profile_and_views(pivot, target, VIEWS, [k_occurrence])
                _ = target.sizes
            finally:
                torch.cuda.set_sync_debug_mode("default")
        counts.append(sum("synchroniz" in str(each.message) for each in seen))
    assert counts[0] == counts[1]
    assert 1 <= counts[0] <= 4


def test_memory_that_runs_out_halves_the_batch() -> None:
    model = tiny_model("llama", hidden_size=512, intermediate_size=4096, num_hidden_layers=2)
    text = [f"{'A rather long sentence. ' * 20}{i}" for i in range(64)]
    expected = Encoder(model.cuda(), TOKENIZER, batch_size=2)(text)
    encode = Encoder(model, TOKENIZER, batch_size=64)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(
        (torch.cuda.memory_allocated() + 200 * 2**20) / total
    )
    try:
        found = encode(text)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert encode.batch_size < 64
    for one, other in zip(found.nav, expected.nav, strict=True):
        torch.testing.assert_close(one.cpu(), other.cpu(), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one CUDA device; run on two")
def test_layers_on_two_devices_are_scored_as_on_one() -> None:
    whole = profile(*map(Encoder(tiny_model("llama").cuda(), TOKENIZER), BOTH))
    places: dict[str, int | str] = {"model.embed_tokens": 0, "model.rotary_emb": 0}
    places |= {f"model.layers.{i}": int(i > 1) for i in range(4)}
    places |= {"model.norm": 1, "lm_head": 1}
    spread = dispatch_model(tiny_model("llama"), places)
    assert rivals(profile(*map(Encoder(spread, TOKENIZER), BOTH))) == rivals(whole)
