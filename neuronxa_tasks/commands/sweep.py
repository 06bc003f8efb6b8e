"""`neuronxa sweep`: a series of checkpoints in, a result for each and their trends out."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from neuronxa_tasks.commands.own_process import (
    call,
    ended_by_signals,
    in_forks,
    in_new_processes,
)
from neuronxa_tasks.commands.results_options import add_repeatable, describe
from neuronxa_tasks.errors import NeuronXAError

if TYPE_CHECKING:  # the command line asks for the options before anything heavy is loaded
    from neuronxa_tasks.reports.sweep.checkpoints import Checkpoint
    from neuronxa_tasks.reports.sweep.harness_arguments import HarnessArguments

DESCRIPTION = """\
Runs a series of checkpoints through the same harness run, each in a process of its own (a fork of
one that has loaded everything), and draws alignment and benchmarks against the training step.
CHECKPOINT is NAME@REVISION of the Hub, the folder of a checkpoint, or a folder with such folders
(step-100, step-200, ...). What stands behind `--` are the arguments of `neuronxa run`, without
model and output path. Call it again, and only what is not complete is run.
"""
EXAMPLES = """\
examples:
  neuronxa sweep checkpoints/ -o sweep -- --tasks neuronxa_flores_xnli,xnli --batch_size 16
  neuronxa sweep EleutherAI/pythia-70m@step{1000..5000..1000} -o sweep -- --tasks neuronxa_mini
  neuronxa sweep --list olmo.txt -o sweep --only $SLURM_ARRAY_TASK_ID/8 -- --tasks ...
  neuronxa sweep lora/ -o sweep -- --model_args pretrained=BASE --tasks ...     adapters
  neuronxa sweep -o sweep                                    the trends of what is there

exit codes: 0 all complete, 1 a checkpoint has no result, 2 wrong input, 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    describe(parser, DESCRIPTION, EXAMPLES)
    parser.usage = (
        "neuronxa sweep [CHECKPOINT ...] -o OUT [options] -- --tasks TASKS [arguments of run]"
    )
    add = parser.add_argument
    add("checkpoints", nargs="*", metavar="CHECKPOINT", help="NAME@REVISION, or a folder")
    add("-o", "--out", type=Path, required=True, metavar="OUT", help="folder of the series")
    add(
        "--list",
        type=Path,
        metavar="FILE",
        help="further checkpoints, one a line, a tab and the step behind it if its name lacks it",
    )
    add_repeatable(
        parser,
        "--step",
        "CHECKPOINT=STEP",
        "training step of a checkpoint whose name does not say it (repeatable)",
    )
    add(
        "--only",
        metavar="I/N",
        help="run the Ith of N equal parts, I from 1; for the jobs of an array",
    )
    add(
        "--launcher",
        metavar="COMMAND",
        help="what starts each run, such as 'accelerate launch --num_processes 8' or "
        "'torchrun --nproc-per-node 8' (default: forks of this process)",
    )
    add("--redo", action="store_true", help="run again what has a result of other settings")
    add(
        "--axis",
        choices=("log", "linear"),
        default="log",
        help="axis of the training step in the figures (default: log)",
    )
    add("--no-figures", action="store_true", help="write tables only")
    parser.set_defaults(action=run)


