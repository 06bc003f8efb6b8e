"""`neuronxa correlate` through its command line: what is written, and what is refused."""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import statistics
import sys
from pathlib import Path

import correlate_data as data
import pytest

from neuronxa_tasks.cli import main

HISTORIC = Path(__file__).parents[1] / "historic_results"
LANGUAGES = list(data.CODES)[:7]
QUICK = ["--resamples", "99", "--no-figures"]


def content(model: str = "m", count: int = 7, shift: float = 0.0) -> dict:
    """A run whose accuracy follows its alignment, with a little of its own."""
    bumps = (0.01, -0.02, 0.015, 0.0, -0.01, 0.02, -0.015)
    rates = {code: 0.2 + 0.1 * i for i, code in enumerate(LANGUAGES[:count])}
    hits = {
        code: {
            "nas": data.hits_of(rate),
            "nav": data.hits_of(rate + bumps[i]),
            "hidden": [*data.hits_of(rate * rate + bumps[-i]), 3],
        }
        for i, (code, rate) in enumerate(rates.items())
    }
    accuracy = {
        code: 0.33 + 0.2 * rate + bumps[i] + shift * bumps[-i]
        for i, (code, rate) in enumerate(rates.items())
    }
    tokens = {code: 1100 + 170 * ((i * 3) % 7) for i, code in enumerate(rates)}
    return data.results(model, hits, {"xnli": accuracy | {"eng_Latn": 0.7}}, tokens=tokens)


@pytest.fixture
def run(tmp_path):
    return data.write(tmp_path / "runs" / "results_a.json", content())


