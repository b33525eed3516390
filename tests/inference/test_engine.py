"""The likelihood compiled by pairs of groups: derivatives, and the pieces they are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from spec_builder.inference.engine import Engine, evaluate_terms, poisson_slopes, poisson_terms
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import PLAIN, SHARED, lay_out, spread
from tests.inference.random_models import random_model


@given(rate=st.floats(1e-3, 1e3), count=st.integers(0, 500))
def test_a_poisson_term_is_the_distributions(rate: float, count: int) -> None:
    value, _ = poisson_terms(np.array([[rate]]), np.array([[float(count)]]))
    constant = 2 * float(np.sum(np.log(np.arange(1, count + 1))))
    assert float(value.sum()) + constant == pytest.approx(-2 * poisson.logpmf(count, rate), rel=1e-9, abs=1e-9)
    step = 1e-6 * rate
    ends = [poisson_terms(np.array([[rate + d]]), np.array([[float(count)]]))[0].sum() for d in (step, -step)]
    slope = poisson_slopes(np.array([[rate]]), np.array([[float(count)]])).sum()
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-4)


def test_an_empty_bin_without_events_is_no_term() -> None:
    value, _ = poisson_terms(np.zeros((1, 1)), np.zeros((1, 1)))
    assert value.sum() == 0
    assert poisson_terms(np.zeros((1, 1)), np.ones((1, 1)))[0].sum() == np.inf


def test_terms_are_sums_of_products(generic: dict[str, Any]) -> None:
    spec = Likelihood.from_workspace(generic).specification
    group = max(spec.groups, key=lambda g: len(g.terms))
    values = [np.full(2, 1.0 + 0.1 * i) for i in range(len(spec.factors))]
    expected = sum(term.coefficient * np.prod([1.0 + 0.1 * f for f in term.factors]) for term in group.terms)
    np.testing.assert_allclose(evaluate_terms(group.terms, values), expected, rtol=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_value_gradient_and_hessian_belong_together(seed: int) -> None:
    workspace, _ = random_model(seed, 1)
    likelihood = Likelihood.from_workspace(workspace)
    laid = spread(lay_out(likelihood.specification, PLAIN))
    engine, value = Engine(laid, likelihood.free), Engine(laid, ())
    theta = likelihood.init[:, None] + 0.01
    found = engine(theta, SHARED)
    for place, parameter in enumerate(likelihood.free):
        step = np.zeros_like(theta)
        step[parameter] = 1e-5
        slope = (value(theta + step, SHARED).value - value(theta - step, SHARED).value) / 2e-5
        np.testing.assert_allclose(found.gradient[place], slope, rtol=1e-5, atol=1e-4)
        bend = (engine(theta + step, SHARED).gradient - engine(theta - step, SHARED).gradient) / 2e-5
        # the lower triangle is filled
        np.testing.assert_allclose(found.hessian[place, : place + 1], bend[: place + 1], rtol=1e-5, atol=1e-4)
