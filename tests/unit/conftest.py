"""What several test files of this folder share and what takes seconds to make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CONFIGS = Path(__file__).parents[2] / "task_configs"


@pytest.fixture(scope="session")
def task_manager(configs_once: None) -> Any:
    """The harness' own tasks and ours, by name; nothing of them is loaded."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(CONFIGS))
