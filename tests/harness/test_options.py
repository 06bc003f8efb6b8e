"""What a user can choose in a run, in one process with the harness' own functions."""

from __future__ import annotations

import gc
import json
import logging
from pathlib import Path
from typing import Any

import lm_eval
import pytest
import torch
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable
from models import tiny_model
from transformers import AutoModelForCausalLM

import neuronxa_tasks
from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.alignment.surface import surface
from neuronxa_tasks.alignment.variants import variant_alignments
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.reports.gate.checkpoint import read_checkpoint
from neuronxa_tasks.reports.gate.comparable import NotComparable
from neuronxa_tasks.reports.gate.join import join
from neuronxa_tasks.reports.gate.rules import Rules
from neuronxa_tasks.results import read_results
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.corpora import CORPORA

pytestmark = [pytest.mark.harness, pytest.mark.tiny]

FRENCH = "neuronxa_mini_fra_Latn"
NAMES = {"nasca": "nas", "navca": "nav", "mexa": "hidden"}
SCORES = ("nasca", "navca", "mexa", "nasca_max", "navca_max", "mexa_max")


@pytest.fixture(scope="module")
def lm(checkpoint: Path) -> NeuronXALM:
    return NeuronXALM(pretrained=str(checkpoint), device="cpu", batch_size=16)


def run(lm: Any, *tasks: str, metadata: dict[str, Any] | None = None, **options: Any) -> Any:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()),
        include_defaults=False,
        metadata=metadata or {},
    )
    return lm_eval.simple_evaluate(model=lm, tasks=list(tasks), task_manager=manager, **options)


def scores(results: Any, task: str = FRENCH) -> dict[str, float]:
    return {score: results["results"][task][f"{score},none"] for score in SCORES}


@pytest.fixture(scope="module")
def plain(lm: NeuronXALM) -> dict[str, float]:
    return scores(run(lm, FRENCH, bootstrap_iters=0))


def test_prompts_never_change_a_score(lm: NeuronXALM, plain: dict[str, float]) -> None:
    lm.tokenizer.chat_template = "{% for m in messages %}[{{ m.content }}]{% endfor %}"
    try:
        for options in (
            {"num_fewshot": 5},
            {"system_instruction": "Translate."},
            {"apply_chat_template": True},
            {"apply_chat_template": True, "system_instruction": "x", "fewshot_as_multiturn": True},
        ):
            assert scores(run(lm, FRENCH, **options)) == plain
    finally:
        lm.tokenizer.chat_template = None


