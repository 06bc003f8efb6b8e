"""What is said of a language is made beside the next one's passes, and is the same to the bit."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import signal
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from models import alignment_requests, byte_tokenizer, tiny_model

from neuronxa_tasks.harness import scoring
from neuronxa_tasks.harness.compared import Compared
from neuronxa_tasks.harness.model import NeuronXALM, results_block
from neuronxa_tasks.names import MEASURES, VARIANTS
from neuronxa_tasks.resume.kept import Kept
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.text.corpora import CORPORA

pytestmark = pytest.mark.tiny

N = 12  # more than the neighbours that hubs are counted among
LANGUAGES = ("deu_Latn", "fra_Latn", "hin_Deva", "rus_Cyrl", "tur_Latn", "vie_Latn", "zho_Hans")
EVERYTHING: dict[str, Any] = {
    "variants": list(VARIANTS),
    "measures": list(MEASURES),
    "control": ["untrained", "shuffled"],
    "control_seeds": 2,
    "covariates": ["bits_per_byte"],
}
PATIENCE = 60
"""Seconds after which a test that waits for something has failed."""


@pytest.fixture(scope="module")
def lm() -> NeuronXALM:
    return NeuronXALM(
        pretrained=tiny_model("llama"), tokenizer=byte_tokenizer(bos=True), batch_size=4,
        device="cpu",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NEURONXA_RESUME", "on")
    monkeypatch.setenv("NEURONXA_RESUME_DIR", str(tmp_path / "scores"))
    yield tmp_path / "scores"
    # A fork after a run has no thread of ours to lose.
    assert not [each for each in threading.enumerate() if each.name.startswith("neuronxa")]


def requests(**options: Any) -> list[Any]:
    found = []
    for code in LANGUAGES:
        text = CORPORA["mini"].load("eng_Latn", code, N)
        of_task = alignment_requests(text.pivot, text.target, task=f"task_{code}", **options)
        of_task[0].arguments[2]["target"] = code  # one dict for all of the task
        found += of_task
    return found


def run(lm: NeuronXALM, **options: Any) -> tuple[str, list[str]]:
    """All answers and the block, as they would be written, and the tasks that were on disk."""
    answers = lm.neuron_states(requests(**options))
    block = dict(results_block(lm)["neuronxa"])
    kept = block.pop("kept")
    return json.dumps([[vars(each) for each in answers], block]), kept  # type: ignore[arg-type]


def contents(folder: Path) -> list[bytes]:
    """What was kept, file by file."""
    return sorted(gzip.decompress(path.read_bytes()) for path in folder.rglob("*.gz"))


def kept_languages(folder: Path) -> list[str]:
    found = [json.loads(each)["content"] for each in contents(folder)]
    return sorted(each["block"]["target"] for each in found if "samples" in each)


def one_after_the_other(items: Any, work: Callable[[Any], Any]) -> Iterator[Any]:
    return map(work, items)


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "everything"])
def test_all_is_as_one_after_the_other(
    lm: NeuronXALM, folder: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    beside, _ = run(lm, **options)
    written = contents(folder)
    for path in folder.rglob("*.gz"):
        path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(scoring, "overlapped", one_after_the_other)
        alone, kept = run(lm, **options)
    assert kept == []
    assert beside == alone
    assert written == contents(folder)
    for path in folder.rglob("*.gz"):
        path.unlink()
    with torch.inference_mode():  # which the other thread is not in
        assert run(lm, **options) == (alone, [])


def test_the_next_language_is_encoded_before_the_former_is_done(
    lm: NeuronXALM, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No result is made before the passes of the next language begin; the last has no next one.

    Meanwhile the vectors of the former are gone: those of the pivot are the only ones there.
    """
    begun = {code: threading.Event() for code in LANGUAGES}
    texts = {CORPORA["mini"].load("eng_Latn", code, N).target: code for code in LANGUAGES}
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    encode, make = Encoder.__call__, scoring.result
    order: list[str] = []

    def encoding(self: Encoder, sentences: Any, *rest: Any) -> Any:
        assert len(alive) <= 1
        if (code := texts.get(tuple(sentences))) is not None:
            begun[code].set()
        vectors = encode(self, sentences, *rest)
        alive.add(vectors)
        return vectors

    def making(compared: Compared) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        code = compared.pairs.settings["target"]
        order.append(code)
        place = LANGUAGES.index(code)
        for following in LANGUAGES[place + 1 : place + 2]:
            assert begun[following].wait(PATIENCE), f"{following} waits for {code}"
        return make(compared)

    monkeypatch.setattr(Encoder, "__call__", encoding)
    monkeypatch.setattr(scoring, "result", making)
    lm.neuron_states(requests())
    assert order == list(LANGUAGES)
    assert kept_languages(folder) == list(LANGUAGES)


