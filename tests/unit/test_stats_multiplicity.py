from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import benjamini_hochberg, holm

P = [0.001, 0.04, 0.03, 0.2, 0.0005, 0.5, 0.03, 0.9]

# statsmodels 0.15.0 in an environment of its own: multipletests(P, method=...)[1]
HOLM = [0.007, 0.18, 0.18, 0.6000000000000001, 0.004, 1.0, 0.18, 1.0]
BH = [0.004, 0.064, 0.06, 0.26666666666666666, 0.004, 0.5714285714285714, 0.06, 0.9]

both = pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
families = st.lists(st.floats(0, 1), max_size=12)


def test_goldens_of_statsmodels():
    assert holm(P) == pytest.approx(HOLM, abs=1e-12)
    assert benjamini_hochberg(P) == pytest.approx(BH, abs=1e-12)


@both
def test_nan_stays_nan_and_does_not_count(adjust):
    given_p = [P[0], math.nan, *P[1:], math.nan]
    adjusted = adjust(given_p)
    assert np.isnan(adjusted[[1, -1]]).all()
    assert adjusted[~np.isnan(adjusted)] == pytest.approx(adjust(P), abs=0)


@both
def test_an_empty_family_stays_empty(adjust):
    assert adjust([]).shape == (0,)
    assert np.isnan(adjust([math.nan, math.nan])).all()


@both
@pytest.mark.parametrize("p", [-0.1, 1.2])
def test_what_is_no_probability_is_refused(adjust, p):
    with pytest.raises(NeuronXAError, match=f"{p}"):
        adjust([0.5, p])


@both
@given(p=families)
def test_adjusted_p_is_no_smaller_and_at_most_one_and_keeps_the_order(adjust, p):
    adjusted = adjust(p)
    assert (adjusted >= np.array(p) * (1 - 1e-12)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= -1e-15).all()


@given(families)
def test_holm_is_stricter_than_benjamini_hochberg_and_milder_than_bonferroni(p):
    strict, mild = holm(p), benjamini_hochberg(p)
    assert (strict >= mild * (1 - 1e-12)).all()
    assert (strict <= np.minimum(1, len(p) * np.array(p)) + 1e-12).all()


def test_the_input_is_left_alone():
    p = np.array(P)
    holm(p)
    benjamini_hochberg(p)
    assert p.tolist() == P
