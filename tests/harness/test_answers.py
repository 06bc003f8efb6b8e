"""`--use_cache` gives each model its own answers, and BMLAMA's sentences resume with it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lm_eval
import lm_eval.api.model
import pytest
import torch
from commands import Command
from lm_eval.api.instance import Instance
from lm_eval.api.model import CachingLM
from lm_eval.models.dummy import DummyLM
from lm_eval.tasks import TaskManager
from models import byte_tokenizer, tiny_model

import neuronxa_tasks
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.answers import KeyedAnswers
from neuronxa_tasks.harness.model import NeuronXALM

pytestmark = [pytest.mark.harness, pytest.mark.tiny]

CLOZE = "neuronxa_world_cloze_fra_Latn"
BMLAMA = "neuronxa_bmlama53_en"
FRENCH = "neuronxa_mini_fra_Latn"
QUERIES = 6
SENTENCES = 3 * QUERIES


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    original = lm_eval.api.model.CachingLM
    neuronxa_tasks.register()
    yield
    lm_eval.api.model.CachingLM = original


@pytest.fixture
def bmlama(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    rows = [
        {"id": i, "Prompt": f"Town {i} lies in <mask>.", "Ans": "Peru",
         "Candidate Ans": f"Chad {i}, Cuba {i}, Peru"}
        for i in range(QUERIES)
    ]  # fmt: skip
    (folder / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def model(seed: int = 0, **arguments: Any) -> NeuronXALM:
    return NeuronXALM(
        pretrained=tiny_model("llama", seed=seed), tokenizer=byte_tokenizer(bos=True),
        **{"batch_size": 4, "device": "cpu", **arguments},
    )  # fmt: skip


def run(lm: Any, *tasks: str, use_cache: Path | None = None, **metadata: Any) -> Any:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()), include_defaults=False, metadata=metadata
    )
    return lm_eval.simple_evaluate(
        model=lm, tasks=list(tasks), task_manager=manager, bootstrap_iters=0, limit=QUERIES,
        use_cache=None if use_cache is None else str(use_cache),
    )  # fmt: skip


def numbers(results: Any) -> dict[str, Any]:
    return {
        task: {name: value for name, value in entry.items() if isinstance(value, float)}
        for task, entry in results["results"].items()
    }


def counted(lm: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of every batch that the model is called with from now on."""
    calls: list[int] = []
    call = type(lm)._model_call

    def counting(self: Any, inps: Any, **more: Any) -> Any:
        calls.append(len(inps))
        return call(self, inps, **more)

    # Of HFLM itself: a class with a pass of its own has no name.
    monkeypatch.setattr("lm_eval.models.huggingface.HFLM._model_call", counting)
    return calls


def test_a_second_model_gets_its_own_answers(tmp_path: Path, bmlama: Path) -> None:
    cache, folder = tmp_path / "cache" / "answers", str(bmlama)
    found, alone = [], []
    for seed in (0, 1):
        found.append(run(model(seed), CLOZE, BMLAMA, use_cache=cache, data_dir=folder))
        alone.append(run(model(seed), CLOZE, BMLAMA, data_dir=folder))
    assert list(map(numbers, found)) == list(map(numbers, alone))
    assert numbers(found[0]) != numbers(found[1])
    models = {each["config"]["neuronxa_use_cache"]["model"] for each in found}
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted(
        f"answers_{each}_rank0.db" for each in models
    )
    assert "neuronxa_use_cache" not in alone[0]["config"]


