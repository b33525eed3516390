"""The solar 8B flux under its name of version 0.2; see :mod:`.sources`."""

from __future__ import annotations

from spec_builder.physics.sources import Component as SpectrumComponent
from spec_builder.physics.sources import Source as SolarFlux
from spec_builder.physics.sources import load_source

__all__ = ["SolarFlux", "SpectrumComponent", "solar_flux"]


def solar_flux(*, hep: bool = False) -> SolarFlux:
    """The 8B flux of the standard solar model, 5.46e6 cm^-2 s^-1, optionally with hep neutrinos.

    Examples:
        >>> round(solar_flux().total)
        5460000
    """
    return load_source("solar_8b_hep" if hep else "solar_8b")
