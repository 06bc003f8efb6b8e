"""The notebook of docs/examples runs from top to bottom and shows what it says."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.tiny

NOTEBOOK = Path(__file__).parents[2] / "docs" / "examples" / "layers.ipynb"


def run(source: str, names: dict[str, Any]) -> Any:
    """A cell as Jupyter runs it; the value of its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def test_it_is_kept_without_outputs(cells):
    """So that a difference of the file is a difference of the text."""
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_every_cell_runs_and_the_plots_are_charts(cells):
    altair = pytest.importorskip("altair", reason="install the extra `report` to draw figures")
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = [run("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    scores, table = shown[2], shown[3]
    assert scores["nasca"] > 10 / 199  # French is aligned: far above chance
    for metric, name in (("nasca", "nas"), ("navca", "nav"), ("mexa", "hidden")):
        assert table.loc[name, "mean"] == pytest.approx(scores[metric], abs=1e-12)
        assert table.loc[name, "max"] == scores[f"{metric}_max"]
    assert names["apart"].scores["nasca"] < scores["nasca"] / 5  # as the last text says
    for chart in (shown[4], shown[5]):
        assert isinstance(chart, altair.LayerChart)
        assert chart.to_dict()["layer"]
