"""Every command of README and docs: its options exist, and it is run by a test or needs more."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from neuronxa_tasks import cli
from neuronxa_tasks.commands.sweep import split_at_dashes

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])

RUN_BY = {
    "run": "tests/harness/test_ways_in.py",
    "path": "tests/harness/test_ways_in.py",
    "link": "tests/unit/test_link.py",
    "unlink": "tests/unit/test_link.py",
    "completion": "tests/unit/test_completion.py",
    "list": "tests/unit/test_list.py",
    "doctor": "tests/harness/test_doctor_command.py",
    "tasks": "tests/unit/test_scaffold.py",
    "correlate": "tests/unit/test_correlate_command.py",
    "leaderboard": "tests/unit/test_leaderboard.py",
    "report": "tests/unit/test_report.py",
    "gate": "tests/unit/test_gate.py",
    "sweep": "tests/harness/test_sweep.py",
    "transfer": "tests/unit/test_transfer.py",
    "fetch": "tests/unit/test_fetch.py",
}
"""Verb to a test that runs it, with other files and models than the document's."""

NEEDS = {
    "pip": "the package index",
    "git": "a clone",
    "make": "the package index, and minutes",
    "lm_eval": "a model of the Hub; tests/harness/test_ways_in.py runs it with a tiny one",
    "python": "minutes, or a GPU: measurements and studies",
    ".venv/bin/python": "the environment of `make test`",
    "accelerate": "several processes; tests/harness/test_processes.py starts them",
    "torchrun": "several processes; tests/harness/test_processes.py starts them",
    "srun": "a cluster",
    "sbatch": "a cluster",
    "hf": "the Hub",
    "cd": "a clone",
    "lowest/bin/neuronxa": "an environment of its own",
}
"""Other programs, and why no test types them as they stand."""

_ASSIGNED = re.compile(r"[A-Z_]+=\S*")


def commands(page: Path) -> list[str]:
    """Lines of the fenced blocks of a page that begin with a program, with their continuations."""
    text = page.read_text(encoding="utf-8")
    found = []
    for kind, block in re.findall(
        r"^ *```(\w*)\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE
    ):
        if kind not in ("", "bash", "sh", "console", "shell"):
            continue
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            words = line.strip().split()
            while words and _ASSIGNED.fullmatch(words[0]):
                words = words[1:]
            if words and (words[0] == "neuronxa" or words[0] in NEEDS):
                found.append(re.sub(r"\s+#\s.*$", "", " ".join(words)))
    return found


EVERY = [(page, line) for page in PAGES for line in commands(page)]


def test_there_are_commands_to_look_at() -> None:
    assert len(EVERY) > 30
    assert {"neuronxa", "pip", "make"} <= {line.split()[0] for _, line in EVERY}


@pytest.mark.parametrize(("verb", "test"), sorted(RUN_BY.items()))
def test_a_verb_is_run_by_its_test(verb: str, test: str) -> None:
    if not (ROOT / test).is_file():  # a test that moved: any file of that name will do
        moved = list((ROOT / "tests").rglob(Path(test).name))
        assert moved, f"{verb}: no {test}"
        test = str(moved[0].relative_to(ROOT))
    text = (ROOT / test).read_text(encoding="utf-8")
    assert re.search(rf"[\"'\s]{verb}[\"'\s,)]", text), f"{test} does not run {verb}"


def test_every_verb_is_in_the_list() -> None:
    names = {command.__name__.rpartition(".")[2] for command, _ in cli._VERBS} | {"run"}
    assert names == set(RUN_BY)


@pytest.mark.parametrize(
    ("page", "line"),
    [pytest.param(p, c, id=f"{p.name}: {c[:60]}") for p, c in EVERY if c.startswith("neuronxa ")],
)
def test_a_command_of_ours_has_the_options_it_is_shown_with(page: Path, line: str) -> None:
    words = shlex.split(line)[1:]
    verb = words[0]
    assert verb in RUN_BY, f"{page.name} shows {line!r}, and there is no command {verb}"
    if verb == "run":
        return  # its arguments are the harness' own
    options = {word for word in words if re.fullmatch(r"-{1,2}[a-z][\w-]*", word)}
    if verb == "sweep":
        words, _ = split_at_dashes(words)
        options &= set(words)
    if "..." in line or "[" in line:  # a synopsis: its options are looked up one by one
        known = options_of(verb)
        assert options <= known, options - known
        return
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            cli._parser().parse_args(words, argparse.Namespace(harness=[]))
    except SystemExit:
        pytest.fail(f"{page.name}: {line}\n{told.getvalue()}")


def options_of(verb: str) -> set[str]:
    """All options of a verb and its own verbs."""
    (verbs,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    parsers, known = [verbs.choices[verb]], set()
    while parsers:
        for action in parsers.pop()._actions:
            known |= set(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    return known
