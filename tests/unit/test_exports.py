"""Exports of the leaderboard, read back by those whose formats they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from correlate_data import write
from report_data import codes, results_of

from neuronxa_tasks.cli import main

SCHEMAS = Path(__file__).parents[1] / "schemas"
SCHEMA = SCHEMAS / "every_eval_ever-0.3.0.schema.json"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two models: one of the Hub with text of the Hub, one in a folder with text in a folder."""
    sources = {
        "lab/alpha": {"kind": "hub", "where": "openlanguagedata/flores_plus", "sha256": "ab"},
        "/home/me/models/beta": {"kind": "folder", "where": "/home/me/flores", "sha256": "cd"},
    }
    for place, (model, source) in enumerate(sources.items()):
        content = results_of(model, codes(3), np.random.default_rng(place), layers=2)
        content["config"]["neuronxa"]["model"]["fingerprint"] = f"{place:016x}"
        for task in content["config"]["neuronxa"]["tasks"].values():
            task["source"] = source
        for name, config in content["configs"].items():
            if name.startswith("belebele"):
                config["dataset_path"] = "facebook/belebele"
        write(tmp_path / "runs" / f"{place}" / "results_1.json", content)
    return tmp_path / "runs"


def exported(runs: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    out = runs.parent / "board"
    words = [str(runs), "-o", str(out), "--resamples", "99", "--export", "Lab", *more]
    assert main(["leaderboard", *words]) == 0
    return out


def file_of(runs: Path, place: int) -> Any:
    return json.loads((runs / f"{place}" / "results_1.json").read_text(encoding="utf-8"))


def test_the_hub_reads_its_files(runs, monkeypatch, capsys):
    """By the parser of huggingface_hub, with every number of the results file."""
    hub = pytest.importorskip("huggingface_hub")
    out = exported(runs, monkeypatch)
    folder = out / "export" / "hub" / "lab-2falpha" / ".eval_results"
    assert {each.name for each in folder.iterdir()} >= {"nasca.yaml", "mexa.yaml", "belebele.yaml"}
    content = file_of(runs, 0)
    parsed = yaml.safe_load((folder / "nasca.yaml").read_text(encoding="utf-8"))
    entries = hub.parse_eval_result_entries(parsed)
    assert {entry.task_id for entry in entries} == {f"neuronxa_flores_{code}" for code in codes(3)}
    for entry in entries:
        assert entry.dataset_id == "openlanguagedata/flores_plus"
        assert entry.value == content["results"][entry.task_id]["nasca,none"]
        assert entry.date == "2025-06-15T15:06:40Z"
        low, high = content["config"]["neuronxa"]["tasks"][entry.task_id]["intervals"]["nasca"]
        for told in (
            "n 100",
            "pivot eng_Latn",
            "tap gate",
            "neuronxa-tasks 0.1.0",
            "text sha256 ab",
        ):
            assert told in entry.notes
        assert f"95 % interval [{low:.4f}, {high:.4f}]" in entry.notes
        assert "lm_eval 0.4.13" in entry.notes
    items = hub.parse_eval_result_entries(
        yaml.safe_load((folder / "belebele.yaml").read_text(encoding="utf-8"))
    )
    assert {entry.dataset_id for entry in items} == {"facebook/belebele"}
    assert hub.eval_result_entries_to_yaml(entries) == parsed
    # The other model's sentences lie in a folder, which is no data set of the Hub.
    beta = out / "export" / "hub" / "beta" / ".eval_results"
    assert [each.name for each in beta.iterdir()] == ["belebele.yaml"]
    assert "18 scores have no data set on the Hub" in capsys.readouterr().out


def test_records_are_valid_and_hold_what_the_file_holds(runs, monkeypatch):
    out = exported(runs, monkeypatch)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    paths = sorted((out / "export" / "every_eval_ever").rglob("*.json"))
    assert len(paths) == 2
    found = {}
    for path in paths:
        record = json.loads(path.read_text(encoding="utf-8"))
        validator.validate(record)
        assert "/home/me" not in path.read_text(encoding="utf-8")
        found[record["model_info"]["id"]] = record
    assert set(found) == {"lab/alpha", "beta"}
    record, content = found["lab/alpha"], file_of(runs, 0)
    assert record["retrieved_timestamp"] == "1800000000"
    assert record["evaluation_timestamp"] == "1750000000"
    assert record["source_metadata"]["evaluator_relationship"] == "first_party"
    assert found["beta"]["source_metadata"]["evaluator_relationship"] == "third_party"
    digest = hashlib.sha256((runs / "0" / "results_1.json").read_bytes()).hexdigest()
    assert record["source_metadata"]["additional_details"]["results_file_sha256"] == digest
    assert record["eval_library"]["version"] == "0.4.13"
    assert record["eval_library"]["additional_details"] == {"neuronxa-tasks": "0.1.0"}
    by_id = {each["evaluation_result_id"]: each for each in record["evaluation_results"]}
    expected = sum(
        key.endswith(",none") and "_stderr" not in key
        for row in content["results"].values()
        for key in row
    )
    assert len(by_id) == expected
    code = codes(3)[0]
    task = f"neuronxa_flores_{code}"
    one = by_id[f"{task}/nasca"]
    assert one["score_details"]["score"] == content["results"][task]["nasca,none"]
    parameters = one["metric_config"]["metric_parameters"]
    assert parameters.items() >= {"n": 100, "pivot": "eng_Latn", "tap": "gate"}.items()
    interval = one["score_details"]["uncertainty"]["confidence_interval"]
    known = content["config"]["neuronxa"]["tasks"][task]["intervals"]["nasca"]
    assert [interval["lower"], interval["upper"]] == known
    assert interval["confidence_level"] == 0.95
    assert one["source_data"]["hf_repo"] == "openlanguagedata/flores_plus"
    assert by_id[f"{task}/nasca_above_floor"]["metric_config"]["min_score"] == -1
    sources = {
        each["evaluation_name"].partition("_")[0]: each["source_data"]["source_type"]
        for each in found["beta"]["evaluation_results"]
    }
    assert sources == {"neuronxa": "other", "belebele": "hf_dataset"}


def test_the_validator_can_fail():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({"schema_version": "0.3.0"})


def test_the_same_day_gives_the_same_bytes_and_without_the_option_nothing(runs, monkeypatch):
    first = exported(runs, monkeypatch)
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert any("export" in str(path) for path in before)
    exported(runs, monkeypatch)
    assert before == {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    plain = runs.parent / "plain"
    assert main(["leaderboard", str(runs), "-o", str(plain), "--resamples", "99"]) == 0
    assert not (plain / "export").exists()


def test_tables_alone_are_not_exported(tmp_path, capsys):
    table = write(tmp_path / "t.csv", "model,language,benchmark,value\nm,de,xnli,0.5\n")
    words = [str(table), "-o", str(tmp_path / "board"), "--export", "Lab"]
    assert main(["leaderboard", *words]) == 2
    assert "only tables were given" in capsys.readouterr().err
    assert not (tmp_path / "board").exists()


def test_the_schema_is_unchanged():
    told = (SCHEMAS / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() in told
