"""Which benchmark and language a task of the harness is, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text import languages


@dataclass(frozen=True, slots=True)
class Pattern:
    """A family of per-language tasks.

    Attributes:
        template: task name with `{}` where the language stands.
        benchmark: name of the benchmark in the frame.
        column: column of the language table with its codes, or None.
    """

    template: str
    benchmark: str
    column: str | None = None

    def code(self, task: str) -> str | None:
        """The text at the place of `{}`, or None where the name does not fit."""
        before, _, after = self.template.partition("{}")
        fits = task.startswith(before) and task.endswith(after)
        inner = task[len(before) : len(task) - len(after)] if fits else ""
        return inner if inner and len(task) == len(before) + len(inner) + len(after) else None


PATTERNS: tuple[Pattern, ...] = (
    Pattern("neuronxa_bmlama53_{}", "bmlama53", "bmlama53"),
    Pattern("neuronxa_world_cloze_{}", "world_cloze"),
    Pattern("neuronxa_world_knowledge_{}", "world_knowledge"),
    Pattern("neuronxa_world_story_{}", "world_story"),
    Pattern("neuronxa_world_nli_{}", "world_nli"),
    Pattern("xnli_{}", "xnli", "xnli"),
    Pattern("xstorycloze_{}", "xstorycloze", "xstorycloze"),
    Pattern("xstory_cloze_{}", "xstorycloze", "xstorycloze"),  # harness 0.3
    Pattern("belebele_{}", "belebele", "belebele"),
    Pattern("m_mmlu_{}", "m_mmlu", "m_mmlu"),
    Pattern("arc_{}", "m_arc", "m_arc"),
    Pattern("xcopa_{}", "xcopa", "xcopa"),
    Pattern("xwinograd_{}", "xwinograd", "xwinograd"),
    Pattern("paws_{}", "pawsx", "pawsx"),
    Pattern("pawsx_{}", "pawsx", "pawsx"),  # harness 0.3
    Pattern("hellaswag_{}", "m_hellaswag", "m_mmlu"),
    Pattern("truthfulqa_{}_mc1", "m_truthfulqa_mc1", "m_mmlu"),
    Pattern("truthfulqa_{}_mc2", "m_truthfulqa_mc2", "m_mmlu"),
    Pattern("mgsm_direct_{}", "mgsm_direct"),
    Pattern("mgsm_native_cot_{}", "mgsm_native_cot"),
    Pattern("mgsm_en_cot_{}", "mgsm_en_cot"),
    Pattern("global_mmlu_full_{}", "global_mmlu_full"),
    Pattern("global_mmlu_{}", "global_mmlu"),
    Pattern("mmlu_prox_lite_{}", "mmlu_prox_lite"),
    Pattern("mmlu_prox_{}", "mmlu_prox"),
    Pattern("lambada_openai_mt_{}", "lambada_openai_mt"),
    Pattern("multiblimp_{}", "multiblimp"),
    Pattern("xquad_{}", "xquad"),
    Pattern("mela_{}", "mela"),
)
"""Families of the harness, the older names among them. Anything else stays unmapped and listed."""

_SAME_BENCHMARK = {
    "xstory_cloze": "xstorycloze",
    "paws-x": "pawsx",
    "paws": "pawsx",
    "m-mmlu": "m_mmlu",
    "marc": "m_arc",
    "m-arc": "m_arc",
    "bmlama": "bmlama53",
    "bmlama-53": "bmlama53",
}


def benchmark_name(text: str) -> str:
    """One spelling for a benchmark that is written in several: `XStory_Cloze` is `xstorycloze`."""
    folded = text.strip().casefold()
    return _SAME_BENCHMARK.get(folded, folded)


def language_of(text: str, benchmark: str) -> str | None:
    """Key of the language table for a code found in a benchmark, or None where it is not known."""
    column = benchmark if benchmark in languages.BENCHMARKS + languages.CORPORA else None
    found = languages.find(text, column)
    return found.code if found else None


def locate(task: str, extra: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """Benchmark and language key of a task, or None where its name says neither.

    Args:
        task: name of the task in the harness.
        extra: further templates, template to benchmark; they come before the known ones.
    """
    return _located(task, tuple((extra or {}).items()))


@lru_cache(maxsize=10_000)  # thousands of files name the same tasks
def _located(task: str, extra: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    for pattern in [*(Pattern(*pair) for pair in extra), *PATTERNS]:
        code = pattern.code(task)
        if code is None:
            continue
        found = languages.find(code, pattern.column)
        if found:
            return pattern.benchmark, found.code
    return None


def check_templates(extra: Mapping[str, str]) -> None:
    """Refuses templates without exactly one `{}`.

    Raises:
        NeuronXAError: a template has none or several, or an empty benchmark name.
    """
    for template, benchmark in extra.items():
        if template.count("{}") != 1 or not benchmark:
            raise NeuronXAError(
                f"The task template {template!r} (benchmark {benchmark!r}) cannot be used: it "
                "needs one {} where the language stands, and a benchmark name. "
                "Write for example mytask_{}=mytask."
            )
