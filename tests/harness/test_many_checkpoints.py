"""`neuronxa run --checkpoints` and `neuronxa sweep`: the start once, the results of single runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import Command, Finished
from models import byte_tokenizer, tiny_model

pytestmark = pytest.mark.harness

HARNESS = (
    "--model", "hf-neuronxa", "--tasks", "neuronxa_mini_fra_Latn", "--metadata", '{"n": 20}',
    "--batch_size", 8, "--device", "cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints, and one between them whose weights are cut off."""
    root = tmp_path_factory.mktemp("series")
    for seed, name in enumerate(("step-10", "step-20", "step-30")):
        tiny_model("llama", seed=seed).save_pretrained(root / name)
        byte_tokenizer(bos=True).save_pretrained(root / name)
    weights = root / "step-20" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return root


@pytest.fixture(scope="module")
def alone(
    series: Path, forker: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What each good checkpoint gives in a run of its own."""
    found = {}
    for name in ("step-10", "step-30"):
        place = tmp_path_factory.mktemp(name)
        done = forker(
            "run", *HARNESS, "--model_args", f"pretrained={series / name}", "--output_path", "out",
            cwd=place,
        )  # fmt: skip
        assert done.code == 0, done.err
        found[name] = timeless(done)
    return found


def timeless(done: Finished) -> dict[str, Any]:
    """The results without the clock."""
    clock = ("date", "total_evaluation_time_seconds")
    return {key: value for key, value in done.results.items() if key not in clock}


@pytest.mark.parametrize("at_once", [1, 2])
def test_each_is_as_a_run_of_its_own(
    neuronxa: Command, series: Path, alone: dict[str, Any], at_once: int, tmp_path: Path
) -> None:
    names = ("step-10", "step-20", "step-30")
    done = neuronxa(
        "run", *HARNESS, "--checkpoints", *(series / name for name in names),
        "--at_once", at_once, "--output_path", "out",
    )  # fmt: skip
    assert done.code == 1
    assert done.err.strip().split("\n")[-1] == f"no result: {series / 'step-20'}"
    assert (done.out + done.err).count("is damaged or cut off") == 1
    for name in ("step-10", "step-30"):
        one = Finished(0, "", "", next((tmp_path / "out").glob(f"*{name}")))
        assert timeless(one) == alone[name]
    assert done.out.count("NeuronXA, mini against eng_Latn") == 2


def test_a_sweep_gives_the_same(
    neuronxa: Command, series: Path, alone: dict[str, Any], tmp_path: Path
) -> None:
    done = neuronxa("sweep", series, "-o", "sweep", "--no-figures", "--", *HARNESS)
    assert done.code == 1, done.err
    assert "step-20: NO RESULT" in done.out
    for name in ("step-10", "step-30"):
        results = Finished(0, "", "", tmp_path / "sweep" / name / "harness")
        assert timeless(results) == alone[name]
        log = (tmp_path / "sweep" / name / "log.txt").read_text(encoding="utf-8")
        assert log.count("NeuronXA, mini against eng_Latn") == 1
    assert "is damaged or cut off" in (tmp_path / "sweep/step-20/log.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--checkpoints", "a", "--model_args", "pretrained=b"), "has pretrained=b"),
        (("--checkpoints", "a@b", "--model_args", "revision=c"), "has revision=c"),
        (("--checkpoints", "a", "b", "a"), "names a twice"),
        (("--checkpoints", "a", "--at_once", "0"), "--at_once is 0"),
        (("--at_once", "2"), "--at_once needs --checkpoints"),
    ],
)
def test_wrong_words(neuronxa: Command, words: tuple[str, ...], reason: str) -> None:
    done = neuronxa("run", *HARNESS, *words)
    assert done.code == 2
    assert done.err.startswith("neuronxa: error: ")
    assert reason in done.err
    assert done.out == ""
