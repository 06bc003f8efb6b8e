"""NeuronXA: cross-lingual alignment of language models inside lm-evaluation-harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from neuronxa_tasks.alignment import Alignment, align
    from neuronxa_tasks.errors import NeuronXAError
    from neuronxa_tasks.plugin import register, task_configs
    from neuronxa_tasks.states import Encoder, Profile, SentenceVectors, profile

# Loaded on first use, so that `neuronxa --help` does not wait for torch.
_HOME = {
    "Alignment": "alignment",
    "align": "alignment",
    "NeuronXAError": "errors",
    "register": "plugin",
    "task_configs": "plugin",
    "Encoder": "states",
    "Profile": "states",
    "SentenceVectors": "states",
    "profile": "states",
}

__all__ = [
    "Alignment",
    "Encoder",
    "NeuronXAError",
    "Profile",
    "SentenceVectors",
    "__version__",
    "align",
    "profile",
    "register",
    "task_configs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'neuronxa_tasks' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"neuronxa_tasks.{_HOME[name]}"), name)
