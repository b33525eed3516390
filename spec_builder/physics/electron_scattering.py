"""Elastic neutrino-electron scattering at tree level: the Standard Model by flavour, and mediators.

dsigma/dT = K [(g_V + g_A)^2 + (g_V - g_A)^2 (1 - T/E)^2 - (g_V^2 - g_A^2) m_e T/E^2] with K = G_F^2 m_e/(2 pi), per
free electron (Vogel and Engel, Phys. Rev. D 39 (1989) 3378). It is a quadratic form in (g_V, g_A), and every shift of
these couplings by x (d_V, d_A) is a polynomial in x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.physics.constants import FERMI_CONSTANT, SIN2_THETA_W
from spec_builder.physics.terms import Term, energy_polynomial

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.targets import Target

    Couplings = tuple[float | FloatArray, float | FloatArray]

__all__ = [
    "axial_terms",
    "couplings",
    "scalar_terms",
    "shift_terms",
    "standard_model_terms",
    "vector_terms",
    "weak_mixing_angle_terms",
]

_CONTACT = 1 / (np.sqrt(2) * FERMI_CONSTANT)


def couplings(flavour: str, sin2_theta_w: float = SIN2_THETA_W) -> tuple[float, float]:
    """g_V and g_A: 1/2 + 2 s and 1/2 for electron neutrinos, -1/2 + 2 s and -1/2 for the others.

    Antineutrinos have -g_A.
    """
    electron = flavour.startswith("nue")
    vector = (0.5 if electron else -0.5) + 2 * sin2_theta_w
    axial = 0.5 if electron else -0.5
    return vector, axial * _handedness(flavour)


def _handedness(flavour: str) -> float:
    """1 for neutrinos, -1 for antineutrinos: the sign of g_A and of all that is added to it."""
    return -1.0 if flavour.endswith("bar") else 1.0


def _product(target: Target, recoil_energy_MeV: FloatArray, first: Couplings, second: Couplings) -> FloatArray:
    """The quadratic form of dsigma/dT between two pairs (g_V, g_A), shape (3, scatterers, T)."""
    m, T = target.mass_MeV, recoil_energy_MeV
    left = (first[0] + first[1]) * (second[0] + second[1])
    right = (first[0] - first[1]) * (second[0] - second[1])
    mixed = first[0] * second[0] - first[1] * second[1]
    strength = FERMI_CONSTANT**2 * m / (2 * np.pi)
    one = np.ones_like(m * T)
    return strength * energy_polynomial((left + right) * one, -2 * right * T, right * T**2 - mixed * m * T)


def shift_terms(
    target: Target, recoil_energy_MeV: FloatArray, flavour: str, shift: Couplings, *, propagator_power: int = 0
) -> tuple[Term, ...]:
    """What (g_V, g_A) + x (d_V, d_A) adds to the Standard Model, as terms in x.

    Args:
        target: electrons.
        recoil_energy_MeV: shape (T,).
        flavour: what arrives; for antineutrinos g_A changes its sign after the shift.
        shift: d_V and d_A of neutrinos, numbers or shape (scatterers, T).
        propagator_power: of the shift: 1 for a mediator, 0 for a contact interaction.
    """
    base = couplings(flavour)
    turned = (shift[0], shift[1] * _handedness(flavour))
    return (
        Term(1, propagator_power, 2 * _product(target, recoil_energy_MeV, base, turned)),
        Term(2, 2 * propagator_power, _product(target, recoil_energy_MeV, turned, turned)),
    )


def standard_model_terms(
    target: Target, recoil_energy_MeV: FloatArray, flavour: str, sin2_theta_w: float = SIN2_THETA_W
) -> tuple[Term, ...]:
    """The Standard Model cross section of a flavour."""
    base = couplings(flavour, sin2_theta_w)
    return (Term(0, 0, _product(target, recoil_energy_MeV, base, base)),)


def weak_mixing_angle_terms(target: Target, recoil_energy_MeV: FloatArray, flavour: str) -> tuple[Term, ...]:
    """The Standard Model cross section as a quadratic polynomial in x = sin^2 theta_W: g_V = +-1/2 + 2 x."""
    at_zero, slope = couplings(flavour, 0.0), (2.0, 0.0)
    return (
        Term(0, 0, _product(target, recoil_energy_MeV, at_zero, at_zero)),
        Term(1, 0, 2 * _product(target, recoil_energy_MeV, at_zero, slope)),
        Term(2, 0, _product(target, recoil_energy_MeV, slope, slope)),
    )


def vector_terms(target: Target, recoil_energy_MeV: FloatArray, flavour: str, e: float, nu: float) -> tuple[Term, ...]:
    """Vector mediator: g_V -> g_V + g^2 Q_nu Q_e / (sqrt2 G_F (m^2 + 2 m_e T))."""
    return shift_terms(target, recoil_energy_MeV, flavour, (nu * e * _CONTACT, 0.0), propagator_power=1)


def axial_terms(target: Target, recoil_energy_MeV: FloatArray, flavour: str, sign: float = 1.0) -> tuple[Term, ...]:
    """Axial-vector mediator: g_A -> g_A + sign g^2 / (sqrt2 G_F (m^2 + 2 m_e T))."""
    return shift_terms(target, recoil_energy_MeV, flavour, (0.0, sign * _CONTACT), propagator_power=1)


def scalar_terms(target: Target, recoil_energy_MeV: FloatArray, *, exact: bool = True) -> tuple[Term, ...]:
    """Scalar mediator: g^4 m_e^2 T (1 + T/(2 m_e)) / (4 pi E^2 (m^2 + 2 m_e T)^2), no interference.

    Args:
        target: electrons.
        recoil_energy_MeV: shape (T,).
        exact: with 1 + T/(2 m_e); without it the form is that of Eq. (5) on nuclei.
    """
    m, T = target.mass_MeV, recoil_energy_MeV
    zero = np.zeros_like(m * T)
    size = m**2 * T / (4 * np.pi)
    if exact:
        size = size * (1 + T / (2 * m))
    return (Term(2, 2, energy_polynomial(zero, zero, size)),)