def split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before and behind the first `--`; argparse would mix the two.

    Raises:
        NeuronXAError: arguments of the harness stand there without it.
    """
    words = list(arguments)
    if "--" not in words:
        if "--tasks" in words:
            raise NeuronXAError(
                "--tasks belongs to the harness, and its arguments stand behind `--`. Write for "
                "example: neuronxa sweep checkpoints/ -o OUT -- --tasks neuronxa_mini."
            )
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def run(options: argparse.Namespace) -> int:
    """Runs what is missing, writes the trends; returns the exit code.

    Raises:
        NeuronXAError: anything in the input or the options that cannot be used; nothing has been
            run then.
    """
    from neuronxa_tasks.reports.charts import load_libraries
    from neuronxa_tasks.reports.sweep.harness_arguments import check_arguments, check_base
    from neuronxa_tasks.reports.sweep.pages import write_trends
    from neuronxa_tasks.reports.sweep.records import recorded

    _refuse_many_starts()
    libraries = None if options.no_figures or options.only else load_libraries("--no-figures")
    asked = bool(options.checkpoints or options.list)
    if not asked:
        _refuse_idle(options)
        write_trends(options.out, libraries, options.axis)
        return 0
    arguments = check_arguments(options.harness)
    launcher = _launcher(options.launcher)
    series = _series(options)
    check_base(arguments, series)
    waiting = _waiting(options, series, arguments)
    with ended_by_signals():
        failed = _run_all(options.out, waiting, arguments, launcher)
    if options.only:
        print(f"The trends of all parts: neuronxa sweep -o {shlex.quote(str(options.out))}")
    elif recorded(options.out):
        write_trends(options.out, libraries, options.axis)
    for checkpoint in failed:
        print(f"no result: {checkpoint.label}", file=sys.stderr)
    return 1 if failed else 0


def _series(options: argparse.Namespace) -> tuple[Checkpoint, ...]:
    from neuronxa_tasks.reports.sweep.checkpoints import checked_step, find_checkpoints, read_list

    given = list(options.checkpoints)
    steps: dict[str, int] = {}
    if options.list:
        listed, steps = read_list(options.list)
        given += listed
    for text in options.step:
        checkpoint, equals, step = text.rpartition("=")
        if not equals or not checkpoint:
            raise NeuronXAError(
                f"--step is {text!r}, which does not have the form CHECKPOINT=STEP. Write both."
            )
        steps[checkpoint] = checked_step(step, f"--step {text}")
    series = find_checkpoints(given, steps)
    for note in series.notes:
        print(note)
    return series.checkpoints


def _waiting(
    options: argparse.Namespace, series: Sequence[Checkpoint], arguments: HarnessArguments
) -> list[Checkpoint]:
    """The checkpoints to run; says of the others why not."""
    from neuronxa_tasks.reports.sweep.checkpoints import refuse_mixed
    from neuronxa_tasks.reports.sweep.records import differences, recorded, status

    part, parts = _part(options.only)
    found = {each: status(options.out, each, arguments) for each in series}
    changed = {each: s.why for each, s in found.items() if s.state == "other"}
    if changed and not options.redo:
        each, why = next(iter(changed.items()))
        raise NeuronXAError(
            f"{options.out / each.folder} holds another result than {each.label} would give: "
            f"{why}. Choose another -o, or say --redo to run such checkpoints again "
            f"({len(changed)} of {len(series)})."
        )
    ours = {each.folder for each in series}
    others = [r for f, r in recorded(options.out).items() if f.name not in ours]
    for record in others:
        told = differences(record.settings, arguments.settings)
        if told:
            raise NeuronXAError(
                f"{options.out / record.checkpoint.folder} ({record.checkpoint.label}) is not part "
                f"of this call and was run with other settings: {told}. One OUT holds one series: "
                "choose another -o, or name that checkpoint, too, and say --redo."
            )
    refuse_mixed([*series, *(record.checkpoint for record in others)])
    waiting = []
    for place, each in enumerate(series):
        if place % parts != part:
            continue
        if found[each].state == "complete":
            print(f"{each.label}: complete, skipped")
            continue
        if found[each].why:
            print(f"{each.label}: runs again, {found[each].why}")
        waiting.append(each)
    return waiting


def _run_all(
    out: Path,
    waiting: Sequence[Checkpoint],
    arguments: HarnessArguments,
    launcher: Sequence[str] | None,
) -> list[Checkpoint]:
    from neuronxa_tasks.commands.run import run as run_harness
    from neuronxa_tasks.reports.sweep.records import LOG
    from neuronxa_tasks.reports.sweep.runner import run_checkpoint

    if not waiting:
        return []
    if launcher:
        start = in_new_processes(launcher)
    else:
        start = in_forks(run_harness, arguments.tasks, arguments.include_path)
    failed = []
    for number, each in enumerate(waiting, start=1):
        log = out / each.folder / LOG
        print(f"{each.label}: run {number} of {len(waiting)}, log in {log}", flush=True)
        try:
            outcome = run_checkpoint(out, each, arguments, partial(call, start))
        except KeyboardInterrupt:
            print(f"{each.label}: stopped; the same command goes on from here", flush=True)
            raise
        if outcome.record is None:
            failed.append(each)
            told = f"NO RESULT after {outcome.seconds:.0f} s, {outcome.why}"
            print(f"{each.label}: {told}", flush=True)
            if outcome.usage:
                raise NeuronXAError(
                    f"{outcome.why}. This is about the arguments behind `--` or the text, not "
                    f"about {each.label}: every checkpoint would end so. Correct it and call the "
                    "sweep again; what is complete stays."
                )
        else:
            print(f"{each.label}: complete after {outcome.seconds:.0f} s", flush=True)
    return failed


# --- options ----------------------------------------------------------------------------------


def _part(text: str | None) -> tuple[int, int]:
    """`I/N` as a remainder and N."""
    if text is None:
        return 0, 1
    part, slash, parts = text.partition("/")
    if not (slash and part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise NeuronXAError(
            f"--only is {text!r}, which is no part I/N with I from 1 to N. Write for example 1/8; "
            "a Slurm array of 8 jobs is --array=1-8, and each says $SLURM_ARRAY_TASK_ID/8."
        )
    return int(part) - 1, int(parts)


def _launcher(text: str | None) -> list[str] | None:
    if text is None:
        return None
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise NeuronXAError(
            f"--launcher is {text!r}, which is no command line ({error}). Check its quotes."
        ) from error
    if not words or shutil.which(words[0]) is None:
        raise NeuronXAError(
            f"--launcher is {text!r}, but there is no program {words[0] if words else ''!r}. "
            "Give a program that is installed, such as 'accelerate launch --num_processes 8'; "
            "`-m neuronxa_tasks run ...` is put behind it."
        )
    return words


def _refuse_idle(options: argparse.Namespace) -> None:
    if options.harness or options.only or options.step or options.redo or options.launcher:
        raise NeuronXAError(
            "No checkpoint was named, so nothing can be run. Name checkpoints, or leave out all "
            "but -o to write the trends of what is there."
        )


def _refuse_many_starts() -> None:
    """Under a launcher there would be many sweeps, each running everything."""
    for name, least, who in (("WORLD_SIZE", 2, "a launcher"), ("SLURM_PROCID", 1, "srun")):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) >= least:
            raise NeuronXAError(
                f"The sweep itself was started several times by {who} ({name} is {value}), and "
                "each would run everything. Start it once, and give the launcher to it: "
                "--launcher 'accelerate launch --num_processes 8'."
            )
