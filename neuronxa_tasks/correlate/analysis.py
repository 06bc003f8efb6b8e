"""Every estimate of the report: tables of records, one record per test."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuronxa_tasks import stats
from neuronxa_tasks.correlate.cells import Pair, Study, Variable
from neuronxa_tasks.correlate.covariates import Covariates
from neuronxa_tasks.correlate.joint import joint_permutation
from neuronxa_tasks.correlate.joint_difference import joint_difference
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import Results

RESAMPLED_POINTS = 6
"""With fewer points no bootstrap interval is given: most resamples repeat so many of them that r
is 1, -1 or missing, and the interval says more about that than about r."""

Record = dict[str, Any]
"""One line of a table: column to text, number (NaN: not computable), truth value or None."""


@dataclass(frozen=True, slots=True)
class Primary:
    """The cell that was named before the results were seen.

    Attributes:
        y: label or benchmark of the outcome.
        x: label or metric of what explains it.
        model: one model; None where the average over models is the primary result.
    """

    y: str
    x: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How to estimate.

    Attributes:
        seed: of every random draw; each test has its own stream, derived from its names.
        resamples: bootstrap resamples, and random permutations, of each test.
        confidence: level of all intervals.
        primary: see `Primary`.
        mixed_model: fit mixed models, too (needs statsmodels).
    """

    seed: int = 0
    resamples: int = 9999
    confidence: float = 0.95
    primary: Primary | None = None
    mixed_model: bool = False

    def stream(self, *names: str) -> np.random.Generator:
        """The random numbers of one test: another test more or less does not change them."""
        digest = hashlib.sha256("\x1f".join(names).encode()).digest()
        words = np.frombuffer(digest, dtype="<u4").tolist()
        return np.random.default_rng([self.seed, *words])


@dataclass(frozen=True)
class Analysis:
    """The tables, each a list of records with the same columns.

    Attributes:
        correlations: r over languages of each model and pair.
        averages: their average over models.
        across_models: r over models of each language and pair.
        pooled: r over all models and languages, given model (and language) effects.
        mixed: slopes of mixed models; empty unless asked for.
        differences: of two scores that explain the same outcome, for each model.
        difference_averages: of their averages over models.
        partial: r given covariates, for each model.
        partial_averages: their average over models.
        lines: the straight line of each model and pair, and how well it predicts.
        predictions: each language predicted from the others.
        layers: r of each layer of each model.
        families: number of tests adjusted together, by table.
    """

    correlations: list[Record]
    averages: list[Record]
    across_models: list[Record]
    pooled: list[Record]
    mixed: list[Record]
    differences: list[Record]
    difference_averages: list[Record]
    partial: list[Record]
    partial_averages: list[Record]
    lines: list[Record]
    predictions: list[Record]
    layers: list[Record]
    families: dict[str, int] = field(default_factory=dict)

    def tables(self) -> dict[str, list[Record]]:
        """Name to records, without the empty tables."""
        names = (
            "correlations",
            "averages",
            "across_models",
            "pooled",
            "mixed",
            "differences",
            "difference_averages",
            "partial",
            "partial_averages",
            "lines",
            "predictions",
            "layers",
        )
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def analyse(
    study: Study,
    results: Results,
    names: dict[tuple[str, str], str],
    covariates: Covariates,
    settings: Settings,
) -> Analysis:
    """Computes all tables.

    Args:
        study: what is correlated.
        results: for the layers.
        names: (model, revision) to the model's name in the study.
        covariates: for the partial correlations.
        settings: seed, level and effort.

    Raises:
        NeuronXAError: the primary cell is not in the study, or statsmodels is missing though
            mixed models were asked for.
    """
    check_primary(study, settings.primary)
    correlations = [
        _correlation_record(pair, model, settings)
        for pair in study.pairs
        for model in pair.models()
    ]
    across = list(_across_models(study, settings)) if len(study.models) > 1 else []
    differences = list(_differences(study, settings))
    partial = list(_partial(study, covariates, settings))
    lines, predictions = _predictions(study, settings)
    several = len(study.models) > 1
    averages = [_average_record(pair, settings) for pair in study.pairs] if several else []
    families = {
        "correlations": _adjust(correlations, "p"),
        "averages": _adjust(averages, "p"),
        "across_models": _adjust(across, "p"),
        "differences": _adjust(differences, "williams_p"),
        "partial": _adjust(partial, "p"),
    }
    return Analysis(
        correlations=correlations,
        averages=averages,
        across_models=across,
        pooled=list(_pooled(study, settings)),
        mixed=list(_mixed(study, settings)) if settings.mixed_model else [],
        differences=differences,
        difference_averages=list(_difference_averages(study, differences, settings)),
        partial=partial,
        partial_averages=list(_partial_averages(partial, settings)),
        lines=lines,
        predictions=predictions,
        layers=list(_layers(study, results, names, settings)),
        families={name: count for name, count in families.items() if count},
    )


