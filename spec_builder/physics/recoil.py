"""Rates of 8B neutrinos on xenon under their names of version 0.2; see :mod:`.rates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.physics import rates
from spec_builder.physics.rates import add_terms, exposure_factor, minimum_neutrino_energy, recoil_nodes
from spec_builder.physics.sources import load_source
from spec_builder.physics.standard_model import standard_model_terms
from spec_builder.physics.targets import load_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.sources import Source
    from spec_builder.physics.targets import Target
    from spec_builder.physics.terms import Term

    TermFunction = Callable[[Target, FloatArray], Iterable[Term]]

__all__ = [
    "flux_averaged_cross_section",
    "maximum_recoil_energy_keV",
    "minimum_neutrino_energy",
    "rate_above",
    "rate_polynomial",
]

_NO_MEDIATOR = np.zeros(1)


def maximum_recoil_energy_keV(flux: Source | None = None) -> float:
    """Largest recoil of the lightest isotope at the end of the spectrum [keV]."""
    return rates.maximum_recoil_energy_keV(flux or load_source("solar_8b"), load_target("xenon"))


def rate_polynomial(
    terms: TermFunction,
    recoil_energy_keV: FloatArray,
    mediator_mass_MeV: FloatArray = _NO_MEDIATOR,
    flux: Source | None = None,
) -> FloatArray:
    """Differential recoil rate of some terms in natural xenon, shape (3, M, T); see :func:`.rates.rate`."""
    source, target = flux or load_source("solar_8b"), load_target("xenon")
    T = np.asarray(recoil_energy_keV, dtype=np.float64) * 1e-3
    masses = np.asarray(mediator_mass_MeV)
    moments = source.moments(minimum_neutrino_energy(target.mass_MeV, T))
    result = np.zeros((3, masses.size, T.size))
    add_terms(result, terms(target, T), moments, exposure_factor(source, target, T), target, T, masses)
    return result


def rate_above(
    threshold_keV: float,
    terms: TermFunction = standard_model_terms,
    mediator_mass_MeV: FloatArray = _NO_MEDIATOR,
    flux: Source | None = None,
    *,
    upper_keV: float | None = None,
) -> FloatArray:
    """Recoil rate of some terms between two energies, shape (3, M); see :func:`.rates.rate_above`."""
    end = maximum_recoil_energy_keV(flux)
    end = end if upper_keV is None else min(upper_keV, end)
    root, measure = recoil_nodes(threshold_keV, end, np.zeros(0))
    total: FloatArray = rate_polynomial(terms, root**2, mediator_mass_MeV, flux) @ measure
    return total


def flux_averaged_cross_section(flux: Source | None = None) -> float:
    """Standard Model cross section per xenon atom, averaged over the flux [cm^2]."""
    return rates.flux_averaged_cross_section(flux or load_source("solar_8b"), load_target("xenon"))
