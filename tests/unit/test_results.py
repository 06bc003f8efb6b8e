from __future__ import annotations

import copy
import gzip
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import locate, read_covariates, read_results, read_rivals, read_samples
from neuronxa_tasks.results.run_facts import model_of

HISTORIC = Path(__file__).parents[1] / "historic_results"
VERSIONS = ["0.3.0", "0.4.2", "0.4.3", "0.4.4", "0.4.5", "0.4.7", "0.4.8", "0.4.9", "0.4.9.1"]
VERSIONS += ["0.4.10", "0.4.11", "0.4.12", "0.4.13"]
NEURONXA = HISTORIC / "neuronxa-0.1.0"

# Hits of twelve; see the README beside the files.
HITS = {"deu_Latn": 2, "eng_Latn": 4, "fra_Latn": 9, "swh_Latn": 2, "zho_Hans": 5}
CODES = {"deu_Latn": "de", "eng_Latn": "en", "fra_Latn": "fr", "swh_Latn": "sw", "zho_Hans": "zh"}


def results_file(folder: Path) -> Path:
    (file,) = folder.rglob("*.json")
    return file


def content(version: str) -> dict:
    return json.loads(results_file(HISTORIC / version).read_text(encoding="utf-8"))


def write(path: Path, data: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def changed(path: Path, version: str = "0.4.13", **changes: object) -> Path:
    """A historic file with some top-level keys replaced."""
    return write(path, content(version) | changes)


# --- every version ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_every_harness_version_gives_the_same_rows(version):
    read = read_results([HISTORIC / version])
    frame = read.frame.set_index("language")
    assert sorted(frame.index) == sorted(HITS)
    for language, hits in HITS.items():
        row = frame.loc[language]
        assert row["value"] == pytest.approx(hits / 12, abs=1e-12)
        assert row["stderr"] == pytest.approx(
            math.sqrt(hits / 12 * (1 - hits / 12) / 11), abs=1e-12
        )
        assert row["task"] == f"xnli_{CODES[language]}"
    for name, value in {
        "kind": "benchmark",
        "model": "example/dummy",
        "benchmark": "xnli",
        "metric": "acc",
        "fewshot": 0,
    }.items():
        assert set(read.frame[name]) == {value}
    assert list(frame.columns[:3]) == ["kind", "model", "revision"]
    assert len(read.unmapped) == 0
    assert read.notes == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_n_and_revision_are_read_where_they_are_said(version):
    frame = read_results([HISTORIC / version]).frame.set_index("language")
    if version == "0.3.0":
        assert frame["n"].isna().all()
    elif version == "0.4.2":
        # It does not say n; the samples of one task lie beside it.
        assert frame.loc["deu_Latn", "n"] == 12
        assert frame["n"].isna().sum() == 4
    else:
        assert (frame["n"] == 12).all()
    assert set(frame["revision"]) == {"" if version in ("0.3.0", "0.4.2") else "main"}


@pytest.mark.parametrize("version", ["0.4.2", "0.4.3", "0.4.13"])
def test_samples_of_every_form_are_read(version):
    read = read_results([HISTORIC / version])
    ((source, task),) = read.samples
    assert task == "xnli_de"
    assert source in set(read.frame["source"])
    samples = read_samples(read.samples[(source, task)])
    assert [sample["doc_id"] for sample in samples] == list(range(12))
    assert sum(sample["acc"] for sample in samples) == 2


def test_the_run_is_described():
    run = read_results([HISTORIC / "0.4.13"]).runs.loc[0]
    assert run["harness"] == "0.4.13"
    assert run["tasks"] == 5
    assert len(run["sha256"]) == 64
    assert run["date"] > 1.7e9


# --- a NeuronXA run ---------------------------------------------------------------------------


def test_a_run_of_alignment_and_benchmark_is_one_frame():
    read = read_results([NEURONXA])
    kinds = read.frame.groupby("kind")["benchmark"].unique()
    assert list(kinds["alignment"]) == ["neuronxa_mini"]
    assert list(kinds["benchmark"]) == ["xnli"]
    alignment = read.frame[read.frame["kind"] == "alignment"]
    assert sorted(alignment["metric"].unique()) == [
        "mexa", "mexa_max", "nasca", "nasca_max", "navca", "navca_max",
    ]  # fmt: skip
    # The pivot against itself has no score.
    assert sorted(alignment["language"].unique()) == [
        "deu_Latn", "fra_Latn", "swh_Latn", "zho_Hans",
    ]  # fmt: skip
    assert (alignment["n"] == 20).all()
    assert json.loads(alignment["settings"].iloc[0]) == {
        "n": 20, "pivot": "eng_Latn", "tap": "gate", "version": "1", "weights": "position",
    }  # fmt: skip


def test_scores_follow_from_the_layers():
    read = read_results([NEURONXA])
    layers = read.layers[read.layers["direction"] == "mutual"]
    names = {"nasca": "nas", "navca": "nav", "mexa": "hidden"}
    for metric, representation in names.items():
        rows = read.frame[read.frame["metric"] == metric].set_index("language")["value"]
        rates = layers[layers["representation"] == representation]
        mean = (rates["hits"] / rates["n"]).groupby(rates["language"]).mean()
        assert rows.to_dict() == pytest.approx(mean.to_dict(), abs=1e-12)
        expected = list(range(0 if metric == "mexa" else 1, 5))
        assert sorted(rates["layer"].unique()) == expected


def test_fertility_is_the_ratio_of_tokens():
    tokens = read_results([NEURONXA]).tokens.set_index("language")
    assert tokens.loc["deu_Latn", "fertility"] == pytest.approx(1422 / 1214)
    assert tokens.loc["deu_Latn", "target_tokens"] == pytest.approx(1422 / 20)
    assert (tokens["truncated"] == 0).all()


def test_rivals_give_the_hits_of_the_layers():
    read = read_results([NEURONXA])
    ((key, path),) = read.samples.items()
    rivals = read_rivals(path)
    layers = read.layers[read.layers["task"] == key[1]]
    for representation, counts in rivals.items():
        assert counts.shape[0] == 3
        assert counts.shape[2] == 20
        for position, direction in enumerate(("forward", "backward", "mutual")):
            hits = layers[
                (layers["representation"] == representation) & (layers["direction"] == direction)
            ].sort_values("layer")["hits"]
            assert (counts[position] == 0).sum(axis=1).tolist() == hits.tolist()


def test_old_benchmarks_and_one_alignment_run_can_be_one_model(tmp_path):
    run = alignment_only(NEURONXA, tmp_path / "results_1.json")
    read = read_results([HISTORIC / "0.4.2", run], names={"tiny-llama": "example/dummy"})
    assert set(read.frame["model"]) == {"example/dummy"}
    # 0.4.2 does not know its revision; there is only one other.
    assert set(read.frame["revision"]) == {"main"}
    (note,) = read.notes
    assert "does not say its revision" in note
    shared = read.frame.groupby("kind")["language"].agg(set)
    assert len(shared["alignment"] & shared["benchmark"]) == 4


def alignment_only(folder: Path, to: Path) -> Path:
    """The alignment tasks of a run, without its benchmark."""
    data = json.loads(results_file(folder).read_text(encoding="utf-8"))
    for key in ("results", "configs", "versions", "n-shot", "n-samples"):
        data[key] = {k: v for k, v in data[key].items() if k.startswith("neuronxa")}
    return write(to, data)


# --- languages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "place"),
    [
        ("xnli_sw", ("xnli", "swh_Latn")),
        ("xstory_cloze_ar", ("xstorycloze", "arb_Arab")),
        ("belebele_zho_Hant", ("belebele", "zho_Hant")),
        ("m_mmlu_zh", ("m_mmlu", "zho_Hans")),
        ("arc_uk", ("m_arc", "ukr_Cyrl")),
        ("xcopa_qu", ("xcopa", "quy_Latn")),
        ("xwinograd_jp", ("xwinograd", "jpn_Jpan")),
        ("paws_ja", ("pawsx", "jpn_Jpan")),
        ("pawsx_de", ("pawsx", "deu_Latn")),
        ("truthfulqa_de_mc1", ("m_truthfulqa_mc1", "deu_Latn")),
        ("global_mmlu_full_yo", ("global_mmlu_full", "yor_Latn")),
        ("neuronxa_bmlama53_fr", ("bmlama53", "fra_Latn")),
        ("neuronxa_world_cloze_arb_Arab", ("world_cloze", "arb_Arab")),
        ("neuronxa_world_knowledge_tha_Thai", ("world_knowledge", "tha_Thai")),
        ("neuronxa_world_story_urd_Arab", ("world_story", "urd_Arab")),
        ("neuronxa_world_nli_eng_Latn", ("world_nli", "eng_Latn")),
        # English tasks and variants whose names only look like it.
        ("arc_easy", None),
        ("arc_challenge", None),
        ("truthfulqa_mc1", None),
        ("hellaswag", None),
        ("xnli_eu_other", None),
        ("xnli_", None),
        ("gsm8k", None),
    ],
)
def test_task_names_are_located_or_not(task, place):
    assert locate(task) == place


