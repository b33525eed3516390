"""Solar neutrino flux and its truncated moments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.tables import packaged_table

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table

__all__ = ["SolarFlux", "SpectrumComponent", "solar_flux"]


@dataclass(frozen=True)
class SpectrumComponent:
    """One branch of the solar flux, linear between the rows of its table and zero outside them.

    Attributes:
        energy_MeV: neutrino energies, increasing, shape (n,).
        flux: differential flux [cm^-2 s^-1 MeV^-1], shape (n,).
        table: where the numbers come from.
    """

    energy_MeV: FloatArray
    flux: FloatArray
    table: Table

    @cached_property
    def _segments(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Slopes (n-1,), intercepts (n-1,) and moments of all rows from each row upwards (3, n)."""
        energy, flux = self.energy_MeV, self.flux
        slope = np.diff(flux) / np.diff(energy)
        intercept = flux[1:] - slope * energy[1:]
        pieces = _integrals(slope, intercept, energy[:-1], energy[1:])
        above = np.concatenate([np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1], np.zeros((3, 1))], axis=1)
        return slope, intercept, above

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Truncated moments of the flux, in closed form.

        I_k(E_min) = integral of phi(E) E^-k dE from E_min upwards, for k = 0, 1, 2.

        Args:
            minimum_energy_MeV: E_min, any shape (...).

        Returns:
            Array (3, ...) in cm^-2 s^-1 MeV^-k.
        """
        slope, intercept, above = self._segments
        lower = np.clip(minimum_energy_MeV, self.energy_MeV[0], self.energy_MeV[-1])
        segment = np.clip(np.searchsorted(self.energy_MeV, lower, side="right") - 1, 0, slope.size - 1)
        upper = self.energy_MeV[segment + 1]
        return above[:, segment + 1] + _integrals(slope[segment], intercept[segment], lower, upper)


def _integrals(slope: FloatArray, intercept: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Integrals of (intercept + slope E) E^-k over [lower, upper], k = 0, 1, 2."""
    width, log = upper - lower, np.log(upper / lower)
    return np.stack(
        [
            width * (intercept + slope * (upper + lower) / 2),
            intercept * log + slope * width,
            intercept * width / (upper * lower) + slope * log,
        ]
    )


@dataclass(frozen=True)
class SolarFlux:
    """The solar neutrino flux that reaches the detectors: one or more branches."""

    components: tuple[SpectrumComponent, ...]

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Sum of the branches' truncated moments; see :meth:`SpectrumComponent.moments`."""
        total = np.zeros((3, *minimum_energy_MeV.shape))
        for component in self.components:
            total += component.moments(minimum_energy_MeV)
        return total

    @property
    def total(self) -> float:
        """Flux above the tables' first energy [cm^-2 s^-1]."""
        return float(self.moments(np.zeros(1))[0, 0])

    @property
    def endpoint_MeV(self) -> float:
        """Highest neutrino energy with a flux."""
        return max(float(part.energy_MeV[np.flatnonzero(part.flux)[-1] + 1]) for part in self.components)


def solar_flux(*, hep: bool = False) -> SolarFlux:
    """The 8B flux of the standard solar model, 5.46e6 cm^-2 s^-1, optionally with hep neutrinos.

    Examples:
        >>> round(solar_flux().total)
        5460000
    """
    names = ("solar/b8_spectrum", "solar/hep_spectrum") if hep else ("solar/b8_spectrum",)
    return SolarFlux(tuple(_component(name) for name in names))


def _component(name: str) -> SpectrumComponent:
    table = packaged_table(name, ("E_MeV", "spectrum"))
    energy, spectrum = table["E_MeV"], table["spectrum"]
    area = float(np.trapezoid(spectrum, energy))
    return SpectrumComponent(energy, spectrum * (table.number("total_flux_cm2_s1") / area), table)
