"""Where the trained checkpoints of the toy world are."""

from __future__ import annotations

from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.world import shipped

_FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"


def _step(name: str) -> tuple[str, float]:
    """Sorts `llama/step-625` before `llama/step-1250`, and both before `llama`."""
    model, _, step = name.partition("/step-")
    return model, float(step or "inf")


def names() -> list[str]:
    """All of them: `glm4`, ..., and the earlier ones of a training, such as `llama/step-625`."""
    found = (path.parent.relative_to(_FOLDER).as_posix() for path in _FOLDER.rglob("config.json"))
    return sorted([*found, shipped.NAME], key=_step)


def folder(name: str) -> Path:
    """Where a checkpoint lies: in the package the shipped one, beside the experiment the others.

    Raises:
        NeuronXAError: If no checkpoint has this name.
    """
    if name not in names():
        raise NeuronXAError(
            f"There is no checkpoint {name!r}, because no such model was kept. "
            f"Use one of: {', '.join(names())}."
        )
    return shipped.folder() if name == shipped.NAME else _FOLDER / name
