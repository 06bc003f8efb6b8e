"""A launcher that stands in the harness' place: writes results that a test has laid out.

`python sweep_data.py FOLDER -m neuronxa_tasks run ...` looks up the checkpoint's name in FOLDER:
`NAME.json` is copied as its result; NAME.fail, NAME.usage, NAME.hang, NAME.cut make the run fail
with its model or before it, wait for its end, or leave half a file.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from correlate_data import CODES, hits_of, results

from neuronxa_tasks.names import CHECKED

HARNESS = ("--tasks", "neuronxa_mini", "--model_args", "dtype=float32")


def launcher(plan: Path) -> str:
    """The option `--launcher` of a test."""
    return f"{sys.executable} {Path(__file__).resolve()} {plan}"


def checkpoints(parent: Path, steps: Sequence[int]) -> Path:
    """A folder with folders that look like checkpoints."""
    for step in steps:
        folder = parent / f"step-{step}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}", encoding="utf-8")
    return parent


def lay_out(plan: Path, steps: Sequence[int], **options: Any) -> None:
    """Results of a model that learns, for checkpoints `step-N`."""
    plan.mkdir(exist_ok=True)
    for step in steps:
        content = learned(step, **options)
        (plan / f"step-{step}.json").write_text(json.dumps(content), encoding="utf-8")


def learned(
    step: int, languages: Sequence[str] = tuple(CODES), last: int = 100_000
) -> dict[str, Any]:
    """A results file at one training step: alignment and XNLI rise, late languages less."""
    grown = math.log1p(step) / math.log1p(last)
    others = [code for code in languages if code != "eng_Latn"]
    hits = {
        code: {
            "nas": hits_of(0.6 * grown * (1 - i / 30)),
            "nav": hits_of(0.5 * grown * (1 - i / 30)),
            "hidden": hits_of(0.7 * grown**2 * (1 - i / 30)),
        }
        for i, code in enumerate(others)
    }
    xnli = {code: 0.33 + 0.25 * grown**2 * (1 - i / 30) for i, code in enumerate(languages)}
    content = results(f"step-{step}", hits, {"xnli": xnli})
    block = content["config"]["neuronxa"]
    for facts in block["tasks"].values():
        rate = sum(facts["nas"]["mutual"]) / 300
        facts["intervals"] = {"nasca": [max(0.0, rate - 0.04), rate + 0.04], "mexa": None}
    content["results"]["arc_easy"] = {"acc,none": 0.3 + 0.3 * grown, "acc_stderr,none": 0.01}
    return content


def main() -> int:
    plan, words = Path(sys.argv[1]), sys.argv[2:]
    model = json.loads(words[len(words) - 1 - words[::-1].index("--model_args") + 1])
    output = Path(words[words.index("--output_path") + 1])
    name = Path(model.get("peft") or model["pretrained"]).name + model.get("revision", "")
    (plan / "calls.txt").open("a", encoding="utf-8").write(name + "\n")
    if (plan / f"{name}.hang").exists():
        (plan / f"{name}.hanging").touch()
        time.sleep(600)
    if (plan / f"{name}.fail").exists():
        print(CHECKED)
        print("neuronxa: error: The tokenizer is gone. Look for it.")
        return 2
    if (plan / f"{name}.usage").exists():
        print("neuronxa: error: n is 1. Set it to 2 or more.")
        return 2
    content = (plan / f"{name}.json").read_text(encoding="utf-8")
    if (plan / f"{name}.cut").exists():
        content = content[: len(content) // 2]
    if not (plan / f"{name}.silent").exists():
        output.with_name("results_2026-01-01T00-00-00.json").write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
