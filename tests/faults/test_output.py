"""Places that cannot be written to, or not to the end."""

from __future__ import annotations

import csv
import io
import logging
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import BIN, ENVIRONMENT, Command

from neuronxa_tasks.cli import main
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.launch.output import check_output, results_saved
from neuronxa_tasks.reports.output import to_csv, write_folder

from .conftest import SHIPPED

HISTORIC = Path(__file__).parents[1] / "historic_results" / "0.4.13"
FULL = Path("/dev/full")


def with_limit(size: int, *command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that can write no file beyond `size` bytes, as on a disk that gets full."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        check=False,
    )


@pytest.mark.harness
def test_disk_that_gets_full_during_a_run(neuronxa: Command) -> None:
    done = neuronxa(
        *("run", "--model", "hf-neuronxa", "--device", "cpu", "--batch_size", 16),
        *("--model_args", f"pretrained={SHIPPED}", "--tasks", "neuronxa_mini_deu_Latn"),
        *("--log_samples", "--output_path", "out"),
        largest=70_000,
    )
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    last = done.err.rstrip().splitlines()[-1]
    assert last.startswith("neuronxa: error: The run is over, but its results could not be saved")
    assert "File too large" in last
    assert "nasca" in done.out  # the table is not lost


def test_disk_that_is_full_before_a_run(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from neuronxa_tasks.harness.launch.output import check_output\n"
        "from neuronxa_tasks.errors import NeuronXAError\n"
        "try: check_output(Path('out'), {'pretrained': 'a/b'})\n"
        "except NeuronXAError as error: sys.exit(str(error))\n"
    )
    done = with_limit(1000, BIN / "python", "-c", script, cwd=tmp_path)
    assert "nothing can be written" in done.stderr
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["correlate", "leaderboard", "tasks"])
def test_disk_that_gets_full_under_a_report(tmp_path: Path, verb: str) -> None:
    text = tmp_path / "text"
    text.mkdir()
    for code in ("eng_Latn", "fra_Latn"):
        lines = "".join(f"{code} {number}\n" for number in range(100))
        (text / f"{code}.txt").write_text(lines, encoding="utf-8")
    scores = text / "scores.csv"
    rows = [f"m,{c},{b},0.{i}" for b in ("xnli", "xcopa") for i, c in enumerate(["ar", "de", "fr"])]
    scores.write_text("\n".join(["model,language,benchmark,value", *rows, ""]), encoding="utf-8")
    words = {
        "correlate": ["correlate", scores, "--between", "--no-figures", "-o", "out"],
        "leaderboard": ["leaderboard", HISTORIC, "-o", "out"],
        "tasks": ["tasks", "new", "mine", text, "-o", "out"],
    }[verb]
    done = with_limit(200, BIN / "neuronxa", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file() and text not in path.parents]
    assert left == []


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full; run on Linux")
def test_standard_output_that_is_full() -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [BIN / "neuronxa", "path"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("neuronxa: error: standard output")
    assert len(done.stderr.splitlines()) == 1


def test_reader_that_went_away() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [BIN / "neuronxa", "path"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == ""


def test_control_characters_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"\x1b[31m\xff")
    assert main(["tasks", "new", "x", str(tmp_path / name), "-o", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert r"\x1b[31m\udcff" in told


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that this process cannot write to, also where it is that of root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        check_output(folder, {"pretrained": "a/b"})  # imports what nobody else may read
        folder.mkdir(mode=0o555)
        Path(name).chmod(0o755)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            yield folder
        finally:
            if root:
                os.seteuid(0)


@contextmanager
def somebody_else() -> Iterator[None]:
    """This process as a user who owns nothing; as it is where it is not root."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize(("closed", "inside"), [(0o000, "theirs"), (0o555, "theirs"), (0o555, ".")])
def test_an_output_folder_with_a_folder_of_somebody_else(closed: int, inside: str) -> None:
    """It could be renamed and not deleted, and would stay as a hidden folder."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        out = Path(name) / "out"
        with somebody_else():
            out.mkdir()
            write_folder(out, {"correlate.json": b'{"made_by": "neuronxa correlate", "files": []}'})
            theirs = out / inside
            theirs.mkdir(exist_ok=True)
            theirs.chmod(closed)
            with pytest.raises(NeuronXAError, match="you may not list and change the folder"):
                write_folder(out, {"report.md": b"x"})
            assert list(Path(name).iterdir()) == [out]
            theirs.chmod(0o755)


def test_an_output_folder_with_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(tmp_path / "data")
    with pytest.raises(NeuronXAError, match="which exists and holds link"):
        write_folder(out, {"report.md": b"x"})


def test_names_do_not_compute_in_a_spreadsheet() -> None:
    names = ["=1+1", "+1", "-x", "@cmd", " =1", "＝1", "a\x1b[31m", "b\u202ec", "-0.5", "org/E"]
    made = to_csv([{"=model": name, "r": -0.25} for name in names]).decode()
    rows = list(csv.reader(io.StringIO(made)))
    assert rows[0] == ["'=model", "r"]
    assert [row[0] for row in rows[1:]] == [
        "'=1+1", "+1", "'-x", "'@cmd", "' =1", "'＝1", "a\\x1b[31m", "b\\u202ec", "-0.5", "org/E",
    ]  # fmt: skip
    assert {row[1] for row in rows[1:]} == {"-0.25"}


def test_read_only_folder(read_only: Path) -> None:
    with pytest.raises(NeuronXAError, match=r"nothing can be written to .*: Permission denied"):
        check_output(read_only, {"pretrained": "a/b"})
    with pytest.raises(NeuronXAError, match="Permission denied"):
        check_output(read_only / "deeper" / "x.json", {})


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("..", "would lie outside of --output_path"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null byte"),
    ],
)
def test_names_of_models_that_lead_elsewhere(tmp_path: Path, model: str, why: str) -> None:
    with pytest.raises(NeuronXAError, match=why):
        check_output(tmp_path / "out", {"pretrained": model})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "model", ["../../x", "/etc/passwd", "-rf", "a\nb", ".", "C:\\x", "模型 ü", "a" * 255, "../.."]
)
def test_names_of_models_that_stay_inside(tmp_path: Path, model: str) -> None:
    from lm_eval.utils import sanitize_model_name

    check_output(tmp_path / "out", {"pretrained": model})
    assert list(tmp_path.iterdir()) == []
    folder = (tmp_path / "out" / sanitize_model_name(model)).resolve()
    assert folder.is_relative_to(tmp_path / "out")


def test_file_where_the_folder_of_the_model_should_be(tmp_path: Path) -> None:
    (tmp_path / "a__b").write_text("", encoding="utf-8")
    with pytest.raises(NeuronXAError, match="Not a directory"):
        check_output(tmp_path, {"pretrained": "a/b"})


def log_a_failure(logger: logging.Logger) -> None:
    """As the harness does it."""
    try:
        raise OSError(28, "No space left on device")
    except OSError:
        logger.warning("Could not save sample results")


def test_a_save_that_failed_is_noticed_at_any_log_level(tmp_path: Path) -> None:
    logger = logging.getLogger("lm_eval.loggers.evaluation_tracker")
    told = r"could not be saved to .*: {}"
    with pytest.raises(NeuronXAError, match=told.format("no results")), results_saved(tmp_path):
        pass
    with pytest.raises(NeuronXAError, match=told.format("No space")), results_saved(tmp_path):
        log_a_failure(logger)
    with results_saved(tmp_path):  # by a file system whose clock is behind
        results = tmp_path / "results_2026-01-01T00-00-00.000000.json"
        results.write_text("{}")
        os.utime(results, (1.0, 1.0))
    with pytest.raises(NeuronXAError, match=told.format("no results")), results_saved(tmp_path):
        pass
    with results_saved(tmp_path):
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "results_2026-11-22T00-00-00.000000.json").write_text("{}")
    assert logger.handlers == []


def test_what_is_forbidden_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> int:
        raise PermissionError(13, "Permission denied", "/proc/1/cwd")

    monkeypatch.setattr("neuronxa_tasks.commands.path.run", refuse)
    assert main(["path"]) == 2
    told = capsys.readouterr().err
    assert told == (
        "neuronxa: error: '/proc/1/cwd' cannot be read or written: Permission denied. Check who "
        "owns it, or choose another place.\n"
    )
