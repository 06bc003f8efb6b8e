"""The report without a browser: what is in the page, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from correlate_data import write
from hypothesis import given
from hypothesis import strategies as st
from report_data import XSS, codes, results_of, write_models

from neuronxa_tasks.cli import main
from neuronxa_tasks.reports.charts import fill
from neuronxa_tasks.reports.page.example import examples
from neuronxa_tasks.reports.page.language_scores import natural, rankable, score_name
from neuronxa_tasks.reports.page.page import _inline, as_json, choosable, number_text
from neuronxa_tasks.reports.places import Places, local_names
from neuronxa_tasks.results import LanguagePairs
from neuronxa_tasks.text import languages

pytest.importorskip("altair", reason="install the extra `report` to draw figures")
pytest.importorskip("vl_convert", reason="install the extra `report` to draw figures")

VENDOR = Path(__file__).parents[2] / "neuronxa_tasks" / "reports" / "page" / "vendor"


def report(folder, *arguments, code=0) -> str:
    out = folder / "report.html"
    words = [*map(str, arguments), "-o", str(out), "--resamples", "99"]
    assert main(["report", *words]) == code
    return out.read_text(encoding="utf-8") if code == 0 else ""


def data_of(page: str):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(text)


def unpacked(digits: str) -> list[int]:
    return [int(digits[i : i + 2], 32) for i in range(0, len(digits), 2)]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two models, twelve languages, a benchmark, the floor, a matrix; and the page."""
    folder = tmp_path_factory.mktemp("two")
    write_models(
        folder / "out",
        ["lab/a-10B", "lab/a-9B"],
        12,
        layers=4,
        pairs=True,
        benchmarks=("belebele",),
    )
    return folder, report(folder, folder / "out")


def test_the_numbers_are_those_of_the_files(two):
    folder, page = two
    data = data_of(page)
    assert data["models"] == ["lab/a-9B", "lab/a-10B"]
    file = json.loads((folder / "out" / "model-0" / "results_1.json").read_text())
    place = {name: i for i, name in enumerate(data["metrics"])}
    for code in codes(12):
        (row,) = (r for r in data["rows"] if r["m"] == 1 and r["l"] == code)
        task = f"neuronxa_flores_{code}"
        block = file["config"]["neuronxa"]["tasks"][task]
        for metric in ("nasca", "navca_max", "mexa_floor", "nasca_above_floor", "surface"):
            expected = file["results"][task][f"{metric},none"]
            assert row["v"][place[metric]] == pytest.approx(expected, abs=5e-5)
        assert row["i"][place["mexa"]] == pytest.approx(block["intervals"]["mexa"], abs=5e-5)
        assert row["i"][place["mexa_max"]] == 0
        assert row["n"] == 100
        assert row["t"] == pytest.approx(block["tokens"]["target"]["total"] / 2500, abs=5e-5)
        (line,) = (p for p in data["profiles"] if p["m"] == 1 and p["what"] == "hidden")
        assert line["first"] == 0
        assert unpacked(line["of"][code]) == [hits * 10 for hits in block["hidden"]["mutual"]]
    table = np.array([unpacked(line["of"][code]) for code in codes(12)]) / 1000
    assert line["mean"] == pytest.approx(table.mean(axis=0), abs=5e-5)
    assert line["low"] == pytest.approx(np.quantile(table, 0.1, axis=0), abs=5e-5)


def test_the_points_of_a_scatter_lie_on_r(two):
    """r of the page from the data of the page, by NumPy."""
    data = data_of(two[1])
    pair = next(p for p in data["scatter"] if (p["x"], p["y"]) == ("nasca", "belebele"))
    (corpus, metric), (benchmark,) = pair["from"]
    for panel in pair["panels"]:
        observed = data["benchmarks"][benchmark]["v"][str(panel["m"])]
        points = [
            (row["v"][metric], observed[row["l"]])
            for row in data["rows"]
            if (row["m"], row["c"]) == (panel["m"], corpus) and row["l"] in observed
        ]
        assert panel["n"] == len(points)
        assert panel["r"] == pytest.approx(np.corrcoef(np.transpose(points))[0, 1], abs=2e-3)


