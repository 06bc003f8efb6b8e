"""NeuronXA: cross-lingual alignment of language models inside lm-evaluation-harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from neuronxa_tasks.alignment.hits import Alignment, align
    from neuronxa_tasks.alignment.profile import Profile, profile
    from neuronxa_tasks.errors import NeuronXAError
    from neuronxa_tasks.harness.plugin import register, task_configs
    from neuronxa_tasks.states.encoder import Encoder
    from neuronxa_tasks.states.vectors import SentenceVectors

# Loaded on first use, so that `neuronxa --help` does not wait for torch.
_HOME = {
    "Alignment": "alignment.hits",
    "align": "alignment.hits",
    "NeuronXAError": "errors",
    "register": "harness.plugin",
    "task_configs": "harness.plugin",
    "Encoder": "states.encoder",
    "Profile": "alignment.profile",
    "SentenceVectors": "states.vectors",
    "profile": "alignment.profile",
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
