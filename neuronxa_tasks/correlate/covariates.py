"""What else could explain a correlation: tokenizer, script, family, and columns of the user."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import ArrayLike

from neuronxa_tasks import languages
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import Results, read_covariates
from neuronxa_tasks.stats import dummy_code

FERTILITY, SCRIPT, FAMILY = "fertility", "script", "family"
REST = "other"


@dataclass(frozen=True, slots=True)
class Covariates:
    """Covariates by language, and fertility by model as well.

    Attributes:
        fertility: model to language to tokens per pivot token.
        numbers: name to language to number, from the user's tables.
        labels: name to language to label; `script` and `family` among them.
        files: path and sha256 of each table read.
        notes: what was left out, one sentence each.
    """

    fertility: Mapping[str, Mapping[str, float]] = field(repr=False)
    numbers: Mapping[str, Mapping[str, float]] = field(repr=False)
    labels: Mapping[str, Mapping[str, str]] = field(repr=False)
    files: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def sets(self, model: str) -> tuple[tuple[str, ...], ...]:
        """What is taken out, one analysis each: every covariate alone, then all numbers at once."""
        numbers = [*([FERTILITY] if self.fertility.get(model) else []), *self.numbers]
        single = [(name,) for name in [*numbers, *self.labels]]
        return (*single, tuple(numbers)) if len(numbers) > 1 else tuple(single)

    def columns(self, model: str, name: str, codes: Sequence[str]) -> ArrayLike:
        """Values of a covariate in some languages, `[n]` numbers or `[n, levels - 1]` indicators.

        Labels that only one of the languages has are one level, `other`: a level of its own would
        take its language out of the analysis.

        Raises:
            NeuronXAError: a level of its own for every language, or too many levels.
        """
        if name == FERTILITY:
            found = self.fertility.get(model, {})
            return [found.get(code, math.nan) for code in codes]
        if name in self.numbers:
            return [self.numbers[name].get(code, math.nan) for code in codes]
        given = [self.labels[name].get(code) for code in codes]
        counts = Counter(given)
        merged = [REST if label and counts[label] == 1 else label for label in given]
        if len(counts) > 1 and set(merged) <= {REST, None}:
            raise NeuronXAError(
                f"every language has a {name} of its own, so that nothing can be compared within "
                "one; merge levels into larger ones"
            )
        return dummy_code(merged, name=name).matrix


def gather(
    results: Results, names: Mapping[tuple[str, str], str], tables: Sequence[str | Path] = ()
) -> Covariates:
    """Collects fertility from the results, script and family, and the user's tables.

    Args:
        results: what was read; the fertility of a language is the mean over the alignment corpora.
        names: (model, revision) to the model's name in the study.
        tables: CSV files, see `results.read_covariates`.

    Raises:
        NeuronXAError: a damaged table, or a column name that comes twice or is taken.
    """
    ratios: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    tokens = results.tokens
    columns = (tokens[name] for name in ("model", "revision", "language", "fertility"))
    for model, revision, language, ratio in zip(*columns, strict=True):
        if math.isfinite(ratio) and (model, revision) in names:
            ratios[names[(model, revision)]][language].append(float(ratio))
    fertility = {
        model: {language: math.fsum(found) / len(found) for language, found in by_language.items()}
        for model, by_language in ratios.items()
    }
    rows = languages.languages()
    labels: dict[str, Mapping[str, str]] = {
        SCRIPT: {row.code: row.script for row in rows},
        FAMILY: {row.code: row.family for row in rows},
    }
    numbers: dict[str, Mapping[str, float]] = {}
    files: list[tuple[str, str]] = []
    notes: list[str] = []
    for table in tables:
        found, unmapped = read_covariates(table)
        files.append((str(table), hashlib.sha256(Path(table).read_bytes()).hexdigest()))
        if unmapped:
            notes.append(f"{table}: no known language: {', '.join(unmapped)}.")
        for name, cells in found.items():
            if name == FERTILITY or name in labels or name in numbers:
                raise NeuronXAError(
                    f"{table} has a column {name!r}, but a covariate of that name is there "
                    "already. Rename the column."
                )
            if all(isinstance(value, float) for value in cells.values()):
                numbers[name] = cells
            else:
                labels[name] = cells
    return Covariates(fertility, numbers, labels, tuple(files), tuple(notes))
