"""A kept result is checked against itself before it is used; the block says that it was."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from models import alignment_requests, byte_tokenizer, tiny_model

from neuronxa_tasks.harness.model import NeuronXALM, results_block
from neuronxa_tasks.resume.entries import floor_of, result_of
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.sentence_pairs import Pairs

pytestmark = pytest.mark.tiny

N = 11  # more than the neighbours that hubs are counted among
TEXT = CORPORA["mini"].load("eng_Latn", "deu_Latn", N)
OPTIONS: dict[str, Any] = {
    "control": ["untrained", "shuffled"],
    "variants": ["csls", "up_sign"],
    "measures": ["cka", "mrr"],
}
LAYERS = {"nas": 4, "nav": 4, "hidden": 5}
NONE_OF_OURS = (ValueError, LookupError, TypeError)
WORDS = r"other|impossible"


@pytest.fixture(scope="module")
def lm() -> NeuronXALM:
    return NeuronXALM(
        pretrained=tiny_model("llama"), tokenizer=byte_tokenizer(bos=True), batch_size=4,
        device="cpu",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURONXA_RESUME", "on")
    monkeypatch.setenv("NEURONXA_RESUME_DIR", str(tmp_path / "scores"))
    return tmp_path / "scores"


def run(lm: NeuronXALM, **options: Any) -> tuple[Any, Any]:
    """Rivals and block, and what of it was kept."""
    answers = lm.neuron_states(
        alignment_requests(TEXT.pivot, TEXT.target, **{**OPTIONS, **options})
    )
    block = json.loads(json.dumps(results_block(lm)["neuronxa"]))
    kept = block.pop("kept")
    return (answers, block), kept


def entries(folder: Path) -> dict[str, Path]:
    """The files of the score and of the floor."""
    found = {}
    for path in folder.rglob("*.gz"):
        content = json.loads(gzip.decompress(path.read_bytes()))["content"]
        found["score" if "samples" in content else "floor"] = path
    assert len(found) == 2
    return found


def edit(path: Path, content: Any) -> None:
    entry = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps({**entry, "content": content}).encode()))


def content_of(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))["content"]


def test_the_block_says_what_was_kept(lm: NeuronXALM, folder: Path) -> None:
    first, kept = run(lm)
    assert kept == []
    second, kept = run(lm)
    assert (second, kept) == (first, ["task"])
    entries(folder)["score"].unlink()
    third, kept = run(lm)  # scored anew, beside a floor that was kept
    assert (third, kept) == (first, ["task"])
    for path in folder.rglob("*.gz"):
        path.unlink()
    assert run(lm) == (first, [])


def test_perfect_hits_beside_the_true_rivals_are_refused(
    lm: NeuronXALM, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = run(lm)
    path = entries(folder)["score"]
    content = content_of(path)
    for name, layers in LAYERS.items():
        content["block"][name] = {each: [N] * layers for each in ("mutual", "forward", "backward")}
    edit(path, content)
    entries(folder)["floor"].unlink()
    again, kept = run(lm)
    assert (again, kept) == (first, [])
    assert "damaged or not one of our files" in caplog.text


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything in a JSON value: containers and what they hold."""
    if path:
        yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in items:
        yield from leaves(each, (*path, key))


@contextmanager
def changed(content: Any, path: tuple[Any, ...], value: Any) -> Iterator[Any]:
    """The same content meanwhile with one value exchanged, or without it (`...`)."""
    place = content
    for step in path[:-1]:
        place = place[step]
    whole = copy.copy(place)
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    try:
        yield content
    finally:
        place.clear()
        (place.update if isinstance(place, dict) else place.extend)(whole)


