"""Mediators on nuclei: what the equations of arXiv:2411.11749 imply whatever the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.constants import FERMI_CONSTANT
from spec_builder.physics.interactions import STANDARD_MODEL, choose
from spec_builder.physics.mediators import (
    contact_terms,
    coupling_sets,
    scalar_charge,
    scalar_terms,
    vector_charge,
    vector_terms,
)
from spec_builder.physics.rates import rate
from spec_builder.physics.sources import load_source
from spec_builder.physics.standard_model import standard_model_terms, weak_charge
from spec_builder.physics.targets import Target, load_target

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from tests.physics.conftest import CrossSection

KAPPA = {"vector_universal": 1.0, "vector_bl": -1 / 3}
WITHOUT_INTERFERENCE = ("scalar", "axial", "tensor")
NEW_PHYSICS = (*KAPPA, *WITHOUT_INTERFERENCE)
ENERGIES_KEV = np.array([0.1, 0.5, 1.0, 2.0, 3.5])

B8, XENON = load_source("solar_8b"), load_target("xenon")
STANDARD = rate(B8, XENON, STANDARD_MODEL, ENERGIES_KEV)[0, 0, 0]

masses = st.floats(1e-3, 1e4)
couplings = st.floats(1e-8, 1e-1)
recoils = st.floats(1e-5, 4e-3)


def isotope(A: int) -> Target:
    """One isotope of xenon alone, for terms of shape (3, 1, T)."""
    xenon = load_target("xenon")
    return xenon.rows(xenon.A[:, 0] == A)


def new_physics(interaction: str, mass: float, coupling: float, **options: object) -> FloatArray:
    """What an interaction adds to dR/dT at ``ENERGIES_KEV``."""
    polynomial = rate(B8, XENON, choose(interaction, **options), ENERGIES_KEV, np.array([mass]))[0, :, 0]
    x = coupling**2
    total: FloatArray = x * polynomial[1] + x**2 * polynomial[2]
    return total


@given(A=st.sampled_from([124, 129, 131, 136]), recoil=recoils, mass=masses, coupling=couplings)
@pytest.mark.parametrize("interaction", KAPPA)
def test_vector_mediator_is_equation_6(
    cross_section: CrossSection, interaction: str, A: int, recoil: float, mass: float, coupling: float
) -> None:
    nucleus, T, energy = isotope(A), np.array([recoil]), 14.0
    charge = (1 - 4 * 0.23857) / 2 * 54 - (A - 54) / 2
    denominator = mass**2 + 2 * float(nucleus.mass_MeV[0, 0]) * recoil
    bracket = 1 + KAPPA[interaction] * 3 * A * coupling**2 / (np.sqrt(2) * FERMI_CONSTANT * charge * denominator)
    standard = cross_section(standard_model_terms(nucleus, T), nucleus, mass, recoil, 0.0, energy)
    added = cross_section(choose(interaction).terms(nucleus, T), nucleus, mass, recoil, coupling**2, energy)
    assert added == pytest.approx((bracket**2 - 1) * standard, rel=1e-9, abs=1e-12 * abs(standard))


@given(A=st.sampled_from([124, 129, 131, 136]), recoil=recoils, mass=masses)
def test_universal_vector_cancels_the_standard_model(
    cross_section: CrossSection, A: int, recoil: float, mass: float
) -> None:
    nucleus, T, energy = isotope(A), np.array([recoil]), 14.0
    denominator = mass**2 + 2 * float(nucleus.mass_MeV[0, 0]) * recoil
    x = -np.sqrt(2) * FERMI_CONSTANT * float(weak_charge(nucleus)[0, 0]) * denominator / (3 * A)
    assert x > 0
    standard = cross_section(standard_model_terms(nucleus, T), nucleus, mass, recoil, 0.0, energy)
    terms = choose("vector_universal").terms(nucleus, T)
    added = cross_section(terms, nucleus, mass, recoil, x, energy)
    assert added == pytest.approx(-standard, rel=1e-12)


@given(mass=masses, coupling=couplings)
def test_b_minus_l_never_lowers_a_rate(mass: float, coupling: float) -> None:
    assert (new_physics("vector_bl", mass, coupling) > 0).all()


@given(mass=masses, coupling=couplings)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_rates_are_not_negative(interaction: str, mass: float, coupling: float) -> None:
    total = STANDARD + new_physics(interaction, mass, coupling)
    # a sum that cancels may miss zero by rounding
    assert (total >= -1e-12 * STANDARD).all()


@given(mass=masses, coupling=couplings)
@pytest.mark.parametrize("interaction", WITHOUT_INTERFERENCE)
def test_without_interference_rates_go_with_the_fourth_power(interaction: str, mass: float, coupling: float) -> None:
    added = new_physics(interaction, mass, coupling)
    assert (added > 0).all()
    np.testing.assert_allclose(new_physics(interaction, mass, 3 * coupling), 81 * added, rtol=1e-12)


@given(coupling=couplings)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_heavy_mediator_is_a_contact_interaction(interaction: str, coupling: float) -> None:
    # 2 m T / M^2 is below 1e-6
    near, far = new_physics(interaction, 1e5, coupling), new_physics(interaction, 1e7, 100 * coupling)
    np.testing.assert_allclose(near, far, rtol=1e-6)


@given(coupling=couplings)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_light_mediator_has_no_mass(interaction: str, coupling: float) -> None:
    # M^2 / 2 m T is below 1e-6
    near, far = new_physics(interaction, 3e-3, coupling), new_physics(interaction, 1e-6, coupling)
    assert (np.abs(near - far) <= 1e-5 * np.maximum(np.abs(far), STANDARD)).all()


def test_scalar_charge_per_nucleon() -> None:
    # Eq. (9) with f_T set B of arXiv:1506.04142: c_p and c_n from an independent calculation
    expected = load_target("xenon").Z * 17.0758 + load_target("xenon").N * 17.0876
    np.testing.assert_allclose(scalar_charge(load_target("xenon"), "B"), expected, rtol=1e-5)


def test_scalar_rate_goes_with_the_charge_squared() -> None:
    ratio = new_physics("scalar", 10.0, 1e-5, coupling_set="A") / new_physics("scalar", 10.0, 1e-5, coupling_set="B")
    charges = (scalar_charge(load_target("xenon"), "A") / scalar_charge(load_target("xenon"), "B")) ** 2
    assert charges.min() <= ratio.min()
    assert ratio.max() <= charges.max()
    assert charges.min() > 1.05


def test_longitudinal_factor_scales_one_part_of_the_tensor() -> None:
    rates = {}
    for factor in (1, 4):
        rates[factor] = new_physics("tensor", 10.0, 1.0, longitudinal_factor=factor)
    longitudinal = (rates[4] - rates[1]) / 3
    assert (longitudinal > 0).all()
    assert (longitudinal < rates[1]).all()


def test_unknown_coupling_set() -> None:
    assert coupling_sets() == ("A", "B", "C", "D", "E")
    with pytest.raises(SpecBuilderError, match="coupling set 'Z' is unknown, expected one of A, B, C, D, E"):
        scalar_charge(load_target("xenon"), "Z")
    with pytest.raises(SpecBuilderError, match="coupling set 'Z' is unknown"):
        scalar_terms(load_target("xenon"), np.array([1e-3]), "Z")


@given(u=st.floats(-2, 2), d=st.floats(-2, 2), nu=st.floats(-2, 2), x=st.floats(1e-12, 1e-8), mass=masses)
def test_a_vector_shifts_the_weak_charge(
    cross_section: CrossSection, u: float, d: float, nu: float, x: float, mass: float
) -> None:
    nucleus, T, energy = isotope(131), np.array([1e-3]), 14.0
    m = float(nucleus.mass_MeV[0, 0])
    charge = nu * ((2 * u + d) * 54 + (u + 2 * d) * 77)
    assert vector_charge(nucleus, u, d, nu)[0, 0] == pytest.approx(charge, rel=1e-9, abs=1e-9)
    shift = charge * x / (np.sqrt(2) * FERMI_CONSTANT * (mass**2 + 2 * m * 1e-3))
    before = float(weak_charge(nucleus)[0, 0])
    standard = cross_section(standard_model_terms(nucleus, T), nucleus, mass, 1e-3, 0.0, energy)
    added = cross_section(vector_terms(nucleus, T, u, d, nu), nucleus, mass, 1e-3, x, energy)
    expected = ((before + shift) ** 2 / before**2 - 1) * standard
    assert added == pytest.approx(expected, rel=1e-8, abs=1e-10 * abs(standard))


@pytest.mark.parametrize(("u", "d", "per_proton", "per_neutron"), [(1, 0, 2, 1), (0, 1, 1, 2)])
@given(epsilon=st.floats(-1, 1))
def test_a_contact_interaction_shifts_the_weak_charge(
    cross_section: CrossSection, u: float, d: float, per_proton: int, per_neutron: int, epsilon: float
) -> None:
    nucleus, T, energy = isotope(131), np.array([1e-3]), 14.0
    before = float(weak_charge(nucleus)[0, 0])
    after = before + epsilon * (per_proton * 54 + per_neutron * 77)
    standard = cross_section(standard_model_terms(nucleus, T), nucleus, 0.0, 1e-3, 0.0, energy)
    added = cross_section(contact_terms(nucleus, T, u, d), nucleus, 0.0, 1e-3, epsilon, energy)
    assert standard + added == pytest.approx(standard * after**2 / before**2, rel=1e-9, abs=1e-12 * standard)