def test_templates_of_the_user_come_first(tmp_path):
    data = content("0.4.13")
    for key in ("results", "configs", "versions", "n-shot", "n-samples"):
        data[key] = {
            name.replace("xnli_", "ours-"): value
            for name, value in data[key].items()
            if name != "xnli"
        }
    data["group_subtasks"], data["groups"] = {}, {}
    path = write(tmp_path / "results.json", data)
    plain = read_results([path])
    assert len(plain.frame) == 0
    assert sorted(plain.unmapped["task"]) == [f"ours-{code}" for code in sorted(CODES.values())]
    assert set(plain.unmapped["why"]) == {"no known task name with a language"}
    known = read_results([path], templates={"ours-{}": "ours"})
    assert sorted(known.frame["language"]) == sorted(HITS)
    assert set(known.frame["benchmark"]) == {"ours"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("zh", "zho_Hans"),
        ("zho_Hans", "zho_Hans"),
        ("cmn", "zho_Hans"),
        ("zh-CN", "zho_Hans"),
        ("sw", "swh_Latn"),
        ("swh_Latn", "swh_Latn"),
        ("ar", "arb_Arab"),
        ("arb", "arb_Arab"),
        ("Swahili", "swh_Latn"),
    ],
)
def test_languages_of_published_tables_are_mapped(tmp_path, text, code):
    path = write(tmp_path / "t.csv", f"model,language,benchmark,value\nm,{text},ours,0.5\n")
    assert read_results([], published=[path]).frame["language"].tolist() == [code]


