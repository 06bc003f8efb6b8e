"""SIB-200, Global-MMLU and INCLUDE beside alignment in one run, which ends in a correlation page.

The Hub is the loopback one, and its rows are our own (`hub_benchmarks.py`): no public data.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import BIN, ENVIRONMENT, Finished, Forker
from hub import Hub, serve
from hub_benchmarks import codes, hub_benchmarks, sib200_rows

from neuronxa_tasks.cli import main as neuronxa
from neuronxa_tasks.harness.tasks.sib200 import macro_f1
from neuronxa_tasks.text.sib200 import TOPICS

pytestmark = pytest.mark.harness

SIB200 = {"ar": "arb_Arab", "de": "deu_Latn", "es": "spa_Latn", "fr": "fra_Latn", "hi": "hin_Deva",
          "sw": "swh_Latn", "tr": "tur_Latn", "zh": "zho_Hans"}  # fmt: skip
INCLUDE = tuple(codes("include").values())[:8]
GROUP = """\
group: two_languages
task: [neuronxa_mini_fra_Latn, neuronxa_mini_deu_Latn]
aggregate_metric_list: [{metric: nasca, aggregation: mean, weight_by_size: false}]
"""


@pytest.fixture(scope="module")
def many_hub() -> Iterator[Hub]:
    with serve(hub_benchmarks([*SIB200.values(), "eng_Latn"])) as hub:
        yield hub


@pytest.fixture(scope="module")
def run(many_hub: Hub, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("many")
    (folder / "mine").mkdir()
    (folder / "mine" / "two.yaml").write_text(GROUP, encoding="utf-8")
    mmlu = [f"global_mmlu_{code}" for code in codes("global_mmlu").values()]
    include = [f"include_base_44_{code}" for code in INCLUDE]
    tasks = [
        "neuronxa_mini", "two_languages", "neuronxa_mini_fr",  # the same tasks three times
        *(f"neuronxa_sib200_{code}" for code in SIB200),  # usual codes
        "neuronxa_sib200_eng_Latn", "sib_fra_prompt_1", "sib_eng_prompt_1", *mmlu, *include,
    ]  # fmt: skip
    done = subprocess.run(
        [
            BIN / "neuronxa", "run", "--model", "hf-neuronxa", "--model_args",
            f"pretrained={checkpoint}", "--tasks", ",".join(tasks), "--metadata", '{"n": 20}',
            "--include_path", "mine", "--batch_size", "32", "--device", "cpu", "--log_samples",
            "--output_path", "out",
        ],
        capture_output=True, text=True, encoding="utf-8", timeout=600, cwd=folder, check=False,
        env={**os.environ, **ENVIRONMENT, **many_hub.environment(folder / "hub"),
             "NEURONXA_CACHE": str(folder / "none")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Finished(done.returncode, done.stdout, done.stderr, folder / "out")


def values(run: Finished, task: str) -> dict[str, Any]:
    return run.results["results"][task]


def test_overlapping_groups_count_the_same_tasks(run: Finished) -> None:
    mini = run.results["group_subtasks"]["neuronxa_mini"]
    assert len(mini) == 14
    for group, tasks in (
        ("neuronxa_mini", mini),
        ("two_languages", ["neuronxa_mini_fra_Latn", "neuronxa_mini_deu_Latn"]),
    ):
        mean = sum(values(run, task)["nasca,none"] for task in tasks) / len(tasks)
        assert values(run, group)["nasca,none"] == pytest.approx(mean)
    assert len(run.samples("neuronxa_mini_fra_Latn")) == 20  # it ran once


def test_topics_are_scored_as_by_the_harness(run: Finished) -> None:
    """The harness has SIB-200 in African languages, French and English, with the same prompt."""
    for ours, theirs in (("fra_Latn", "fra"), ("eng_Latn", "eng")):
        mine = run.samples(f"neuronxa_sib200_{ours}")
        other = run.samples(f"sib_{theirs}_prompt_1")
        by_id = {sample["doc"]["index_id"]: sample for sample in other}
        assert len(mine) == len(other) == 20
        for sample in mine:
            same = by_id[sample["doc"]["id"]]
            assert sample["acc"] == same["acc"]
            assert [float(r[0][0]) for r in sample["resps"]] == pytest.approx(
                [float(r[0][0]) for r in same["resps"]], abs=1e-4
            )
        acc = values(run, f"sib_{theirs}_prompt_1")["acc,none"]
        assert values(run, f"neuronxa_sib200_{ours}")["acc,none"] == acc


def test_f1_follows_from_the_samples(run: Finished) -> None:
    pairs = []
    for sample in run.samples("neuronxa_sib200_swh_Latn"):
        likelihoods = [float(each[0]) for each in sample["filtered_resps"]]
        right = TOPICS.index(sample["doc"]["category"])
        pairs.append((right, likelihoods.index(max(likelihoods))))
    assert values(run, "neuronxa_sib200_swh_Latn")["f1,none"] == pytest.approx(macro_f1(pairs))
    assert run.results["higher_is_better"]["neuronxa_sib200_swh_Latn"] == {"acc": True, "f1": True}
    source = run.results["configs"]["neuronxa_sib200_swh_Latn"]["metadata"]["source"]
    assert (source["kind"], source["where"]) == ("hub", "Davlan/sib200")


def test_sib200_offline_from_the_cache_with_examples(
    run: Finished, many_hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    """The examples are sentences for training, with their topics, before each sentence."""
    asked = len(many_hub.requests)
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    environment = many_hub.environment(run.folder.parent / "hub") | nowhere
    task = "neuronxa_sib200_fra_Latn"
    forker = Forker(tmp_path, **environment, NEURONXA_CACHE=str(tmp_path / "none"))
    try:
        done = forker(
            "run", "--model", "hf-neuronxa", "--model_args", f"pretrained={checkpoint}",
            "--tasks", task, "--num_fewshot", 2, "--limit", 3, "--device", "cpu",
            "--batch_size", 32, "--log_samples", "--output_path", "out", cwd=tmp_path,
        )  # fmt: skip
    finally:
        forker.close()
    assert done.code == 0, done.err
    assert len(many_hub.requests) == asked
    assert done.results["n-shot"][task] == 2
    train = {(row["text"], row["category"]) for row in sib200_rows("fra_Latn", 60, 10)}
    samples = done.samples(task)
    assert [each["doc"]["id"] for each in samples] == [
        each["doc"]["id"] for each in run.samples(task)[:3]
    ]
    for sample in samples:
        context = sample["arguments"]["gen_args_0"]["arg_0"]
        *examples, (own, nothing) = re.findall(r"text: '(.*?)' belong to: \n\n ?(\S*)", context)
        assert (own, nothing) == (sample["doc"]["text"], "")
        assert len(examples) == 2
        assert set(examples) <= train


def test_the_run_ends_in_a_correlation_page(run: Finished, tmp_path: Path) -> None:
    arguments = ("--no-figures", "--resamples", "199", "-o", str(tmp_path / "report"))
    assert neuronxa(["correlate", str(run.folder), *arguments]) == 0
    study = json.loads((tmp_path / "report" / "correlate.json").read_text(encoding="utf-8"))
    assert "sib200" in json.dumps(study)
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    for benchmark, size in (
        ("sib200", len(SIB200)),
        ("global_mmlu", len(codes("global_mmlu")) - 1),
        ("include", len(INCLUDE)),
    ):
        (row,) = [
            line for line in page.splitlines()
            if f"| {benchmark} |" in line.replace("`", "") and "| nasca |" in line.replace("`", "")
            and f"| {size} |" in line
        ][:1]  # fmt: skip
        assert row
    assert "unmapped" not in page
