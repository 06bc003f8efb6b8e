"""`neuronxa run --checkpoints`: several checkpoints, of which each is a run of its own."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from neuronxa_tasks.commands.own_process import Do, Run, Start, end, ended_by_signals, in_forks
from neuronxa_tasks.errors import NeuronXAError

OPTION, AT_ONCE = "--checkpoints", "--at_once"
_LOOK = 0.1
"""Seconds between two looks at the runs that are going on."""


@dataclass(slots=True)
class _Going:
    """A run that is going on, and the file of what it prints where that is shown at its end."""

    checkpoint: str
    run: Run
    printed: IO[bytes] | None


@dataclass(slots=True)
class _State:
    going: list[_Going] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def is_asked_for(words: Sequence[str]) -> bool:
    """Do the arguments of `run` name several checkpoints?"""
    return any(word.partition("=")[0] in (OPTION, AT_ONCE) for word in words)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the two options."""
    group = parser.add_argument_group("several checkpoints")
    group.add_argument(
        OPTION,
        nargs="+",
        metavar="CHECKPOINT",
        help="folders, or NAME or NAME@REVISION of the Hub: each is evaluated in a process of its "
        "own, and the start is paid once; one that fails does not lose the others",
    )
    group.add_argument(
        AT_ONCE,
        type=int,
        default=1,
        metavar="N",
        help="so many of them at the same time (default: 1)",
    )


def run_many(run: Do, words: Sequence[str]) -> int:
    """Run each checkpoint with the same arguments.

    Args:
        run: Does what `neuronxa run` does with its arguments.
        words: These arguments.

    Returns:
        0 where every checkpoint has its results, else 1.

    Raises:
        NeuronXAError: The arguments do not say what to run.
    """
    parser = argparse.ArgumentParser(prog="neuronxa run", add_help=False, allow_abbrev=False)
    add_options(parser)
    options, rest = parser.parse_known_args(list(words))
    checkpoints: list[str] = options.checkpoints or []
    if not checkpoints:
        raise NeuronXAError(f"{AT_ONCE} needs {OPTION}, which names what to run.")
    if options.at_once < 1:
        raise NeuronXAError(f"{AT_ONCE} is {options.at_once}; it must be 1 or more.")
    twice = [each for each in dict.fromkeys(checkpoints) if checkpoints.count(each) > 1]
    if twice:
        raise NeuronXAError(f"{OPTION} names {twice[0]} twice. Name each checkpoint once.")
    tasks, include_path = _checked(rest)
    start = in_forks(run, tasks, include_path)
    state = _State()
    with ended_by_signals():
        try:
            for number, checkpoint in enumerate(checkpoints, start=1):
                while len(state.going) >= options.at_once:
                    _await_one(state)
                print(f"{checkpoint}: run {number} of {len(checkpoints)}", flush=True)
                state.going.append(_started(start, rest, checkpoint, options.at_once > 1))
            while state.going:
                _await_one(state)
        except BaseException:
            for each in state.going:
                end(each.run)
            raise
    for checkpoint in state.failed:
        print(f"no result: {checkpoint}", file=sys.stderr)
    return 1 if state.failed else 0


def _checked(rest: Sequence[str]) -> tuple[list[str], str | None]:
    """The tasks, and the folder of further ones.

    Raises:
        NeuronXAError: Something names the model already.
    """
    from neuronxa_tasks.harness.launch import arguments as launch
    from neuronxa_tasks.harness.launch.task_index import items

    options = launch.parsed(rest)
    given = launch.run_config(getattr(options, "config", None))
    model = launch.model_arguments(options.model_args)
    for key in ("pretrained", "revision"):
        if key in model:
            raise NeuronXAError(
                f"--model_args has {key}={model[key]}, and {OPTION} names models, too. Take one "
                "of them out."
            )
    if given.get("model_args"):
        raise NeuronXAError(
            f"The file of --config sets model_args, which would be forgotten, since {OPTION} names "
            "the models. Write them as --model_args on the command line."
        )
    tasks = options.tasks or given.get("tasks") or []
    path = options.include_path or given.get("include_path")
    return list(items(tasks)), path and str(path)


def _started(start: Start, rest: Sequence[str], checkpoint: str, kept: bool) -> _Going:
    name, _, revision = checkpoint.partition("@")
    model = {"pretrained": checkpoint}
    if revision and not Path(checkpoint).exists():
        model = {"pretrained": name, "revision": revision}
    words = ["run", *rest, "--model_args", json.dumps(model, ensure_ascii=False)]
    printed = tempfile.TemporaryFile() if kept else None  # noqa: SIM115  closed when shown
    return _Going(checkpoint, start(words, printed, None), printed)


def _await_one(state: _State) -> None:
    """Wait until one of the runs has ended, and show what it printed."""
    while True:
        for each in state.going:
            try:
                code = each.run.wait(_LOOK / len(state.going))
            except subprocess.TimeoutExpired:
                continue
            state.going.remove(each)
            if each.printed is not None:
                with each.printed:
                    each.printed.seek(0)
                    print(
                        f"{each.checkpoint}: ended with exit code {code}; it printed:", flush=True
                    )
                    shutil.copyfileobj(each.printed, sys.stdout.buffer)
                    sys.stdout.flush()
            if code != 0:
                state.failed.append(each.checkpoint)
            return
