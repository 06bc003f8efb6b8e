"""Which benchmark and language a task of the harness is, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.naming.task_patterns import Pattern, patterns
from neuronxa_tasks.text import languages

_SAME_BENCHMARK = {
    "xstory_cloze": "xstorycloze",
    "paws-x": "pawsx",
    "paws": "pawsx",
    "m-mmlu": "m_mmlu",
    "marc": "m_arc",
    "m-arc": "m_arc",
    "include_base_44": "include",
    "include-base-44": "include",
    "sib-200": "sib200",
    "bmlama": "bmlama53",
    "bmlama-53": "bmlama53",
}


def benchmark_name(text: str) -> str:
    """One spelling for a benchmark that is written in several: `XStory_Cloze` is `xstorycloze`."""
    folded = text.strip().casefold()
    return _SAME_BENCHMARK.get(folded, folded)


@lru_cache(maxsize=10_000)  # a table has thousands of rows in a few hundred languages
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
    found = _located(task, tuple((extra or {}).items()))
    return found[1] if found else None


def template_of(task: str, extra: Mapping[str, str] | None = None) -> str | None:
    """The template by which `locate` knows a task, or None."""
    found = _located(task, tuple((extra or {}).items()))
    return found[0] if found else None


@lru_cache(maxsize=10_000)  # thousands of files name the same tasks
def _located(task: str, extra: tuple[tuple[str, str], ...]) -> tuple[str, tuple[str, str]] | None:
    for pattern in (*(Pattern(*pair) for pair in extra), *patterns()):
        if found := pattern.place(task):
            return pattern.template, found
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