# --- the primary cell -------------------------------------------------------------------------


def is_named(pair: Pair, primary: Primary | None) -> bool:
    """Whether the primary cell is of this pair; between benchmarks the order does not matter."""
    if primary is None:
        return False

    def means(variable: Variable, text: str) -> bool:
        short = variable.metric if variable.kind == "alignment" else variable.benchmark
        return text in (variable.label, short)

    straight = means(pair.y, primary.y) and means(pair.x, primary.x)
    turned = means(pair.x, primary.y) and means(pair.y, primary.x)
    return straight or (turned and pair.x.kind == "benchmark")


def check_primary(study: Study, primary: Primary | None) -> None:
    """Refuses a primary cell that the study does not have, or has more than once.

    Raises:
        NeuronXAError: see above; the message lists what there is.
    """
    if primary is None:
        return
    found = [pair for pair in study.pairs if is_named(pair, primary)]
    named = f"{primary.y}:{primary.x}"
    if not found:
        cells = ", ".join(f"{pair.y.label}:{pair.x.label}" for pair in study.pairs)
        raise NeuronXAError(f"--primary is {named!r}, which is no cell here. There are {cells}.")
    if len(found) > 1:
        cells = ", ".join(f"{pair.y.label}:{pair.x.label}" for pair in found)
        raise NeuronXAError(
            f"--primary is {named!r}, which means {len(found)} cells ({cells}), and only one can "
            "be primary. Write one of these."
        )
    if primary.model is not None and primary.model not in found[0].models():
        raise NeuronXAError(
            f"--primary names the model {primary.model!r}, but {named} has "
            f"{', '.join(found[0].models())}. Write one of these, or no model."
        )


def _primary_model(pair: Pair, primary: Primary | None) -> str | None:
    """The model whose single test is primary, if there is one."""
    if primary is None or not is_named(pair, primary):
        return None
    if primary.model is not None:
        return primary.model
    return pair.models()[0] if len(pair.models()) == 1 else None


# --- one model, over languages ----------------------------------------------------------------


def _correlation_record(pair: Pair, model: str, settings: Settings) -> Record:
    languages = pair.languages(model)
    x, y = pair.columns(model)
    return {
        "model": model,
        "x": pair.x.label,
        "y": pair.y.label,
        **_both_kinds(pair, x, y, settings, ("correlation", model)),
        "x_noise": _noise(pair.x, model, languages),
        "y_noise": _noise(pair.y, model, languages),
        "primary": _primary_model(pair, settings.primary) == model,
        "languages": " ".join(languages),
    }


