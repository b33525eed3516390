"""Nuclear recoil rates: the flux integral of Eq. (11) of arXiv:2411.11749, without detector response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.physics.constants import HBAR_C, YEAR_S
from spec_builder.physics.flux import solar_flux
from spec_builder.physics.interactions import standard_model_terms
from spec_builder.physics.nuclei import xenon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.flux import SolarFlux
    from spec_builder.physics.interactions import Term
    from spec_builder.physics.nuclei import Isotopes

    TermFunction = Callable[[Isotopes, FloatArray], Iterable[Term]]

__all__ = [
    "flux_averaged_cross_section",
    "maximum_recoil_energy_keV",
    "minimum_neutrino_energy",
    "rate_above",
    "rate_polynomial",
]

_NO_MEDIATOR = np.zeros(1)
_CM2_PER_FM2 = 1e-26
_MEV_PER_KEV = 1e-3


def minimum_neutrino_energy(mass_MeV: FloatArray, recoil_energy_MeV: FloatArray) -> FloatArray:
    """E_min = (T + sqrt(T^2 + 2 m T)) / 2 [MeV], the least energy that gives a recoil T."""
    T = recoil_energy_MeV
    energy: FloatArray = (T + np.sqrt(T**2 + 2 * mass_MeV * T)) / 2
    return energy


def maximum_recoil_energy_keV(flux: SolarFlux | None = None) -> float:
    """Largest recoil of the lightest isotope at the end of the spectrum [keV]."""
    energy, mass = (flux or solar_flux()).endpoint_MeV, float(xenon().mass_MeV.min())
    return 2 * energy**2 / (mass + 2 * energy) / _MEV_PER_KEV


def rate_polynomial(
    terms: TermFunction,
    recoil_energy_keV: FloatArray,
    mediator_mass_MeV: FloatArray = _NO_MEDIATOR,
    flux: SolarFlux | None = None,
) -> FloatArray:
    """Differential recoil rate in natural xenon as a quadratic polynomial in the terms' parameter x.

    Args:
        terms: the cross section, a function of isotopes and recoil energies [MeV].
        recoil_energy_keV: T, shape (T,), positive.
        mediator_mass_MeV: shape (M,).
        flux: the neutrinos; 8B by default.

    Returns:
        dR/dT [events/(t yr keV)], shape (3, M, T): the coefficients of x^0, x^1 and x^2.
    """
    isotopes = xenon()
    T = np.asarray(recoil_energy_keV, dtype=np.float64) * _MEV_PER_KEV
    moments = (flux or solar_flux()).moments(minimum_neutrino_energy(isotopes.mass_MeV, T))
    exposure = isotopes.targets_per_tonne * (YEAR_S * HBAR_C**2 * _CM2_PER_FM2 * _MEV_PER_KEV)
    denominator = np.asarray(mediator_mass_MeV)[:, None, None] ** 2 + 2 * isotopes.mass_MeV * T
    rate = np.zeros((3, denominator.shape[0], T.size))
    for term in terms(isotopes, T):
        per_isotope = exposure * np.sum(term.coefficients * moments, axis=0)
        if term.propagator_power == 0:
            rate[term.order] += per_isotope.sum(axis=0)
        else:
            rate[term.order] += np.sum(per_isotope / denominator**term.propagator_power, axis=1)
    return rate


def rate_above(
    threshold_keV: float,
    terms: TermFunction = standard_model_terms,
    mediator_mass_MeV: FloatArray = _NO_MEDIATOR,
    flux: SolarFlux | None = None,
    *,
    upper_keV: float | None = None,
) -> FloatArray:
    """Recoil rate between a threshold and ``upper_keV`` (the kinematic end by default) [events/(t yr)].

    Returns:
        Coefficients of x^0, x^1, x^2, shape (3, M).

    Examples:
        >>> float(rate_above(1.0)[0, 0])  # doctest: +ELLIPSIS
        94.97...
    """
    end = maximum_recoil_energy_keV(flux)
    end = end if upper_keV is None else min(upper_keV, end)
    # Gauss-Legendre panels in sqrt(T): the spectrum is smooth in the neutrino energy, which goes with sqrt(T)
    edges = np.linspace(np.sqrt(threshold_keV), np.sqrt(max(end, threshold_keV)), 65)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    root = (edges[:-1, None] + half * (nodes + 1)).ravel()
    measure = (half * weights).ravel() * 2 * root
    total: FloatArray = rate_polynomial(terms, root**2, mediator_mass_MeV, flux) @ measure
    return total


def flux_averaged_cross_section(flux: SolarFlux | None = None) -> float:
    """Standard Model cross section per xenon atom, averaged over the flux [cm^2].

    Examples:
        >>> flux_averaged_cross_section()  # doctest: +ELLIPSIS
        1.218...e-39
    """
    flux = flux or solar_flux()
    events = float(rate_above(0.0, flux=flux)[0, 0])
    return events / (flux.total * YEAR_S * float(xenon().targets_per_tonne.sum()))
