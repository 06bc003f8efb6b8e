"""The first page of `neuronxa correlate`, its LaTeX, and the small statistics behind it."""

from __future__ import annotations

import csv
import math
import statistics
from pathlib import Path

import correlate_data as data
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.cli import main
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.correlate import analysis
from neuronxa_tasks.reports.correlate.cells import Cell
from neuronxa_tasks.reports.correlate.first_page import _against
from neuronxa_tasks.reports.estimates import Estimates
from neuronxa_tasks.reports.latex import latex_table
from neuronxa_tasks.reports.short_names import short_names
from neuronxa_tasks.reports.study import Study, VariablePair
from neuronxa_tasks.reports.variables import Variable
from neuronxa_tasks.statistics.equivalence import Equivalence, equivalence
from neuronxa_tasks.statistics.influence import NO_INFLUENCE, most_influential
from neuronxa_tasks.statistics.power import detectable_r

QUICK = ["--resamples", "99", "--no-figures"]
CODES = list(data.CODES)[:12]
X = [[1, 2, 3, 4, 5, 9], [2, 1, 4, 3, 6, 5]]
Y = [[2, 1, 4, 3, 5, 12], [1, 3, 2, 5, 4, 9]]


# --- the statistics -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    # Sample sizes of tables for a two-sided .05 and a power of .8: r = .5 needs 29 points, .3 needs
    # 85, .1 needs 783; the decimals by the standard library's normal distribution.
    ("n", "expected"),
    [
        (4, 0.9926547588414595),
        (14, 0.6882955938502427),
        (29, 0.5000974343469676),
        (85, 0.29987598637511986),
        (783, 0.09997771955229119),
    ],
)
def test_the_smallest_r_that_n_shows(n, expected):
    assert detectable_r(n) == pytest.approx(expected, abs=1e-12)


def test_too_few_points_show_nothing_and_levels_are_checked():
    assert math.isnan(detectable_r(3))
    with pytest.raises(NeuronXAError, match=r"1\.5"):
        detectable_r(20, power=1.5)


def test_the_smallest_r_is_found_so_often():
    """Simulated: at that r about 80 % of samples are significant."""
    rng = np.random.default_rng(0)
    n, samples = 20, 4000
    r = detectable_r(n)
    x = rng.standard_normal((samples, n))
    y = r * x + math.sqrt(1 - r * r) * rng.standard_normal((samples, n))
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    found = (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))
    critical = 0.4438  # of r for 18 degrees of freedom, from tables
    assert (np.abs(found) > critical).mean() == pytest.approx(0.8, abs=0.03)


def test_the_most_influential_language():
    """By the standard library: r of both models without each point, atanh, weights n - 3."""
    found = most_influential(X, Y)
    assert found.position == 5
    assert found.r == pytest.approx(0.6169378634533035, abs=1e-12)
    assert found.change == pytest.approx(-0.21511881529182564, abs=1e-12)
    one = most_influential(X[:1], Y[:1])
    assert (one.position, one.r) == (5, pytest.approx(0.8, abs=1e-12))


def test_nothing_is_left_out_where_a_model_would_be_lost():
    few = most_influential([[1, 2, 3, 4]], [[1, 3, 2, 5]])
    assert few.position == -1
    assert math.isnan(few.r)
    assert most_influential([[1.0] * 6], [Y[0]]).position == -1
    # Without the third language the second model would have three points only.
    gaps = [X[0], [2, 1, 4, 3, math.nan, math.nan]]
    assert most_influential(gaps, Y).position in (4, 5)


@given(st.permutations(range(6)))
def test_influence_does_not_depend_on_the_order_of_languages(order):
    found = most_influential(np.array(X)[:, order], np.array(Y)[:, order])
    assert order[found.position] == 5
    assert found.r == pytest.approx(0.6169378634533035, abs=1e-12)


@pytest.mark.parametrize(
    ("low", "high", "sign", "within"),
    [
        (-0.09, 0.09, 0, True),
        (-0.1, 0.09, 0, False),
        (-0.09, 0.1, 0, False),
        (0.01, 0.05, 1, True),
        (0.0, 0.05, 0, True),
        (0.01, 0.3, 1, False),
        (-0.3, -0.01, -1, False),
        (-0.4, 0.4, 0, False),
        (math.nan, math.nan, 0, False),
    ],
)
def test_equivalence_at_its_boundaries(low, high, sign, within):
    assert equivalence(low, high) == Equivalence(sign, within)


