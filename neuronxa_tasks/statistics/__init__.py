"""Statistics: arrays in, frozen results out. No harness, no frames, no files.

Every estimate comes with n and an interval; where none can be computed it is NaN with a reason.
Randomness arrives as a `numpy.random.Generator`: the same state and input give the same result.
"""

from __future__ import annotations

from neuronxa_tasks.statistics.columns import MIN_POINTS
from neuronxa_tasks.statistics.correlation import Correlation, correlation
from neuronxa_tasks.statistics.dependent import (
    DependentDifference,
    WilliamsTest,
    compare_correlations,
    williams_test,
)
from neuronxa_tasks.statistics.fisher import (
    AverageCorrelation,
    Interval,
    Kind,
    average_correlation,
    fisher_interval,
)
from neuronxa_tasks.statistics.groups import WithinBetween, within_between
from neuronxa_tasks.statistics.hits import (
    McNemar,
    PairedDifference,
    ScoreInterval,
    mcnemar,
    paired_difference,
    score_interval,
)
from neuronxa_tasks.statistics.jackknife import Jackknife
from neuronxa_tasks.statistics.mixed import MixedModel, mixed_model
from neuronxa_tasks.statistics.multiplicity import benjamini_hochberg, holm
from neuronxa_tasks.statistics.over_models import ModelAverage, average_over_models
from neuronxa_tasks.statistics.partial import (
    DummyCode,
    PartialCorrelation,
    dummy_code,
    partial_correlation,
    stack_covariates,
)
from neuronxa_tasks.statistics.partial_over_models import PartialAverage, average_partial
from neuronxa_tasks.statistics.pooled import Effects, PooledCorrelation, pooled_correlation
from neuronxa_tasks.statistics.prediction import (
    LeaveOneOut,
    Line,
    Predictions,
    fit_line,
    leave_one_out,
    predict,
)
from neuronxa_tasks.statistics.resampling import BootstrapInterval, PermutationP
from neuronxa_tasks.statistics.sentences import expected_rate, survival

__all__ = [
    "MIN_POINTS",
    "AverageCorrelation",
    "BootstrapInterval",
    "Correlation",
    "DependentDifference",
    "DummyCode",
    "Effects",
    "Interval",
    "Jackknife",
    "Kind",
    "LeaveOneOut",
    "Line",
    "McNemar",
    "MixedModel",
    "ModelAverage",
    "PairedDifference",
    "PartialAverage",
    "PartialCorrelation",
    "PermutationP",
    "PooledCorrelation",
    "Predictions",
    "ScoreInterval",
    "WilliamsTest",
    "WithinBetween",
    "average_correlation",
    "average_over_models",
    "average_partial",
    "benjamini_hochberg",
    "compare_correlations",
    "correlation",
    "dummy_code",
    "expected_rate",
    "fisher_interval",
    "fit_line",
    "holm",
    "leave_one_out",
    "mcnemar",
    "mixed_model",
    "paired_difference",
    "partial_correlation",
    "pooled_correlation",
    "predict",
    "score_interval",
    "stack_covariates",
    "survival",
    "williams_test",
    "within_between",
]
