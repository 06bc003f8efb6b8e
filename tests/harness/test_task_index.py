"""The harness' names are read where they are needed, once, and never where they are not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Command
from lm_eval.tasks._index import Entry, TaskIndex

from neuronxa_tasks.harness.launch.task_index import (
    _harness_index,
    items,
    needed_names,
    suffices,
)
from neuronxa_tasks.harness.link import MARKER, link
from neuronxa_tasks.harness.plugin import task_configs

pytestmark = pytest.mark.harness

PLAIN = "task: {name}\noutput_type: multiple_choice\n"


def write(folder: Path, **configs: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in configs.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ours() -> dict[str, Entry]:
    return TaskIndex.build([task_configs()])


@pytest.fixture
def harness(tmp_path: Path) -> Path:
    """Stands for the harness' own folder."""
    return write(
        tmp_path / "harness",
        xnli_fr=PLAIN.format(name="xnli_fr") + "tag: nli\n",
        xnli="group: xnli\ntask: [xnli_fr]\n",
        neuronxa_foreign=PLAIN.format(name="neuronxa_foreign"),
    )


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the harness warns of while it makes an index."""
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, keep = logging.getLogger("lm_eval.tasks._index"), Keep(logging.WARNING)
    logger.addHandler(keep)
    yield messages
    logger.removeHandler(keep)


@pytest.mark.parametrize(
    ("asked", "enough"),
    [
        ("neuronxa_flores_fra_Latn", True),
        ("neuronxa_flores_xnli", True),
        ("neuronxa_flores_f*", True),
        ("neuronxa_mini,neuronxa_world_???_Latn", True),
        ("neuronxa_with_xnli", False),  # our group, with tasks of the harness
        ("neuronxa_*", False),  # which has that group
        ("*_fra_Latn", False),
        ("neuronxa_mini,xnli", False),
        ("neuronxa_mini_fra_Latm", False),
        ("neuronxa_nothing*", False),
        ("neuronxa_own.yaml", False),
        ("", False),
    ],
)
def test_when_our_names_are_enough(asked: str, enough: bool, ours: dict[str, Entry]) -> None:
    assert suffices(items(asked), ours) is enough
    assert suffices(items([asked, "neuronxa_world"]), ours) is enough


def test_groups_and_tags_of_a_user(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "mine",
        one=PLAIN.format(name="neuronxa_my_one") + "tag: [neuronxa_my_tag, nli]\n",
        two=PLAIN.format(name="my_two"),
        within="group: neuronxa_within\ntask: [neuronxa_my_one, {task: neuronxa_my_one}]\n",
        inline="group: neuronxa_inline\ntask:\n  - group: other\n    task: [neuronxa_my_one]\n",
        outside="group: neuronxa_outside\ntask: [{task: xnli_fr}]\n",
        circle="group: neuronxa_circle\ntask: [neuronxa_circle]\n",
    )
    index = TaskIndex.build([folder])
    enough = {name for name in index if suffices([name], index)}
    # `my_two` may stand in the harness, too, and `nli` may have more tasks there.
    assert enough == {"neuronxa_my_one", "neuronxa_my_tag", "neuronxa_within"}


def test_the_harness_is_read_where_it_is_needed_and_once(
    harness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    walk = TaskIndex._iter_yaml_files
    monkeypatch.setattr(
        TaskIndex, "_iter_yaml_files", staticmethod(lambda root: read.append(root) or walk(root))
    )
    paths = [harness, task_configs()]
    with needed_names(["neuronxa_mini"]) as names:
        assert set(TaskIndex.build(paths)) == set(names)
    assert "neuronxa_mini_fra_Latn" in names
    assert "xnli" not in names
    assert read == [task_configs()]

    whole = TaskIndex.build(paths)
    read.clear()
    for asked in ("neuronxa_with_xnli", "neuronxa_foreign", "xn*"):
        with needed_names([asked]) as names:
            index = TaskIndex.build(paths)
        assert index == whole
        assert names == sorted(whole)
    assert read.count(harness) == 1


def test_what_is_replaced_is_told_as_the_harness_tells_it(
    harness: Path, tmp_path: Path, told: list[str]
) -> None:
    mine = write(
        tmp_path / "mine",
        xnli_fr=PLAIN.format(name="xnli_fr"),
        mini=PLAIN.format(name="neuronxa_mini_fra_Latn"),
    )
    paths = [harness, task_configs(), mine]
    whole = TaskIndex.build(paths)
    expected, told[:] = list(told), []
    assert len(expected) == 2
    with needed_names(["xnli_fr"]):
        assert TaskIndex.build(paths) == whole
    assert sorted(told) == sorted(expected)
    told.clear()
    with needed_names(["neuronxa_mini_fra_Latn"]):
        index = TaskIndex.build(paths)
    assert index["neuronxa_mini_fra_Latn"].yaml_path == mine / "mini.yaml"
    assert told == [each for each in expected if "neuronxa_mini_fra_Latn" in each]


def test_copies_of_ours_inside_the_harness_are_passed_over(harness: Path, told: list[str]) -> None:
    link(task_configs(), harness)
    with needed_names(["xnli_fr"]) as names:
        index = TaskIndex.build([harness, task_configs()])
    assert index["neuronxa_mini_fra_Latn"].yaml_path.is_relative_to(task_configs())
    assert {"xnli_fr", "neuronxa_foreign"} < set(names)
    assert told == []
    write(harness / "neuronxa", own=PLAIN.format(name="neuronxa_own"))
    (harness / "neuronxa" / MARKER).unlink()  # no link, but somebody's folder
    _harness_index.cache_clear()
    with needed_names(["neuronxa_own"]) as names:
        TaskIndex.build([harness, task_configs()])
    assert "neuronxa_own" in names


def test_an_error_leaves_the_harness_as_it_was(harness: Path) -> None:
    before = vars(TaskIndex)["build"]
    with pytest.raises(OSError, match="gone"), needed_names(["xnli"]):
        raise OSError("gone")
    assert vars(TaskIndex)["build"] is before


def test_a_name_that_nobody_has(neuronxa: Command) -> None:
    done = neuronxa("run", "--model", "hf", "--tasks", "neuronxa_world_fra_Latm,hellaswg")
    assert done.code == 2
    (line,) = (line for line in done.err.split("\n") if line.startswith("neuronxa: error: "))
    assert "Tasks not found: neuronxa_world_fra_Latm, hellaswg. Did you mean" in line
    assert "neuronxa_world_fra_Latn" in line
    assert "hellaswag" in line
    assert "lists all names" in line
