"""The measurements of speed run, and measure what they say, on models that take no time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from models import byte_tokenizer, tiny_model

sys.path.append(str(Path(__file__).parents[1] / "bench"))

import gpu
import overhead

from neuronxa_tasks.harness import scoring
from neuronxa_tasks.harness.overlap import overlapped

pytestmark = pytest.mark.tiny


def test_overhead_runs_the_bare_decoder_on_each_batch_of_ours() -> None:
    model = tiny_model("llama")
    seen: list[tuple[tuple[int, ...], int]] = []
    model.model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append((tuple(kwargs["input_ids"].shape), 1)),
        with_kwargs=True,
    )
    plain = model.model.forward

    def forward(*args: object, **kwargs: object) -> object:
        hooks = sum(len(each._forward_hooks) for each in model.model.modules())
        passes.append((tuple(kwargs["input_ids"].shape), hooks > 0))  # type: ignore[attr-defined]
        return plain(*args, **kwargs)

    passes: list[tuple[tuple[int, ...], bool]] = []
    model.model.forward = forward
    found = overhead.passes(model, byte_tokenizer(), ["A dog.", "One more sentence."], rounds=2)
    bare = sorted(shape for shape, hooked in passes if not hooked)
    ours = sorted(shape for shape, hooked in passes if hooked)
    assert bare == ours
    assert len(ours) == len(seen) >= 3
    assert found["ratio of the processor's"]["min"] > 0
    assert found["bare s of the processor"] > 0


def test_seconds_per_language_are_those_of_both_ways() -> None:
    found = overhead.languages(tiny_model("llama"), byte_tokenizer(bos=True), 3, 12, rounds=1)
    assert found["languages"] == 3
    assert {"beside", "one after the other"} == {
        name.rpartition(", ")[2] for name in found if name.startswith("s per language")
    }
    assert found["ratio of the clock's"]["median"] > 0
    assert scoring.overlapped is overlapped


def test_the_script_for_a_gpu_runs_whole_on_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    found = gpu.main(["--small", "--device", "cpu"])
    assert not [name for name, numbers in found.items() if "failed" in numbers]
    assert found["equal to the cpu"]["layers with other hit counts"] == 0
    assert found["little memory"] == {"batch at the end": 2, "NASCA of the two": 1.0}
    assert found["languages"]["languages"] == 3
    assert found["mixture of experts"]["ratio of the clock's"]["median"] > 0
    assert "| CPU, torch" in capsys.readouterr().out


def test_a_part_without_time_is_named() -> None:
    found = gpu.main(["--small", "--device", "cpu", "--minutes", "0"])
    assert found["languages"] == {"not measured": "no time left"}
