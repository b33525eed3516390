"""The solar flux and its truncated moments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from spec_builder.physics.flux import SolarFlux, SpectrumComponent, solar_flux

B8, HEP = solar_flux(hep=True).components


def numerical_moment(component: SpectrumComponent, order: int, minimum: float) -> float:
    """Integral of phi(E) E^-order from ``minimum`` over the table, split at its rows."""
    energy, flux = component.energy_MeV, component.flux
    low = max(minimum, energy[0])
    rows = energy[(energy > low) & (energy < energy[-1])]

    def integrand(E: float) -> float:
        return float(np.interp(E, energy, flux)) * E**-order

    value, _ = quad(integrand, low, energy[-1], points=rows, limit=4 * energy.size, epsabs=0.0, epsrel=1e-12)
    return float(value)


@pytest.mark.parametrize("order", [0, 1, 2])
# at 0, below the table, at its start, on a row, between rows, near the end
@pytest.mark.parametrize("minimum", [0.0, 0.013, 0.02, 7.0, 9.8765, 16.39])
def test_moments_equal_numerical_integrals(minimum: float, order: int) -> None:
    moment = B8.moments(np.array([minimum]))[order, 0]
    assert moment == pytest.approx(numerical_moment(B8, order, minimum), rel=1e-9)


@pytest.mark.parametrize("minimum", [16.56, 17.0, 1e3])
def test_moments_above_the_table_vanish(minimum: float) -> None:
    assert (B8.moments(np.array([minimum])) == 0).all()


@pytest.mark.parametrize("order", [0, 1, 2])
def test_hep_moments_equal_numerical_integrals(order: int) -> None:
    moment = HEP.moments(np.array([12.345]))[order, 0]
    assert moment == pytest.approx(numerical_moment(HEP, order, 12.345), rel=1e-9)


def test_moments_of_a_constant_flux() -> None:
    flat = SpectrumComponent(np.array([1.0, 2.0, 4.0]), np.full(3, 5.0), B8.table)
    expected = [5 * (4 - 1.5), 5 * np.log(4 / 1.5), 5 * (1 / 1.5 - 1 / 4)]
    np.testing.assert_allclose(flat.moments(np.array([1.5]))[:, 0], expected, rtol=1e-14)


def test_moments_keep_the_shape_of_their_argument() -> None:
    minimum = np.array([[1.0, 5.0, 9.0], [2.0, 6.0, 20.0]])
    moments = B8.moments(minimum)
    assert moments.shape == (3, 2, 3)
    np.testing.assert_array_equal(moments[:, 1, 0], B8.moments(np.array([2.0]))[:, 0])


def test_branches_add() -> None:
    minimum = np.array([0.0, 8.0, 17.0])
    both = SolarFlux((B8, HEP)).moments(minimum)
    np.testing.assert_allclose(both, B8.moments(minimum) + HEP.moments(minimum), rtol=1e-15)


def test_fluxes_of_the_standard_solar_model() -> None:
    # B16-GS98, Vinyoles et al., ApJ 835 (2017) 202
    assert solar_flux().total == pytest.approx(5.46e6, rel=1e-9)
    assert solar_flux(hep=True).total - solar_flux().total == pytest.approx(7.98e3, rel=1e-9)


@pytest.mark.parametrize("hep", [False, True])
def test_no_flux_above_the_endpoint_and_some_just_below(hep: bool) -> None:
    flux = solar_flux(hep=hep)
    below, above = flux.moments(np.array([flux.endpoint_MeV - 0.01, flux.endpoint_MeV]))[0]
    assert below > 0 == above
