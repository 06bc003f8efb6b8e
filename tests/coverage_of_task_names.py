"""Which tasks of the harness are known by their names: measure, write docs/task_names.md.

    python tests/coverage_of_task_names.py

A task counts as multilingual if a word of its name is a code or a name of a language, or if the
table of names has it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neuronxa_tasks.results.naming.task_names import locate
from neuronxa_tasks.results.naming.task_patterns import patterns
from neuronxa_tasks.text.languages import find, languages

TABLE = Path(__file__).parents[1] / "docs" / "task_names.md"

NO_LANGUAGE = {
    r"(afri\w+_tt|afrimgsm_tt_cot)-irokobench": "translate-test; its tasks say the languages",
    r"(basque|catalan|galician|portuguese|spanish)_bench|flores_(ca|es|eu|gl|pt)": (
        "groups of several benchmarks or directions; their tasks are in the table"
    ),
    r"(.*_)?agieval_(en|jec_qa_ca|lsat_ar|sat_.*|logiqa_en)": (
        "ca, ar and sat are exams; English ones, or groups of them"
    ),
    r"blimp_.*|lm_syneval__.*": "English; npi, it, no are grammar",
    r"bigbench_(chinese_remainder|cs_|gre_|\w+_or_|presuppositions_as|what_is)\w+": "English words",
    r"(persona_|advanced_ai_risk_).*": "English sentences",
    r"infinitebench_code_run|legalbench_\w+_no_licensing|longbench2_(fin|lit)_\w+": "English words",
    r"physics_gre_.*|uncheatable_eval_arxiv_cs": "an exam; computer science",
}
"""Names of the harness with a word that is also a code of a language, and what it is."""

HEAD = """# Task names

Which benchmark and language a task is, is told by its name. Measured with lm-eval {version}, by
`python tests/coverage_of_task_names.py`: {mapped} of {multilingual} tasks and groups whose name
has a word that is a language or its code are known ({share}), as {benchmarks} benchmarks in
{languages} languages. In the rest, {lost}, the word is no language, or the parts of a group count;
they are listed below. Another {others} have no such word (`gsm8k`, `mmlu_anatomy`).

* `{{}}` stands for the language, `{{=}}` for the same language again, `{{*}}` for a part that stays
  in the benchmark's name: a subject, or the number of a prompt. So the five prompts of a task of
  AfroBench are five benchmarks: choose one (`--benchmark afrixnli_prompt_2`), or show them all.
* A language that is a group of subjects (`mmmlu_de_de`) counts once: its subjects count only where
  they were run without the group, as benchmarks of their own (`mmmlu_anatomy`).
* A direction of translation is a benchmark, its language the other side:
  `ntrex_swa_Latn-eng_Latn_prompt_1` is `ntrex_to_eng_prompt_1`, Swahili.
* In MLQA the question's language may differ from the passage's: `mlqa_de_zh` is `mlqa_context_de`,
  Chinese.
* Varieties that one benchmark tells apart are languages of their own (`spa_Latn_MX`). To see the
  Spanish of Mexico beside alignment in Spanish, say
  `--template 'global_piqa_parallel_cloze_{{}}_latn_mexi=global_piqa_parallel_cloze'`.
* **A name that is in no table** is told in the notes of the report, with the option that maps it:
  `--template 'mytask_{{}}=mytask'`.

"""


def holds_a_language(name: str) -> bool:
    """Whether a word of a name is a code or a name of a language."""
    words = (word for word in re.split(r"[_\-. ]", name) if len(word) > 1 and not word.isdigit())
    return any(find(word) is not None for word in words)


def harness_names(index: Mapping[str, Any]) -> list[str]:
    """Every task and group of the harness. A tag is never in a results file."""
    return [
        name
        for name, entry in index.items()
        if entry.kind.name != "TAG" and not name.startswith("neuronxa_")
    ]


def reason(name: str) -> str | None:
    """Why a name is in no table though it holds a language's code."""
    return next((why for shape, why in NO_LANGUAGE.items() if re.fullmatch(shape, name)), None)


def results_file(index: Mapping[str, Any]) -> dict[str, Any]:
    """A results file of all multilingual tasks and their groups; every value is 0.5."""
    names = {name for name in harness_names(index) if locate(name) or holds_a_language(name)}
    below = {name: [task for task in _below(name, index) if task in names] for name in names}
    return {
        "results": {name: {"alias": name, "acc,none": 0.5} for name in sorted(names)},
        "group_subtasks": {name: below[name] for name in sorted(names)},
        "n-samples": {name: {"original": 100, "effective": 100} for name in sorted(names)},
        "config": {"model": "hf", "model_args": {"pretrained": "org/names"}},
        "model_name": "org/names",
    }


def _below(name: str, index: Mapping[str, Any]) -> list[str]:
    """Tasks and groups in a group; a tag stands for its tasks."""
    items = (index[name].cfg or {}).get("task") if index[name].kind.name == "GROUP" else None
    found: list[str] = []
    for item in items if isinstance(items, list) else []:
        child = item if isinstance(item, str) else str(item.get("task") or item.get("group"))
        tag = child in index and index[child].kind.name == "TAG"
        found += sorted(index[child].tags) if tag else [child]
    return found


def table(names: list[str]) -> str:
    """The page."""
    places = {name: place for name in names if (place := locate(name))}
    lost = [name for name in names if name not in places and holds_a_language(name)]
    text = HEAD.format(
        version=version("lm_eval"),
        mapped=f"{len(places):,}",
        multilingual=f"{len(places) + len(lost):,}",
        share=f"{len(places) / (len(places) + len(lost)):.1%}",
        benchmarks=f"{len({benchmark for benchmark, _ in places.values()}):,}",
        languages=len({language for _, language in places.values()}),
        lost=len(lost),
        others=f"{len(names) - len(places) - len(lost):,}",
    )
    rows: list[tuple[str, str, int]] = []
    first = {name: next(p for p in patterns() if p.place(name)) for name in places}
    used = Counter(pattern.template for pattern in first.values())
    for template in dict.fromkeys(pattern.template for pattern in patterns()):
        pattern = next(p for p in patterns() if p.template == template)
        rows.append(
            (
                template,
                f"`{pattern.benchmark}`" if pattern.benchmark else "its own name",
                used[template],
            )
        )
    text += "| name | benchmark | tasks and groups |\n|---|---|---|\n"
    text += "".join(f"| `{name}` | {what} | {n or '–'} |\n" for name, what, n in rows)
    text += (
        "\nA dash: ours, an older name, or one that users bring (SIB-200, PolyMath, X-CSQA, "
        f"Global-MGSM).\n\n## In no table ({len(lost)})\n\n"
    )
    by_reason: dict[str, list[str]] = {}
    for name in sorted(lost):
        by_reason.setdefault(reason(name) or "not known yet", []).append(name)
    for why, members in by_reason.items():
        text += f"* {why}: {', '.join(f'`{name}`' for name in members)}\n"
    return text


def main() -> None:
    """Write the page, and the results file of all names where a path is given."""
    import sys

    from lm_eval.tasks import TaskManager

    index = TaskManager().task_index
    TABLE.write_text(table(harness_names(index)), encoding="utf-8")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(results_file(index)), encoding="utf-8")
    print(f"{TABLE}: {len(languages())} languages known")


if __name__ == "__main__":
    main()
