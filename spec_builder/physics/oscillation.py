"""Survival probability of solar electron neutrinos: adiabatic conversion in the Sun (MSW, large mixing angle)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from spec_builder.physics.constants import AVOGADRO, FERMI_CONSTANT, HBAR_C

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["DELTA_M2_21_EV2", "REFERENCE", "SIN2_THETA_12", "SIN2_THETA_13", "survival_probability"]

#: Solar mixing parameters; PDG 2024, recalled.
SIN2_THETA_12: Final = 0.307
SIN2_THETA_13: Final = 0.0219
DELTA_M2_21_EV2: Final = 7.53e-5
REFERENCE: Final = (
    "survival probabilities: adiabatic MSW-LMA by day with sin2theta12 = 0.307, sin2theta13 = 0.0219, "
    "dm2_21 = 7.53e-5 eV2 (PDG 2024, recalled) at the mean electron density of production in the B16-GS98 model"
)
_MEV3_PER_MOL_CM3 = AVOGADRO * (HBAR_C * 1e-13) ** 3


def survival_probability(energy_MeV: FloatArray, electron_density_mol_cm3: float) -> FloatArray:
    """P_ee of neutrinos that are born at one electron density in the Sun and come by day.

    P_ee = c13^4 (1 + cos 2theta12 cos 2theta12_M)/2 + s13^4, with the mixing angle in matter from
    A = 2 sqrt2 G_F n_e c13^2 E / dm2_21.

    Args:
        energy_MeV: neutrino energies, any shape.
        electron_density_mol_cm3: n_e where the neutrinos are born.

    Returns:
        Probabilities of the same shape.
    """
    density_MeV3 = electron_density_mol_cm3 * _MEV3_PER_MOL_CM3
    cos2_13 = 1 - SIN2_THETA_13
    cos_2theta = 1 - 2 * SIN2_THETA_12
    sin_2theta = np.sqrt(1 - cos_2theta**2)
    matter = 2 * np.sqrt(2) * FERMI_CONSTANT * density_MeV3 * cos2_13 * energy_MeV / (DELTA_M2_21_EV2 * 1e-12)
    cos_2theta_matter = (cos_2theta - matter) / np.sqrt((cos_2theta - matter) ** 2 + sin_2theta**2)
    probability: FloatArray = cos2_13**2 * (1 + cos_2theta * cos_2theta_matter) / 2 + SIN2_THETA_13**2
    return probability