# --- names and LaTeX ----------------------------------------------------------------------------


def test_short_names_are_short_and_stay_different():
    assert short_names(["google/gemma-7b", "meta/llama", "/models/x/llama", "gpt2"]) == {
        "google/gemma-7b": "gemma-7b",
        "meta/llama": "meta/llama",
        "/models/x/llama": "x/llama",
        "gpt2": "gpt2",
    }


@given(st.lists(st.text("ab/", min_size=1, max_size=6), unique=True, max_size=8))
def test_short_names_are_unique(names):
    shown = short_names(names)
    assert list(shown) == names
    assert len(set(shown.values())) == len(names)


def test_latex_escapes_every_cell():
    text = latex_table("r & p", ["a_b", "x"], [["[0, 1]", "50%"], ["–", "<.0001"]], text_columns=1)
    assert r"\caption{r \& p}" in text
    assert r"\begin{tabular}{lr}" in text
    assert r"a\_b & x \\" in text
    assert r"{}[0, 1] & 50\% \\" in text
    assert r"-- & \textless{}.0001 \\" in text


# --- the page -----------------------------------------------------------------------------------


def correlate(*arguments: object) -> int:
    return main(["correlate", *map(str, arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page_table(text: str, title: str) -> list[dict[str, str]]:
    """Rows of the table below a heading, by column."""
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]


def scores(path: Path, columns: dict[str, dict[str, list[float]]], stderr: float = 0.01) -> Path:
    """A table: model to column (`mexa`, `xnli`, ...) to a value for each of `CODES`."""
    lines = ["model,language,benchmark,metric,value,n,stderr"]
    for model, by_name in columns.items():
        for name, values in by_name.items():
            score = name in ("mexa", "nasca", "surface")
            for code, value in zip(CODES, values, strict=False):
                where = (
                    f"flores,{name},{value!r},100," if score else f"{name},acc,{value!r},,{stderr}"
                )
                lines.append(f"{model},{code},{where}")
    return data.write(path, "\n".join(lines) + "\n")


BASE = np.linspace(0.1, 0.8, 12)


@pytest.fixture
def noisy():
    rng = np.random.default_rng(7)

    def draw(sd: float, base: np.ndarray = BASE) -> list[float]:
        return [float(v) for v in np.clip(base + sd * rng.standard_normal(12), 0.0, 1.0)]

    return draw


@pytest.fixture
def two_models(tmp_path, noisy):
    return scores(
        tmp_path / "scores.csv",
        {
            f"{folder}/model": {
                "nasca": noisy(0.05),
                "mexa": noisy(0.05),
                "surface": noisy(0.3),
                "xnli": noisy(0.05, 0.34 + BASE / 2),
            }
            for folder in ("a", "b")
        },
    )


def test_the_page_of_two_models(two_models, tmp_path, capsys):
    out = tmp_path / "out"
    assert correlate(two_models, "-o", out, *QUICK) == 0
    assert f"{out}/page.md" in capsys.readouterr().out
    text = (out / "page.md").read_text(encoding="utf-8")
    assert "2 models: a/model, b/model" in text
    assert "12 languages of 5 families" in text
    assert "(n = 100 sentence pairs)" in text
    assert "Exploratory: no cell was named beforehand" in text
    assert "nan" not in text.lower().replace("nasca", "")
    assert len(text.splitlines()) < 80
    averages = {row["x"]: row for row in rows(out / "averages.csv")}
    table = {row["score"]: row for row in page_table(text, "Correlations over languages")}
    assert set(table) == {"nasca", "mexa"}  # what text alone gives is no finding
    for score, row in table.items():
        record = averages[score]
        ends = f"[{float(record['low']):.2f}, {float(record['high']):.2f}]"
        assert row["r [95%]"] == f"{float(record['r']):.3f} {ends}"
        assert row["p (Holm)"] == f"{float(record['holm']):.4f}"
        assert row["n"] == "12"
        assert row["smallest r"] == "0.732"  # tanh(2.8016 / 3)
    tex = (out / "page.tex").read_text(encoding="utf-8")
    assert tex.count(r"\begin{tabular}") == 4
    assert table["mexa"]["r [95%]"] in tex


def test_the_language_without_which_r_moves_most(tmp_path):
    x, y = list(map(float, BASE)), [float(v) for v in 0.4 + BASE / 2]
    y[3], y[7], y[11] = 0.9, 0.5, 0.2
    path = scores(tmp_path / "scores.csv", {"m": {"mexa": x, "xnli": y}})
    assert correlate(path, "-o", tmp_path / "out", *QUICK) == 0
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    (row,) = page_table(text, "Correlations over languages")
    whole = statistics.correlation(x, y)
    without = {
        CODES[j]: statistics.correlation(x[:j] + x[j + 1 :], y[:j] + y[j + 1 :]) for j in range(12)
    }
    most = max(without, key=lambda code: abs(without[code] - whole))
    assert row["without"] == f"{most}: {without[most]:.3f}"


def test_partial_r_given_surface(tmp_path, noisy):
    columns = {"mexa": noisy(0.1), "surface": noisy(0.2), "xnli": noisy(0.1, 0.3 + BASE / 2)}
    path = scores(tmp_path / "scores.csv", {"m": columns})
    assert correlate(path, "-o", tmp_path / "out", *QUICK) == 0
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    (row,) = page_table(text, "What the score adds")
    x, z, y = columns["mexa"], columns["surface"], columns["xnli"]
    xy, xz, yz = (statistics.correlation(*each) for each in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    assert row["given surface"].startswith(f"{expected:.3f} [")
    assert "Resources of the languages were not given" in text


def test_nasca_against_mexa_says_which_or_neither(tmp_path, noisy):
    near = noisy(0.02)
    same = [value + 0.003 * math.sin(5 * i) for i, value in enumerate(near)]
    cases = {
        "equivalent": (near, same),
        "nasca higher": (near, [near[(5 * i) % 12] for i in range(12)]),
        "mexa higher": ([near[(5 * i) % 12] for i in range(12)], near),
    }
    for said, (nasca, mexa) in cases.items():
        table = {"nasca": nasca, "mexa": mexa, "xnli": noisy(0.05, 0.3 + np.array(near) / 2)}
        path = scores(tmp_path / said / "scores.csv", {"m": table})
        assert correlate(path, "-o", tmp_path / said / "out", *QUICK) == 0
        text = (tmp_path / said / "out" / "page.md").read_text(encoding="utf-8")
        (row,) = page_table(text, "NASCA against MEXA")
        assert row["decided"] == said
        assert row["difference"] == "nasca - mexa"
        (record,) = [
            row for row in rows(tmp_path / said / "out" / "differences.csv")
            if {row["x1"], row["x2"]} == {"nasca", "mexa"}
        ]  # fmt: skip
        sign = 1 if record["x1"] == "nasca" else -1
        assert row["of r"].startswith(f"{sign * float(record['difference']):.3f} [")


def test_the_difference_is_nasca_minus_mexa_whichever_stands_first():
    mexa, nasca = (
        Variable("alignment", "flores", name, name, {}, {}) for name in ("mexa", "nasca")
    )
    xnli = Variable("benchmark", "xnli", "acc", "xnli", {}, {})
    pairs = tuple(VariablePair(score, xnli) for score in (mexa, nasca))
    record = {"model": "m", "y": "xnli", "x1": "mexa", "x2": "nasca", "n": 12}
    record |= {"difference": 0.2, "low": 0.05, "high": 0.4}
    cell = Cell(pairs[0], "m", {}, (), 12, 12, {}, NO_INFLUENCE, "")
    sheet = _against(Study(pairs, ("m",), (), ()), Estimates(differences=[record]), [cell])
    (row,) = sheet.rows
    assert row[1:] == ["nasca - mexa", "12", "-0.200 [-0.40, -0.05]", "mexa higher"]


def test_benchmarks_at_chance_and_at_the_ceiling_are_marked(tmp_path, noisy):
    columns = {
        "mexa": noisy(0.05),
        "xnli": [1 / 3 + 0.019 * (-1) ** i for i in range(12)],  # within 1.96 x .01
        "belebele": [0.95 + 0.002 * i for i in range(12)],
        "xcopa": [0.53 + 0.01 * i for i in range(12)],
        "my_task": noisy(0.1),
    }
    path = scores(tmp_path / "scores.csv", {"m": columns})
    assert correlate(path, "-o", tmp_path / "out", *QUICK) == 0
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    table = {row[""]: row for row in page_table(text, "At chance or at the ceiling")}
    assert (table["xnli"]["mark"], table["xnli"]["values at chance"]) == ("at chance", "100%")
    assert (table["belebele"]["mark"], table["belebele"]["at ceiling"]) == ("at ceiling", "100%")
    assert (table["xcopa"]["mark"], table["xcopa"]["values at chance"]) == ("–", "0%")
    assert (table["my_task"]["chance"], table["my_task"]["values at chance"]) == ("–", "–")
    assert table["mexa"]["chance"] == "0.005"  # 1 / 199
    assert "belebele is at ceiling; xnli is at chance" in text


def test_rho_is_flagged_where_it_parts_from_r(tmp_path, noisy):
    bent = [0.3 + 0.6 * (1 - math.exp(-25 * (v - 0.1))) for v in map(float, BASE)]
    for name, y in {"bent": bent, "straight": noisy(0.001, 0.3 + BASE / 2)}.items():
        path = scores(tmp_path / name / "s.csv", {"m": {"mexa": list(map(float, BASE)), "xnli": y}})
        assert correlate(path, "-o", tmp_path / name / "out", *QUICK) == 0
        text = (tmp_path / name / "out" / "page.md").read_text(encoding="utf-8")
        (row,) = page_table(text, "Correlations over languages")
        assert row["rho"].endswith(" (bends)") is (name == "bent")


def test_a_primary_cell_stands_alone(two_models, tmp_path):
    out = tmp_path / "out"
    assert correlate(two_models, "-o", out, *QUICK, "--primary", "xnli:nasca") == 0
    text = (out / "page.md").read_text(encoding="utf-8")
    (row,) = page_table(text, "Correlations over languages")
    assert (row["score"], row["p (Holm)"]) == ("nasca", "primary")
    assert "Primary: one cell, named before the run" in text
    assert "Exploratory" not in text


def test_what_has_no_r_is_told_with_its_reason(tmp_path, noisy):
    path = scores(tmp_path / "s.csv", {"m": {"mexa": [0.5] * 12, "xnli": noisy(0.1)}})
    assert correlate(path, "-o", tmp_path / "out", *QUICK) == 0
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    (row,) = page_table(text, "Correlations over languages")
    assert (row["r [95%]"], row["p"], row["without"]) == ("–", "–", "–")
    assert "mexa has the same value in all 12 points" in text
    assert "nan" not in text.lower()


def test_scores_alone_have_no_page(tmp_path, noisy):
    path = scores(tmp_path / "s.csv", {"m": {"mexa": noisy(0.1)}})
    assert correlate(path, "-o", tmp_path / "out", *QUICK) == 0
    assert not (tmp_path / "out" / "page.md").exists()


def test_no_progress_bar_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(analysis, "_DELAY", 0.0)
    assert analysis._computed("averages", iter([{"r": 1.0}]), 1) == [{"r": 1.0}]
    assert capsys.readouterr().err == ""


def test_tables_have_short_names_and_csv_files_whole_ones(tmp_path, noisy):
    columns = {
        f"somebody/{name}": {"mexa": noisy(0.05), "xnli": noisy(0.05, 0.34 + BASE / 2)}
        for name in ("one", "two")
    }
    path = scores(tmp_path / "scores.csv", columns)
    out = tmp_path / "out"
    assert correlate(path, "-o", out, *QUICK, "--primary", "xnli:mexa:somebody/two") == 0
    assert {row["model"] for row in rows(out / "correlations.csv")} == set(columns)
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "| two | xnli | mexa |" in report
    assert "one is somebody/one; two is somebody/two" in report
    assert "| somebody/" not in report
    board = tmp_path / "board"
    words = ["leaderboard", str(path), "-o", str(board), "--resamples", "99"]
    assert main(words) == 0
    assert {row["model"] for row in rows(board / "leaderboard.csv")} == set(columns)
    text = (board / "leaderboard.md").read_text(encoding="utf-8")
    assert "| somebody/" not in text
    assert "one is somebody/one" in text
    assert "somebody" not in (board / "leaderboard.tex").read_text(encoding="utf-8")


def test_figures_have_short_names(tmp_path, noisy):
    pytest.importorskip("altair", reason="install the extra `report` to draw figures")
    pytest.importorskip("vl_convert", reason="install the extra `report` to draw figures")
    columns = {"mexa": noisy(0.05), "xnli": noisy(0.05, 0.34 + BASE / 2)}
    path = scores(tmp_path / "scores.csv", {"somebody/one": columns})
    assert correlate(path, "-o", tmp_path / "out", "--resamples", "99") == 0
    (figure,) = (tmp_path / "out" / "figures").glob("scatter*.svg")
    text = figure.read_text(encoding="utf-8")
    assert ">one<" in text
    assert "somebody" not in text
