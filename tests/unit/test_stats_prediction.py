from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as reference

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import fit_line, leave_one_out, predict

X = [0.91, 0.88, 0.74, 0.69, 0.83, 0.52, 0.41, 0.77, 0.35, 0.60, 0.28, 0.66]
Y = [0.55, 0.57, 0.48, 0.49, 0.52, 0.41, 0.43, 0.50, 0.36, 0.42, 0.37, 0.51]


def test_the_line_equals_scipy():
    line, theirs = fit_line(X, Y), reference.linregress(X, Y)
    assert line.slope == pytest.approx(theirs.slope, abs=1e-12)
    assert line.intercept == pytest.approx(theirs.intercept, abs=1e-12)
    assert line.r2 == pytest.approx(theirs.rvalue**2, abs=1e-12)
    assert line.n == 12


# statsmodels 0.15.0 in an environment of its own:
#   OLS(y, add_constant(x)).fit().get_prediction([[1, x0]]).summary_frame(alpha=0.05)
@pytest.mark.parametrize(
    ("x0", "mean", "low", "high", "outside"),
    [
        (0.5, 0.42526138103856337, 0.36800445901610035, 0.4825183030610264, False),
        (1.2, 0.6416055269386051, 0.5701900395524775, 0.7130210143247326, True),
    ],
)
def test_a_new_point_by_statsmodels(x0, mean, low, high, outside):
    result = predict(X, Y, [x0])
    assert result.predicted == pytest.approx([mean], abs=1e-9)
    assert result.low == pytest.approx([low], abs=1e-9)
    assert result.high == pytest.approx([high], abs=1e-9)
    assert result.extrapolated.tolist() == [outside]
    assert result.line.n == 12


@pytest.mark.parametrize(
    ("i", "mean", "low", "high"),
    [
        # The same, fitted without point i.
        (0, 0.5525994051704417, 0.4863101271961364, 0.618888683144747),
        (8, 0.3853697388704627, 0.321149869601143, 0.44958960813978244),
    ],
)
def test_a_point_left_out_by_statsmodels(i, mean, low, high):
    result = leave_one_out(X, Y)
    assert result.predicted[i] == pytest.approx(mean, abs=1e-9)
    assert (result.low[i], result.high[i]) == pytest.approx((low, high), abs=1e-9)


def test_r2_loo_by_statsmodels():
    # 1 - sum(OLS(...).fit().get_influence().resid_press ** 2) / sum((y - mean(y)) ** 2)
    assert leave_one_out(X, Y).r2_loo == pytest.approx(0.8419600604782493, abs=1e-9)


def test_leaving_out_equals_a_loop_of_predictions():
    result = leave_one_out(X, Y, confidence=0.8)
    for i in range(12):
        rest = np.delete(np.arange(12), i)
        single = predict(np.array(X)[rest], np.array(Y)[rest], [X[i]], confidence=0.8)
        assert result.predicted[i] == pytest.approx(single.predicted[0], abs=1e-9)
        assert result.low[i] == pytest.approx(single.low[0], abs=1e-9)
        assert result.high[i] == pytest.approx(single.high[0], abs=1e-9)
        assert result.extrapolated[i] == single.extrapolated[0]
    error = np.array(Y) - result.predicted
    assert result.mean_absolute_error == pytest.approx(np.abs(error).mean(), abs=1e-12)
    inside = [low <= y <= high for low, y, high in zip(result.low, Y, result.high, strict=True)]
    assert result.covered == pytest.approx(np.mean(inside))


def test_incomplete_points_keep_their_place():
    x, y = [*X[:3], math.nan, *X[3:], 0.5], [*Y[:3], 0.4, *Y[3:], math.nan]
    result, plain = leave_one_out(x, y), leave_one_out(X, Y)
    assert np.isnan(result.predicted[[3, 13]]).all()
    assert not result.extrapolated[3]
    assert np.delete(result.predicted, [3, 13]) == pytest.approx(plain.predicted, abs=1e-12)
    assert result.line.n_dropped == 2
    assert result.r2_loo == plain.r2_loo


def test_without_relation_the_line_predicts_worse_than_the_mean():
    rng = np.random.default_rng(0)
    assert leave_one_out(rng.normal(size=12), rng.normal(size=12)).r2_loo < 0


def test_a_point_that_alone_carries_the_line_has_no_prediction():
    result = leave_one_out([0, 0, 0, 0, 1], [1, 2, 3, 4, 9])
    assert np.isnan(result.predicted).tolist() == [False] * 4 + [True]
    assert math.isnan(result.r2_loo)
    assert math.isnan(result.covered)
    assert math.isnan(result.mean_absolute_error)


@pytest.mark.parametrize(
    ("x", "reason"), [(X[:3], "only 3 complete points"), ([0.5] * 12, "x has the same value")]
)
def test_no_line_says_why(x, reason):
    y = Y[: len(x)]
    for line in (fit_line(x, y), predict(x, y, [0.5]).line, leave_one_out(x, y).line):
        assert math.isnan(line.slope)
        assert line.n == len(x)
        assert reason in (line.reason or "")
    assert np.isnan(predict(x, y, [0.5, 0.6]).predicted).all()
    assert np.isnan(leave_one_out(x, y).low).all()


def test_a_constant_outcome_is_predicted_but_explains_nothing():
    result = leave_one_out(X, [0.5] * 12)
    assert result.predicted == pytest.approx([0.5] * 12, abs=1e-12)
    assert math.isnan(result.r2_loo)
    assert math.isnan(result.line.r2)


def test_an_unknown_alignment_has_no_prediction():
    result = predict(X, Y, [math.nan, 0.5])
    assert np.isnan(result.predicted).tolist() == [True, False]
    assert result.extrapolated.tolist() == [False, False]


def test_more_confidence_is_wider_and_the_middle_is_narrowest():
    narrow, wide = (predict(X, Y, [0.3, np.mean(X), 0.9], confidence=c) for c in (0.8, 0.99))
    assert (wide.high - wide.low > narrow.high - narrow.low).all()
    width = narrow.high - narrow.low
    assert width[1] < min(width[0], width[2])


def test_intervals_are_not_cut_to_what_accuracy_can_be():
    assert predict(X, Y, [5.0]).high[0] > 1


def test_bad_input_is_refused():
    with pytest.raises(NeuronXAError, match="rows"):
        fit_line(X, Y[:3])
    with pytest.raises(NeuronXAError, match="confidence"):
        predict(X, Y, [0.5], confidence=1.0)
    with pytest.raises(NeuronXAError, match="new_x"):
        predict(X, Y, ["0.5"])
