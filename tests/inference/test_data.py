"""Data apart from the model, and problems made of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.data import Data, Problem, Yields, polynomial
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise


def test_what_a_workspace_holds_is_one_data_set(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    data = Data.of(likelihood)
    assert data.count == 1
    np.testing.assert_array_equal(data.observed[:, 0], likelihood.observed)
    assert data.auxiliary.shape == (len(likelihood.constrained()), 1)


def test_asimov_data_are_fitted_by_their_own_point(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    points = np.stack([likelihood.init, likelihood.init])
    points[1, list(likelihood.free)] += 0.05
    data = Data.asimov(likelihood, points)
    assert data.count == 2
    np.testing.assert_allclose(data.observed, likelihood.rates(points).T, rtol=1e-14)
    fits = minimise(likelihood, rows=data.rows())
    assert fits.valid.all()
    np.testing.assert_allclose(fits.theta, points, atol=2e-4)
    second = minimise(likelihood, rows=data.take(np.array([1])).rows())
    assert second.twice_nll[0] == pytest.approx(fits.twice_nll[1], abs=1e-10)


def test_shapes_that_do_not_belong_together() -> None:
    with pytest.raises(SpecBuilderError, match=r"counts of shape \(2, 3\) and auxiliary data of shape \(1, 4\)"):
        Data(np.ones((2, 3)), np.ones((1, 4)))


def test_a_polynomial_at_points_of_several_masses() -> None:
    coefficients = np.arange(12.0).reshape(3, 2, 2)
    found = polynomial(coefficients, np.array([0, 1, 1]), np.array([0.0, 2.0, -1.0]))
    n0, n1, n2 = coefficients
    expected = [n0[0], n0[1] + 2 * n1[1] + 4 * n2[1], n0[1] - n1[1] + n2[1]]
    np.testing.assert_array_equal(found, np.array(expected).T)


def test_a_problem_is_squared_unless_it_has_a_sign(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    nominal = np.ones((3, 1, 5))
    problem = Problem.of(likelihood, "signal", lambda _: nominal)
    signed = Problem(likelihood, None, ("signal",), lambda _: {"signal": Yields(nominal)}, signed=True)
    np.testing.assert_array_equal(problem.x(np.array([-2.0])), [4.0])
    np.testing.assert_array_equal(signed.x(np.array([-2.0])), [-2.0])
    rows = signed.rows(signed.yields(np.zeros(1)), np.array([0]), np.array([-2.0]))
    np.testing.assert_array_equal(rows.yields["signal"], np.full((5, 1), 3.0))
    assert rows.observed is None
