"""The command `neuronxa`: one subcommand per verb, heavy imports inside it.

Exit codes: 0 done, 1 a check of `doctor` or the `gate` failed, 2 wrong input or usage, 3 results
that the `gate` cannot compare, 130 interrupted; `run` otherwise ends as the harness ends. Errors
that a user can cause are one sentence on the error stream.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from neuronxa_tasks import __version__, guard, transfer
from neuronxa_tasks.correlate import command as correlate_command
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.gate import command as gate_command
from neuronxa_tasks.leaderboard import command as leaderboard_command
from neuronxa_tasks.options import DEFAULT_N
from neuronxa_tasks.report import command as report_command
from neuronxa_tasks.sweep import command as sweep_command

_EXAMPLES = """\
examples:
  neuronxa run --model hf-neuronxa --model_args pretrained=DIR_OR_NAME \\
      --tasks neuronxa_flores_xnli,xnli --output_path out
  lm_eval run --model hf --include_path "$(neuronxa path)" ...    the plain harness command
  neuronxa doctor --model_args pretrained=NAME                    will a run work?
  neuronxa fetch flores200                                        the official archive, once
  neuronxa tasks new mycorpus FOLDER -o DIR                       your own parallel text
  neuronxa correlate out scores.csv -o report                     alignment against benchmarks
  neuronxa leaderboard out -o board                               models against each other
  neuronxa report out -o report.html                              all of it in one page
  neuronxa gate --baseline old --candidate new                    did a checkpoint get worse?
  neuronxa sweep checkpoints/ -o sweep -- --tasks neuronxa_mini   a series of checkpoints