def test_no_vector_is_handed_over(lm: NeuronXALM, monkeypatch: pytest.MonkeyPatch) -> None:
    make, sizes = scoring.result, []

    def making(compared: Compared) -> Any:
        whole = pickle.dumps(compared)
        assert b"torch" not in whole
        assert b"transformers" not in whole
        sizes.append(len(whole))
        return make(compared)

    monkeypatch.setattr(scoring, "result", making)
    lm.neuron_states(requests(**EVERYTHING))
    assert len(sizes) == len(LANGUAGES)


def test_an_error_beside_ends_the_run_soon(
    lm: NeuronXALM, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = ZeroDivisionError("a fault of the second language")
    make = scoring.result
    encoded: list[Any] = []
    encode = Encoder.__call__

    def encoding(self: Encoder, sentences: Any, *rest: Any) -> Any:
        encoded.append(sentences)
        return encode(self, sentences, *rest)

    def fails_once(compared: Compared) -> Any:
        if compared.pairs.settings["target"] == LANGUAGES[1]:
            raise failure
        return make(compared)

    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "__call__", encoding)
        patch.setattr(scoring, "result", fails_once)
        with pytest.raises(ZeroDivisionError) as caught:
            lm.neuron_states(requests())
    assert caught.value is failure
    assert "fails_once" in [each.name for each in traceback.extract_tb(failure.__traceback__)]
    assert len(encoded) <= 1 + 2 + 2  # the pivot, these two languages, and two more at most
    rest = LANGUAGES[2 : len(encoded) - 1]
    assert kept_languages(folder) == [LANGUAGES[0], *rest]  # all others that were encoded
    assert run(lm)[1] == [f"task_{code}" for code in (LANGUAGES[0], *rest)]


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_an_interrupted_run_has_kept_all_that_it_had_encoded(
    lm: NeuronXALM, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C during the fourth language's passes, before the third one's result is kept."""
    whole, _ = run(lm)
    for path in folder.rglob("*.gz"):
        path.unlink()
    heard = threading.Event()
    text = CORPORA["mini"].load("eng_Latn", LANGUAGES[3], N).target
    encode, keep = Encoder.__call__, Kept.keep_result

    def encoding(self: Encoder, sentences: Any, *rest: Any) -> Any:
        if tuple(sentences) == text:
            hook = self.layout.decoder.register_forward_pre_hook(interrupt)
            try:
                return encode(self, sentences, *rest)
            finally:
                hook.remove()
                heard.set()
        return encode(self, sentences, *rest)

    def interrupt(*_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    def keeping(self: Kept, task: str, result: Any) -> None:
        assert task != f"task_{LANGUAGES[2]}" or heard.wait(PATIENCE)
        keep(self, task, result)

    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "__call__", encoding)
        patch.setattr(Kept, "keep_result", keeping)
        with pytest.raises(KeyboardInterrupt):
            lm.neuron_states(requests())
    assert kept_languages(folder) == list(LANGUAGES[:3])
    again, kept = run(lm)
    assert kept == [f"task_{code}" for code in LANGUAGES[:3]]
    assert again == whole


def test_the_bar_counts_every_language(
    lm: NeuronXALM, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(lm)
    last = capsys.readouterr().err.replace("\n", "\r").rstrip("\r").split("\r")[-1]
    assert f"{len(LANGUAGES)}/{len(LANGUAGES)} [" in last
    assert "100%" in last


def test_the_other_thread_has_as_many_threads_of_torch(
    lm: NeuronXALM, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, seen = scoring.result, set()

    def making(compared: Compared) -> Any:
        seen.add(torch.get_num_threads())
        return make(compared)

    monkeypatch.setattr(scoring, "result", making)
    lm.neuron_states(requests())
    assert seen == {torch.get_num_threads()}
