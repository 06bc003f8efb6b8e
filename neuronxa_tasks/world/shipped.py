"""The checkpoint of the toy world that comes with the package."""

from __future__ import annotations

from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError

NAME = "llama"
"""Its name."""


def folder(name: str = NAME) -> Path:
    """Where the checkpoint lies; the folder is what `--model_args pretrained=` takes.

    Raises:
        NeuronXAError: If the package holds no checkpoint of this name.
    """
    if name != NAME:
        raise NeuronXAError(
            f"No checkpoint {name!r} comes with the package, which holds {NAME} alone to stay "
            "small. The others are in a clone of the repository: take a folder of "
            f"results/world/checkpoints/ there, or --checkpoint {NAME} here."
        )
    return Path(__file__).resolve().parent / "checkpoints" / NAME
