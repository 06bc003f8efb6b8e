"""The checkpoints of a series: revisions on the Hub or local folders, each with its step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.sweep.steps import step_in

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint.

    Attributes:
        label: as people write it: `NAME@REVISION`, or the folder.
        pretrained: name on the Hub, or absolute path of the folder.
        revision: on the Hub; empty for folders.
        step: training step.
        series: what is equal in all checkpoints of one series; empty where the step was given.
    """

    label: str
    pretrained: str
    revision: str
    step: int
    series: str

    @property
    def folder(self) -> str:
        """Name of its folder below OUT."""
        return f"step-{self.step}"

    @property
    def is_local(self) -> bool:
        """Is it a folder rather than a name on the Hub?"""
        return not self.revision

    @property
    def is_adapter(self) -> bool:
        """Is it the folder of an adapter (LoRA), which needs a base model?"""
        return self.is_local and is_adapter(Path(self.pretrained))


@dataclass(frozen=True, slots=True)
class Series:
    """Checkpoints in the order of their steps, and what should be known about the choice."""

    checkpoints: tuple[Checkpoint, ...]
    notes: tuple[str, ...]


def find_checkpoints(given: Sequence[str], steps: Mapping[str, int] | None = None) -> Series:
    """Turns what was typed into a series.

    Args:
        given: `NAME@REVISION`, a checkpoint's folder, or a folder with checkpoints' folders.
        steps: checkpoint, as typed, to step, where its name does not say it.

    Raises:
        NeuronXAError: a folder without a checkpoint, a step that is not known, one step twice, or
            checkpoints of different series.
    """
    by_hand = dict(steps or {})
    notes: list[str] = []
    found: dict[tuple[str, str], Checkpoint] = {}
    used: set[str] = set()
    for text in given:
        labels = _expanded(text, by_hand, notes)
        for label in labels:
            pretrained, revision = _place(label)
            step = _given_step(label, pretrained, by_hand, used)
            named = step_in(revision or Path(pretrained).name)
            if step is None and named is None:
                raise _unknown_step(label)
            series = "" if step is not None or named is None else named.rest
            if series and revision:
                series = f"{pretrained}@{series}"
            value = named.step if step is None and named is not None else step
            assert value is not None
            found[(pretrained, revision)] = Checkpoint(label, pretrained, revision, value, series)
    for label in by_hand.keys() - used:
        raise NeuronXAError(
            f"--step gives {label!r} a step, but no such checkpoint was named. Write the "
            "checkpoint as it stands on the command line or in the list."
        )
    checkpoints = sorted(found.values(), key=lambda each: each.step)
    refuse_mixed(checkpoints)
    return Series(tuple(checkpoints), tuple(notes))


def read_list(path: Path) -> tuple[list[str], dict[str, int]]:
    """Reads a list: one checkpoint a line, a tab and its step behind it where the name lacks it.

    Lines that begin with `#` and empty lines are left out.

    Returns:
        The checkpoints, and the steps that were given.

    Raises:
        NeuronXAError: the file cannot be read, has no checkpoint, or a step that is no number.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise NeuronXAError(
            f"--list is {str(path)!r}, which cannot be read as text ({error}). Give a text file "
            "with one checkpoint a line."
        ) from error
    checkpoints: list[str] = []
    steps: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        checkpoint, tab, step = line.strip().partition("\t")
        checkpoints.append(checkpoint.strip())
        if tab:
            steps[checkpoint.strip()] = checked_step(step.strip(), f"Line {number} of {path}")
    if not checkpoints:
        raise NeuronXAError(
            f"--list is {str(path)!r}, which names no checkpoint. Write one on each line, such as "
            "EleutherAI/pythia-70m@step1000."
        )
    return checkpoints, steps


def checked_step(text: str, where: str) -> int:
    """A step as a whole number.

    Raises:
        NeuronXAError: it is none.
    """
    if not (text.isascii() and text.isdigit()):
        raise NeuronXAError(
            f"{where} gives the step {text!r}, but steps are whole numbers from 0. "
            "Write digits only, such as 1000."
        )
    return int(text)


def refuse_mixed(checkpoints: Sequence[Checkpoint]) -> None:
    """Refuses two checkpoints of one step, and names that do not belong to one series.

    Raises:
        NeuronXAError: as said.
    """
    by_step: dict[int, Checkpoint] = {}
    for each in checkpoints:
        other = by_step.setdefault(each.step, each)
        if other is not each:
            raise NeuronXAError(
                f"{other.label} and {each.label} are both step {each.step}, and a step has one "
                "result. Leave one out, or give one another step: "
                f"--step {each.label}=STEP."
            )
    by_series: dict[str, Checkpoint] = {}
    for each in checkpoints:
        if each.series:
            by_series.setdefault(each.series, each)
    if len(by_series) > 1:
        one, other = list(by_series.values())[:2]
        raise NeuronXAError(
            f"{one.label} and {other.label} differ in more than their step, so their steps may "
            "not be counted alike (a second stage of training begins again at 0). Sweep each "
            "series into an OUT of its own, or give the steps by hand: --step CHECKPOINT=STEP."
        )


# --- folders ----------------------------------------------------------------------------------


def is_checkpoint(folder: Path) -> bool:
    """Has a folder what transformers needs to know the model?"""
    return (folder / "config.json").is_file() or is_adapter(folder)


def is_adapter(folder: Path) -> bool:
    """Has a folder the weights of an adapter and no model?"""
    return (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file()


def _expanded(text: str, by_hand: Mapping[str, int], notes: list[str]) -> list[str]:
    """A folder of checkpoints as its checkpoints; anything else as it is."""
    folder = Path(text)
    if not folder.is_dir():
        return [text]
    inside = sorted(child for child in folder.iterdir() if is_checkpoint(child))
    if not inside:
        if is_checkpoint(folder):
            return [text]
        raise NeuronXAError(
            f"The folder {text} has no config.json, neither itself nor in its subfolders, so it "
            "holds no checkpoint. Give the folder of a checkpoint, or one with such folders."
        )
    labels = [str(child) for child in inside]
    if is_checkpoint(folder):
        if any(_same(text, label) for label in by_hand):
            return [*labels, text]
        notes.append(
            f"{text} is itself a checkpoint, whose step is not known; only the {len(labels)} in "
            f"its subfolders are used. To add it: --step {text}=STEP."
        )
    return labels


def _place(label: str) -> tuple[str, str]:
    """Name or absolute path, and revision."""
    path = Path(label)
    if path.is_dir():
        return str(path.resolve()), ""
    name, _, revision = label.partition("@")
    if not revision or not _HUB_NAME.fullmatch(name):
        raise NeuronXAError(
            f"The checkpoint {label!r} is no folder that exists, and no NAME@REVISION of the Hub. "
            "Check the path, or write for example EleutherAI/pythia-70m@step1000."
        )
    return name, revision


def _same(one: str, other: str) -> bool:
    return one == other or (Path(one).is_dir() and Path(one).resolve() == Path(other).resolve())


def _given_step(
    label: str, pretrained: str, by_hand: Mapping[str, int], used: set[str]
) -> int | None:
    for text, step in by_hand.items():
        if text == label or (Path(text).is_dir() and str(Path(text).resolve()) == pretrained):
            used.add(text)
            return step
    return None


def _unknown_step(label: str) -> NeuronXAError:
    return NeuronXAError(
        f"The training step of {label} is not known: its name has no step number, or several (read "
        "are step-1000, step1000, checkpoint-1000, global_step1000, iter_1000, "
        f"stage1-step1000-tokens5B). Give it by hand: --step {label}=STEP."
    )
