"""All pairs and bits per byte in a run, in one process with the harness' own functions."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import lm_eval
import numpy as np
import pytest
import torch
from commands import Command
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable

import neuronxa_tasks
from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness import matrices
from neuronxa_tasks.harness.matrices import Key, Matrices, Plan
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.harness.vectors_folder import remove_left
from neuronxa_tasks.results import LanguagePairs, read_pairs
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.text.corpora import CORPORA

pytestmark = [pytest.mark.harness, pytest.mark.tiny]

CODES = ("deu_Latn", "fra_Latn", "rus_Cyrl")
TASKS = tuple(f"neuronxa_mini_{code}" for code in CODES)
ALL = ("deu_Latn", "eng_Latn", "fra_Latn", "rus_Cyrl")
N = 40


@pytest.fixture(scope="module")
def lm(checkpoint: Path) -> NeuronXALM:
    return NeuronXALM(pretrained=str(checkpoint), device="cpu", batch_size=16)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURONXA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(lm: Any, *tasks: str, **metadata: Any) -> Any:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()), include_defaults=False, metadata=metadata
    )
    return lm_eval.simple_evaluate(
        model=lm, tasks=list(tasks), task_manager=manager, bootstrap_iters=0
    )


def read(results: Any, folder: Path) -> LanguagePairs:
    text = json.dumps(
        {key: value for key, value in results.items() if key != "samples"},
        default=handle_non_serializable,
    )
    (folder / "results.json").write_text(text)
    (pairs,) = read_pairs([folder / "results.json"], names={str(folder / "results.json"): "tiny"})
    return pairs


def test_all_pairs_are_those_of_two_languages_at_a_time(
    lm: NeuronXALM, tmp_path: Path, cache: Path
) -> None:
    results = run(lm, *TASKS, n=N, pairs="all")
    pairs = read(results, tmp_path)
    assert (pairs.model, pairs.corpus, pairs.n, pairs.languages) == ("tiny", "mini", N, ALL)
    encode = Encoder(lm.model, lm.tokenizer, batch_size=16)
    texts = {
        code: CORPORA["mini"].load("eng_Latn", code, N).target for code in ALL if code != "eng_Latn"
    } | {"eng_Latn": CORPORA["mini"].load("eng_Latn", "deu_Latn", N).pivot}
    vectors = {code: encode(texts[code]) for code in ALL}
    for i, one in enumerate(ALL):
        for j, other in enumerate(ALL):
            if i == j:
                assert all(math.isnan(each[i, j]) for each in pairs.scores.values())
                continue
            for score, value in profile(vectors[one], vectors[other]).scores.items():
                assert pairs.scores[score][i, j] == pytest.approx(value, abs=1e-12)
    # The pivot's row is the run itself.
    for task, code in zip(TASKS, CODES, strict=True):
        for score, matrix in pairs.scores.items():
            reported = results["results"][task][f"{score},none"]
            row = matrix[ALL.index("eng_Latn"), ALL.index(code)]
            assert row == pytest.approx(reported, abs=1e-12)
    assert list(cache.iterdir()) == []


def test_another_pivot_gives_the_same_matrix(lm: NeuronXALM, tmp_path: Path) -> None:
    english = read(run(lm, *TASKS, n=N, pairs="all"), tmp_path)
    others = ("neuronxa_mini_deu_Latn", "neuronxa_mini_rus_Cyrl", "neuronxa_mini_swh_Latn")
    french = read(run(lm, *others, n=N, pairs="all", pivot="fra_Latn"), tmp_path)
    shared = ("deu_Latn", "fra_Latn", "rus_Cyrl")
    for score in english.scores:
        parts = [
            each.scores[score][np.ix_(*[[each.languages.index(code) for code in shared]] * 2)]
            for each in (english, french)
        ]
        assert np.array_equal(parts[0], parts[1], equal_nan=True)


def test_half_precision_is_close(lm: NeuronXALM, tmp_path: Path) -> None:
    full, half = (read(run(lm, *TASKS, n=N, pairs=how), tmp_path) for how in ("all", "half"))
    assert half.settings["precision"] == "float16"
    for score, matrix in full.scores.items():
        assert np.nanmax(np.abs(matrix - half.scores[score])) <= 2 / N


def test_without_the_option_nothing_is_written(lm: NeuronXALM, cache: Path) -> None:
    assert "pairs" not in run(lm, *TASKS, n=N)["config"]["neuronxa"]
    assert not cache.exists()


def test_an_error_on_the_way_leaves_no_folder(
    lm: NeuronXALM, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        assert len(list(cache.rglob("*.safetensors"))) == 4
        raise NeuronXAError("broken")

    monkeypatch.setattr(matrices, "hit_matrix", broken)
    with pytest.raises(NeuronXAError, match="broken"):
        run(lm, *TASKS, n=N, pairs="all")
    assert list(cache.iterdir()) == []


BORROWER = """
import sys, time
from neuronxa_tasks.harness.vectors_folder import vectors_folder
with vectors_folder() as folder:
    (folder / "0").mkdir()
    (folder / "0" / "a.safetensors").write_bytes(bytes(1000))
    print(folder, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_run_left_is_removed_by_the_next(lm: NeuronXALM, cache: Path) -> None:
    """The folder of a run that is alive stays."""
    with subprocess.Popen(
        [sys.executable, "-c", BORROWER], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            folder = Path(process.stdout.readline().strip())
            assert (folder / "0" / "a.safetensors").is_file()
            run(lm, *TASKS, n=N, pairs="all")
            assert [each.name for each in cache.iterdir()] == [folder.name]
        finally:
            process.kill()
            process.wait()
    assert folder.is_dir()
    run(lm, TASKS[0], n=N)  # one that compares no pairs does it, too
    assert list(cache.iterdir()) == []


def test_only_what_nobody_holds_is_removed(cache: Path) -> None:
    old = time.time() - 3 * 24 * 3600
    names = ("pairs-new", "pairs-old", ".pairs-new", ".pairs-old", "scores", "pairs-locked")
    for name in names:
        (cache / name).mkdir(parents=True)
    (cache / "pairs-file").write_text("")
    (cache / "pairs-link").symlink_to(cache / "scores")
    (cache / "pairs-locked" / "lock").touch()  # and nobody holds it
    for name in ("pairs-old", ".pairs-old", "scores"):
        os.utime(cache / name, (old, old))
    remove_left(cache)
    assert {each.name for each in cache.iterdir()} == {
        "pairs-new", ".pairs-new", "scores", "pairs-file", "pairs-link",
    }  # fmt: skip


def test_without_locks_the_age_decides(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that cannot lock; a file inside that is still written keeps it."""

    def no_locks(*_: Any, **__: Any) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    old = time.time() - 3 * 24 * 3600
    for name in ("pairs-young", "pairs-old", "pairs-written"):
        (cache / name / "0").mkdir(parents=True)
        for each in ("lock", "0/a.safetensors"):
            (cache / name / each).touch()
        for each in ("lock", "0/a.safetensors", "0", "."):
            os.utime(cache / name / each, (old, old))
    os.utime(cache / "pairs-young")
    os.utime(cache / "pairs-written" / "0" / "a.safetensors")
    monkeypatch.setattr("filelock.FileLock.acquire", no_locks)
    remove_left(cache)
    assert {each.name for each in cache.iterdir()} == {"pairs-young", "pairs-written"}


def test_a_folder_that_another_machine_lacks_is_told(cache: Path) -> None:
    key = Key("flores", "eng_Latn", "gate", "position", False, "all")
    with pytest.raises(NeuronXAError, match=r"Process 1 of 2 cannot use .*set NEURONXA_CACHE"):
        Matrices({key: Plan(("a", "b", "c"), 2, "x")}, cache / "pairs-1", rank=1, world=2)


@pytest.mark.parametrize(
    ("tasks", "metadata", "words"),
    [
        (TASKS, {"pairs": "some"}, ["pairs is 'some'", "all, half"]),
        (TASKS[:1], {"pairs": "all"}, ["only deu_Latn, eng_Latn", "Name a group"]),
        (TASKS, {"covariates": "bpb"}, ["covariates is 'bpb'", "bits_per_byte"]),
    ],
)
def test_what_cannot_be_is_refused(
    lm: NeuronXALM, tasks: tuple[str, ...], metadata: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(NeuronXAError) as caught:
        run(lm, *tasks, n=N, **metadata)
    for word in words:
        assert word in str(caught.value)


def test_languages_with_english_of_their_own_are_refused(lm: NeuronXALM, tmp_path: Path) -> None:
    for code in ("deu", "fra"):
        (tmp_path / f"tatoeba.{code}-eng.{code}").write_text(
            "".join(f"{code} {i}\n" for i in range(9))
        )
        (tmp_path / f"tatoeba.{code}-eng.eng").write_text(
            "".join(f"{code[0]} {i}\n" for i in range(9))
        )
    with pytest.raises(NeuronXAError, match="different sentences of the pivot eng_Latn"):
        run(
            lm,
            "neuronxa_tatoeba_deu",
            "neuronxa_tatoeba_fra",
            n=9,
            pairs="all",
            data_dir=str(tmp_path),
        )


def naive_bits(lm: NeuronXALM, sentence: str) -> float:
    """One token at a time, from the logits, after the token that the harness puts in front."""
    ids = [lm.prefix_token_id, *lm.tok_encode(sentence)]
    total = 0.0
    for place in range(1, len(ids)):
        with torch.inference_mode():
            logits = lm.model(torch.tensor([ids[:place]])).logits[0, -1].double()
        total -= float(torch.log_softmax(logits, dim=0)[ids[place]]) / math.log(2)
    return total


def test_bits_per_byte_against_one_token_at_a_time(lm: NeuronXALM) -> None:
    task, n = TASKS[2], 3
    block = run(lm, task, n=n, covariates="bits_per_byte")["config"]["neuronxa"]["tasks"][task]
    text = CORPORA["mini"].load("eng_Latn", "rus_Cyrl", n)
    found = block["covariates"]["bits_per_byte"]
    for side, sentences in (("pivot", text.pivot), ("target", text.target)):
        bits = sum(naive_bits(lm, sentence) for sentence in sentences)
        expected = bits / sum(len(sentence.encode()) for sentence in sentences)
        assert found[side] == pytest.approx(expected, rel=1e-5)
    low, high = block["intervals"]["bits_per_byte"]
    assert low <= found["target"] <= high
    assert (
        "bits_per_byte" not in run(lm, task, n=n)["config"]["neuronxa"]["tasks"][task]["covariates"]
    )


@pytest.mark.slow
def test_two_processes_give_the_same(command: Command, checkpoint: Path, tmp_path: Path) -> None:
    blocks = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        arguments = (
            "run", "--model", "hf-neuronxa", "--model_args", f"pretrained={checkpoint}",
            "--tasks", ",".join(TASKS), "--device", "cpu", "--batch_size", 8, "--output_path", out,
            "--metadata", json.dumps({"n": N, "pairs": "all", "covariates": "bits_per_byte"}),
        )  # fmt: skip
        cache = {"NEURONXA_CACHE": str(tmp_path / "shared")}
        if processes == 1:
            done = command("neuronxa", *arguments, **cache)
        else:
            launch = ("--standalone", "--nproc-per-node", processes, "-m", "neuronxa_tasks")
            done = command("torchrun", *launch, *arguments, **cache)
        assert done.code == 0, done.err
        assert done.out.count("NeuronXA, mini against eng_Latn, n = 40 sentence pairs") == 1
        (file,) = out.rglob("results_*.json")
        blocks.append(json.loads(file.read_text())["config"]["neuronxa"])
    assert blocks[0]["pairs"] == blocks[1]["pairs"]
    assert blocks[0]["means"] == blocks[1]["means"]
    bits = [
        [task["covariates"]["bits_per_byte"]["target"] for task in each["tasks"].values()]
        for each in blocks
    ]
    assert bits[0] == pytest.approx(bits[1], rel=1e-5)
    assert list((tmp_path / "shared").iterdir()) == []
