"""What a rate asks for that its source and its target do not describe, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.physics.constants import HBAR_C, KLEIN_NYSTRAND_RADIUS
from spec_builder.physics.rates import maximum_recoil_energy_keV, minimum_neutrino_energy
from spec_builder.physics.spectra import TableSpectrum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.sources import Source
    from spec_builder.physics.targets import Target

__all__ = ["validity_notes"]

_MEV_PER_KEV = 1e-3
#: A table is cut where the flux of its first or last row, times the energy, is more than this share of all.
_CUT = 1e-3
#: First zero of j_1, of the homogeneous sphere in both form factors.
_FIRST_ZERO = 4.493409457909064


def validity_notes(source: Source, target: Target, recoil_energy_keV: FloatArray) -> tuple[str, ...]:
    """Neutrinos outside a source's tables, and recoils beyond the first zero of the form factor.

    Args:
        source: the neutrinos.
        target: what they scatter off.
        recoil_energy_keV: of the rates that are used, shape (T,), positive.

    Examples:
        >>> from spec_builder.physics.sources import load_source
        >>> from spec_builder.physics.targets import load_target
        >>> validity_notes(load_source("sns"), load_target("xenon"), np.array([1.0, 100.0]))
        ()
    """
    return (
        *_outside_tables(source, target, recoil_energy_keV),
        *_beyond_form_factor(source, target, recoil_energy_keV),
    )


def _outside_tables(source: Source, target: Target, recoil_energy_keV: FloatArray) -> Iterator[str]:
    least = np.array([recoil_energy_keV.min() * _MEV_PER_KEV])
    needed = float(minimum_neutrino_energy(target.mass_MeV, least).min())
    for component in source.components:
        spectrum = component.spectrum
        if not isinstance(spectrum, TableSpectrum):
            continue
        size, least_size = spectrum.flux * spectrum.energy_MeV, _CUT * spectrum.total
        first, last = float(spectrum.energy_MeV[0]), float(spectrum.energy_MeV[-1])
        if size[0] > least_size and needed < first:
            yield (
                f"the table of {component.name} in source '{source.name}' begins at {first:g} MeV with a flux: the "
                f"recoils ask for neutrinos from {needed:.3g} MeV, those below the table are left out"
            )
        if size[-1] > least_size:
            yield (
                f"the table of {component.name} in source '{source.name}' ends at {last:g} MeV with a flux: "
                "neutrinos above are left out"
            )


def _beyond_form_factor(source: Source, target: Target, recoil_energy_keV: FloatArray) -> Iterator[str]:
    if target.kind != "nucleus":
        return
    q = _FIRST_ZERO * HBAR_C / (KLEIN_NYSTRAND_RADIUS * np.cbrt(target.A))
    zero = float((q**2 / (2 * target.mass_MeV)).min()) / _MEV_PER_KEV
    if min(float(recoil_energy_keV.max()), maximum_recoil_energy_keV(source, target)) > zero:
        yield (
            f"recoils above {zero:.3g} keV lie beyond the first zero of the form factor, where it is a matter of the "
            "surface of the nuclei and not known well"
        )
