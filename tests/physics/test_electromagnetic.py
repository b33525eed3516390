"""Magnetic moment and millicharge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from spec_builder.physics.constants import ELECTRON_MASS, FERMI_CONSTANT
from spec_builder.physics.electromagnetic import magnetic_moment_terms, millicharge_terms
from spec_builder.physics.electron_scattering import couplings
from spec_builder.physics.interactions import choose
from spec_builder.physics.rates import rate
from spec_builder.physics.sources import load_source
from spec_builder.physics.spectra import MuonDecaySpectrum, TableSpectrum
from spec_builder.physics.standard_model import standard_model_terms, weak_charge
from spec_builder.physics.targets import form_factor, load_target

if TYPE_CHECKING:
    from tests.physics.conftest import CrossSection

MUON = 105.6583755
ALPHA = 1 / 137.035999084
UNITS = (197.3269804e-13) ** 2 * 1e-3


def test_magnetic_moment_on_nuclei_by_quadrature() -> None:
    source, target, T = load_source("solar_8b"), load_target("argon"), 2e-3
    spectrum = source.components[0].spectrum
    assert isinstance(spectrum, TableSpectrum)
    expected = 0.0
    for row, m in enumerate(target.mass_MeV[:, 0]):
        lowest = (T + np.sqrt(T**2 + 2 * m * T)) / 2
        rows = spectrum.energy_MeV[(spectrum.energy_MeV > lowest) & (spectrum.energy_MeV < 16.36)]
        integral, _ = quad(
            lambda E: float(np.interp(E, spectrum.energy_MeV, spectrum.flux)) * (1 / T - 1 / E),
            lowest, 16.36, points=rows, limit=2000, epsrel=1e-11,
        )  # fmt: skip
        strength = np.pi * ALPHA**2 / ELECTRON_MASS**2 * (18 * form_factor(target, np.array([T]))[row, 0]) ** 2
        expected += target.targets_per_tonne[row, 0] * strength * integral
    expected *= 31557600.0 * UNITS
    found = rate(source, target, choose("magnetic_moment"), np.array([2.0]))[0, :, 0, 0]
    assert found[1] == pytest.approx(expected, rel=1e-9)
    assert found[2] == 0


def test_magnetic_moment_on_electrons_by_quadrature() -> None:
    source, target, T = load_source("sns"), load_target("csi_electrons"), 1.5
    lowest = (T + np.sqrt(T**2 + 2 * ELECTRON_MASS * T)) / 2
    found = rate(source, target, choose("magnetic_moment"), np.array([1500.0]))[:, 1, 0, 0]
    for row, component in zip(found[1:], source.components[1:], strict=True):
        spectrum = component.spectrum
        assert isinstance(spectrum, MuonDecaySpectrum)
        a, b = (96, 192) if component.flavour == "nue" else (48, 64)
        integral, _ = quad(
            lambda E, a=a, b=b: (a * E**2 / MUON**3 - b * E**3 / MUON**4) * (1 / T - 1 / E), lowest, MUON / 2
        )
        expected = np.pi * ALPHA**2 / ELECTRON_MASS**2 * integral * component.total
        expected *= float(target.targets_per_tonne[0, 0]) * UNITS
        assert row == pytest.approx(expected, rel=1e-9)


def test_magnetic_moment_is_the_same_for_all_flavours() -> None:
    target, T = load_target("xenon_electrons_free"), np.array([0.01])
    (term,) = magnetic_moment_terms(target, T)
    assert (term.order, term.propagator_power) == (1, 0)
    assert {choose("magnetic_moment").terms(target, T, f)[0].coefficients[0, 0, 0] for f in ("nue", "numubar")} == {
        term.coefficients[0, 0, 0]
    }


@given(charge=st.floats(-1e-6, 1e-6), recoil=st.floats(1e-5, 3e-3))
def test_millicharge_shifts_the_weak_charge(cross_section: CrossSection, charge: float, recoil: float) -> None:
    csi = load_target("csi")
    nucleus, T, energy = csi.rows(csi.Z[:, 0] == 55), np.array([recoil]), 25.0
    before = float(weak_charge(nucleus)[0, 0])
    m = float(nucleus.mass_MeV[0, 0])
    after = before + np.sqrt(2) * np.pi * ALPHA * 55 * charge / (FERMI_CONSTANT * m * recoil)
    standard = cross_section(standard_model_terms(nucleus, T), nucleus, 0.0, recoil, 0.0, energy)
    added = cross_section(millicharge_terms(nucleus, T, "nue"), nucleus, 0.0, recoil, charge, energy)
    expected = standard * (after**2 / before**2 - 1)
    assert added == pytest.approx(expected, rel=1e-8, abs=1e-10 * standard)


@pytest.mark.parametrize("flavour", ["nue", "numutau", "nuebar"])
@given(charge=st.floats(-1e-10, 1e-10), recoil=st.floats(1e-3, 0.2))
def test_millicharge_on_electrons(cross_section: CrossSection, flavour: str, charge: float, recoil: float) -> None:
    target, T, energy = load_target("xenon_electrons_free"), np.array([recoil]), 1.0
    vector, axial = couplings(flavour)
    shifted = vector - np.sqrt(2) * np.pi * ALPHA * charge / (FERMI_CONSTANT * ELECTRON_MASS * recoil)

    def by_hand(v: float) -> float:
        size = FERMI_CONSTANT**2 * ELECTRON_MASS / (2 * np.pi)
        right = (v - axial) ** 2 * (1 - recoil / energy) ** 2
        return float(size * ((v + axial) ** 2 + right - (v**2 - axial**2) * ELECTRON_MASS * recoil / energy**2))

    added = cross_section(millicharge_terms(target, T, flavour), target, 0.0, recoil, charge, energy)
    expected = by_hand(shifted) - by_hand(vector)
    assert added == pytest.approx(expected, rel=1e-8, abs=1e-11 * (by_hand(shifted) + by_hand(vector)))


def test_millicharge_is_a_massless_vector() -> None:
    """A vector of charges 2/3, -1/3 with g^2 Q_nu = 4 pi alpha q and no mass."""
    source, target, T = load_source("solar_8b"), load_target("xenon"), np.array([0.5, 2.0])
    photon = rate(source, target, choose("vector", u=2 / 3, d=-1 / 3, nu=1, e=-1), T, np.zeros(1))[0, :, 0]
    charge = rate(source, target, choose("millicharge"), T)[0, :, 0]
    np.testing.assert_allclose(charge[1], 4 * np.pi * ALPHA * photon[1], rtol=1e-12)
    np.testing.assert_allclose(charge[2], (4 * np.pi * ALPHA) ** 2 * photon[2], rtol=1e-12)
    electrons, T = load_target("xenon_electrons"), np.array([2.0, 50.0])
    source = load_source("solar")
    photon = rate(source, electrons, choose("vector", u=2 / 3, d=-1 / 3, nu=1, e=-1), T, np.zeros(1))[:, :, 0]
    charge = rate(source, electrons, choose("millicharge"), T)[:, :, 0]
    np.testing.assert_allclose(charge[:, 1], 4 * np.pi * ALPHA * photon[:, 1], rtol=1e-9, atol=1e-3)