def test_a_group_that_is_a_language_stands_for_its_parts(tmp_path):
    data = content("0.4.13")
    data["results"] = {
        "global_mmlu_sw": {"acc,none": 0.4, "acc_stderr,none": 0.1, "alias": "sw"},
        "global_mmlu_sw_stem": {"acc,none": 0.3},
        "global_mmlu_sw_other": {"acc,none": 0.5},
    }
    data["group_subtasks"] = {"global_mmlu_sw": ["global_mmlu_sw_stem", "global_mmlu_sw_other"]}
    data["groups"], data["configs"], data["n-samples"] = {}, {}, {}
    read = read_results([write(tmp_path / "results.json", data)])
    assert read.frame["value"].tolist() == [0.4]
    assert len(read.unmapped) == 0


def test_a_group_of_languages_is_no_language_whatever_it_is_called(tmp_path):
    """`..._eu` of European languages is not Basque, and its languages do not vanish."""
    data = content("0.4.13")
    parts = [task for task in data["results"] if task.startswith("xnli_")]
    data["results"]["xnli_eu"] = {"acc,none": 0.99, "alias": "xnli_eu"}
    data["group_subtasks"] = {"mine": ["xnli_eu"], "xnli_eu": parts, **{t: [] for t in parts}}
    path = write(tmp_path / "results.json", data)
    read = read_results([path])
    assert sorted(read.frame["language"]) == sorted(HITS)
    assert 0.99 not in read.frame["value"].tolist()
    (note,) = read.notes
    assert "xnli_eu is called like a language, but is a group of tasks" in note


def test_a_group_of_several_benchmarks_in_one_language_is_none(tmp_path):
    data = content("0.4.13")
    data["results"] = {
        "mine_sw": {"acc,none": 0.4},
        "xnli_sw": {"acc,none": 0.3},
        "xcopa_sw": {"acc,none": 0.5},
    }
    data["group_subtasks"] = {"mine_sw": ["xnli_sw", "xcopa_sw"]}
    data["groups"], data["configs"], data["n-samples"] = {}, {}, {}
    path = write(tmp_path / "results.json", data)
    frame = read_results([path], templates={"mine_{}": "mine"}).frame
    assert dict(zip(frame["benchmark"], frame["value"], strict=True)) == {"xcopa": 0.5, "xnli": 0.3}


def test_the_mean_of_a_group_of_languages_is_no_language(tmp_path):
    data = json.loads(results_file(NEURONXA).read_text(encoding="utf-8"))
    data["results"]["neuronxa_mini"] = {"nasca,none": 0.01, "alias": "neuronxa_mini"}
    tasks = [name for name in data["results"] if name.startswith("neuronxa_mini_")]
    data["group_subtasks"] = {"neuronxa_mini": tasks}
    grouped = read_results([write(tmp_path / "results_1.json", data)])
    plain = read_results([NEURONXA])
    assert len(grouped.frame) == len(plain.frame)
    assert len(grouped.unmapped) == 0


def test_another_filter_stays_part_of_the_metric(tmp_path):
    data = content("0.4.13")
    data["results"]["xnli_de"] |= {
        "exact_match,strict-match": 0.25, "exact_match_stderr,strict-match": "N/A",
    }  # fmt: skip
    frame = read_results([write(tmp_path / "results.json", data)]).frame
    row = frame[frame["metric"] == "exact_match,strict-match"].iloc[0]
    assert row["value"] == 0.25
    assert math.isnan(row["stderr"])


# --- duplicates, mixtures ---------------------------------------------------------------------


def test_a_copy_of_a_file_counts_once_and_is_noted(tmp_path):
    for folder in ("a", "b"):
        shutil.copytree(HISTORIC / "0.4.13", tmp_path / folder)
    read = read_results([tmp_path])
    assert len(read.frame) == 5
    (note,) = read.notes
    assert "is a copy of" in note


def test_a_file_given_twice_counts_once(tmp_path):
    folder = HISTORIC / "0.4.13"
    read = read_results([folder, results_file(folder), folder])
    assert len(read.frame) == 5
    assert read.notes == ()


def test_two_runs_of_one_model_are_refused_or_the_latest_counts(tmp_path):
    old = changed(tmp_path / "old.json", date=1.0)
    data = content("0.4.13") | {"date": 2.0}
    data["results"]["xnli_de"]["acc,none"] = 0.75
    new = write(tmp_path / "new.json", data)
    with pytest.raises(NeuronXAError, match="was run twice in the same way") as told:
        read_results([old, new])
    assert str(old) in str(told.value)
    assert str(new) in str(told.value)
    read = read_results([new, old], duplicates="latest")
    assert read.frame.set_index("language").loc["deu_Latn", "value"] == 0.75
    assert set(read.frame["source"]) == {str(new)}
    (note,) = read.notes
    assert note == f"5 task(s) of {old} were run again in {new}, which counts."


