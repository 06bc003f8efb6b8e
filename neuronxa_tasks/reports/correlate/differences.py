"""Two scores against each other, with the same outcome."""

from __future__ import annotations

import math
from collections.abc import Iterator

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.cells import Study
from neuronxa_tasks.reports.estimates import bootstrap_ends
from neuronxa_tasks.reports.settings import Record, Settings
from neuronxa_tasks.statistics.over_models import joint_difference


def difference_records(study: Study, settings: Settings) -> Iterator[Record]:
    """Two scores against each other in each model, on the languages that have both."""
    for first, second in study.rivals():
        outcome = first.y
        for model in first.models():
            codes = [c for c in first.languages(model) if c in second.x.values.get(model, {})]
            if not codes:
                continue
            found = statistics.compare_correlations(
                [outcome.values[model][code] for code in codes],
                [first.x.values[model][code] for code in codes],
                [second.x.values[model][code] for code in codes],
                rng=settings.stream(
                    "difference", model, outcome.label, first.x.label, second.x.label
                ),
                confidence=settings.confidence,
                n_resamples=settings.resamples,
                n_permutations=settings.resamples,
            )
            yield {
                "model": model,
                "y": outcome.label,
                "x1": first.x.label,
                "x2": second.x.label,
                "n": found.n,
                "r1": found.r_first,
                "r2": found.r_second,
                "r12": found.r_between,
                "difference": found.difference,
                **bootstrap_ends(found.bootstrap, found.n),
                "williams_t": found.williams.t,
                "williams_df": found.williams.df,
                "williams_p": found.williams.p,
                "exchange_p": found.permutation.p,
                "reason": found.reason or found.williams.reason,
            }


def difference_average_records(
    study: Study, differences: list[Record], settings: Settings
) -> Iterator[Record]:
    """Difference of the averages over models, for each pair of scores that two models have."""
    by_key: dict[tuple[str, str, str], list[Record]] = {}
    for record in differences:
        if not math.isnan(record["difference"]):
            key = (record["y"], record["x1"], record["x2"])
            by_key.setdefault(key, []).append(record)
    for first, second in study.rivals():
        key = (first.y.label, first.x.label, second.x.label)
        records = by_key.get(key, [])
        if len(records) < 2:
            continue
        models = [record["model"] for record in records]
        codes = sorted({code for model in models for code in first.languages(model)})
        y, x1, x2 = (
            [[side.values[model].get(code, math.nan) for code in codes] for model in models]
            for side in (first.y, first.x, second.x)
        )
        found = joint_difference(
            y,
            x1,
            x2,
            rng=settings.stream("difference average", *key),
            confidence=settings.confidence,
            n_resamples=settings.resamples,
        )
        yield {
            "y": key[0],
            "x1": key[1],
            "x2": key[2],
            "models": found.models,
            "n": found.n,
            "difference": found.difference,
            **bootstrap_ends(found.bootstrap, found.n),
            "models_first_higher": sum(record["difference"] > 0 for record in records),
            "models_holm_below_05": sum(record["holm"] < 0.05 for record in records),
        }
