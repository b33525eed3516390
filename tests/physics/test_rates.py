"""Kinematics and integrals of the recoil rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from spec_builder.physics.constants import FERMI_CONSTANT, SIN2_THETA_W
from spec_builder.physics.flux import SolarFlux, solar_flux
from spec_builder.physics.interactions import standard_model_terms
from spec_builder.physics.nuclei import klein_nystrand_form_factor, momentum_transfer, xenon
from spec_builder.physics.recoil import (
    flux_averaged_cross_section,
    maximum_recoil_energy_keV,
    minimum_neutrino_energy,
    rate_above,
    rate_polynomial,
)


@given(recoil=st.floats(1e-7, 1e-1), mass=st.floats(1e3, 2e5))
def test_minimum_energy_gives_the_recoil_head_on(recoil: float, mass: float) -> None:
    energy = minimum_neutrino_energy(np.array([mass]), np.array([recoil]))
    np.testing.assert_allclose(2 * energy**2 / (mass + 2 * energy), recoil, rtol=1e-12)


def test_no_recoils_beyond_the_kinematic_end() -> None:
    end = maximum_recoil_energy_keV()
    inside, outside = rate_polynomial(standard_model_terms, end * np.array([1 - 1e-4, 1 + 1e-9]))[0, 0]
    assert inside > 0
    assert outside == 0


def test_rate_is_the_integral_of_equation_1() -> None:
    """Eqs. (1) and (11) integrated over the neutrino energy by brute force."""
    nuclei, T = xenon(), 1.1e-3
    (component,) = solar_flux().components
    form_factor = klein_nystrand_form_factor(nuclei, momentum_transfer(nuclei, np.array([T])))[:, 0]
    expected = 0.0
    for i, m in enumerate(nuclei.mass_MeV[:, 0]):
        charge = (1 - 4 * SIN2_THETA_W) / 2 * nuclei.Z[i, 0] - nuclei.N[i, 0] / 2
        size = FERMI_CONSTANT**2 * m / np.pi * charge**2 * form_factor[i] ** 2

        def integrand(E: float, m: float = m, size: float = size) -> float:
            flux = float(np.interp(E, component.energy_MeV, component.flux))
            return flux * size * (1 - m * T / (2 * E**2) - T / E)

        lowest = (T + np.sqrt(T**2 + 2 * m * T)) / 2
        rows = component.energy_MeV[(component.energy_MeV > lowest) & (component.energy_MeV < 16.56)]
        integral, _ = quad(integrand, lowest, 16.56, points=rows, limit=1000, epsrel=1e-10)
        expected += nuclei.targets_per_tonne[i, 0] * integral
    # MeV^-2 -> cm^2 with hbar c, MeV -> keV, s -> yr
    expected *= (197.3269804e-13) ** 2 * 1e-3 * 365.25 * 86400
    assert rate_polynomial(standard_model_terms, np.array([1.1]))[0, 0, 0] == pytest.approx(expected, rel=1e-8)


@given(edges=st.lists(st.floats(0.0, 4.0), min_size=2, max_size=2, unique=True).map(sorted))
def test_windows_add(edges: list[float]) -> None:
    low, high = edges
    whole = rate_above(low)[0, 0]
    parts = rate_above(low, upper_keV=high)[0, 0] + rate_above(high)[0, 0]
    assert parts == pytest.approx(whole, rel=1e-8, abs=1e-9)


def test_window_integral_against_dense_sum() -> None:
    energies = np.linspace(0.5, 2.0, 20_001)
    rate = rate_polynomial(standard_model_terms, energies)[0, 0]
    assert rate_above(0.5, upper_keV=2.0)[0, 0] == pytest.approx(np.trapezoid(rate, energies), rel=1e-7)


def test_window_beyond_the_end_is_empty() -> None:
    assert rate_above(10.0)[0, 0] == 0
    assert rate_above(1.0, upper_keV=50.0)[0, 0] == rate_above(1.0)[0, 0]


def test_hep_neutrinos_reach_further() -> None:
    both = solar_flux(hep=True)
    assert maximum_recoil_energy_keV(both) > 6 > maximum_recoil_energy_keV()
    assert rate_above(5.0, flux=both)[0, 0] > 0 == rate_above(5.0)[0, 0]


def test_cross_section_does_not_depend_on_the_size_of_the_flux() -> None:
    twice = SolarFlux(solar_flux().components * 2)
    assert flux_averaged_cross_section(twice) == pytest.approx(flux_averaged_cross_section(), rel=1e-12)