def test_of_two_runs_the_layers_of_the_latest_count_whatever_else_the_older_one_has(tmp_path):
    name = "neuronxa_mini_deu_Latn"
    old = content("neuronxa-0.1.0") | {"date": 1.0}
    old["results"][name] |= {"nasca_floor,none": 0.01, "nasca_floor_stderr,none": 0.001}
    facts = old["config"]["neuronxa"]["tasks"][name]
    facts["covariates"] = {"bits_per_byte": {"pivot": 1.0, "target": 1.5}}
    facts["nas"]["forward"] = [0 for _ in facts["nas"]["forward"]]  # it can be told apart
    new = content("neuronxa-0.1.0") | {"date": 2.0}
    files = [write(tmp_path / "a.json", new), write(tmp_path / "b.json", old)]
    alone = read_results(files[:1])
    for order in (files, files[::-1]):
        read = read_results(order, duplicates="latest")
        assert read.layers.equals(alone.layers)
        of_task = read.frame[read.frame["task"] == name].set_index("metric")["source"]
        assert of_task["nasca"] == str(files[0])
        assert of_task["nasca_floor"] == str(files[1])
        tokens = read.tokens.set_index("language")
        assert len(tokens) == len(alone.tokens)
        assert tokens.loc["deu_Latn", "bits_per_byte"] == 1.5  # only the older one has it


def test_runs_without_a_date_have_no_latest(tmp_path):
    one = changed(tmp_path / "one.json", date=None)
    two = changed(tmp_path / "two.json", date=3.0)
    with pytest.raises(NeuronXAError, match="do not say which is the latest"):
        read_results([one, two], duplicates="latest")


@pytest.mark.parametrize(
    ("changes", "difference", "label"),
    [
        ({"n-shot": dict.fromkeys([f"xnli_{c}" for c in CODES.values()], 5)}, "fewshot", "5"),
        ({"config": {"model_args": "pretrained=other", "limit": 100}}, "limit", "100"),
        ({"versions": {f"xnli_{c}": 2 for c in CODES.values()}}, "version", "2"),
        ({"chat_template": "{{x}}", "chat_template_sha": "abc"}, "chat_template", "true"),
        ({"system_instruction": "Be brief.", "system_instruction_sha": "d"},
         "system_instruction", "d"),
    ],
)  # fmt: skip
def test_mixed_settings_are_refused_or_kept_apart(tmp_path, changes, difference, label):
    other = changed(tmp_path / "other.json", **{"model_name": "other", **changes})
    plain = results_file(HISTORIC / "0.4.13")
    with pytest.raises(NeuronXAError, match=f"results of xnli differ in {difference}"):
        read_results([plain, other])
    frame = read_results([plain, other], mixed="separate").frame
    assert len(frame) == 10
    assert f"xnli [{difference}={label}]" in set(frame["benchmark"])
    assert frame["benchmark"].nunique() == 2


def test_versions_written_as_1_and_as_1_point_0_are_one(tmp_path):
    other = changed(
        tmp_path / "other.json",
        model_name="other",
        versions={f"xnli_{code}": "1" for code in CODES.values()},
    )
    assert len(read_results([HISTORIC / "0.4.13", other]).frame) == 10


def test_a_limit_written_as_100_and_as_100_point_0_is_one(tmp_path):
    config = content("0.4.13")["config"]
    paths = [
        changed(tmp_path / f"{i}.json", model_name=f"m{i}", config=config | {"limit": limit})
        for i, limit in enumerate((100, 100.0))
    ]
    assert len(read_results(paths).frame) == 10


def test_each_model_has_a_chat_template_of_its_own(tmp_path):
    paths = [
        changed(tmp_path / f"{i}.json", model_name=f"m{i}", chat_template=f"{i}{{x}}")
        for i in range(2)
    ]
    assert len(read_results(paths).frame) == 10


def test_arguments_of_generation_only_matter_where_text_is_generated(tmp_path):
    config = content("0.4.13")["config"] | {"gen_kwargs": {"temperature": 1}}
    other = changed(tmp_path / "o.json", model_name="other", config=config)
    assert len(read_results([HISTORIC / "0.4.13", other]).frame) == 10


def test_scores_on_other_sentences_are_refused_or_noted(tmp_path):
    data = json.loads(results_file(NEURONXA).read_text(encoding="utf-8"))
    data["model_name"] = "other"
    data["config"]["neuronxa"]["model"]["fingerprint"] = "other weights"
    data["config"]["neuronxa"]["tasks"]["neuronxa_mini_deu_Latn"]["source"]["sha256"] = "0" * 64
    other = write(tmp_path / "results_2.json", data)
    with pytest.raises(NeuronXAError, match="in deu_Latn on different sentences"):
        read_results([NEURONXA, other])
    (note,) = read_results([NEURONXA, other], mixed="separate").notes
    assert "different sentences" in note


def test_another_n_or_tap_of_alignment_is_a_mixture(tmp_path):
    data = json.loads(results_file(NEURONXA).read_text(encoding="utf-8"))
    data["model_name"] = "other"
    data["config"]["neuronxa"]["model"]["fingerprint"] = "other weights"
    data["config"]["neuronxa"]["tasks"]["neuronxa_mini_deu_Latn"]["tap"] = "inner"
    other = write(tmp_path / "results_2.json", data)
    with pytest.raises(NeuronXAError, match="neuronxa_mini differ in tap"):
        read_results([NEURONXA, other])
    read = read_results([NEURONXA, other], mixed="separate")
    assert "neuronxa_mini [tap=inner]" in set(read.frame["benchmark"])
    # The layers carry the same name, so that they can be joined.
    assert set(read.layers["benchmark"]) == {
        "neuronxa_mini [tap=gate]",
        "neuronxa_mini [tap=inner]",
    }


