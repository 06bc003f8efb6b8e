"""What a run cannot do is said before its first request: nothing that is finished gets lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import lm_eval
import pytest
import torch
from lm_eval.api.task import Task
from lm_eval.models.dummy import DummyLM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from models import byte_tokenizer, tiny_model
from transformers import MambaConfig, MambaForCausalLM

import neuronxa_tasks
from neuronxa_tasks.errors import NeuronXAError

pytestmark = [pytest.mark.harness, pytest.mark.tiny]

FRENCH, GERMAN = "neuronxa_mini_fra_Latn", "neuronxa_mini_deu_Latn"


@pytest.fixture(scope="module")
def benchmark_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of likelihoods, which the harness runs before alignment."""
    folder = tmp_path_factory.mktemp("own")
    rows = (json.dumps({"q": f"{i} is", "gold": i % 2}) + "\n" for i in range(20))
    (folder / "mine.jsonl").write_text("".join(rows), encoding="utf-8")
    (folder / "a_first.yaml").write_text(
        "task: a_first\ndataset_path: json\n"
        f"dataset_kwargs:\n  data_files:\n    test: {folder / 'mine.jsonl'}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{q}}'\n"
        "doc_to_target: gold\ndoc_to_choice: ['even', 'odd']\n"
        "metric_list:\n  - metric: acc\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def refused(benchmark_folder: Path, caplog: pytest.LogCaptureFixture) -> Any:
    """Run a benchmark and alignment; return why it was refused, before any request was sent."""

    def run(
        lm: Any,
        *tasks: str,
        metadata: dict[str, Any] | None = None,
        beside: tuple[str, ...] = ("a_first",),
        **options: Any,
    ) -> str:
        manager = TaskManager(
            include_path=[str(neuronxa_tasks.task_configs()), str(benchmark_folder)],
            include_defaults=False,
            metadata=metadata or {},
        )
        with caplog.at_level(logging.INFO, "lm_eval"), pytest.raises(NeuronXAError) as caught:
            lm_eval.simple_evaluate(
                model=lm, tasks=[*beside, *tasks], task_manager=manager, **options
            )
        # The loggers are heard.
        assert all(f"Building contexts for {name}" in caplog.text for name in beside)
        assert "requests" not in caplog.text.replace("build_all_requests", "")
        return str(caught.value)

    return run


def hf(model: Any, tokenizer: Any = None, **more: Any) -> HFLM:
    return HFLM(pretrained=model, tokenizer=tokenizer or byte_tokenizer(bos=True), **more)


@pytest.fixture(scope="module")
def llama() -> HFLM:
    return hf(tiny_model("llama"))


def test_a_family_whose_neurons_are_not_known(refused: Any) -> None:
    model = MambaForCausalLM(MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1))
    assert "MambaForCausalLM" in refused(hf(model), FRENCH)


def test_a_model_that_shows_no_neurons(refused: Any) -> None:
    assert "DummyLM cannot give neuron states" in refused(DummyLM(), FRENCH)


def test_all_pairs_of_two_languages(llama: HFLM, refused: Any) -> None:
    told = refused(llama, FRENCH, metadata={"pairs": "all"})
    assert "has only eng_Latn, fra_Latn in this run" in told


def test_the_untrained_control_of_a_model_that_is_spread(refused: Any) -> None:
    model = tiny_model("llama")
    model.hf_device_map = {"model.layers.0": 0, "model.layers.1": 1}
    told = refused(hf(model), FRENCH, metadata={"control": "untrained"})
    assert "`untrained` cannot be made for this model: it is spread" in told


def test_the_untrained_control_of_a_class_that_the_config_does_not_name(refused: Any) -> None:
    base = type(tiny_model("llama"))
    model = tiny_model("llama")
    model.__class__ = type("OwnLlama", (base,), {})
    told = refused(hf(model), FRENCH, metadata={"control": "untrained"})
    assert "the config describes a LlamaForCausalLM and the model is a OwnLlama" in told


def test_up_sign_without_a_gate(refused: Any) -> None:
    told = refused(hf(tiny_model("gpt2")), FRENCH, metadata={"variants": "up_sign"})
    assert "has no gate" in told


def test_a_token_beyond_the_embedding(refused: Any) -> None:
    assert "rows" in refused(hf(tiny_model("llama", vocab_size=150)), FRENCH)


def without_ends() -> Any:
    tokenizer = byte_tokenizer()
    tokenizer.bos_token = tokenizer.eos_token = None
    return tokenizer


def test_bits_per_byte_without_bos_and_eos(refused: Any) -> None:
    lm = hf(tiny_model("llama"), without_ends())
    told = refused(lm, FRENCH, metadata={"covariates": "bits_per_byte"})
    assert "the covariate bits_per_byte cannot be computed" in told
    assert "prefix_token_id=ID" in told


def test_bits_per_byte_with_a_token_that_was_named(benchmark_folder: Path) -> None:
    lm = hf(tiny_model("llama"), without_ends(), prefix_token_id=1)
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()),
        include_defaults=False,
        metadata={"covariates": "bits_per_byte", "n": 5},
    )
    results = lm_eval.simple_evaluate(model=lm, tasks=[FRENCH], task_manager=manager)
    found = results["config"]["neuronxa"]["tasks"][FRENCH]["covariates"]["bits_per_byte"]
    assert found["target"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 1}, "has 1 sentence pair in this run"),
        ({"limit": 0.001}, "has 1 sentence pair in this run"),
        ({"limit": 0, "beside": ()}, "--limit is 0"),  # the harness' own tasks end otherwise
        ({"limit": -3, "beside": ()}, "--limit is -3"),
        ({"limit": 2.5}, "--limit is 2.5"),
        ({"samples": {FRENCH: [0, 1, 100]}}, "numbers of its documents, 0 to 99"),
        ({"samples": {FRENCH: [0, -1]}}, "[0, -1] for"),
        ({"samples": {FRENCH: [0, 0]}}, "[0, 0] for"),
        ({"samples": {FRENCH: []}}, "[] for"),
        ({"samples": {FRENCH: "012"}}, "'012' for"),
    ],
)
def test_numbers_of_documents(
    llama: HFLM, options: dict[str, Any], words: str, refused: Any
) -> None:
    assert words in refused(llama, FRENCH, **options)


def test_a_cache_in_between_is_seen_through(refused: Any, tmp_path: Path) -> None:
    neuronxa_tasks.register()  # the harness' own cache knows no model and is refused before
    model = MambaForCausalLM(MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1))
    told = refused(hf(model), FRENCH, use_cache=str(tmp_path / "cache"))
    assert "MambaForCausalLM" in told


def test_requests_can_be_built_without_a_run() -> None:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()), include_defaults=False, metadata={"n": 5}
    )
    task: Task = manager.load([GERMAN])["tasks"][GERMAN]
    task.build_all_requests(limit=3)
    assert len(task.instances) == 3
    assert torch.is_grad_enabled()
