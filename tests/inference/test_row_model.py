"""Rows on their way to a minimum: moved to where rates are positive, and taken over where others are better."""

from __future__ import annotations

import numpy as np

from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.row_model import Found, RowModel
from spec_builder.inference.rows import Rows, take_apart


def model() -> tuple[RowModel, Likelihood]:
    """Events 4 mu in the first bin, 4 mu + 1 in the second; nothing is counted in the first."""
    strength = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "signal", "data": [4.0, 4.0], "modifiers": [strength]},
        {"name": "background", "data": [0.0, 1.0], "modifiers": []},
    ]
    likelihood = Likelihood.from_workspace(
        {
            "channels": [{"name": "c", "samples": samples}],
            "observations": [{"name": "c", "data": [0.0, 3.0]}],
            "measurements": [
                {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[-5.0, 5.0]]}]}}
            ],
            "version": "1.0.0",
        }
    )
    layout, _ = take_apart(likelihood, Rows())
    return RowModel(likelihood, likelihood.free, layout, None, None, patient=True), likelihood


def test_rows_go_towards_a_point_until_rates_are_positive() -> None:
    rows, likelihood = model()
    _, arrays = take_apart(likelihood, Rows())
    theta = np.array([[2.0, -0.5, -2.0, -4.0]])
    rows.go_towards(np.array([1.0]), theta, arrays, (0.0, 0.25, 0.5, 0.75))
    # as they are, half of the way, three quarters of it, and at its end
    assert theta[0].tolist() == [2.0, 0.25, 0.25, 1.0]


def test_rows_end_at_the_minimum_where_nothing_is_counted_in_a_bin() -> None:
    rows, likelihood = model()
    _, arrays = take_apart(likelihood, Rows())
    found = rows.minimise(np.array([[0.3, 3.0]]), arrays)
    # 2 (4 mu) + 2 (4 mu + 1 - 3 ln(4 mu + 1)) is least at 4 mu = 1 / 2
    assert (found.reason == 0).all()
    np.testing.assert_allclose(found.theta[0], 0.125, atol=1e-6)


def test_other_fits_are_taken_where_they_are_good() -> None:
    nothing = np.zeros(3)
    found = Found(np.array([[1.0, 2.0, 3.0]]), np.array([5.0, 6.0, 7.0]), nothing.copy(), np.array([0, 3, 0]))
    assert found.heights.tolist() == [5.0, np.inf, 7.0]
    assert found.not_ended.tolist() == [False, True, False]
    other = Found(np.array([[8.0, 9.0]]), np.array([5.5, 6.5]), np.zeros(2), np.array([0, 0]))
    places = np.array([1, 2])
    good = found.comes_to_an_end(places, other)
    assert good.tolist() == [True, True]
    assert found.comes_to_an_end(np.array([0, 0]), other).tolist() == [False, False]  # they end above it
    found.take_over(places, other, np.array([True, False]))
    assert found.theta.tolist() == [[1.0, 8.0, 3.0]]
    assert found.value.tolist() == [5.0, 5.5, 7.0]
    assert found.some(np.array([1])).reason.tolist() == [0]