def test_a_second_run_computes_nothing(
    tmp_path: Path, bmlama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, folder = tmp_path / "answers", str(bmlama)
    first = run(model(), CLOZE, BMLAMA, use_cache=cache, data_dir=folder)
    asked = first["n-samples"][CLOZE]["effective"]
    assert first["config"]["neuronxa_use_cache"]["answers_read"] == 0
    lm = model(batch_size=3)  # another batch size is no other model
    calls = counted(lm, monkeypatch)
    second = run(lm, CLOZE, BMLAMA, use_cache=cache, data_dir=folder)
    assert calls == []
    assert second["config"]["neuronxa_use_cache"]["answers_read"] >= SENTENCES + 2 * asked
    assert numbers(second) == numbers(first)


@pytest.mark.parametrize("change", ["bos", "context", "dtype", "tokenizer", "weights"])
def test_a_model_that_is_used_in_another_way_is_another(tmp_path: Path, change: str) -> None:
    arguments: dict[str, Any] = {}
    if change == "bos":
        arguments["add_bos_token"] = False
    if change == "context":
        arguments["max_length"] = 99
    changed = model(**arguments)
    if change == "dtype":
        changed.model.to(torch.bfloat16)
    if change == "tokenizer":
        changed.tokenizer.add_tokens(["lies"])
    if change == "weights":
        with torch.no_grad():
            changed.model.lm_head.weight[0, 0] += 1e-3
    names = [KeyedAnswers(lm, str(tmp_path / "a_rank0.db")).cache_db for lm in (model(), changed)]
    assert len(set(names)) == 2
    assert KeyedAnswers(model(), str(tmp_path / "a_rank0.db")).cache_db == names[0]


def test_bmlama_goes_on_where_it_was_stopped(
    tmp_path: Path, bmlama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was answered before the run died is not computed again."""
    cache, folder = tmp_path / "answers", str(bmlama)
    lm = model()
    calls = counted(lm, monkeypatch)
    count = type(lm)._model_call

    def dying(self: Any, inps: Any, **more: Any) -> Any:
        if len(calls) == 3:
            raise KeyboardInterrupt
        return count(self, inps, **more)

    with monkeypatch.context() as patch:
        patch.setattr("lm_eval.models.huggingface.HFLM._model_call", dying)
        with pytest.raises(KeyboardInterrupt):
            run(lm, BMLAMA, use_cache=cache, data_dir=folder)
    done = sum(calls)
    assert 0 < done < SENTENCES
    calls.clear()
    again = run(model(), BMLAMA, use_cache=cache, data_dir=folder)
    assert sum(calls) == SENTENCES - done
    assert numbers(again) == numbers(run(model(), BMLAMA, data_dir=folder))


def test_answers_in_another_softmax_are_others(tmp_path: Path) -> None:
    """BMLAMA takes the softmax in float32, whatever the model's own."""
    answers = KeyedAnswers(model(), str(tmp_path / "a_rank0.db"))
    request = [Instance("loglikelihood", {}, ("", "A town."), 0)]
    answers.loglikelihood(request)
    answers.lm.softmax_dtype = torch.float64
    (exact,) = answers.loglikelihood(request)
    assert answers.get_model_info()["neuronxa_use_cache"]["answers_read"] == 0
    assert answers.loglikelihood(request) == [exact]
    assert answers.get_model_info()["neuronxa_use_cache"]["answers_read"] == 1


def test_all_kinds_of_answers_come_back_as_they_were(tmp_path: Path) -> None:
    drawn = {"until": ["."], "max_gen_toks": 4, "do_sample": True, "temperature": 1.0}
    greedy = {"until": ["."], "max_gen_toks": 4, "do_sample": False}
    requests = {
        "loglikelihood": [("", "A town."), ("A", " town."), ("A", " town.")],
        "loglikelihood_rolling": [("A town lies there.",), ("Another",)],
        "generate_until": [("A town", greedy), ("Another", greedy)],
    }
    told = []
    for _ in range(2):
        answers = KeyedAnswers(model(), str(tmp_path / "a_rank0.db"))
        told.append({
            kind: getattr(answers, kind)([Instance(kind, {}, each, 0) for each in arguments])
            for kind, arguments in requests.items()
        })  # fmt: skip
    assert told[0] == told[1]
    assert [type(each) for each in told[1]["loglikelihood"][0]] == [float, bool]
    read = answers.get_model_info()["neuronxa_use_cache"]["answers_read"]
    assert read == sum(map(len, requests.values()))
    answers.generate_until([Instance("generate_until", {}, ("A town", drawn), 0)] * 2)
    answers.generate_until([Instance("generate_until", {}, ("A town", drawn), 0)] * 2)
    assert answers.get_model_info()["neuronxa_use_cache"]["answers_read"] == read


def test_the_file_holds_json_and_what_is_none_is_computed(tmp_path: Path) -> None:
    request = [Instance("loglikelihood", {}, ("", "A town."), 0)]
    answers = KeyedAnswers(model(), str(tmp_path / "a_rank0.db"))
    (expected,) = answers.loglikelihood(request)
    answers.dbdict.close()
    with sqlite3.connect(answers.cache_db) as file:
        rows = file.execute("select key, value from unnamed").fetchall()
        assert [json.loads(value) for _, value in rows] == [list(expected)]
        file.execute("update unnamed set value = ?", ('"no answer"',))
    again = KeyedAnswers(model(), str(tmp_path / "a_rank0.db"))
    assert again.loglikelihood(request) == [expected]
    again.dbdict.close()
    Path(again.cache_db).write_bytes(b"no database at all" * 100)
    with pytest.raises(NeuronXAError, match=r"cannot be used .*Delete that file"):
        KeyedAnswers(model(), str(tmp_path / "a_rank0.db"))


def test_a_model_that_cannot_be_told_from_others_is_refused(tmp_path: Path) -> None:
    hooked = model()
    hooked.model.model.layers[0].register_forward_hook(lambda *_: None)
    for lm, words in (
        (hooked, "has a hook that is not known here. Its answers would"),
        (DummyLM(), "DummyLM does not show its weights"),
    ):
        with pytest.raises(NeuronXAError, match=f"--use_cache is .*{words}"):
            run(lm, CLOZE, use_cache=tmp_path / "answers")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_knows_no_model_is_refused(
    tmp_path: Path, bmlama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under `lm_eval run`, which makes its cache before it loads a task."""
    monkeypatch.setattr(lm_eval.api.model, "CachingLM", CachingLM)
    for task in (FRENCH, BMLAMA):
        with pytest.raises(NeuronXAError, match=r"does not know the model.*neuronxa run"):
            run(model(), task, use_cache=tmp_path / "answers", data_dir=str(bmlama))


@pytest.mark.slow
def test_the_command_keeps_answers_and_says_so(
    command: Command, checkpoint: Path, tmp_path: Path
) -> None:
    read = []
    for number in range(2):
        done = command(
            "neuronxa", "run", "--model", "hf-neuronxa", "--model_args",
            f"pretrained={checkpoint}", "--tasks", CLOZE, "--device", "cpu", "--batch_size", 8,
            "--limit", 5, "--use_cache", tmp_path / "answers", "--output_path",
            tmp_path / str(number),
        )  # fmt: skip
        assert done.code == 0, done.err
        (file,) = (tmp_path / str(number)).rglob("results_*.json")
        read.append(json.loads(file.read_text())["config"]["neuronxa_use_cache"]["answers_read"])
    assert read[0] == 0
    assert read[1] >= 10


# --- metadata beside a task manager ---------------------------------------------------------------


def test_metadata_that_the_harness_drops_is_refused(bmlama: Path) -> None:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()), include_defaults=False,
        metadata={"n": 20},
    )  # fmt: skip
    given: dict[str, Any] = {"model": model(), "task_manager": manager, "bootstrap_iters": 0}
    for task in (FRENCH, BMLAMA):
        for metadata in ({"n": 30}, {"pivot": "deu_Latn"}, {"pivott": "deu_Latn"}, {"n": "20"}):
            with pytest.raises(NeuronXAError) as caught:
                lm_eval.simple_evaluate(**given, tasks=[task], metadata=metadata)
            assert "TaskManager(include_path=" in str(caught.value)
            assert f"metadata={metadata!r})" in str(caught.value)
    # What the task manager has, too, is not lost.
    results = lm_eval.simple_evaluate(**given, tasks=[FRENCH], metadata={"n": 20})
    assert results["config"]["neuronxa"]["tasks"][FRENCH]["n"] == 20
