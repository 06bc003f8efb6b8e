"""A fingerprint reads every byte of the weights."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import tiny_model
from torch import Tensor, nn

from neuronxa_tasks.resume.fingerprint import fingerprint, unread

pytestmark = pytest.mark.tiny


def splitmix(state: int) -> int:
    """Finalizer of SplitMix64 in plain integers, written from the paper."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def slow(tensors: dict[str, tuple[str, bytes]]) -> str:
    """The fingerprint of named (description, bytes)."""
    digest = hashlib.sha256()
    for name, (description, raw) in sorted(tensors.items()):
        raw += bytes(-len(raw) % 8)
        words = [int.from_bytes(raw[i : i + 8], "little") for i in range(0, len(raw), 8)]
        total = sum(
            splitmix((word + place * 0x9E3779B97F4A7C15) % 2**64)
            for place, word in enumerate(words, 1)
        )
        signed = (total + 2**63) % 2**64 - 2**63
        digest.update(f"{name} {description}\n{signed}\n".encode())
    return digest.hexdigest()[:16]


class Bag(nn.Module):
    """Any tensors, and any further state."""

    def __init__(self, extra: Any = None, **tensors: Tensor) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)
        if extra is not None:
            self.extra = Holder(extra)


class Holder(nn.Module):
    """State that is no tensor, as some kernels keep it."""

    def __init__(self, state: Any) -> None:
        super().__init__()
        self.state = state

    def get_extra_state(self) -> Any:
        return self.state


def test_against_plain_integers() -> None:
    torch.manual_seed(0)
    weight, odd = torch.randn(300, 257), torch.randn(3, 5).half()
    expected = slow(
        {
            "odd": ("(3, 5) torch.float16", odd.numpy().tobytes()),
            "weight": ("(300, 257) torch.float32", weight.numpy().tobytes()),
        }
    )
    assert fingerprint(Bag(weight=weight, odd=odd)) == expected


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn,
        torch.int8, torch.uint8, torch.int64, torch.bool, torch.complex64,
    ],
)  # fmt: skip
def test_any_dtype(dtype: torch.dtype) -> None:
    ones = torch.ones(11).to(dtype)
    other = ones.clone()
    other[7] = 0
    assert fingerprint(Bag(x=ones)) != fingerprint(Bag(x=other))
    assert fingerprint(Bag(x=ones)) == fingerprint(Bag(x=ones.clone()))


@settings(max_examples=50)
@given(st.integers(2, 70_000), st.randoms(use_true_random=False))
def test_every_change_is_seen(n: int, draw: Any) -> None:
    numbers = torch.arange(n, dtype=torch.float32)
    before = fingerprint(Bag(x=numbers))
    i, j = draw.sample(range(n), 2)
    swapped = numbers.clone()
    swapped[i], swapped[j] = numbers[j], numbers[i]
    negated = numbers + 1
    plus = fingerprint(Bag(x=negated))
    negated[[i, j]] *= -1
    assert len({before, plus, fingerprint(Bag(x=swapped)), fingerprint(Bag(x=negated))}) == 4


def test_layout_in_memory_does_not_matter() -> None:
    whole = torch.randn(64, 33)
    name = fingerprint(Bag(x=whole[1:, 3:].clone()))
    assert fingerprint(Bag(x=whole[1:, 3:])) == name
    assert fingerprint(Bag(x=whole.t().contiguous().t()[1:, 3:])) == name
    # A slice whose first byte lies at no multiple of 8.
    assert fingerprint(Bag(x=whole.reshape(-1)[1:65])) == fingerprint(
        Bag(x=whole.reshape(-1)[1:65].clone())
    )
    assert fingerprint(Bag(x=whole.reshape(-1)[1:65])) != fingerprint(
        Bag(x=whole.reshape(-1)[2:66])
    )


def test_names_shapes_and_dtypes_count() -> None:
    zeros = torch.zeros(4, 6)
    names = {
        fingerprint(each)
        for each in (
            Bag(x=zeros), Bag(y=zeros), Bag(x=zeros.reshape(6, 4)), Bag(x=zeros.int()),
            Bag(x=torch.zeros(0)), Bag(),
        )
    }  # fmt: skip
    assert len(names) == 6


def test_state_that_is_no_tensor() -> None:
    assert fingerprint(Bag(extra={"scale": 1})) != fingerprint(Bag(extra={"scale": 2}))
    assert fingerprint(Bag(extra=BytesIO(b"a"))) != fingerprint(Bag(extra=BytesIO(b"b")))
    assert fingerprint(Bag(extra=BytesIO(b"a"))) == fingerprint(Bag(extra=BytesIO(b"a")))


def test_offloaded_weights_are_named() -> None:
    model = tiny_model("llama")
    assert unread(model) == []
    model.model.layers[1].to("meta")
    names = unread(model)
    assert names
    assert all(name.startswith("model.layers.1.") for name in names)
    assert len(fingerprint(model)) == 16


def test_adapter_counts() -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    model = tiny_model("llama")
    plain = fingerprint(model)
    adapted = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj"]))
    fresh = fingerprint(adapted)
    with torch.no_grad():
        next(p for n, p in adapted.named_parameters() if "lora_B" in n)[0, 0] = 1
    assert len({plain, fresh, fingerprint(adapted)}) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_the_same_on_every_device() -> None:
    model = tiny_model("llama").bfloat16()
    name = fingerprint(model)
    assert fingerprint(model.to("cuda")) == name
