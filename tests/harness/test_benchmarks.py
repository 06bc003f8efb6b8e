"""Alignment and the harness' own benchmarks in one run: from a Hub, then from its cache."""

from __future__ import annotations

import argparse
import math
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import Finished, Forker, in_new_process
from hub import Hub

from neuronxa_tasks.cli import main as neuronxa
from neuronxa_tasks.commands import transfer
from neuronxa_tasks.results.losses import rankc_from_samples, sample_files
from neuronxa_tasks.text.bmlama import find, read, spread
from neuronxa_tasks.text.languages import benchmark_languages
from neuronxa_tasks.text.manifest import write_manifest

pytestmark = [pytest.mark.harness, pytest.mark.data]

LIMIT = 4
TASKS = (
    "neuronxa_with_xnli", "neuronxa_with_xstorycloze", "belebele_eng_Latn", "belebele_deu_Latn",
    "xcopa_it", "xcopa_sw", "neuronxa_bmlama53", "neuronxa_tatoeba_fra",
)  # fmt: skip


def arguments(model: str, tasks: Sequence[str]) -> list[str]:
    """A run's arguments; FLORES and BMLAMA-53 come from the cache of this package."""
    return [
        "run", "--model", "hf-neuronxa", "--model_args", model,
        "--tasks", ",".join(tasks), "--limit", str(LIMIT), "--metadata", f'{{"n": {LIMIT}}}',
        "--batch_size", "32", "--device", "cpu", "--log_samples", "--output_path", "out",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def environment(hub: Hub, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    cache = tmp_path_factory.mktemp("cache")
    flores = cache / "neuronxa" / "flores200_dataset"
    shutil.copytree(data_dir / "flores200" / "devtest", flores / "devtest")
    write_manifest(flores)  # what `neuronxa fetch` does
    (cache / "neuronxa" / "BMLAMA53").symlink_to((data_dir / "bmlama53").resolve())
    return {**hub.environment(cache / "hub"), "NEURONXA_CACHE": str(cache / "neuronxa")}


@pytest.fixture(scope="module")
def online(
    environment: dict[str, str], checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    folder = tmp_path_factory.mktemp("online")
    model = f"pretrained={checkpoint}"
    done = in_new_process("neuronxa", *arguments(model, TASKS), cwd=folder, **environment)
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


def test_two_groups_that_share_languages(online: Finished) -> None:
    """Each language of alignment runs once, and each benchmark averages its own."""
    results, members = online.results["results"], online.results["group_subtasks"]
    both = [set(benchmark_languages(name)) - {"en"} for name in ("xnli", "xstorycloze")]
    assert len(both[0] & both[1]) > 3
    for benchmark in ("xnli", "xstorycloze"):
        aligned = members[f"neuronxa_flores_{benchmark}"]
        rows = benchmark_languages(benchmark)
        assert set(aligned) == {
            f"neuronxa_flores_{row.code}" for code, row in rows.items() if code != "en"
        }
        mean = sum(results[task]["nasca,none"] for task in aligned) / len(aligned)
        assert results[f"neuronxa_flores_{benchmark}"]["nasca,none"] == pytest.approx(mean)
        accuracy = sum(results[f"{benchmark}_{code}"]["acc,none"] for code in rows) / len(rows)
        assert results[benchmark]["acc,none"] == pytest.approx(accuracy)
    for code in both[0] & both[1]:
        row = benchmark_languages("xnli")[code]
        assert len(online.samples(f"neuronxa_flores_{row.code}")) == LIMIT


def test_bmlama_scores_follow_from_the_samples(online: Finished, data_dir: Path) -> None:
    results = online.results["results"]
    for code in ("en", "zh", "he"):
        task = f"neuronxa_bmlama53_{code}"
        samples = online.samples(task)
        ids = [sample["doc"]["id"] for sample in samples]
        assert ids == [query.id for query in spread(read(find(code, data_dir)))][:LIMIT]
        right, right_sum, losses = [], [], []
        for sample in samples:
            block = sample["cross_entropy"]
            assert len(block["losses"]) == len(sample["doc"]["candidates"])
            gold = block["losses"][block["gold"]]
            right.append(gold == min(block["losses"]))
            losses.append(gold)
            sums = [x * n for x, n in zip(block["losses"], block["tokens"], strict=True)]
            right_sum.append(sums[block["gold"]] == min(sums))
        assert results[task]["acc,none"] == sum(right) / LIMIT
        assert results[task]["acc_sum,none"] == sum(right_sum) / LIMIT
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


def test_the_run_ends_in_a_correlation_report(online: Finished, tmp_path: Path) -> None:
    """No step by hand between the harness' file and the report."""
    options = ("--no-figures", "--resamples", "199", "-o", str(tmp_path / "report"))
    assert neuronxa(["correlate", str(online.folder), *options]) == 0
    report = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    for words in ("xnli", "xstorycloze", "bmlama53", "nasca", "navca", "mexa"):
        assert words in report
    assert (tmp_path / "report" / "correlate.json").is_file()


def test_documented_snippets(
    online: Finished, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    monkeypatch.chdir(online.folder.parent)
    rankc, ratio = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    exec(rankc, {})
    assert "zh: RankC 0." in capsys.readouterr().out
    exec(ratio, {})
    assert capsys.readouterr().out == re.findall(r"# ([\d.]+)\n", ratio)[0] + "\n"


@pytest.fixture(scope="module")
def offline(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Forker]:
    """Runs with the same cache and no Hub."""
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    forker = Forker(tmp_path_factory.mktemp("offline"), **{**environment, **nowhere})
    yield forker
    forker.close()


def test_offline_from_the_cache(
    online: Finished, offline: Forker, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    asked = len(hub.requests)
    model = f"pretrained={checkpoint}"
    tasks = [task for task in TASKS if task != "neuronxa_bmlama53"]  # which no Hub serves
    done = offline(*arguments(model, tasks), cwd=tmp_path)
    assert done.code == 0, done.err
    assert len(hub.requests) == asked
    found, expected = scores(done), scores(online)
    assert found == {task: expected[task] for task in found}


def test_transfer(
    online: Finished, offline: Forker, checkpoint: Path, data_dir: Path, tmp_path: Path
) -> None:
    """Fine-tuned on the very rows that are evaluated, the harness finds them all right."""
    train = tmp_path / "train.jsonl"
    with (data_dir / "xnli" / "en.jsonl").open(encoding="utf-8") as file:
        train.write_text("".join(next(file) for _ in range(LIMIT)), encoding="utf-8")
    parser = argparse.ArgumentParser()
    transfer.add_arguments(parser)
    adapter = tmp_path / "adapter"
    options = [checkpoint, "--train", train, "-o", adapter, "--steps", 25, "--lr", 2e-2]
    transfer.run(parser.parse_args([*map(str, options), "--batch", str(LIMIT), "--device", "cpu"]))

    model = f"pretrained={checkpoint},peft={adapter}"
    tasks = ("xnli_en", "xnli_fr", "neuronxa_flores_fra_Latn")
    done = offline(*arguments(model, tasks), cwd=tmp_path)
    assert done.code == 0, done.err
    # What was trained on is what the harness scores, to the letter.
    examples, _ = transfer.read_examples(str(train))
    for example, sample in zip(examples, done.samples("xnli_en"), strict=True):
        scored = [(each["arg_0"], each["arg_1"]) for each in sample["arguments"].values()]
        assert scored == [("", choice) for choice in example.choices()]
        assert int(sample["target"]) == example.label
    before, after = online.results["results"], done.results["results"]
    assert before["xnli_en"]["acc,none"] < after["xnli_en"]["acc,none"] == 1
    assert 0 <= after["xnli_fr"]["acc,none"] <= 1
    # The neurons are those of the adapted model.
    blocks = [each.results["config"]["neuronxa"]["model"] for each in (online, done)]
    assert blocks[0]["fingerprint"] != blocks[1]["fingerprint"]
    assert blocks[0]["neurons"] == blocks[1]["neurons"]