def test_the_ranks_are_those_of_the_leaderboard(two, tmp_path):
    folder, page = two
    words = ["-o", str(tmp_path / "board"), "--resamples", "99"]
    assert main(["leaderboard", str(folder / "out"), *words]) == 0
    board = json.loads((tmp_path / "board" / "leaderboard.json").read_text())["boards"][0]
    (ours,) = (b for b in data_of(page)["boards"] if b["metric"] == "nasca")
    for entry, other in zip(ours["entries"], board["entries"], strict=True):
        assert entry["model"] == other["model"]
        assert entry["mean"] == pytest.approx(other["mean"], abs=5e-5)
        assert entry["low"] == pytest.approx(other["low"], abs=5e-5)
        rank, low, high = (other[name] for name in ("rank", "rank_low", "rank_high"))
        assert entry["rank"] == (str(rank) if low == high else f"{rank} ({low}–{high})")


def test_the_same_input_gives_the_same_bytes(two, tmp_path):
    folder, page = two
    figures = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        figure_folder = tmp_path / name / "figures"
        again = report(tmp_path / name, folder / "out", "--figures", figure_folder)
        assert again == page
        figures.append({p.name: p.read_bytes() for p in sorted(figure_folder.iterdir())})
    assert figures[0] == figures[1]
    for name in (
        "heat-neuronxa_flores-nasca",
        "ranks-neuronxa_flores-mexa",
        "scatter_belebele_nasca",
    ):
        assert figures[0][f"{name}.svg"].startswith(b"<svg")
        assert figures[0][f"{name}.png"].startswith(b"\x89PNG")
    assert any(name.startswith("pairs-") for name in figures[0])
    assert any(name.startswith("profiles-") for name in figures[0])


def test_only_the_pages_own_scripts_may_run(two):
    page = two[1]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    policy = html.unescape(policy)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 3
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    for part in (*scripts, style):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    outside = re.sub(r"<(script|style)[ >].*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"<(link|img|iframe|object|embed|base)\b", outside)
    assert not re.search(r'(?:src|href)="(?!#)', outside)


def test_markup_in_names_is_written_as_text(tmp_path):
    content = results_of(XSS, codes(7), np.random.default_rng(0), layers=2)
    write(tmp_path / "out" / "results_1.json", content)
    page = report(tmp_path, tmp_path / "out", "--title", XSS)
    assert data_of(page)["models"] == [XSS]
    assert "<script>alert" not in page
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)  # Vega itself has one
    assert "<img" not in outside
    assert page.count("</title>") == 1
    assert html.escape(XSS, quote=False)[:30] in page
    assert "{{7*7}}" in page  # no template reads a name


def test_names_do_not_turn_the_page_around(tmp_path):
    """A right-to-left override would show what follows it backwards; a bell is no text at all."""
    turned = "lab/\u202egnp.exe\x07"
    content = results_of(turned, codes(7), np.random.default_rng(0), layers=2)
    write(tmp_path / "out" / "results_1.json", content)
    write(tmp_path / "t.csv", f"model,language,benchmark,value\n{turned},de,b\u2066,0.5\n")
    page = report(tmp_path, tmp_path / "out", tmp_path / "t.csv", "--title", f"{turned}!")
    assert not set("\u202e\x07\u2066") & set(page)
    assert data_of(page)["models"] == [r"lab/\u202egnp.exe\x07"]
    assert data_of(page)["benchmarks"][-1]["benchmark"] == r"b\u2066"
    assert r"<title>lab/\u202egnp.exe\x07!" in page


def test_published_alignment_is_on_the_page(tmp_path):
    """Scores and layers without n, and a score that this project does not know."""
    lines = ["model,language,metric,layer,value"]
    for i, code in enumerate(codes(7)):
        for metric in ("mexa", "anc"):
            lines += [f"m,{code},{metric},{layer},{0.1 + 0.01 * i * layer:.3f}" for layer in (1, 2)]
    table = write(tmp_path / "a.csv", "\n".join(lines) + "\n")
    tasks = [f"m,{code},xnli,{0.4 + 0.05 * i:.2f}" for i, code in enumerate(codes(7))]
    tasks = write(tmp_path / "t.csv", "\n".join(["model,language,benchmark,value", *tasks]))
    page = report(tmp_path, table, tasks, "--alignment", "anc")
    data = data_of(page)
    assert data["metrics"] == ["mexa", "mexa_max", "anc", "anc_max"]
    assert {row["n"] for row in data["rows"]} == {None}
    (profile,) = data["profiles"]
    assert (profile["what"], profile["first"], len(profile["mean"])) == ("hidden", 1, 2)
    assert "Layers of anc (a) are not drawn here" in page
    assert {(pair["x"], pair["y"]) for pair in data["scatter"]} == {
        (x, "xnli") for x in data["metrics"]
    }


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=8))
def test_json_in_a_page_reads_back_and_ends_no_element(value):
    text = as_json({"value": value})
    assert json.loads(text) == {"value": value}
    assert not set("<>&\u2028\u2029") & set(text)


