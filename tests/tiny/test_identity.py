"""Results are kept under a name that changes with everything they depend on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.harness.scoring import encoder
from neuronxa_tasks.resume import identity
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.resume.identity import Unnameable, run_identity, task_identity
from neuronxa_tasks.text.sentence_pairs import Texts

pytestmark = pytest.mark.tiny

SETTINGS = {"tap": "gate", "weights": "position", "pairs": "", "variants": []}


def loaded(**arguments: Any) -> NeuronXALM:
    given = {"pretrained": tiny_model("llama"), "tokenizer": byte_tokenizer(bos=True)}
    return NeuronXALM(**{**given, "batch_size": 8, **arguments})


def name(lm: Any) -> str | Unnameable:
    return run_identity(lm, fingerprint(lm.model), encoder(lm, lm.model))


@pytest.fixture(scope="module")
def plain() -> str:
    found = name(loaded())
    assert isinstance(found, str)
    return found


def test_equal_models_have_one_name(plain: str, tmp_path: Path) -> None:
    assert name(loaded()) == plain
    lm = loaded()
    lm.model.config._name_or_path = str(tmp_path)  # where it came from
    lm.tokenizer(["a", "bcd"], padding=True, truncation=True, max_length=2)
    assert name(lm) == plain


def one_weight(lm: Any) -> None:
    with torch.no_grad():
        lm.model.model.layers[3].mlp.up_proj.weight[7, 5] += 1e-6


def half(lm: Any) -> None:
    lm.model.to(torch.bfloat16)


def epsilon(lm: Any) -> None:
    lm.model.config.rms_norm_eps *= 2


def attention(lm: Any) -> None:
    lm.model.set_attn_implementation("eager")


def batch(lm: Any) -> None:
    lm.batch_size_per_gpu = 9


def context(lm: Any) -> None:
    lm._max_length = 77


def bos(lm: Any) -> None:
    lm.add_bos_token = False


def tokenizer(lm: Any) -> None:
    lm.tokenizer = byte_tokenizer(bos=False)


def further_token(lm: Any) -> None:
    lm.tokenizer.add_tokens(["und"])


def training(lm: Any) -> None:
    lm.model.train()


def matmul(lm: Any) -> None:
    torch.set_float32_matmul_precision("high")


CHANGES = (
    one_weight, half, epsilon, attention, batch, context, bos, tokenizer, further_token,
    training, matmul,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_another_name(plain: str, change: Callable[[Any], None]) -> None:
    lm = loaded()
    try:
        change(lm)
        assert name(lm) != plain
    finally:
        torch.set_float32_matmul_precision("highest")


def test_code_is_part_of_the_name(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_code", lambda: "of tomorrow")
    assert name(loaded()) != plain


def test_adapters(plain: str) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    names = {plain}
    for config in (
        {"r": 4, "lora_alpha": 8},
        {"r": 4, "lora_alpha": 16},  # the same weights: B starts as zeros
        {"r": 4, "lora_alpha": 8, "use_rslora": True},
    ):
        torch.manual_seed(0)
        adapted = peft.get_peft_model(
            tiny_model("llama"), peft.LoraConfig(target_modules=["q_proj"], **config)
        ).eval()
        found = name(loaded(pretrained=adapted))
        assert isinstance(found, str)
        names.add(found)
        with adapted.disable_adapter():
            off = name(loaded(pretrained=adapted))
            assert isinstance(off, str)
            names.add(off)
    assert len(names) == 7


class Own(torch.nn.Module):
    """A module whose code cannot be looked up."""

    __module__ = "__main__"

    def forward(self, x: Any) -> Any:
        return x


def hook(lm: Any) -> None:
    lm.model.model.layers[1].register_forward_hook(lambda module, inputs, output: output)


def patched(lm: Any) -> None:
    mlp = lm.model.model.layers[1].mlp
    mlp.forward = lambda x: x


def typed_in(lm: Any) -> None:
    lm.model.model.layers[1].mlp.act_fn = Own()


def offloaded(lm: Any) -> None:
    lm.model.model.layers[1].to("meta")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (hook, "module model.layers.1 has a hook"),
        (patched, "module model.layers.1.mlp has a hook"),
        (typed_in, "code of its module Own"),
        (offloaded, "offloaded and were not read, such as model.layers.1."),
    ],
)
def test_no_name_where_something_cannot_be_seen(change: Callable[[Any], None], words: str) -> None:
    lm = loaded()
    change(lm)
    found = name(lm)
    assert isinstance(found, Unnameable)
    assert words in found.reason


def test_tasks() -> None:
    texts = Texts(byte_tokenizer())
    english, french, german = ("one", "two"), ("un", "deux"), ("eins", "zwei")
    a, b, c = map(texts.digest, (english, french, german))
    names = [
        task_identity("run", SETTINGS, [a, b]),
        task_identity("other", SETTINGS, [a, b]),
        task_identity("run", SETTINGS | {"weights": "last"}, [a, b]),
        task_identity("run", SETTINGS | {"option of tomorrow": 1}, [a, b]),
        task_identity("run", SETTINGS, [b, a]),
        task_identity("run", SETTINGS, [a, c]),
        task_identity("run", SETTINGS, [a, texts.digest(french[::-1])]),
        task_identity("run", SETTINGS, [a, Texts(byte_tokenizer(bos=True)).digest(french)]),
    ]
    assert len(set(names)) == len(names)
    # A matrix of all pairs leaves the results of each language as they are.
    assert task_identity("run", SETTINGS | {"pairs": "all"}, [a, b]) == names[0]


def test_tokens() -> None:
    texts = Texts(byte_tokenizer(bos=True))
    assert texts.tokens(("ab", "é")) == (1 + 2) + (1 + 2)
