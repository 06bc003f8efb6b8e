"""Task configs for one's own text: the checks, the files, and the harness reading them."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lm_eval.tasks import TaskManager
from lm_eval.tasks._yaml_loader import load_yaml

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.configs.own_corpus import Report, new_tasks
from neuronxa_tasks.names import METRICS
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.own_text import read_folder


def sentences(code: str, n: int = 120) -> list[str]:
    return [f"{code} sentence {index}." for index in range(n)]


def write(folder: Path, **files: list[str] | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for code, content in files.items():
        data = content if isinstance(content, bytes) else ("\n".join(content) + "\n").encode()
        (folder / f"{code}.txt").write_bytes(data)
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write(
        tmp_path / "text",
        eng_Latn=sentences("en"),
        fra_Latn=sentences("fr"),
        swh_Latn=sentences("sw"),
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def refusal(folder: Path, out: Path, **options: Any) -> str:
    """The message of a refusal that wrote nothing."""
    before = names(out)
    with pytest.raises(NeuronXAError) as caught:
        new_tasks("own", folder, out, **options)
    assert names(out) == before
    return str(caught.value)


def warnings(folder: Path, out: Path) -> str:
    return "\n".join(new_tasks("own", folder, out).warnings)


# Good text ----------------------------------------------------------------------------------------


def test_files_and_report(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    report = new_tasks("own", text, out)
    assert report == Report(
        folder=out / "own",
        group="neuronxa_own",
        tasks=("neuronxa_own_fra_Latn", "neuronxa_own_swh_Latn"),
        pivot="eng_Latn",
        languages={"eng_Latn": "English", "fra_Latn": "French", "swh_Latn": "Swahili"},
        lines=120,
        warnings=(),
        notes=(),
        command="neuronxa run --model hf-neuronxa --model_args pretrained=MODEL "
        f"--include_path {out / 'own'} --tasks neuronxa_own",
    )
    assert names(out) == ["own"]
    assert names(out / "own") == [
        "README.md",
        "_neuronxa_own.yaml",
        "_neuronxa_own_yaml",
        "neuronxa_own_fra_Latn.yaml",
        "neuronxa_own_swh_Latn.yaml",
    ]
    child = yaml.safe_load((out / "own" / "neuronxa_own_fra_Latn.yaml").read_bytes())
    assert child == {
        "include": "_neuronxa_own_yaml",
        "task": "neuronxa_own_fra_Latn",
        "dataset_name": "fra_Latn",
    }
    group = yaml.safe_load((out / "own" / "_neuronxa_own.yaml").read_bytes())
    assert group["group"] == "neuronxa_own"
    assert group["task"] == list(report.tasks)
    assert group["aggregate_metric_list"] == [
        {"metric": metric, "aggregation": "mean", "weight_by_size": False} for metric in METRICS
    ]
    said = str(report)
    assert said.startswith(f"Wrote 2 tasks and the group neuronxa_own to {out / 'own'}\n")
    assert said.endswith(f"\nRun: {report.command}")
    assert "fra_Latn (French)" in said


def test_readme_tells_everything(text: Path, tmp_path: Path) -> None:
    write(text, qqq=["same"] * 120)
    report = new_tasks("own", text, tmp_path)
    readme = (tmp_path / "own" / "README.md").read_text(encoding="utf-8")
    assert report.command in readme
    assert report.warnings
    assert report.notes
    for remark in (*report.warnings, *report.notes):
        assert remark in readme
    for task in report.tasks:
        assert f"`{task}`" in readme
    assert "120 lines" in readme
    assert str(text) in readme


@pytest.mark.parametrize("pivot", ["eng_Latn", "fra_Latn"])
def test_harness_indexes_and_loads_the_tasks(text: Path, tmp_path: Path, pivot: str) -> None:
    report = new_tasks("own", text, tmp_path, pivot=pivot)
    manager = TaskManager(include_path=str(report.folder), include_defaults=False)
    assert manager.all_tasks == sorted((report.group, *report.tasks))
    loaded = manager.load([report.group])
    assert sorted(loaded["tasks"]) == sorted(report.tasks)
    task = loaded["tasks"]["neuronxa_own_swh_Latn"]
    docs = list(task.test_docs())
    assert len(docs) == 100
    start = "en" if pivot == "eng_Latn" else "fr"
    assert docs[7] == {"id": 7, "pivot": f"{start} sentence 7.", "target": "sw sentence 7."}


def test_config_names_folder_and_pivot(text: Path, tmp_path: Path) -> None:
    new_tasks("own", text, tmp_path, pivot="swh_Latn")
    child = tmp_path / "own" / "neuronxa_own_eng_Latn.yaml"
    config = load_yaml(child, resolve_func=False)
    assert config["dataset_path"] == "folder"
    assert config["dataset_kwargs"] == {"data_dir": str(text), "pivot": "swh_Latn"}
    assert not (tmp_path / "own" / "neuronxa_own_swh_Latn.yaml").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_paths_that_are_not_utf8(text: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"odd\xff")
    assert "is not UTF-8" in refusal(text, odd)
    assert "is not UTF-8" in refusal(text.rename(odd), tmp_path / "out")
    assert names(tmp_path) == [odd.name]


def test_relative_folders_become_absolute(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = new_tasks("own", Path("text"), Path("out"))
    assert report.folder == tmp_path / "out" / "own"
    config = load_yaml(report.folder / "neuronxa_own_fra_Latn.yaml", resolve_func=False)
    assert config["dataset_kwargs"]["data_dir"] == str(text)


def test_awkward_codes_and_folder_names(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "my text: #1 é 'x'", en=sentences("en"), no=sentences("no"), y=sentences("y")
    )
    write(folder, **{"123": sentences("1"), "1e3": sentences("e"), "zh-CN": sentences("zh")})
    report = new_tasks("own", folder, tmp_path / "o u t", pivot="en")
    index = TaskManager(include_path=str(report.folder), include_defaults=False).task_index
    for code in ("no", "y", "123", "1e3", "zh-CN"):
        config = load_yaml(index[f"neuronxa_own_{code}"].yaml_path, resolve_func=False)
        assert config["dataset_name"] == code
        assert config["dataset_kwargs"] == {"data_dir": str(folder), "pivot": "en"}
    assert f"'{report.folder}'" in report.command


@given(
    st.lists(
        st.lists(st.text("abé中\t \x0b\u2028\x85\r", min_size=1), min_size=1, max_size=4),
        min_size=2,
        max_size=3,
    ),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_accepts_just_what_the_corpus_can_read(
    tmp_path: Path, files: list[list[str]], final_newline: bool
) -> None:
    """Lines are counted and stripped as `corpora` does it, whatever separators they hold."""
    folder = write(tmp_path)
    for path in folder.glob("*.txt"):
        path.unlink()
    for code, lines in zip("abc", files, strict=False):
        data = "\n".join(lines) + ("\n" if final_newline else "")
        (folder / f"{code}.txt").write_bytes(data.encode())
    codes = "abc"[: len(files)]
    try:
        loaded = [CORPORA["folder"].load("a", code, None, folder) for code in codes[1:]]
        readable = all(len(pair.pivot) >= 2 for pair in loaded)
    except NeuronXAError:
        readable = False
    refused = ""
    texts: dict[str, list[str]] = {}
    try:
        texts, _ = read_folder(folder, "a")
    except NeuronXAError as error:
        refused = str(error)
    if refused:
        assert not readable or "no line feeds" in refused
    else:
        assert readable
        for code, pair in zip(codes[1:], loaded, strict=True):
            assert tuple(line.strip() for line in texts["a"]) == pair.pivot
            assert tuple(line.strip() for line in texts[code]) == pair.target


# Text that is refused -----------------------------------------------------------------------------


def test_all_problems_are_listed_at_once(text: Path, tmp_path: Path) -> None:
    write(
        text,
        deu_Latn=sentences("de", 119),
        ita_Latn=[*sentences("it", 3), "", " \t", *sentences("it", 115)],
        spa_Latn=b"ok\nma\xf1ana\n",
        rus_Cyrl=b"",
    )
    message = refusal(text, tmp_path / "out")
    assert "spa_Latn.txt is not UTF-8: byte 0xf1 at offset 5, line 2." in message
    assert "ita_Latn.txt has no sentence in lines 4, 5." in message
    assert "rus_Cyrl.txt is empty." in message
    assert (
        "different numbers of lines, so they cannot be parallel: eng_Latn.txt 120, "
        "deu_Latn.txt 119, fra_Latn.txt 120, ita_Latn.txt 120, swh_Latn.txt 120." in message
    )
    assert not (tmp_path / "out").exists()


def test_empty_lines_at_the_end(text: Path, tmp_path: Path) -> None:
    write(text, fra_Latn=[*sentences("fr"), "", ""])
    message = refusal(text, tmp_path / "out")
    assert "fra_Latn.txt ends with nothing in lines 121, 122. Cut that off." in message


def test_many_line_numbers_are_cut_short(text: Path, tmp_path: Path) -> None:
    write(text, fra_Latn=[*[""] * 50, *sentences("fr", 70)])
    message = refusal(text, tmp_path / "out")
    assert "fra_Latn.txt has no sentence in lines 1, 2, 3, 4, 5, ... (50 in all)." in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_other_encodings(text: Path, tmp_path: Path, encoding: str) -> None:
    data = "\n".join(sentences("fr")).encode(encoding)
    if encoding == "utf-16-be":
        data = b"\xfe\xff" + data
    write(text, fra_Latn=data)
    message = refusal(text, tmp_path / "out")
    assert f"fra_Latn.txt is {encoding.upper()[:6]}, not UTF-8" in message
    assert "line 1" not in message


def test_carriage_returns_alone(text: Path, tmp_path: Path) -> None:
    write(text, fra_Latn="\r".join(sentences("fr")).encode())
    message = refusal(text, tmp_path / "out")
    assert "fra_Latn.txt has carriage returns but no line feeds" in message
    assert r"tr '\r' '\n'" in message


def test_pivot_is_missing(tmp_path: Path) -> None:
    folder = write(tmp_path / "text", en=sentences("en"), fr=sentences("fr"))
    message = refusal(folder, tmp_path / "out")
    assert "eng_Latn.txt is missing, but en.txt is the same language" in message
    assert "--pivot en" in message
    message = refusal(folder, tmp_path / "out", pivot="deu_Latn")
    assert "deu_Latn.txt is missing. Add it, or name another" in message


def test_only_the_pivot(tmp_path: Path) -> None:
    folder = write(tmp_path / "text", eng_Latn=sentences("en"))
    assert "has 1 .txt files. Needed are eng_Latn.txt" in refusal(folder, tmp_path / "out")


def test_no_text_at_all(tmp_path: Path) -> None:
    folder = write(tmp_path / "text")
    (folder / "eng_Latn.devtest").write_text("x\n", encoding="utf-8")
    assert "has 0 .txt files" in refusal(folder, tmp_path / "out")
    assert "is not a folder" in refusal(tmp_path / "nowhere", tmp_path / "out")
    assert "is not a folder" in refusal(folder / "eng_Latn.devtest", tmp_path / "out")


def test_one_line_each(tmp_path: Path) -> None:
    folder = write(tmp_path / "text", eng_Latn=["One."], fra_Latn=["Un."])
    assert "one line each" in refusal(folder, tmp_path / "out")


@pytest.mark.parametrize("code", ["a b", "a,b", "fra*", "français", "_x", "a.b", "-x"])
def test_file_names_that_cannot_be_in_a_task_name(text: Path, tmp_path: Path, code: str) -> None:
    write(text, **{code: sentences("x")})
    message = refusal(text, tmp_path / "out")
    assert unicodedata.normalize("NFC", f"- {code}.txt: a task name can have only") in message


@pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="permissions do not bind root; run as another user",
)
def test_unreadable_file(text: Path, tmp_path: Path) -> None:
    (text / "fra_Latn.txt").chmod(0)
    assert "fra_Latn.txt cannot be read: Permission denied" in refusal(text, tmp_path / "out")


def test_broken_link_is_not_overlooked(text: Path, tmp_path: Path) -> None:
    (text / "deu_Latn.txt").symlink_to(text / "nowhere")
    assert "deu_Latn.txt cannot be read: No such file" in refusal(text, tmp_path / "out")


# Text that is accepted with a word ----------------------------------------------------------------


def test_byte_order_mark_and_windows_line_ends(text: Path, tmp_path: Path) -> None:
    write(text, fra_Latn=("\ufeff" + "\r\n".join(sentences("fr")) + "\r\n").encode())
    report = new_tasks("own", text, tmp_path)
    assert report.warnings == ()
    assert report.notes == (
        "fra_Latn.txt starts with a byte-order mark, which is not part of the text.",
        "fra_Latn.txt has Windows line ends (120), which are cut off.",
    )
    manager = TaskManager(include_path=str(report.folder), include_defaults=False)
    task = manager.load(["neuronxa_own_fra_Latn"])["tasks"]["neuronxa_own_fra_Latn"]
    assert [doc["target"] for doc in task.test_docs()] == sentences("fr")[:100]


@pytest.mark.parametrize(
    ("char", "said"),
    [
        ("\u2028", "U+2028 in line 3. Some programs end a line there"),
        ("\u0085", "U+0085 in line 3. Some programs end a line there"),
        ("\x0b", "U+000B in line 3. Some programs end a line there"),
        ("\x1c", "U+001C in line 3. Some programs end a line there"),
        ("\r", "U+000D in line 3. Some programs end a line there"),
        ("\x1b", "U+001B in line 3, which does not belong"),
        ("\ufeff", "U+FEFF in line 3, which does not belong"),
        ("\ufffd", "U+FFFD in line 3, the trace of a failed conversion"),
    ],
)
def test_odd_characters(text: Path, tmp_path: Path, char: str, said: str) -> None:
    lines = sentences("fr")
    lines[2] = f"one{char}two"
    write(text, fra_Latn=lines)
    assert f"fra_Latn.txt has the character {said}" in warnings(text, tmp_path)


def test_every_separator_that_python_knows_is_said(text: Path, tmp_path: Path) -> None:
    separators = [
        chr(point)
        for point in range(sys.maxunicode + 1)
        if len(f"a{chr(point)}b".splitlines()) == 2 and chr(point) != "\n"
    ]
    write(text, fra_Latn=[*(f"a{char}b{i}" for i, char in enumerate(separators)), *["x"] * 100])
    write(text, eng_Latn=sentences("en", len(separators) + 100))
    (text / "swh_Latn.txt").unlink()
    found = warnings(text, tmp_path)
    for number, char in enumerate(separators, 1):
        assert f"U+{ord(char):04X} in line {number}. Some programs" in found


def test_repeated_sentences(text: Path, tmp_path: Path) -> None:
    lines = sentences("fr")
    lines[4] = lines[1]
    lines[8] = f" {lines[1]} "
    write(text, fra_Latn=lines)
    found = warnings(text, tmp_path)
    assert "fra_Latn.txt has the same sentence more than once (3 lines: lines 2, 5, 9)." in found


def test_repeated_pivot_sentences(text: Path, tmp_path: Path) -> None:
    lines = sentences("en")
    lines[119] = lines[0]
    write(text, eng_Latn=lines)
    assert "eng_Latn.txt has the same sentence more than once (2 lines" in warnings(text, tmp_path)


def test_copied_text(text: Path, tmp_path: Path) -> None:
    lines = sentences("fr")
    lines[:3] = sentences("en", 3)
    write(text, fra_Latn=lines)
    found = warnings(text, tmp_path)
    assert "fra_Latn.txt has the same text as eng_Latn.txt in 3 of 120 lines (2.5%: " in found


def test_decomposed_letters(text: Path, tmp_path: Path) -> None:
    lines = sentences("fr")
    lines[0] = unicodedata.normalize("NFD", "Été")
    write(text, fra_Latn=lines)
    report = new_tasks("own", text, tmp_path)
    assert report.warnings == ()
    assert "fra_Latn.txt is not in Unicode's composed form (NFC) in line 1." in report.notes[0]


@pytest.mark.data
def test_flores_itself(tmp_path: Path) -> None:
    """The repeated sentences are those that the data's own description names."""
    root = os.environ.get("NEURONXA_TEST_DATA")
    folder = (Path(root) if root else Path(__file__).parents[3] / "shared" / "data") / "flores200"
    if not folder.is_dir():
        pytest.skip("needs the public data: set NEURONXA_TEST_DATA to the folder with flores200/")
    for path in (folder / "devtest").glob("*.devtest"):
        (tmp_path / f"{path.stem}.txt").write_bytes(path.read_bytes())
    report = new_tasks("own", tmp_path, tmp_path / "out")
    assert len(report.tasks) == 203
    assert None not in report.languages.values()
    repeated = [text for text in report.warnings if "more than once" in text]
    assert [text[:30] for text in repeated] == [
        "bam_Latn.txt has the same sent",
        "szl_Latn.txt has the same sent",
        "tgk_Cyrl.txt has the same sent",
    ]
    assert "(4 lines" in repeated[0]
    assert not any("same text as" in text for text in report.warnings)


