"""Run the toy world's experiment: real harness runs over the family, then statistics over them.

python results/world/experiment.py OUT [--quick]

OUT/runs/NAME holds the harness run of each model; OUT/sweep the series of the Llama's
checkpoints, and OUT/early the correlations in the earlier ones; OUT/correlate, OUT/board and
OUT/report.html what the commands of these names make of the runs of the five architectures. What is
there already is not run again. The tables go to standard output, what is run to the error stream.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import tables
from neuronxa_tasks.names import SCORES
from workshop import checkpoints
from workshop.models import ARCHITECTURES

BENCHMARKS = ("cloze", "knowledge", "story", "nli")
TASKS = ",".join(["neuronxa_world", *(f"neuronxa_world_{name}" for name in BENCHMARKS)])
TRANSFER = ("knowledge", "nli")
"""What crosses from language to language; in the other two all languages are at ceiling."""
BESIDE = {"control": ["untrained"], "control_seeds": 2, "variants": ["centred"]}
"""What every run of a model also computes."""
SETTINGS = ["--batch_size", "64", "--device", "cpu"]
SERIES = "llama"
"""The model of which earlier checkpoints were kept."""


def neuronxa(*arguments: object) -> None:
    """Run a command of the package, and say which.

    Raises:
        SystemExit: If the command fails.
    """
    words = [str(a) for a in arguments]
    print("neuronxa", shlex.join(words), file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "neuronxa_tasks", *words]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(f"neuronxa {words[0]} ended with exit code {done.returncode}.")


def run(name: str, folder: Path, out: Path) -> Path:
    """One harness run of all tasks of the world; returns the folder of its results."""
    results = out / "runs" / name
    if not list(results.rglob("results_*.json")):
        neuronxa(
            *("run", "--model", "hf-neuronxa", "--tasks", TASKS, *SETTINGS),
            *("--model_args", f"pretrained={folder},dtype=float32"),
            *("--metadata", json.dumps(BESIDE), "--output_path", results),
        )
    return results


def series(out: Path) -> None:
    """The series over training; the last step is that of the model itself."""
    last = checkpoints.folder(SERIES)
    steps = tables.training(last)["steps"]
    names = [name for name in checkpoints.names() if name.startswith(f"{SERIES}/")]
    earlier = [checkpoints.folder(name) for name in names]
    neuronxa(
        *("sweep", *earlier, last, "--step", f"{last}={steps}", "-o", out / "sweep"),
        *("--", "--model", "hf-neuronxa", "--model_args", "dtype=float32"),
        *("--tasks", TASKS, *SETTINGS),
    )
    renamed = [w for each in earlier for w in ("--name", f"{each}={SERIES}-{each.name}")]
    results = [out / "sweep" / each.name for each in earlier]
    neuronxa("correlate", *results, "-o", out / "early", *metrics("_max"), *renamed)


def metrics(*endings: str) -> list[str]:
    """Options for the scores that are compared: mean, and with these endings."""
    names = [f"{score}{ending}" for score in SCORES for ending in ("", *endings)]
    return [word for name in names for word in ("--metric", name)]


def main() -> None:
    """Run what is missing, then the statistics."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the experiment")
    parser.add_argument(
        "--quick", action="store_true", help="without the other seeds and the series"
    )
    options = parser.parse_args()
    out: Path = options.out
    kept = [name for name in checkpoints.names() if "/" not in name]
    names = [name for name in kept if name in ARCHITECTURES or not options.quick]
    models = {name: checkpoints.folder(name) for name in names}
    runs = {name: run(name, folder, out) for name, folder in models.items()}
    if not options.quick:
        series(out)
    family = [runs[name] for name in ARCHITECTURES]
    renamed = [word for name in ARCHITECTURES for word in ("--name", f"{models[name]}={name}")]
    asked = [word for name in TRANSFER for word in ("--benchmark", f"world_{name}")]
    ranked = [word for score in SCORES for word in ("--metric", score)]
    primary = f"world_{TRANSFER[0]}:{next(iter(SCORES))}"
    shares = tables.dials(models[SERIES])
    rows = ["language,bilingual_share", *(f"{code},{share}" for code, share in shares.items())]
    (out / "dials.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    neuronxa(
        *("correlate", *family, "-o", out / "correlate", "--primary", primary, *asked),
        *("--covariates", out / "dials.csv"),
        *(*metrics("_centred"), *renamed),
    )
    neuronxa("leaderboard", *family, "-o", out / "board", *ranked, *renamed)
    neuronxa("report", *family, "-o", out / "report.html", *renamed)
    tables.write(out, models)


if __name__ == "__main__":
    main()
