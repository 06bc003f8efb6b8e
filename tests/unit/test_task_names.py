"""Names of tasks: the installed harness' own, those that users bring, and those in no table."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import coverage_of_task_names as coverage
import pytest

from neuronxa_tasks.cli import main
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import locate, read_results
from neuronxa_tasks.results.naming.suggestions import suggestions
from neuronxa_tasks.results.naming.task_names import check_templates
from neuronxa_tasks.results.naming.task_patterns import patterns
from neuronxa_tasks.text.languages import languages


@pytest.fixture(scope="session")
def harness_names(task_manager: Any) -> list[str]:
    return coverage.harness_names(task_manager.task_index)


def test_every_task_of_the_harness_that_names_a_language_is_in_the_table(
    harness_names: list[str],
) -> None:
    assert len(harness_names) > 13_000
    lost = [n for n in harness_names if coverage.holds_a_language(n) and locate(n) is None]
    assert [name for name in lost if coverage.reason(name) is None] == []
    # An entry that nothing needs any more would let a new name through.
    for shape in coverage.NO_LANGUAGE:
        assert any(re.fullmatch(shape, name) for name in lost), shape


def test_the_page_of_names_is_up_to_date(harness_names: list[str]) -> None:
    text = coverage.TABLE.read_text(encoding="utf-8")
    assert text == coverage.table(harness_names), "run python tests/coverage_of_task_names.py"


def test_a_file_of_all_names_goes_through_the_leaderboard(
    task_manager: Any, harness_names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "results_2026-01-01T00-00-00.000000.json"
    content = coverage.results_file(task_manager.task_index)
    path.write_text(json.dumps(content), encoding="utf-8")
    out = tmp_path / "board"
    assert main(["leaderboard", str(path), "-o", str(out), "--resamples", "9"]) == 0
    index = json.loads((out / "leaderboard.json").read_text(encoding="utf-8"))
    assert {name for name in index["unmapped"] if coverage.reason(name) is None} == set()
    assert len(index["unmapped"]) < 0.02 * len(content["results"])
    with (out / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counted = {(row["board"], row["language"]) for row in rows}
    for place in (
        ("include", "mkd_Cyrl"),
        ("mmmlu", "yor_Latn"),
        ("global_mmlu_full", "ukr_Cyrl"),
        ("global_piqa_parallel_cloze", "spa_Latn_PE"),
        ("afrixnli_prompt_5", "zul_Latn"),
        ("kmmlu", "kor_Hang"),
        ("multiblimp", "quc_Latn"),
    ):
        assert place in counted, place
    # A subject counts only where its language does not.
    assert not {benchmark for benchmark, _ in counted if benchmark.startswith("mmmlu_")}
    assert len(counted) == len(rows)


def test_no_two_tasks_of_the_harness_are_the_same_language_of_a_benchmark(
    harness_names: list[str],
) -> None:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in harness_names:
        if place := locate(name):
            places[place].append(name)
    assert {place: names for place, names in places.items() if len(names) > 1} == {}


def test_every_pattern_is_used_by_the_harness_or_by_users(harness_names: list[str]) -> None:
    by_users = {"neuronxa_", "xstory_cloze_", "pawsx_", "sib200_", "polymath_", "xcsqa_"}
    by_users |= {"global_mgsm_", "tydiqa_{}"}
    used = Counter(
        next((p.template for p in patterns() if p.place(name)), None) for name in harness_names
    )
    unused = [p.template for p in patterns() if not used[p.template]]
    assert [t for t in unused if not t.startswith(tuple(by_users))] == []


def test_the_table_is_plain_and_says_no_template_twice() -> None:
    path = Path(__file__).parents[2] / "neuronxa_tasks" / "results" / "naming" / "task_names.csv"
    text = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len({(row["template"], row["codes"]) for row in rows}) == len(patterns())
    assert "\r" not in text
    for row, pattern in zip(rows, patterns(), strict=True):
        assert (pattern.fixed is None) == ("{}" in row["template"]), row
        assert row["benchmark"] or pattern.fixed, row
        assert ("{*}" in row["benchmark"]) <= ("{*}" in row["template"]), row


@pytest.mark.parametrize(
    ("task", "benchmark", "language"),
    [
        ("include_base_44_north_macedonian", "include", "mkd_Cyrl"),
        ("include_base_44_north macedonian", "include", "mkd_Cyrl"),
        ("include_base_44_arabic_few_shot_og", "include_few_shot_og", "arb_Arab"),
        ("include_base_44_arabic_few_shot_en_stem", "include_few_shot_en_stem", "arb_Arab"),
        ("include_base_44_chinese_arts_humanities", "include_arts_humanities", "zho_Hans"),
        ("global_piqa_parallel_cloze_cmn_hant", "global_piqa_parallel_cloze", "zho_Hant"),
        ("global_piqa_nonparallel_cloze_spa_latn_mexi", "global_piqa_nonparallel_cloze",
         "spa_Latn_MX"),
        ("global_piqa_parallel_generation_por_latn_braz", "global_piqa_parallel_generation",
         "por_Latn"),
        ("mmmlu_ar_xy", "mmmlu", "arb_Arab"),
        ("mmmlu_de_de_stem", "mmmlu_stem", "deu_Latn"),
        ("mmmlu_sw_ke_high_school_us_history", "mmmlu_high_school_us_history", "swh_Latn"),
        ("global_mmlu_full_yo_anatomy", "global_mmlu_full_anatomy", "yor_Latn"),
        ("mmlu_prox_lite_sr_law", "mmlu_prox_lite_law", "srp_Latn"),
        ("mmlu_th_llama_stem", "mmlu_llama_stem", "tha_Thai"),
        ("afrixnli_yor_prompt_3", "afrixnli_prompt_3", "yor_Latn"),
        ("afrixnli_translate_yor_prompt_3", "afrixnli_translate_prompt_3", "yor_Latn"),
        ("afrixnli_translate_yor", "afrixnli_translate", "yor_Latn"),
        ("afrimgsm_cot_translate_vai_prompt_1", "afrimgsm_cot_translate_prompt_1", "vai_Vaii"),
        ("ntrex_eng_Latn-ven_Latn_prompt_2", "ntrex_from_eng_prompt_2", "ven_Latn"),
        ("ntrex_orm_Ethi-eng_Latn_prompt_2", "ntrex_to_eng_prompt_2", "gaz_Latn"),
        ("mlqa_de_de", "mlqa", "deu_Latn"),
        ("mlqa_de_zh", "mlqa_context_de", "zho_Hans"),
        ("xnli_eu_native", "xnli_native", "eus_Latn"),
        ("xnli_va", "xnli", "cat_Latn_valencia"),
        ("xnli_es_spanish_bench", "xnli_spanish_bench", "spa_Latn"),
        ("belebele_afr_prompt_1", "belebele_prompt_1", "afr_Latn"),
        ("AraDiCE_boolq_lev", "AraDiCE_boolq", "apc_Arab"),
        ("multiblimp_egy", "multiblimp", "egy_Latn"),
        ("kmmlu_direct_korean_history", "kmmlu_direct_korean_history", "kor_Hang"),
        ("hrm8k_math_en", "hrm8k_math", "eng_Latn"),
        ("sib_knc_prompt_1", "sib_prompt_1", "knc_Latn"),
        # What users bring.
        ("sib200_kas_Deva", "sib200", "kas_Deva"),
        ("polymath_zh_top", "polymath_top", "zho_Hans"),
        ("xcsqa_jap", "xcsqa", None),
        ("xcsqa_jp", "xcsqa", "jpn_Jpan"),
        ("global_mgsm_lt", "global_mgsm", "lit_Latn"),
    ],
)  # fmt: skip
def test_names_mean(task: str, benchmark: str, language: str | None) -> None:
    assert locate(task) == (None if language is None else (benchmark, language))


@pytest.mark.parametrize("code", ["mmlu", "full", "lite", "xx", "stem", "de_de_stem", ""])
def test_a_subject_or_variant_is_no_language(code: str) -> None:
    for prefix in ("global_mmlu_", "mmmlu_", "mmlu_prox_", "include_base_44_"):
        assert locate(prefix + code) is None or code == "de_de_stem", prefix + code


def test_templates_of_users_may_keep_a_part() -> None:
    extra = {"ours_{}_{*}": "ours_{*}", "xnli_{}": "mine"}
    assert locate("ours_fr_easy", extra) == ("ours_easy", "fra_Latn")
    assert locate("xnli_fr", extra) == ("mine", "fra_Latn")
    check_templates(extra)
    with pytest.raises(NeuronXAError, match=r"needs one \{\}"):
        check_templates({"ours_{*}": "ours"})


def results_of(tasks: dict[str, list[str]], path: Path) -> Path:
    """A results file of tasks, and of groups with their children."""
    names = {*tasks, *(child for children in tasks.values() for child in children)}
    path.write_text(
        json.dumps(
            {
                "results": {name: {"alias": name, "acc,none": 0.5} for name in sorted(names)},
                "group_subtasks": tasks,
                "config": {"model_args": {"pretrained": "org/m"}},
                "model_name": "org/m",
            }
        ),
        encoding="utf-8",
    )
    return path


def test_children_of_a_language_are_counted_once(tmp_path: Path) -> None:
    tasks = {
        "mmmlu_de_de": ["mmmlu_de_de_stem"],
        "mmmlu_de_de_stem": ["mmmlu_de_de_anatomy", "mmmlu_de_de_virology"],
        "include_base_44_greek": ["include_base_44_greek_stem"],
    }
    frame = read_results([results_of(tasks, tmp_path / "whole.json")]).frame
    assert set(frame["task"]) == {"mmmlu_de_de", "include_base_44_greek"}
    path = results_of({"mmmlu_de_de": ["mmmlu_de_de_anatomy"]}, tmp_path / "no_metric.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    del data["results"]["mmmlu_de_de"]["acc,none"]  # a group that is not averaged
    path.write_text(json.dumps(data), encoding="utf-8")
    assert read_results([path]).frame["benchmark"].tolist() == ["mmmlu_anatomy"]
    alone = {"mmmlu_de_de_anatomy": [], "mmmlu_fr_fr_anatomy": []}
    frame = read_results([results_of(alone, tmp_path / "alone.json")]).frame
    assert set(frame["benchmark"]) == {"mmmlu_anatomy"}
    assert set(frame["language"]) == {"deu_Latn", "fra_Latn"}


def test_prompts_are_kept_apart(tmp_path: Path) -> None:
    tasks = {f"afrixnli_{code}_prompt_{i}": [] for code in ("yor", "zul") for i in (1, 2)}
    frame = read_results([results_of(tasks, tmp_path / "r.json")]).frame
    assert Counter(frame["benchmark"]) == {"afrixnli_prompt_1": 2, "afrixnli_prompt_2": 2}


# Names in no table ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tasks", "template"),
    [
        (["ours-ar", "ours-de"], "ours-{}=ours"),
        (["quiz_zh"], "quiz_{}=quiz"),
        (["bench_zh_hard", "bench_de_hard"], "bench_{}_hard=bench_hard"),
        (["mine_fra_Latn_5shot"], "mine_{}_5shot=mine_5shot"),
        (["my_french_quiz"], "my_{}_quiz=my_quiz"),
        (["gsm8k", "hellaswag", "persona_no-goal", "x_be_y", "lm__plur_MS_MV_ES", "9_10"], None),
    ],
)
def test_a_name_in_no_table_is_told_with_its_template(
    tasks: list[str], template: str | None
) -> None:
    told = suggestions(tasks)
    assert [re.findall(r"--template '(.+)'", sentence) for sentence in told] == (
        [[template]] if template else []
    )
    if template:
        form, _, benchmark = template.partition("=")
        assert {locate(task, {form: benchmark}) for task in tasks} <= {
            (benchmark, row.code) for row in languages()
        }


def test_many_forms_are_not_all_told() -> None:
    told = suggestions(f"quiz{i}_fr" for i in range(30))
    assert len(told) == 11
    assert told[-1] == "20 more such form(s) of names."


def test_reading_tells_the_template(tmp_path: Path) -> None:
    path = results_of({"quiz-zh": [], "quiz-de": [], "gsm8k": []}, tmp_path / "r.json")
    results = read_results([path])
    assert set(results.unmapped["task"]) == {"quiz-zh", "quiz-de", "gsm8k"}
    told = [note for note in results.notes if "--template" in note]
    assert told
    assert "quiz-de, quiz-zh (2 task(s)" in told[0]
    again = read_results([path], templates={"quiz-{}": "quiz"})
    assert set(again.frame["language"]) == {"zho_Hans", "deu_Latn"}
    assert not [note for note in again.notes if "--template" in note]
