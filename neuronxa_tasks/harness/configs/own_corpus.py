"""Task configs for a folder of one's own parallel text: all of them or none."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import disk_told, whole_folder
from neuronxa_tasks.harness.configs.task_readme import metrics_table, options_table
from neuronxa_tasks.harness.configs.task_yaml import OWN, task_files, task_name
from neuronxa_tasks.text.languages import find
from neuronxa_tasks.text.own_text import USUAL_N, code_notes, read_folder, score_warnings
from neuronxa_tasks.text.parallel import ENGLISH

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_HEADER = "# Written by `neuronxa tasks new`, which may replace the file.\n"


@dataclass(frozen=True, slots=True)
class Report:
    """What was written, and what to know about the text.

    Attributes:
        folder: The folder of the task configs.
        group: Name of the group of all languages.
        tasks: Names of the tasks, one per language but the pivot.
        pivot: Code of the pivot language.
        languages: Code -> English name, or None where the language table does not know the code.
        lines: Number of sentences in every file.
        warnings: What changes scores or will surprise.
        notes: What is harmless but good to know.
        command: A command that runs the group.
    """

    folder: Path
    group: str
    tasks: tuple[str, ...]
    pivot: str
    languages: Mapping[str, str | None]
    lines: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    command: str

    def __str__(self) -> str:
        languages = ", ".join(
            f"{code} ({name or 'not in the language table'})"
            for code, name in self.languages.items()
        )
        return "\n".join(
            [
                f"Wrote {len(self.tasks)} tasks and the group {self.group} to {self.folder}",
                f"Languages: {languages}; pivot {self.pivot}; {self.lines} lines each",
                *(f"Warning: {text}" for text in self.warnings),
                *(f"Note: {text}" for text in self.notes),
                f"Run: {self.command}",
            ]
        )


def new_tasks(
    name: str, folder: Path, out: Path, pivot: str = ENGLISH, overwrite: bool = False
) -> Report:
    """Check a folder of parallel text and write task configs for it to `out/name/`.

    An earlier output of this function is replaced.

    Args:
        name: Part of the task names, `neuronxa_<name>_<code>`: lower-case letters, digits, `_`.
        folder: Folder with `<code>.txt` files. The configs refer to it by its absolute path.
        out: Folder to write to; made if it does not exist.
        pivot: Code (file name) of the language that the others are compared with.
        overwrite: Whether to go on where `out/name` is something else. That is then moved to
            `out/name.old`, never deleted.

    Raises:
        NeuronXAError: The name, the text or the place will not do. All problems of the text are
            listed at once, and nothing is written.
    """
    _check_name(name)
    folder, target = folder.expanduser().resolve(), out.expanduser().resolve() / name
    try:
        _check_place(folder, target, overwrite)
        for path in (folder, target):
            str(path).encode("utf-8")
        texts, notes = read_folder(folder, pivot)
    except OSError as error:
        raise NeuronXAError(
            f"{error.filename or folder} cannot be read: {error.strerror or error}. Check that it "
            "exists and that you may read it."
        ) from None
    except UnicodeEncodeError as error:
        raise NeuronXAError(
            f"A path ({error.object!r}) is not UTF-8, so no config can name it. Rename the folder."
        ) from None
    targets = [code for code in texts if code != pivot]
    lines = len(texts[pivot])
    languages = {code: row.name if (row := find(code)) else None for code in texts}
    command = ["neuronxa", "run", "--model", "hf-neuronxa", "--model_args", "pretrained=MODEL"]
    command += ["--include_path", str(target), "--tasks", task_name(name)]
    if lines < USUAL_N:
        command += ["--metadata", json.dumps({"n": lines})]
    report = Report(
        folder=target,
        group=task_name(name),
        tasks=tuple(task_name(name, code) for code in targets),
        pivot=pivot,
        languages=languages,
        lines=lines,
        warnings=tuple(score_warnings(texts, pivot)),
        notes=(*notes, *code_notes(texts)),
        command=shlex.join(command),
    )
    kwargs = {"data_dir": str(folder), "pivot": pivot}
    files = task_files(name, targets, {"": targets}, "folder", kwargs, _HEADER)
    files["README.md"] = _readme(report, folder)
    _write(files, target)
    return report


# Name and place --------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    taken = [own for own in OWN if name == own or name.startswith(f"{own}_")]
    if not _NAME.fullmatch(name):
        raise NeuronXAError(
            f"The name {name!r} cannot be part of a task name: only lower-case letters, digits and "
            "`_` can, and not `_` at the start. Choose another, such as `my_text`."
        )
    if taken:
        raise NeuronXAError(
            f"The name {name!r} belongs to the tasks of the corpus {taken[0]}, which ships with "
            f"this package. Choose another, such as `my_{name}`."
        )


def _check_place(folder: Path, target: Path, overwrite: bool) -> None:
    if not folder.is_dir():
        raise NeuronXAError(
            f"{folder} is not a folder. Give the folder that holds the files <code>.txt."
        )
    if target == folder or target in folder.parents:
        raise NeuronXAError(
            f"The configs would replace {target}, which holds the text. Choose another folder "
            "for them (-o)."
        )
    if _exists(target) and not overwrite and not _is_own(target):
        raise NeuronXAError(
            f"{target} exists and holds something else than configs that this command wrote. "
            "Choose another name or folder, or use --force: what is there is then moved to "
            f"{target.name}.old."
        )


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_own(target: Path) -> bool:
    """Whether a folder holds nothing but an earlier output, or nothing at all."""
    if target.is_symlink() or not target.is_dir():
        return False
    group = task_name(target.name)
    template = target / f"_{group}_yaml"
    entries = list(target.iterdir())
    names = {path.name for path in entries if path.is_file() and not path.is_symlink()}
    ours = {name for name in names if name.startswith(f"{group}_") and name.endswith(".yaml")}
    ours |= {template.name, f"_{group}.yaml", "README.md"}
    return not entries or (
        template.name in names
        and {path.name for path in entries} <= ours
        and template.read_bytes().startswith(_HEADER.encode("utf-8"))
    )


def _write(files: Mapping[str, str], target: Path) -> None:
    """Write all files or none; what is not our own output is kept beside them."""
    instead = "No config was written. Choose a folder that you may write to (-o), with space left."
    keep = _free(target) if _exists(target) and not _is_own(target) else None
    with disk_told(target, instead), whole_folder(target, replace=True, keep=keep) as folder:
        for name, text in files.items():
            (folder / name).write_bytes(text.encode("utf-8"))


def _free(target: Path) -> Path:
    """The first of `<target>.old`, `<target>.old2`, ... that does not exist."""
    number = 1
    while _exists(path := target.with_name(f"{target.name}.old{number if number > 1 else ''}")):
        number += 1
    return path


# README ----------------------------------------------------------------------------------------


def _readme(report: Report, folder: Path) -> str:
    rows = "".join(
        f"| `{code}` | {name or 'not in the language table'} | "
        + ("pivot |\n" if code == report.pivot else f"`{report.group}_{code}` |\n")
        for code, name in report.languages.items()
    )
    remarks = "".join(f"* {text}\n" for text in (*report.warnings, *report.notes)) or "None.\n"
    return f"""\
# {report.group}

NeuronXA tasks for the parallel text in `{folder}`: {report.lines} lines per language, pivot
`{report.pivot}`. Written by `neuronxa tasks new`. The text itself stays where it is; after moving
it, run the command again.

### Usage

```bash
{report.command}
```

Options, as in `--metadata '{{"tap": "inner"}}'`:

{options_table(("n", "tap", "weights"))}
### Groups and Tasks

* group `{report.group}`: all languages but the pivot

| code | language | task |
|---|---|---|
{rows}
### Metrics

{metrics_table()}
### Remarks on the text

{remarks}"""
