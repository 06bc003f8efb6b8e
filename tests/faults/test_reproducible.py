"""The same command gives the same bytes; batch size and order of tasks change no score."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import Finished, Forker, in_new_process

from neuronxa_tasks.harness.launch import output

from .conftest import SHIPPED

pytestmark = pytest.mark.harness

TASKS = ("neuronxa_mini_deu_Latn", "neuronxa_world_fra_Latn", "neuronxa_own_bbb")
CLOCK = {"date", "total_evaluation_time_seconds", "pretty_env_info", "git_hash", "upper_git_hash"}
"""Fields of the harness that say when, and on what machine, a run was."""
NASTY = [
    "👩🏽‍🚀 🏳️‍🌈 e\u0301\u0323 a\u2028b a\x85c \x0b\x0c\x1c",
    "\u202eلا تنظر إلى الوراء\u202c שָׁלוֹם",
    "\u200b\u200d\u2060",
    "नमस्ते\u200d क्षत्रिय Z̷͎̈́a̸̝͐l̵̗͒g̶̰̿o",
    "same", "same",
    "a\rb \x1b[31mred\x1b[0m \ufffd \ufeff",
    " ".join(["five thousand tokens are more than this model can see"] * 700),
    "-- --help $(id) `id` ; {{ 1 + 1 }} {% raw %} ../../x",
    "한국어 日本語 ไทย ქართული",
    *(f"sentence {number}" for number in range(50)),
]  # fmt: skip


@pytest.fixture(scope="module")
def text(forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configs for a corpus of two languages with everything that may stand in a line."""
    folder = tmp_path_factory.mktemp("nasty")
    lines = "\n".join(NASTY) + "\n"
    (folder / "text").mkdir()
    (folder / "text" / "aaa.txt").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    (folder / "text" / "bbb.txt").write_bytes(lines.replace("\n", " ?\r\n").encode())
    words = ("own", folder / "text", "-o", folder / "configs", "--pivot", "aaa")
    done = forker("tasks", "new", *words, cwd=folder)
    assert done.code == 0, done.err
    return folder / "configs" / "own"


@pytest.fixture(scope="module")
def runs(
    text: Path, forker: Forker, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Finished]:
    """Three processes: one command twice, and the same with another batch size and order.

    The first is started as a user would, so that it and the second share no hash seed.
    """
    finished = {}
    for name, tasks, batch in (("one", TASKS, 32), ("two", TASKS, 32), ("other", TASKS[::-1], 7)):
        folder = tmp_path_factory.mktemp(name)
        words = (
            *("run", "--model", "hf-neuronxa", "--device", "cpu"),
            *("--model_args", f"pretrained={SHIPPED},dtype=float32"),
            *("--metadata", json.dumps({"n": 60})),
            *("--tasks", ",".join(tasks), "--include_path", text),
            *("--batch_size", batch, "--log_samples", "--output_path", folder / "out"),
        )
        # A place of its own, so that no run finds what another has kept.
        kept = {"NEURONXA_RESUME_DIR": str(folder / "kept")}
        run = partial(in_new_process, "neuronxa") if name == "one" else forker
        finished[name] = run(*words, cwd=folder, **kept)
        assert finished[name].code == 0, finished[name].err
    return finished


def timeless(run: Finished) -> str:
    """The results file without what says when and where it was made."""
    content = {key: value for key, value in run.results.items() if key not in CLOCK}
    return json.dumps(content)


def samples(run: Finished, task: str) -> bytes:
    (file,) = run.folder.rglob(f"samples_{task}_2*.jsonl")
    return file.read_bytes()


def test_the_same_command_gives_the_same_bytes(runs: dict[str, Finished]) -> None:
    assert timeless(runs["one"]) == timeless(runs["two"])
    for task in TASKS:
        assert samples(runs["one"], task) == samples(runs["two"], task)
    tables = [re.search(r"\|.*\|", run.out, re.S) for run in (runs["one"], runs["two"])]
    assert tables[0]
    assert tables[1]
    assert tables[0][0] == tables[1][0]


def test_batch_size_and_order_change_no_score(runs: dict[str, Finished]) -> None:
    for task in TASKS:
        one, other = (dict(runs[name].results["results"][task]) for name in ("one", "other"))
        assert one == other
        rivals = [
            [sample["nasca_max"], sample["navca_max"], sample["mexa_max"]]
            for name in ("one", "other")
            for sample in runs[name].samples(task)
        ]
        assert rivals[: len(rivals) // 2] == rivals[len(rivals) // 2 :]
        blocks = [runs[name].results["config"]["neuronxa"]["tasks"][task] for name in runs]
        for part in ("n", "nas", "nav", "hidden", "surface", "tokens", "source", "intervals"):
            assert blocks[0][part] == blocks[2][part]


def test_what_a_result_says_of_itself(runs: dict[str, Finished]) -> None:
    content = runs["one"].results
    config: dict[str, Any] = content["config"]
    assert {config[f"{kind}_seed"] for kind in ("random", "numpy", "torch", "fewshot")}
    block = config["neuronxa"]
    assert re.fullmatch("[0-9a-f]{16,}", block["model"]["fingerprint"])
    assert block["model"]["dtype"] == "float32"
    assert block["model"]["remote_code"] is False
    assert {"neuronxa-tasks", "lm_eval", "torch", "transformers", "tokenizers"} <= set(
        block["versions"]
    )
    for task in TASKS:
        assert re.fullmatch("[0-9a-f]{64}", block["tasks"][task]["source"]["sha256"])


def test_nasty_lines_arrive_whole(runs: dict[str, Finished]) -> None:
    found = runs["one"].samples("neuronxa_own_bbb")
    assert [sample["doc"]["pivot"] for sample in found] == [line.strip() for line in NASTY]
    assert [sample["doc"]["target"] for sample in found] == [f"{line} ?".strip() for line in NASTY]
    same = [number for number, line in enumerate(NASTY) if line == "same"]
    for number in same:  # two equal sentences are each other's rivals: no hit in any layer
        assert 0 not in found[number]["nasca_max"]["either"]
    assert runs["one"].results["config"]["neuronxa"]["tasks"]["neuronxa_own_bbb"]["tokens"][
        "pivot"
    ]["truncated"]


def test_the_place_is_named_after_the_model(runs: dict[str, Finished]) -> None:
    """Nothing is written beside the folder of results, and the check left nothing there."""
    out = runs["one"].folder
    assert {path.name for path in out.parent.iterdir()} <= {"out", "kept"}
    (folder,) = out.iterdir()
    assert folder.name == str(SHIPPED).replace("/", "__")
    with output.results_saved(None):
        pass