def test_limit_is_n(
    lm: NeuronXALM, plain: dict[str, float], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        limited = run(lm, FRENCH, limit=20)
    assert "20 sentence pairs" in caplog.text
    assert limited["config"]["neuronxa"]["tasks"][FRENCH]["n"] == 20
    assert scores(limited) == scores(run(lm, FRENCH, metadata={"n": 20}))
    assert scores(limited) != plain
    assert scores(run(lm, FRENCH, limit=1000)) == plain  # a limit never adds sentences


def test_samples_are_the_chosen_lines(lm: NeuronXALM) -> None:
    first = run(lm, FRENCH, samples={FRENCH: list(range(30))})
    assert first["config"]["neuronxa"]["tasks"][FRENCH]["n"] == 30
    limited = run(lm, FRENCH, limit=30)
    assert scores(first) == scores(limited)
    other = run(lm, FRENCH, samples={FRENCH: list(range(30, 60))})
    whole, *parts = (
        each["config"]["neuronxa"]["tasks"][FRENCH]["source"]
        for each in (run(lm, FRENCH), first, limited, other)
    )
    assert "chosen" not in whole
    assert all(part["chosen"] for part in parts)
    # The hash is that of the sentences used: the same choice is the same text, another is not.
    assert parts[0]["sha256"] == parts[1]["sha256"]
    assert len({each["sha256"] for each in (whole, *parts)}) == 3


def test_other_chosen_sentences_are_not_comparable(lm: NeuronXALM, tmp_path: Path) -> None:
    """The same number of lines, but others: the results file alone tells, without samples."""
    source = CORPORA["mini"].load("eng_Latn", "fra_Latn", 100).source
    hashes = {}
    for name, options in {
        "all": {},
        "first": {"samples": {FRENCH: list(range(20))}},
        "limit": {"limit": 20},
        "last": {"samples": {FRENCH: list(range(80, 100))}},
    }.items():
        results = run(lm, FRENCH, bootstrap_iters=0, log_samples=False, **options)
        hashes[name] = results["config"]["neuronxa"]["tasks"][FRENCH]["source"]["sha256"]
        (tmp_path / name).mkdir()
        (tmp_path / name / "results_2026-01-01T00-00-00.000000.json").write_text(
            json.dumps({**results, "model_name": "tiny"}, default=handle_non_serializable)
        )
    assert hashes["all"] == source["sha256"]  # as results of older versions have it
    assert hashes["first"] == hashes["limit"]
    assert len(set(hashes.values())) == 3
    first, last = (read_checkpoint([tmp_path / name], name) for name in ("first", "last"))
    with pytest.raises(NotComparable, match="different sentences") as caught:
        join(first, last, Rules())
    assert caught.value.exit_code == 3
    with pytest.raises(NeuronXAError, match="different sentences"):
        read_results(
            [tmp_path / "first", tmp_path / "last"],
            names={str(tmp_path / "last" / "results_2026-01-01T00-00-00.000000.json"): "other"},
        )


def test_predict_only_still_runs(lm: NeuronXALM) -> None:
    assert len(run(lm, FRENCH, limit=5, predict_only=True)["samples"][FRENCH]) == 5


def test_caches_of_the_harness_give_nothing_old_back(
    lm: NeuronXALM, plain: dict[str, float], tmp_path: Path
) -> None:
    neuronxa_tasks.register()
    for pivot, same in (("eng_Latn", True), ("deu_Latn", False)):
        results = run(
            lm,
            FRENCH,
            metadata={"pivot": pivot},
            cache_requests=True,
            use_cache=str(tmp_path / "cache"),
        )
        assert (scores(results) == plain) is same


def test_group_is_the_mean_over_languages_without_the_pivot(lm: NeuronXALM) -> None:
    results = run(lm, "neuronxa_mini", metadata={"pivot": "fra_Latn", "n": 30})
    of_tasks = {
        name: entry["nasca,none"]
        for name, entry in results["results"].items()
        if name != "neuronxa_mini" and "nasca,none" in entry
    }
    assert FRENCH not in of_tasks
    assert len(of_tasks) == 13
    mean = sum(of_tasks.values()) / len(of_tasks)
    assert results["groups"]["neuronxa_mini"]["nasca,none"] == pytest.approx(mean, abs=1e-12)
    assert "neuronxa_mini_fra_Latn" not in results["config"]["neuronxa"]["tasks"]
    json.dumps(results, default=handle_non_serializable)  # as the harness saves it


def test_text_baselines_stand_beside_the_scores(lm: NeuronXALM) -> None:
    tasks = [FRENCH, "neuronxa_mini_rus_Cyrl"]
    results = run(lm, "neuronxa_mini", limit=20)
    for name in ("surface", "token_overlap"):
        for task in tasks:
            hits = results["config"]["neuronxa"]["tasks"][task][name]
            entry = results["results"][task]
            assert entry[f"{name},none"] == pytest.approx(hits["mutual"] / 20, abs=1e-12)
            assert 0 <= hits["mutual"] <= min(hits["forward"], hits["backward"]) <= 20
            assert {each[name] for each in results["samples"][task]} <= {0.0, 1.0}
            rate = hits["mutual"] / 20
            assert entry[f"{name}_stderr,none"] == pytest.approx((rate * (1 - rate) / 19) ** 0.5)
        assert f"{name},none" in results["groups"]["neuronxa_mini"]
        assert name not in results["higher_is_better"][FRENCH]  # it is no aim
    french = CORPORA["mini"].load("eng_Latn", "fra_Latn", 20)
    assert (
        results["config"]["neuronxa"]["tasks"][FRENCH]["surface"]["mutual"]
        == (surface(french.pivot, french.target).mutual[0])
    )


def test_controls_stand_beside_the_scores(lm: NeuronXALM) -> None:
    seeds, n = 2, 20
    before = fingerprint(lm.model)
    results = run(
        lm,
        "neuronxa_mini",
        metadata={"control": ["shuffled", "untrained"], "control_seeds": seeds, "n": n},
    )
    entry, block = results["results"][FRENCH], results["config"]["neuronxa"]["tasks"][FRENCH]
    assert scores(results) == scores(run(lm, FRENCH, limit=n))  # controls change no score
    assert fingerprint(lm.model) == before
    text = CORPORA["mini"].load("eng_Latn", "fra_Latn", n)
    floors = []
    for seed, control in enumerate(block["controls"]["untrained"]):
        torch.manual_seed(seed)
        fresh = AutoModelForCausalLM.from_config(lm.model.config, dtype=torch.float32).eval()
        encode = Encoder(fresh, lm.tokenizer)
        floors.append(profile(encode(text.pivot), encode(text.target)))
        assert control["seed"] == seed
        assert control["nas"]["mutual"] == floors[-1].nas.mutual.tolist()
        assert control["hidden"]["forward"] == floors[-1].hidden.forward.tolist()
    assert len(floors) == len(block["controls"]["shuffled"]) == seeds
    for score, name in NAMES.items():
        floor = sum(each.scores[score] for each in floors) / seeds
        assert entry[f"{score}_floor,none"] == pytest.approx(floor, abs=1e-12)
        above = entry[f"{score},none"] - floor
        assert entry[f"{score}_above_floor,none"] == pytest.approx(above, abs=1e-12)
        assert entry[f"{score}_above_floor_stderr,none"] > 0
        wrong = [sum(each[name]["mutual"]) for each in block["controls"]["shuffled"]]
        layers = len(block[name]["mutual"])
        assert entry[f"{score}_shuffled,none"] == pytest.approx(sum(wrong) / seeds / layers / n)
        assert f"{score}_above_floor,none" in results["groups"]["neuronxa_mini"]
    intervals = block["intervals"]
    assert {*NAMES, "surface", "nasca_floor", "mexa_above_floor"} <= set(intervals)
    for metric, interval in intervals.items():
        values = [sample[metric] for sample in results["samples"][FRENCH]]
        assert interval[0] <= entry[f"{metric},none"] <= interval[1]
        assert interval[0] < interval[1]
        if max(values) - min(values) > 1e-12:  # else what other sentences could have counts
            assert min(values) <= interval[0]
            assert interval[1] <= max(values)
    json.dumps(results, default=handle_non_serializable)


def test_variants_stand_beside_the_scores(lm: NeuronXALM) -> None:
    n = 20
    chosen = ["hidden_sign", "centred", "csls", "width_matched", "top_decile", "up_sign"]
    results = run(lm, "neuronxa_mini", metadata={"variants": chosen, "n": n})
    entry, block = results["results"][FRENCH], results["config"]["neuronxa"]["tasks"][FRENCH]
    assert scores(results) == scores(run(lm, FRENCH, limit=n))
    text = CORPORA["mini"].load("eng_Latn", "fra_Latn", n)
    encode = Encoder(lm.model, lm.tokenizer, variants=chosen)
    pivot, target = encode(text.pivot), encode(text.target)
    assert set(block["variants"]) == set(chosen)
    for variant in chosen:
        found = variant_alignments(variant, pivot, target)
        assert block["variants"][variant].keys() == found.keys()
        for score, name in NAMES.items():
            if name in found:
                assert block["variants"][variant][name]["mutual"] == found[name].mutual.tolist()
                value = entry[f"{score}_{variant},none"]
                assert value == pytest.approx(found[name].mean, abs=1e-12)
                assert f"{score}_{variant},none" in results["groups"]["neuronxa_mini"]
            else:
                assert f"{score}_{variant},none" not in entry
    one = run(lm, FRENCH, metadata={"variants": "csls", "n": n})
    assert one["results"][FRENCH]["mexa_csls,none"] == entry["mexa_csls,none"]


def test_pivot_and_target_can_trade_places(lm: NeuronXALM) -> None:
    there = run(lm, FRENCH)["config"]["neuronxa"]["tasks"][FRENCH]
    english = "neuronxa_mini_eng_Latn"
    back = run(lm, english, metadata={"pivot": "fra_Latn"})["config"]["neuronxa"]["tasks"][english]
    for name in ("nas", "nav", "hidden"):
        assert there[name]["forward"] == back[name]["backward"]
        assert there[name]["mutual"] == back[name]["mutual"]


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"tap": "inner"}, ("mexa", "mexa_max")),
        ({"weights": "uniform"}, ()),
        ({"weights": "last"}, ()),
    ],
)
def test_options_are_used_and_recorded(
    lm: NeuronXALM, plain: dict[str, float], options: dict[str, str], same: tuple[str, ...]
) -> None:
    results = run(lm, FRENCH, metadata=options)
    block = results["config"]["neuronxa"]["tasks"][FRENCH]
    assert options.items() <= block.items()
    changed = scores(results)
    assert changed != plain
    assert all(changed[score] == plain[score] for score in same)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"tapp": "inner"}, ["'tapp'", "Did you mean tap?", "data_dir, pivot, n, tap, weights"]),
        ({"tap": "up"}, ["tap is 'up'", "gate, inner"]),
        ({"weights": "mean"}, ["weights is 'mean'", "position, uniform, last"]),
        ({"n": 0}, ["n is 0", "2 or more"]),
        ({"n": "many"}, ["n is 'many'"]),
        ({"n": True}, ["n is True"]),
        ({"n": 101}, ["has 100 lines, fewer than n = 101", "set n to 100"]),
        ({"pivot": "xyz_Latn"}, ["The pivot 'xyz_Latn' is not a language of mini"]),
        ({"pivot": 3}, ["pivot is 3"]),
        ({"data_dir": ""}, ["data_dir is ''"]),
        ({"control": "random"}, ["control is 'random'", "untrained, shuffled"]),
        ({"control": ["shuffled", 3]}, ["control is 3"]),
        ({"variants": ["csls", "best"]}, ["variants is 'best'", "centred, csls, width_matched"]),
        ({"control_seeds": 0}, ["control_seeds is 0", "1 or more"]),
    ],
)
def test_wrong_metadata_is_refused(
    lm: NeuronXALM, metadata: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(NeuronXAError) as caught:
        run(lm, FRENCH, metadata=metadata)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_model_arguments_in_the_metadata_are_not_refused(checkpoint: Path) -> None:
    arguments = {"pretrained": str(checkpoint), "dtype": "float32", "attn_implementation": "eager"}
    neuronxa_tasks.register()
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()),
        include_defaults=False,
        metadata={**arguments, "max_seq_lengths": [4096]},
    )
    for model_args in (arguments, ",".join(f"{k}={v}" for k, v in arguments.items())):
        results = lm_eval.simple_evaluate(
            model="hf-neuronxa",
            model_args=model_args,
            tasks=[FRENCH],
            device="cpu",
            limit=5,
            task_manager=manager,
        )
        assert results["config"]["neuronxa"]["tasks"][FRENCH]["n"] == 5


