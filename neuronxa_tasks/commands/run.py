"""`neuronxa run`: `lm_eval run` with our tasks and model known to it."""

from __future__ import annotations

import os
from pathlib import Path

from neuronxa_tasks.commands.run_many import add_options, is_asked_for, run_many
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.launch import arguments as launch
from neuronxa_tasks.harness.launch.loading_errors import loading_told
from neuronxa_tasks.harness.launch.model_arguments import check_device
from neuronxa_tasks.harness.launch.output import (
    check_output,
    is_first,
    only_the_first_saves,
    results_saved,
)
from neuronxa_tasks.harness.launch.shared_tasks import shared_tasks
from neuronxa_tasks.harness.launch.shown import log_level, shown, where


def run(arguments: list[str]) -> int:
    """Hand over to `lm_eval run`, with our tasks and model known to it; several times, if asked."""
    if not arguments or {"-h", "--help"} & set(arguments):
        parser = launch.harness_parser()
        add_options(parser)
        parser.print_help()
        return 0
    if is_asked_for(arguments):
        return run_many(run, arguments)
    from neuronxa_tasks.harness.plugin import register, task_configs
    from neuronxa_tasks.harness.printed_table import collected, summary

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    options = launch.parsed(arguments)
    given = launch.run_config(getattr(options, "config", None))
    level = log_level(options.verbosity or given.get("verbosity"))
    user_path = options.include_path or given.get("include_path")
    if user_path and not Path(user_path).is_dir():
        raise NeuronXAError(
            f"--include_path is {user_path!r}, which is not a folder. Give one folder with task "
            "configs; those of neuronxa-tasks are always included."
        )
    options.include_path = [str(task_configs()), *([str(user_path)] if user_path else [])]
    options.tasks = launch.own_names(options.tasks or given.get("tasks"))
    model = launch.model_arguments(options.model_args or given.get("model_args"))
    remote_code = getattr(options, "trust_remote_code", None) or given.get("trust_remote_code")
    launch.announce(model | ({"trust_remote_code": True} if remote_code else {}))
    output = options.output_path or given.get("output_path")
    out = Path(output) if output else None
    if out:
        check_output(out, model)
    check_device(options.device or given.get("device"))
    register()
    from neuronxa_tasks.harness.launch.before_loading import checked_before_loading

    with (
        shown(level),
        collected() as blocks,
        results_saved(out, model) as files,
        loading_told(model),
        shared_tasks(),
        checked_before_loading(),
        only_the_first_saves(),
    ):
        options.func(options)
        if blocks and is_first():  # also where the results cannot be saved
            print("\n\n".join(map(summary, blocks)))
    if blocks and is_first():
        print(f"\n{where(files, out)}")
    return 0
