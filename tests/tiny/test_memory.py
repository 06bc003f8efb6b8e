"""Memory that runs out: of a batch, of the vectors, of a comparison.

The device `lazy` of torch stands for an accelerator: a second place for tensors that every machine
has. Models do not run there, so what they give is brought there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch._lazy.ts_backend
from models import byte_tokenizer, tiny_model
from torch import Tensor

from neuronxa_tasks.alignment.hits import cosine, similarities
from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.taps import Pooled
from neuronxa_tasks.states.vectors import SentenceVectors

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer(bos=True)
TEXT = [f"Sentence number {i}, {'very ' * (i % 4)}short." for i in range(12)]


@functools.cache
def model() -> Any:
    return tiny_model("llama")


@pytest.fixture
def expected() -> SentenceVectors:
    return Encoder(model(), TOKENIZER, batch_size=4)(TEXT)


@pytest.fixture(scope="module", autouse=True)
def second_device() -> None:
    torch._lazy.ts_backend.init()


def allocate() -> None:
    torch.empty(10**15)


def say(kind: type[Exception], words: str) -> Callable[[], None]:
    def fail() -> None:
        raise kind(words)

    return fail


OUT_OF_MEMORY = {
    "torch": say(torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 20.00 MiB."),
    "main memory": allocate,
    "Python": say(MemoryError, ""),
    "cuBLAS": say(
        RuntimeError, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    ),
    "cuDNN": say(RuntimeError, "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "no full stop": say(RuntimeError, "CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA"),
    "Apple": say(RuntimeError, "MPS backend out of memory (MPS allocated: 1.00 GB)"),
    "Windows": say(RuntimeError, "DefaultCPUAllocator: not enough memory: you tried to allocate"),
}


@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
def test_every_way_to_say_it_halves_the_batch(
    kind: str, expected: SentenceVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder(model(), TOKENIZER, batch_size=4)
    forward = encode._forward

    def limited(batch: list[tuple[int, ...]]) -> Pooled:
        if len(batch) > 2:
            OUT_OF_MEMORY[kind]()
        return forward(batch)

    monkeypatch.setattr(encode, "_forward", limited)
    close(encode(TEXT), expected)
    assert encode.batch_size == 2


def test_other_errors_are_no_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = Encoder(model(), TOKENIZER, batch_size=4)
    seen: list[int] = []

    def broken(batch: list[tuple[int, ...]]) -> Pooled:
        seen.append(len(batch))
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(encode, "_forward", broken)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        encode(TEXT)
    assert len(seen) == 1


def close(ours: SentenceVectors, expected: SentenceVectors) -> None:
    for name in ("nas", "nav", "hidden"):
        for one, other in zip(getattr(ours, name), getattr(expected, name), strict=True):
            size = float(other.abs().max())
            torch.testing.assert_close(one.cpu(), other.cpu(), rtol=1e-5, atol=1e-5 * size)


def places(vectors: SentenceVectors) -> set[str]:
    return {
        each.device.type for group in (vectors.nas, vectors.nav, vectors.hidden) for each in group
    }


class Elsewhere(Encoder):
    """What the model gives lies on a second device, which may be full."""

    full: Callable[[], bool] | None = None
    room: Any = None

    def _batch(self, *arguments: Any) -> str:
        self.room = arguments[-1]
        return super()._batch(*arguments)

    def _forward(self, batch: list[tuple[int, ...]]) -> Pooled:
        if self.full is not None and self.full():
            raise torch.OutOfMemoryError("CUDA out of memory.")
        pooled = super()._forward(batch)
        return {name: [each.to("lazy") for each in layers] for name, layers in pooled.items()}


def test_vectors_stay_where_there_is_room(expected: SentenceVectors) -> None:
    ours = Elsewhere(model(), TOKENIZER, batch_size=4)(TEXT)
    assert places(ours) == {"lazy"}
    close(ours, expected)


def test_vectors_that_do_not_fit_are_kept_in_main_memory(
    expected: SentenceVectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    new_empty = torch.Tensor.new_empty

    def limited(self: Tensor, *size: int, **options: Any) -> Tensor:
        made = new_empty(self, *size, **options)
        if made.device.type == "lazy" and size[0] == len(TEXT):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return made

    monkeypatch.setattr(torch.Tensor, "new_empty", limited)
    encode = Elsewhere(model(), TOKENIZER, batch_size=4)
    ours = encode(TEXT)
    assert places(ours) == {"cpu"}
    assert encode.batch_size == 4
    close(ours, expected)
    assert "vectors of 12 sentences do not fit beside the model" in caplog.text


def test_vectors_make_room_for_the_passes_after_them(expected: SentenceVectors) -> None:
    encode = Elsewhere(model(), TOKENIZER, batch_size=4)
    encode.full = lambda: any(
        each.device.type == "lazy" for each in encode.room.filled.get("nas", ())
    )
    ours = encode(TEXT)
    assert places(ours) == {"cpu"}
    assert encode.batch_size == 4  # not the batch was too large
    close(ours, expected)


def test_vectors_that_fit_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    new_empty = torch.Tensor.new_empty

    def none(self: Tensor, *size: int, **options: Any) -> Tensor:
        if size[0] == len(TEXT):
            allocate()
        return new_empty(self, *size, **options)

    monkeypatch.setattr(torch.Tensor, "new_empty", none)
    with pytest.raises(NeuronXAError, match=r"vectors of 12 sentences do not fit.*Use fewer"):
        Encoder(model(), TOKENIZER)(TEXT)


def test_vectors_of_two_devices_are_compared(expected: SentenceVectors) -> None:
    other = Elsewhere(model(), TOKENIZER, batch_size=4)(TEXT)
    scores = profile(expected, expected).scores
    assert profile(other, expected).scores == profile(expected, other).scores == scores


def test_a_comparison_that_does_not_fit_is_made_in_main_memory(expected: SentenceVectors) -> None:
    tried: list[str] = []

    def limited(pivot: Tensor, target: Tensor) -> Tensor:
        tried.append(pivot.device.type)
        if pivot.device.type == "lazy":
            OUT_OF_MEMORY["cuBLAS"]()
        return cosine(pivot, target)

    one = expected.nav[0]
    found = similarities(one.to("lazy"), one, limited)
    assert tried == ["lazy", "cpu"]
    assert torch.equal(found, cosine(one, one))
