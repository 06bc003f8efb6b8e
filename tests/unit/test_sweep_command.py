"""A sweep from the command line: what is run, skipped, refused, and goes on after a death.

The harness' place is taken by a launcher of the tests (`sweep_data.py`); the harness itself is
swept in tests/harness/test_sweep.py.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sweep_data import HARNESS, checkpoints, launcher, lay_out

from neuronxa_tasks.cli import main
from neuronxa_tasks.commands.sweep import split_at_dashes
from neuronxa_tasks.reports.sweep.harness_arguments import check_arguments
from neuronxa_tasks.reports.sweep.records import read_record

STEPS = (10, 20, 30)


class Place:
    """A series of three checkpoints, and a plan of what their runs give."""

    def __init__(self, root: Path) -> None:
        self.root, self.out, self.plan = root, root / "out", root / "plan"
        self.series = checkpoints(root / "series", STEPS)
        lay_out(self.plan, STEPS)

    def words(self, *options: str, harness: tuple[str, ...] = HARNESS) -> list[str]:
        return ["sweep", str(self.series), "-o", str(self.out), "--launcher",
                launcher(self.plan), "--no-figures", *options, "--", *harness]  # fmt: skip

    def sweep(self, *options: str, harness: tuple[str, ...] = HARNESS) -> int:
        return main(self.words(*options, harness=harness))

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "neuronxa_tasks", *self.words(*options)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            # Tests in the background of a shell inherit that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip

    @property
    def calls(self) -> list[str]:
        path = self.plan / "calls.txt"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def touch(self, name: str) -> None:
        (self.plan / name).touch()

    def table(self) -> list[str]:
        return (self.out / "trends" / "trends.csv").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("nothing happened for a minute")


def is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def test_each_checkpoint_is_run_once(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.sweep() == 0
    assert place.calls == ["step-10", "step-20", "step-30"]
    told = capsys.readouterr().out
    assert "step-20: run 2 of 3" in told
    assert place.sweep() == 0
    assert place.calls == ["step-10", "step-20", "step-30"]
    assert capsys.readouterr().out.count("complete, skipped") == 3
    record = read_record(place.out / "step-20")
    assert record is not None
    assert (place.out / "step-20" / record.results).is_file()
    assert sorted(path.name for path in (place.out / "step-20").iterdir()) == [
        ".lock", "checkpoint.json", "harness", "log.txt",
    ]  # fmt: skip


def test_the_harness_gets_its_arguments_and_the_checkpoint(place: Place) -> None:
    arguments = check_arguments(HARNESS)
    from neuronxa_tasks.reports.sweep.checkpoints import find_checkpoints

    hub, local = (
        find_checkpoints([text]).checkpoints[0]
        for text in ("org/a@step7", str(place.series / "step-10"))
    )
    assert arguments.run_of(hub, "o.json") == [
        "run", *HARNESS, "--model_args",
        '{"pretrained": "org/a", "revision": "step7"}', "--output_path", "o.json",
    ]  # fmt: skip
    model = json.loads(arguments.run_of(local, "o.json")[-3])
    assert model == {"pretrained": str(place.series / "step-10")}


def test_a_failed_checkpoint_does_not_lose_the_others(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.touch("step-20.fail")
    assert place.sweep() == 1
    told = capsys.readouterr()
    assert place.calls == ["step-10", "step-20", "step-30"]
    assert " s, exit code 2: The tokenizer is gone. Look for it" in told.out
    assert "no result: " in told.err
    assert "step-20 has no complete result" in told.out
    assert any(line.startswith("30,") for line in place.table())
    assert not any(line.startswith("20,") for line in place.table())
    (place.plan / "step-20.fail").unlink()
    assert place.sweep() == 0
    assert place.calls[3:] == ["step-20"]
    assert any(line.startswith("20,") for line in place.table())


def test_a_series_of_adapters_names_its_base(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (10, 20, 30):
        (place.series / f"step-{step}" / "config.json").rename(
            place.series / f"step-{step}" / "adapter_config.json"
        )
    assert place.sweep() == 2
    assert "Name it behind `--`: --model_args pretrained=BASE" in capsys.readouterr().err
    base = ("--tasks", "neuronxa_mini", "--model_args", "pretrained=org/base,dtype=float32")
    assert place.sweep(harness=base) == 0
    assert place.calls == ["step-10", "step-20", "step-30"]
    record = read_record(place.out / "step-20")
    assert record is not None
    assert record.settings["model_args"]["pretrained"] == "org/base"
    other = ("--tasks", "neuronxa_mini", "--model_args", "pretrained=org/other,dtype=float32")
    assert place.sweep(harness=other) == 2
    (place.series / "step-20" / "config.json").write_text("{}", encoding="utf-8")
    assert place.sweep(harness=base) == 2
    assert "is a model of its own" in capsys.readouterr().err


def test_an_error_of_usage_ends_the_sweep(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.touch("step-20.usage")
    assert place.sweep() == 2
    assert place.calls == ["step-10", "step-20"]
    told = capsys.readouterr().err
    assert "n is 1. Set it to 2 or more. This is about the arguments behind `--`" in told
    (place.plan / "step-20.usage").unlink()
    assert place.sweep() == 0
    assert place.calls == ["step-10", "step-20", "step-20", "step-30"]


@pytest.mark.parametrize(("ending", "reason"), [("cut", "is cut off"), ("silent", "no results")])
def test_a_run_that_ends_well_must_have_whole_results(
    place: Place, ending: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place.touch(f"step-20.{ending}")
    assert place.sweep() == 1
    assert reason in capsys.readouterr().out
    assert read_record(place.out / "step-20") is None


def test_other_settings_are_refused_or_redone(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.sweep() == 0
    other = ("--tasks", "neuronxa_mini", "--model_args", "dtype=bfloat16")
    assert place.sweep(harness=other) == 2
    error = capsys.readouterr().err
    assert 'model_args was {"dtype": "float32"} and is now {"dtype": "bfloat16"}' in error
    assert "--redo" in error
    assert len(place.calls) == 3
    assert place.sweep("--redo", harness=other) == 0
    assert len(place.calls) == 6
    assert place.sweep("--redo", harness=other) == 0
    assert len(place.calls) == 6


def test_how_a_run_is_done_may_change(place: Place) -> None:
    assert place.sweep() == 0
    assert place.sweep(harness=(*HARNESS, "--batch_size", "1", "--device", "cpu")) == 0
    # The same settings in another order and spelling.
    same = ("-a", "dtype=float32", "neuronxa_resume=off", "-t", "neuronxa_mini")
    assert place.sweep(harness=same) == 0
    assert len(place.calls) == 3


def test_a_checkpoint_that_was_written_again_is_noticed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.sweep() == 0
    weights = place.series / "step-20" / "model.safetensors"
    weights.write_bytes(b"new")
    later = time.time() + 100
    os.utime(weights, (later, later))
    assert place.sweep() == 2
    assert "newer" in capsys.readouterr().err


def test_a_damaged_result_is_run_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.sweep() == 0
    record = read_record(place.out / "step-20")
    assert record is not None
    path = place.out / "step-20" / record.results
    path.write_text(path.read_text(encoding="utf-8")[:-5], encoding="utf-8")
    assert main(["sweep", "-o", str(place.out)]) == 2
    assert "is not what the run wrote" in capsys.readouterr().err
    assert place.sweep() == 0
    assert "runs again, its results file is gone or was changed" in capsys.readouterr().out
    assert place.calls[3:] == ["step-20"]


def test_parts_share_the_work(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.sweep("--only", "2/2") == 0
    assert place.calls == ["step-20"]
    assert f"neuronxa sweep -o {place.out}" in capsys.readouterr().out
    assert not (place.out / "trends").exists()
    assert place.sweep("--only", "1/2") == 0
    assert place.calls == ["step-20", "step-10", "step-30"]
    assert main(["sweep", "-o", str(place.out), "--no-figures"]) == 0
    assert {line.split(",")[0] for line in place.table()} == {"step", "10", "20", "30"}


def test_killed_in_the_middle_it_goes_on(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.touch("step-20.hang")
    process = place.start()
    wait_for((place.plan / "step-20.hanging").exists)
    process.kill()
    process.wait()
    # The run has survived, and still holds its folder.
    assert place.sweep() == 1
    told = capsys.readouterr().out
    assert "it is being run by another process (process " in told
    assert place.calls == ["step-10", "step-20", "step-30"]
    orphan = int((place.out / "step-20" / ".lock").read_text(encoding="utf-8").split()[0])
    os.kill(orphan, signal.SIGKILL)
    (place.plan / "step-20.hang").unlink()
    wait_for(lambda: is_free(place.out / "step-20" / ".lock"))
    assert place.sweep() == 0
    assert place.calls == ["step-10", "step-20", "step-30", "step-20"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_the_run_and_goes_on(place: Place, number: signal.Signals) -> None:
    place.touch("step-20.hang")
    process = place.start()
    wait_for((place.plan / "step-20.hanging").exists)
    run = int((place.out / "step-20" / ".lock").read_text(encoding="utf-8").split()[0])
    process.send_signal(number)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "step-20: stopped; the same command goes on from here" in told
    assert not Path(f"/proc/{run}").exists()
    (place.plan / "step-20.hang").unlink()
    assert place.sweep() == 0
    assert place.calls == ["step-10", "step-20", "step-20", "step-30"]


@pytest.mark.parametrize(
    ("options", "harness", "reason"),
    [
        ((), (), "name no tasks"),
        ((), (*HARNESS, "--output_path", "x"), "a folder of its own"),
        ((), ("--tasks", "a", "--model_args", "pretrained=x"), "pretrained=x"),
        ((), ("--tasks", "a", "--model_args", "revision=x"), "revision=x"),
        ((), ("--tasks", "a", "--config", "none.yaml"), "none.yaml"),
        (("--only", "0/3"), HARNESS, "--array=1-8"),
        (("--only", "4/3"), HARNESS, "--array=1-8"),
        (("--step", "x"), HARNESS, "CHECKPOINT=STEP"),
        (("--step", "x=1e3"), HARNESS, "whole numbers"),
        (("--launcher", "no-such-program --x"), HARNESS, "there is no program 'no-such-program'"),
        (("--launcher", "'"), HARNESS, "no command line"),
    ],
)
def test_wrong_options_end_before_anything_is_run(
    place: Place,
    options: tuple[str, ...],
    harness: tuple[str, ...],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert place.sweep(*options, harness=harness) == 2
    assert reason in capsys.readouterr().err
    assert not place.calls
    assert not place.out.exists()


def test_an_argument_that_the_harness_does_not_know(place: Place) -> None:
    with pytest.raises(SystemExit) as caught:
        place.sweep(harness=(*HARNESS, "--taks", "x"))
    assert caught.value.code == 2
    assert not place.calls


def test_a_config_file_counts_by_what_it_says(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("tasks: [neuronxa_mini]\nlimit: 5\n", encoding="utf-8")
    harness = ("--config", str(config), "--model_args", "dtype=float32")
    assert place.sweep(harness=harness) == 0
    config.write_text("tasks: [neuronxa_mini]\nlimit: 6\n", encoding="utf-8")
    assert place.sweep(harness=harness) == 2
    assert "limit was 5 and is now 6" in capsys.readouterr().err
    config.write_text("tasks: [a]\nmodel_args: {dtype: float32}\n", encoding="utf-8")
    assert place.sweep(harness=harness) == 2
    assert "sets model_args" in capsys.readouterr().err


def test_the_folder_of_the_checkpoints_is_no_place_for_results(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.out = place.series
    assert place.sweep() == 2
    assert "no sweep wrote" in capsys.readouterr().err


def test_one_folder_holds_one_series(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.sweep() == 0
    place.series = checkpoints(tmp_path / "another", (10,))
    assert place.sweep() == 2
    assert f"it is the result of {tmp_path / 'series' / 'step-10'}" in capsys.readouterr().err
    place.series = checkpoints(tmp_path / "later", (40,))
    lay_out(place.plan, (40,))
    assert place.sweep(harness=(*HARNESS, "--limit", "5")) == 2
    assert "is not part of this call" in capsys.readouterr().err
    assert place.sweep() == 0  # the series grows
    assert {line.split(",")[0] for line in place.table()} == {"step", "10", "20", "30", "40"}


@pytest.mark.parametrize(("name", "value"), [("WORLD_SIZE", "8"), ("SLURM_PROCID", "3")])
def test_a_sweep_that_is_started_many_times_is_refused(
    place: Place,
    name: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert place.sweep() == 2
    assert "--launcher" in capsys.readouterr().err


def test_without_checkpoints_nothing_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "-o", str(tmp_path), "--", *HARNESS]) == 2
    assert "No checkpoint was named" in capsys.readouterr().err
    assert main(["sweep", "-o", str(tmp_path)]) == 2
    assert "no complete result" in capsys.readouterr().err


def test_arguments_of_the_harness_need_the_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "org/a@step1", "-o", "out", "--tasks", "neuronxa_mini"]) == 2
    assert "stand behind `--`" in capsys.readouterr().err


def test_only_the_first_dashes_divide() -> None:
    assert split_at_dashes(["a", "--", "b", "--", "c"]) == (["a"], ["b", "--", "c"])
    assert split_at_dashes(["a"]) == (["a"], [])
