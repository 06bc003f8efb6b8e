"""Run the toy world's experiment: real harness runs over the family, then statistics over them.

python results/world/experiment.py OUT [--also FOLDER ...]

OUT/runs/NAME holds the harness run of each shipped model, and of each model trained with another
seed (--also); OUT/sweep the series of the Llama's earlier checkpoints; OUT/correlate, OUT/board and
OUT/report.html what the commands of the same names make of the runs. What is there already is not
run again. The tables go to standard output.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import tables

from neuronxa_tasks.demo import shipped
from neuronxa_tasks.metric_names import SCORES

BENCHMARKS = ("cloze", "knowledge", "story", "nli")
TASKS = ",".join(["neuronxa_world", *(f"neuronxa_world_{name}" for name in BENCHMARKS)])
CONTROLS = {"control": ["untrained"], "control_seeds": 2}
SETTINGS = ["--batch_size", "64", "--device", "cpu"]
SERIES = "llama"
"""The model of which earlier checkpoints are shipped."""


def neuronxa(*arguments: object) -> None:
    """Run a command of the package, and say which.

    Raises:
        SystemExit: If the command fails.
    """
    words = [str(a) for a in arguments]
    print("neuronxa", shlex.join(words), file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "neuronxa_tasks", *words], check=False)
    if done.returncode:
        raise SystemExit(f"neuronxa {words[0]} ended with exit code {done.returncode}.")


def model_arguments(folder: Path) -> str:
    """What `--model_args` takes: float32, so that scores do not depend on the machine's halves."""
    return f"pretrained={folder},dtype=float32"


def run(name: str, folder: Path, out: Path) -> None:
    """One harness run of all tasks of the world."""
    if not list((out / "runs" / name).rglob("results_*.json")):
        neuronxa(
            *("run", "--model", "hf-neuronxa", "--model_args", model_arguments(folder)),
            *("--tasks", TASKS, "--metadata", json.dumps(CONTROLS), *SETTINGS),
            *("--log_samples", "--output_path", out / "runs" / name),
        )


def series(out: Path) -> None:
    """The series over training; the last step is that of the shipped model itself."""
    last = shipped.folder(SERIES)
    made = json.loads((last / "training.json").read_text(encoding="utf-8"))
    earlier = [shipped.folder(name) for name in shipped.names() if name.startswith(f"{SERIES}/")]
    neuronxa(
        *("sweep", *earlier, last, "--step", f"{last}={made['steps']}", "-o", out / "sweep"),
        *("--", "--tasks", TASKS, "--model", "hf-neuronxa", "--model_args", "dtype=float32"),
        *SETTINGS,
    )


def main() -> None:
    """Run what is missing, then the statistics."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the experiment")
    parser.add_argument(
        "--also", type=Path, nargs="*", default=[], help="folders of models of other seeds"
    )
    parser.add_argument("--no-series", action="store_true", help="leave out the series")
    options = parser.parse_args()
    out: Path = options.out
    models = {name: shipped.folder(name) for name in shipped.names() if "/" not in name}
    models |= {folder.name: folder for folder in options.also}
    for name, folder in models.items():
        run(name, folder, out)
    if not options.no_series:
        series(out)
    renamed = [word for n, f in models.items() for word in ("--name", f"{f}={n}")]
    runs = out / "runs"
    neuronxa("correlate", runs, "-o", out / "correlate", *renamed)
    ranked = [word for metric in SCORES for word in ("--metric", metric)]
    neuronxa("leaderboard", runs, "-o", out / "board", *ranked, *renamed)
    neuronxa("report", runs, "-o", out / "report.html", *renamed)
    tables.write(out, models)


if __name__ == "__main__":
    main()
