"""The runs of the study, stage by stage.

    python results/real_models/study.py WEIGHTS OUT --data DATA [STAGE ...]

A stage is one harness run of one model: alignment and benchmarks together, in one results file.
Without STAGE all of them run, in order; one that is done is skipped. A stage may be killed:
languages that were scored and answers that were given are on disk, and the same command goes on
from there.

The benchmarks come from the Hub. DATA serves cuts of them from this machine instead (the folder
that the tests take as NEURONXA_TEST_DATA); leave it out where the Hub can be reached.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"

CLOZE = tuple(
    f"xstorycloze_{code}" for code in ["ar", "es", "eu", "hi", "id", "my", "ru", "sw", "te", "zh"]
)
COPA = tuple(
    f"xcopa_{code}" for code in ["et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh"]
)
BENCHMARKS = {
    "xnli": ("neuronxa_flores_xnli", "xnli"),
    "xstorycloze": ("neuronxa_flores_xstorycloze", *CLOZE),
    "xcopa": ("neuronxa_flores_xcopa", *COPA),
    "bmlama53": ("neuronxa_flores_bmlama53", "neuronxa_bmlama53"),
}
"""Alignment in the languages of a benchmark, and the benchmark."""
TATOEBA = tuple(
    f"neuronxa_tatoeba_{code}"
    for code in [
        "ara",
        "bul",
        "ces",
        "cmn",
        "deu",
        "ell",
        "est",
        "eus",
        "fin",
        "fra",
        "heb",
        "hin",
        "hun",
        "ind",
        "ita",
        "jpn",
        "kat",
        "kor",
        "nld",
        "pol",
        "por",
        "ron",
        "rus",
        "spa",
        "swh",
        "tam",
        "tha",
        "tur",
        "ukr",
        "vie",
    ]
)


@dataclass(frozen=True)
class Stage:
    """One run: a model, its tasks, and how."""

    model: str
    tasks: tuple[str, ...]
    metadata: Mapping[str, object]
    limit: int | None = None
    dtype: str = "bfloat16"


VARIANTS = {"variants": ["centred", "csls"]}
WITH_BITS = {**VARIANTS, "covariates": ["bits_per_byte"]}
FLOOR = {**VARIANTS, "control": "untrained", "control_seeds": 1}
MODELS = {
    "gemma": ("gemma-3-270m", 200),
    "smollm2": ("smollm2-135m", 100),
    "qwen": ("qwen2.5-coder-0.5b", 100),
    "qwen-1.5b": ("qwen2.5-coder-1.5b", 100),
}
"""Short name of each model: its folder, and items per language (BMLAMA-53: 100 for all)."""


def _stages() -> dict[str, Stage]:
    stages = {}
    for short, (model, limit) in MODELS.items():
        for name, tasks in BENCHMARKS.items():
            items = 100 if name == "bmlama53" else limit
            stages[f"{short}-{name}"] = Stage(model, tasks, WITH_BITS, items)
        stages[f"{short}-floor"] = Stage(model, ("neuronxa_flores_xnli",), FLOOR)
    for short in ("gemma", "smollm2"):
        stages[f"{short}-flores"] = Stage(MODELS[short][0], ("neuronxa_flores",), VARIANTS)
    two = ("neuronxa_flores_fra_Latn", "neuronxa_flores_swh_Latn")
    stages["gemma-float32"] = Stage(MODELS["gemma"][0], two, WITH_BITS, dtype="float32")
    stages["gemma-tatoeba"] = Stage(MODELS["gemma"][0], TATOEBA, VARIANTS)
    return stages


STAGES = _stages()


def done(out: Path, name: str) -> bool:
    """Whether a stage has its results."""
    return (out / "seconds" / f"{name}.json").is_file()


def run(
    name: str, weights: Path, out: Path, environment: Mapping[str, str], processes: int = 1
) -> None:
    """Run one stage in a process of its own, or in several, and note how long it took."""
    stage = STAGES[name]
    # Scores in another precision are no other run of the same model: they have a folder beside.
    folder = out / ("runs" if stage.dtype == "bfloat16" else stage.dtype) / name
    folder.mkdir(parents=True, exist_ok=True)
    metadata = dict(stage.metadata)
    if (out / "text").is_dir():
        metadata["data_dir"] = str(out / "text")
    arguments = f"pretrained={weights / stage.model},dtype={stage.dtype},softmax_dtype=float32"
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [
        sys.executable, *(several if processes > 1 else []), "-m", "neuronxa_tasks", "run",
        "--model", "hf-neuronxa", "--model_args", arguments, "--tasks", ",".join(stage.tasks),
        "--batch_size", "16", "--device", "cpu", "--metadata", json.dumps(metadata),
        "--output_path", str(folder),
    ]  # fmt: skip
    if stage.limit is not None:
        # An alignment keeps its n = 100: `--limit` only lowers n.
        command += ["--limit", str(stage.limit), "--log_samples"]
        command += ["--use_cache", str(out / "answers" / name)]
    began = time.time()
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        subprocess.run(
            command, check=True, env={**os.environ, **environment}, stdout=log, stderr=log
        )
    seconds = round(time.time() - began)
    text = json.dumps({"stage": name, "processes": processes, "seconds_of_the_last_start": seconds})
    (out / "seconds").mkdir(exist_ok=True)
    (out / "seconds" / f"{name}.json").write_text(text + "\n", encoding="utf-8")


@contextmanager
def texts(data: Path | None, out: Path) -> Iterator[dict[str, str]]:
    """The environment of a run: caches in OUT; a folder of data is served from this machine.

    Parallel text and BMLAMA-53 are read from the folder itself, by way of OUT/text.
    """
    environment = {
        "NEURONXA_CACHE": str(out / "cache"),
        "TOKENIZERS_PARALLELISM": "false",
        # Large pages: else the logits of 262,144 tokens are millions of new small ones each pass.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(HERE.parents[1]), os.environ.get("PYTHONPATH")))
        ),
    }
    (out / "answers").mkdir(parents=True, exist_ok=True)
    if data is None:
        yield environment
        return
    sys.path.insert(0, str(TESTS))  # the loopback Hub of the tests
    from hub import serve
    from hub_data import hub_repositories

    (out / "cache").mkdir(exist_ok=True)
    (out / "text").mkdir(exist_ok=True)
    for name in ("flores", "tatoeba", "bmlama53"):
        link, place = out / "text" / name, "flores200" if name == "flores" else name
        if not link.exists():
            link.symlink_to((data / place).resolve())
    with serve(hub_repositories(data, 500)) as hub:
        yield environment | hub.environment(out / "hub")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stages that are not done."""
    parser = argparse.ArgumentParser(description="Run the study, stage by stage.")
    parser.add_argument("weights", type=Path, help="folder that weights.py has filled")
    parser.add_argument("out", type=Path, help="folder for results, caches and logs")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--data", type=Path, help="folder with the cuts; served on this machine")
    parser.add_argument(
        "--processes", type=int, default=1, help="that share the work of a stage (default: 1)"
    )
    options = parser.parse_intermixed_args(argv)
    unknown = sorted(set(options.stages) - set(STAGES))
    if unknown:
        parser.error(f"no stage {unknown[0]!r}; the stages are {', '.join(STAGES)}")
    with texts(options.data, options.out) as environment:
        for name in options.stages or STAGES:
            if done(options.out, name):
                print(f"{name}: done before", flush=True)
                continue
            print(f"{name}: runs, log is log.txt beside its results", flush=True)
            run(name, options.weights, options.out, environment, options.processes)


if __name__ == "__main__":
    main()
