"""Energy spectra of neutrinos and their truncated moments.

I_k(E_min) = integral of phi(E) E^-k dE from E_min upwards, k = 0, 1, 2, is all that the flux integral of Eq. (11) of
arXiv:2411.11749 needs. A cross section that is not a polynomial in 1/E is summed on ``nodes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from spec_builder.physics.constants import MUON_MASS

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["FissionSpectrum", "LineSpectrum", "MuonDecaySpectrum", "Spectrum", "TableSpectrum"]

#: Nodes of the Gauss-Legendre rules inside a piece of a spectrum.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


class Spectrum(Protocol):
    """What every kind of spectrum can tell; energies in MeV, fluxes in cm^-2 s^-1 (fluences in cm^-2)."""

    @property
    def total(self) -> float:
        """Integral over all energies."""

    @property
    def endpoint_MeV(self) -> float:
        """Highest energy with a flux."""

    @property
    def breaks_MeV(self) -> FloatArray:
        """Energies where recoil spectra have a step or an end."""

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """I_k(E_min) for k = 0, 1, 2: shape (3, ...) for E_min of shape (...)."""

    def nodes(self, minimum_energy_MeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energies and weights, each (n, ...), with sum of w f(E) = integral of phi(E) f(E) from E_min upwards."""


@dataclass(frozen=True, eq=False)
class TableSpectrum:
    """A flux that is linear between the rows of a table and zero outside them.

    Attributes:
        energy_MeV: neutrino energies, increasing, shape (n,).
        flux: differential flux [cm^-2 s^-1 MeV^-1], shape (n,).
    """

    energy_MeV: FloatArray
    flux: FloatArray

    @cached_property
    def _segments(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Slopes (n-1,), intercepts (n-1,) and moments of all rows from each row upwards (3, n)."""
        energy, flux = self.energy_MeV, self.flux
        slope = np.diff(flux) / np.diff(energy)
        intercept = flux[1:] - slope * energy[1:]
        pieces = _linear_integrals(slope, intercept, energy[:-1], energy[1:])
        above = np.concatenate([np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1], np.zeros((3, 1))], axis=1)
        return slope, intercept, above

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Truncated moments, in closed form; see :class:`Spectrum`."""
        slope, intercept, above = self._segments
        lower = np.clip(minimum_energy_MeV, self.energy_MeV[0], self.energy_MeV[-1])
        segment = np.clip(np.searchsorted(self.energy_MeV, lower, side="right") - 1, 0, slope.size - 1)
        upper = self.energy_MeV[segment + 1]
        return above[:, segment + 1] + _linear_integrals(slope[segment], intercept[segment], lower, upper)

    @property
    def total(self) -> float:
        """Integral over the table."""
        return float(self.moments(np.zeros(1))[0, 0])

    @property
    def endpoint_MeV(self) -> float:
        """End of the last piece with a flux; the table's start where there is none."""
        some = np.flatnonzero(self.flux)
        after = int(some[-1]) + 1 if some.size else 0
        return float(self.energy_MeV[min(after, self.energy_MeV.size - 1)])

    @property
    def breaks_MeV(self) -> FloatArray:
        """The end."""
        return np.array([self.endpoint_MeV])

    def times(self, factor: FloatArray) -> TableSpectrum:
        """The spectrum with every row multiplied, factor (n,)."""
        return TableSpectrum(self.energy_MeV, self.flux * factor)

    def with_rows(self, energy_MeV: FloatArray, *, wider_MeV: float) -> TableSpectrum:
        """The same spectrum with rows at further energies, between rows that are farther apart than a width.

        Args:
            energy_MeV: increasing, shape (m,).
            wider_MeV: the width.
        """
        piece = np.searchsorted(self.energy_MeV, energy_MeV) - 1
        inside = (piece >= 0) & (piece < self.energy_MeV.size - 1)
        wide = np.diff(self.energy_MeV) > wider_MeV
        wanted = energy_MeV[inside][wide[piece[inside]]]
        rows = np.union1d(self.energy_MeV, wanted) if wanted.size else self.energy_MeV
        return TableSpectrum(rows, np.interp(rows, self.energy_MeV, self.flux))

    def nodes(self, minimum_energy_MeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Two nodes a piece where the rows are dense, eight elsewhere; see :class:`Spectrum`."""
        slope, intercept, _ = self._segments
        first = int(np.searchsorted(self.energy_MeV, np.min(minimum_energy_MeV), side="right")) - 1
        used = np.arange(slope.size) >= first
        used &= (self.flux[:-1] > 0) | (self.flux[1:] > 0)
        columns = (int(used.sum()), *(1,) * np.ndim(minimum_energy_MeV))
        low, high = self.energy_MeV[:-1][used].reshape(columns), self.energy_MeV[1:][used].reshape(columns)
        lower = np.clip(minimum_energy_MeV, low, high)
        # a rule of n points inside a piece of relative width h misses a part h^(2n) of a smooth cross section
        points = 2 if self.energy_MeV.size > 400 else 8
        roots, weights = np.polynomial.legendre.leggauss(points)
        shape = (points, *(1,) * lower.ndim)
        half = (high - lower) / 2
        energy = lower + half * (1 + roots.reshape(shape))
        flux = np.maximum(intercept[used].reshape(columns) + slope[used].reshape(columns) * energy, 0)
        weight = half * weights.reshape(shape) * flux
        rest = minimum_energy_MeV.shape
        return energy.reshape(-1, *rest), weight.reshape(-1, *rest)


def _linear_integrals(slope: FloatArray, intercept: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Integrals of (intercept + slope E) E^-k over [lower, upper], k = 0, 1, 2."""
    width, log = upper - lower, np.log(upper / lower)
    return np.stack(
        [
            width * (intercept + slope * (upper + lower) / 2),
            intercept * log + slope * width,
            intercept * width / (upper * lower) + slope * log,
        ]
    )


@dataclass(frozen=True, eq=False)
class LineSpectrum:
    """Neutrinos of a few sharp energies.

    Attributes:
        energy_MeV: shape (n,).
        flux: flux of each line [cm^-2 s^-1], shape (n,).
    """

    energy_MeV: FloatArray
    flux: FloatArray

    @property
    def total(self) -> float:
        """Flux of all lines."""
        return float(self.flux.sum())

    @property
    def endpoint_MeV(self) -> float:
        """Energy of the highest line."""
        return float(self.energy_MeV[self.flux > 0].max())

    @property
    def breaks_MeV(self) -> FloatArray:
        """The lines."""
        return self.energy_MeV

    def times(self, factor: FloatArray) -> LineSpectrum:
        """The lines with each flux multiplied, factor (n,)."""
        return LineSpectrum(self.energy_MeV, self.flux * factor)

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Sum over the lines above E_min; see :class:`Spectrum`."""
        energy, weight = self.nodes(minimum_energy_MeV)
        return np.stack([np.sum(weight * energy**-power, axis=0) for power in (0.0, 1.0, 2.0)])

    def nodes(self, minimum_energy_MeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The lines themselves; see :class:`Spectrum`."""
        columns = (self.energy_MeV.size, *(1,) * np.ndim(minimum_energy_MeV))
        energy, flux = self.energy_MeV.reshape(columns), self.flux.reshape(columns)
        above = minimum_energy_MeV < energy
        return np.broadcast_to(energy, above.shape), np.where(above, flux, 0.0)


@dataclass(frozen=True, eq=False)
class MuonDecaySpectrum:
    """phi = size (a E^2 - b E^3) up to M = m_mu/2: neutrinos of muons that decay at rest, in closed form.

    nu_e: a = 96/m_mu^3, b = 192/m_mu^4; anti-nu_mu: a = 48/m_mu^3, b = 64/m_mu^4 (the Michel spectra).

    Attributes:
        flavour: ``nue`` or ``numubar``.
        size: flux or fluence.
    """

    flavour: str
    size: float

    @property
    def _coefficients(self) -> tuple[float, float]:
        a, b = (96.0, 192.0) if self.flavour == "nue" else (48.0, 64.0)
        return a / MUON_MASS**3, b / MUON_MASS**4

    @property
    def total(self) -> float:
        """Integral over all energies."""
        return self.size

    @property
    def endpoint_MeV(self) -> float:
        """Half of the muon's mass."""
        return MUON_MASS / 2

    @property
    def breaks_MeV(self) -> FloatArray:
        """The end."""
        return np.array([self.endpoint_MeV])

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Truncated moments, in closed form; see :class:`Spectrum`."""
        a, b = self._coefficients
        end = self.endpoint_MeV
        low = np.clip(minimum_energy_MeV, 0.0, end)
        first, second = end - low, end**2 - low**2
        third, fourth = end**3 - low**3, end**4 - low**4
        return self.size * np.stack(
            [
                a * third / 3 - b * fourth / 4,
                a * second / 2 - b * third / 3,
                a * first - b * second / 2,
            ]
        )

    def nodes(self, minimum_energy_MeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gauss-Legendre on equal panels from E_min to the end; see :class:`Spectrum`."""
        a, b = self._coefficients
        energy, measure = _panels(minimum_energy_MeV, 0.0, self.endpoint_MeV, 8)
        return energy, measure * self.size * (a * energy**2 - b * energy**3)


def _panels(minimum_energy_MeV: FloatArray, start: float, end: float, panels: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights, each (8 panels, ...), of Gauss-Legendre rules from max(E_min, start) to the end."""
    lower = np.clip(minimum_energy_MeV, start, end)
    half = (end - lower) / (2 * panels)
    centres = 2 * np.arange(panels)[:, np.newaxis] + 1 + _NODES
    shape = (centres.size, *(1,) * lower.ndim)
    energy = lower + half * centres.reshape(shape)
    weights = np.tile(_WEIGHTS, panels).reshape(shape)
    return energy, half * weights


@dataclass(frozen=True, eq=False)
class FissionSpectrum:
    """phi = size sum_j fraction_j exp(sum_i c_ji E^i) between two energies: antineutrinos of a reactor.

    There is no closed form of the moments. They are Gauss-Legendre sums over pieces of half an MeV, exact to 1e-12:
    the whole pieces above E_min once, the piece that holds E_min each time.

    Attributes:
        fractions: share of the fissions of each isotope, shape (isotopes,).
        coefficients: c, shape (isotopes, powers).
        size: fissions [cm^-2 s^-1].
        start_MeV, endpoint_MeV: the energies that the description covers.
    """

    fractions: FloatArray
    coefficients: FloatArray
    size: float
    start_MeV: float
    endpoint_MeV: float

    @property
    def breaks_MeV(self) -> FloatArray:
        """The end."""
        return np.array([self.endpoint_MeV])

    def flux(self, energy_MeV: FloatArray) -> FloatArray:
        """phi(E) inside the range, any shape."""
        result = np.zeros_like(energy_MeV)
        for fraction, powers in zip(self.fractions, self.coefficients, strict=True):
            result += fraction * np.exp(np.polynomial.Polynomial(powers)(energy_MeV))
        return self.size * result

    @cached_property
    def _edges(self) -> FloatArray:
        pieces = int(np.ceil((self.endpoint_MeV - self.start_MeV) / 0.5))
        return np.linspace(self.start_MeV, self.endpoint_MeV, pieces + 1)

    @cached_property
    def _above(self) -> FloatArray:
        """Moments of all pieces from each edge upwards, shape (3, edges)."""
        pieces = self._piece(self._edges[:-1], self._edges[1:])
        return np.concatenate([np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1], np.zeros((3, 1))], axis=1)

    def _piece(self, lower: FloatArray, upper: FloatArray) -> FloatArray:
        roots = _NODES.reshape(-1, *(1,) * lower.ndim)
        half = (upper - lower) / 2
        energy = lower + half * (1 + roots)
        weight = half * _WEIGHTS.reshape(roots.shape) * self.flux(energy)
        return np.stack([np.sum(weight * energy**-power, axis=0) for power in (0.0, 1.0, 2.0)])

    @property
    def total(self) -> float:
        """Integral over the range."""
        return float(self._above[0, 0])

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Truncated moments; see :class:`Spectrum`."""
        lower = np.clip(minimum_energy_MeV, self.start_MeV, self.endpoint_MeV)
        piece = np.clip(np.searchsorted(self._edges, lower, side="right") - 1, 0, self._edges.size - 2)
        return self._above[:, piece + 1] + self._piece(lower, self._edges[piece + 1])

    def nodes(self, minimum_energy_MeV: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gauss-Legendre on equal panels from E_min to the end; see :class:`Spectrum`."""
        energy, measure = _panels(minimum_energy_MeV, self.start_MeV, self.endpoint_MeV, 8)
        return energy, measure * self.flux(energy)
