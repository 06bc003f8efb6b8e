"""Tables of others: separators, numbers, comments, covariates, and alignment scores."""

from __future__ import annotations

import gzip
import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import read_covariates, read_results
from neuronxa_tasks.results.published import read_published
from neuronxa_tasks.results.tables.cells import is_table, read_table
from neuronxa_tasks.results.tables.decimals import decimal_of, is_missing, number_in

ROWS = [
    ("org/E", "de", "xnli", "0.45"),
    ("org/E", "fr", "xnli", "0.5"),
    ("a, b", "sw", "xcopa", "1"),
]


def table(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def written(separator: str, decimal: str = ".") -> str:
    """The rows of `ROWS`; a cell with the separator or a quotation mark is quoted."""
    lines = [("model", "language", "benchmark", "value")]
    lines += [(*row[:3], row[3].replace(".", decimal)) for row in ROWS]
    return "".join(
        separator.join(f'"{cell}"' if separator in cell else cell for cell in line) + "\n"
        for line in lines
    )


def values(path: Path) -> dict[tuple[str, str], float]:
    frame = read_results([], published=[path]).frame
    return dict(
        zip(zip(frame["model"], frame["language"], strict=True), frame["value"], strict=True)
    )


EXPECTED = {("org/E", "deu_Latn"): 0.45, ("org/E", "fra_Latn"): 0.5, ("a, b", "swh_Latn"): 1.0}


# --- separators, comments, packing --------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "T.CSV", "t.csv.gz", "t.tsv.gz"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_every_way_to_write_a_table(
    tmp_path: Path, name: str, separator: str, decimal: str
) -> None:
    assert is_table(name)
    assert values(table(tmp_path / name, written(separator, decimal))) == EXPECTED


def test_comments_capitals_and_a_spreadsheets_first_line(tmp_path: Path) -> None:
    text = (
        '# scores of our paper\n# "quoted\nsep=;\n\nModel;LANGUAGE;Benchmark;Score\n'
        "org/E;de;xnli;0,45\n#org/E;fr;xnli;0,9\norg/E;sw;xnli;0,5\n"
    )
    read = read_results([], published=[table(tmp_path / "t.csv", text)])
    assert read.frame["value"].tolist() == [0.45, 0.5]
    (note,) = read.notes
    assert "1 line(s) below the header begin with #" in note


def test_line_numbers_count_comments_and_lines_inside_cells(tmp_path: Path) -> None:
    text = '# one\nmodel,language,benchmark,value\n"a\nb",de,xnli,0.5\nc,de,xnli,x\n'
    with pytest.raises(NeuronXAError, match="line 5: value is 'x'"):
        read_results([], published=[table(tmp_path / "t.csv", text)])


