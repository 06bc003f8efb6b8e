"""Files and models by their names, without the folders of one machine: the page is shared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuronxa_tasks.reports.short_names import short_names
from neuronxa_tasks.results import LanguagePairs, Results

_FOLDERS = re.compile(r"(?:^|(?<=[\s='\"(,]))(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\=,'\"]+[/\\])+")
_PATH = re.compile(r"[\w.,+@~ :/\\-]+")
_FRAMES = ("frame", "unmapped", "layers", "tokens", "runs")


@dataclass(frozen=True, slots=True)
class Places:
    """Takes out of a text what stands above the files and folders of the command line.

    Attributes:
        given: files and folders as they were given.
    """

    given: tuple[str, ...]

    def shown(self, text: str) -> str:
        """The text without folders of this machine; `out/a.json` for `/home/me/out/a.json`."""
        for path in sorted(self.given, key=len, reverse=True):
            if _leaves(path) and Path(path).name:
                text = text.replace(path.rstrip("/\\"), Path(path).name)
        return _FOLDERS.sub("", text)

    def within(self, content: Any) -> Any:
        """The same for every text in lists and dictionaries."""
        if isinstance(content, str):
            return self.shown(content)
        if isinstance(content, Mapping):
            return {key: self.within(value) for key, value in content.items()}
        if isinstance(content, (list, tuple)):
            return [self.within(value) for value in content]
        return content


def _leaves(path: str) -> bool:
    """Whether a path begins outside the working folder."""
    return Path(path).is_absolute() or path.startswith(("..", "~"))


def is_local(model: str) -> bool:
    """Whether a model's name is a path: the Hub's names have at most one slash."""
    if not _PATH.fullmatch(model):
        return False
    return model.startswith(("/", ".", "~")) or "\\" in model or model.count("/") > 1


def local_names(models: Iterable[str]) -> dict[str, str]:
    """Models that are folders to the folder's name, as short as it stays different from others."""
    every = set(models)
    short = short_names(sorted(filter(is_local, every)))
    return {name: told for name, told in short.items() if told not in every}


def without_folders(
    results: Results, matrices: Sequence[LanguagePairs]
) -> tuple[Results, list[LanguagePairs]]:
    """The same results, in which a model that is a folder is called by the folder's name.

    Such a model has no revision, whatever the harness wrote (`main`).
    """
    runs = results.runs
    names = local_names([*runs["model"], *results.frame["model"]])
    alone = {
        name for name in names if runs.loc[runs["model"] == name, "revision"].nunique(False) <= 1
    }
    frames = {}
    for which in _FRAMES:
        frame = getattr(results, which)
        revision = frame["revision"].where(~frame["model"].isin(alone), "")
        told = [names.get(model, model) for model in frame["model"]]
        frames[which] = frame.assign(model=told, revision=revision)
    renamed = [
        replace(
            each,
            model=names.get(each.model, each.model),
            revision="" if each.model in alone else each.revision,
        )
        for each in matrices
    ]
    return replace(results, **frames), renamed