def correlate(*arguments: object) -> int:
    return main(["correlate", *map(str, arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- what is written ----------------------------------------------------------------------------


def test_a_single_run_ends_in_a_report(run, tmp_path, capsys):
    out = tmp_path / "new" / "report"
    assert correlate(run.parent, "-o", out, *QUICK) == 0
    assert "6 of 6 correlations" in capsys.readouterr().out
    index = json.loads((out / "correlate.json").read_text(encoding="utf-8"))
    (recorded,) = index["inputs"]
    assert recorded["path"] == str(run)
    assert re.fullmatch("[0-9a-f]{64}", recorded["sha256"])
    assert index["models"] == ["m"]
    assert index["excluded_languages"] == ["eng_Latn"]
    assert index["settings"]["seed"] == 0
    assert {"numpy", "scipy", "neuronxa-tasks"} <= set(index["versions"])
    assert sorted(index["files"] + ["correlate.json"]) == sorted(bytes_of(out))
    table = rows(out / "correlations.csv")
    assert [row["x"] for row in table] == [
        "nasca", "navca", "mexa", "nasca_max", "navca_max", "mexa_max",
    ]  # fmt: skip
    for row, record in zip(table, index["tables"]["correlations"], strict=True):
        assert float(row["r"]) == record["r"]
    assert not list(out.parent.glob(".*"))


def test_the_report_has_every_section(run, tmp_path):
    data.write(run.parent / "results_b.json", content("n", shift=1.0))
    assert correlate(run.parent, "-o", tmp_path / "out", *QUICK, "--primary", "xnli:nasca") == 0
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    for title in (
        "Primary result", "Average over models", "Each model", "Every test over languages",
        "Two scores against each other", "Given covariates", "All models together",
        "Across models, for one language", "Prediction, one language left out", "Layers",
        "How it was computed", "Inputs",
    ):  # fmt: skip
        assert f"\n## {title}\n" in report
    assert "nan" not in report.lower().replace("nasca", "")
    assert "only 2 complete points" in report  # over two models


def test_null_stands_for_nan(run, tmp_path):
    changed = content()
    for facts in changed["config"]["neuronxa"]["tasks"].values():
        for direction in ("mutual", "forward", "backward"):
            facts["hidden"][direction] = [7, 7, 7, 7]
    for name, row in changed["results"].items():
        if name.startswith("neuronxa"):
            row["mexa,none"] = row["mexa_max,none"] = 0.07
    data.write(run, changed)
    assert correlate(run, "-o", tmp_path / "out", *QUICK) == 0
    text = (tmp_path / "out" / "correlate.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    records = json.loads(text)["tables"]["correlations"]
    (record,) = [record for record in records if record["x"] == "mexa"]
    assert record["r"] is None
    assert record["n"] == 7
    assert "same value" in record["reason"]
    row = next(row for row in rows(tmp_path / "out" / "correlations.csv") if row["x"] == "mexa")
    assert row["r"] == ""


def test_the_same_input_gives_the_same_bytes(run, tmp_path):
    pytest.importorskip("altair", reason="install the extra `report` to draw figures")
    pytest.importorskip("vl_convert", reason="install the extra `report` to draw figures")
    for name in ("one", "two"):
        assert correlate(run, "-o", tmp_path / name, "--resamples", 99, "--metric", "nasca") == 0
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    names = bytes_of(tmp_path / "one")
    for figure in ("scatter_xnli_nasca", "layers_xnli"):
        assert names[f"figures/{figure}.svg"].startswith(b"<svg")
        assert names[f"figures/{figure}.png"].startswith(b"\x89PNG")
    page = names["figures/figures.html"].decode()
    assert "vegaEmbed(" in page
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "<script" not in outside  # nothing is fetched
    assert "<link" not in outside


def test_another_seed_changes_only_what_is_random(tmp_path):
    codes = list(data.CODES.values())[:12]
    lines = [f"m,{code},xnli,{0.3 + 0.02 * i}" for i, code in enumerate(codes)]
    lines += [f"m,{code},xcopa,{0.3 + 0.1 * ((5 * i) % 7)}" for i, code in enumerate(codes)]
    table = data.write(tmp_path / "scores.csv", "model,language,benchmark,acc\n" + "\n".join(lines))
    for seed in (0, 1):
        assert correlate(table, "-o", tmp_path / str(seed), *QUICK, "--seed", seed) == 0
    (first,), (second,) = (rows(tmp_path / str(seed) / "correlations.csv") for seed in (0, 1))
    random = {"p", "holm", "bh", "rho_p"}
    assert {name for name in first if first[name] != second[name]} <= random
    assert first["p"] != second["p"]


def test_the_command_in_the_report_makes_it_again(run, tmp_path):
    options = ["--metric", "nasca", "--seed", "3", "--pivot", "eng_Latn", *QUICK]
    assert correlate(run, "-o", tmp_path / "one", *options) == 0
    command = json.loads((tmp_path / "one" / "correlate.json").read_bytes())["command"]
    words = command.split()
    assert words[:2] == ["neuronxa", "correlate"]
    assert main([str(tmp_path / "two") if word == "OUT" else word for word in words[1:]]) == 0
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_covariates_of_the_user(run, tmp_path):
    table = "language,log_resource,note\n" + "".join(
        f"{code},{i * i},{'ab'[i % 2]}\n" for i, code in enumerate(LANGUAGES)
    )
    path = data.write(tmp_path / "resources.csv", table)
    assert correlate(run, "-o", tmp_path / "out", *QUICK, "--covariates", path) == 0
    given = {row["given"] for row in rows(tmp_path / "out" / "partial.csv")}
    assert given == {
        "fertility", "log_resource", "script", "family", "note", "fertility + log_resource",
    }  # fmt: skip
    index = json.loads((tmp_path / "out" / "correlate.json").read_bytes())
    assert str(path) in {entry["path"] for entry in index["inputs"]}


def test_old_results_and_a_new_run_under_one_name(run, tmp_path):
    old = HISTORIC / "0.4.2"
    assert correlate(run, old, "-o", tmp_path / "out", *QUICK) == 2
    alignment = content()
    alignment["results"] = {
        name: row for name, row in alignment["results"].items() if name.startswith("neuronxa")
    }
    alignment["configs"] = alignment["n-shot"] = {}
    data.write(run, alignment)
    options = ["--name", "example/dummy=m"]
    assert correlate(run, old, "-o", tmp_path / "out", *QUICK, *options) == 0
    (nasca,) = [row for row in rows(tmp_path / "out" / "correlations.csv") if row["x"] == "nasca"]
    assert nasca["n"] == "4"  # de, fr, sw, zh


def test_constant_accuracy_is_told_by_name(tmp_path):
    assert correlate(HISTORIC / "neuronxa-0.1.0", "-o", tmp_path / "out", *QUICK) == 0
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "xnli has the same value in all 4 points" in report
    assert " nan " not in report


def test_what_has_no_language_is_listed(run, tmp_path):
    changed = content()
    changed["results"]["hellaswag"] = {"acc,none": 0.5}
    data.write(run, changed)
    assert correlate(run, "-o", tmp_path / "out", *QUICK) == 0
    assert [row["task"] for row in rows(tmp_path / "out" / "unmapped.csv")] == ["hellaswag"]
    assert "hellaswag" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_three_languages_give_a_report_that_says_why_there_is_no_r(run, tmp_path, capsys):
    data.write(run, content(count=3))
    assert correlate(run, "-o", tmp_path / "out", "--resamples", 99) == 0
    assert "0 of 6" in capsys.readouterr().out
    assert "only 3 complete points" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert all(row["r"] == "" for row in rows(tmp_path / "out" / "correlations.csv"))


# --- where it is written ------------------------------------------------------------------------


def test_earlier_output_is_replaced_as_a_whole(run, tmp_path):
    out = tmp_path / "out"
    assert correlate(run, "-o", out, *QUICK) == 0
    changed = content()
    changed["results"]["hellaswag"] = {"acc,none": 0.5}
    data.write(run, changed)
    assert correlate(run, "-o", out, *QUICK) == 0
    assert (out / "unmapped.csv").exists()
    data.write(run, content())
    assert correlate(run, "-o", out, *QUICK) == 0
    assert not (out / "unmapped.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] in (["runs", "out"], ["out", "runs"])


def test_a_folder_with_other_files_is_never_replaced(run, tmp_path, capsys):
    out = tmp_path / "out"
    assert correlate(run, "-o", out, *QUICK) == 0
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    before = bytes_of(out)
    assert correlate(run, "-o", out, *QUICK) == 2
    assert "notes.txt" in capsys.readouterr().err
    assert bytes_of(out) == before


@pytest.mark.parametrize("what", ["file", "foreign folder", "link"])
def test_other_things_in_the_place_of_out(run, tmp_path, capsys, what):
    out = tmp_path / "out"
    if what == "file":
        out.write_text("mine", encoding="utf-8")
    elif what == "link":
        (tmp_path / "elsewhere").mkdir()
        out.symlink_to(tmp_path / "elsewhere")
    else:
        data.write(out / "correlate.json", {"made_by": "somebody"})
    assert correlate(run, "-o", out, *QUICK) == 2
    assert "-o is" in capsys.readouterr().err


def test_an_empty_folder_may_be_used(run, tmp_path):
    (tmp_path / "out").mkdir()
    assert correlate(run, "-o", tmp_path / "out", *QUICK) == 0


def test_a_failure_while_writing_leaves_the_earlier_output(run, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    assert correlate(run, "-o", out, *QUICK) == 0
    before = bytes_of(out)
    written = Path.write_bytes

    def full(self, content):
        if self.name == "report.md":
            raise OSError(28, "No space left on device")
        return written(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert correlate(run, "-o", out, *QUICK, "--seed", 5) == 2
    assert "No space left" in capsys.readouterr().err
    assert bytes_of(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "runs"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="root may write everywhere; run as another user to check an unwritable folder",
)
def test_an_unwritable_place_is_refused(run, tmp_path, capsys):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert correlate(run, "-o", locked / "out", *QUICK) == 2
    assert "nothing can be written" in capsys.readouterr().err


def test_missing_drawing_library_is_named(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert correlate(run, "-o", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "vl-convert-python" in error
    assert "pip install" in error
    assert not (tmp_path / "out").exists()
    assert correlate(run, "-o", tmp_path / "out", *QUICK) == 0


def test_mixed_models_need_statsmodels(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("neuronxa_tasks.commands.correlate.find_spec", lambda name: None)
    assert_refused(tmp_path / "out", capsys, "pip install statsmodels", run, "--mixed-model")


def test_mixed_models_on_request(run, tmp_path):
    pytest.importorskip("statsmodels", reason="install statsmodels to fit mixed models")
    data.write(run.parent / "results_b.json", content("n", shift=1.0))
    data.write(run.parent / "results_c.json", content("o", shift=-1.0))
    options = [*QUICK, "--mixed-model", "--metric", "nasca"]
    assert correlate(run.parent, "-o", tmp_path / "out", *options) == 0
    (row,) = rows(tmp_path / "out" / "mixed.csv")
    assert (row["n"], row["models"], row["languages"]) == ("21", "3", "7")
    assert float(row["low"]) < float(row["slope"]) < float(row["high"])
    index = json.loads((tmp_path / "out" / "correlate.json").read_bytes())
    assert "statsmodels" in index["versions"]


# --- bad input ----------------------------------------------------------------------------------


def no_block(found: dict) -> None:
    del found["config"]["neuronxa"]
    for name in [name for name in found["results"] if name.startswith("neuronxa")]:
        for part in ("results", "configs", "n-shot"):
            del found[part][name]


def scores_without_block(found: dict) -> None:
    del found["config"]["neuronxa"]


def text_value(found: dict) -> None:
    found["results"]["xnli_de"]["acc,none"] = "high"


def nan_value(found: dict) -> None:
    found["results"]["xnli_de"]["acc,none"] = float("nan")


def same_language(found: dict) -> None:
    found["results"]["xnli_deu_Latn"] = {"acc,none": 0.4}
    found["configs"]["xnli_deu_Latn"] = {"num_fewshot": 0}


def one_language(found: dict) -> None:
    for name in [name for name in found["results"] if name.startswith("xnli")]:
        if name != "xnli_de":
            for part in ("results", "configs", "n-shot"):
                del found[part][name]


def only_the_pivot(found: dict) -> None:
    for name in [name for name in found["results"] if name.startswith("xnli")]:
        if name != "xnli_en":
            for part in ("results", "configs", "n-shot"):
                del found[part][name]


def no_common_language(found: dict) -> None:
    only_the_pivot(found)
    found["results"]["xnli_ar"] = {"acc,none": 0.4}
    found["configs"]["xnli_ar"] = {"num_fewshot": 0}


def no_benchmark(found: dict) -> None:
    for name in [name for name in found["results"] if name.startswith("xnli")]:
        for part in ("results", "configs", "n-shot"):
            del found[part][name]


BAD = {
    no_block: "No file has a NeuronXA block",
    scores_without_block: "no NeuronXA block for it",
    text_value: "'high', which is no number",
    nan_value: "is NaN",
    same_language: "the language deu_Latn twice",
    one_language: "have one language in common, deu_Latn",
    only_the_pivot: "no benchmark of a known language",
    no_common_language: "no common languages",
}


def assert_refused(out: Path, capsys: pytest.CaptureFixture, told: str, *arguments: object) -> None:
    assert correlate(*arguments, "-o", out, *QUICK) == 2
    error = capsys.readouterr().err
    assert error.startswith("neuronxa: error: ")
    assert told in error
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))


@pytest.mark.parametrize("damage", BAD, ids=lambda damage: damage.__name__)
def test_bad_results_are_one_sentence(run, tmp_path, capsys, damage):
    found = copy.deepcopy(content())
    damage(found)
    data.write(run, found)
    assert_refused(tmp_path / "out", capsys, BAD[damage], run)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("this is no JSON", "is no JSON"),
        (json.dumps(content())[:-200], "cut off"),
        ("", "is empty"),
        ("[1, 2]", "is no results file"),
        ("{}", "is no results file"),
    ],
)
def test_damaged_files_are_one_sentence(tmp_path, capsys, text, told):
    path = data.write(tmp_path / "results_x.json", text)
    assert_refused(tmp_path / "out", capsys, told, path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--primary", "xnli"], "does not name a cell"),
        (["--primary", "xnli:bleu"], "is no cell here"),
        (["--metric", "cka"], "--metric is 'cka'"),
        (["--benchmark", "xcopa"], "--benchmark is 'xcopa'"),
        (["--benchmark", "xnli:f1"], "xnli:acc"),
        (["--pivot", "klingon"], "--pivot is 'klingon'"),
        (["--name", "m"], "--name is 'm'"),
        (["--name", "m=a", "--name", "m=b"], "two meanings"),
        (["--template", "xyz=b"], "needs one {}"),
        (["--seed", "-1"], "--seed is -1"),
        (["--confidence", "95"], "confidence"),
        (["--covariates", "missing.csv"], "missing.csv"),
    ],
)
def test_options_that_cannot_be_used(run, tmp_path, capsys, options, told):
    assert_refused(tmp_path / "out", capsys, told, run, *options)


def test_no_resamples_are_refused(run, tmp_path, capsys):
    assert correlate(run, "-o", tmp_path / "out", "--no-figures", "--resamples", "0") == 2
    assert "--resamples is 0" in capsys.readouterr().err


def test_missing_path_and_other_names(run, tmp_path, capsys):
    assert_refused(tmp_path / "out", capsys, "does not exist", tmp_path / "nowhere")
    table = data.write(
        tmp_path / "scores.csv", "model,language,benchmark,acc\nother,de,xcopa,0.5\n"
    )
    only = content()
    no_benchmark(only)
    data.write(run, only)
    assert_refused(tmp_path / "out", capsys, "--name OLD=NEW", run, table)


def test_two_benchmarks_of_the_harness_without_alignment(run, tmp_path, capsys):
    found = content()
    no_block(found)
    for name, row in list(found["results"].items()):
        other = name.replace("xnli", "xcopa")
        found["results"][other] = {"acc,none": 1 - row["acc,none"] ** 2}
        found["configs"][other] = {"num_fewshot": 0}
    data.write(run, found)
    assert_refused(tmp_path / "out", capsys, "--between", run)
    assert correlate(run, "-o", tmp_path / "out", *QUICK, "--between") == 0


@pytest.mark.parametrize("name", ["fertility", "script"])
def test_a_covariate_whose_name_is_taken(run, tmp_path, capsys, name):
    path = data.write(tmp_path / "c.csv", f"language,{name}\nde,1\n")
    assert_refused(tmp_path / "out", capsys, "Rename the column", run, "--covariates", path)


# --- real scores --------------------------------------------------------------------------------


@pytest.mark.data
def test_published_scores_of_fourteen_models(data_dir, tmp_path):
    table = data_dir / "published_scores" / "lm_eval_multilingual_0shot.csv"
    if not table.is_file():
        pytest.skip(f"no {table}; it is part of the data folder")
    out = tmp_path / "out"
    assert correlate(table, "-o", out, *QUICK) == 0
    averages = {(row["x"], row["y"]): row for row in rows(out / "averages.csv")}
    found = averages[("xnli", "xstorycloze")]
    assert (found["models"], found["n_min"], found["n_max"]) == ("14", "6", "6")
    # From the file by a plain loop: r of each model over ar, es, hi, ru, sw, zh; mean of atanh.
    assert float(found["r"]) == pytest.approx(_average_by_hand(table), abs=1e-9)
    assert float(found["low"]) < float(found["r"]) < float(found["high"])
    assert averages[("xstorycloze", "xwinograd")]["r"] == ""
    assert len(rows(out / "across_models.csv")) == 30


def _average_by_hand(table: Path) -> float:
    import math

    from scipy.stats import pearsonr

    scores = {
        (row["model"], row["benchmark"], row["language"]): float(row["acc"]) for row in rows(table)
    }
    total = []
    for model in sorted({key[0] for key in scores}):
        x, y = (
            [scores[(model, benchmark, code)] for code in ("ar", "es", "hi", "ru", "sw", "zh")]
            for benchmark in ("xnli", "xstory_cloze")
        )
        total.append(math.atanh(pearsonr(x, y).statistic))
    return math.tanh(sum(total) / len(total))


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "name"),
    [("lm_eval_multilingual_0shot.csv", "report.md"), ("mexa_flores.csv", "page.md")],
)
def test_the_examples_in_results_are_what_their_commands_make(
    data_dir, tmp_path, monkeypatch, table, name
):
    folder = data_dir / "published_scores"
    if not (folder / table).is_file():
        pytest.skip(f"no {table} in {folder}; it is part of the data folder")
    example = Path(__file__).parents[2] / "results" / "published_scores"
    if not example.is_dir():
        pytest.skip(f"no {example}; it is in the repository, not in an sdist")
    readme = (example / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(rf"^neuronxa (correlate {table} .*)$", readme, flags=re.MULTILINE)
    monkeypatch.chdir(folder)
    words = [str(tmp_path / "out") if word == "OUT" else word for word in command.split()]
    assert main(words) == 0

    def text(path: Path) -> str:
        whole = (path / name).read_text(encoding="utf-8")
        return whole.partition("\nVersions: ")[0]

    assert text(tmp_path / "out") == text(example)


# --- alignment scores from a table --------------------------------------------------------------


def tables(folder: Path, models: tuple[str, ...] = ("m", "n", "o")) -> list[Path]:
    """MEXA as it is published, and two benchmarks that follow it more and less."""
    codes = list(data.CODES)
    scores, tasks = ["model,language,metric,value,n"], ["model;language;benchmark;value"]
    for at, model in enumerate(models):
        for i, code in enumerate(codes):
            score = (0.1 + 0.05 * i + 0.03 * ((7 * i + 3 * at) % 5)) * (1 - 0.1 * at)
            scores.append(f"{model},{code},mexa,{score:.4f},100")
            scores.append(f"{model},{code},mexa_max,{score**0.5:.4f},100")
            xnli, belebele = 0.3 + score / 3 + 0.02 * (i % 3), 0.25 + score / 2
            for name, value in (("xnli", xnli), ("belebele", belebele)):
                tasks.append(f"{model};{code};{name};" + f"{value:.4f}".replace(".", ","))
    tasks += ["m;Kiswahili;xnli;0,4", "m;Spanish (coast);xnli;0,4", "lonely;de;xnli;0,4"]
    return [
        data.write(folder / "mexa_flores.csv", "\n".join(scores) + "\n"),
        data.write(folder / "tasks.csv", "\n".join(tasks) + "\n"),
    ]


def test_published_alignment_is_correlated_with_published_benchmarks(tmp_path, capsys):
    out = tmp_path / "out"
    assert correlate(*tables(tmp_path), "-o", out, *QUICK) == 0
    told = capsys.readouterr().err
    assert "no known language, so in no table (2): Kiswahili, Spanish (coast)." in told
    assert "lonely has no pair of scores in a common language" in told
    cells = {(row["x"], row["y"]) for row in rows(out / "averages.csv")}
    # Benchmarks stand against alignment, and not against each other.
    assert cells == {(x, y) for x in ("mexa", "mexa_max") for y in ("belebele", "xnli")}
    (row,) = [
        row
        for row in rows(out / "correlations.csv")
        if (row["model"], row["x"], row["y"]) == ("n", "mexa", "xnli")
    ]
    codes = [code for code in data.CODES if code != "eng_Latn"]
    places = [list(data.CODES).index(code) for code in codes]
    x = [round((0.1 + 0.05 * i + 0.03 * ((7 * i + 3) % 5)) * 0.9, 4) for i in places]
    y = [
        round(0.3 + (0.1 + 0.05 * i + 0.03 * ((7 * i + 3) % 5)) * 0.9 / 3 + 0.02 * (i % 3), 4)
        for i in places
    ]
    assert int(row["n"]) == len(codes)
    assert float(row["r"]) == pytest.approx(statistics.correlation(x, y), abs=1e-9)
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "alignment: mexa, mexa_max on mexa_flores" in report
    assert "Belebele's passages are FLORES passages" in report


def test_layers_of_a_published_score_have_their_correlations(tmp_path):
    lines = ["model,language,metric,layer,value"]
    for i, code in enumerate(LANGUAGES):
        lines += [f"m,{code},anc,{layer},{0.1 + 0.05 * i * layer:.3f}" for layer in (2, 4, 6)]
    path = data.write(tmp_path / "anc.tsv", "\n".join(lines).replace(",", "\t") + "\n")
    _, tasks = tables(tmp_path)
    out = tmp_path / "out"
    words = [path, tasks, "-o", out, "--resamples", "99"]
    assert correlate(*words) == 2
    assert correlate(*words, "--alignment", "anc") == 0
    layers = rows(out / "layers.csv")
    assert {row["representation"] for row in layers} == {"anc"}
    assert sorted({int(row["layer"]) for row in layers}) == [2, 4, 6]
    assert {row["x"] for row in rows(out / "correlations.csv")} == {"anc", "anc_max"}
    peaks = rows(out / "profiles.csv")
    assert {row["peak_layer"] for row in peaks} == {"2", "6"}  # the first language is flat
    assert any(path.name.startswith("layers_") for path in (out / "figures").iterdir())


def test_a_model_with_another_metric_takes_part(run, tmp_path):
    other = content("n")
    for task, row in other["results"].items():
        if task.startswith("xnli"):
            row["acc_norm,none"], row["acc_norm_stderr,none"] = row.pop("acc,none"), 0.01
    data.write(run.parent / "results_b.json", other)
    assert correlate(run.parent, "-o", tmp_path / "out", *QUICK, "--metric", "nasca") == 0
    found = {(row["model"], row["y"]) for row in rows(tmp_path / "out" / "correlations.csv")}
    assert found == {("m", "xnli"), ("n", "xnli acc_norm")}
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "No metric of xnli is there for all models" in report


def test_the_published_scores_of_mexa(tmp_path, data_dir):
    """The averages that an independent recomputation of these tables gave."""
    folder = data_dir / "published_scores"
    out = tmp_path / "out"
    words = [folder / "mexa_flores.csv", folder / "emma500_tasks.csv", "-o", out, *QUICK]
    for name in ("belebele", "m_arc", "xcopa", "xnli", "xstorycloze"):
        words += ["--benchmark", name]
    assert correlate(*words, "--metric", "mexa") == 0
    found = {row["y"]: float(row["r"]) for row in rows(out / "averages.csv")}
    assert found == pytest.approx(
        {"belebele": 0.924, "m_arc": 0.962, "xcopa": 0.825, "xnli": 0.599, "xstorycloze": 0.854},
        abs=0.0006,
    )
