"""The command `neuronxa`: one subcommand per verb, heavy imports inside it.

Exit codes: 0 done, 1 a check of `doctor` or the `gate` failed, 2 wrong input or usage, 3 results
that the `gate` cannot compare, 130 interrupted; `run` otherwise ends as the harness ends. Errors
that a user can cause are one sentence on the error stream.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from neuronxa_tasks import __version__
from neuronxa_tasks.commands import (
    completion,
    correlate,
    doctor,
    fetch,
    gate,
    leaderboard,
    link,
    path,
    report,
    sweep,
    tasks,
    transfer,
    unlink,
)
from neuronxa_tasks.commands import list as list_
from neuronxa_tasks.commands.exit_codes import exit_code

_EXAMPLES = """\
examples:
  neuronxa run --model hf-neuronxa --model_args pretrained=DIR_OR_NAME \\
      --tasks neuronxa_flores_xnli,xnli --output_path out
  lm_eval run --model hf --include_path "$(neuronxa path)" ...    the plain harness command
  neuronxa link                                                   ... without that flag from now on
  neuronxa list french                                            tasks and codes of a language
  neuronxa doctor --model_args pretrained=NAME                    will a run work?
  neuronxa fetch flores200                                        the official archive, once
  neuronxa tasks new mycorpus FOLDER -o DIR                       your own parallel text
  neuronxa correlate out scores.csv -o report                     alignment against benchmarks
  neuronxa leaderboard out -o board                               models against each other
  neuronxa report out -o report.html                              all of it in one page
  neuronxa gate --baseline old --candidate new                    did a checkpoint get worse?
  neuronxa sweep checkpoints/ -o sweep -- --tasks neuronxa_mini   a series of checkpoints
"""

_VERBS = (
    (path, "print the folder of the task configs"),
    (link, "copy the task configs into the harness, for the plain command"),
    (unlink, "take them out again"),
    (list_, "our tasks, groups and languages; searchable"),
    (doctor, "look at a model and say whether a full run will work"),
    (fetch, "download a corpus once"),
    (tasks, "make task configs for your own parallel text"),
    (transfer, "fine-tune on English XNLI for zero-shot transfer"),
    (correlate, "correlate alignment scores with benchmarks"),
    (report, "one page with tables and charts, to look at"),
    (leaderboard, "rank models, with the ranks that the data allow"),
    (gate, "say whether a checkpoint may replace another one"),
    (sweep, "run a series of checkpoints and draw their trends"),
    (completion, "a script with which the shell completes verbs and options"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the entry point `neuronxa`.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is no error
            stream.reconfigure(errors="backslashreplace")
    return exit_code(lambda: _command(arguments))


def _command(arguments: list[str]) -> int:
    if arguments[:1] == ["run"]:  # its arguments are the harness' own
        from neuronxa_tasks.commands.run import run

        return run(arguments[1:])
    harness: list[str] = []
    if arguments[:1] == ["sweep"]:
        arguments, harness = sweep.split_at_dashes(arguments)
    parser = _parser()
    options = parser.parse_args(arguments, argparse.Namespace(harness=harness, parser=parser))
    return int(options.action(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neuronxa",
        description="Cross-lingual alignment scores (NASCA, NAVCA, MEXA) in lm-evaluation-harness.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"neuronxa-tasks {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    verbs.add_parser(
        "run",
        help="evaluate a model: `lm_eval run` with our tasks and model; takes all its arguments",
    )
    for command, text in _VERBS:
        name = command.__name__.rpartition(".")[2]
        command.add_arguments(verbs.add_parser(name, help=text))
    return parser
