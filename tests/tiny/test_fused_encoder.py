"""The encoder with the compiled walk through an activation, and without."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

import pytest
import torch

pytest.importorskip("numba", reason="the extra `fast` is not installed")

from models import byte_tokenizer, tiny_model

from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.states import fused
from neuronxa_tasks.states.encoder import Encoder

pytestmark = pytest.mark.tiny


@pytest.fixture(autouse=True)
def few_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


TEXTS = (["One.", "Two words.", "And then three."], ["Un.", "Deux mots.", "Et puis trois."])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("model_type", ["llama", "opt", "phi3", "gpt2", "mixtral"])
def test_scores_are_those_of_torch(
    monkeypatch: pytest.MonkeyPatch, model_type: str, dtype: torch.dtype
) -> None:
    model = tiny_model(model_type).to(dtype)
    without = Encoder(model, byte_tokenizer())
    assert without.numba == ""  # too small to be worth it
    monkeypatch.setattr(fused, "FEW", 0)
    compiled = Encoder(model, byte_tokenizer())
    assert compiled.numba == version("numba")
    ours, theirs = ([encode(text) for text in TEXTS] for encode in (compiled, without))
    for one, other in zip(ours, theirs, strict=True):
        for kind in ("nas", "nav", "hidden"):
            for here, there in zip(getattr(one, kind), getattr(other, kind), strict=True):
                torch.testing.assert_close(here, there, rtol=1e-6, atol=1e-6)
    assert profile(*ours).scores == profile(*theirs).scores


def test_many_threads_share_the_calls_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    monkeypatch.setattr(fused, "FEW", 0)
    found = []
    for threads in (1, fused.FEW_THREADS, fused.FEW_THREADS + 1):
        torch.set_num_threads(threads)
        found.append(Encoder(model, byte_tokenizer()).numba)
    assert found == [version("numba"), version("numba"), ""]


def test_a_variant_that_needs_more_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    without = Encoder(model, byte_tokenizer(), variants=["top_decile"])(TEXTS[0])
    monkeypatch.setattr(fused, "FEW", 0)
    compiled = Encoder(model, byte_tokenizer(), variants=["top_decile"])(TEXTS[0])
    for kind in ("nas", "nav", "top"):
        for here, there in zip(getattr(compiled, kind), getattr(without, kind), strict=True):
            assert torch.equal(here, there)
