"""Measures in a run: results file, samples, controls, means, what is kept, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lm_eval
import numpy as np
import pytest
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable

import neuronxa_tasks
from neuronxa_tasks.alignment.controls import derangement, untrained
from neuronxa_tasks.alignment.measuring import measured
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.harness.scoring import encoder
from neuronxa_tasks.names import MEASURES
from neuronxa_tasks.results import read_results
from neuronxa_tasks.text.corpora import CORPORA

pytestmark = [pytest.mark.harness, pytest.mark.tiny]

N = 20
TASKS = ("neuronxa_mini_deu_Latn", "neuronxa_mini_fra_Latn")
FRENCH = TASKS[1]
METADATA = {
    "measures": "all", "n": N, "control": ["untrained", "shuffled"], "control_seeds": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def lm(checkpoint: Path) -> NeuronXALM:
    return NeuronXALM(pretrained=str(checkpoint), device="cpu", batch_size=16)


def run(lm: Any, *tasks: str, **metadata: Any) -> Any:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()), include_defaults=False, metadata=metadata
    )
    return lm_eval.simple_evaluate(model=lm, tasks=list(tasks), task_manager=manager)


@pytest.fixture(scope="module")
def results(lm: NeuronXALM) -> Any:
    return run(lm, *TASKS, **METADATA)


def test_a_run_has_them_as_they_are_by_hand(lm: NeuronXALM, results: Any) -> None:
    text = CORPORA["mini"].load("eng_Latn", "fra_Latn", N)
    encode = encoder(lm, lm.model, counts=True)
    order = derangement(N, np.random.default_rng(0))
    both = encode(text.pivot), encode(text.target)
    plain, shuffled = measured(MEASURES, *both, [order])
    with untrained(lm, 0) as fresh:
        at_random = encoder(lm, fresh, counts=True)
        (floor,) = measured(MEASURES, at_random(text.pivot), at_random(text.target))
    block, entry = results["config"]["neuronxa"]["tasks"][FRENCH], results["results"][FRENCH]
    assert block["measures"].keys() == set(MEASURES)
    for found, expected in (
        (block, plain),
        (block["controls"]["shuffled"][0], shuffled),
        (block["controls"]["untrained"][0], floor),
    ):
        for name, of in expected.block.items():
            for what, numbers in of.items():
                assert found["measures"][name][what] == pytest.approx(numbers, abs=1e-6)
    for metric, values in plain.values.items():
        assert entry[f"{metric},none"] == pytest.approx(values.mean(), abs=1e-6)
        error = values.std(ddof=1) / np.sqrt(N)
        assert entry[f"{metric}_stderr,none"] == pytest.approx(error, abs=1e-6)
        below = floor.values[metric].mean()
        assert entry[f"{metric}_floor,none"] == pytest.approx(below, abs=1e-6)
        above = values.mean() - below
        assert entry[f"{metric}_above_floor,none"] == pytest.approx(above, abs=1e-6)
        wrong = shuffled.values[metric].mean()
        assert entry[f"{metric}_shuffled,none"] == pytest.approx(wrong, abs=1e-6)
        low, high = block["intervals"][metric]
        assert low < entry[f"{metric},none"] < high
        logged = [sample[metric] for sample in results["samples"][FRENCH]]
        assert logged == pytest.approx(values.tolist(), abs=1e-6)
    (means,) = results["config"]["neuronxa"]["means"]
    of_both = [results["results"][task]["cka_nav,none"] for task in TASKS]
    assert means["values"]["cka_nav"] == pytest.approx(np.mean(of_both))
    assert results["higher_is_better"][FRENCH]["cka_nav"] is True


def test_the_file_is_read_with_them(results: Any, tmp_path: Path) -> None:
    path = tmp_path / "results_1.json"
    named = {**results, "model_name": "tiny"}
    path.write_text(json.dumps(named, default=handle_non_serializable), encoding="utf-8")
    frame = read_results([path]).frame
    found = frame[(frame["metric"] == "rsa_hidden") & (frame["task"] == FRENCH)]
    assert list(found["kind"]) == ["alignment"]
    assert list(found["value"]) == [results["results"][FRENCH]["rsa_hidden,none"]]
    older = json.loads(path.read_text(encoding="utf-8"))
    older["config"]["neuronxa"]["schema"] = 1
    path.write_text(json.dumps(older), encoding="utf-8")
    assert len(read_results([path]).frame) == len(frame)


def test_one_measure_more_is_computed_and_not_dropped(
    lm: NeuronXALM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURONXA_RESUME", "on")
    monkeypatch.setenv("NEURONXA_RESUME_DIR", str(tmp_path))
    for measures, kept in (("cka", []), (["cka", "rsa"], []), (["rsa", "cka"], [FRENCH])):
        block = run(lm, FRENCH, n=N, measures=measures)["config"]["neuronxa"]
        assert block["kept"] == kept
        wanted = {measures} if isinstance(measures, str) else set(measures)
        assert set(block["tasks"][FRENCH]["measures"]) == wanted
        assert "cka_nas" in block["tasks"][FRENCH]["intervals"]


def test_none_unless_asked_for(lm: NeuronXALM) -> None:
    found = run(lm, FRENCH, n=N)
    assert "measures" not in found["config"]["neuronxa"]["tasks"][FRENCH]
    assert not any(metric.startswith("cka") for metric in found["results"][FRENCH])
    assert "cka_nas" not in found["higher_is_better"][FRENCH]


@pytest.mark.parametrize(("metadata", "words"), [
    ({"measures": ["cka", "best"]}, ["measures is 'best'", "anc, cka"]),
    ({"measures": {"cka": 1}}, ["measures is {'cka': 1}"]),
    ({"measures": ["mrr", "knn"], "n": 11}, ["11 sentence pairs", "knn needs at least 12"]),
])  # fmt: skip
def test_what_cannot_be_is_refused(
    lm: NeuronXALM, metadata: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(NeuronXAError) as caught:
        run(lm, FRENCH, **metadata)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_specific_neurons_of_a_run(lm: NeuronXALM) -> None:
    found = run(lm, *TASKS, n=N, measures=["lape", "mrr"])["config"]["neuronxa"]
    (block,) = found["lape"]
    assert set(block["specific"]) == {"eng_Latn", "deu_Latn", "fra_Latn"} == set(block["tokens"])
    text = CORPORA["mini"].load("eng_Latn", "fra_Latn", N)
    vectors = encoder(lm, lm.model, counts=True)(text.target)
    assert block["tokens"]["fra_Latn"] == sum(vectors.tokens)
    assert block["neurons"] == [each.shape[1] for each in vectors.active]
    for layer, places in enumerate(block["specific"]["fra_Latn"]):
        shares = vectors.active[layer].sum(dim=0).numpy() / sum(vectors.tokens)
        assert all(shares[place] > block["bar"] for place in places)
    named = {
        (layer, place)
        for of in block["specific"].values()
        for layer, places in enumerate(of)
        for place in places
    }
    assert len(named) == round(block["share"] * sum(block["neurons"]))
    assert set(found["tasks"][FRENCH]["measures"]) == {"mrr"}
    with pytest.raises(NeuronXAError, match=r"`lape` was asked for, but mini has only"):
        run(lm, FRENCH, n=N, measures=["lape"])