def test_other_models_are_refused_by_name() -> None:
    neuronxa_tasks.register()
    with pytest.raises(NeuronXAError, match=r"DummyLM cannot give neuron states.*hf-neuronxa"):
        run("dummy", FRENCH, model_args="")


def test_built_in_models_still_resolve() -> None:
    from lm_eval.api.registry import get_model
    from lm_eval.models.huggingface import HFLM

    neuronxa_tasks.register()
    assert get_model("hf") is HFLM
    assert get_model("hf-neuronxa") is NeuronXALM


@pytest.fixture
def long_folder(tmp_path: Path) -> Path:
    for code in ("eng_Latn", "fra_Latn"):
        lines = [f"{code} line {i} " + "word " * (400 if i == 3 else 3) for i in range(60)]
        (tmp_path / f"{code}.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_identical_text_is_one_but_for_repeated_sentences(lm: NeuronXALM, tmp_path: Path) -> None:
    task = "neuronxa_flores_fra_Latn"
    english = CORPORA["mini"].load("eng_Latn", "fra_Latn", 30).pivot
    for lines, expected in ((english, 1.0), ((*english[:-1], english[0]), 28 / 30)):
        for code in ("eng_Latn", "fra_Latn"):
            text = "\n".join([*lines, f"not used, and without it the files were one: {code}"])
            (tmp_path / f"{code}.txt").write_text(text, encoding="utf-8")
        results = run(lm, task, metadata={"data_dir": str(tmp_path), "n": 30})
        found = {**scores(results, task), "surface": results["results"][task]["surface,none"]}
        assert found == pytest.approx(dict.fromkeys(found, expected), abs=1e-12)


def test_order_of_languages_does_not_matter(lm: NeuronXALM) -> None:
    tasks = [FRENCH, "neuronxa_mini_rus_Cyrl", "neuronxa_mini_tha_Thai"]
    metadata = {"n": 20, "control": "untrained", "control_seeds": 1, "variants": "csls"}
    there, back = (run(lm, *each, metadata=metadata) for each in (tasks, tasks[::-1]))
    blocks = [each["config"]["neuronxa"]["tasks"] for each in (there, back)]
    assert blocks[0] == blocks[1]


def test_truncation_is_said_and_counted(
    lm: NeuronXALM, long_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = "neuronxa_flores_fra_Latn"
    with caplog.at_level(logging.WARNING):
        results = run(lm, task, metadata={"data_dir": str(long_folder), "n": 60})
    assert "1 of 60 sentences are longer than the context of 1024 tokens" in caplog.text
    tokens = results["config"]["neuronxa"]["tasks"][task]["tokens"]
    assert (tokens["pivot"]["truncated"], tokens["target"]["truncated"]) == (1, 1)


def test_unsupported_architecture(lm: NeuronXALM) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    model = MambaForCausalLM(MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=2))
    other = NeuronXALM(pretrained=model, tokenizer=lm.tokenizer, device="cpu")
    with pytest.raises(NeuronXAError, match=r"MambaForCausalLM.*Choose another causal"):
        run(other, FRENCH, limit=5)


def test_only_the_pivot_and_one_language_are_in_memory(
    lm: NeuronXALM, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = []
    encode = Encoder.__call__

    def counting(self: Encoder, *args: Any, **kwargs: Any) -> SentenceVectors:
        gc.collect()
        alive.append(sum(isinstance(each, SentenceVectors) for each in gc.get_objects()))
        return encode(self, *args, **kwargs)

    monkeypatch.setattr(Encoder, "__call__", counting)
    gc.collect()
    assert not any(isinstance(each, SentenceVectors) for each in gc.get_objects())
    gc.freeze()  # what is there already is not looked through each time
    try:
        run(lm, "neuronxa_mini", metadata={"n": 10})
    finally:
        gc.unfreeze()
    assert alive == [0] + [1] * 14  # the pivot once, then each language beside it


def test_routing_weights_enter_nav_only_when_asked(lm: NeuronXALM) -> None:
    moe = NeuronXALM(pretrained=tiny_model("mixtral"), tokenizer=lm.tokenizer, device="cpu")
    plain, routed = (
        run(moe, FRENCH, metadata={"n": 30, "routed_nav": value}) for value in (False, True)
    )
    blocks = [each["config"]["neuronxa"]["tasks"][FRENCH] for each in (plain, routed)]
    assert [block["routed_nav"] for block in blocks] == [False, True]
    assert blocks[0]["nas"] == blocks[1]["nas"]
    assert blocks[0]["hidden"] == blocks[1]["hidden"]
    assert blocks[0]["nav"] != blocks[1]["nav"]


def test_one_folder_serves_several_corpora(lm: NeuronXALM, data_dir: Path) -> None:
    tasks = ("neuronxa_flores_fra_Latn", "neuronxa_tatoeba_fra")
    results = run(lm, *tasks, metadata={"data_dir": str(data_dir), "n": 5})
    blocks = results["config"]["neuronxa"]["tasks"]
    assert [Path(blocks[task]["source"]["where"]).name for task in tasks] == ["devtest", "tatoeba"]