"""


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
    try:
        code = _command(arguments)
        sys.stdout.flush()
        return code
    except NeuronXAError as error:
        print(f"neuronxa: error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        return guard.disk_fault(error)
    except KeyboardInterrupt:
        print("neuronxa: interrupted", file=sys.stderr)
        return 130


def _command(arguments: list[str]) -> int:
    if arguments[:1] == ["run"]:  # its arguments are the harness' own
        return _run(arguments[1:])
    harness: list[str] = []
    if arguments[:1] == ["sweep"]:
        arguments, harness = sweep_command.split_at_dashes(arguments)
    options = _parser().parse_args(arguments, argparse.Namespace(harness=harness))
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
    path = verbs.add_parser("path", help="print the folder of the task configs")
    path.add_argument(
        "--checkpoint",
        nargs="?",
        const="llama",
        metavar="NAME",
        help="print the folder of a shipped tiny model instead: llama (default), qwen3, ...",
    )
    path.set_defaults(action=_path)

    doctor = verbs.add_parser(
        "doctor",
        help="look at a model and say whether a full run will work",
        description="Loads a model as `neuronxa run` would, reports what it is, and runs ten "
        "sentences through it. Exit code 1 if a check fails.",
    )
    doctor.add_argument(
        "--model_args", required=True, help="as for `run`: pretrained=NAME,dtype=bfloat16,..."
    )
    doctor.add_argument("--device", help="as for `run`: cpu, cuda:0, ...")
    doctor.add_argument(
        "--n", type=int, default=DEFAULT_N, help="sentence pairs of the run that is planned"
    )
    doctor.set_defaults(action=_doctor)

    fetch = verbs.add_parser(
        "fetch", help="download a corpus once", description="Download and check a corpus once."
    )
    fetch.add_argument("corpus", choices=["flores200"])
    fetch.add_argument("--url", help="another place for the same archive, such as a mirror")
    fetch.add_argument(
        "--to", type=Path, metavar="DIR", help="cache folder (default: NEURONXA_CACHE or ~/.cache)"
    )
    fetch.set_defaults(action=_fetch)

    tasks = verbs.add_parser("tasks", help="make task configs for your own parallel text")
    kinds = tasks.add_subparsers(metavar="COMMAND", required=True)
    new = kinds.add_parser(
        "new",
        help="turn a folder of line-parallel files into task configs",
        description="FOLDER holds one file `<code>.txt` per language, one sentence per line; line "
        "i means the same in every file. The configs are for --include_path.",
    )
    new.add_argument("name", help="name of the corpus in the task names: neuronxa_NAME_<code>")
    new.add_argument("folder", type=Path, help="folder with the files <code>.txt")
    new.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="where to write")
    new.add_argument("--pivot", default="eng_Latn", help="pivot language (default: eng_Latn)")
    new.add_argument("--force", action="store_true", help="replace configs of the same name")
    new.set_defaults(action=_new_tasks)

    tune = verbs.add_parser("transfer", help="fine-tune on English XNLI for zero-shot transfer")
    transfer.add_arguments(tune)
    tune.set_defaults(action=transfer.run)
    correlate_command.add_arguments(
        verbs.add_parser("correlate", help="correlate alignment scores with benchmarks")
    )
    report_command.add_arguments(
        verbs.add_parser("report", help="one page with tables and charts, to look at")
    )
    leaderboard_command.add_arguments(
        verbs.add_parser("leaderboard", help="rank models, with the ranks that the data allow")
    )
    gate_command.add_arguments(
        verbs.add_parser("gate", help="say whether a checkpoint may replace another one")
    )
    sweep_command.add_arguments(
        verbs.add_parser("sweep", help="run a series of checkpoints and draw their trends")
    )
    return parser


def _path(options: argparse.Namespace) -> int:
    from neuronxa_tasks.demo import shipped
    from neuronxa_tasks.plugin import task_configs

    print(task_configs() if options.checkpoint is None else shipped.folder(options.checkpoint))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from neuronxa_tasks.doctor import examine
    from neuronxa_tasks.model import NeuronXALM

    arguments = guard.model_arguments(options.model_args)
    guard.announce(arguments)
    with guard.loading_told(arguments):
        lm = NeuronXALM.create_from_arg_string(options.model_args, {"device": options.device})
    examination = examine(
        lm.model,
        lm.tokenizer,
        n=options.n,
        max_length=lm.max_length,
        add_special_tokens=lm.add_bos_token,
    )
    print(examination)
    return 0 if examination.ok else 1


def _fetch(options: argparse.Namespace) -> int:
    from neuronxa_tasks import fetch

    place = {} if options.url is None else {"url": options.url}
    folder = fetch.fetch_flores200(folder=options.to, **place)
    print(folder)
    return 0


def _new_tasks(options: argparse.Namespace) -> int:
    from neuronxa_tasks.scaffold import new_tasks

    report = new_tasks(
        options.name, options.folder, options.out, options.pivot, overwrite=options.force
    )
    print(report)
    return 0


def _run(arguments: list[str]) -> int:
    """Hand over to `lm_eval run`, with our tasks and model known to it."""
    from neuronxa_tasks.plugin import register, task_configs
    from neuronxa_tasks.summary import collected, summary

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from lm_eval._cli import HarnessCLI
    from lm_eval.utils import setup_logging

    setup_logging()
    harness = HarnessCLI()
    sys.argv = ["neuronxa", "run", *arguments]  # the harness reads them from there
    options = harness.parse_args()
    given = guard.run_config(getattr(options, "config", None))
    user_path = options.include_path or given.get("include_path")
    if user_path and not Path(user_path).is_dir():
        raise NeuronXAError(
            f"--include_path is {user_path!r}, which is not a folder. Give one folder with task "
            "configs; those of neuronxa-tasks are always included."
        )
    options.include_path = [str(task_configs()), *([str(user_path)] if user_path else [])]
    model = guard.model_arguments(options.model_args or given.get("model_args"))
    remote_code = getattr(options, "trust_remote_code", None) or given.get("trust_remote_code")
    guard.announce(model | ({"trust_remote_code": True} if remote_code else {}))
    output = options.output_path or given.get("output_path")
    out = Path(output) if output else None
    if out:
        guard.check_output(out, model)
    register()
    try:
        with collected() as blocks, guard.results_saved(out), guard.loading_told(model):
            harness.execute(options)
    except ValueError as error:
        if str(error).startswith("Tasks not found"):
            raise NeuronXAError(f"{error}.{_similar_tasks(error, options.include_path)}") from None
        if str(error).startswith("Duplicate task"):
            raise NeuronXAError(
                f"{error}. The harness runs no task twice, and these groups overlap. Name the "
                "parts that you need, or write one group of both for --include_path."
            ) from None
        raise
    if blocks and os.environ.get("RANK", "0") == "0":
        print("\n\n".join(map(summary, blocks)))
    return 0


def _similar_tasks(error: ValueError, include_path: list[str]) -> str:
    from difflib import get_close_matches

    from lm_eval.tasks import TaskManager

    names = TaskManager(include_path=include_path).all_tasks
    missing = str(error).partition(": ")[2].split(", ")
    close = [match for name in missing for match in get_close_matches(name, names, n=3)]
    hint = f" Did you mean {', '.join(close)}?" if close else ""
    return f"{hint} `lm_eval ls tasks --include_path {include_path[0]}` lists all names."
