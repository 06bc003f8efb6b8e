"""The batch of alignment: what was said, however it was said; else auto."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import Command

from neuronxa_tasks.harness.batch import batch_size, nothing_said

pytestmark = pytest.mark.harness

LIKE_THE_HARNESS = """
def simple_evaluate(look, model, model_args=None, batch_size=None):
    return look()

def _execute(look, args, batch_size):
    return simple_evaluate(look, "hf", batch_size=batch_size)
"""


def lm(size: object = 1, most: int | None = 64) -> Any:
    return SimpleNamespace(batch_size=size, max_batch_size=most)


@pytest.fixture
def harness() -> dict[str, Callable[..., Any]]:
    """Functions with the names, arguments and module of the harness' own."""
    found: dict[str, Any] = {"__name__": "lm_eval._cli.run"}
    exec(LIKE_THE_HARNESS, found)
    return found


def test_what_was_said_counts(harness: dict[str, Callable[..., Any]]) -> None:
    call = harness["simple_evaluate"]
    for model, look, said in (
        (lm(8), {"batch_size": 8}, 8),
        (lm(1), {"batch_size": 1}, 1),
        (lm(8), {"model_args": "pretrained=x,batch_size=8"}, 8),
        (lm(1), {"model_args": {"batch_size": 1}}, 1),
        (lm("auto"), {"batch_size": "auto"}, 64),
        (lm("auto", None), {"batch_size": "auto"}, 32),
    ):
        assert call(lambda model=model: batch_size(model), "hf", **look) == said
        assert not call(lambda model=model: nothing_said(model), "hf", **look)
    # A model that was made before has the size that its maker chose.
    assert call(lambda: batch_size(lm(1)), lm(1)) == 1
    # Without the harness' function nobody knows.
    assert batch_size(lm(1)) == 1


def test_nothing_said_is_auto(harness: dict[str, Callable[..., Any]], tmp_path: Path) -> None:
    def look() -> tuple[int, bool]:
        return batch_size(lm(1, 48)), nothing_said(lm(1, 48))

    assert harness["simple_evaluate"](look, "hf", "pretrained=x") == (48, True)
    # The command line gives its own default, 1, to that function.
    assert harness["_execute"](look, SimpleNamespace(), 1) == (48, True)
    assert harness["_execute"](look, SimpleNamespace(batch_size="1"), 1) == (1, False)
    for text, expected in (("limit: 3\n", (48, True)), ("batch_size: 1\n", (1, False))):
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        assert harness["_execute"](look, SimpleNamespace(config=str(path)), 1) == expected


def test_the_real_command(neuronxa: Command, checkpoint: Path, tmp_path: Path) -> None:
    words = (
        "run", "--model", "hf-neuronxa", "--model_args", f"pretrained={checkpoint}", "--tasks",
        "neuronxa_mini_fra_Latn", "--metadata", json.dumps({"n": 20}), "--device", "cpu",
        "--output_path",
    )  # fmt: skip
    found = {}
    for name, more in (("unset", ()), ("one", ("--batch_size", 1))):
        done = neuronxa(*words, name, *more)
        assert done.code == 0, done.err
        (file,) = (tmp_path / name).rglob("results_*.json")
        results = json.loads(file.read_text(encoding="utf-8"))
        found[name] = results["config"]["neuronxa"]
        assert ("--batch_size was not given" in done.out) == (name == "unset")
    assert found["unset"].pop("auto_batch") == 64
    assert "auto_batch" not in found["one"]
    tasks = [found[name]["tasks"]["neuronxa_mini_fra_Latn"] for name in ("unset", "one")]
    for kind in ("nas", "nav", "hidden"):
        assert tasks[0][kind] == tasks[1][kind]
