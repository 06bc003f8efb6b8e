"""The script that rebuilds the tables of published scores, on small imitated clones."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "results" / "published_scores" / "tables.py"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    if not SCRIPT.is_file():
        pytest.skip(f"no {SCRIPT}; it is in the repository, not in an sdist")
    spec = importlib.util.spec_from_file_location("published_tables", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def put(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def build(tables: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["tables.py", *map(str, words)])
    tables.main()


def test_a_cell_of_the_space_is_divided_by_the_english_accuracy(tables, monkeypatch, tmp_path):
    data = tmp_path / "clone" / "dashboard" / "public" / "data"
    header = f",{','.join(tables.SPACE)},avg"
    for name, german in (("flores-mean-arc.csv", "0.3,"), ("flores-max-belebele.csv", "0.7,")):
        put(data / name, header, f"eng_Latn,{'0.8,' * 9}0", f"deu_Latn,{german * 9}0")
    for short in tables.FORK:
        lines = [f"code,org/{short}_max,org/{short}_mean,avg", "eng_Latn,1.0,0.5,9"]
        put(data / f"flores_table1_100_{short}_results.csv", *lines)
    build(tables, monkeypatch, "--mexa", tmp_path / "clone", "-o", tmp_path)
    lines = (tmp_path / "mexa_flores.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "model,language,metric,value,n,source"
    assert lines[1:] == sorted(lines[1:])
    assert len(lines) == 1 + 2 * (9 + 17)  # English of the space is 1 by construction: left out
    assert "google/gemma-7b,deu_Latn,mexa,0.375,100,MEXA space" in lines
    assert "google/gemma-7b,deu_Latn,mexa_max,0.875,100,MEXA space" in lines
    assert "org/mixtral_8x7b,eng_Latn,mexa,0.5,100,MEXA-fork" in lines
    assert "org/mixtral_8x7b,eng_Latn,mexa_max,1.0,100,MEXA-fork" in lines


def test_accuracies_are_shares_of_the_right_column(tables, monkeypatch, tmp_path):
    data = tmp_path / "clone" / "evaluation_results"
    four = "ar-acc,ar-acc_stderr,ar-acc_norm,ar-acc_norm_stderr"
    put(data / "belebele.csv", f"Model,Avg,acc,acc_stderr,{four}", "Aya,0,9,9,.1,.2,.3,.4")
    put(data / "arc_multilingual.csv", f"Model,Avg,{four}", "Gemma 7B,0,.1,.2,.3,.4")
    for name in ("xcopa", "xnli", "xstorycloze"):
        header = "Model,Avg,et-acc,stderr,zh-acc,stderr"
        put(data / f"{name}.csv", header, "Llama 2 7B,0,50.0,2.0,60.0,1.23456789")
    put(data / "SIB-200" / "SIB-200.csv", "Model,Avg,deu_Latn", "old,0,0.1")
    both = ("new,0,0.2500", "Llama-2-7b-hf,0,0.1000")
    put(data / "SIB-200" / "All - SIB-200.csv", "Model,Avg,deu_Latn", *both)
    build(tables, monkeypatch, "--emma", tmp_path / "clone", "-o", tmp_path)
    lines = (tmp_path / "emma500_tasks.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "model,language,benchmark,value,stderr",
        "Aya,ar,belebele,0.1,0.2",
        "google/gemma-7b,ar,m_arc,0.3,0.4",
        "meta-llama/Llama-2-7b-hf,deu_Latn,sib200,0.1,",
        "meta-llama/Llama-2-7b-hf,et,xcopa,0.5,0.02",
        "meta-llama/Llama-2-7b-hf,et,xnli,0.5,0.02",
        "meta-llama/Llama-2-7b-hf,et,xstorycloze,0.5,0.02",
        "meta-llama/Llama-2-7b-hf,zh,xcopa,0.6,0.012346",
        "meta-llama/Llama-2-7b-hf,zh,xnli,0.6,0.012346",
        "meta-llama/Llama-2-7b-hf,zh,xstorycloze,0.6,0.012346",
        "new,deu_Latn,sib200,0.25,",
    ]


def test_results_of_the_harness_name_their_file(tables, monkeypatch, tmp_path):
    content = {
        "results": {"xnli_de": {"acc": 0.5, "acc_stderr": 0.01}},
        "versions": {"xnli_de": 0},
        "config": {"num_fewshot": 0},
    }
    source = "results/mpt/mpt-7b/mpt-7b_xnli_0-shot.json"
    for path in (source, source.replace("mpt/", "other/", 1)):
        put(tmp_path / "clone" / path, json.dumps(content))
    build(tables, monkeypatch, "--harness", tmp_path / "clone", "-o", tmp_path)
    name = "lm_eval_multilingual_0shot.csv"
    (_, line) = (tmp_path / name).read_text(encoding="utf-8").splitlines()
    assert line == f"mpt-7b,xnli,de,xnli_de,0,0.5,0.01,0,{source}"


def test_at_least_one_clone_is_named(tables, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        build(tables, monkeypatch, "-o", tmp_path)
    assert "name at least one clone" in capsys.readouterr().err
