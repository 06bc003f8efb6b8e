"""A short name for the weights of a loaded model, the same on every device."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

_SAMPLE = 4096
_CHUNK = 1 << 24
_INTEGER = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def fingerprint(model: nn.Module) -> str:
    """Fingerprint the weights of a model.

    Names, shapes, dtypes, the integer sum of the bit patterns of every parameter and buffer, and
    a strided sample of them go into a sha256. Any changed weight changes the sum; a permutation
    of the same weights changes the sample. Reads each weight once, where it lies.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        if tensor.device.type != "meta" and tensor.numel():  # meta: offloaded to disk
            bits = _bits(tensor)
            starts = range(0, len(bits), _CHUNK)
            total = sum(int(bits[i : i + _CHUNK].sum(dtype=torch.int64)) for i in starts)
            step = max(1, len(bits) // _SAMPLE)
            digest.update(f"{total}\n".encode())
            digest.update(bits[::step].contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _bits(tensor: Tensor) -> Tensor:
    flat = tensor.detach().contiguous().reshape(-1)
    if flat.dtype == torch.bool:
        return flat.to(torch.uint8)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    return flat.view(_INTEGER[flat.element_size()])