def test_one_language_under_two_tasks_is_refused(tmp_path):
    data = content("0.4.13")
    for key in ("results", "configs", "versions", "n-shot", "n-samples"):
        data[key]["xnli_zho"] = data[key]["xnli_zh"]
    path = write(tmp_path / "results.json", data)
    with pytest.raises(NeuronXAError, match="language zho_Hans twice in xnli") as told:
        read_results([path])
    assert "xnli_zho" in str(told.value)


def weighed(folder, name, fingerprint, dtype="torch.float32", **changes):
    """The NeuronXA run under another name, with other weights or dtype."""
    data = json.loads(results_file(NEURONXA).read_text(encoding="utf-8"))
    data["model_name"] = name
    data["config"]["neuronxa"]["model"] |= {"fingerprint": fingerprint, "dtype": dtype, **changes}
    return data, write(folder / f"results_{name}_{fingerprint}.json", data)


def test_one_dtype_against_another_is_not_called_other_weights(tmp_path):
    for name, fingerprint, dtype in (("a", "1", "torch.float16"), ("a", "2", "torch.float32")):
        weighed(tmp_path, name, fingerprint, dtype)
    with pytest.raises(NeuronXAError, match=r"in torch\.float16 and .* in torch\.float32") as error:
        read_results([tmp_path])
    assert "weights differ" not in str(error.value)


def test_equal_weights_under_two_names_are_one_model(tmp_path):
    data, path = weighed(tmp_path, "folder", "1")
    write(path, data | {"results": {k: v for k, v in data["results"].items() if "mini" in k}})
    data, path = weighed(tmp_path, "org", "1")
    data["results"] = {k: v for k, v in data["results"].items() if "mini" not in k}
    data["config"]["neuronxa"]["tasks"] = {}
    data["configs"], data["n-samples"] = {}, {}
    write(path, data)
    old = json.loads(results_file(NEURONXA).read_text(encoding="utf-8"))
    for name in ("folder", "org"):  # neither file announces what it lacks
        (file,) = tmp_path.glob(f"results_{name}_*")
        there = json.loads(file.read_text(encoding="utf-8"))
        there["configs"], there["n-samples"], there["group_subtasks"] = {}, {}, {}
        write(file, there)
    read = read_results([tmp_path])
    assert set(read.frame["model"]) == set(read.layers["model"]) == {"org"}
    assert set(read.frame["kind"]) == {"alignment", "benchmark"}
    assert old["config"]["neuronxa"]["model"]["fingerprint"] != "1"
    assert any("folder has the same weights as org (fingerprint 1)" in n for n in read.notes)
    apart = read_results([tmp_path], names={"folder": "A", "org": "B"})
    assert set(apart.frame["model"]) == {"A", "B"}


def test_weights_that_were_drawn_at_random_are_told(tmp_path):
    _, path = weighed(tmp_path, "a", "1", random_weights=18)
    read = read_results([path])
    assert read.runs["random_weights"].tolist() == [18]
    (note,) = read.notes
    assert "18 weights of a were not in its checkpoint and were drawn at random" in note


def test_a_cache_that_knows_no_model_is_told(tmp_path):
    data = content("0.4.13")
    data["config"]["use_cache"] = "cache/answers"
    (note,) = read_results([write(tmp_path / "results.json", data)]).notes
    assert "was run with --use_cache (cache/answers)" in note
    data["config"]["neuronxa_use_cache"] = {"model": "0123456789abcdef", "answers_read": 7}
    assert read_results([write(tmp_path / "results.json", data)]).notes == ()


def chosen(folder, items, logged=True):
    """A run on a choice of items (`--samples`); the results file does not say which."""
    folder.mkdir()
    data = content("0.4.13") | {"model_name": folder.name}
    counts = {task: {"original": 99, "effective": len(items)} for task in data["results"]}
    write(folder / "results_2026-01-02T03-04-05.000000.json", data | {"n-samples": counts})
    lines = [json.dumps({"doc_id": i, "doc_hash": f"hash {i}", "acc": 1.0}) for i in items]
    for task in data["results"] if logged else ():
        write(folder / f"samples_{task}_2026-01-02T03-04-05.000000.jsonl", "\n".join(lines))
    return folder


def test_other_items_are_not_the_same_choice(tmp_path):
    first, same = (chosen(tmp_path / name, range(20)) for name in ("first", "same"))
    other = chosen(tmp_path / "other", range(20, 40))
    read = read_results([first, same])
    assert read.notes == ()
    assert read.frame["text"].nunique() == 1
    with pytest.raises(NeuronXAError, match="on different sentences"):
        read_results([first, other])
    assert read_results([first, other], mixed="separate").frame["text"].nunique() == 2


def test_a_choice_that_was_not_logged_is_told(tmp_path):
    paths = [chosen(tmp_path / name, range(20), logged=False) for name in ("first", "other")]
    read = read_results(paths)
    assert read.frame["text"].nunique() == 2
    assert all("without logged samples nobody can tell" in note for note in read.notes)


