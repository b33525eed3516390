"""Electromagnetic properties of neutrinos: a magnetic moment and a millicharge, on nuclei and electrons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.physics import electron_scattering
from spec_builder.physics.constants import ELECTRON_MASS, FERMI_CONSTANT, FINE_STRUCTURE
from spec_builder.physics.standard_model import coherent_shape, weak_charge
from spec_builder.physics.targets import form_factor
from spec_builder.physics.terms import Term, energy_polynomial, shifted_square

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.targets import Target

__all__ = ["magnetic_moment_terms", "millicharge_terms"]


def magnetic_moment_terms(target: Target, recoil_energy_MeV: FloatArray) -> tuple[Term, ...]:
    """A magnetic moment: pi alpha^2/m_e^2 (1/T - 1/E) mu^2 per electron, times Z^2 F_W^2 per nucleus; x = mu^2.

    mu is in Bohr magnetons. It turns the neutrino's helicity, so it does not interfere with the Standard Model
    (Vogel and Engel, Phys. Rev. D 39 (1989) 3378).
    """
    T = recoil_energy_MeV
    charge2 = np.ones_like(target.mass_MeV * T)
    if target.kind == "nucleus":
        charge2 = (target.Z * form_factor(target, T)) ** 2
    strength = np.pi * FINE_STRUCTURE**2 / ELECTRON_MASS**2 * charge2
    zero = np.zeros_like(strength)
    return (Term(1, 0, strength * energy_polynomial(1 / T + zero, zero - 1, zero)),)


def millicharge_terms(target: Target, recoil_energy_MeV: FloatArray, flavour: str) -> tuple[Term, ...]:
    """A vector of electric charges with a massless photon, x = q in units of e.

    Q_V -> Q_V + sqrt2 pi alpha Z q / (G_F M T) on nuclei, g_V -> g_V - sqrt2 pi alpha q / (G_F m_e T) on electrons.
    """
    shift = np.sqrt(2) * np.pi * FINE_STRUCTURE / (FERMI_CONSTANT * target.mass_MeV * recoil_energy_MeV)
    if target.kind == "electron":
        return electron_scattering.shift_terms(target, recoil_energy_MeV, flavour, (-shift, np.zeros_like(shift)))
    return shifted_square(weak_charge(target), target.Z * shift, coherent_shape(target, recoil_energy_MeV))
