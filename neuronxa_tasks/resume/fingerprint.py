"""A short name for the weights of a loaded model, the same on every device."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuronxa_tasks.states.dtensors import is_dtensor

_BYTES = 8
_WORDS = 1 << 15
"""Words of a step on the CPU, few enough to stay in its cache; on an accelerator 512 times more."""
_GOLDEN, _FIRST, _SECOND = -7046029254386353131, -4658895280553007687, -7723592293110705685


def fingerprint(model: nn.Module) -> str:
    """Fingerprint the weights of a model.

    Names, shapes, dtypes and one checksum of every parameter and buffer go into a sha256. The
    checksum reads all bytes, each once and where they lie: 64-bit words are mixed with their
    position (the finalizer of SplitMix64, Steele et al. 2014, section 4) and summed modulo 2^64.
    So a changed, moved or swapped weight gives another name; two models with the same one by
    accident have odds of 2^-64. It is no protection against somebody who builds such models.

    Weights that are offloaded to disk are not read; see `unread`. Those that several processes hold
    in parts are brought together one by one, so that the name is that of the whole checkpoint; each
    of these processes has to call this.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, held in sorted(model.state_dict().items()):
        value = held.full_tensor() if is_dtensor(held) else held
        for part, tensor in plain_tensors(name, value):
            digest.update(f"{part} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            if tensor.device.type != "meta":  # meta: offloaded
                digest.update(f"{checksum(tensor)}\n".encode())
    return digest.hexdigest()[:16]


def unread(model: nn.Module) -> list[str]:
    """Names of weights that `fingerprint` cannot read, because they are offloaded."""
    return [
        part
        for name, value in model.state_dict().items()
        for part, tensor in plain_tensors(name, value)
        if tensor.device.type == "meta"
    ]


def plain_tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors without structure: a quantised one has several; other state is text."""
    if isinstance(value, BytesIO):
        value = value.getvalue()
    if not isinstance(value, Tensor):
        text = value if isinstance(value, bytes) else repr(value).encode()
        yield name, torch.tensor(list(text), dtype=torch.uint8)
    elif hasattr(value, "__tensor_flatten__"):
        parts, settings = value.__tensor_flatten__()
        yield from plain_tensors(f"{name} {type(value).__name__}", repr(settings))
        for part in parts:
            yield from plain_tensors(f"{name}.{part}", getattr(value, part))
    else:
        yield name, value.detach()


def checksum(tensor: Tensor) -> int:
    """Checksum of all bytes of a tensor without structure; see `fingerprint`."""
    flat = tensor.contiguous().reshape(-1)
    if not flat.numel():
        return 0
    if flat.device.type == "mps":
        flat = flat.cpu()
    raw = flat.view(torch.uint8)
    step = _WORDS if raw.device.type == "cpu" else _WORDS << 9
    places = torch.arange(1, min(step, -(-len(raw) // _BYTES)) + 1, device=raw.device)
    total = torch.zeros((), dtype=torch.int64, device=raw.device)
    for start in range(0, len(raw), step * _BYTES):
        chunk = raw[start : start + step * _BYTES]
        if over := len(chunk) % _BYTES:
            chunk = functional.pad(chunk, (0, _BYTES - over))
        elif chunk.storage_offset() % _BYTES:
            chunk = chunk.clone()
        words = chunk.view(torch.int64)
        total += _mixed(words + (places[: len(words)] + start // _BYTES) * _GOLDEN).sum()
    return int(total)


def _mixed(words: Tensor) -> Tensor:
    """Scatter every bit of a word over all of it; the masks make the right shifts logical."""
    words = (words ^ ((words >> 30) & (2**34 - 1))) * _FIRST
    words = (words ^ ((words >> 27) & (2**37 - 1))) * _SECOND
    return words ^ ((words >> 31) & (2**33 - 1))