def _both_kinds(
    pair: Pair,
    x: Sequence[float],
    y: Sequence[float],
    settings: Settings,
    names: tuple[str, ...],
) -> Record:
    """Pearson and Spearman with all that belongs to them; `names` and the pair name the stream."""
    found = {
        kind: stats.correlation(
            x,
            y,
            rng=settings.stream(*names, pair.x.label, pair.y.label, kind),
            kind=kind,
            confidence=settings.confidence,
            n_resamples=settings.resamples,
            n_permutations=settings.resamples,
        )
        for kind in _KINDS
    }
    r, rho = found["pearson"], found["spearman"]
    return {
        "n": r.n,
        "r": r.r,
        "fisher_low": r.interval.low,
        "fisher_high": r.interval.high,
        **_bootstrap(r.bootstrap, r.n),
        "boot_method": r.bootstrap.method if r.n >= RESAMPLED_POINTS else "none",
        "p": r.permutation.p,
        "p_method": r.permutation.method,
        "rho": rho.r,
        "rho_fisher_low": rho.interval.low,
        "rho_fisher_high": rho.interval.high,
        **_bootstrap(rho.bootstrap, rho.n, "rho_"),
        "rho_p": rho.permutation.p,
        "reason": _explained(r.reason, pair),
    }


_KINDS: tuple[stats.Kind, ...] = ("pearson", "spearman")


def _bootstrap(interval: stats.BootstrapInterval, n: int, prefix: str = "") -> Record:
    """Both ends of an interval over n resampled points; NaN where n is too small for one."""
    enough = n >= RESAMPLED_POINTS
    return {
        f"{prefix}boot_low": interval.low if enough else math.nan,
        f"{prefix}boot_high": interval.high if enough else math.nan,
    }


def _noise(variable: Variable, model: str, languages: Sequence[str]) -> float:
    """Share of the variance over languages that sampling error alone would make.

    The mean squared standard error over the variance (n - 1); NaN where an error is not known. At
    1 the languages do not differ by more than chance, and no correlation can be expected.
    """
    if len(languages) < 2:
        return math.nan
    values = np.array([variable.values[model][code] for code in languages])
    errors = np.array([variable.errors[model].get(code, math.nan) for code in languages])
    variance = float(values.var(ddof=1))
    return float((errors**2).mean()) / variance if variance > 0.0 else math.nan


def _adjust(records: list[Record], column: str) -> int:
    """Adds Holm and Benjamini-Hochberg to the tests of a table; returns their number.

    The primary test stands alone: it is not adjusted, and the others are adjusted without it.
    """
    family = [record for record in records if not record.get("primary")]
    p = [record[column] for record in family]
    for record in records:
        record["holm"] = record["bh"] = math.nan
    for record, by_holm, by_bh in zip(
        family, stats.holm(p), stats.benjamini_hochberg(p), strict=True
    ):
        record["holm"], record["bh"] = float(by_holm), float(by_bh)
    return sum(not math.isnan(value) for value in p)


def _explained(reason: str | None, pair: Pair) -> str | None:
    """A reason of `stats`, in which x and y are called by their labels."""
    if reason is None:
        return None
    labels = {"x": pair.x.label, "y": pair.y.label}
    return re.sub(r"\b[xy]\b", lambda match: labels[match[0]], reason)


# --- over models ------------------------------------------------------------------------------


