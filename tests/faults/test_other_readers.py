"""JSON lines and TOML that want to exhaust their reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronxa_tasks.commands import transfer
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.output import INDEX, check_out
from neuronxa_tasks.text import bmlama

HOSTILE = {
    "nested": b"[" * 100_000,
    "number without end": b'{"id": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"id": "\xff"}',
    "cut off": b'{"id": 1, "Prom',
    "no object": b"[1]",
    "NUL": b"\0",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_json_lines(tmp_path: Path, case: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(HOSTILE[case] + b"\n")
    for read in (bmlama.read, lambda path: transfer.read_examples(str(path))):
        with pytest.raises(NeuronXAError, match=r"rows\.jsonl"):
            read(path)


@pytest.mark.parametrize("case", HOSTILE)
def test_an_index_that_is_not_ours(tmp_path: Path, case: str) -> None:
    (tmp_path / INDEX).write_bytes(HOSTILE[case])
    with pytest.raises(NeuronXAError, match="only the output of an earlier"):
        check_out(tmp_path)


def test_toml(tmp_path: Path) -> None:
    from neuronxa_tasks.reports.gate.rules import read_rules

    path = tmp_path / "gate.toml"
    for text in (b"a = " + b"[" * 100_000, b"a = " + b"9" * 5000, b"\xff", b"\0", b"[a\n", b"a=1"):
        path.write_bytes(text)
        with pytest.raises(NeuronXAError, match=r"gate\.toml"):
            read_rules(path)
