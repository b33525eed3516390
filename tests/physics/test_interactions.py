"""Cross sections: what the equations of arXiv:2411.11749 imply whatever the numbers."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.constants import FERMI_CONSTANT
from spec_builder.physics.interactions import (
    Interaction,
    Term,
    coupling_sets,
    interaction_terms,
    scalar_charge,
    standard_model_terms,
    weak_charge,
    weak_mixing_angle_terms,
)
from spec_builder.physics.nuclei import Isotopes, xenon
from spec_builder.physics.recoil import rate_polynomial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spec_builder.base.arrays import FloatArray

KAPPA = {Interaction.VECTOR_UNIVERSAL: 1.0, Interaction.VECTOR_BL: -1 / 3}
WITHOUT_INTERFERENCE = (Interaction.SCALAR, Interaction.AXIAL, Interaction.TENSOR)
NEW_PHYSICS = (*KAPPA, *WITHOUT_INTERFERENCE)
ENERGIES_KEV = np.array([0.1, 0.5, 1.0, 2.0, 3.5])

masses = st.floats(1e-3, 1e4)
couplings = st.floats(1e-8, 1e-1)
recoils = st.floats(1e-5, 4e-3)


def isotope(A: int) -> Isotopes:
    """One isotope alone, for terms of shape (3, 1, T)."""
    row = int(np.flatnonzero(xenon().A[:, 0] == A)[0])
    return Isotopes(**{field.name: getattr(xenon(), field.name)[row : row + 1] for field in fields(Isotopes)})


def cross_section(
    terms: Iterable[Term], nucleus: Isotopes, mass: float, recoil: float, x: float, energy: float
) -> float:
    """The terms' cross section [MeV^-3] for one isotope, at one point, energy [MeV] of the neutrino."""
    denominator = mass**2 + 2 * float(nucleus.mass_MeV[0, 0]) * recoil
    powers = energy ** -np.arange(3)
    return sum(
        float(x**term.order / denominator**term.propagator_power * (powers @ term.coefficients[:, 0, 0]))
        for term in terms
    )


def new_physics(interaction: Interaction, mass: float, coupling: float, *, coupling_set: str = "B") -> FloatArray:
    """What an interaction adds to dR/dT at ``ENERGIES_KEV``."""
    terms = partial(interaction_terms, interaction, coupling_set=coupling_set)
    polynomial = rate_polynomial(terms, ENERGIES_KEV, np.array([mass]))[:, 0]
    x = coupling**2
    total: FloatArray = polynomial[0] + x * polynomial[1] + x**2 * polynomial[2]
    return total


@given(A=st.sampled_from([124, 129, 131, 136]), recoil=recoils, mass=masses, coupling=couplings)
@pytest.mark.parametrize("interaction", KAPPA)
def test_vector_mediator_is_equation_6(
    interaction: Interaction, A: int, recoil: float, mass: float, coupling: float
) -> None:
    nucleus, T, energy = isotope(A), np.array([recoil]), 14.0
    charge = (1 - 4 * 0.23857) / 2 * 54 - (A - 54) / 2
    denominator = mass**2 + 2 * float(nucleus.mass_MeV[0, 0]) * recoil
    bracket = 1 + KAPPA[interaction] * 3 * A * coupling**2 / (np.sqrt(2) * FERMI_CONSTANT * charge * denominator)
    standard = cross_section(standard_model_terms(nucleus, T), nucleus, mass, recoil, 0.0, energy)
    added = cross_section(interaction_terms(interaction, nucleus, T), nucleus, mass, recoil, coupling**2, energy)
    assert added == pytest.approx((bracket**2 - 1) * standard, rel=1e-9, abs=1e-12 * abs(standard))


@given(A=st.sampled_from([124, 129, 131, 136]), recoil=recoils, mass=masses)
def test_universal_vector_cancels_the_standard_model(A: int, recoil: float, mass: float) -> None:
    nucleus, T, energy = isotope(A), np.array([recoil]), 14.0
    denominator = mass**2 + 2 * float(nucleus.mass_MeV[0, 0]) * recoil
    x = -np.sqrt(2) * FERMI_CONSTANT * float(weak_charge(nucleus)[0, 0]) * denominator / (3 * A)
    assert x > 0
    standard = cross_section(standard_model_terms(nucleus, T), nucleus, mass, recoil, 0.0, energy)
    terms = interaction_terms(Interaction.VECTOR_UNIVERSAL, nucleus, T)
    added = cross_section(terms, nucleus, mass, recoil, x, energy)
    assert added == pytest.approx(-standard, rel=1e-12)


