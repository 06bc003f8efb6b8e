"""How the harness names its tasks: the table `task_names.csv` beside this module, compiled.

Each row has a template, the benchmark's name, and where the codes come from.

* Template: `{}` stands for the language, `{=}` for the same language again, `{*}` for a part that
  stays in the benchmark's name, such as a subject or the number of a prompt. So five prompts are
  five benchmarks, of which one is chosen; they are never mixed. Without `{}` the template is one
  language's own benchmark, such as `kmmlu_{*}`.
* Benchmark: empty where it has the name of the task.
* Codes: empty for any code or name of the language table; the name of one of its columns; a list of
  codes, each of which may say its language (`egy=arz_Arab`); or one language (`=kor_Hang`).

The first row that fits and whose code is known counts.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from neuronxa_tasks.text import languages

_PART = re.compile(r"(\{[=*]?\})")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A family of tasks.

    Attributes:
        template: see the module.
        benchmark: name of the benchmark in the frame; `{*}` is filled in; empty for the task's own.
        column: column of the language table whose codes come before any others, or None.
        fixed: the one language of the family, or None where the name says it.
        codes: the only codes that count, with their languages; empty where any does.
    """

    template: str
    benchmark: str
    column: str | None = None
    fixed: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    _begin: str = field(init=False)
    _shape: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        parts = _PART.split(self.template)
        object.__setattr__(self, "_begin", parts[0])
        object.__setattr__(self, "_shape", re.compile("".join(map(self._expression, parts))))

    def fits(self, task: str) -> bool:
        """Whether a name has the form of the template, whatever stands for the language."""
        return self._shape.fullmatch(task) is not None

    def place(self, task: str) -> tuple[str, str] | None:
        """Benchmark and language key of a task, or None where it is not of this family."""
        if not task.startswith(self._begin):  # by far the most
            return None
        found = self._shape.fullmatch(task)
        if found is None:
            return None
        language = self.fixed or self._language(found["code"])
        kept = found.groupdict().get("kept") or ""
        return (self.benchmark.replace("{*}", kept) or task, language) if language else None

    def _language(self, code: str) -> str | None:
        if self.codes:
            return self.codes.get(code)
        found = languages.find(code, self.column)
        return found.code if found else None

    def _expression(self, part: str) -> str:
        match part:
            case "{}":
                longest_first = sorted(self.codes, key=len, reverse=True)
                return f"(?P<code>{'|'.join(map(re.escape, longest_first)) or '.+'})"
            case "{=}":
                return "(?P=code)"
            case "{*}":
                return "(?P<kept>.+)"
            case _:
                return re.escape(part)


@cache
def patterns() -> tuple[Pattern, ...]:
    """The rows of the table, in its order."""
    text = (
        files("neuronxa_tasks.results.naming")
        .joinpath("task_names.csv")
        .read_text(encoding="utf-8")
    )
    return tuple(
        _pattern(row["template"], row["benchmark"], row["codes"])
        for row in csv.DictReader(text.splitlines())
    )


def _pattern(template: str, benchmark: str, codes: str) -> Pattern:
    if codes.startswith("="):
        return Pattern(template, benchmark, fixed=languages.language(codes[1:]).code)
    if codes in languages.BENCHMARKS:
        if "{*}" not in template:
            return Pattern(template, benchmark, codes)
        # Where a code ends and a subject begins, only the benchmark's own codes tell.
        own = {code: row.code for code, row in languages.benchmark_languages(codes).items()}
        return Pattern(template, benchmark, codes=own)
    listed = {}
    for entry in codes.split():
        code, _, key = entry.partition("=")
        listed[code] = languages.language(key).code if key else languages.resolve(code).code
    return Pattern(template, benchmark, codes=listed)
