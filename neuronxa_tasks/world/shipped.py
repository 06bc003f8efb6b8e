"""The checkpoints of the toy world that come with the package."""

from __future__ import annotations

from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError

DEFAULT = "llama"
"""The checkpoint that examples take."""

_FOLDER = Path(__file__).resolve().parent / "checkpoints"


def _step(name: str) -> tuple[str, float]:
    """Sorts `llama/step-625` before `llama/step-1250`, and both before `llama`."""
    model, _, step = name.partition("/step-")
    return model, float(step or "inf")


def names() -> list[str]:
    """All of them: `glm4`, ..., and the earlier ones of a training, such as `llama/step-625`."""
    found = (path.parent.relative_to(_FOLDER).as_posix() for path in _FOLDER.rglob("config.json"))
    return sorted(found, key=_step)


def folder(name: str = DEFAULT) -> Path:
    """Where a checkpoint lies; the folder is what `--model_args pretrained=` takes.

    Raises:
        NeuronXAError: If no checkpoint has this name.
    """
    if name not in names():
        raise NeuronXAError(
            f"No checkpoint {name!r} comes with the package, because no such model was shipped. "
            f"Use one of: {', '.join(names())}."
        )
    return _FOLDER / name
