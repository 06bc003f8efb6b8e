"""Task configs of BMLAMA-53, and of the groups that run alignment and benchmark together."""

from __future__ import annotations

from collections.abc import Mapping

from neuronxa_tasks.harness.configs import sib200_yaml
from neuronxa_tasks.harness.configs.benchmark_readme import benchmarks_readme, bmlama_readme
from neuronxa_tasks.harness.configs.sib200_yaml import SIB200
from neuronxa_tasks.harness.configs.task_yaml import (
    HEADER,
    SCORES,
    dump_yaml,
    group_yaml,
    task_name,
)
from neuronxa_tasks.text.languages import BENCHMARKS, benchmark_languages
from neuronxa_tasks.text.parallel import ENGLISH

BMLAMA = "bmlama53"
BMLAMA_CLASS = "neuronxa_tasks.harness.tasks.bmlama.BmlamaTask"
HARNESS: Mapping[str, str] = {
    "xnli": "xnli",
    "xstorycloze": "xstorycloze",
    "belebele": "belebele",
    "m_mmlu": "m_mmlu",
    "m_arc": "arc_multilingual",
    BMLAMA: task_name(BMLAMA),
    "xcopa": "xcopa",
    "xwinograd": "xwinograd",
    "pawsx": "pawsx",
    "global_mmlu": "global_mmlu_{}",
    "global_mmlu_full": "global_mmlu_full_{}",
    "mmlu_prox": "mmlu_prox_{}",
    "mmmlu": "mmmlu",
    "include": "include_base_44_{}",
    "global_piqa": "global_piqa_cloze",
    "afrixnli": "afrixnli_tasks_prompt_1",
}
"""Column of the language table -> the group or tag that runs the benchmark in all languages.

With `{}` it is one for each language, since the harness has none of all. AfriXNLI is the first of
five prompts.
"""

PAPER = ("xnli", BMLAMA, "belebele", "m_arc", "m_mmlu")
"""The benchmarks of the NeuronXA paper."""

VERSION = 1.0
BMLAMA_VERSION = 2.0
"""2.0: another order of the queries, `acc_sum`, and a softmax in float32."""


def own_files() -> dict[str, str]:
    """Return the files of the three folders: path inside `task_configs/` -> text."""
    bmlama = {f"{BMLAMA}/{name}": text for name, text in _bmlama_files().items()}
    sib200 = {f"{SIB200}/{name}": text for name, text in sib200_yaml.own_files().items()}
    return bmlama | sib200 | {f"benchmarks/{name}": text for name, text in _group_files().items()}


def paper_languages() -> list[str]:
    """Return the FLORES codes of the languages of the paper's benchmarks, without English."""
    rows = {row.code for name in PAPER for row in benchmark_languages(name).values() if row.flores}
    return sorted(rows - {ENGLISH})


def _bmlama_files() -> dict[str, str]:
    template = f"_{task_name(BMLAMA)}_yaml"
    shared = {"dataset_path": BMLAMA, "num_fewshot": 0, "metadata": {"version": BMLAMA_VERSION}}
    # The library would put quotation marks around the class; the harness' own files have none.
    files = {template: f"{HEADER}class: !function {BMLAMA_CLASS}\n{dump_yaml(shared)}"}
    tasks: list[str] = []
    for code in sorted(benchmark_languages(BMLAMA)):
        task = task_name(BMLAMA, code)
        tasks.append(task)
        files[f"{task}.yaml"] = dump_yaml({"include": template, "task": task, "dataset_name": code})
    files[f"_{task_name(BMLAMA)}.yaml"] = group_yaml(
        task_name(BMLAMA), tasks, ("acc", "acc_sum", "cross_entropy", "candidate_tokens")
    )
    files["README.md"] = bmlama_readme()
    return files


def _group_files() -> dict[str, str]:
    files = {
        f"_{task_name('with', name)}.yaml": group_yaml(
            task_name("with", name), [task_name("flores", name), *_harness_groups(name)]
        )
        for name in BENCHMARKS
    }
    alignment = task_name("flores", "paper")
    tasks = [task_name("flores", code) for code in paper_languages()]
    files[f"_{alignment}.yaml"] = group_yaml(alignment, tasks, SCORES)
    paper = task_name("paper")
    files[f"_{paper}.yaml"] = group_yaml(paper, [alignment, *(HARNESS[name] for name in PAPER)])
    files[f"_{task_name('with', SIB200)}.yaml"] = group_yaml(
        task_name("with", SIB200), sib200_yaml.beside_tatoeba()
    )
    files["README.md"] = benchmarks_readme(HARNESS, PAPER, len(tasks))
    return files


def _harness_groups(name: str) -> list[str]:
    codes = sorted(benchmark_languages(name)) if "{}" in HARNESS[name] else [""]
    return [HARNESS[name].format(code) for code in codes]
