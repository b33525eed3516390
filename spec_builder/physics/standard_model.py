"""Coherent elastic neutrino-nucleus scattering in the Standard Model, Eqs. (1) and (2) of arXiv:2411.11749."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.physics.constants import FERMI_CONSTANT, SIN2_THETA_W
from spec_builder.physics.targets import form_factor
from spec_builder.physics.terms import Term, energy_polynomial

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.targets import Target

__all__ = ["coherent_shape", "standard_model_terms", "weak_charge", "weak_mixing_angle_terms"]


def coherent_shape(target: Target, recoil_energy_MeV: FloatArray) -> FloatArray:
    """Eq. (1) without (Q_V)^2: G_F^2 m/pi F_W^2 (1 - T/E - m T/(2 E^2)), shape (3, scatterers, T)."""
    m, T = target.mass_MeV, recoil_energy_MeV
    strength = FERMI_CONSTANT**2 * m / np.pi * form_factor(target, T) ** 2
    return strength * energy_polynomial(np.ones_like(m * T), -T, -m * T / 2)


def weak_charge(target: Target, sin2_theta_w: float = SIN2_THETA_W) -> FloatArray:
    """Q_V of Eq. (2) with tree-level couplings, shape (scatterers, 1)."""
    charge: FloatArray = (1 - 4 * sin2_theta_w) / 2 * target.Z - target.N / 2
    return charge


def standard_model_terms(
    target: Target, recoil_energy_MeV: FloatArray, sin2_theta_w: float = SIN2_THETA_W
) -> tuple[Term, ...]:
    """Eq. (1): the Standard Model cross section on nuclei."""
    shape = coherent_shape(target, recoil_energy_MeV)
    return (Term(0, 0, weak_charge(target, sin2_theta_w) ** 2 * shape),)


def weak_mixing_angle_terms(target: Target, recoil_energy_MeV: FloatArray) -> tuple[Term, ...]:
    """Eq. (1) as a quadratic polynomial in x = sin^2 theta_W, from Q_V = (Z - N)/2 - 2 Z x."""
    shape = coherent_shape(target, recoil_energy_MeV)
    at_zero, slope = (target.Z - target.N) / 2, -2 * target.Z
    return (
        Term(0, 0, at_zero**2 * shape),
        Term(1, 0, 2 * at_zero * slope * shape),
        Term(2, 0, slope**2 * shape),
    )
