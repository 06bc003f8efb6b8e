"""Copies of our configs inside the harness: whole, told apart from what is not ours, removed again.

Everything happens in folders of the test; the harness of this environment stays as it is.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from neuronxa_tasks.cli import main
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness import link as linking
from neuronxa_tasks.harness.link import FOLDER, MARKER, link, linked_folder, unlink, warn_if_stale
from neuronxa_tasks.harness.plugin import task_configs


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Stands for the harness' folder of tasks."""
    folder = tmp_path / "lm_eval" / "tasks"
    folder.mkdir(parents=True)
    (folder / "manager.py").touch()
    return folder


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    for name in ("flores/_base_yaml", "flores/a.yaml", "flores/README.md", "world/b.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"task: {name}\n", encoding="utf-8")
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(tasks: Path, configs: Path) -> None:
    before = files(tasks.parent)
    done = link(configs, tasks)
    assert (done.folder, done.files, done.left) == (tasks / FOLDER, 3, ())
    assert files(done.folder) == {"flores/_base_yaml", "flores/a.yaml", "world/b.yaml", MARKER}
    assert (done.folder / "flores/a.yaml").read_text(encoding="utf-8") == "task: flores/a.yaml\n"
    assert linked_folder(tasks) == tasks / FOLDER
    stamps = {path: path.stat().st_mtime_ns for path in done.folder.rglob("*")}
    assert link(configs, tasks).files == 0
    assert {path: path.stat().st_mtime_ns for path in done.folder.rglob("*")} == stamps
    assert unlink(tasks) == linking.Done(tasks / FOLDER, 3)
    assert files(tasks.parent) == before
    assert not (tasks / FOLDER).exists()
    assert linked_folder(tasks) is None
    assert unlink(tasks).files == 0


def test_our_real_configs(tasks: Path) -> None:
    done = link(task_configs(), tasks)
    assert done.files > 600
    assert {path.name for path in done.folder.iterdir()} >= {"flores", "world", "benchmarks"}
    assert all((done.folder / name).is_file() for name in files(task_configs())
               if not name.endswith(".md"))  # fmt: skip


def test_a_newer_version_takes_the_place_of_the_older(
    tasks: Path, configs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link(configs, tasks)
    warn_if_stale.cache_clear()
    with caplog.at_level(logging.WARNING):
        warn_if_stale(configs, tasks)
    assert not caplog.records
    (configs / "world/b.yaml").unlink()
    (configs / "flores/a.yaml").write_text("task: new\n", encoding="utf-8")
    warn_if_stale.cache_clear()
    with caplog.at_level(logging.WARNING):
        warn_if_stale(configs, tasks)
        warn_if_stale(configs, tasks)
    (told,) = (record.getMessage() for record in caplog.records)
    assert str(tasks / FOLDER) in told
    assert "`neuronxa link`" in told
    assert link(configs, tasks).files == 2
    assert files(tasks / FOLDER) == {"flores/_base_yaml", "flores/a.yaml", MARKER}


def test_without_a_link_nothing_is_said(
    tasks: Path, configs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_if_stale.cache_clear()
    with caplog.at_level(logging.WARNING):
        warn_if_stale(configs, tasks)
        warn_if_stale(configs, tasks / "nowhere")
    assert not caplog.records


def test_what_is_not_ours_stays(tasks: Path, configs: Path) -> None:
    folder = link(configs, tasks).folder
    (folder / "flores/a.yaml").write_text("task: mine\n", encoding="utf-8")
    (folder / "own.yaml").write_text("task: own\n", encoding="utf-8")
    (folder / "flores" / "__pycache__").mkdir()
    with pytest.raises(NeuronXAError, match=r"flores/a\.yaml was not written by `neuronxa link`"):
        link(configs, tasks)
    done = unlink(tasks)
    assert done.files == 2
    assert done.left == (folder / "flores/a.yaml", folder / "own.yaml")
    assert files(folder) == {"flores/a.yaml", "own.yaml"}
    with pytest.raises(NeuronXAError, match="would be lost"):
        link(configs, tasks)


def test_a_folder_of_that_name_that_we_did_not_make(tasks: Path, configs: Path) -> None:
    (tasks / FOLDER).mkdir()
    (tasks / FOLDER / "x.yaml").touch()
    (tasks / FOLDER / MARKER).write_text('{"made_by": "somebody"}', encoding="utf-8")
    with pytest.raises(NeuronXAError, match="would be lost"):
        link(configs, tasks)
    assert unlink(tasks).files == 0
    assert files(tasks / FOLDER) == {"x.yaml", MARKER}


def test_a_marker_cannot_lead_outside(tasks: Path, configs: Path) -> None:
    folder = link(configs, tasks).folder
    victim = tasks / "manager.py"
    marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    empty = linking.hashlib.sha256(b"").hexdigest()
    marker["files"] |= {"../manager.py": empty, str(victim): empty}
    (folder / MARKER).write_text(json.dumps(marker), encoding="utf-8")
    assert unlink(tasks).files == 3
    assert victim.exists()


def test_an_interrupted_copy_leaves_the_old_one(
    tasks: Path, configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = link(configs, tasks).folder
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    (configs / "flores/a.yaml").write_text("task: new\n", encoding="utf-8")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == FOLDER and target == folder:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(NeuronXAError, match="No space left"):
        link(configs, tasks)
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before
    assert [path.name for path in tasks.parent.iterdir()] == ["tasks"]


def test_an_installation_that_cannot_be_written(
    tasks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(tasks))

    monkeypatch.setattr(linking, "harness_tasks", lambda: tasks)
    monkeypatch.setattr(linking, "room_beside", refuse)  # root may write everywhere
    assert main(["link"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"neuronxa: error: {tasks / FOLDER} cannot be written: Permission")
    assert '--include_path "$(neuronxa path)"' in told
    assert told.count("\n") == 1


def test_the_commands_say_what_they_did(
    tasks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(linking, "harness_tasks", lambda: tasks)
    for words, expected in (
        ("link", f"task configs are copied to {tasks / FOLDER}"),
        ("link", "up to date; nothing was changed"),
        ("unlink", f"task configs are removed from {tasks / FOLDER}"),
        ("unlink", "Nothing was removed"),
    ):
        assert main([words]) == 0
        assert expected in capsys.readouterr().out


def test_the_harness_is_found_without_loading_it() -> None:
    import lm_eval.tasks

    assert linking.harness_tasks().samefile(Path(lm_eval.tasks.__file__).parent)
