"""The wheel holds what the commands need."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = out.glob("neuronxa_tasks-*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_it_is_small_and_holds_one_model(wheel: Path, names: set[str]) -> None:
    assert wheel.stat().st_size <= 5_000_000
    weights = [name for name in names if name.endswith(".safetensors")]
    assert weights == ["neuronxa_tasks/world/checkpoints/llama/model.safetensors"]


def test_every_file_of_the_package_is_in_it(names: set[str]) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "neuronxa_tasks").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= names


def test_task_configs_are_inside_the_package(names: set[str]) -> None:
    wanted = {
        f"neuronxa_tasks/{path.relative_to(ROOT)}"
        for path in (ROOT / "task_configs").rglob("*")
        if path.is_file()
    }
    assert len(wanted) > 300
    assert wanted <= names


def test_nothing_else_is(names: set[str]) -> None:
    tops = {Path(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"neuronxa_tasks"}