@given(st.text(alphabet="</!->scriptSCRIPT\r\n\0 x"))
def test_no_script_can_end_its_element(text):
    inline = _inline(text)
    assert not re.search(r"</script|<!--|<script|\r|\0", inline, flags=re.IGNORECASE)


def test_what_is_missing_is_said_with_the_way_to_get_it(tmp_path):
    content = results_of(
        "m", codes(4), np.random.default_rng(0), layers=2, floor=False, benchmarks=()
    )
    for task in content["config"]["neuronxa"]["tasks"].values():
        del task["intervals"]
    write(tmp_path / "out" / "results_1.json", content)
    page = report(tmp_path, tmp_path / "out")
    missing = page[page.index('id="missing"') :]
    for said in ("untrained", "Intervals of the scores", "Scatter plots and correlations"):
        assert said in missing
    for section in ("scatter", "correlations", "controls", "pairs", "covariates"):
        assert f'<section id="{section}"' not in page
    assert '<section id="languages"' in page


def test_benchmarks_alone_make_a_page(tmp_path):
    table = tmp_path / "scores.csv"
    lines = [f"m,{code},belebele,{0.3 + 0.01 * i}" for i, code in enumerate(codes(8))]
    table.write_text("model,language,benchmark,acc\n" + "\n".join(lines), encoding="utf-8")
    page = report(tmp_path, table)
    assert '<section id="models"' in page
    assert '<section id="languages"' not in page
    assert "No results file has scores of NeuronXA tasks." in page


def test_two_settings_are_kept_apart(tmp_path):
    for n in (50, 100):
        content = results_of(f"m{n}", codes(7), np.random.default_rng(n), layers=2, n=n)
        write(tmp_path / "out" / f"{n}" / "results_1.json", content)
    data = data_of(report(tmp_path, tmp_path / "out"))
    assert data["corpora"] == ["neuronxa_flores [n=100]", "neuronxa_flores [n=50]"]
    assert {(row["c"], row["n"]) for row in data["rows"]} == {(0, 100), (1, 50)}


def test_a_missing_score_is_no_zero(tmp_path):
    rng = np.random.default_rng(0)
    write(tmp_path / "out" / "a" / "results_1.json", results_of("a", codes(7), rng, layers=2))
    write(tmp_path / "out" / "b" / "results_1.json", results_of("b", codes(9), rng, layers=2))
    page = report(tmp_path, tmp_path / "out")
    data = data_of(page)
    assert sum(row["m"] == 0 for row in data["rows"]) == 7
    (board,) = (b for b in data["boards"] if b["metric"] == "nasca")
    assert [entry["missing"] for entry in board["entries"] if entry["model"] == "a"] == [2]
    assert board["complete"] == 7


def test_covariates_are_columns_and_partial_correlations(two, tmp_path):
    folder, _ = two
    table = tmp_path / "resources.csv"
    lines = [
        f"{code},{(7 * i) % 5},{'high' if i % 2 else 'low'}" for i, code in enumerate(codes(12))
    ]
    table.write_text("language,log_size,class\n" + "\n".join(lines), encoding="utf-8")
    page = report(tmp_path, folder / "out", "--covariates", table)
    assert [each["label"] for each in data_of(page)["extra"]] == ["log_size", "class"]
    assert '<section id="covariates"' in page
    assert hashlib.sha256(table.read_bytes()).hexdigest() in page