def test_a_line_separator_in_a_name_ends_no_line(tmp_path: Path) -> None:
    text = "model,language,benchmark,value\na\u2028b,de,xnli,0.5\n"
    read = read_results([], published=[table(tmp_path / "t.csv", text)])
    assert read.frame["model"].tolist() == ["a\u2028b"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model;language;benchmark;value\nm;de;xnli;0,4;5\n", "separated by semicolons"),
        ("model,language,benchmark,value\nm,de,xnli,0,45\n", "separate cells by semicolons"),
        ('model,language,benchmark,value\nm,de,xnli,0.4\nm,fr,xnli,"0,5"\n', "'0,5'.*point"),
        ('model,language,benchmark,value\nm,de,xnli,"1,234"\n', "thousands or decimals"),
        ("model,Model,language,benchmark,value\na,b,de,xnli,1\n", "column 'model' twice"),
        ("model,language,benchmark,value\nm,de,xnli,NA\n", "'NA'"),
        ("model,language,benchmark,value\n" + "m" * 200_000 + ",de,xnli,1\n", "is no table"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(NeuronXAError, match=told):
        read_results([], published=[table(tmp_path / "t.csv", text)])


def test_missing_values_are_left_out_where_that_was_asked_for(tmp_path: Path) -> None:
    text = "model,language,benchmark,value\nm,de,xnli,NA\nm,fr,xnli,0.5\n"
    read = read_results([], published=[table(tmp_path / "t.csv", text)], keep_nan=True)
    assert read.frame["value"].tolist() == [0.5]
    assert read.notes == (f"{tmp_path / 't.csv'}, line 2: value is 'NA' and was left out.",)


def test_a_packed_file_that_is_cut_off_or_not_packed(tmp_path: Path) -> None:
    whole = gzip.compress(written(",").encode())
    for content in (whole[:-9], written(",").encode(), whole[:30] + b"x" * 20):
        path = tmp_path / "t.csv.gz"
        path.write_bytes(content)
        with pytest.raises(NeuronXAError, match="no whole gzip file"):
            read_table(path)


def test_a_small_file_that_unpacks_to_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neuronxa_tasks.results.whole_file.MOST_UNPACKED", 1000)
    with pytest.raises(NeuronXAError, match="unpacks to more than 1000 bytes"):
        read_table(table(tmp_path / "t.csv.gz", "a,b\n" + "1,2\n" * 1000))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    for read in (read_table, read_covariates, read_published):
        with pytest.raises(NeuronXAError, match="is a pipe or a device"):
            read(tmp_path / "t.csv")


def test_a_table_under_another_name_is_told(tmp_path: Path) -> None:
    path = table(tmp_path / "scores.txt", written("\t"))
    with pytest.raises(NeuronXAError, match=r"looks like a table, and a table is called .csv or"):
        read_results([path])


# --- numbers ------------------------------------------------------------------------------------


@given(
    st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda value: round(value, 4)),
    st.sampled_from([",", "."]),
)
def test_every_number_is_read_as_it_was_written(value: float, decimal: str) -> None:
    plain = f"{value:,.4f}"  # 1,234.5000
    text = plain if decimal == "." else plain.translate(str.maketrans(",.", ".,"))
    assert number_in(text, decimal) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [
        (["7,1", "8"], ","),
        (["1,000,000", "5"], "."),
        (["1.000.000", "5"], ","),
        (["0,531"], ","),
        (["1.5", "NA", "x"], "."),
        (["12", "1.234"], None),
        (["1.234", "1.234,5"], ","),
    ],
)
def test_cells_show_how_they_are_written(cells: list[str], decimal: str | None) -> None:
    assert decimal_of(cells) == (decimal, None)


def test_what_could_be_either_is_told() -> None:
    assert decimal_of(["1,234", "12"]) == (None, "1,234")
    assert decimal_of(["1,234", "7,1"]) == (",", None)


@pytest.mark.parametrize("text", ["", "NA", "n/a", "#N/A", "NaN", "–", "-", " null "])
def test_missing_cells(text: str) -> None:
    assert is_missing(text)
    assert number_in(text, ".") is None


# --- covariates ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["5.0", "NA", "6"], {"deu_Latn": 5.0, "swh_Latn": 6.0}),
        (["5,0", '"7,1"', "6"], {"deu_Latn": 5.0, "fra_Latn": 7.1, "swh_Latn": 6.0}),
        (["1,000,000", "200", "-"], {"deu_Latn": 1e6, "fra_Latn": 200.0}),
        (["high", "low", "NA"], {"deu_Latn": "high", "fra_Latn": "low"}),
    ],
)
def test_one_cell_does_not_make_labels_of_numbers(
    tmp_path: Path, cells: list[str], expected: dict[str, object]
) -> None:
    quoted = [cell if cell.startswith('"') else f'"{cell}"' for cell in cells]
    lines = [f"{code},{cell}\n" for code, cell in zip(("de", "fr", "sw"), quoted, strict=True)]
    path = table(tmp_path / "c.csv", "language,resource\n" + "".join(lines))
    assert read_covariates(path) == ({"resource": expected}, [])


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["5.0", "7.1x", "6"], "line 3: resource is '7.1x', but 2 other cells .* decimal point"),
        (["0.5", "7,1", "6"], "resource is '7,1'"),
        (["1,234", "2,345", "3,456"], "thousands or decimals"),
    ],
)
def test_numbers_beside_text_are_refused(tmp_path: Path, cells: list[str], told: str) -> None:
    lines = [f'{code},"{cell}"\n' for code, cell in zip(("de", "fr", "sw"), cells, strict=True)]
    path = table(tmp_path / "c.csv", "language,resource\n" + "".join(lines))
    with pytest.raises(NeuronXAError, match=told):
        read_covariates(path)


# --- alignment scores -----------------------------------------------------------------------------