def _average_record(pair: Pair, settings: Settings) -> Record:
    models = pair.models()
    codes = sorted({code for model in models for code in pair.languages(model)})
    rows = [pair.columns(model, codes) for model in models]
    x, y = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = {
        kind: stats.average_over_models(
            x,
            y,
            rng=settings.stream("average", pair.x.label, pair.y.label, kind),
            kind=kind,
            confidence=settings.confidence,
            n_resamples=settings.resamples,
        )
        for kind in _KINDS
    }
    pearson, spearman = found["pearson"], found["spearman"]
    has_r = [reason is None for reason in pearson.reasons]
    used = [n for n, usable in zip(pearson.n, has_r, strict=True) if usable]
    # A language can only change places where every model has it.
    shared = ~(np.isnan(x[has_r]) | np.isnan(y[has_r])).any(axis=0)
    permutation = joint_permutation(
        x[has_r][:, shared],
        y[has_r][:, shared],
        rng=settings.stream("joint", pair.x.label, pair.y.label),
        n_permutations=settings.resamples,
    )
    rho = [value for value in spearman.r if not math.isnan(value)]
    return {
        "x": pair.x.label,
        "y": pair.y.label,
        "models": pearson.average.count,
        "models_without_r": pearson.average.n_skipped,
        "n_min": min(used, default=0),
        "n_max": max(used, default=0),
        "languages": len(codes),
        "r": pearson.average.r,
        **_bootstrap(pearson.bootstrap, len(codes)),
        "fisher_low": pearson.average.interval.low,
        "fisher_high": pearson.average.interval.high,
        "q": pearson.average.q,
        "q_p": pearson.average.q_p,
        "p": permutation.p,
        "p_method": permutation.method,
        "p_languages": int(shared.sum()) if any(has_r) else 0,
        "rho_median": float(np.median(rho)) if rho else math.nan,
        "rho": spearman.average.r,
        **_bootstrap(spearman.bootstrap, len(codes), "rho_"),
        "primary": is_named(pair, settings.primary)
        and _primary_model(pair, settings.primary) is None,
        "reason": _explained(
            pearson.average.reason
            if pearson.average.count
            else next((reason for reason in pearson.reasons if reason), pearson.average.reason),
            pair,
        ),
    }


def _across_models(study: Study, settings: Settings) -> Iterator[Record]:
    for pair in study.pairs:
        codes = sorted({code for model in pair.models() for code in pair.languages(model)})
        for code in codes:
            models = [model for model in pair.models() if code in pair.languages(model)]
            x = [pair.x.values[model][code] for model in models]
            y = [pair.y.values[model][code] for model in models]
            yield {
                "language": code,
                "x": pair.x.label,
                "y": pair.y.label,
                **_both_kinds(pair, x, y, settings, ("across", code)),
            }


def _long(pair: Pair) -> tuple[list[float], list[float], list[str], list[str]]:
    """x, y, model and language of every complete row."""
    rows = [
        (pair.x.values[model][code], pair.y.values[model][code], model, code)
        for model in pair.models()
        for code in pair.languages(model)
    ]
    return (
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
    )


_EFFECTS: tuple[stats.Effects, ...] = ("model", "model+language")


def _pooled(study: Study, settings: Settings) -> Iterator[Record]:
    for pair in study.pairs:
        if sum(bool(pair.languages(model)) for model in pair.models()) < 2:
            continue
        for effects in _EFFECTS:
            found = stats.pooled_correlation(
                *_long(pair),
                rng=settings.stream("pooled", effects, pair.x.label, pair.y.label),
                effects=effects,
                confidence=settings.confidence,
                n_resamples=settings.resamples,
            )
            # Many models do not make up for languages: two languages have no correlation.
            few = found.n_languages < stats.MIN_POINTS
            interval = stats.Interval(math.nan, math.nan) if few else found.interval
            yield {
                "x": pair.x.label,
                "y": pair.y.label,
                "effects": effects,
                "n": found.n,
                "models": found.n_models,
                "languages": found.n_languages,
                "r": math.nan if few else found.r,
                **_bootstrap(found.bootstrap, found.n_languages),
                "fisher_low": interval.low,
                "fisher_high": interval.high,
                "reason": too_few(found.n_languages, "languages")
                if few
                else _explained(found.reason, pair),
            }


def _mixed(study: Study, settings: Settings) -> Iterator[Record]:
    for pair in study.pairs:
        found = stats.mixed_model(*_long(pair), confidence=settings.confidence)
        yield {
            "x": pair.x.label,
            "y": pair.y.label,
            "n": found.n,
            "models": found.n_models,
            "languages": found.n_languages,
            "slope": found.slope,
            "low": found.interval.low,
            "high": found.interval.high,
            "p": found.p,
            "standardised": found.standardised,
            "variance_model": found.variance_model,
            "variance_language": found.variance_language,
            "variance_residual": found.variance_residual,
            "converged": found.converged,
            "reason": _explained(found.reason, pair),
        }


