"""Which checkpoints a series has, and at which step: read from names, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep_data import checkpoints

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.sweep.checkpoints import find_checkpoints, read_list
from neuronxa_tasks.reports.sweep.steps import WORDS, step_in


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step-1000", 1000),
        ("step1000", 1000),
        ("step0", 0),
        ("checkpoint-500", 500),
        ("global_step250", 250),
        ("iter_0001000", 1000),
        ("Step_7", 7),
        ("stage1-step1000-tokens5B", 1000),
        ("stage2-ingredient1-step3000-tokens13B", 3000),
        ("step477000-tokens2000.5B", 477000),
        ("pythia-70m-step20", 20),
    ],
)
def test_steps_that_stand_in_names(name: str, step: int) -> None:
    found = step_in(name)
    assert found is not None
    assert found.step == step


@pytest.mark.parametrize(
    "name",
    ["main", "1000", "epoch-3", "step-10k", "step-1.5", "footstep12x", "misstep5", "tokens5B",
     "step-10-checkpoint-20", "step-", "llama-3"],
)  # fmt: skip
def test_steps_are_never_guessed(name: str) -> None:
    assert step_in(name) is None


@given(st.sampled_from(WORDS), st.sampled_from(["-", "_", ""]), st.integers(0, 10**9))
def test_every_word_and_number_is_read(word: str, joint: str, step: int) -> None:
    found = step_in(f"run_a-{word}{joint}{step}-tokens9B")
    assert found is not None
    assert (found.step, found.rest) == (step, "run_a-step-*-tokens*")


def test_revisions_come_in_the_order_of_their_steps() -> None:
    series = find_checkpoints([f"EleutherAI/pythia-70m@step{n}" for n in (1000, 0, 512)])
    assert [each.step for each in series.checkpoints] == [0, 512, 1000]
    first = series.checkpoints[0]
    assert (first.pretrained, first.revision) == ("EleutherAI/pythia-70m", "step0")
    assert not first.is_local


def test_a_folder_stands_for_the_checkpoints_in_it(tmp_path: Path) -> None:
    parent = checkpoints(tmp_path / "run", [200, 100, 1000])
    (parent / "logs").mkdir()
    series = find_checkpoints([str(parent)])
    assert [each.label for each in series.checkpoints] == [
        str(parent / f"step-{n}") for n in (100, 200, 1000)
    ]
    assert series.notes == ()
    assert find_checkpoints([str(parent), str(parent / "step-100")]) == series


def test_the_final_model_beside_its_checkpoints_needs_a_step(tmp_path: Path) -> None:
    parent = checkpoints(tmp_path / "run", [100, 200])
    (parent / "config.json").write_text("{}", encoding="utf-8")
    series = find_checkpoints([str(parent)])
    assert [each.step for each in series.checkpoints] == [100, 200]
    assert f"--step {parent}=STEP" in series.notes[0]
    added = find_checkpoints([str(parent)], {str(parent): 300})
    assert [each.step for each in added.checkpoints] == [100, 200, 300]
    assert added.checkpoints[-1].pretrained == str(parent)


@pytest.mark.parametrize(
    ("given", "steps", "reason"),
    [
        (["org/model@main"], {}, "--step org/model@main=STEP"),
        (["org/model"], {}, "no NAME@REVISION of the Hub"),
        (["./nowhere/step-1"], {}, "no folder that exists"),
        (["org/model@"], {}, "no NAME@REVISION of the Hub"),
        (["org/model@step1", "org/model@stage2-step1"], {}, "both step 1"),
        (["org/a@step1", "org/b@step2"], {}, "differ in more than their step"),
        (["org/a@stage1-step1", "org/a@stage2-step2"], {}, "differ in more than their step"),
        (["org/a@step1"], {"org/a@step2": 5}, "no such checkpoint was named"),
    ],
)
def test_what_is_no_series_is_refused(given: list[str], steps: dict[str, int], reason: str) -> None:
    with pytest.raises(NeuronXAError) as caught:
        find_checkpoints(given, steps)
    assert reason in str(caught.value)


def test_steps_by_hand_join_what_names_would_keep_apart() -> None:
    series = find_checkpoints(
        ["org/a@stage1-step900", "org/a@stage2-step10", "org/a@main"],
        {"org/a@stage2-step10": 910, "org/a@main": 1000},
    )
    assert [each.step for each in series.checkpoints] == [900, 910, 1000]


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match=r"has no config\.json"):
        find_checkpoints([str(tmp_path)])


def test_a_list_names_checkpoints_and_steps(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# OLMo\norg/a@step1\n\norg/a@main\t 20\n", encoding="utf-8")
    assert read_list(path) == (["org/a@step1", "org/a@main"], {"org/a@main": 20})


@pytest.mark.parametrize(
    ("text", "reason"), [("# nothing\n", "names no checkpoint"), ("a@b\t1k\n", "the step '1k'")]
)
def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NeuronXAError) as caught:
        read_list(path)
    assert reason in str(caught.value)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match="cannot be read"):
        read_list(tmp_path / "none.txt")
