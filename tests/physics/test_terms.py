"""Terms and the polynomial helpers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.physics.terms import energy_polynomial, shifted_square

numbers = st.floats(-10, 10)


@given(charge=numbers, shift=numbers, x=numbers)
def test_shifted_square(charge: float, shift: float, x: float) -> None:
    shape = np.arange(6.0).reshape(3, 1, 2)
    first, second = shifted_square(np.array([[charge]]), np.array([[shift]]), shape, propagator_power=1)
    found = charge**2 * shape + x * first.coefficients + x**2 * second.coefficients
    np.testing.assert_allclose(found, (charge + x * shift) ** 2 * shape, rtol=1e-9, atol=1e-9)
    assert [(t.order, t.propagator_power) for t in (first, second)] == [(1, 1), (2, 2)]


def test_a_contact_interaction_has_no_propagator() -> None:
    terms = shifted_square(np.ones((1, 1)), np.ones((1, 1)), np.ones((3, 1, 2)))
    assert [term.propagator_power for term in terms] == [0, 0]


def test_energy_polynomial_broadcasts() -> None:
    found = energy_polynomial(np.ones((2, 1)), np.arange(3.0), np.zeros((2, 3)))
    assert found.shape == (3, 2, 3)
    np.testing.assert_array_equal(found[1, 0], [0, 1, 2])
