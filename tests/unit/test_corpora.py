"""Corpora in folders: every form in which people have FLORES, and text that must not be scored."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hub import Rows, json_lines, parquet
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text import bmlama, flores
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.languages import find
from neuronxa_tasks.text.parallel import ParallelText
from neuronxa_tasks.text.rows import sentences

N = 12
ENGLISH = [f"Sentence {number}." for number in range(N)]
CHINESE = [f"句子{number}。" for number in range(N)]


def write(folder: Path, layout: str, code: str, lines: list[str], column: str = "text") -> None:
    """One language in one form; tables have their rows in another order than the release."""
    path = folder / layout.format(code)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: Rows = [{"id": number, column: line} for number, line in enumerate(lines, 1)]
    random.Random(code).shuffle(rows)
    if path.suffix == ".parquet":
        path.write_bytes(parquet(rows))
    elif path.suffix == ".jsonl":
        path.write_bytes(json_lines(rows))
    else:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def load(folder: Path, target: str = "zho_Hans", n: int | None = N) -> ParallelText:
    return CORPORA["flores"].load("eng_Latn", target, n, folder)


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


# Forms of FLORES ----------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", ["", "flores", "flores200", "flores200_dataset"])
@pytest.mark.parametrize("name", ["zho_Hans", "cmn_Hans"])
@pytest.mark.parametrize("layout", flores.LAYOUTS)
def test_every_form_of_flores(tmp_path: Path, layout: str, name: str, inside: str) -> None:
    write(tmp_path / inside, layout, "eng_Latn", ENGLISH)
    write(tmp_path / inside, layout, name, CHINESE, "sentence")
    text = load(tmp_path)
    assert (text.pivot, text.target) == (tuple(ENGLISH), tuple(CHINESE))
    below = tmp_path / inside / layout.partition("{}")[0].rpartition("/")[0]
    assert text.source["where"] == str(below)


@pytest.mark.data
@pytest.mark.parametrize("layout", flores.LAYOUTS)
@pytest.mark.parametrize("code", ["zho_Hans", "est_Latn", "arb_Arab"])
def test_real_sentences_are_the_same_in_every_form(
    tmp_path: Path, data_dir: Path, layout: str, code: str
) -> None:
    real = data_dir / "flores200"
    want = load(real, code, 100)
    renamed = flores.flores_names(code)[-1]
    assert renamed != code
    for source, name in (("eng_Latn", "eng_Latn"), (code, renamed)):
        text = (real / "devtest" / f"{source}.devtest").read_text(encoding="utf-8")
        write(tmp_path, layout, name, text.removesuffix("\n").split("\n"))
    text = load(tmp_path, code, 100)
    assert (text.pivot, text.target) == (want.pivot, want.target)
    assert text.source["sha256"] == want.source["sha256"]


def test_names_of_flores_plus() -> None:
    renamed = {  # changelog of openlanguagedata/flores
        "cmn_Hans": "zho_Hans", "cmn_Hant": "zho_Hant", "ekk_Latn": "est_Latn",
        "fil_Latn": "tgl_Latn", "gug_Latn": "grn_Latn", "ktu_Latn": "kon_Latn",
        "zgh_Tfng": "tzm_Tfng", "apc_Arab_nort3139": "apc_Arab", "apc_Arab_sout3123": "ajp_Arab",
        "twi_Latn_akua1239": "twi_Latn", "twi_Latn_asan1239": "aka_Latn",
    }  # fmt: skip
    for new, old in renamed.items():
        assert new in flores.flores_names(old)
    every = [name for code in flores.flores_codes() for name in flores.flores_names(code)]
    assert len(every) == len(set(every))  # no name means two languages
    for code in flores.flores_codes():
        first, *others = flores.flores_names(code)
        assert first == code
        assert all((row := find(name)) and row.code == code for name in others)


def test_the_usual_name_and_the_usual_split_come_first(tmp_path: Path) -> None:
    write(tmp_path, "dev/{}.dev", "eng_Latn", ["Dev."] * N)
    write(tmp_path, "dev/{}.dev", "zho_Hans", ["开发。"] * N)
    assert load(tmp_path).pivot[0] == "Dev."
    write(tmp_path, "devtest/{}.devtest", "eng_Latn", ENGLISH)
    write(tmp_path, "devtest/{}.devtest", "cmn_Hans", CHINESE[::-1])
    assert load(tmp_path).target == tuple(CHINESE[::-1])
    write(tmp_path, "devtest/{}.devtest", "zho_Hans", CHINESE)
    text = load(tmp_path)
    assert (text.pivot, text.target) == (tuple(ENGLISH), tuple(CHINESE))


def test_two_forms_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path, "devtest/{}.devtest", "eng_Latn", ENGLISH)
    write(tmp_path, "dev/{}.parquet", "cmn_Hans", CHINESE)
    match = r"holds devtest/eng_Latn\.devtest and dev/cmn_Hans\.parquet, in different forms"
    with pytest.raises(NeuronXAError, match=match):
        load(tmp_path)


def test_what_is_missing_is_named_with_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, "{}.csv", "zho_Hans", CHINESE)
    (tmp_path / "old").mkdir()
    with pytest.raises(NeuronXAError, match="has no file for eng_Latn and zho_Hans: looked for"):
        load(tmp_path)
    write(tmp_path, "devtest/{}.devtest", "eng_Latn", ENGLISH)
    with pytest.raises(NeuronXAError) as error:
        load(tmp_path)
    assert str(error.value) == (
        f"The folder {tmp_path} has no file for zho_Hans: looked for zho_Hans.devtest, "
        "devtest/zho_Hans.devtest, devtest.zho_Hans and 18 more, found 3 entries (devtest, old, "
        "zho_Hans.csv). Add the file, choose another language, or leave data_dir out."
    )


CLOSED = r"cannot be read: Permission denied\."


@contextmanager
def closed(root: Path, name: str) -> Iterator[None]:
    """A folder that this process may not look into."""
    for folder in (*root.parents, root):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    (root / name).chmod(0)
    try:
        with somebody_else():
            yield
    finally:
        (root / name).chmod(0o755)


@pytest.mark.parametrize("name", ["", "flores", "flores/devtest"])
def test_a_folder_that_cannot_be_looked_into(tmp_path: Path, name: str) -> None:
    write(tmp_path / "flores", "devtest/{}.devtest", "eng_Latn", ENGLISH)
    write(tmp_path / "flores", "devtest/{}.devtest", "zho_Hans", CHINESE)
    with closed(tmp_path, name), pytest.raises(NeuronXAError, match=CLOSED):
        load(tmp_path)


@pytest.mark.parametrize("name", ["", "tatoeba", "bmlama53"])
def test_other_corpora_in_a_folder_that_cannot_be_looked_into(tmp_path: Path, name: str) -> None:
    for each in ("tatoeba", "bmlama53"):
        (tmp_path / each).mkdir()
    with closed(tmp_path, name):
        if name != "bmlama53":
            with pytest.raises(NeuronXAError, match=CLOSED):
                CORPORA["tatoeba"].load("eng_Latn", "fra", None, tmp_path)
        if name != "tatoeba":
            with pytest.raises(NeuronXAError, match=CLOSED):
                bmlama.find("fr", tmp_path)


# Tables -------------------------------------------------------------------------------------------


@given(st.lists(st.text(), min_size=1), st.randoms())
def test_rows_in_any_order(lines: list[str], chance: random.Random) -> None:
    rows = [{"id": 7 * number, "text": line} for number, line in enumerate(lines)]
    chance.shuffle(rows)
    assert list(sentences(rows, "x")) == [line.strip() for line in lines]
    bare = [{"sentence": line} for line in lines]
    assert list(sentences(bare, "x")) == [line.strip() for line in lines]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"id": 1, "chinese": "x"}], r"has no column `text` or `sentence`, but chinese, id\."),
        ([{"id": 1, "text": "a"}, {"id": 1, "text": "b"}], "an id more than once"),
        ([{"id": 1, "text": "a"}, {"id": None, "text": "b"}], "the id None"),
        ([{"id": "9" * 5000, "text": "a"}], "the id 9{40}, so the order"),
        ([{"id": 1, "text": "a"}, {"id": 2, "text": None}], "Row 2 of .* has no text in"),
    ],
)
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_tables_that_are_no_corpus(tmp_path: Path, rows: Rows, why: str, suffix: str) -> None:
    write(tmp_path, "devtest/{}." + suffix, "eng_Latn", ENGLISH)
    data = json_lines(rows) if suffix == "jsonl" else parquet(rows)
    (tmp_path / f"devtest/zho_Hans.{suffix}").write_bytes(data)
    with pytest.raises(NeuronXAError, match=why) as error:
        load(tmp_path)
    assert f"zho_Hans.{suffix}" in str(error.value)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("x.jsonl", b'{"text": "a"}\n{"text"\n', r"Line 2 of .*zho_Hans\.jsonl is no JSON: "),
        ("x.jsonl", b'{"text": "a"}\n["b"]\n', r"Line 2 of .* is no JSON object but '\[\"b\"\]'"),
        ("x.jsonl", b"[" * 100_000, r"Line 1 of .*zho_Hans\.jsonl is no JSON: "),
        ("x.jsonl", b"\xff\xfe\x00", r"is UTF-16, not UTF-8 text"),
        ("x.jsonl", b"", r"zho_Hans\.jsonl \(in .*\) is empty"),
        ("x.parquet", b"", r"zho_Hans\.parquet is no readable parquet file"),
        ("x.parquet", POINTER, r"is no readable parquet file: .*git lfs pull"),
        ("x.parquet", parquet([{"text": "a"}])[:-9], r"is no readable parquet file"),
        ("x.parquet", parquet([{"text": "a"}]).replace(b"PAR1", b"RAP1"), r"is no readable parq"),
    ],
)
def test_damaged_tables(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    suffix = Path(name).suffix
    write(tmp_path, "devtest/{}" + suffix, "eng_Latn", ENGLISH)
    (tmp_path / f"devtest/zho_Hans{suffix}").write_bytes(data)
    with pytest.raises(NeuronXAError, match=why):
        load(tmp_path)


# One text under two names -------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["{}.txt", "devtest/{}.devtest", "devtest/{}.parquet"])
@pytest.mark.parametrize("n", [2, N, None])
def test_a_file_copied_over_another(tmp_path: Path, layout: str, n: int | None) -> None:
    write(tmp_path, layout, "eng_Latn", ENGLISH)
    write(tmp_path, layout, "zho_Hans", ENGLISH)
    with pytest.raises(NeuronXAError, match=r"eng_Latn.* and .*zho_Hans.* hold the same text"):
        load(tmp_path, n=n)
    write(tmp_path, layout, "zho_Hans", [*ENGLISH[:-1], "最后。"])
    assert load(tmp_path, n=2).target == tuple(ENGLISH[:2])  # names and numbers may be the same


def test_the_pivot_is_its_own_text(tmp_path: Path) -> None:
    write(tmp_path, "{}.txt", "eng_Latn", ENGLISH)
    text = load(tmp_path, "eng_Latn")
    assert text.pivot == text.target == tuple(ENGLISH)


def test_a_pair_of_tatoeba_copied(tmp_path: Path) -> None:
    (tmp_path / "fra-eng.eng").write_text("One.\nTwo.\n", encoding="utf-8")
    shutil.copy(tmp_path / "fra-eng.eng", tmp_path / "fra-eng.fra")
    with pytest.raises(NeuronXAError, match=r"fra-eng\.eng and fra-eng\.fra .* hold the same text"):
        CORPORA["tatoeba"].load("eng_Latn", "fra", None, tmp_path)
