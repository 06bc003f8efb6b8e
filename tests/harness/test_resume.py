"""A run that was stopped goes on where it was, and its results are those of one that was not."""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import Forker

pytestmark = pytest.mark.harness

CLOCK = {
    "date",
    "start_time",
    "end_time",
    "total_evaluation_time_seconds",
    "pretty_env_info",  # has the speed of the processor
    "git_hash",  # of the folder the command runs in, which may be at work
}
TASKS = [f"neuronxa_mini_{code}" for code in ("deu_Latn", "hin_Deva", "rus_Cyrl", "tur_Latn")]
LANGUAGES = len(TASKS)
METADATA = {"n": 20, "control": "untrained", "control_seeds": 1, "variants": ["csls"]}


@dataclass
class Runs:
    """Runs of one command whose results are kept in `kept`."""

    forker: Forker
    folder: Path
    checkpoint: Path
    number: int = 0

    def __call__(
        self,
        kept: Path,
        kill_after: float | None = None,
        mode: str = "on",
        *,
        results: int = 0,
        **metadata: Any,
    ) -> Run:
        """One run, killed so many seconds after it began, or after it kept so many results."""
        self.number += 1
        out = self.folder / f"out{self.number}"
        arguments = (
            "run", "--model", "hf-neuronxa", "--model_args", f"pretrained={self.checkpoint}",
            "--tasks", ",".join(TASKS), "--metadata", json.dumps(METADATA | metadata),
            "--device", "cpu", "--batch_size", "8", "--output_path", str(out), "--log_samples",
        )  # fmt: skip
        done = self.forker(
            *arguments,
            cwd=self.folder,
            kill_after=kill_after,
            kept=(kept, results) if results else None,
            NEURONXA_RESUME=mode,
            NEURONXA_RESUME_DIR=str(kept),
        )
        return Run(done.code, done.seconds, done.out + done.err, out)


@dataclass(frozen=True)
class Run:
    code: int
    seconds: float
    log: str
    out: Path

    @property
    def resumed(self) -> int:
        """Languages that the run says it found."""
        found = re.search(r"(\d+) of (\d+) languages were scored before", self.log)
        if found is None:
            return 0
        assert int(found[2]) == LANGUAGES
        return int(found[1])

    @property
    def bytes(self) -> dict[str, str]:
        """All it wrote, without the clock."""
        assert self.code == 0, self.log
        (file,) = self.out.rglob("results_*.json")
        results = json.loads(file.read_text(encoding="utf-8"))
        # What was on disk is named, and is all that differs.
        kept = results["config"]["neuronxa"].pop("kept")
        assert len(set(kept) & set(TASKS)) == len(kept) >= self.resumed
        written = {"results": json.dumps({k: v for k, v in results.items() if k not in CLOCK})}
        for path in self.out.rglob("samples_*.jsonl"):
            task = path.name.rpartition("_")[0]
            written[task] = path.read_text(encoding="utf-8")
        assert len(written) == 1 + LANGUAGES
        return written


@pytest.fixture(scope="module")
def runs(checkpoint: Path, forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(forker, tmp_path_factory.mktemp("runs"), checkpoint)


@pytest.fixture(scope="module")
def whole(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nobody stopped and that found nothing."""
    folder = tmp_path_factory.mktemp("nothing")
    run = runs(folder, mode="off")
    assert run.bytes
    assert list(folder.iterdir()) == []
    return run


def kills(runs: Runs, whole: Run, folder: Path, times: int, seed: int) -> None:
    """Kill at a random moment, go on, compare; each time from the beginning.

    Every other moment is drawn from the time in which languages are scored, which is short here.
    """
    draw = random.Random(seed)
    results: list[int] = []  # of the floor and of the scores, as the kill left them
    while len(results) < times:
        kept = folder / str(len(results))
        if len(results) % 2 == 0:
            killed = runs(kept, draw.uniform(0, 0.02), results=draw.randint(1, 2 * LANGUAGES - 1))
        else:
            killed = runs(kept, draw.uniform(0, whole.seconds))
        left = sum(1 for _ in kept.rglob("*.gz"))
        if killed.code == 0:
            shutil.rmtree(kept)
            continue  # it was faster than the clock
        assert killed.code == -9
        again = runs(kept)
        assert again.bytes == whole.bytes
        assert sum(1 for _ in kept.rglob("*.gz")) == 2 * LANGUAGES
        results.append(left)
        print(f"results found after a kill: {left}, languages: {again.resumed}", flush=True)
    assert any(0 < left < 2 * LANGUAGES for left in results), "no run was killed while it scored"


def test_three_random_kills(runs: Runs, whole: Run, tmp_path: Path) -> None:
    kills(runs, whole, tmp_path, 3, seed=2)


@pytest.mark.slow
def test_twenty_random_kills(runs: Runs, whole: Run, tmp_path: Path) -> None:
    kills(runs, whole, tmp_path, 20, seed=1)


def test_killed_again_and_again(runs: Runs, whole: Run, tmp_path: Path) -> None:
    """Each run gets a little further, those on untrained weights too."""
    counts = []
    for _ in range(5):
        runs(tmp_path, kill_after=0.6 * whole.seconds)
        counts.append(sum(1 for _ in tmp_path.rglob("*.gz")))
    assert counts == sorted(counts)
    last = runs(tmp_path)
    assert last.bytes == whole.bytes
    assert sum(1 for _ in tmp_path.rglob("*.gz")) == 2 * LANGUAGES  # the floor and the score


def test_nothing_is_scored_twice_and_refresh_scores_anew(
    runs: Runs, whole: Run, tmp_path: Path
) -> None:
    first = runs(tmp_path)
    assert first.resumed == 0
    second = runs(tmp_path)
    assert second.resumed == LANGUAGES
    assert "NeuronXA languages: 0lang" in second.log  # the progress bar had nothing to do
    refreshed = runs(tmp_path, mode="refresh")
    assert refreshed.resumed == 0
    assert first.bytes == second.bytes == refreshed.bytes == whole.bytes


def test_damaged_files_are_scored_anew(runs: Runs, whole: Run, tmp_path: Path) -> None:
    runs(tmp_path)
    files = sorted(tmp_path.rglob("*.gz"))
    for place, file in enumerate(files):
        raw = file.read_bytes()
        file.write_bytes((raw[: len(raw) // 2], b"", b"nonsense", raw)[place % 4])
    again = runs(tmp_path)
    assert again.bytes == whole.bytes
    assert again.resumed < LANGUAGES
    assert again.log.count("damaged or not one of our files") == 1


def test_a_file_where_the_folder_should_be(runs: Runs, whole: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = runs(tmp_path / "file")
    assert run.bytes == whole.bytes
    assert run.log.count("cannot be kept") == 1


def test_other_options_are_other_results(runs: Runs, tmp_path: Path) -> None:
    runs(tmp_path, control=None, variants=None)
    for other in ({"n": 19}, {"tap": "inner"}, {"weights": "last"}, {"pivot": "fra_Latn"}):
        assert runs(tmp_path, control=None, variants=None, **other).resumed == 0
    assert runs(tmp_path, control=None, variants=None).resumed == LANGUAGES