def test_a_metric_column_declares_alignment_scores(tmp_path: Path) -> None:
    """The form in which MEXA is published: no benchmark, two metrics, n."""
    text = "model,language,metric,value,n\nm,de,MEXA,0.4,100\nm,de,mexa_max,0.7,100\n"
    frame = read_results([], published=[table(tmp_path / "mexa_x.csv.gz", text)]).frame
    assert set(frame["kind"]) == {"alignment"}
    assert set(frame["benchmark"]) == {"mexa_x"}
    assert dict(zip(frame["metric"], frame["value"], strict=True)) == {"mexa": 0.4, "mexa_max": 0.7}
    assert {json.loads(text)["n"] for text in frame["settings"]} == {100}


def test_corpus_and_pivot_where_they_are_given(tmp_path: Path) -> None:
    text = "model,language,metric,value,n,corpus,pivot\nm,de,mexa,0.4,100,flores,French\n"
    (row,) = read_results([], published=[table(tmp_path / "t.csv", text)]).frame.to_dict("records")
    assert row["benchmark"] == "flores"
    assert json.loads(row["settings"]) == {"n": 100, "pivot": "fra_Latn"}
    with pytest.raises(NeuronXAError, match="pivot is 'Klingon'"):
        read_published(table(tmp_path / "t.csv", text.replace("French", "Klingon")))


@pytest.mark.parametrize(
    "text",
    [
        "model,language,metric,value\nm,de,anc,0.4\n",
        "model,language,benchmark,value\nm,de,ANC,0.4\n",
        "model,language,anc,notes\nm,de,0.4,x\n",
    ],
)
def test_an_option_declares_other_scores(tmp_path: Path, text: str) -> None:
    path = table(tmp_path / "t.csv", text)
    (row,) = read_results([], published=[path], alignment=["anc"]).frame.to_dict("records")
    assert (row["kind"], row["metric"], row["value"]) == ("alignment", "anc", 0.4)
    with pytest.raises(NeuronXAError, match="--alignment names 'typo'"):
        read_results([], published=[path], alignment=["anc", "typo"])


def test_a_metric_that_nobody_declared_is_named_with_the_option(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "model,language,metric,value\nm,de,anc,0.4\n")
    with pytest.raises(NeuronXAError, match="--alignment anc"):
        read_published(path)


def test_layers_give_their_mean_and_maximum(tmp_path: Path) -> None:
    lines = [
        f"m,{code},mexa,{layer},{value}\n"
        for code, of_code in (("de", (0.1, 0.5, 0.3)), ("fr", (0.2, 0.2, 0.8)))
        for layer, value in enumerate(of_code)
    ]
    text = "model,language,metric,layer,value\n" + "".join(lines)
    read = read_results([], published=[table(tmp_path / "t.csv", text)])
    found = {
        (row["language"], row["metric"]): row["value"] for row in read.frame.to_dict("records")
    }
    assert found == pytest.approx(
        {
            ("deu_Latn", "mexa"): 0.3,
            ("deu_Latn", "mexa_max"): 0.5,
            ("fra_Latn", "mexa"): 0.4,
            ("fra_Latn", "mexa_max"): 0.8,
        }
    )
    german = read.layers[read.layers["language"] == "deu_Latn"]
    assert german["layer"].tolist() == [0, 1, 2]
    assert german["rate"].tolist() == [0.1, 0.5, 0.3]
    assert set(german["representation"]) == {"hidden"}
    assert german["hits"].isna().all()
    for bad, told in (
        (text + "m,de,mexa,1,0.5\n", "layer 1 of mexa in deu_Latn twice"),
        (text + "m,sw,mexa,0,0.5\n", "1 layers of mexa in swh_Latn and 3 in deu_Latn"),
        (text + "m,sw,mexa,x,0.5\n", "layer is 'x'"),
    ):
        with pytest.raises(NeuronXAError, match=told):
            read_published(table(tmp_path / "t.csv", bad))


def test_published_layers_and_our_own_are_told_apart(tmp_path: Path) -> None:
    text = "model,language,metric,layer,value\nm,de,anc,1,0.5\nm,de,anc,2,0.25\n"
    read = read_results([], published=[table(tmp_path / "t.csv", text)], alignment=["anc"])
    assert set(read.layers["representation"]) == {"anc"}
    assert sorted(read.frame["metric"]) == ["anc", "anc_max"]
    assert math.isnan(read.frame["stderr"].iloc[0])
