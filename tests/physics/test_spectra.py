"""Moments and nodes of every kind of spectrum against integrals over the neutrino energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from spec_builder.physics.constants import MUON_MASS
from spec_builder.physics.sources import load_source
from spec_builder.physics.spectra import FissionSpectrum, LineSpectrum, MuonDecaySpectrum, TableSpectrum

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray

SOLAR = load_source("solar")
B8 = load_source("solar_8b").components[0].spectrum
HEP = load_source("solar_hep").components[0].spectrum
TABLES = {
    "8b": B8,
    "hep": HEP,
    **{name: SOLAR.component(name).spectrum for name in ("pp", "13n", "15o", "17f")},
    "pp that arrive as nue": SOLAR.component("pp").flavours()[0][1],
    "8b that arrive as others": SOLAR.component("8b").flavours()[1][1],
}
SNS = load_source("sns")
REACTOR = load_source("reactor").components[0].spectrum
assert isinstance(REACTOR, FissionSpectrum)


def integral(
    flux: Callable[[float], float], order: int, minimum: float, end: float, points: FloatArray | None = None
) -> float:
    """Integral of phi(E) E^-order by quadrature."""
    value, _ = quad(lambda E: flux(E) * E**-order, minimum, end, points=points, limit=4000, epsabs=0.0, epsrel=1e-12)
    return float(value)


def table_moment(table: TableSpectrum, order: int, minimum: float) -> float:
    """The same over a table, split at its rows."""
    energy = table.energy_MeV
    low = max(minimum, float(energy[0]))
    rows = energy[(energy > low) & (energy < energy[-1])]
    return integral(lambda E: float(np.interp(E, energy, table.flux)), order, low, float(energy[-1]), rows)


@pytest.mark.parametrize("order", [0, 1, 2])
# at 0, below the table, at its start, on a row, between rows, near the end
@pytest.mark.parametrize("minimum", [0.0, 0.013, 0.02, 7.0, 9.8765, 16.35])
def test_moments_of_a_table(minimum: float, order: int) -> None:
    assert isinstance(B8, TableSpectrum)
    assert B8.moments(np.array([minimum]))[order, 0] == pytest.approx(table_moment(B8, order, minimum), rel=1e-9)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", TABLES)
def test_moments_of_every_shipped_table(name: str, order: int) -> None:
    table = TABLES[name]
    assert isinstance(table, TableSpectrum)
    for share in (0.1, 0.61):
        minimum = share * table.endpoint_MeV
        found = table.moments(np.array([minimum]))[order, 0]
        assert found == pytest.approx(table_moment(table, order, minimum), rel=1e-9)


@pytest.mark.parametrize("minimum", [16.56, 17.0, 1e3])
def test_moments_above_the_table_vanish(minimum: float) -> None:
    assert (B8.moments(np.array([minimum])) == 0).all()


def test_moments_of_a_constant_flux() -> None:
    flat = TableSpectrum(np.array([1.0, 2.0, 4.0]), np.full(3, 5.0))
    expected = [5 * (4 - 1.5), 5 * np.log(4 / 1.5), 5 * (1 / 1.5 - 1 / 4)]
    np.testing.assert_allclose(flat.moments(np.array([1.5]))[:, 0], expected, rtol=1e-14)
    assert flat.endpoint_MeV == 4
    assert flat.times(np.zeros(flat.energy_MeV.size)).endpoint_MeV == flat.energy_MeV[0]


def test_moments_keep_the_shape_of_their_argument() -> None:
    minimum = np.array([[1.0, 5.0, 9.0], [2.0, 6.0, 20.0]])
    for component in (*SOLAR.components, *SNS.components):
        moments = component.moments(minimum)
        assert moments.shape == (3, 2, 3)
        np.testing.assert_allclose(moments[:, 1, 0], component.moments(np.array([2.0]))[:, 0], rtol=1e-14)


@given(minimum=st.floats(0.0, 2.0))
def test_moments_of_lines(minimum: float) -> None:
    lines = LineSpectrum(np.array([0.3843, 0.8613]), np.array([2.0, 3.0]))
    for order in range(3):
        expected = sum(f * E**-order for E, f in ((0.3843, 2.0), (0.8613, 3.0)) if minimum < E)
        assert lines.moments(np.array([minimum]))[order, 0] == pytest.approx(expected, rel=1e-14)


def test_a_line_is_as_good_as_a_narrow_table() -> None:
    narrow = TableSpectrum(np.array([0.8612, 0.8613, 0.8614]), np.array([0.0, 1e4, 0.0]))
    line = LineSpectrum(np.array([0.8613]), np.array([1.0]))
    minimum = np.array([0.1, 0.8, 0.9])
    np.testing.assert_allclose(line.moments(minimum), narrow.moments(minimum), rtol=1e-7)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("minimum", [1e-3, 1.0, 29.8, 52.0])
@pytest.mark.parametrize("flavour", ["nue", "numubar"])
def test_moments_of_muon_decay(flavour: str, minimum: float, order: int) -> None:
    def flux(E: float) -> float:
        if flavour == "nue":
            return 192 * E**2 / MUON_MASS**3 * (0.5 - E / MUON_MASS)
        return 64 * E**2 / MUON_MASS**3 * (0.75 - E / MUON_MASS)

    spectrum = MuonDecaySpectrum(flavour, 7.0)
    expected = 7 * integral(flux, order, minimum, MUON_MASS / 2)
    assert spectrum.moments(np.array([minimum]))[order, 0] == pytest.approx(expected, rel=1e-9)


def test_muon_decay_ends_at_half_the_muon_mass() -> None:
    spectrum = MuonDecaySpectrum("nue", 7.0)
    assert spectrum.moments(np.zeros(1))[0, 0] == pytest.approx(7.0, rel=1e-14)
    assert (spectrum.moments(np.array([MUON_MASS / 2, 60.0])) == 0).all()


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("minimum", [2.0, 3.3, 5.5, 9.9])
def test_moments_of_fission(minimum: float, order: int) -> None:
    def flux(E: float) -> float:
        powers = E ** np.arange(6)
        # Huber, arXiv:1106.0687; Mueller et al., arXiv:1101.2663
        coefficients = {
            0.55: (4.367, -4.577, 2.1, -0.5294, 0.06186, -0.002777),
            0.07: (0.4833, 0.1927, -0.1283, -0.006762, 0.002233, -0.0001536),
            0.32: (4.757, -5.392, 2.563, -0.6596, 0.0782, -0.003536),
            0.06: (2.99, -2.882, 1.278, -0.3343, 0.03905, -0.001754),
        }
        return 8.84e11 * sum(f * float(np.exp(powers @ np.array(c))) for f, c in coefficients.items())

    expected = integral(flux, order, minimum, 10.0)
    assert REACTOR.moments(np.array([minimum]))[order, 0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "spectrum",
    [*TABLES.values(), SOLAR.component("7be").spectrum, *(c.spectrum for c in SNS.components), REACTOR],
    ids=[*TABLES, "7be", *SNS.names, "reactor"],
)
@pytest.mark.parametrize("share", [0.02, 0.33, 0.6])
def test_nodes_integrate_what_the_moments_do(spectrum: TableSpectrum, share: float) -> None:
    minimum = np.array([[share], [1.1 * share + 1e-3]]) * spectrum.endpoint_MeV
    energy, weight = spectrum.nodes(minimum)
    assert energy.shape == weight.shape
    assert energy.shape[1:] == minimum.shape
    found = np.stack([np.sum(weight * energy**-order, axis=0) for order in (0.0, 1.0, 2.0)])
    # the first rows of a table span a factor 2 in energy and more
    np.testing.assert_allclose(found, spectrum.moments(minimum), rtol=1e-5 if share < 0.1 else 1e-8)
    used = weight > 0
    assert (energy[used] >= np.broadcast_to(minimum, energy.shape)[used]).all()


@pytest.mark.parametrize("hep", [False, True])
def test_no_flux_above_the_endpoint_and_some_just_below(hep: bool) -> None:
    spectrum = HEP if hep else B8
    below, above = spectrum.moments(np.array([spectrum.endpoint_MeV - 0.01, spectrum.endpoint_MeV]))[0]
    assert below > 0 == above
