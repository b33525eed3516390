"""Isotopes, form factor and spin structure functions."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import spherical_jn

from spec_builder.physics.nuclei import (
    klein_nystrand_form_factor,
    momentum_transfer,
    spin_structure_function,
    xenon,
)

XENON = xenon()
ROW = {int(A): i for i, A in enumerate(XENON.A[:, 0])}


def test_isotopes_of_natural_xenon() -> None:
    assert XENON.A.shape == (9, 1)
    assert (XENON.Z == 54).all()
    np.testing.assert_array_equal(XENON.N, XENON.A - 54)
    # atoms in 10^6 g at 131.2928 g/mol
    assert XENON.targets_per_tonne.sum() == pytest.approx(4.586803e27, rel=1e-6)


def test_momentum_transfer() -> None:
    # m = 122 GeV, T = 1 keV: q = sqrt(244) MeV = 15.6 MeV
    q = momentum_transfer(XENON, np.array([1e-3]))
    np.testing.assert_allclose(q[:, 0] * 197.3269804, np.sqrt(2e-3 * XENON.mass_MeV[:, 0]), rtol=1e-12)


def test_form_factor_is_one_without_momentum_transfer() -> None:
    np.testing.assert_allclose(klein_nystrand_form_factor(XENON, np.zeros((9, 1))), 1.0, rtol=0, atol=1e-7)


@given(q=st.floats(1e-2, 3.0))
def test_form_factor_is_equation_3(q: float) -> None:
    x = q * 1.23 * XENON.A ** (1 / 3)
    expected = 3 * spherical_jn(1, x) / x / (1 + (0.7 * q) ** 2)
    np.testing.assert_allclose(klein_nystrand_form_factor(XENON, np.full((9, 1), q)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("response", "A", "expected"),
    [
        ("transverse", 129, 0.03647627),
        ("longitudinal", 129, 0.01823813),
        ("transverse", 131, 0.02785467),
        ("longitudinal", 131, 0.01392734),
    ],
)
def test_spin_structure_without_momentum_transfer(
    response: Literal["transverse", "longitudinal"], A: int, expected: float
) -> None:
    structure = spin_structure_function(XENON, np.zeros((9, 1)), response)
    assert structure[ROW[A], 0] == pytest.approx(expected, abs=5e-9)


# expectation values <S_p> + <S_n> of Klos et al., Phys. Rev. D 88 (2013) 083516, Table I
@pytest.mark.parametrize(("A", "total_spin"), [(129, 0.010 + 0.329), (131, -0.009 - 0.272)])
def test_spin_structure_counts_the_nucleons_spins(A: int, total_spin: float) -> None:
    J = XENON.spin[ROW[A], 0]
    expected = (2 * J + 1) * (J + 1) / (4 * np.pi * J) * total_spin**2
    q = np.zeros((9, 1))
    both = spin_structure_function(XENON, q, "transverse") + spin_structure_function(XENON, q, "longitudinal")
    assert both[ROW[A], 0] == pytest.approx(expected, rel=0.01)


@given(q=st.floats(0.0, 2.0))
def test_only_isotopes_with_spin_respond(q: float) -> None:
    spinless = XENON.spin[:, 0] == 0
    for response in ("transverse", "longitudinal"):
        structure = spin_structure_function(XENON, np.full((9, 1), q), response)
        assert (structure >= 0).all()
        assert (structure[spinless] == 0).all()
