"""The checkpoints of the toy world: the shipped one, and those of the experiment."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import neuronxa_tasks
from neuronxa_tasks import cli
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.world import shipped
from workshop import checkpoints, cloze, grammar
from workshop.models import ARCHITECTURES
from workshop.tokenizer import make_tokenizer
from workshop.watch import watch

FINAL = [name for name in checkpoints.names() if "/" not in name]
SERIES = [name for name in checkpoints.names() if name.startswith("llama/step-")]


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def test_every_architecture_is_there_and_one_with_checkpoints_along_its_training():
    assert set(FINAL) >= set(ARCHITECTURES)
    assert 4 <= len(SERIES) <= 6
    steps = [int(name.rpartition("-")[2]) for name in SERIES]
    assert steps == sorted(steps)
    made = json.loads((checkpoints.folder("llama") / "training.json").read_text(encoding="utf-8"))
    assert steps[-1] < made["steps"]


def test_the_checkpoints_are_small():
    sizes = {
        name: sum(f.stat().st_size for f in checkpoints.folder(name).iterdir() if f.is_file())
        for name in checkpoints.names()
    }
    assert all(size <= 2_500_000 for size in sizes.values()), sizes
    assert sum(sizes.values()) <= 20_000_000


def load(name: str):
    folder = checkpoints.folder(name)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def accuracy(model, tokenizer, n: int) -> float:
    """Share of the first n English cloze items whose right ending is the likeliest."""

    def loss(context: str, ending: str) -> float:
        before = len(tokenizer(context)["input_ids"])
        ids = torch.tensor([tokenizer(context + ending)["input_ids"]])
        with torch.no_grad():
            logits = model(ids).logits[0].log_softmax(-1)
        return -float(logits[:-1].gather(1, ids[0, 1:, None])[before - 1 :].sum())

    items = cloze.items("eng_Latn", n)
    right = [
        min(range(cloze.ENDINGS), key=lambda e: loss(i["context"], i["endings"][e])) == i["gold"]
        for i in items
    ]
    return sum(right) / n


@pytest.mark.tiny
@pytest.mark.parametrize("name", FINAL)
def test_a_model_knows_the_world(monkeypatch, tokenizer, name):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model, own = load(name)
    assert 0.9e6 < sum(p.numel() for p in model.parameters()) < 1.1e6
    # A lexicon that changed after training would make the checkpoint a stranger to its world.
    assert own.get_vocab() == tokenizer.get_vocab()
    assert own("Then")["input_ids"][0] == own.bos_token_id
    assert accuracy(model, own, 40) >= 0.75
    made = json.loads((checkpoints.folder(name) / "training.json").read_text(encoding="utf-8"))
    assert model.config.model_type == made["arch"]
    # What the card says of alignment is what the weights give.
    logged = made["log"][-1]["mexa_max"]
    found = watch(model, own, sorted(logged))
    assert found == pytest.approx(logged, abs=0.025)
    card = (checkpoints.folder(name) / "README.md").read_text(encoding="utf-8")
    assert f"--arch {made['arch']} --seed {made['seed']} --steps {made['steps']}" in card
    assert all(f"`{code}`" in card for code in grammar.codes())


@pytest.mark.tiny
def test_the_series_is_one_training(tokenizer):
    scores = []
    for name in [*SERIES, "llama"]:
        model, own = load(name)
        assert own.get_vocab() == tokenizer.get_vocab()
        scores.append(accuracy(model, own, 40))
    assert scores[0] < scores[-1]


@pytest.mark.parametrize("given", [[], ["llama"]])
def test_the_shipped_checkpoint_is_found_by_name(capsys, given):
    assert cli.main(["path", "--checkpoint", *given]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder == checkpoints.folder("llama")
    assert folder.is_relative_to(Path(neuronxa_tasks.__file__).parent)
    assert load_file(folder / "model.safetensors")


@pytest.mark.parametrize("name", ["qwen3", SERIES[0], "gpt5"])
def test_the_command_says_where_the_other_checkpoints_are(capsys, name):
    assert cli.main(["path", "--checkpoint", name]) == 2
    told = capsys.readouterr().err
    assert repr(name) in told
    assert "clone of the repository" in told
    (place,) = re.findall(r"results/\S+/", told)
    root = Path(__file__).parents[2]
    assert (root / place / name / "config.json").is_file() == (name in checkpoints.names())
    assert "--checkpoint llama" in told


@pytest.mark.parametrize("name", ["", ".", "..", "llama/..", "/", "LLAMA", "llama/step-"])
def test_a_path_is_no_name(name):
    with pytest.raises(NeuronXAError, match="Use one of"):
        checkpoints.folder(name)
    with pytest.raises(NeuronXAError, match="clone of the repository"):
        shipped.folder(name)
