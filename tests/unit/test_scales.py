"""Percent and shares, and standard errors that cannot be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import read_results
from neuronxa_tasks.results.scales import check_scales, mixed


def row(value: float, **more: Any) -> dict[str, Any]:
    return {
        "source": "f.csv", "model": "org/E", "kind": "benchmark", "benchmark": "xnli",
        "task": "xnli_de", "metric": "acc", "value": value, "stderr": math.nan, "n": None, **more,
    }  # fmt: skip


def write(path: Path, lines: list[str], header: str = "model,language,benchmark,value") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def two_scales(tmp_path: Path) -> Path:
    lines = [f"org/E,{code},xnli,{45 + i}" for i, code in enumerate(("de", "fr", "es"))]
    lines += [f"org/F,{code},xnli,{0.55 + i / 100}" for i, code in enumerate(("de", "fr", "es"))]
    return write(tmp_path / "t.csv", lines)


def test_percent_beside_shares_is_refused_by_name(two_scales: Path) -> None:
    with pytest.raises(NeuronXAError, match=r"percent and shares .* Type --percent org/E if"):
        read_results([], published=[two_scales])


@pytest.mark.parametrize("name", ["org/E"])
def test_what_is_in_percent_becomes_a_share(two_scales: Path, name: str) -> None:
    read = read_results([], published=[two_scales], percent=[name])
    of_model = read.frame.groupby("model")["value"].apply(sorted).to_dict()
    assert of_model["org/E"] == pytest.approx([0.45, 0.46, 0.47])
    assert of_model["org/F"] == pytest.approx([0.55, 0.56, 0.57])
    assert read.in_percent == (name,)


def test_a_file_and_a_model_are_divided_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        ["m,de,xnli,45,1.5,acc", "m,fr,xnli,0.8,0.4,acc", "m,de,lambada,30,2,perplexity"],
        "model,language,benchmark,value,stderr,metric",
    )
    frame = read_results([], published=[path], percent=[str(path), "m", "xnli"]).frame
    found = dict(zip(frame["metric"] + frame["language"], frame["value"], strict=True))
    # 0.8 % is a share of .008, and a perplexity is neither.
    assert found == pytest.approx(
        {"accdeu_Latn": 0.45, "accfra_Latn": 0.008, "perplexitydeu_Latn": 30.0}
    )
    assert sorted(frame["stderr"]) == pytest.approx([0.004, 0.015, 2.0])


@pytest.mark.parametrize("name", ["typo", "org/F"])
def test_a_name_without_effect_is_refused(two_scales: Path, name: str) -> None:
    with pytest.raises(NeuronXAError, match=f"--percent is '{name}', but no file, model or"):
        read_results([], published=[two_scales], percent=["org/E", name])


@pytest.mark.parametrize("metric", ["acc", "acc_norm", "exact_match,strict-match", "mexa"])
@pytest.mark.parametrize("value", [45.0, 1.01, -0.1])
def test_a_share_has_its_range(metric: str, value: float) -> None:
    with pytest.raises(NeuronXAError, match="is a share from 0 to 1"):
        check_scales([row(value, metric=metric)])
    check_scales([row(value, metric="my_score")])


def test_a_table_all_in_percent_of_no_known_metric_stays() -> None:
    check_scales([row(value, metric="value") for value in (0.0, 12.0, 45.0)])


def test_bleu_is_on_its_own_scale() -> None:
    check_scales([row(value, metric="bleu") for value in (0.4, 35.0)])


@pytest.mark.parametrize(
    ("value", "stderr", "n", "told"),
    [
        (0.5, -0.01, None, "no error is negative"),
        (0.5, 0.6, None, "any number of items has at most about 0.5"),
        (0.45, 1.2, 2490, "Probably one of the two is in percent"),
        (0.45, 0.2, 2490, "a share of 2490 items has at most about 0.03"),
    ],
)
def test_errors_that_cannot_be(value: float, stderr: float, n: int | None, told: str) -> None:
    with pytest.raises(NeuronXAError, match=told):
        check_scales([row(value, stderr=stderr, n=n)])


@given(st.integers(2, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_errors_of_the_harness_are_never_refused(drawn: tuple[int, int]) -> None:
    n, hits = drawn
    rate = hits / n
    check_scales([row(rate, stderr=math.sqrt(rate * (1 - rate) / (n - 1)), n=n)])


@given(
    st.lists(st.floats(0.05, 1.0), min_size=1, max_size=8),
    st.lists(st.floats(5.0, 100.0), min_size=1, max_size=8),
)
def test_a_mixture_is_seen_and_no_side_alone(shares: list[float], percent: list[float]) -> None:
    assert mixed([*shares, *percent])
    assert mixed([*shares, *percent, 0.0])
    assert not mixed(shares)
    assert not mixed(percent)
    assert not mixed([*shares, *percent, 3.0])  # one scale that has values between
