"""Our tasks by name and language: `neuronxa list`, and usual codes in `--tasks`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from neuronxa_tasks.cli import main
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.launch import arguments as launch
from neuronxa_tasks.harness.launch.catalogue import families, own_groups, own_name, own_tasks
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.languages import benchmark_languages


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["list", *arguments]) == 0
    return capsys.readouterr().out


def test_the_catalogue_is_what_the_harness_indexes(task_manager: Any) -> None:
    ours = {name for name in task_manager.all_tasks if name.startswith("neuronxa_")}
    assert set(own_tasks()) | set(own_groups()) == ours
    assert set(own_groups()) == {n for n in task_manager.all_groups if n.startswith("neuronxa_")}
    for name, items in own_groups().items():
        config = task_manager.task_index[name].cfg
        assert list(items) == config["task"]


def test_every_task_has_its_language() -> None:
    for code in CORPORA["flores"].codes:
        assert own_tasks()[f"neuronxa_flores_{code}"].language.code == code
    for corpus in ("tatoeba", "bmlama53"):
        for code, row in benchmark_languages(corpus).items():
            task = own_tasks()[f"neuronxa_{corpus}_{code}"]
            assert (task.language, task.family) == (row, f"neuronxa_{corpus}")
    assert {"neuronxa_world", "neuronxa_world_cloze", "neuronxa_mini"} <= set(families())


@pytest.mark.parametrize("text", ["french", "fr", "fra", "fra_Latn", "FRENCH", "fr-FR"])
def test_a_language_is_found_by_any_of_its_codes(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = listed(capsys, text)
    first, *lines = out.splitlines()
    assert first.startswith("fra_Latn  French  (")
    for name in ("neuronxa_flores_fra_Latn", "neuronxa_tatoeba_fra", "neuronxa_bmlama53_fr"):
        assert f"  {name}" in lines
    assert not any("fur_Latn" in line or "fra_Latn_CA" in line for line in lines)
    assert any(line.startswith("  benchmarks: xnli, belebele, m_mmlu") for line in lines)


def test_a_part_of_names_finds_all(capsys: pytest.CaptureFixture[str]) -> None:
    out = listed(capsys, "arabic")
    assert "arz_Arab  Egyptian Arabic" in out or "arb_Arab" in out
    ambiguous = listed(capsys, "ks")
    assert "kas_Arab" in ambiguous
    assert "kas_Deva" in ambiguous
    only_benchmarks = listed(capsys, "haw")
    assert "no task: no parallel text is known" in only_benchmarks
    assert "benchmarks: global_piqa" in only_benchmarks


def test_groups_are_found_by_a_part_of_their_name(capsys: pytest.CaptureFixture[str]) -> None:
    out = listed(capsys, "xcopa")
    assert "  neuronxa_with_xcopa: neuronxa_flores_xcopa, xcopa" in out.splitlines()
    assert "  neuronxa_flores_xcopa: 11 tasks" in out.splitlines()


def test_without_text_all_groups_and_families(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys).splitlines()
    assert "  neuronxa_flores_<code>  (204)" in lines
    for name in own_groups():
        assert any(line.startswith(f"  {name}: ") for line in lines), name


def test_nothing_alike_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "qqqq"]) == 2
    assert "No task, group or language is like 'qqqq'" in capsys.readouterr().err


def test_listing_loads_neither_harness_nor_torch() -> None:
    code = (
        "import sys; from neuronxa_tasks.cli import main; main(['list', 'french']); "
        "print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "lm_eval", "transformers", "pandas", "numpy"} & set(run.stdout.split())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("neuronxa_flores_fr", "neuronxa_flores_fra_Latn"),
        ("neuronxa_flores_zh-TW", "neuronxa_flores_zho_Hant"),
        ("neuronxa_flores_swahili", "neuronxa_flores_swh_Latn"),
        ("neuronxa_tatoeba_fra_Latn", "neuronxa_tatoeba_fra"),
        ("neuronxa_bmlama53_deu_Latn", "neuronxa_bmlama53_de"),
        ("neuronxa_world_nli_de", "neuronxa_world_nli_deu_Latn"),
        # What exists, is not ours, or is nobody's, stays.
        ("neuronxa_flores_xnli", "neuronxa_flores_xnli"),
        ("neuronxa_flores_fra_Latn", "neuronxa_flores_fra_Latn"),
        ("neuronxa_flores_*", "neuronxa_flores_*"),
        ("neuronxa_flores_qqqq", "neuronxa_flores_qqqq"),
        ("xnli_fr", "xnli_fr"),
        ("my_folder/task.yaml", "my_folder/task.yaml"),
    ],
)
def test_usual_codes_mean_the_task(given: str, name: str) -> None:
    assert own_name(given) == name


def test_a_code_that_cannot_be_meant_is_answered() -> None:
    with pytest.raises(NeuronXAError, match=r"neuronxa_flores_ks: `ks` is ambiguous.*kas_Arab"):
        own_name("neuronxa_flores_ks")
    with pytest.raises(
        NeuronXAError, match=r"neuronxa_bmlama53 has no Swahili.*neuronxa_flores_swh_Latn"
    ):
        own_name("neuronxa_bmlama53_sw")


def test_task_lists_of_every_form() -> None:
    assert launch.own_names("neuronxa_flores_fr, xnli") == ["neuronxa_flores_fra_Latn", "xnli"]
    assert launch.own_names(["neuronxa_flores_de,xnli", "xcopa"]) == [
        "neuronxa_flores_deu_Latn",
        "xnli",
        "xcopa",
    ]
    assert launch.own_names(None) is None
    assert launch.own_names(Path("x")) == Path("x")
