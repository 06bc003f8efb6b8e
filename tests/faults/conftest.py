"""Fixtures of the fault tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from neuronxa_tasks.world import shipped

SHIPPED = shipped.folder()

Damage = Callable[[Path], object]
Copy = Callable[[Damage], Path]


@pytest.fixture
def copy_of_model(tmp_path: Path) -> Copy:
    """Copy the shipped model and damage the copy."""

    def copy(damage: Damage) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(shipped.folder(), folder)
        damage(folder)
        return folder

    return copy