# --- two scores against each other ------------------------------------------------------------


def _differences(study: Study, settings: Settings) -> Iterator[Record]:
    for first, second in study.rivals():
        outcome = first.y
        for model in first.models():
            codes = [c for c in first.languages(model) if c in second.x.values.get(model, {})]
            if not codes:
                continue
            found = stats.compare_correlations(
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
                **_bootstrap(found.bootstrap, found.n),
                "williams_t": found.williams.t,
                "williams_df": found.williams.df,
                "williams_p": found.williams.p,
                "exchange_p": found.permutation.p,
                "reason": found.reason or found.williams.reason,
            }


def _difference_averages(
    study: Study, differences: list[Record], settings: Settings
) -> Iterator[Record]:
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
            **_bootstrap(found.bootstrap, found.n),
            "models_first_higher": sum(record["difference"] > 0 for record in records),
            "models_holm_below_05": sum(record["holm"] < 0.05 for record in records),
        }


# --- covariates -------------------------------------------------------------------------------


def _partial(study: Study, covariates: Covariates, settings: Settings) -> Iterator[Record]:
    for pair in study.pairs:
        for model in pair.models():
            codes = pair.languages(model)
            x, y = pair.columns(model)
            for given in covariates.sets(model):
                record: Record = {
                    "model": model,
                    "x": pair.x.label,
                    "y": pair.y.label,
                    "given": " + ".join(given),
                    "n": len(codes),
                    "k": 0,
                    "r": math.nan,
                    "r_without": math.nan,
                    "low": math.nan,
                    "high": math.nan,
                    "p": math.nan,
                    "reason": None,
                }
                if len(codes) < stats.MIN_POINTS:
                    yield record | {"reason": too_few(len(codes))}
                    continue
                try:
                    table = stats.stack_covariates(
                        *(covariates.columns(model, name, codes) for name in given)
                    )
                except NeuronXAError as error:
                    # Too many labels for this many languages: a result, not a mistake.
                    yield record | {"reason": str(error)}
                    continue
                found = stats.partial_correlation(x, y, table, confidence=settings.confidence)
                complete = ~np.isnan(table).any(axis=1)
                plain = stats.partial_correlation(
                    np.array(x)[complete],
                    np.array(y)[complete],
                    np.zeros((int(complete.sum()), 0)),
                    confidence=settings.confidence,
                )
                yield record | {
                    "n": found.n,
                    "k": found.n_covariates,
                    "r": found.r,
                    "r_without": plain.r,
                    "low": found.interval.low,
                    "high": found.interval.high,
                    "p": found.p,
                    "reason": _explained(found.reason, pair),
                }


def too_few(n: int, what: str = "complete points") -> str:
    """Why n points have no correlation, in the words of `stats`."""
    return f"only {n} {what}; a correlation needs at least {stats.MIN_POINTS}"


def _partial_averages(partial: list[Record], settings: Settings) -> Iterator[Record]:
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in partial:
        groups.setdefault((record["x"], record["y"], record["given"]), []).append(record)
    for (x, y, given), records in groups.items():
        # k covariates cost k points: the variance of z is 1 / (n - k - 3).
        usable = [record for record in records if not math.isnan(record["r"])]
        points = [record["n"] - record["k"] for record in usable]
        found = stats.average_correlation(
            [record["r"] for record in usable], points, confidence=settings.confidence
        )
        plain = stats.average_correlation(
            [record["r_without"] for record in usable],
            [record["n"] for record in usable],
            confidence=settings.confidence,
        )
        yield {
            "x": x,
            "y": y,
            "given": given,
            "models": found.count,
            "models_without_r": len(records) - len(usable),
            "n_min": min((record["n"] for record in usable), default=0),
            "n_max": max((record["n"] for record in usable), default=0),
            "r": found.r,
            "fisher_low": found.interval.low,
            "fisher_high": found.interval.high,
            "r_without": plain.r,
            "reason": found.reason
            if usable
            else next((record["reason"] for record in records if record["reason"]), found.reason),
        }