def test_every_file_is_named_with_its_hash(two):
    folder, page = two
    for path in (folder / "out").rglob("*.json"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in page
        assert html.escape(str(path.relative_to(folder))) in page
    assert str(folder) not in page  # folders of this machine do not belong on a shared page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--confidence", "95"], "confidence"),
        (["--seed", "-1"], "--seed is -1"),
        (["--figures", "taken"], "holds notes.txt"),
        (["--name", "x"], "OLD=NEW"),
    ],
)
def test_refusals_write_nothing(two, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["report", str(two[0] / "out"), "-o", "page.html", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["taken"]


def test_a_folder_is_no_page(two, tmp_path, capsys):
    assert main(["report", str(two[0] / "out"), "-o", str(tmp_path)]) == 2
    assert "which is a folder" in capsys.readouterr().err


def test_pairs_keep_within_their_room(monkeypatch):
    from neuronxa_tasks.reports.page import pair_data

    def matrix(model):
        square = np.full((5, 5), 0.25)
        np.fill_diagonal(square, math.nan)
        scores = {"nasca": square, "nasca_max": 2 * square}
        return LanguagePairs(model, "", "flores", 100, tuple("abcde"), scores, {}, "", "file")

    monkeypatch.setattr(pair_data, "MOST_PAIR_SCORES", 25)
    made, notes = pair_data.pair_data([matrix("one"), matrix("two")], {})
    assert [list(each["scores"]) for each in made] == [["nasca"], ["nasca"]]
    assert made[0]["scores"]["nasca"] == [[], [250], [250] * 2, [250] * 3, [250] * 4]
    assert "nasca_max of one, nasca_max of two" in notes[0]


def test_a_model_that_is_a_folder_has_its_name_and_no_revision(tmp_path):
    for place in ("/home/me/models/llama", "/srv/models/qwen"):
        content = results_of(place, codes(7), np.random.default_rng(0), layers=2, pairs=True)
        for task in content["config"]["neuronxa"]["tasks"].values():
            task["source"]["where"] = "/home/me/flores"
        write(tmp_path / "out" / Path(place).name / "results_1.json", content)
    page = report(tmp_path, tmp_path / "out", "--name", "/srv/models/qwen=lab/qwen")
    assert data_of(page)["models"] == ["lab/qwen", "llama"]
    assert {each["model"] for each in data_of(page)["pairs"]} == {"lab/qwen", "llama"}
    for lost in ("/home", "/srv", "llama@main", str(tmp_path)):
        assert lost not in page, lost
    assert "qwen=lab/qwen" in page
    assert "where flores" in page


@pytest.mark.parametrize(
    ("given", "text", "shown"),
    [
        (("/a/b/out",), "/a/b/out/m/r.json: odd", "out/m/r.json: odd"),
        (("/My Folder/out",), "read /My Folder/out/r.json", "read out/r.json"),
        (("../out",), "../out/r.json", "out/r.json"),
        (("out",), "out/r.json", "out/r.json"),
        ((), "--name=/x/y/llama=lab/llama", "--name=llama=lab/llama"),
        ((), "https://example.org/a/b 1 / (2n - 1)", "https://example.org/a/b 1 / (2n - 1)"),
    ],
)
def test_folders_above_what_was_given_are_not_shown(given, text, shown):
    assert Places(given).shown(text) == shown


def test_local_models_are_told_from_those_of_the_hub():
    names = ["/a/x/llama", "/b/x/llama", "lab/llama", "./qwen", "a/b/c/olmo", "<x/y/z>"]
    assert local_names(names) == {
        "/a/x/llama": "a/x/llama",
        "/b/x/llama": "b/x/llama",
        "./qwen": "qwen",
        "a/b/c/olmo": "olmo",
    }


def test_the_example_is_where_surface_and_floor_matter():
    data = {
        "metrics": ["nasca", "surface", "nasca_floor"],
        "scores": ["nasca"],
        "models": ["m"],
        "languages": {code: [code] for code in "abc"},
        "rows": [
            {"m": 0, "l": "a", "n": 50, "v": [0.4, 0.0, 0.0]},
            {"m": 0, "l": "b", "n": 50, "v": [0.3, 0.2, 0.05]},
            {"m": 0, "l": "c", "n": 50, "v": [0.1, 0.3, 0.05]},
        ],
    }
    (found,) = examples(data)
    assert (found["language"], found["score"], found["surface"]) == ("b", 0.3, 0.2)
    assert found["chance"] == pytest.approx(1 / 99)


def test_pivots_are_compared_over_their_common_languages(tmp_path):
    """Means by hand, from the two files."""
    for pivot, chosen in (("eng_Latn", codes(8)), ("fra_Latn", codes(6))):
        rng = np.random.default_rng(len(chosen))
        content = results_of("m", chosen, rng, layers=3, benchmarks=())
        for task in content["config"]["neuronxa"]["tasks"].values():
            task["pivot"] = pivot
        write(tmp_path / "out" / pivot / "results_1.json", content)
    page = report(tmp_path, tmp_path / "out")
    (section,) = re.findall(r'<section id="pivots".*?</section>', page, flags=re.DOTALL)
    (row,) = re.findall(r'<tr data-metric="nasca">(.*?)</tr>', section, flags=re.DOTALL)
    for pivot in ("eng_Latn", "fra_Latn"):
        file = json.loads((tmp_path / "out" / pivot / "results_1.json").read_text())["results"]
        scores = [file[f"neuronxa_flores_{code}"]["nasca,none"] for code in codes(6)]
        assert f">{np.mean(scores):.3f}<" in row
    assert '<td class="num">6</td>' in row


def test_the_scatter_opens_on_the_benchmark_with_most_spread(tmp_path):
    rng = np.random.default_rng(0)
    content = results_of("m", codes(9), rng, layers=2, benchmarks=("belebele",))
    table = tmp_path / "flat.csv"
    lines = [f"m,{code},flat,{0.99 + 0.001 * (i % 2)}" for i, code in enumerate(codes(9))]
    table.write_text("model,language,benchmark,value\n" + "\n".join(lines), encoding="utf-8")
    write(tmp_path / "out" / "results_1.json", content)
    data = data_of(report(tmp_path, tmp_path / "out", table))
    assert {pair["y"] for pair in data["scatter"]} == {"belebele", "flat"}
    assert data["open"] == {"y": "belebele"}
    for pair in data["scatter"]:
        assert 0 <= pair["xd"][0] < pair["xd"][1] <= 1
        assert 0 <= pair["yd"][0] < pair["yd"][1] <= 1
        assert pair["chance"] == (0.25 if pair["y"] == "belebele" else None)


def test_the_best_layer_is_a_choice_of_its_own():
    scores = ["nasca", "mexa", "nasca_max", "mexa_max", "nasca_csls", "anc_max"]
    assert choosable(scores) == ["nasca", "mexa", "nasca_csls", "anc_max"]


def test_no_text_of_a_chart_is_small(two):
    def sizes(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key.lower().endswith("fontsize"):
                    yield value
                yield from sizes(value)
        elif isinstance(node, list):
            for value in node:
                yield from sizes(value)

    data = data_of(two[1])
    found = list(sizes([data["charts"], data["config"]]))
    assert found
    assert min(found) >= 11


def test_headings_are_called_as_in_the_navigation(two):
    page = two[1]
    links = re.findall(r'<li><a href="#(\w+)">([^<]*)</a>', page)
    assert len(links) > 9
    for name, label in links:
        assert re.search(rf'<h2 id="h-{name}">{label}</h2><a class="anchor" href="#{name}"', page)


def test_vendored_files_are_unchanged():
    table = (VENDOR / "README.md").read_text(encoding="utf-8")
    for file in VENDOR.glob("*.js"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() in table


def test_small_things():
    assert sorted(["a-10B", "a-9B", "b"], key=natural) == ["a-9B", "a-10B", "b"]
    assert rankable(["nasca", "nasca_floor", "nasca_csls", "surface", "mexa_above_floor"]) == [
        "nasca",
        "nasca_csls",
    ]
    assert score_name("nasca_max") == "NASCA, best layer"
    assert number_text(None) == "–"
    assert number_text(-0.1234) == "−0.123"
    assert number_text(-0.0004) == "0.000"
    template = {"a": ["$x", "$y", {"b": "$x"}], "c": 1}
    assert fill(template, {"x": [1]}) == {"a": [[1], "$y", {"b": [1]}], "c": 1}
    assert len(codes(500)) == sum(row.flores for row in languages.languages()) - 1
