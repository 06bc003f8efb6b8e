"""Each language predicted from the others by a straight line."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.estimates import Record, Settings, explained
from neuronxa_tasks.reports.study import Study


def prediction_records(study: Study, settings: Settings) -> tuple[list[Record], list[Record]]:
    """Lines of each pair and model, and every language predicted by them.

    Returns:
        Records of the lines, and records of the predictions: a language with both values is
        predicted by the line through the others (`left out`), one without y by that through all
        (`new`).
    """
    lines: list[Record] = []
    predictions: list[Record] = []
    for pair in study.pairs:
        for model in pair.models():
            codes = pair.languages(model)
            x, y = pair.columns(model)
            key = {"model": model, "x": pair.x.label, "y": pair.y.label}
            found = statistics.leave_one_out(x, y, confidence=settings.confidence)
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
                    "reason": explained(found.line.reason, pair),
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
            new = (
                statistics.predict(x, y, new_x, confidence=settings.confidence) if others else None
            )
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