def test_few_lines(tmp_path: Path) -> None:
    folder = write(tmp_path / "text", eng_Latn=sentences("en", 99), fra_Latn=sentences("fr", 99))
    report = new_tasks("own", folder, tmp_path)
    assert report.warnings[0].startswith("The files have 99 lines; 100 pairs are usual.")
    assert report.command.endswith("""--tasks neuronxa_own --metadata '{"n": 99}'""")
    write(folder, eng_Latn=sentences("en", 100), fra_Latn=sentences("fr", 100))
    assert new_tasks("own", folder, tmp_path).warnings == ()


def test_codes_other_than_the_tables(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "text", en=sentences("en"), fr=sentences("fr"), klingon=sentences("tlh")
    )
    report = new_tasks("own", folder, tmp_path, pivot="en")
    assert report.languages == {"en": "English", "fr": "French", "klingon": None}
    notes = "\n".join(report.notes)
    assert "fr is read as French. With the name fra_Latn.txt the scores" in notes
    assert "klingon names no single language of the language table. That is fine" in notes
    assert "klingon (not in the language table)" in str(report)


def test_one_language_twice(text: Path, tmp_path: Path) -> None:
    write(text, fr=[f"{line} Autrement." for line in sentences("fr")])
    found = warnings(text, tmp_path)
    assert "fr.txt and fra_Latn.txt are the same language (French) by their names." in found