# --- prediction -------------------------------------------------------------------------------


def _predictions(study: Study, settings: Settings) -> tuple[list[Record], list[Record]]:
    lines: list[Record] = []
    predictions: list[Record] = []
    for pair in study.pairs:
        for model in pair.models():
            codes = pair.languages(model)
            x, y = pair.columns(model)
            key = {"model": model, "x": pair.x.label, "y": pair.y.label}
            found = stats.leave_one_out(x, y, confidence=settings.confidence)
            lines.append(
                {
                    **key,
                    "n": found.line.n,
                    "slope": found.line.slope,
                    "intercept": found.line.intercept,
                    "residual_sd": found.line.residual_sd,
                    "r2": found.line.r2,
                    "r2_loo": found.r2_loo,
                    "error": found.mean_absolute_error,
                    "error_of_mean": _error_of_mean(y) if found.line.reason is None else math.nan,
                    "covered": found.covered,
                    "reason": _explained(found.line.reason, pair),
                }
            )
            if found.line.reason is not None:
                continue
            for i, code in enumerate(codes):
                predictions.append(
                    {
                        **key,
                        "language": code,
                        "how": "left out",
                        "x_value": x[i],
                        "observed": y[i],
                        "predicted": float(found.predicted[i]),
                        "low": float(found.low[i]),
                        "high": float(found.high[i]),
                        "extrapolated": bool(found.extrapolated[i]),
                    }
                )
            others = sorted(set(pair.x.values[model]) - set(codes))
            new_x = [pair.x.values[model][code] for code in others]
            new = stats.predict(x, y, new_x, confidence=settings.confidence) if others else None
            for i, code in enumerate(others):
                assert new is not None
                predictions.append(
                    {
                        **key,
                        "language": code,
                        "how": "new",
                        "x_value": new_x[i],
                        "observed": math.nan,
                        "predicted": float(new.predicted[i]),
                        "low": float(new.low[i]),
                        "high": float(new.high[i]),
                        "extrapolated": bool(new.extrapolated[i]),
                    }
                )
    return lines, predictions


def _error_of_mean(y: Sequence[float]) -> float:
    """Mean absolute error when each language is predicted by the mean of the others."""
    values = np.array(y)
    return float(np.abs(values - (values.sum() - values) / (len(values) - 1)).mean())


# --- layers -----------------------------------------------------------------------------------


def _layers(
    study: Study, results: Results, names: dict[tuple[str, str], str], settings: Settings
) -> Iterator[Record]:
    """Correlates the share of mutual hits in each layer with every outcome, over languages."""
    table = results.layers[results.layers["direction"] == "mutual"]
    columns = ("model", "revision", "benchmark", "language", "representation", "layer", "hits", "n")
    rates: dict[tuple[str, str, str, int], dict[str, float]] = {}
    for model, revision, corpus, language, representation, layer, hits, n in zip(
        *(table[name] for name in columns), strict=True
    ):
        key = (names[(model, revision)], corpus, representation, int(layer))
        rates.setdefault(key, {})[language] = float(hits) / float(n)
    outcomes = study.variables("y")
    for (model, corpus, representation, layer), by_language in rates.items():
        for y in outcomes:
            observed = y.values.get(model, {})
            codes = sorted(set(by_language) & set(observed))
            if not codes:
                continue
            # Without covariates a partial correlation is the plain one, and needs no resampling.
            found = stats.partial_correlation(
                [by_language[code] for code in codes],
                [observed[code] for code in codes],
                np.zeros((len(codes), 0)),
                confidence=settings.confidence,
            )
            yield {
                "model": model,
                "corpus": corpus,
                "representation": representation,
                "y": y.label,
                "layer": layer,
                "n": found.n,
                "r": found.r,
                "low": found.interval.low,
                "high": found.interval.high,
                "mean_rate": math.fsum(by_language[code] for code in codes) / len(codes),
                "reason": found.reason,
            }