@given(mass=masses, coupling=couplings)
def test_b_minus_l_never_lowers_a_rate(mass: float, coupling: float) -> None:
    assert (new_physics(Interaction.VECTOR_BL, mass, coupling) > 0).all()


@given(mass=masses, coupling=couplings)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_rates_are_not_negative(interaction: Interaction, mass: float, coupling: float) -> None:
    standard = rate_polynomial(standard_model_terms, ENERGIES_KEV)[0, 0]
    total = standard + new_physics(interaction, mass, coupling)
    # a sum that cancels may miss zero by rounding
    assert (total >= -1e-12 * standard).all()


@given(mass=masses, coupling=couplings)
@pytest.mark.parametrize("interaction", WITHOUT_INTERFERENCE)
def test_without_interference_rates_go_with_the_fourth_power(
    interaction: Interaction, mass: float, coupling: float
) -> None:
    rate = new_physics(interaction, mass, coupling)
    assert (rate > 0).all()
    np.testing.assert_allclose(new_physics(interaction, mass, 3 * coupling), 81 * rate, rtol=1e-12)


@given(coupling=couplings)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_heavy_mediator_is_a_contact_interaction(interaction: Interaction, coupling: float) -> None:
    # 2 m T / M^2 is below 1e-6
    near, far = new_physics(interaction, 1e5, coupling), new_physics(interaction, 1e7, 100 * coupling)
    np.testing.assert_allclose(near, far, rtol=1e-6)


@given(coupling=couplings)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_light_mediator_has_no_mass(interaction: Interaction, coupling: float) -> None:
    # M^2 / 2 m T is below 1e-6
    standard = rate_polynomial(standard_model_terms, ENERGIES_KEV)[0, 0]
    near, far = new_physics(interaction, 3e-3, coupling), new_physics(interaction, 1e-6, coupling)
    assert (np.abs(near - far) <= 1e-5 * np.maximum(np.abs(far), standard)).all()


def test_standard_model_has_no_mediator() -> None:
    assert interaction_terms(Interaction.SM, xenon(), np.array([1e-3])) == ()


@given(angle=st.floats(0, 1))
def test_weak_mixing_angle_is_a_quadratic_polynomial(angle: float) -> None:
    polynomial = rate_polynomial(weak_mixing_angle_terms, ENERGIES_KEV)[:, 0]
    direct = rate_polynomial(partial(standard_model_terms, sin2_theta_w=angle), ENERGIES_KEV)[0, 0]
    np.testing.assert_allclose(np.tensordot(angle ** np.arange(3), polynomial, 1), direct, rtol=1e-11)


def test_scalar_charge_per_nucleon() -> None:
    # Eq. (9) with f_T set B of arXiv:1506.04142: c_p and c_n from an independent calculation
    expected = xenon().Z * 17.0758 + xenon().N * 17.0876
    np.testing.assert_allclose(scalar_charge(xenon(), "B"), expected, rtol=1e-5)


def test_scalar_rate_goes_with_the_charge_squared() -> None:
    ratio = new_physics(Interaction.SCALAR, 10.0, 1e-5, coupling_set="A") / new_physics(
        Interaction.SCALAR, 10.0, 1e-5, coupling_set="B"
    )
    charges = (scalar_charge(xenon(), "A") / scalar_charge(xenon(), "B")) ** 2
    assert charges.min() <= ratio.min()
    assert ratio.max() <= charges.max()
    assert charges.min() > 1.05


def test_longitudinal_factor_scales_one_part_of_the_tensor() -> None:
    rates = {}
    for factor in (1, 4):
        terms = partial(interaction_terms, Interaction.TENSOR, longitudinal_factor=factor)
        rates[factor] = rate_polynomial(terms, ENERGIES_KEV, np.array([10.0]))[2, 0]
    longitudinal = (rates[4] - rates[1]) / 3
    assert (longitudinal > 0).all()
    assert (longitudinal < rates[1]).all()


@pytest.mark.parametrize("factor", [0, 2, 8])
def test_unknown_longitudinal_factor(factor: int) -> None:
    with pytest.raises(SpecBuilderError, match=f"longitudinal factor {factor}: expected 1 or 4"):
        interaction_terms(Interaction.TENSOR, xenon(), np.array([1e-3]), longitudinal_factor=factor)


def test_unknown_coupling_set() -> None:
    assert coupling_sets() == ("A", "B", "C", "D", "E")
    with pytest.raises(SpecBuilderError, match="coupling set 'Z' is unknown, expected one of A, B, C, D, E"):
        scalar_charge(xenon(), "Z")
