"""A profile as a table and as a drawing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from naive import hits as naive_hits

from neuronxa_tasks import NeuronXAError, SentenceVectors, profile


@pytest.fixture(scope="module")
def aligned():
    """Two languages in two feed-forward networks and three hidden states, 12 sentences."""
    rng = np.random.default_rng(0)

    def layers(count: int) -> list[torch.Tensor]:
        return [torch.tensor(rng.normal(size=(12, 5)), dtype=torch.float32) for _ in range(count)]

    pivot = {"nas": layers(2), "nav": layers(2), "hidden": layers(3)}
    target = {
        name: [each + torch.tensor(rng.normal(0, 0.6, size=(12, 5))).float() for each in found]
        for name, found in pivot.items()
    }
    vectors = [
        SentenceVectors(**{k: tuple(v) for k, v in side.items()}, tokens=(3,) * 12, truncated=0)
        for side in (pivot, target)
    ]
    return profile(*vectors), pivot, target


def test_every_number_of_the_table(aligned):
    """Mutual hits by a naive loop over cosines."""
    found, pivot, target = aligned
    frame = found.to_frame()
    assert list(frame.columns) == [
        "representation", "layer", "mutual", "forward", "backward", "n", "rate",
    ]  # fmt: skip
    assert list(frame["layer"]) == [1, 2, 1, 2, 0, 1, 2]
    for name in ("nas", "nav", "hidden"):
        part = frame[frame["representation"] == name]
        for row, p, t in zip(part.to_dict("records"), pivot[name], target[name], strict=True):
            p, t = p.double().numpy(), t.double().numpy()
            cosines = [[float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for b in t] for a in p]
            assert row["mutual"] == naive_hits(cosines)
            own = [cosines[i][i] for i in range(12)]
            forward = sum(
                all(own[i] > cosines[i][j] for j in range(12) if j != i) for i in range(12)
            )
            assert row["forward"] == forward
            assert row["rate"] == row["mutual"] / 12
            assert row["n"] == 12
    assert 0 < frame["mutual"].sum() < 12 * 7
    means = frame.groupby("representation")["rate"].mean()
    assert means["nas"] == pytest.approx(found.scores["nasca"], abs=1e-12)
    assert means["hidden"] == pytest.approx(found.scores["mexa"], abs=1e-12)


def test_the_plot_has_every_rate_and_chance(aligned):
    pytest.importorskip("altair", reason="install the extra `report` to draw figures")
    found = aligned[0]
    spec = found.plot("Two languages").to_dict()
    assert spec["title"] == "Two languages"
    rule, lines = spec["layer"]
    assert rule["data"]["values"] == [{"rate": 1 / 23}]
    drawn = [(v["representation"], v["layer"], v["rate"]) for v in lines["data"]["values"]]
    frame = found.to_frame()
    assert drawn == list(frame[["representation", "layer", "rate"]].itertuples(False, None))
    assert "title" not in found.plot().to_dict()


def test_without_altair_there_is_a_sentence(aligned, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(NeuronXAError, match=r"needs altair.*neuronxa-tasks\[report\]"):
        aligned[0].plot()