@pytest.mark.parametrize("knows", [True, False])
def test_chosen_sentences_of_an_alignment(tmp_path, knows):
    """New files have the hash of the choice; of old ones nobody can tell without samples."""
    for name, digest in (("a", "1" * 64), ("b", "2" * 64 if knows else "1" * 64)):
        data, path = weighed(tmp_path, name, name)
        tasks = data["config"]["neuronxa"]["tasks"]
        for task in tasks.values():
            task["source"] |= {"sha256": digest, **({"chosen": True} if knows else {})}
        data["n-samples"] |= {task: {"original": 99, "effective": 20} for task in tasks}
        write(path, data)
    read = read_results([tmp_path], mixed="separate")
    alignment = read.frame[read.frame["kind"] == "alignment"]
    assert alignment["text"].nunique() == 2
    assert alignment["text"].str.contains("unlogged").any() == (not knows)


def test_two_models_under_one_name_are_refused(tmp_path):
    data = json.loads(results_file(NEURONXA).read_text(encoding="utf-8"))
    data["config"]["neuronxa"]["model"]["fingerprint"] = "ffff"
    other = write(tmp_path / "results_2.json", data)
    with pytest.raises(NeuronXAError, match="but the weights differ"):
        read_results([NEURONXA, other])
    read = read_results([NEURONXA, other], names={str(other): "another"})
    assert set(read.frame["model"]) == {"tiny-llama", "another"}


def test_revisions_of_one_model_are_kept_apart(tmp_path):
    config = content("0.4.13")["config"]
    paths = [
        changed(tmp_path / f"{step}.json", config=config | {"model_revision": step})
        for step in ("step1", "step2")
    ]
    assert sorted(read_results(paths).frame["revision"].unique()) == ["step1", "step2"]
    with pytest.raises(NeuronXAError, match="others are of step1, step2"):
        read_results([*paths, HISTORIC / "0.4.2"])


def test_an_adapter_names_the_model():
    config = {"model_args": "pretrained=base,peft=adapter,revision=v2"}
    assert model_of({}, config, "f", {}) == ("adapter", "v2", "")
    assert model_of({}, {"model_args": {"pretrained": "base"}}, "f", {}) == ("base", "", "")


# --- the same bytes ---------------------------------------------------------------------------


def test_the_order_of_the_files_does_not_matter(tmp_path):
    other = changed(tmp_path / "other.json", model_name="a-model")
    one = read_results([HISTORIC / "0.4.13", other, NEURONXA])
    two = read_results([NEURONXA, other, HISTORIC / "0.4.13"])
    for name in ("frame", "layers", "tokens", "runs", "unmapped"):
        assert getattr(one, name).to_csv() == getattr(two, name).to_csv()


# --- damaged files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("hello", "is no JSON"),
        ('{"results": {"xnli_de": {"acc,no', "is cut off inside a text"),
        ('{"results": {"xnli_de": {"acc,none": 0.5', "is cut off in line 1"),
        ("[1, 2]", "it is a list"),
        ('{"model": "x"}', "keys model"),
        ('{"results": 3}', "has no `results`"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path, text, told):
    path = write(tmp_path / "results_x.json", text)
    for where in (path, tmp_path):
        with pytest.raises(NeuronXAError, match=told) as error:
            read_results([where])
        assert str(path) in str(error.value)


def test_every_cut_of_a_file_is_refused(tmp_path):
    whole = results_file(HISTORIC / "0.4.2").read_bytes()
    for size in range(0, len(whole) - 2, 97):
        path = tmp_path / "results.json"
        path.write_bytes(whole[:size])
        with pytest.raises(NeuronXAError):
            read_results([path])


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "results.json"
    path.write_bytes(b'{"results": "\xff"}')
    with pytest.raises(NeuronXAError, match="no UTF-8 text"):
        read_results([path])


def test_other_json_in_a_folder_is_left_out_and_noted(tmp_path):
    shutil.copytree(HISTORIC / "0.4.13", tmp_path / "run")
    write(tmp_path / "config.json", {"hidden_size": 32})
    read = read_results([tmp_path])
    assert len(read.frame) == 5
    (note,) = read.notes
    assert "config.json is no results file" in note


def test_a_folder_without_results_and_a_missing_path_are_refused(tmp_path):
    write(tmp_path / "config.json", {})
    with pytest.raises(NeuronXAError, match="no results file of the harness among its 1 JSON"):
        read_results([tmp_path])
    with pytest.raises(NeuronXAError, match="does not exist"):
        read_results([tmp_path / "nowhere"])
    with pytest.raises(NeuronXAError, match="No results were given"):
        read_results([])


@pytest.mark.parametrize(
    ("value", "told"),
    [("0.5", "'0.5', which is no number"), (math.inf, "infinite"), (None, "None"), (True, "True")],
)
def test_values_that_are_no_numbers_are_refused(tmp_path, value, told):
    data = content("0.4.13")
    data["results"]["xnli_de"]["acc,none"] = value
    with pytest.raises(NeuronXAError, match=told):
        read_results([write(tmp_path / "results.json", data)])


def test_nan_is_refused_or_left_out_with_a_note(tmp_path):
    data = content("0.4.13")
    data["results"]["xnli_de"]["acc,none"] = math.nan
    path = write(tmp_path / "results.json", data)
    with pytest.raises(NeuronXAError, match="acc of xnli_de is NaN"):
        read_results([path])
    read = read_results([path], keep_nan=True)
    assert len(read.frame) == 4
    assert read.notes == (f"{path}: acc of xnli_de is NaN and was left out.",)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400, "N/A", None, [1]])
