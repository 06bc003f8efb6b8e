"""How long the commands take that read results, and how much memory, with many results files.

Run it with `python tests/bench/many_files.py RESULTS_FILE`, a results file of the harness with
alignment and a benchmark (`make demo` writes five). Its tasks are written one to a file, as the
jobs of a cluster do, for as many models as the number of files asks for; the models differ in
the benchmark's values. Then each command reads them all.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BY_TASK = ("results", "configs", "versions", "n-shot", "n-samples", "task_hashes")
COMMANDS = ("leaderboard", "report", "correlate")


def main() -> None:
    """Write the files, run the commands, print time and memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path, help="results file with alignment and a benchmark")
    parser.add_argument("--files", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--benchmark", default="world_knowledge", help="(default: %(default)s)")
    parser.add_argument("--corpus", default="world", help="(default: %(default)s)")
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=COMMANDS)
    options = parser.parse_args()
    content = json.loads(options.source.read_text(encoding="utf-8"))
    tasks = list(content["config"]["neuronxa"]["tasks"])
    codes = [task.removeprefix(f"neuronxa_{options.corpus}_") for task in tasks]
    of_benchmark = [f"neuronxa_{options.benchmark}_{code}" for code in codes]
    tasks += [task for task in of_benchmark if task in content["results"]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "results")
        folder.mkdir()
        write(content, tasks, folder, options.files)
        models = -(-options.files // len(tasks))
        print(f"{options.files} files of {models} models, {len(tasks)} tasks each", flush=True)
        for command in options.commands:
            seconds, peak, told = measured([command, str(folder), "--out", f"{name}/{command}"])
            print(f"{command:12} {seconds:8.1f} s of the processor, {peak:6.0f} MiB: {told}")


def write(content: dict[str, Any], tasks: list[str], folder: Path, files: int) -> None:
    """Results files with one task each."""
    draw = random.Random(0)
    one_by_one: dict[str, dict[str, Any]] = {}
    for task in tasks:
        one = copy.deepcopy(content)
        one |= {key: {task: one[key][task]} for key in BY_TASK if task in one.get(key, {})}
        one |= {"groups": {}, "group_subtasks": {}}
        block = one["config"]["neuronxa"]
        block["tasks"] = {key: value for key, value in block["tasks"].items() if key == task}
        one_by_one[task] = one
    for number in range(files):
        task = tasks[number % len(tasks)]
        one = copy.deepcopy(one_by_one[task])
        model = f"model-{number // len(tasks)}"
        one["model_name"] = model
        one["config"]["model_args"] = {"pretrained": model}
        scores = one["results"][task]
        for metric in ("acc,none", "acc_norm,none"):
            if metric in scores:
                scores[metric] = min(1.0, max(0.0, scores[metric] + draw.uniform(-0.2, 0.2)))
        (folder / f"results_{number:06d}.json").write_text(json.dumps(one), encoding="utf-8")


def measured(arguments: list[str]) -> tuple[float, float, str]:
    """Seconds of the processor, peak memory in MiB and the last line of a command."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "neuronxa_tasks", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    told = process.stdout.read().strip().rpartition("\n")[2]
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        elapsed = time.monotonic() - started
        raise SystemExit(f"{arguments[0]} ended with {process.returncode} after {elapsed:.0f} s")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, told


if __name__ == "__main__":
    main()
