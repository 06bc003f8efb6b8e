"""The harness' own arguments: checked once, handed through, and what of them makes the numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.sweep.checkpoints import Checkpoint

HOW_NOT_WHAT = frozenset({
    "batch_size", "cache_requests", "device", "hf_hub_log_args", "max_batch_size", "show_config",
    "trackio_args", "use_cache", "verbosity", "wandb_args", "wandb_config_args", "write_out",
})  # fmt: skip
"""Arguments that say how a run is done. They may change within a series: a smaller batch must not
cost what is already computed."""

_PRIVATE = ("command", "func")
_OURS = ("revision", "peft")  # and `pretrained`, but for the base of adapters
_KEEPING = ("neuronxa_resume", "neuronxa_resume_dir")  # where a killed run goes on from


@dataclass(frozen=True, slots=True)
class HarnessArguments:
    """Arguments of `neuronxa run` without model and output path.

    Attributes:
        words: as they were typed.
        tasks: items of `--tasks`.
        include_path: of `--include_path`, if it was given.
        settings: argument to value, as JSON holds it: those that make the numbers, sorted.
    """

    words: tuple[str, ...]
    tasks: tuple[str, ...]
    include_path: str | None
    settings: dict[str, Any]

    def run_of(self, checkpoint: Checkpoint, output: str) -> list[str]:
        """What stands behind `neuronxa` for one checkpoint.

        Args:
            checkpoint: which is run.
            output: `--output_path`.
        """
        key = "peft" if checkpoint.is_adapter else "pretrained"  # the base is among the words
        model = {key: checkpoint.pretrained}
        if checkpoint.revision:
            model["revision"] = checkpoint.revision
        # As JSON: a folder may be called `run,7`, and a revision 1000 must not become a number.
        return ["run", *self.words, "--model_args", json.dumps(model, ensure_ascii=False),
                "--output_path", output]  # fmt: skip


def check_base(arguments: HarnessArguments, series: Sequence[Checkpoint]) -> None:
    """Sees to it that adapters have a base model, and that nothing else has one.

    Raises:
        NeuronXAError: no base for adapters, a base for models, or both kinds in one series.
    """
    base = (arguments.settings.get("model_args") or {}).get("pretrained")
    adapters = [each for each in series if each.is_adapter]
    others = [each for each in series if not each.is_adapter]
    if adapters and others:
        raise NeuronXAError(
            f"{adapters[0].label} is an adapter and {others[0].label} is a model of its own. Sweep "
            "them into two OUT folders."
        )
    if adapters and not base:
        raise NeuronXAError(
            f"{adapters[0].label} is an adapter, which needs the model that it was trained on. "
            "Name it behind `--`: --model_args pretrained=BASE; each checkpoint becomes its peft=."
        )
    if others and base:
        raise NeuronXAError(
            f"--model_args has pretrained={base}, which the sweep sets for each checkpoint. Leave "
            "it out and name checkpoints before `--`: NAME@REVISION or a folder. (Only adapters "
            "take a base.)"
        )


def digest(settings: dict[str, Any]) -> str:
    """Hash of settings."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_arguments(words: Sequence[str]) -> HarnessArguments:
    """Reads the harness' arguments with the harness' own parser, which imports no torch.

    Raises:
        NeuronXAError: no tasks, or something that the sweep sets for each checkpoint.
        SystemExit: an argument that the harness does not know (it prints its usage; code 2).
    """
    from lm_eval._cli import HarnessCLI
    from lm_eval.config.evaluate_config import EvaluatorConfig

    try:
        given = vars(HarnessCLI()._parser.parse_args(["run", *words]))
        from_file: dict[str, Any] = {}
        if given.get("config"):
            from_file = EvaluatorConfig.load_yaml_config(given["config"])
    except (OSError, ValueError) as error:
        raise NeuronXAError(
            f"The harness refuses its arguments behind `--`: {error} Correct them; "
            "`neuronxa run --help` lists all."
        ) from error
    typed = {
        key: value
        for key, value in given.items()
        if value is not None and key not in (*_PRIVATE, "config")
    }
    _refuse_ours(typed, from_file)
    merged = {**from_file, **typed}
    if not merged.get("tasks"):
        raise NeuronXAError(
            "The arguments of the harness name no tasks, so there is nothing to run. Write them "
            "behind `--`, such as: -- --tasks neuronxa_flores_xnli,xnli --batch_size 16."
        )
    tasks = [merged["tasks"]] if isinstance(merged["tasks"], str) else merged["tasks"]
    names = tuple(item.strip() for text in map(str, tasks) for item in text.split(","))
    path = merged.get("include_path")
    return HarnessArguments(tuple(words), names, path and str(path), _settings(merged))


def _settings(merged: dict[str, Any]) -> dict[str, Any]:
    kept = {key: merged[key] for key in sorted(merged) if key not in HOW_NOT_WHAT}
    if isinstance(kept["tasks"], list):  # their order makes no number
        kept["tasks"] = sorted(map(str, kept["tasks"]))
    model = {k: v for k, v in (kept.pop("model_args", None) or {}).items() if k not in _KEEPING}
    if model:
        kept["model_args"] = model
    found: dict[str, Any] = json.loads(json.dumps(kept, default=str))
    return found


def _refuse_ours(typed: dict[str, Any], from_file: dict[str, Any]) -> None:
    both = {**from_file, **typed}
    if both.get("output_path"):
        raise NeuronXAError(
            f"--output_path is {both['output_path']!r}, but the sweep gives each checkpoint a "
            "folder of its own below OUT. Leave it out; -o before `--` names OUT."
        )
    if from_file.get("model_args"):
        raise NeuronXAError(
            "The file of --config sets model_args, which the harness would forget once the sweep "
            "names the checkpoint. Take them out there and write them behind `--`, such as "
            "--model_args dtype=bfloat16."
        )
    for key in _OURS:
        if key in (typed.get("model_args") or {}):
            raise NeuronXAError(
                f"--model_args has {key}={typed['model_args'][key]}, which the sweep sets for each "
                "checkpoint. Leave it out and name checkpoints before `--`: NAME@REVISION or a "
                "folder."
            )
