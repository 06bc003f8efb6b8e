"""Training data of the transfer, the harness' own prompt, and the second measure."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import lm_eval.tasks
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from lm_eval.tasks._yaml_loader import load_yaml

from neuronxa_tasks.commands import transfer
from neuronxa_tasks.commands.finetune import Example, Settings
from neuronxa_tasks.commands.transfer import read_examples
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.transferability import CHANCE, Transferability, transferability

ROW = {"premise": "It rains.", "hypothesis": "It is wet.", "label": 0}
text = st.text(st.characters(exclude_characters="\\'\"", exclude_categories=["C"]), min_size=1)


@given(text, text, st.integers(0, 2))
def test_prompt_is_that_of_the_harness(premise: str, hypothesis: str, label: int) -> None:
    config = load_yaml(
        Path(lm_eval.tasks.__file__).parent / "xnli" / "xnli_en.yaml", resolve_func=False
    )
    assert config["doc_to_text"] == ""
    assert config["doc_to_target"] == "label"
    row = {"premise": premise, "hypothesis": hypothesis}
    template = config["doc_to_choice"].removeprefix("{{").removesuffix("}}")
    expected = Environment().compile_expression(template)(**row)
    assert list(Example(premise, hypothesis, label).choices()) == [f" {each}" for each in expected]


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(ROW) + "\n\n" + json.dumps({**ROW, "label": 2}) + "\n")
    examples, source = read_examples(str(path))
    assert examples == (
        Example("It rains.", "It is wet.", 0),
        Example("It rains.", "It is wet.", 2),
    )
    assert (source["kind"], source["n"], len(source["sha256"])) == ("file", 2, 64)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no rows"),
        ("{", "cannot be read as JSON lines .* after 0 rows"),
        ('{"premise": "a", "hypothesis": "b"}', "Row 0 .* lacks one of premise"),
        ('["a"]', "Row 0 .* lacks one of premise"),
        (json.dumps({**ROW, "label": -1}), "label -1; labels are 0"),
        (json.dumps({**ROW, "label": "neutral"}), "label 'neutral'"),
        (json.dumps({**ROW, "label": True}), "label True"),
        (json.dumps({**ROW, "premise": ""}), "no text"),
        (json.dumps({**ROW, "hypothesis": None}), "no text"),
    ],
)
def test_refuses_data(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NeuronXAError, match=words):
        read_examples(str(path))


@pytest.mark.parametrize("name", ["none.jsonl", "folder/none.jsonl", "xnli", "a/b/c"])
def test_neither_file_nor_name(name: str) -> None:
    with pytest.raises(NeuronXAError, match="neither a file nor a name on the Hub"):
        read_examples(name)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"batch": -1}, {"rank": 0}, {"lr": 0.0}, {"lr": math.nan}, {"seed": -1}]
)
def test_refuses_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(NeuronXAError, match=f"{next(iter(wrong))} is "):
        Settings(**wrong)


def test_arguments_have_the_defaults_of_the_settings() -> None:
    parser = argparse.ArgumentParser()
    transfer.add_arguments(parser)
    given = parser.parse_args(["base", "--train", "facebook/xnli", "-o", "adapter", "--lr", "1e-3"])
    assert Settings(given.steps, given.batch, given.lr, given.rank, given.seed) == Settings(lr=1e-3)
    assert (given.model, given.out, given.device) == ("base", Path("adapter"), None)


def test_hand_computed_ratio() -> None:
    # (0.45 - 0.3333) / (0.55 - 0.3333) = 0.116667 / 0.216667 = 0.538462
    found = transferability(0.45, 0.55, 1 / 3, 2490)
    assert found == pytest.approx(Transferability(0.5384615384615384, 2490, ""))
    assert transferability(0.25, 0.55, 1 / 3, 2490).value < 0
    assert transferability(0.60, 0.55, 1 / 3, 2490).value > 1


def test_english_at_chance_has_no_ratio() -> None:
    # 1.96 sqrt(1/3 * 2/3 / 2490) = 0.018516
    found = transferability(0.40, 1 / 3 + 0.0185, 1 / 3, 2490)
    assert math.isnan(found.value)
    assert found.n == 2490
    assert "English (0.352) is not above chance (0.333) by more than 0.019" in found.reason
    assert not transferability(0.40, 1 / 3 + 0.0186, 1 / 3, 2490).reason
    assert math.isnan(transferability(0.4, 1 / 3 + 0.0186, 1 / 3, 2490, n_english=100).value)


def test_missing_accuracies() -> None:
    assert transferability(math.nan, 0.5, 1 / 3, 10).reason == "the language has no accuracy"
    assert transferability(0.5, math.nan, 1 / 3, 10).reason == "English has no accuracy"
    assert transferability(0.5, 0.5, 1 / 3, 0).reason == "the language has no accuracy"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((55.0, 0.5, 1 / 3, 10), "accuracy is 55.0; .* Divide percent by 100"),
        ((0.5, -0.1, 1 / 3, 10), "English accuracy is -0.1"),
        ((0.5, 0.5, 1.0, 10), "chance is 1.0"),
        ((0.5, 0.5, 1 / 3, -1), "n is -1"),
    ],
)
def test_refuses_numbers(arguments: tuple[float, float, float, int], words: str) -> None:
    with pytest.raises(NeuronXAError, match=words):
        transferability(*arguments)


@given(st.sampled_from(sorted(CHANCE)), st.floats(0, 1), st.floats(0.6, 1))
def test_english_itself_is_one_and_chance_zero(name: str, other: float, english: float) -> None:
    chance = CHANCE[name]
    assert transferability(english, english, chance, 10_000).value == pytest.approx(1)
    assert transferability(chance, english, chance, 10_000).value == pytest.approx(0)
    between = transferability(other, english, chance, 10_000).value
    assert (between >= 1) == (other >= english) or between == pytest.approx(1)
