"""`neuronxa list`: our tasks, groups and codes, without loading the harness."""

from __future__ import annotations

import argparse

from neuronxa_tasks.errors import NeuronXAError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.description = (
        "Without TEXT all groups, and the families of tasks with their number of languages. With "
        "TEXT the languages that it means (French, fr, fra, fra_Latn) or whose name has it, with "
        "their codes and tasks, and the groups whose name has it. Tasks of the harness are listed "
        "by `lm_eval ls tasks`."
    )
    parser.add_argument("text", nargs="?", metavar="TEXT", help="a language, or a part of a name")
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print what was asked for."""
    print(overview() if options.text is None else search(options.text))
    return 0


def overview() -> str:
    """All groups with their items, and all families of tasks with their number."""
    from neuronxa_tasks.harness.launch.catalogue import families, own_groups, own_tasks
    from neuronxa_tasks.text.languages import languages

    tasks = [task.family for task in own_tasks().values()]
    lines = ["Tasks, one for each language:"]
    lines += [f"  {name}_<code>  ({tasks.count(name)})" for name in sorted(families())]
    lines += ["", "Groups:", *(_group(name) for name in own_groups())]
    lines += [
        "",
        f"{len(languages())} languages are known. `neuronxa list TEXT` shows their tasks and codes,"
        " for example `neuronxa list french`.",
    ]
    return "\n".join(lines)


def search(text: str) -> str:
    """The languages and groups that a text means.

    Raises:
        NeuronXAError: there is nothing of the kind.
    """
    from neuronxa_tasks.harness.launch.catalogue import own_groups, own_tasks
    from neuronxa_tasks.text.languages import alike, resolve

    parts: list[str] = []
    for row in alike(text):
        tasks = [task.name for task in own_tasks().values() if task.language == row]
        spellings = {code.casefold(): code for code in (*row.benchmarks.values(), *row.aliases)}
        spellings.pop(row.code.casefold(), None)
        codes = ", ".join(spellings.values())
        lines = [f"{row.code}  {row.name}" + (f"  ({codes})" if codes else "")]
        lines += [f"  {name}" for name in tasks] or ["  no task: no parallel text is known"]
        if row.benchmarks:
            lines.append(f"  benchmarks: {', '.join(row.benchmarks)}")
        parts.append("\n".join(lines))
    part = text.strip().casefold()
    names = [name for name in own_groups() if part in name.casefold()]
    if not parts:  # a part of names of tasks, such as `sib200`
        names += [name for name in own_tasks() if part in name.casefold()]
    if names:
        found = [_group(name) if name in own_groups() else f"  {name}" for name in names]
        parts.append("\n".join(["Names:", *found]))
    if not parts:
        try:
            resolve(text)
        except NeuronXAError as error:
            raise NeuronXAError(f"No task, group or language is like {text!r}. {error}") from None
    return "\n\n".join(parts)


def _group(name: str) -> str:
    from neuronxa_tasks.harness.launch.catalogue import own_groups, own_tasks

    items = own_groups()[name]
    ours = sum(item in own_tasks() for item in items)
    others = [item for item in items if item not in own_tasks()]
    shown = [f"{ours} tasks"] if ours else []
    shown += others[:3] + ([f"{len(others) - 3} more"] if len(others) > 3 else [])
    return f"  {name}: {', '.join(shown)}"
