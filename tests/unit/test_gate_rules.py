"""The configuration of the gate: read, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.gate.rules import Limits, Rules, parse_rules, read_rules


def test_everything_can_be_set(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(
        'alpha = 0.01\ncorrection = "bh"\nmin_effect = 0.02\nmax_drop = 0.1\n'
        'metrics = ["nasca", "acc"]\ngroups = ["script"]\nmust_not_regress = ["sw", "fra_Latn"]\n'
        'ignore = ["xnli_*"]\nallow_missing = true\n[metric.acc]\nmin_score = 0.3\n',
        encoding="utf-8",
    )
    limits = Limits(min_effect=0.02, max_drop=0.1)
    rules = read_rules(file)
    assert rules == Rules(
        alpha=0.01,
        correction="bh",
        limits=limits,
        metrics=("nasca", "acc"),
        groups=("script",),
        must_not_regress=("swh_Latn", "fra_Latn"),
        ignore=("xnli_*",),
        allow_missing=True,
        per_metric={"acc": Limits(0.02, 0.1, 0.3)},
    )
    assert rules.of("nasca") == limits
    assert rules.of("acc").min_score == 0.3


def test_nothing_means_the_defaults() -> None:
    assert parse_rules({}) == Rules()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"max_dorp": 0.1}, "max_drop"),
        ({"metrics": "nasca"}, "list of texts"),
        ({"metric": {"acc": {"alpha": 0.1}}}, r"\[metric.acc\].*'alpha' is not known"),
        ({"metric": {"acc": 0.1}}, "sections"),
        ({"alpha": 5}, "between 0 and 1"),
        ({"alpha": True}, "is a number"),
        ({"alpha": float("nan")}, "is a number"),
        ({"max_drop": -0.1}, "share of items"),
        ({"min_score": "high"}, "is a number"),
        ({"correction": "bonferroni"}, "holm, bh, none"),
        ({"groups": ["scripts"]}, "script"),
        ({"must_not_regress": ["klingon"]}, "names no language"),
        ({"allow_missing": "yes"}, "true or false"),
    ],
)
def test_what_cannot_be_used_is_named(content: dict[str, Any], told: str) -> None:
    with pytest.raises(NeuronXAError, match=told):
        parse_rules(content, "gate.toml")


@pytest.mark.parametrize("text", ["alpha = ", b"\xff\xfe"])
def test_no_toml(tmp_path: Path, text: str | bytes) -> None:
    file = tmp_path / "gate.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(NeuronXAError, match="is no TOML"):
        read_rules(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match="cannot be read"):
        read_rules(tmp_path / "gone.toml")
