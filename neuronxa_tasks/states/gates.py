"""Activation functions that no module applies: act(W_gate x) by the module that holds the network.

Each is read from the `forward` of the class that is named, and compared with the model by
`tests/tiny/test_states_golden.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Gate: TypeAlias = Callable[[Any, Tensor], Tensor]
"""From the module that holds the network and W_gate x, [..., F], to the tap `gate`, [..., F]."""


def act_fn(owner: Any, x: Tensor) -> Tensor:
    """What nearly all experts do: their module of the activation function."""
    activation: Tensor = owner.act_fn(x)
    return activation


def act_fn_float(owner: Any, x: Tensor) -> Tensor:
    """BeamExperts: in float32 whatever the dtype of the model."""
    return act_fn(owner, x.float())


def act_fn_clamped(owner: Any, x: Tensor) -> Tensor:
    """DeepseekV4Experts: not above a limit."""
    return act_fn(owner, x.clamp(max=owner.limit))


def activation(owner: Any, x: Tensor) -> Tensor:
    """JetMoeMoE, whose module has another name."""
    applied: Tensor = owner.activation(x)
    return applied


def glu_activation(owner: Any, x: Tensor) -> Tensor:
    """DbrxExperts, which hold a module that holds it."""
    applied: Tensor = owner.mlp.activation_fn(x)
    return applied


def silu(_: Any, x: Tensor) -> Tensor:
    """Lfm2MLP, Lfm2MoeMLP, Lfm3MLP."""
    return torch.nn.functional.silu(x)


def silu_clamped(owner: Any, x: Tensor) -> Tensor:
    """HYV4Experts: SiLU of what is not above a limit."""
    return silu(owner, x.clamp(max=owner.swiglu_limit))


def swish_clamped(owner: Any, x: Tensor) -> Tensor:
    """MiniMaxM3VLDenseMLP and its experts: x * sigmoid(alpha x), x not above a limit."""
    return _swish(x.clamp(max=owner.swiglu_limit), owner.swiglu_alpha)


def gpt_oss(owner: Any, x: Tensor) -> Tensor:
    """GptOssExperts: the same, with other names."""
    return _swish(x.clamp(max=owner.limit), owner.alpha)


def softcapped(owner: Any, x: Tensor) -> Tensor:
    """Inkling2SoftcappedSwiGLU: the linear factor is bounded, the sigmoid sees x itself."""
    exact = x.float()
    capped: Tensor = owner.act_fn.gate_softcap(exact) * torch.sigmoid(exact)
    return capped.to(x.dtype)


def _swish(x: Tensor, alpha: float) -> Tensor:
    return x * torch.sigmoid(x * alpha)
