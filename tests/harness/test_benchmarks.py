"""Alignment and the harness' own benchmarks in one run: from a Hub, then from its cache."""

from __future__ import annotations

import math
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import BIN, ENVIRONMENT, Finished
from hub import Hub

from neuronxa_tasks.languages import benchmark_languages
from neuronxa_tasks.rankc import rankc_from_samples, sample_files

pytestmark = [pytest.mark.harness, pytest.mark.data]

LIMIT = 4
TASKS = (
    "neuronxa_with_xnli", "xstorycloze", "belebele_eng_Latn", "belebele_deu_Latn", "xcopa_it",
    "xcopa_sw", "neuronxa_bmlama53", "neuronxa_tatoeba_fra",
)  # fmt: skip


def evaluate(folder: Path, checkpoint: Path, **env: str) -> Finished:
    """Run all tasks; FLORES and BMLAMA-53 come from the cache of this package."""
    folder.mkdir()
    done = subprocess.run(
        [
            BIN / "neuronxa", "run", "--model", "hf-neuronxa",
            "--model_args", f"pretrained={checkpoint}", "--tasks", ",".join(TASKS),
            "--limit", str(LIMIT), "--metadata", f'{{"n": {LIMIT}}}',
            "--batch_size", "32", "--device", "cpu", "--log_samples",
            "--output_path", "out",
        ],
        capture_output=True, text=True, encoding="utf-8", timeout=600, cwd=folder, check=False,
        env={**os.environ, **ENVIRONMENT, **env},
    )  # fmt: skip
    return Finished(done.returncode, done.stdout, done.stderr, folder / "out")


@pytest.fixture(scope="module")
def environment(hub: Hub, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    cache = tmp_path_factory.mktemp("cache")
    flores = cache / "neuronxa" / "flores200_dataset" / "devtest"
    flores.parent.mkdir(parents=True)
    flores.symlink_to((data_dir / "flores200" / "devtest").resolve())
    (cache / "neuronxa" / "BMLAMA53").symlink_to((data_dir / "bmlama53").resolve())
    return {**hub.environment(cache / "hub"), "NEURONXA_CACHE": str(cache / "neuronxa")}


@pytest.fixture(scope="module")
def online(
    environment: dict[str, str], checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    done = evaluate(tmp_path_factory.mktemp("on") / "run", checkpoint, **environment)
    assert done.code == 0, done.err
    return done


def scores(done: Finished) -> dict[str, dict[str, Any]]:
    return {
        task: {key: value for key, value in entry.items() if key != "alias"}
        for task, entry in done.results["results"].items()
    }


def test_one_run_one_table_one_file(online: Finished) -> None:
    results = online.results["results"]
    for code, row in benchmark_languages("xnli").items():
        assert 0 <= results[f"xnli_{code}"]["acc,none"] <= 1
        if code != "en":
            assert 0 <= results[f"neuronxa_flores_{row.code}"]["nasca,none"] <= 1
    for task in ("xnli", "xstorycloze", "xstorycloze_en", "belebele_deu_Latn", "xcopa_sw"):
        assert 0 <= results[task]["acc,none"] <= 1
        assert f"{task} " in online.out
    assert online.results["n-samples"]["xnli_fr"]["effective"] == LIMIT
    assert online.results["configs"]["xnli_fr"]["dataset_path"] == "facebook/xnli"
    source = online.results["config"]["neuronxa"]["tasks"]["neuronxa_tatoeba_fra"]["source"]
    assert source["kind"] == "hub"


def test_bmlama_scores_follow_from_the_samples(online: Finished) -> None:
    results = online.results["results"]
    for code in ("en", "zh", "he"):
        task = f"neuronxa_bmlama53_{code}"
        samples = online.samples(task)
        assert [sample["doc"]["id"] for sample in samples] == list(range(LIMIT))
        right, losses = [], []
        for sample in samples:
            block = sample["cross_entropy"]
            assert len(block["losses"]) == len(sample["doc"]["candidates"])
            gold = block["losses"][block["gold"]]
            right.append(gold == min(block["losses"]))
            losses.append(gold)
        assert results[task]["acc,none"] == sum(right) / LIMIT
        assert results[task]["cross_entropy,none"] == pytest.approx(sum(losses) / LIMIT)
        source = online.results["configs"][task]["metadata"]["source"]
        assert source["where"].endswith(f"BMLAMA53/{code}.jsonl")
    codes = benchmark_languages("bmlama53")
    mean = sum(results[f"neuronxa_bmlama53_{code}"]["acc,none"] for code in codes) / len(codes)
    assert results["neuronxa_bmlama53"]["acc,none"] == pytest.approx(mean)
    assert not online.results["higher_is_better"]["neuronxa_bmlama53_en"]["cross_entropy"]


def test_rankc_from_the_run(online: Finished) -> None:
    files = sample_files(online.folder)
    assert sorted(files) == sorted(benchmark_languages("bmlama53"))
    found = rankc_from_samples(files)
    assert len(found) == 52
    assert all(0 < each.value <= 1 and each.n == LIMIT for each in found.values())
    same = rankc_from_samples(files, [("fr", "fr")])["fr", "fr"]
    assert math.isclose(same.value, 1)


def test_offline_from_the_cache(
    online: Finished, environment: dict[str, str], hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    asked = len(hub.requests)
    done = evaluate(
        tmp_path / "run", checkpoint,
        **{**environment, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.code == 0, done.err
    assert len(hub.requests) == asked
    assert scores(done) == scores(online)
