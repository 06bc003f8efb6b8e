"""Tokenizer, loss and training script of the toy world."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoTokenizer

from workshop import grammar, loss, nli, rows, stream, train, world
from workshop import tokenizer as words
from workshop.models import ARCHITECTURES, make_model

pytestmark = pytest.mark.tiny


@pytest.fixture(scope="module")
def tokenizer():
    return words.make_tokenizer()


@given(text=st.text(max_size=60))
def test_the_tokenizer_gives_back_any_text(tokenizer, text):
    if any(special in text for special in words.SPECIAL):
        return
    # Lone surrogates are no text: UTF-8 has no bytes for them.
    text = text.encode("utf-8", "ignore").decode("utf-8")
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids[1:]) == text


def test_every_word_of_the_training_text_is_one_token(tokenizer):
    """No word, full stop or line break is cut into bytes; Chinese and Thai have no spaces."""
    known = {*words.words(), " "}
    drawn = itertools.islice(stream.documents(stream.load_dials(), np.random.default_rng(0)), 3000)
    lines = {line for document in drawn for line in document}
    texts = [line.text for line in lines] + ["\n".join(nli.LABELS)]
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False)
        pieces = [tokenizer.decode([i]) for i in ids]
        assert "".join(pieces) == text
        assert set(pieces) <= known
    plain = [line.text for line in lines if line.guest is None and line.label is None]
    spaces = [text.count(" ") + 2 for text in plain if text.count(" ") > 3]
    cut = [tokenizer.encode(t, add_special_tokens=False) for t in plain if t.count(" ") > 3]
    # A word each and the stop; an apostrophe makes three of one.
    assert np.mean([len(ids) for ids in cut]) == pytest.approx(np.mean(spaces), rel=0.03)


def test_chinese_and_thai_are_cut_into_the_phrases_of_the_sentence(tokenizer):
    meaning = world.Meaning("boy", True, "eat", "apple", "garden", "yesterday", False)
    for code in ("zho_Hans", "tha_Thai"):
        ids = tokenizer.encode(grammar.render(meaning, code), add_special_tokens=False)
        stop = [s for s in [grammar.lexicon(code)["stop"]] if s]
        assert [tokenizer.decode([i]) for i in ids] == grammar.pieces(meaning, code) + stop


def test_a_saved_tokenizer_is_the_same_and_small(tokenizer, tmp_path):
    words.save(tokenizer, tmp_path / "before")
    tokenizer(["Then", "Then Sara"], padding=True, truncation=True)
    words.save(tokenizer, tmp_path)
    before = (tmp_path / "before" / "tokenizer.json").read_bytes()
    assert (tmp_path / "tokenizer.json").read_bytes() == before
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.get_vocab() == tokenizer.get_vocab()
    text = "Then Sara ate the fish.\nНичего, что ново 🙂"
    assert again(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert (tmp_path / "tokenizer.json").stat().st_size < 100_000


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_of_the_table_is_built_at_the_same_size(tokenizer, arch):
    models = [make_model(arch, tokenizer, seed) for seed in (1, 1, 2)]
    assert models[0].config.model_type == arch
    assert 0.9e6 < sum(p.numel() for p in models[0].parameters()) < 1.1e6
    first, again, other = (m.get_input_embeddings().weight for m in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("block", [7, 1000])
def test_the_loss_in_blocks_and_its_gradients_are_those_of_transformers(
    tokenizer, arch, block, monkeypatch
):
    monkeypatch.setattr(loss, "BLOCK", block)
    model = make_model(arch, tokenizer, 3)
    ids = torch.randint(3, len(tokenizer), (3, 9), generator=torch.Generator().manual_seed(0))
    found = loss.next_token_loss(model, ids)
    (2 * found).backward()
    slopes = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    expected = model(input_ids=ids, labels=ids).loss
    (2 * expected).backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    for slope, parameter in zip(slopes, model.parameters(), strict=True):
        torch.testing.assert_close(slope, parameter.grad, rtol=1e-3, atol=1e-6)


def test_the_training_rows_are_whole_documents_cut_at_the_length(tokenizer):
    first = rows.Rows(tokenizer, stream.load_dials(), np.random.default_rng(1)).batch(8, 64)
    again = rows.Rows(tokenizer, stream.load_dials(), np.random.default_rng(1)).batch(8, 64)
    assert first.shape == (8, 64)
    assert (first == again).all()
    assert (first[:, 0] == tokenizer.bos_token_id).all()
    source = stream.documents(stream.load_dials(), np.random.default_rng(1))
    text = stream.text_of(next(source))
    told = tokenizer.decode(first[0][1:])
    assert told.split("<eos>")[0] == text or text.startswith(told.split("<eos>")[0])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_twice_gives_the_same_weights_and_a_card(tmp_path, precision):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        arguments = ["--out", str(folder), "--steps", "4", "--rows", "2", "--seed", "7"]
        arguments += ["--precision", precision, "--checkpoints", "2"]
        assert train.main([*arguments, "--bilingual", "fra_Latn=0.9"]) == 0
    first, second = (load_file(folder / "model.safetensors") for folder in folders)
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert {value.dtype for value in first.values()} == {torch.float16}
    made = json.loads((folders[0] / "training.json").read_text(encoding="utf-8"))
    assert made["dials"]["fra_Latn"] == {"weight": 1.0, "bilingual": 0.9}
    card = (folders[0] / "README.md").read_text(encoding="utf-8")
    assert "--seed 7 --steps 4 --rows 2" in card
    assert f"--precision {precision}" in card
    assert {p.name for p in folders[0].glob("step-*")} == {"step-1", "step-2"}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_lowers_the_loss(tmp_path, precision):
    arguments = ["--steps", "40", "--rows", "4", "--precision", precision]
    assert train.main(["--out", str(tmp_path), *arguments]) == 0
    made = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    # The mean over all steps; an untrained model is at the logarithm of the vocabulary.
    assert made["log"][-1]["loss"] < 0.9 * np.log(made["vocabulary"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arch", "xlnet"], "'xlnet'"),
        (["--steps", "0"], "0 steps"),
        (["--mixed", "2"], "2.0 mixed"),
        (["--inference", "-1"], "-1.0 exercises"),
        (["--checkpoints", "9", "--steps", "9"], "9 earlier"),
        (["--bilingual", "eng_Latn=0.5"], "partner"),
        (["--dials", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_training_options_are_errors_without_a_traceback(tmp_path, capsys, arguments, said):
    assert train.main(["--out", str(tmp_path / "x"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