def test_only_the_metric_that_is_used_decides(tmp_path, value):
    """One infinite perplexity does not block the accuracies of a whole file."""
    data = content("0.4.13")
    data["results"]["xnli_de"]["perplexity,none"] = value
    data["results"]["xnli_fr"]["perplexity,none"] = value
    path = write(tmp_path / "results.json", data)
    read = read_results([path])
    assert set(read.frame["metric"]) == {"acc"}
    assert len(read.frame) == 5
    (note,) = read.notes
    assert note.startswith(f"{path}: perplexity of xnli_de and of 1 other tasks is ")
    assert note.endswith("and was left out.")
    with pytest.raises(NeuronXAError, match="perplexity of xnli_de is"):
        read_results([path], used=["perplexity"])


def test_a_file_whose_tasks_are_not_all_there_is_refused(tmp_path):
    data = content("0.4.13")
    del data["results"]["xnli_fr"]
    with pytest.raises(NeuronXAError, match=r"incomplete: 1 of its tasks .*\(xnli_fr\)"):
        read_results([write(tmp_path / "results.json", data)])


def test_a_file_that_does_not_name_its_model_can_be_named(tmp_path):
    path = changed(tmp_path / "results.json", model_name=None, config={"model_args": ""})
    with pytest.raises(NeuronXAError, match="does not say which model"):
        read_results([path])
    assert set(read_results([path], names={str(path): "mine"}).frame["model"]) == {"mine"}


TASK = "neuronxa_mini_deu_Latn"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["config"].pop("neuronxa"), "no NeuronXA block"),
        (lambda d: d["config"]["neuronxa"].update(schema=3), "schema 3"),
        (lambda d: d["config"]["neuronxa"].pop("tasks"), "no `tasks`"),
        (lambda d: d["config"]["neuronxa"]["tasks"][TASK].pop("pivot"), "has no `pivot`"),
        (lambda d: d["config"]["neuronxa"]["tasks"][TASK].update(n=0), "has n = 0"),
        (lambda d: d["config"]["neuronxa"]["tasks"][TASK]["nas"].pop("forward"),
         "no counts in nas.forward"),
        (lambda d: d["config"]["neuronxa"]["tasks"][TASK]["nav"]["mutual"].append(0),
         "different numbers of layers in nav"),
        (lambda d: d["config"]["neuronxa"]["tasks"][TASK]["nas"]["mutual"].__setitem__(0, 21),
         "not in 0..20"),
        (lambda d: d["results"][TASK].update({"nasca,none": 0.9}), "hit counts give 0.0125"),
    ],
)  # fmt: skip
def test_a_damaged_block_is_refused(tmp_path, change, told):
    data = json.loads(results_file(NEURONXA).read_text(encoding="utf-8"))
    change(data)
    path = write(tmp_path / "results_1.json", data)
    with pytest.raises(NeuronXAError, match=told) as error:
        read_results([path])
    assert str(path) in str(error.value)


@pytest.mark.parametrize("version", ["0.4.2", "0.4.13"])
def test_packed_samples_are_samples(tmp_path, version):
    shutil.copytree(HISTORIC / version, tmp_path / "out")
    (plain,) = tmp_path.rglob("*.jsonl")
    expected = read_samples(plain)
    packed = plain.with_name(f"{plain.name}.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    ((_, beside),) = read_results([tmp_path / "out"]).samples.items()
    assert beside == plain  # the unpacked one counts where there are both
    plain.unlink()
    ((_, beside),) = read_results([tmp_path / "out"]).samples.items()
    assert beside == packed
    assert read_samples(packed) == expected
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(NeuronXAError, match="no whole gzip file"):
        read_samples(packed)


def test_samples_that_are_not_all_there_are_refused(tmp_path):
    (source,) = NEURONXA.rglob("samples_*.jsonl")
    lines = source.read_text(encoding="utf-8").split("\n")
    path = write(tmp_path / "cut.jsonl", "\n".join(lines[:3]))
    with pytest.raises(NeuronXAError, match="probably not all of the run"):
        read_rivals(path)
    write(path, lines[0][:100])
    with pytest.raises(NeuronXAError, match="is damaged"):
        read_rivals(path)
    write(path, '{"acc": 1}')
    with pytest.raises(NeuronXAError, match="no `doc_id` in sample 1"):
        read_samples(path)
    (other,) = (HISTORIC / "0.4.13").rglob("samples_*.jsonl")
    with pytest.raises(NeuronXAError, match="not of a NeuronXA task"):
        read_rivals(other)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"names": {"typo": "x"}}, "--name is 'typo=x', but the results have no model and no file"),
        ({"names": {"example/dumy": "x"}}, "Close: example/dummy"),
        ({"templates": {"xnly_{}": "x"}}, "'xnly_{}=x' fits no task of the results"),
        ({"alignment": ["anc"]}, "--alignment names 'anc'"),
        ({"percent": ["xnli"]}, "--percent is 'xnli'"),
        ({"duplicates": "first"}, "'first'"),
        ({"mixed": "yes"}, "'yes'"),
        ({"templates": {"mine": "x"}}, "needs one"),
    ],
)
def test_bad_options_are_refused(option, told):
    with pytest.raises(NeuronXAError, match=told):
        read_results([HISTORIC / "0.4.13"], **option)


def _places(value: object, here: tuple = ()) -> list[tuple]:
    """Paths to everything inside a JSON value."""
    children = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        children = enumerate(value)
    found = [here] if here else []
    for key, child in children:
        found += _places(child, (*here, key))
    return found


