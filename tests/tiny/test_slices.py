"""Two processes that each hold half of every layer see what one process sees: tensor parallelism.

Gloo on the CPU and the real launcher; `processes_together.py` is what they run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import naive
import numpy as np
import pytest
import torch
from models import TINY, byte_tokenizer, tiny_model
from processes_together import CASES, EXPERTS, TEXT, VARIANTS, apart
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.layout import RoutedNeurons
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.random_weights import random_weights

pytestmark = pytest.mark.tiny

ROOT = Path(__file__).parents[2]
TOKENIZER = byte_tokenizer(bos=True)
CLOSE = 1e-5
"""The sum over the halves of a product is another one than that of the whole in its last digits."""
HALVES = {
    "llama": "half",
    "phi3": "whole",  # its plan gathers the fused gate and up again
    "mixtral": "half",  # of each expert
    "deepseek_v3": "half",  # dense first block, then routed and shared experts
    "afmoe": "mixed",  # halves of the routed experts, shared ones whole
}


def two_processes(*arguments: object) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(ROOT / "tests" / "processes_together.py")]
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    done = subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-9000:]


def check_vectors(folder: Path, family: str, held: str) -> None:
    whole = AutoModelForCausalLM.from_pretrained(folder / family, dtype=torch.float32).eval()
    first, second = (torch.load(folder / f"{family}.{rank}.pt") for rank in range(2))
    widths = locate(whole).widths
    assert first["processes"] == 2
    assert first["widths"] == widths
    shares = {
        mine / (part.each if isinstance(part, RoutedNeurons) else part.width)
        for layer, ffn in zip(first["held"], locate(whole).ffns, strict=True)
        for mine, part in zip(layer, ffn.neurons, strict=True)
    }
    assert shares == {"half": {0.5}, "whole": {1}, "mixed": {0.5, 1}}[held]
    assert first["fingerprint"] == second["fingerprint"] == fingerprint(whole)
    assert first["random"] == random_weights(whole) == []
    variants = VARIANTS[: 1 if family in EXPERTS else 3]
    for tap in ("gate", "inner"):
        encode = Encoder(whole, TOKENIZER, tap=tap, batch_size=2, variants=variants, counts=True)
        expected = encode(TEXT)
        for kind in ("nas", "nav", "hidden", "signs", "top", "up", "active"):
            ours = first[tap][kind]
            assert apart(ours, getattr(expected, kind)) < CLOSE, (family, tap, kind)
            # Both processes go on with the same numbers, to the last bit.
            assert all(map(torch.equal, ours, second[tap][kind]))
        for kind in ("nas", "signs", "top", "up", "active"):  # nothing is near zero here
            assert all(map(torch.equal, first[tap][kind], getattr(expected, kind))), (family, kind)
    called = Encoder(whole, TOKENIZER, call=lambda ids: whole(ids))(TEXT)
    assert apart(first["call"]["nav"], called.nav) < CLOSE
    assert apart(first["call"]["hidden"], called.hidden) < CLOSE


def check_golden(folder: Path, family: str) -> None:
    """The vectors of the two processes are those of a naive loop over the tokens."""
    whole = AutoModelForCausalLM.from_pretrained(folder / family, dtype=torch.float32).eval()
    found = torch.load(folder / f"{family}.0.pt")
    for line, text in enumerate(TEXT):
        seen = naive.read(whole, TOKENIZER, text)
        for tap in ("gate", "inner"):
            for layer, activation in enumerate(getattr(seen, tap)):
                total = sum(naive.weights(len(activation), "position"))
                nas = naive.nas_counts(activation, "position") / total
                nav = naive.mean(np.abs(activation), "position")
                assert np.abs(found[tap]["nas"][layer][line].numpy() - nas).max() < 1e-6
                np.testing.assert_allclose(
                    found[tap]["nav"][layer][line].numpy(), nav, rtol=1e-4, atol=1e-5
                )


@pytest.mark.slow
def test_two_processes_with_half_of_each_layer_see_what_one_sees(tmp_path: Path) -> None:
    for family in HALVES:
        tiny_model(family).save_pretrained(tmp_path / family)
    two_processes("vectors", tmp_path, *HALVES)
    for family, held in HALVES.items():
        check_vectors(tmp_path, family, held)
        check_golden(tmp_path, family)


@pytest.mark.slow
def test_weights_that_are_missing_are_told(tmp_path: Path) -> None:
    tiny_model("llama").save_pretrained(tmp_path / "llama")
    file = tmp_path / "llama" / "model.safetensors"
    weights = load_file(file)
    missing = "model.layers.1.mlp.up_proj.weight"
    save_file(
        {name: each for name, each in weights.items() if name != missing}, file, {"format": "pt"}
    )
    two_processes("vectors", tmp_path, "llama")
    for rank in range(2):
        assert torch.load(tmp_path / f"llama.{rank}.pt")["random"] == [missing]


WORDS = {
    "uneven": ("`layers.0.mlp`", "97 neurons are no multiple of 2", "parallelize=True"),
    "sequence": ("'sequence_parallel'", "input_layernorm", "tp_plan=auto"),
    "style": ("`layers.0.mlp`", "'colwise_gather_output'"),
    "experts": ("`layers.0.mlp.experts`", "`gate_up_proj` is placed as (Shard(dim=1),)"),
    "joint": ("Gemma3nForCausalLM", "cutoff", "another model"),
    "ep_size": ("ep_size=2", "parallelize=True"),
    "pp_size": ("pp_size=2", "lacks the other blocks"),
    "fsdp_size": ("fsdp_size=2", "other sentences"),
    "adapter": ("adapter", "merge_and_unload"),
    "top_decile": ("top_decile", "this process has 8 of 16", "tp_plan"),
    "untrained": ("`untrained`", "spread over devices"),
    "use_cache": ("--use_cache", "tensor parallelism"),
    "memory": ("Memory ran out", "--batch_size below 4"),
}


@pytest.mark.slow
def test_what_cannot_be_read_in_slices_is_refused(tmp_path: Path) -> None:
    assert WORDS.keys() == CASES.keys()
    for family in ("llama", "mixtral", "gemma3n_text"):
        tiny_model(family).save_pretrained(tmp_path / family)
        TOKENIZER.save_pretrained(tmp_path / family)
    tiny_model("llama", intermediate_size=97).save_pretrained(tmp_path / "uneven")
    two_processes("refusals", tmp_path)
    for rank in range(2):
        told = json.loads((tmp_path / f"told.{rank}.json").read_text(encoding="utf-8"))
        for case, words in WORDS.items():
            for word in words:
                assert word in told[case], (case, rank, told[case])


def test_plain_slices_are_refused() -> None:
    """Versions of transformers before `DTensor` do not say which part a weight is."""
    model = tiny_model("llama")
    model._tp_size = 4
    with pytest.raises(NeuronXAError, match=r"over 4 processes.*does not say which part.*tp_plan"):
        Encoder(model, TOKENIZER)


REFUSED = {"gemma3n_text", "inkling2_text", "inkling_text"}
OF_TRANSFORMERS = ("has no `tp_plan`", "Unrecognized configuration class")
"""Why a family cannot be loaded in this way: no plan, or only inside a multimodal model."""


@pytest.mark.slow
def test_every_family_is_exact_or_has_no_score(tmp_path: Path) -> None:
    for family in TINY:
        tiny_model(family).save_pretrained(tmp_path / family)
    two_processes("families", tmp_path, *TINY)
    for rank in range(2):
        found = json.loads((tmp_path / f"families.{rank}.json").read_text(encoding="utf-8"))
        without = {name: each for name, each in found.items() if isinstance(each, str)}
        assert {name: each for name, each in found.items()
                if name not in without and not each < CLOSE} == {}  # fmt: skip
        others = {
            name
            for name, why in without.items()
            if not any(each in why for each in OF_TRANSFORMERS)
        }
        # The plan of Doge has no place for the mask of its attention.
        assert others == REFUSED | {"doge"}, without
        assert all(without[name].startswith("NeuronXAError") for name in REFUSED)
        assert len(found) - len(without) > 90
