"""What else could explain a correlation: covariates of languages and models."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import ArrayLike

from neuronxa_tasks import statistics
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import Results, read_covariates
from neuronxa_tasks.results.covariate_columns import COVARIATES
from neuronxa_tasks.text import languages

FERTILITY, SCRIPT, FAMILY = "fertility", "script", "family"
REST = "other"
JOIN = " + "
"""Between the names of covariates that are taken out together."""


@dataclass(frozen=True, slots=True)
class Covariates:
    """Covariates by language; those that depend on the model by model as well.

    Attributes:
        of_models: name to model to language to number: `fertility`, tokens per pivot token, where
            it is known, and the covariates of the results that were asked for.
        numbers: name to language to number, from the user's tables.
        labels: name to language to label; `script` and `family` among them.
        files: path and sha256 of each table read.
        notes: what was left out, one sentence each.
    """

    of_models: Mapping[str, Mapping[str, Mapping[str, float]]] = field(repr=False)
    numbers: Mapping[str, Mapping[str, float]] = field(repr=False)
    labels: Mapping[str, Mapping[str, str]] = field(repr=False)
    files: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def sets(self, model: str) -> tuple[tuple[str, ...], ...]:
        """What is taken out, one analysis each: every covariate alone, then all numbers at once."""
        numbers = [name for name, found in self.of_models.items() if found.get(model)]
        numbers += self.numbers
        single = [(name,) for name in [*numbers, *self.labels]]
        return (*single, tuple(numbers)) if len(numbers) > 1 else tuple(single)

    def columns(self, model: str, name: str, codes: Sequence[str]) -> ArrayLike:
        """Values of a covariate in some languages, `[n]` numbers or `[n, levels - 1]` indicators.

        Labels that only one of the languages has are one level, `other`: a level of its own would
        take its language out of the analysis.

        Raises:
            NeuronXAError: a level of its own for every language, or too many levels.
        """
        if name in self.of_models:
            found = self.of_models[name].get(model, {})
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
        return statistics.dummy_code(merged, name=name).matrix


def gather(
    results: Results, names: Mapping[tuple[str, str], str], given: Sequence[str | Path] = ()
) -> Covariates:
    """Collects fertility and what was asked for from the results, script, family, and tables.

    Args:
        results: what was read; a covariate of a language is the mean over the alignment corpora.
        names: (model, revision) to the model's name in the study.
        given: names of covariates that the results have, such as `bits_per_byte`, and CSV files,
            see `results.read_covariates`.

    Raises:
        NeuronXAError: a name that is neither, a covariate that no result has, a damaged table, or a
            column name that comes twice or is taken.
    """
    wanted = [name for name in COVARIATES if name in given]
    tables = [each for each in given if each not in COVARIATES]
    of_models = {name: _of_models(results, names, name) for name in (FERTILITY, *wanted)}
    for name in wanted:
        if not of_models[name]:
            asked = ' (`--metadata \'{"covariates": "bits_per_byte"}\'`)'
            raise NeuronXAError(
                f"--covariates is {name!r}, but none of the results has it. Run the alignment "
                f"again{asked if name == 'bits_per_byte' else ' with this version'}, or leave it "
                "out."
            )
    for table in tables:
        if not str(table).lower().endswith(".csv") and not Path(table).exists():
            raise NeuronXAError(
                f"--covariates is {str(table)!r}, which is neither a CSV file nor a covariate of "
                f"the results. These are {', '.join(COVARIATES)}."
            )
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
            taken = (FERTILITY, *COVARIATES, *labels, *numbers)
            if name in taken:
                raise NeuronXAError(
                    f"{table} has a column {name!r}, but a covariate of that name is there "
                    "already. Rename the column."
                )
            if all(isinstance(value, float) for value in cells.values()):
                numbers[name] = cells
            else:
                labels[name] = cells
    return Covariates(of_models, numbers, labels, tuple(files), tuple(notes))


def _of_models(
    results: Results, names: Mapping[tuple[str, str], str], column: str
) -> dict[str, dict[str, float]]:
    """Model to language to the mean of a column over the corpora; only what is finite."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    columns = (results.tokens[name] for name in ("model", "revision", "language", column))
    for model, revision, language, value in zip(*columns, strict=True):
        if math.isfinite(value) and (model, revision) in names:
            found[names[(model, revision)]][language].append(float(value))
    return {
        model: {language: math.fsum(each) / len(each) for language, each in by_language.items()}
        for model, by_language in found.items()
    }
