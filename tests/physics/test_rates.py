"""Kinematics and integrals of the recoil rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import spherical_jn

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.constants import FERMI_CONSTANT
from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE, choose, shipped_interactions
from spec_builder.physics.rates import (
    flux_averaged_cross_section,
    maximum_recoil_energy_keV,
    minimum_neutrino_energy,
    rate,
    rate_above,
)
from spec_builder.physics.sources import load_source, shipped_sources
from spec_builder.physics.spectra import TableSpectrum
from spec_builder.physics.targets import load_target, shipped_targets

B8, XENON = load_source("solar_8b"), load_target("xenon")
NUCLEI = ("argon", "germanium", "silicon", "xenon")


@given(recoil=st.floats(1e-7, 1e-1), mass=st.floats(1e3, 2e5))
def test_minimum_energy_gives_the_recoil_head_on(recoil: float, mass: float) -> None:
    energy = minimum_neutrino_energy(np.array([mass]), np.array([recoil]))
    np.testing.assert_allclose(2 * energy**2 / (mass + 2 * energy), recoil, rtol=1e-12)


@pytest.mark.parametrize("target", ["xenon", "argon", "xenon_electrons"])
@pytest.mark.parametrize("source", ["solar_8b", "solar_hep", "sns"])
def test_no_recoils_beyond_the_kinematic_end(source: str, target: str) -> None:
    neutrinos, scatterers = load_source(source), load_target(target)
    end = maximum_recoil_energy_keV(neutrinos, scatterers)
    recoils = end * np.array([1 - 1e-4, 1 + 1e-9])
    inside, outside = rate(neutrinos, scatterers, STANDARD_MODEL, recoils)[:, 0, 0].sum(axis=0)
    assert inside > 0
    assert outside == 0


def brute_force(source: str, target: str, T: float) -> float:
    """Eqs. (1), (2), (3) and (11) at a recoil T [MeV], written out anew and integrated over the neutrino energy."""
    (component,) = load_source(source).components
    spectrum, nuclei = component.spectrum, load_target(target)
    assert isinstance(spectrum, TableSpectrum)
    total = 0.0
    for Z, A, m, number in zip(
        nuclei.Z[:, 0], nuclei.A[:, 0], nuclei.mass_MeV[:, 0], nuclei.targets_per_tonne[:, 0], strict=True
    ):
        q = np.sqrt(2 * m * T) / 197.3269804
        x = q * 1.23 * A ** (1 / 3)
        factor = 3 * spherical_jn(1, x) / x / (1 + (0.7 * q) ** 2)
        charge = Z * (0.5 - 2 * 0.23857) - (A - Z) / 2
        size = FERMI_CONSTANT**2 * m / np.pi * charge**2 * factor**2
        lowest = (T + np.sqrt(T**2 + 2 * m * T)) / 2
        end = float(spectrum.energy_MeV[-1])
        rows = spectrum.energy_MeV[(spectrum.energy_MeV > lowest) & (spectrum.energy_MeV < end)]

        def integrand(E: float, m: float = m, size: float = size) -> float:
            flux = float(np.interp(E, spectrum.energy_MeV, spectrum.flux))
            return flux * size * (1 - m * T / (2 * E**2) - T / E)

        if lowest < end:
            integral, _ = quad(integrand, lowest, end, points=rows, limit=4000, epsrel=1e-10)
            total += number * integral
    # MeV^-2 -> cm^2 with hbar c, MeV -> keV, s -> yr
    return total * (197.3269804e-13) ** 2 * 1e-3 * 365.25 * 86400


@pytest.mark.parametrize("source", ["solar_8b", "solar_hep"])
@pytest.mark.parametrize(("target", "recoil"), [("xenon", 1.1), ("argon", 4.0), ("germanium", 2.5), ("silicon", 7.0)])
def test_rate_is_the_integral_of_equation_1(source: str, target: str, recoil: float) -> None:
    found = rate(load_source(source), load_target(target), STANDARD_MODEL, np.array([recoil]))[0, 0, 0, 0]
    assert found == pytest.approx(brute_force(source, target, recoil * 1e-3), rel=1e-8)


@pytest.mark.parametrize("name", [i.name for i in shipped_interactions()])
@pytest.mark.parametrize("target", ["xenon", "argon", "csi", "xenon_electrons"])
@pytest.mark.parametrize("source", ["solar", "sns"])
def test_shapes_and_the_standard_model_inside(name: str, target: str, source: str) -> None:
    choice, neutrinos, scatterers = choose(name), load_source(source), load_target(target)
    energies = np.array([2.0, 5.0])
    masses = np.array([0.1, 10.0, np.inf]) if choice.has_mediator else None
    if not choice.acts_on(scatterers):
        with pytest.raises(SpecBuilderError, match=f"'{name}' has no cross section on target 'xenon_electrons'"):
            rate(neutrinos, scatterers, choice, energies, masses)
        return
    found = rate(neutrinos, scatterers, choice, energies, masses)
    assert found.shape == (len(neutrinos.components), 3, 3 if choice.has_mediator else 1, 2)
    assert np.isfinite(found).all()
    standard = rate(neutrinos, scatterers, STANDARD_MODEL, energies)
    np.testing.assert_array_equal(found[:, 0], np.broadcast_to(standard[:, 0], found[:, 0].shape))
    if target == "argon" and name in ("axial", "tensor"):
        assert (found[:, 1:] == 0).all()
    elif source == "sns" or target == "xenon_electrons":
        assert (found[:, 1:] != 0).any()


@pytest.mark.parametrize("target", ["germanium", "silicon"])
@pytest.mark.parametrize("name", ["axial", "tensor"])
def test_spin_without_a_table_is_refused(name: str, target: str) -> None:
    with pytest.raises(SpecBuilderError, match=f"target '{target}' has no spin structure of the isotope"):
        rate(B8, load_target(target), choose(name), np.ones(1), np.ones(1))


@pytest.mark.parametrize("target", ["xenon", "xenon_electrons"])
@pytest.mark.parametrize("name", [i.name for i in shipped_interactions() if i.has_mediator])
def test_infinite_mass_is_the_contact_limit(name: str, target: str) -> None:
    scatterers, choice, T = load_target(target), choose(name), np.array([1.0, 2.0])
    if not choice.acts_on(scatterers):
        return
    heavy, contact = np.moveaxis(rate(B8, scatterers, choice, T, np.array([1e5, np.inf]))[0], 1, 0)
    # x = g^2 -> (g/m)^2
    np.testing.assert_allclose(heavy[1] * 1e5**2, contact[1], rtol=1e-7)
    np.testing.assert_allclose(heavy[2] * 1e5**4, contact[2], rtol=1e-7)


def test_weak_mixing_angle_at_its_value_is_the_standard_model() -> None:
    for target, source in (("xenon", "solar_8b"), ("xenon_electrons", "solar"), ("csi", "sns")):
        neutrinos, scatterers, T = load_source(source), load_target(target), np.array([1.5, 2.0])
        angle = rate(neutrinos, scatterers, WEAK_MIXING_ANGLE, T)
        standard = rate(neutrinos, scatterers, STANDARD_MODEL, T)[:, 0]
        np.testing.assert_allclose(np.tensordot(0.23857 ** np.arange(3), angle, axes=(0, 1)), standard, rtol=1e-11)


def test_a_fluence_has_no_year() -> None:
    source, target = load_source("sns"), load_target("csi")
    events = rate_above(source, target, STANDARD_MODEL, 0.0)[:, 0, 0].sum()
    section = flux_averaged_cross_section(source, target)
    # 178.97e-40 cm^2 per nucleus of CsI, averaged over the three flavours: a sum over 1500 energies with Eqs. (1)-(3)
    # written anew (an earlier calculation had 178.69e-40)
    assert section == pytest.approx(178.97e-40, rel=1e-4, abs=0)
    assert events == pytest.approx(section * source.total * target.targets_per_tonne.sum(), rel=1e-12)


@pytest.mark.parametrize("target", NUCLEI)
def test_hep_neutrinos_are_another_component(target: str) -> None:
    T, scatterers = np.array([0.5, 2.0]), load_target(target)
    both = rate(load_source("solar_8b_hep"), scatterers, STANDARD_MODEL, T)
    np.testing.assert_array_equal(both[0], rate(B8, scatterers, STANDARD_MODEL, T)[0])
    np.testing.assert_array_equal(both[1], rate(load_source("solar_hep"), scatterers, STANDARD_MODEL, T)[0])


def test_form_factor_is_an_option_of_the_target() -> None:
    T = np.array([3.0])
    usual = rate(B8, XENON, STANDARD_MODEL, T)[0, 0, 0, 0]
    helm = rate(B8, XENON.with_form_factor("helm"), STANDARD_MODEL, T)[0, 0, 0, 0]
    assert 1e-4 < abs(helm / usual - 1) < 0.03


@given(edges=st.lists(st.floats(0.0, 4.0), min_size=2, max_size=2, unique=True).map(sorted))
def test_windows_add(edges: list[float]) -> None:
    low, high = edges
    whole = rate_above(B8, XENON, STANDARD_MODEL, low)[0, 0, 0]
    first = rate_above(B8, XENON, STANDARD_MODEL, low, upper_keV=high)[0, 0, 0]
    parts = first + rate_above(B8, XENON, STANDARD_MODEL, high)[0, 0, 0]
    assert parts == pytest.approx(whole, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(
    ("source", "target", "low", "high"),
    [("solar_8b", "xenon", 0.5, 2.0), ("sns", "csi", 10.0, 20.0), ("solar", "xenon_electrons", 1.0, 30.0)],
)
def test_window_integral_against_dense_sum(source: str, target: str, low: float, high: float) -> None:
    """Lines of the source and shells of the target lie inside two of the windows."""
    neutrinos, scatterers = load_source(source), load_target(target)
    edges = np.linspace(low, high, 200_001)
    middles = (edges[1:] + edges[:-1]) / 2
    dense = rate(neutrinos, scatterers, STANDARD_MODEL, middles)[:, 0, 0].sum() * (edges[1] - edges[0])
    found = rate_above(neutrinos, scatterers, STANDARD_MODEL, low, upper_keV=high)[:, 0, 0].sum()
    assert found == pytest.approx(dense, rel=2e-6)


def test_window_beyond_the_end_is_empty() -> None:
    assert rate_above(B8, XENON, STANDARD_MODEL, 10.0)[0, 0, 0] == 0
    whole = rate_above(B8, XENON, STANDARD_MODEL, 1.0)
    np.testing.assert_array_equal(rate_above(B8, XENON, STANDARD_MODEL, 1.0, upper_keV=50.0), whole)


def test_cross_section_does_not_depend_on_the_size_of_the_flux() -> None:
    twice = replace(B8, components=tuple(component.scaled(2.0) for component in B8.components))
    assert flux_averaged_cross_section(twice, XENON) == pytest.approx(flux_averaged_cross_section(B8, XENON), rel=1e-12)


def test_reactor_neutrinos_below_its_range_are_refused() -> None:
    reactor, electrons = load_source("reactor"), load_target("csi_electrons")
    message = "source 'reactor' is known from 2 MeV: the recoils asked for need neutrinos from 1.21 MeV"
    with pytest.raises(SpecBuilderError, match=message):
        rate(reactor, electrons, STANDARD_MODEL, np.array([1000.0, 3000.0]))
    with pytest.raises(SpecBuilderError, match="source 'reactor' is known from 2 MeV"):
        rate_above(reactor, load_target("germanium"), STANDARD_MODEL, 0.05)
    assert rate(reactor, electrons, STANDARD_MODEL, np.array([2000.0]))[0, 0, 0, 0] > 0


@pytest.mark.parametrize("energies", [[0.0], [-1.0, 1.0], [np.nan], [np.inf], [[1.0]]])
def test_recoil_energies_are_positive(energies: list[float]) -> None:
    with pytest.raises(SpecBuilderError, match="recoil energies must be a list of positive numbers"):
        rate(B8, XENON, STANDARD_MODEL, np.array(energies))


@pytest.mark.parametrize("masses", [[-1.0], [np.nan], [[1.0, 2.0]]])
def test_masses_are_not_negative(masses: list[float]) -> None:
    with pytest.raises(SpecBuilderError, match="mediator masses must be a list of numbers >= 0 or inf"):
        rate(B8, XENON, choose("scalar"), np.ones(1), np.array(masses))


def test_a_mass_is_given_where_there_is_a_mediator() -> None:
    with pytest.raises(SpecBuilderError, match="interaction 'scalar' has a mediator: give its mass"):
        rate(B8, XENON, choose("scalar"), np.ones(1))
    with pytest.raises(SpecBuilderError, match="interaction 'nsi' has no mediator: masses do not apply"):
        rate(B8, XENON, choose("nsi"), np.ones(1), np.ones(1))


def test_every_source_on_every_target() -> None:
    for source in shipped_sources():
        for target in shipped_targets():
            scatterers = load_target(target)
            energies = np.array([3000.0]) if scatterers.kind == "electron" else np.array([1.0])
            if source == "reactor" and target in ("argon", "silicon"):
                energies = np.array([2.0])
            found = rate(load_source(source), scatterers, STANDARD_MODEL, energies)
            assert found.sum() > 0, (source, target)
