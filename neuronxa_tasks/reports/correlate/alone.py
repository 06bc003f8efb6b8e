"""What alignment scores say by themselves, with or without a benchmark beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from neuronxa_tasks.reports.correlate.differences import MEAN, score_difference_records
from neuronxa_tasks.reports.correlate.language_pairs import family_records, pair_records
from neuronxa_tasks.reports.correlate.measures import agreement_records
from neuronxa_tasks.reports.correlate.sentences import (
    enough_records,
    read_sentences,
    smaller_n_records,
)
from neuronxa_tasks.reports.estimates import Record, Settings, adjust
from neuronxa_tasks.reports.layers import profile_records, rate_records
from neuronxa_tasks.reports.study import Study
from neuronxa_tasks.results import LanguagePairs, Results


@dataclass(frozen=True)
class Alone:
    """Tables of records, and the matrices they were made of.

    Attributes:
        score_differences: between metrics of a model and models in a metric.
        smaller_n: expected scores at fewer sentence pairs.
        enough: whether the sentence pairs are enough.
        profiles: peak and plateau over the layers of each language.
        layer_rates: share of mutual hits of each language and layer.
        language_pairs: every pair of languages.
        language_families: whether families and scripts stand together.
        measure_agreement: r over languages of each two measures.
        matrices: of the results files.
        notes: what was left out, one sentence each.
    """

    score_differences: list[Record] = field(default_factory=list)
    smaller_n: list[Record] = field(default_factory=list)
    enough: list[Record] = field(default_factory=list)
    profiles: list[Record] = field(default_factory=list)
    layer_rates: list[Record] = field(default_factory=list)
    language_pairs: list[Record] = field(default_factory=list)
    language_families: list[Record] = field(default_factory=list)
    measure_agreement: list[Record] = field(default_factory=list)
    matrices: tuple[LanguagePairs, ...] = ()
    notes: tuple[str, ...] = ()

    def tables(self) -> dict[str, list[Record]]:
        """Name to records, without the empty tables."""
        names = (
            "score_differences",
            "smaller_n",
            "enough",
            "profiles",
            "language_pairs",
            "language_families",
            "measure_agreement",
        )
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def analyse_alone(
    study: Study,
    results: Results,
    names: dict[tuple[str, str], str],
    matrices: Sequence[LanguagePairs],
    settings: Settings,
) -> Alone:
    """Computes the tables that need no benchmark.

    Args:
        study: for the measures that are compared.
        results: what was read.
        names: (model, revision) to the model's name in the study.
        matrices: see `results.read_pairs`; of the same files.
        settings: seed, level and effort.

    Raises:
        NeuronXAError: a damaged samples file.
    """
    sentences, without = read_sentences(results, names)
    differences = list(score_difference_records(sentences, settings))
    adjust([record for record in differences if record["language"] == MEAN], "p")
    for record in differences:
        record.setdefault("holm", float("nan"))
        record.setdefault("bh", float("nan"))
    notes = []
    if without:
        notes.append(
            f"{without} of {without + len(sentences)} alignment tasks have no logged samples, so "
            "they are not in the differences of scores and not in the scores at smaller n. Run "
            "with --log_samples."
        )
    kept, dropped = _one_of_each(matrices, results, names)
    notes += dropped
    return Alone(
        differences,
        list(smaller_n_records(sentences, settings)),
        list(enough_records(sentences, settings)),
        list(profile_records(results, names)),
        list(rate_records(results, names)),
        list(pair_records(kept)),
        list(family_records(kept, settings)),
        list(agreement_records(study, settings)),
        tuple(kept),
        tuple(notes),
    )


def _one_of_each(
    matrices: Sequence[LanguagePairs], results: Results, names: Mapping[tuple[str, str], str]
) -> tuple[list[LanguagePairs], list[str]]:
    """One matrix per model, corpus and n, under the model's name in the study.

    Of several the one with most languages, the latest of these.
    """
    runs = zip(results.runs["source"], results.runs["date"].fillna(0.0), strict=True)
    made = {source: float(date) for source, date in runs}
    columns = (results.frame[name] for name in ("source", "model", "revision"))
    of_source = {
        source: names[(model, revision)] for source, model, revision in zip(*columns, strict=True)
    }
    kept: dict[tuple[str, str, int], LanguagePairs] = {}
    notes = []
    for each in sorted(matrices, key=lambda each: (-len(each.languages), -made[each.source])):
        model = of_source.get(each.source)
        if model is None:  # a run that does not count, because another one is later
            continue
        chosen = kept.setdefault((model, each.corpus, each.n), replace(each, model=model))
        if chosen.source != each.source:
            notes.append(
                f"{each.source} has a second matrix of {each.corpus} for {model} and was not used; "
                f"{chosen.source} was."
            )
    return [kept[key] for key in sorted(kept)], notes