def shape(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """The path without places in lists but the first two steps, which say what it is."""
    return tuple(
        "*" if isinstance(step, int) and place > 2 else step for place, step in enumerate(path)
    )


def pairs() -> Pairs:
    request = alignment_requests(TEXT.pivot, TEXT.target, **OPTIONS)[0]
    lines = dict(enumerate(zip(TEXT.pivot, TEXT.target, strict=True)))
    return Pairs(request.args[2], request.source, lines)


@pytest.mark.parametrize("kind", ["score", "floor"])
def test_no_misshapen_entry_is_taken(lm: NeuronXALM, folder: Path, kind: str) -> None:
    """Every value taken away, or of another type: refused, and never by another error."""
    run(lm)
    content = content_of(entries(folder)[kind])

    def read(given: Any) -> Any:
        if kind == "score":
            return result_of(given, ours, LAYERS)
        return floor_of(given, ours, 0, LAYERS)

    ours = pairs()
    assert read(content)
    tried: set[tuple[Any, ...]] = set()
    for path in leaves(content):
        if shape(path) in tried or path[:2] == ("block", "source"):
            continue  # the source is that of the run
        tried.add(shape(path))
        for value in (..., "text", True, 10**6, -1, [], {}, 0.5, float("nan"), [["x"]]):
            place = content
            for step in path:
                place = place[step]
            if value is not ... and type(value) is type(place) and not isinstance(value, str):
                continue  # another number may be a right one: see below
            if value == 10**6 or (value == -1 and isinstance(place, float)):
                continue
            with changed(content, path, value), pytest.raises(NONE_OF_OURS):
                read(content)
    assert len(tried) > (50 if kind == "score" else 10)


@pytest.mark.parametrize("step_by", [1, -1])
def test_no_number_that_decides_a_score_can_be_changed_alone(
    lm: NeuronXALM, folder: Path, step_by: int
) -> None:
    run(lm)
    found, ours = entries(folder), pairs()
    content = content_of(found["score"])
    assert result_of(content, ours, LAYERS)  # unchanged, it is taken
    for path in leaves(content):
        place = content
        for step in path:
            place = place[step]
        told = path[:2] in {
            ("block", name)
            for name in (*LAYERS, "n", "surface", "intervals", "token_overlap", "measures")
        }
        hits = (
            path[:2] in {("block", "surface"), ("block", "token_overlap")} and path[-1] != "mutual"
        )
        if isinstance(place, (int, float)) and (path[0] == "samples" or told) and not hits:
            of_rivals = path[0] == "samples" and path[2] != 3
            value = int(place == 0) if of_rivals else place + step_by  # a hit, or none any more
            with changed(content, path, value), pytest.raises(ValueError, match=WORDS):
                result_of(content, ours, LAYERS)
    floor = content_of(found["floor"])
    for path in leaves(floor):
        place = floor
        for step in path:
            place = place[step]
        if isinstance(place, (int, float)) and (path[-2] == "mutual" or path[0] == "shares"):
            with (
                changed(floor, path, place + step_by),
                pytest.raises(ValueError, match=WORDS),
            ):
                floor_of(floor, ours, 0, LAYERS)


def test_an_entry_of_other_settings_or_length_is_refused(lm: NeuronXALM, folder: Path) -> None:
    run(lm)
    found = entries(folder)
    content, floor = content_of(found["score"]), content_of(found["floor"])
    for change in (
        {"tap": "inner"},
        {"target": "fra_Latn"},
        {"variants": []},
        {"control": []},
        {"measures": ["cka"]},
    ):
        other = pairs()
        other.settings.update(change)
        with pytest.raises((ValueError, LookupError)):
            result_of(copy.deepcopy(content), other, LAYERS)
    shorter = pairs()
    del shorter.lines[N - 1]
    with pytest.raises(ValueError, match="another number of sentences"):
        result_of(copy.deepcopy(content), shorter, LAYERS)
    with pytest.raises(ValueError, match="misshapen"):
        result_of(copy.deepcopy(content), pairs(), LAYERS | {"nas": 3})
    for of, seed, layers in (
        (shorter, 0, LAYERS),
        (pairs(), 1, LAYERS),
        (pairs(), 0, LAYERS | {"nav": 5}),
    ):
        with pytest.raises(ValueError, match=r"another number|no block|other layers"):
            floor_of(floor, of, seed, layers)
