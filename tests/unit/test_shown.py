"""What a run shows: no row twice, nothing lost that is nowhere else, the way to the results."""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path
from typing import Any

import lm_eval.api.task
import pytest
from lm_eval import evaluator, utils

from neuronxa_tasks.cli import main
from neuronxa_tasks.harness.launch.shown import log_level, shown, where
from neuronxa_tasks.harness.tasks.options import Options, told_keys
from neuronxa_tasks.names import MEASURES, VARIANTS

SCORES = {
    "alias": "neuronxa_mini_fra_Latn", "sample_len": 100,
    "nasca,none": 0.25, "nasca_stderr,none": 0.02, "nasca_max,none": 0.5, "surface,none": 0.1,
    "nasca_floor,none": 0.02, "cka_nas,none": 0.3,
}  # fmt: skip


def results(**rows: dict[str, Any]) -> dict[str, Any]:
    return {"results": rows, "groups": {}, "versions": {}, "n-shot": {}, "group_subtasks": {}}


def shorter(found: dict[str, Any], level: int = logging.WARNING, column: str = "results") -> str:
    with shown(level):
        return str(utils.make_table(found, column))


def test_rows_that_our_table_has_are_not_shown_twice() -> None:
    found = results(neuronxa_mini_fra_Latn=SCORES)
    assert shorter(found) == ""
    assert "nasca_max" in shorter(found, logging.INFO)
    # What only the harness' table has stays: benchmarks, variants, the self-check.
    more = SCORES | {"nasca_shuffled,none": 0.01, "nasca_csls,none": 0.4}
    found = results(neuronxa_mini_fra_Latn=more, xnli_fr={"alias": "xnli_fr", "acc,none": 0.4})
    told = shorter(found)
    for kept in ("xnli_fr", "acc", "nasca_shuffled", "nasca_csls", "neuronxa_mini_fra_Latn"):
        assert kept in told
    for dropped in ("nasca_max", "surface", "cka_nas", "nasca_floor"):
        assert dropped not in told
    assert found["results"]["neuronxa_mini_fra_Latn"] == more  # the results stay whole


def test_a_group_without_scores_of_its_own_stays() -> None:
    found = results(neuronxa_with_xnli={"alias": "neuronxa_with_xnli", " ": " "}, xnli=SCORES)
    assert shorter(found | {"groups": found["results"]}, column="groups") == str(
        utils.make_table(
            found | {"groups": {"neuronxa_with_xnli": found["results"]["neuronxa_with_xnli"]}},
            "groups",
        )
    )


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
def test_the_harness_is_as_before_afterwards(level: int) -> None:
    def parts() -> list[object]:
        return [utils.make_table, lm_eval.api.task.tqdm, evaluator.get_git_commit_hash]

    def fail() -> None:
        assert logging.getLogger("lm_eval").level == level
        assert logging.getLogger("lm_eval.neuronxa").isEnabledFor(logging.INFO)
        assert logging.getLogger("lm_eval.tasks").isEnabledFor(logging.WARNING)
        assert logging.getLogger("lm_eval.tasks").isEnabledFor(logging.INFO) == (level < 30)
        raise ValueError("odd")

    before = parts()
    with pytest.raises(ValueError, match="odd"), shown(level):
        fail()
    assert parts() == before


def test_the_level_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMEVAL_LOG_LEVEL", raising=False)
    assert log_level(None) == logging.WARNING
    assert log_level("INFO") == logging.INFO
    assert log_level("debug") == logging.DEBUG
    assert log_level("nonsense") == logging.WARNING
    monkeypatch.setenv("LMEVAL_LOG_LEVEL", "info")
    assert log_level("ERROR") == logging.INFO


def test_where_the_results_are() -> None:
    file = Path("my out/org__model/results_1.json")
    assert where([file], Path("my out")).split("\n") == [
        f"Results: {file}", "Next: neuronxa report 'my out' -o report.html"
    ]  # fmt: skip
    assert where([], Path("out/x.json")) == "Next: neuronxa report out -o report.html"
    assert where([], None).startswith("Nothing was saved; --output_path")


def test_help_of_run_lists_the_keys_of_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    told = capsys.readouterr().out
    assert told_keys() in told
    assert "--checkpoints" in told
    for option in fields(Options):
        assert f"\n  {option.name:<14} [" in told
    assert "\n  n              [100] Number of sentence pairs." in told
    assert "\n  routed_nav     [false] " in told
    assert "\n  data_dir       [none] " in told
    words = set(told.replace(",", " ").replace(";", " ").replace(".", " ").split())
    assert words >= {*VARIANTS, *MEASURES}
