"""Neutrino-electron scattering against its formula and an independent calculation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.physics import electron_scattering as electrons
from spec_builder.physics.constants import ELECTRON_MASS, FERMI_CONSTANT
from spec_builder.physics.interactions import STANDARD_MODEL, choose
from spec_builder.physics.rates import rate, rate_above
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.physics.conftest import CrossSection

TARGET = load_target("xenon_electrons_free")
FLAVOURS = ("nue", "numu", "numutau", "nuebar", "numubar")
TITLES = {"pp": "pp", "7be": "7Be", "pep": "pep", "13n": "13N", "15o": "15O", "17f": "17F", "8b": "8B"}

recoils = st.floats(1e-3, 0.2)
energies = st.floats(0.5, 12.0)
masses = st.floats(1e-3, 1e3)


def by_hand(vector: float, axial: float, recoil: float, energy: float) -> float:
    """dsigma/dT of Vogel and Engel for given couplings."""
    size = FERMI_CONSTANT**2 * ELECTRON_MASS / (2 * np.pi)
    left, right = (vector + axial) ** 2, (vector - axial) ** 2
    mixed = (vector**2 - axial**2) * ELECTRON_MASS * recoil / energy**2
    return float(size * (left + right * (1 - recoil / energy) ** 2 - mixed))


def standard(flavour: str) -> tuple[float, float]:
    vector = (0.5 if flavour.startswith("nue") else -0.5) + 2 * 0.23857
    return vector, 0.5 if flavour.startswith("nue") else -0.5


def sign(flavour: str) -> int:
    return -1 if flavour.endswith("bar") else 1


@pytest.mark.parametrize("flavour", FLAVOURS)
@given(recoil=recoils, energy=energies)
def test_standard_model(cross_section: CrossSection, flavour: str, recoil: float, energy: float) -> None:
    vector, axial = standard(flavour)
    found = electrons.standard_model_terms(TARGET, np.array([recoil]), flavour)
    expected = by_hand(vector, sign(flavour) * axial, recoil, energy)
    assert cross_section(found, TARGET, 0.0, recoil, 0.0, energy) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("flavour", FLAVOURS)
@given(angle=st.floats(0, 1), recoil=recoils, energy=energies)
def test_weak_mixing_angle(
    cross_section: CrossSection, flavour: str, angle: float, recoil: float, energy: float
) -> None:
    T = np.array([recoil])
    polynomial = electrons.weak_mixing_angle_terms(TARGET, T, flavour)
    direct = electrons.standard_model_terms(TARGET, T, flavour, angle)
    expected = cross_section(direct, TARGET, 0.0, recoil, 0.0, energy)
    found = cross_section(polynomial, TARGET, 0.0, recoil, angle, energy)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12 * by_hand(1, 1, recoil, energy))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("kind", ["vector", "axial", "axial, other sign"])
@given(recoil=recoils, energy=energies, mass=masses, x=st.floats(1e-14, 1e-8))
def test_mediators_shift_the_couplings(
    cross_section: CrossSection, flavour: str, kind: str, recoil: float, energy: float, mass: float, x: float
) -> None:
    T = np.array([recoil])
    shift = x / (np.sqrt(2) * FERMI_CONSTANT * (mass**2 + 2 * ELECTRON_MASS * recoil))
    vector, axial = standard(flavour)
    before = by_hand(vector, sign(flavour) * axial, recoil, energy)
    if kind == "vector":
        terms = electrons.vector_terms(TARGET, T, flavour, e=-1, nu=-1)
        after = by_hand(vector + shift, sign(flavour) * axial, recoil, energy)
    else:
        turn = 1 if kind == "axial" else -1
        terms = electrons.axial_terms(TARGET, T, flavour, sign=turn)
        after = by_hand(vector, sign(flavour) * (axial + turn * shift), recoil, energy)
    found = cross_section(terms, TARGET, mass, recoil, x, energy)
    assert found == pytest.approx(after - before, rel=1e-8, abs=1e-11 * (before + after))


@given(recoil=recoils, energy=energies, mass=masses)
def test_scalar(cross_section: CrossSection, recoil: float, energy: float, mass: float) -> None:
    T, denominator = np.array([recoil]), mass**2 + 2 * ELECTRON_MASS * recoil
    nuclear = ELECTRON_MASS**2 * recoil / (4 * np.pi * energy**2 * denominator**2)
    for exact, factor in ((True, 1 + recoil / (2 * ELECTRON_MASS)), (False, 1.0)):
        terms = electrons.scalar_terms(TARGET, T, exact=exact)
        assert cross_section(terms, TARGET, mass, recoil, 1.0, energy) == pytest.approx(factor * nuclear, rel=1e-12)


def test_charges_of_the_electron_and_the_neutrino_multiply() -> None:
    T = np.array([0.01])
    one, other = electrons.vector_terms(TARGET, T, "nue", 1.0, 1.0), electrons.vector_terms(TARGET, T, "nue", 0.5, 2.0)
    for first, second in zip(one, other, strict=True):
        np.testing.assert_allclose(first.coefficients, second.coefficients, rtol=1e-14)


def test_solar_rates_against_an_independent_calculation(reference: Callable[[str], dict[str, Any]]) -> None:
    numbers = reference("electron_recoils")["rates"]
    source, target, T = load_source("solar"), load_target("xenon_electrons"), np.array(numbers["T_keV"])
    found = rate(source, target, STANDARD_MODEL, T)[:, 0, 0]
    for row, name in zip(found, source.names, strict=True):
        expected = numbers["standard_model"][TITLES[name]]
        total = np.array(expected["nu_e"]) + np.array(expected["nu_mu_tau"])
        np.testing.assert_allclose(row, total, rtol=5e-4)
    np.testing.assert_allclose(found.sum(axis=0), numbers["standard_model"]["total"], rtol=5e-4)


def test_solar_rates_flavour_by_flavour(reference: Callable[[str], dict[str, Any]]) -> None:
    numbers = reference("electron_recoils")["rates"]
    T = np.array(numbers["T_keV"]) * 1e-3
    target = load_target("xenon_electrons")
    minimum = (T + np.sqrt(T**2 + 2 * ELECTRON_MASS * T)) / 2
    units = target.per_tonne(T)[0] * 31557600.0 * (197.3269804e-13) ** 2 * 1e-3
    for component in load_source("solar").components:
        for (flavour, spectrum), key in zip(component.flavours(), ("nu_e", "nu_mu_tau"), strict=True):
            (term,) = electrons.standard_model_terms(target, T, flavour)
            found = units * np.sum(term.coefficients[:, 0] * spectrum.moments(minimum), axis=0)
            expected = numbers["standard_model"][TITLES[component.name]][key]
            np.testing.assert_allclose(found, expected, rtol=5e-4)


def test_solar_mediators_against_an_independent_calculation(reference: Callable[[str], dict[str, Any]]) -> None:
    numbers = reference("electron_recoils")["rates"]
    source, target, T = load_source("solar"), load_target("xenon_electrons"), np.array(numbers["T_keV"])
    assert {point["interaction"] for point in numbers["points"]} == {"vector", "scalar", "axial"}
    for point in numbers["points"]:
        polynomial = rate(source, target, choose(point["interaction"]), T, np.array([point["mass_MeV"]]))[:, :, 0]
        x = point["g"] ** 2
        by_component = dict(zip(source.names, np.tensordot(polynomial, [1, x, x**2], axes=(1, 0)), strict=True))
        groups = {"pp": ("pp",), "7be": ("7be",), "other": ("pep", "13n", "15o", "17f", "8b")}
        for group, names in groups.items():
            found = sum(by_component[name] for name in names)
            np.testing.assert_allclose(found, point["dRdT_total_with_sm"][group], rtol=5e-4)


def test_reactor_antineutrinos_against_an_independent_calculation(reference: Callable[[str], dict[str, Any]]) -> None:
    source, target = load_source("reactor"), load_target("csi_electrons")
    masses = reference("electron_recoils")["texono_vector_rate_over_sm"]
    values = np.array([float(mass) for mass in masses])
    standard_model = rate_above(source, target, STANDARD_MODEL, 3e3, upper_keV=8e3)[0, 0, 0]
    found = rate_above(source, target, choose("vector_bl"), 3e3, values, upper_keV=8e3)
    np.testing.assert_allclose(found[0, 1:].T / standard_model, list(masses.values()), rtol=1e-4)


def test_reactor_events_are_those_of_texono() -> None:
    # 414/1.08 = 383 events of the Standard Model in 29882 kg d, arXiv:0911.1597, at a flux known to some percent
    found = rate_above(load_source("reactor"), load_target("csi_electrons"), STANDARD_MODEL, 3e3, upper_keV=8e3)
    assert found[0, 0, 0] * 29.882 / 365.25 == pytest.approx(383, rel=0.05)
