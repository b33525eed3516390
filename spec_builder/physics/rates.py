"""Recoil rates: the flux integral of Eq. (11) of arXiv:2411.11749, without detector response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics import electron_scattering, standard_model
from spec_builder.physics.constants import HBAR_C, YEAR_S
from spec_builder.physics.interactions import STANDARD_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.choices import Choice
    from spec_builder.physics.sources import Component, Source
    from spec_builder.physics.spectra import Spectrum
    from spec_builder.physics.targets import Target
    from spec_builder.physics.terms import Term

__all__ = [
    "add_terms",
    "exposure_factor",
    "flux_averaged_cross_section",
    "maximum_recoil_energy_keV",
    "minimum_neutrino_energy",
    "rate",
    "rate_above",
    "recoil_nodes",
]

_NO_MEDIATOR = np.zeros(1)
_CM2_PER_FM2 = 1e-26
_MEV_PER_KEV = 1e-3
#: Values of E of one call of a user's cross section, to bound the memory.
_BLOCK = 100_000


def minimum_neutrino_energy(mass_MeV: FloatArray, recoil_energy_MeV: FloatArray) -> FloatArray:
    """E_min = (T + sqrt(T^2 + 2 m T)) / 2 [MeV], the least energy that gives a recoil T."""
    T = recoil_energy_MeV
    energy: FloatArray = (T + np.sqrt(T**2 + 2 * mass_MeV * T)) / 2
    return energy


def maximum_recoil_energy_keV(source: Source | Component, target: Target) -> float:
    """Largest recoil of the lightest scatterer at the end of the spectrum [keV]."""
    energy, mass = source.endpoint_MeV, float(target.mass_MeV.min())
    return 2 * energy**2 / (mass + 2 * energy) / _MEV_PER_KEV


def rate(
    source: Source,
    target: Target,
    choice: Choice,
    recoil_energy_keV: FloatArray,
    masses_MeV: FloatArray | None = None,
) -> FloatArray:
    """Differential recoil rate as a quadratic polynomial in the choice's parameter x.

    Args:
        source: the neutrinos.
        target: what they scatter off.
        choice: the interaction; its parameter is x (g^2, or the parameter itself where it has a sign).
        recoil_energy_keV: T, shape (T,), positive.
        masses_MeV: mediator masses, shape (M,); ``inf`` is the contact limit, with x = (g/m)^2 in MeV^-2. None where
            there is no mediator.

    Returns:
        dR/dT, shape (components, 3, M, T): coefficients of x^0 (the Standard Model), x^1 and x^2, in
        events/(t yr keV) for a flux and events/(t keV) for a fluence.

    Raises:
        SpecBuilderError: for energies or masses out of range, a source that does not reach low enough, or a
            target that the interaction does not act on.

    Examples:
        >>> from spec_builder.physics.sources import load_source
        >>> from spec_builder.physics.targets import load_target
        >>> rate(load_source("solar_8b"), load_target("xenon"), STANDARD_MODEL, np.array([1.0]))[0, 0, 0]
        ... # doctest: +ELLIPSIS
        array([238.64...])
    """
    T = _recoil_energies(recoil_energy_keV) * _MEV_PER_KEV
    masses = _masses(choice, masses_MeV)
    if not choice.acts_on(target):
        raise SpecBuilderError(f"interaction '{choice.name}' has no cross section on target '{target.name}'")
    minimum = minimum_neutrino_energy(target.mass_MeV, T)
    exposure = exposure_factor(source, target, T)
    terms = _TermsOf(target, choice, T)
    result = np.zeros((len(source.components), 3, masses.size, T.size))
    nuclear, blind = target.kind == "nucleus", choice.interaction.flavour_blind
    for row, component in enumerate(source.components):
        _refuse_below(source, component, minimum)
        moments = _moments_of(minimum)
        if choice.interaction.standard_model:
            for flavour, spectrum in _arriving(component, together=nuclear):
                found = terms.standard_model(flavour)
                add_terms(result[row], found, moments(spectrum), exposure, target, T, masses)
        for flavour, spectrum in _arriving(component, together=nuclear and blind):
            if choice.interaction.term_function is None:
                result[row] += _summed_on_nodes(choice, target, spectrum, flavour, T, masses, exposure)
            elif terms.added(flavour):
                found = terms.added(flavour)
                _check_contact(choice, found, masses)
                add_terms(result[row], found, moments(spectrum), exposure, target, T, masses)
    return result


def _moments_of(minimum_energy_MeV: FloatArray) -> Callable[[Spectrum], FloatArray]:
    """Moments of a spectrum above E_min, computed when they are first asked for."""
    found: dict[int, FloatArray] = {}

    def moments(spectrum: Spectrum) -> FloatArray:
        if id(spectrum) not in found:
            found[id(spectrum)] = spectrum.moments(minimum_energy_MeV)
        return found[id(spectrum)]

    return moments


class _TermsOf:
    """Terms of a target and a choice at given recoil energies, once for each flavour."""

    def __init__(self, target: Target, choice: Choice, recoil_energy_MeV: FloatArray) -> None:
        self._target, self._choice, self._T = target, choice, recoil_energy_MeV
        self._standard: dict[str, tuple[Term, ...]] = {}
        self._added: dict[str, tuple[Term, ...]] = {}

    def standard_model(self, flavour: str) -> tuple[Term, ...]:
        if self._target.kind == "nucleus":
            flavour = "any"
        if flavour not in self._standard:
            self._standard[flavour] = (
                standard_model.standard_model_terms(self._target, self._T)
                if self._target.kind == "nucleus"
                else electron_scattering.standard_model_terms(self._target, self._T, flavour)
            )
        return self._standard[flavour]

    def added(self, flavour: str) -> tuple[Term, ...]:
        if flavour not in self._added:
            self._added[flavour] = self._choice.terms(self._target, self._T, flavour)
        return self._added[flavour]


def add_terms(
    polynomial: FloatArray,
    terms: Iterable[Term],
    moments: FloatArray,
    exposure: FloatArray,
    target: Target,
    recoil_energy_MeV: FloatArray,
    masses_MeV: FloatArray,
) -> None:
    """Add the rate of some terms to ``polynomial`` (3, M, T).

    Args:
        polynomial: changed in place.
        terms: of one flavour.
        moments: of that flavour, shape (3, scatterers, T).
        exposure: scatterers times the units, shape (scatterers, 1) or (scatterers, T).
        target: the scatterers.
        recoil_energy_MeV: shape (T,).
        masses_MeV: shape (M,).
    """
    denominator = masses_MeV[:, None, None] ** 2 + 2 * target.mass_MeV * recoil_energy_MeV
    denominator[np.isinf(masses_MeV)] = 1.0  # the contact limit: x is (g/m)^2
    for term in terms:
        per_scatterer = exposure * np.sum(term.coefficients * moments, axis=0)
        if term.propagator_power == 0:
            polynomial[term.order] += per_scatterer.sum(axis=0)
        else:
            polynomial[term.order] += np.sum(per_scatterer / denominator**term.propagator_power, axis=1)


def _summed_on_nodes(
    choice: Choice,
    target: Target,
    spectrum: Spectrum,
    flavour: str,
    recoil_energy_MeV: FloatArray,
    masses_MeV: FloatArray,
    exposure: FloatArray,
) -> FloatArray:
    """Rate of a free cross section, integrated on the spectrum's own nodes; shape (3, M, T)."""
    cross_section = choice.interaction.cross_section
    if cross_section is None:
        raise SpecBuilderError(f"interaction '{choice.name}' has neither terms nor a cross section")
    T = recoil_energy_MeV
    result = np.zeros((3, masses_MeV.size, T.size))
    start = 0
    while start < T.size:
        energy, weight = spectrum.nodes(minimum_neutrino_energy(target.mass_MeV, T[start : start + 1]))
        width = max(1, _BLOCK // max(energy.size, 1))
        block = slice(start, start + width)
        energy, weight = spectrum.nodes(minimum_neutrino_energy(target.mass_MeV, T[block]))
        scatterers = np.broadcast_to(exposure, (exposure.shape[0], T.size))[:, block]
        for i, mass in enumerate(masses_MeV):
            values = cross_section(energy, T[block], float(mass), target, flavour)
            per_scatterer = np.einsum("nst,knst->kst", weight, values)
            result[:, i, block] = np.sum(scatterers * per_scatterer, axis=1)
        start += width
    return result


def _arriving(component: Component, *, together: bool) -> tuple[tuple[str, Spectrum], ...]:
    """Flavours and spectra that arrive, all together where the cross section is the same for each."""
    return ((component.flavour, component.spectrum),) if together else component.flavours()


def exposure_factor(source: Source, target: Target, recoil_energy_MeV: FloatArray) -> FloatArray:
    """Scatterers in a tonne times what turns MeV^-3 cm^-2 (s^-1) into 1/(t keV) (or 1/(t yr keV))."""
    seconds = YEAR_S if source.kind == "flux" else 1.0
    return target.per_tonne(recoil_energy_MeV) * (seconds * HBAR_C**2 * _CM2_PER_FM2 * _MEV_PER_KEV)


def _recoil_energies(recoil_energy_keV: FloatArray) -> FloatArray:
    T = np.asarray(recoil_energy_keV, dtype=np.float64)
    if T.ndim != 1 or not (T > 0).all() or not np.isfinite(T).all():
        raise SpecBuilderError("recoil energies must be a list of positive numbers [keV]")
    return T


def _masses(choice: Choice, masses_MeV: FloatArray | None) -> FloatArray:
    if masses_MeV is None:
        if choice.has_mediator:
            raise SpecBuilderError(f"interaction '{choice.name}' has a mediator: give its mass [MeV]")
        return _NO_MEDIATOR
    if not choice.has_mediator:
        raise SpecBuilderError(f"interaction '{choice.name}' has no mediator: masses do not apply")
    masses = np.atleast_1d(np.asarray(masses_MeV, dtype=np.float64))
    if masses.ndim != 1 or np.isnan(masses).any() or (masses < 0).any():
        raise SpecBuilderError("mediator masses must be a list of numbers >= 0 or inf [MeV]")
    if np.isinf(masses).any() and choice.interaction.term_function is None:
        raise SpecBuilderError(
            f"interaction '{choice.name}' is a free cross section: it has no contact limit, give a finite mass"
        )
    return masses


def _check_contact(choice: Choice, terms: Iterable[Term], masses_MeV: FloatArray) -> None:
    """Refuse the contact limit, whose x is (g/m)^2, of what does not go with g^2/m^2.

    Raises:
        SpecBuilderError: for a parameter that is not squared, or terms with another power of the propagator than of x.
    """
    if np.isinf(masses_MeV).any() and (choice.signed or any(t.propagator_power != t.order for t in terms)):
        raise SpecBuilderError(
            f"interaction '{choice.name}' has no contact limit, whose parameter is g/m: its yields are none of "
            "g^2/(m^2 + 2 M T); give a finite mass"
        )


def _refuse_below(source: Source, component: Component, minimum_energy_MeV: FloatArray) -> None:
    """Energies below the described ones would have to be made up."""
    lowest = component.lowest_MeV
    if lowest and minimum_energy_MeV.size and float(minimum_energy_MeV.min()) < lowest:
        raise SpecBuilderError(
            f"source '{source.name}' is known from {lowest:g} MeV: the recoils asked for need neutrinos from "
            f"{float(minimum_energy_MeV.min()):.3g} MeV, give larger recoil energies"
        )


def rate_above(
    source: Source,
    target: Target,
    choice: Choice,
    threshold_keV: float,
    masses_MeV: FloatArray | None = None,
    *,
    upper_keV: float | None = None,
) -> FloatArray:
    """Recoil rate between a threshold and ``upper_keV`` (the kinematic end by default).

    Returns:
        Coefficients of x^0, x^1, x^2, shape (components, 3, M), in events/(t yr) for a flux, events/t for a fluence.

    Examples:
        >>> from spec_builder.physics.sources import load_source
        >>> from spec_builder.physics.targets import load_target
        >>> float(rate_above(load_source("solar_8b"), load_target("xenon"), STANDARD_MODEL, 1.0)[0, 0, 0])
        ... # doctest: +ELLIPSIS
        94.97...
    """
    end = maximum_recoil_energy_keV(source, target)
    end = end if upper_keV is None else min(upper_keV, end)
    root, measure = recoil_nodes(threshold_keV, end, _breaks_keV(source, target))
    total: FloatArray = rate(source, target, choice, root**2, masses_MeV) @ measure
    return total


def recoil_nodes(low_keV: float, high_keV: float, breaks_keV: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Roots of recoil energies [keV^(1/2)] and weights [keV] of an integral over T, with edges at the breaks.

    Gauss-Legendre panels in sqrt(T): the spectrum is smooth in the neutrino energy, which goes with sqrt(T).
    """
    low, high = np.sqrt(low_keV), np.sqrt(max(high_keV, low_keV))
    edges = np.linspace(low, high, 65)
    inside = np.sqrt(breaks_keV)
    inside = inside[(inside > low) & (inside < high)]
    if inside.size:
        edges = np.unique(np.concatenate([edges, inside]))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    root = (edges[:-1, None] + half * (nodes + 1)).ravel()
    measure = (half * weights).ravel() * 2 * root
    return root, measure


def _breaks_keV(source: Source, target: Target) -> FloatArray:
    """Recoil energies where the rate has a step or a kink: shells, lines and ends of spectra."""
    E = np.unique(np.concatenate([component.spectrum.breaks_MeV for component in source.components]))
    ends = 2 * E**2 / (target.mass_MeV + 2 * E) / _MEV_PER_KEV
    return np.unique(np.concatenate([target.breaks_keV, ends.ravel()]))


def flux_averaged_cross_section(source: Source, target: Target) -> float:
    """Standard Model cross section per scatterer, averaged over the source [cm^2].

    Examples:
        >>> from spec_builder.physics.sources import load_source
        >>> from spec_builder.physics.targets import load_target
        >>> flux_averaged_cross_section(load_source("solar_8b"), load_target("xenon"))  # doctest: +ELLIPSIS
        1.218...e-39
    """
    events = float(rate_above(source, target, STANDARD_MODEL, 0.0)[:, 0].sum())
    seconds = YEAR_S if source.kind == "flux" else 1.0
    return events / (source.total * seconds * float(target.targets_per_tonne.sum()))
