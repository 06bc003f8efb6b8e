"""Results files, samples and tables with accidents: read rightly, or refused in words."""

from __future__ import annotations

import copy
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import damaged, found, fuzz, told
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import Results, read_covariates, read_results, read_rivals, read_samples
from neuronxa_tasks.results.published import read_published

ROOT = Path(__file__).parents[1]
HISTORIC = ROOT / "historic_results"
FILES = {
    name: next((HISTORIC / name).rglob("*.json")).read_bytes()
    for name in ("0.3.0", "0.4.2", "0.4.9", "0.4.13", "neuronxa-0.1.0")
}
SAMPLES = next((HISTORIC / "neuronxa-0.1.0").rglob("samples_*.jsonl")).read_bytes()
TABLE = (
    b"model,language,benchmark,value,n\n"
    b'a,de,xnli,0.5,100\n"b, c",fra_Latn,belebele,.25,\nb,sw,m_arc,1,7\n'
)
COVARIATES = b"language,log_resource,kind\nde,1.5,a\nfra_Latn,2,b\nsw,,c\n"

JUNK = st.one_of(
    st.sampled_from(
        [None, True, False, 0, -1, 0.5, math.nan, math.inf, -math.inf, 10**400, -(10**400), 2**63]
    ),
    st.sampled_from(["", "0.5", "\0", "a\nb", "\ud800", "x" * 5000, "../../x", "de", "neuronxa_"]),
    st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)
                 | st.dictionaries(st.text(max_size=3), inner, max_size=2), max_leaves=4),
)  # fmt: skip


def reads(name: str, data: bytes, **options: Any) -> Results | None:
    """What is read from the bytes of one results file; None where they are refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            return read_results([path], **options)
        except NeuronXAError as error:
            told(error, path)
            return None


def holds(read: Results, content: dict[str, Any]) -> None:
    """Every number of the frames stands in the file, at the place where the harness writes it."""
    block = (content.get("config") or {}).get("neuronxa") or {}
    for row in read.frame.to_dict("records"):
        assert isinstance(row["model"], str)
        assert row["model"]
        entry = content["results"].get(row["task"]) or content["groups"][row["task"]]
        written = [
            value
            for key, value in entry.items()
            if key == row["metric"] or key in (f"{row['metric']},none", f"{row['metric']},")
        ]
        assert math.isfinite(row["value"])
        assert any(
            not isinstance(value, (bool, str)) and value == row["value"] for value in written
        )
        if row["kind"] == "alignment":
            facts = block["tasks"][row["task"]]
            assert row["n"] == facts["n"]
        elif row["n"] is not None and not np.isnan(float(row["n"])):
            assert float(row["n"]).is_integer()
            assert row["n"] >= 1
    for row in read.layers.to_dict("records"):
        facts = block["tasks"][row["task"]]
        counts = facts[row["representation"]][row["direction"]]
        first = 0 if row["representation"] == "hidden" else 1
        assert counts[row["layer"] - first] == row["hits"]
        assert 0 <= row["hits"] <= row["n"] == facts["n"]
    for row in read.tokens.to_dict("records"):
        tokens = block["tasks"][row["task"]]["tokens"]
        assert row["target_tokens"] == tokens["target"]["total"] / row["n"]
        assert row["truncated"] >= 0
    # What was read can be written.
    for frame in (read.frame, read.layers, read.tokens, read.runs, read.unmapped):
        frame.to_csv().encode("utf-8")


def places(value: object, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        children = enumerate(value)
    inside = [here] if here else []
    for key, child in children:
        inside += places(child, (*here, key))
    return inside


@fuzz(60)
@given(st.data())
def test_other_values_anywhere(data: st.DataObject) -> None:
    whole = json.loads(FILES[data.draw(st.sampled_from(sorted(FILES)))])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(whole)))
        parent = whole
        for key in place[:-1]:
            parent = parent[key]
        kind = data.draw(st.sampled_from(["junk", "junk", "junk", "delete", "swap"]))
        if kind == "delete":
            del parent[place[-1]]
        elif kind == "swap":
            other: Any = whole
            for key in data.draw(st.sampled_from(places(whole))):
                other = other[key]
            parent[place[-1]] = copy.deepcopy(other)
        else:
            parent[place[-1]] = copy.deepcopy(data.draw(JUNK))
        if not places(whole):
            break
    text = json.dumps(whole)
    read = reads("results_1.json", text.encode(), keep_nan=data.draw(st.booleans()))
    if read is not None:
        holds(read, json.loads(text))


@fuzz(60)
@given(st.data())
def test_other_bytes_anywhere(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    bytes_ = data.draw(damaged(FILES[name]))
    read = reads("results_1.json", bytes_)
    if read is not None:
        holds(read, json.loads(bytes_.decode("utf-8-sig")))


@fuzz(50)
@given(damaged(SAMPLES))
def test_samples(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.jsonl"
        path.write_bytes(data)
        try:
            samples = read_samples(path)
            rivals = read_rivals(path)
        except NeuronXAError as error:
            told(error, path)
            return
    for representation, metric in {"nas": "nasca_max", "hidden": "mexa_max"}.items():
        for line, sample in enumerate(samples):
            assert sample[metric]["either"] == rivals[representation][2, :, line].tolist()


@fuzz(60)
@given(damaged(TABLE), damaged(COVARIATES))
def test_tables(table: bytes, covariates: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        path.write_bytes(table)
        try:
            read = read_published(path)
        except NeuronXAError as error:
            told(error, path)
        else:
            assert len(read.rows) + len(read.unmapped) >= 1
            for row in [*read.rows, *read.unmapped]:
                assert math.isfinite(row["value"])
                assert str(row["value"]) == "0.0" or row["model"]
        path.write_bytes(covariates)
        try:
            columns, _ = read_covariates(path)
        except NeuronXAError as error:
            told(error, path)
        else:
            for column in columns.values():
                kinds = {type(value) for value in column.values()}
                assert kinds <= {float} or kinds <= {str}


@pytest.mark.parametrize("path", found("results"), ids=lambda path: path.stem)
def test_results_that_were_once_misread(path: Path) -> None:
    data = path.read_bytes()
    read = reads("results_1.json", data, keep_nan=True)
    if path.stem.startswith("refused"):
        assert read is None
    else:
        assert read is not None
        holds(read, json.loads(data.decode("utf-8-sig")))