def test_other_files_are_named(text: Path, tmp_path: Path) -> None:
    (text / "README.md").write_text("x", encoding="utf-8")
    (text / "deu_Latn.TXT").write_text("x", encoding="utf-8")
    (text / "more.txt").mkdir()
    (text / "._fra_Latn.txt").write_bytes(b"\x00\xff")
    report = new_tasks("own", text, tmp_path)
    assert report.notes == (
        "Not used, since only files <code>.txt are: README.md, deu_Latn.TXT, more.txt.",
    )
    assert len(report.tasks) == 2


# Name and place -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["", "_x", "A", "a b", "a-b", "a/b", "..", "é", "a\n", "a,b", "a*"],
)
def test_names_that_cannot_be_in_a_task_name(text: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(NeuronXAError, match="cannot be part of a task name"):
        new_tasks(name, text, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["flores", "tatoeba", "mini", "world", "flores_xnli", "tatoeba_fra", "world_cloze"]
)
def test_names_of_ours(text: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(NeuronXAError, match=r"belongs to the tasks of the corpus .*`my_"):
        new_tasks(name, text, tmp_path / "out")


def test_own_output_is_replaced(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    new_tasks("own", text, out)
    (text / "swh_Latn.txt").unlink()
    report = new_tasks("own", text, out, pivot="fra_Latn")
    assert report.tasks == ("neuronxa_own_eng_Latn",)
    assert names(out) == ["own"]
    assert "neuronxa_own_swh_Latn.yaml" not in names(out / "own")


@pytest.mark.parametrize("extra", ["notes.txt", "utils.py", "neuronxa_other.yaml"])
def test_something_else_in_the_place(text: Path, tmp_path: Path, extra: str) -> None:
    out = tmp_path / "out"
    new_tasks("own", text, out)
    (out / "own" / extra).write_text("mine", encoding="utf-8")
    before = names(out / "own")
    assert "--force" in refusal(text, out)
    assert names(out / "own") == before
    new_tasks("own", text, out, overwrite=True)
    assert extra not in names(out / "own")
    assert names(out) == ["own", "own.old"]
    assert (out / "own.old" / extra).read_text(encoding="utf-8") == "mine"


def test_nothing_is_ever_deleted_by_force(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in range(3):
        (out / "own").mkdir(parents=True)
        (out / "own" / f"{number}").write_text("mine", encoding="utf-8")
        new_tasks("own", text, out, overwrite=True)
        (out / "own").rename(out / f"made{number}")
    assert names(out / "own.old") == ["0"]
    assert names(out / "own.old2") == ["1"]
    assert names(out / "own.old3") == ["2"]


def test_template_of_another_origin_is_not_ours(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "own"
    folder.mkdir(parents=True)
    (folder / "_neuronxa_own_yaml").write_text("class: mine\n", encoding="utf-8")
    assert "something else" in refusal(text, tmp_path / "out")


def test_file_and_link_in_the_place(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "own").write_text("mine", encoding="utf-8")
    assert "something else" in refusal(text, out)
    (out / "own").unlink()
    new_tasks("own", text, tmp_path / "elsewhere")
    (out / "own").symlink_to(tmp_path / "elsewhere" / "own")
    assert "something else" in refusal(text, out)
    new_tasks("own", text, out, overwrite=True)
    assert (out / "own.old").is_symlink()
    assert not (out / "own").is_symlink()
    assert len(names(tmp_path / "elsewhere" / "own")) == 5


def test_empty_folder_in_the_place_is_used(text: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "own").mkdir(parents=True)
    new_tasks("own", text, tmp_path / "out")
    assert names(tmp_path / "out") == ["own"]


def test_place_that_holds_the_text(tmp_path: Path) -> None:
    files = {"eng_Latn": sentences("en"), "fra_Latn": sentences("fr")}
    for folder in (tmp_path / "own", tmp_path / "own" / "deep" / "text"):
        write(folder, **files)
        assert "holds the text" in refusal(folder, tmp_path, overwrite=True)
    report = new_tasks("inside", tmp_path / "own", tmp_path / "own")
    assert report.folder == tmp_path / "own" / "inside"
    assert new_tasks("inside", tmp_path / "own", tmp_path / "own").tasks == report.tasks


def test_place_that_cannot_be_written(text: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NeuronXAError, match=r"cannot be written: .*No config was written"):
        new_tasks("own", text, tmp_path / "file" / "out")


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_while_writing_leaves_nothing_half(
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    existing: bool,
    stop: BaseException,
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if existing:
        new_tasks("own", text, out)
    before = names(out), names(out / "own")
    real = Path.write_bytes
    written: list[Path] = []

    def fail(self: Path, data: bytes) -> int:
        written.append(self)
        if len(written) == 3:
            raise stop
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises((NeuronXAError, KeyboardInterrupt)):
        new_tasks("own", text, out, pivot="fra_Latn")
    assert (names(out), names(out / "own")) == before


def test_failed_rename_brings_the_old_configs_back(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_tasks("own", text, tmp_path / "out")
    before = (tmp_path / "out" / "own" / "_neuronxa_own_yaml").read_bytes()
    real = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(NeuronXAError, match="Input/output error"):
        new_tasks("own", text, tmp_path / "out", pivot="fra_Latn")
    assert names(tmp_path / "out") == ["own"]
    assert (tmp_path / "out" / "own" / "_neuronxa_own_yaml").read_bytes() == before