JUNK = st.sampled_from(
    [None, True, 0, -1, 7, 0.5, math.nan, math.inf, "", "x", [], [1], {}, {"x": 1}, [[]], [None]]
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_junk_anywhere_in_a_file_is_read_or_refused_in_words(data):
    """Never another exception than our own, whatever stands in whatever place."""
    name = data.draw(st.sampled_from(["0.3.0", "0.4.2", "0.4.13", "neuronxa-0.1.0"]))
    whole = json.loads(results_file(HISTORIC / name).read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(_places(whole)))
        parent = whole
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = copy.deepcopy(data.draw(JUNK))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "results_1.json", whole)
        try:
            read = read_results([path])
        except NeuronXAError:
            return
    assert read.frame["value"].notna().all()
    assert (read.frame["language"].str.len() >= 7).all()


# --- published tables -------------------------------------------------------------------------


def test_a_published_table_joins_the_frame(tmp_path):
    path = write(
        tmp_path / "t.csv",
        "model,language,benchmark,value,n,fewshot\n"
        "theirs,de,belebele,0.7,900,0\ntheirs,Klingon,belebele,0.1,900,0\n",
    )
    read = read_results([HISTORIC / "0.4.13"], published=[path])
    row = read.frame[read.frame["model"] == "theirs"].iloc[0]
    assert (row["language"], row["benchmark"], row["value"]) == ("deu_Latn", "belebele", 0.7)
    assert (row["n"], row["fewshot"], row["metric"], row["kind"]) == (900, 0, "value", "benchmark")
    assert read.unmapped["why"].tolist() == ["no known language: Klingon"]
    assert set(read.runs["harness"]) == {"0.4.13", "published"}


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "t.csv"
    text = '\ufeffModel notes,model,language,benchmark,value\r\n"a, b",m,de,xnli,0.5\r\n\r\n'
    path.write_bytes(text.encode())
    assert read_results([], published=[path]).frame["value"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no row below its header"),
        ("model,language,benchmark,value\n", "no row below its header"),
        ("model,language,value\nm,de,0.5\n", "no column `benchmark`"),
        ("model,language,benchmark,value\nm,de,xnli,0,5\n", "5 cells in line 2"),
        ("model,language,benchmark,value\nm,de,xnli,high\n", "line 2: value is 'high'"),
        ("model,language,benchmark,value\nm,de,xnli,nan\n", "no finite number"),
        ("model,language,benchmark,value\nm,de,,0.5\n", "line 2: benchmark is empty"),
        ("model,language,benchmark,value,value\nm,de,xnli,1,1\n", "column 'value' twice"),
        ("model,language,benchmark,value,n\nm,de,xnli,1,1.5\n", "n is '1.5'"),
        ("model,language,benchmark,value\nm,de,xnli,1\nm,de,xnli,.5\n", "value of xnli_de twice"),
        ("model,language,benchmark,value\nm,de,xnli,1\nm,deu_Latn,xnli,.5\n", "deu_Latn twice"),
    ],
)
def test_bad_tables_are_refused(tmp_path, text, told):
    with pytest.raises(NeuronXAError, match=told):
        read_results([], published=[write(tmp_path / "t.csv", text)])


def data_folder() -> Path:
    given = os.environ.get("NEURONXA_TEST_DATA")
    return Path(given) if given else Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.data
def test_the_published_scores_of_fourteen_models():
    path = data_folder() / "published_scores" / "lm_eval_multilingual_0shot.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there; set NEURONXA_TEST_DATA to the data folder")
    read = read_results([], published=[path])
    assert len(read.frame) == 700
    assert len(read.unmapped) == 0
    languages = read.frame.groupby("benchmark")["language"].nunique().to_dict()
    assert languages == {"pawsx": 7, "xcopa": 11, "xnli": 15, "xstorycloze": 11, "xwinograd": 6}
    assert read.frame["model"].nunique() == 14
    row = read.frame[
        (read.frame["model"] == "bloom-1b1")
        & (read.frame["benchmark"] == "pawsx")
        & (read.frame["language"] == "deu_Latn")
    ].iloc[0]
    assert (row["value"], row["fewshot"]) == (0.4695, 0)


# --- covariates -------------------------------------------------------------------------------


def test_covariates_are_numbers_or_labels(tmp_path):
    path = write(
        tmp_path / "c.csv",
        "language,log_resource,family\nde,9.1,IE\nsw,5.5,Bantu\nzh,,\nxx-unknown,1,2\n",
    )
    covariates, unmapped = read_covariates(path)
    assert covariates["log_resource"] == {"deu_Latn": 9.1, "swh_Latn": 5.5}
    assert covariates["family"] == {"deu_Latn": "IE", "swh_Latn": "Bantu"}
    assert unmapped == ["xx-unknown"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("family\nIE\n", "needs a column `language`"),
        ("language\nde\n", "at least one covariate"),
        ("language,x\nde,1\ndeu_Latn,2\n", "deu_Latn in line 2 and again in line 3"),
    ],
)
def test_bad_covariates_are_refused(tmp_path, text, told):
    with pytest.raises(NeuronXAError, match=told):
        read_covariates(write(tmp_path / "c.csv", text))


def test_rivals_are_int64():
    (path,) = NEURONXA.rglob("samples_*.jsonl")
    assert all(counts.dtype == np.int64 for counts in read_rivals(path).values())
