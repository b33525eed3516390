"""Cross sections as polynomials: in a parameter x, in the mediator's propagator and in one over the neutrino's energy.

Per scatterer and flavour every cross section of the package is a sum of :class:`Term`. So neither another coupling
nor another mediator mass needs another flux integral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["Term", "energy_polynomial", "shifted_square"]


@dataclass(frozen=True)
class Term:
    """x^order (m^2 + 2 M T)^-propagator_power (a0 + a1/E + a2/E^2) [MeV^-3], for E > E_min.

    m is the mediator's mass, M the scatterer's, T the recoil energy and E the neutrino's energy.

    Attributes:
        order: power of the parameter x: 0, 1 or 2.
        propagator_power: 0, 1 or 2.
        coefficients: (a0, a1, a2), shape (3, scatterers, T).
    """

    order: int
    propagator_power: int
    coefficients: FloatArray


def energy_polynomial(constant: FloatArray, inverse: FloatArray, inverse_squared: FloatArray) -> FloatArray:
    """a0, a1 and a2 of a0 + a1/E + a2/E^2 in one array, shape (3, scatterers, T)."""
    return np.stack(np.broadcast_arrays(constant, inverse, inverse_squared))


def shifted_square(
    charge: FloatArray, shift: FloatArray, shape: FloatArray, *, propagator_power: int = 0
) -> tuple[Term, Term]:
    """What (charge + x shift)^2 shape adds to charge^2 shape: terms of order 1 and 2.

    Args:
        charge: of the Standard Model, shape (scatterers, 1).
        shift: per x and propagator, shape (scatterers, 1) or (scatterers, T).
        shape: what the squared charge multiplies, shape (3, scatterers, T).
        propagator_power: of the shift: 1 for a mediator, 0 for a contact interaction.
    """
    return (
        Term(1, propagator_power, 2 * charge * shift * shape),
        Term(2, 2 * propagator_power, shift**2 * shape),
    )
