"""New mediators on nuclei, Eqs. (5)-(10) of arXiv:2411.11749, and a vector contact interaction of quarks.

Each function gives what is added to the Standard Model, as terms in x = g^2 (x = epsilon for the contact interaction).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.names import unknown_name
from spec_builder.base.tables import packaged_table
from spec_builder.physics.constants import (
    FERMI_CONSTANT,
    ISOSCALAR_AXIAL_CHARGE,
    ISOSCALAR_TENSOR_CHARGE,
    NEUTRON_MASS,
    PROTON_MASS,
)
from spec_builder.physics.standard_model import coherent_shape, weak_charge
from spec_builder.physics.targets import form_factor, momentum_transfer, spin_structure_function
from spec_builder.physics.terms import Term, energy_polynomial, shifted_square

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table
    from spec_builder.physics.targets import Target

__all__ = [
    "DEFAULT_COUPLING_SET",
    "axial_terms",
    "check_coupling_set",
    "contact_terms",
    "coupling_sets",
    "coupling_table",
    "scalar_charge",
    "scalar_terms",
    "tensor_terms",
    "vector_charge",
    "vector_terms",
]

DEFAULT_COUPLING_SET = "B"


def coupling_table() -> Table:
    """Quark-mass fractions of the scalar coupling sets."""
    numbers = ("f_Tu_p", "f_Td_p", "f_Tu_n", "f_Td_n", "m_u_MeV", "m_d_MeV")
    return packaged_table("couplings/scalar_coupling_sets", numbers, ("set", "status", "reference"))


def coupling_sets() -> tuple[str, ...]:
    """Names of the scalar coupling sets."""
    return coupling_table().labels["set"]


def check_coupling_set(name: str) -> str:
    """The name itself.

    Raises:
        SpecBuilderError: naming the sets there are.
    """
    if name not in coupling_sets():
        raise unknown_name("coupling set", name, coupling_sets())
    return name


def _coupling_row(coupling_set: str) -> dict[str, float]:
    row = coupling_sets().index(check_coupling_set(coupling_set))
    return {name: float(column[row]) for name, column in coupling_table().columns.items()}


def scalar_charge(target: Target, coupling_set: str = DEFAULT_COUPLING_SET) -> FloatArray:
    """C_S^2 / g_S^2 of Eq. (9), shape (scatterers, 1).

    Raises:
        SpecBuilderError: for an unknown set.
    """
    value = _coupling_row(coupling_set)
    proton = PROTON_MASS * (value["f_Tu_p"] / value["m_u_MeV"] + value["f_Td_p"] / value["m_d_MeV"])
    neutron = NEUTRON_MASS * (value["f_Tu_n"] / value["m_u_MeV"] + value["f_Td_n"] / value["m_d_MeV"])
    return target.Z * proton + target.N * neutron


def scalar_terms(
    target: Target, recoil_energy_MeV: FloatArray, coupling_set: str = DEFAULT_COUPLING_SET
) -> tuple[Term, ...]:
    """Eq. (5): scalar mediator, no interference with the Standard Model; C_S^4 = (C_S^2)^2."""
    m, T = target.mass_MeV, recoil_energy_MeV
    strength = m * scalar_charge(target, coupling_set) ** 2 / (4 * np.pi) * form_factor(target, T) ** 2
    zero = np.zeros_like(m * T)
    return (Term(2, 2, strength * energy_polynomial(zero, zero, m * T)),)


def vector_charge(target: Target, u: float, d: float, nu: float) -> FloatArray:
    """C_V^2 / g_V^2 for charges of u, d and the neutrino: Q_nu [(2 Q_u + Q_d) Z + (Q_u + 2 Q_d) N].

    Eq. (10): 3 A for the universal mediator (all charges 1), -A for B-L (quarks 1/3, neutrino -1).
    Shape (scatterers, 1).
    """
    return nu * ((2 * u + d) * target.Z + (u + 2 * d) * target.N)


def vector_terms(target: Target, recoil_energy_MeV: FloatArray, u: float, d: float, nu: float) -> tuple[Term, ...]:
    """Eq. (6) less the Standard Model: Q_V -> Q_V + C_V^2 / (sqrt2 G_F (m^2 + 2 M T)).

    The paper prints C_V there; only C_V^2, its Eq. (10), is of second order in g, as the exchange of a mediator is.
    """
    shift = vector_charge(target, u, d, nu) / (np.sqrt(2) * FERMI_CONSTANT)
    shape = coherent_shape(target, recoil_energy_MeV)
    return shifted_square(weak_charge(target), shift, shape, propagator_power=1)


def contact_terms(target: Target, recoil_energy_MeV: FloatArray, u: float, d: float) -> tuple[Term, ...]:
    """Vector contact interaction of strength epsilon G_F: g_V^p += 2 eps_u + eps_d, g_V^n += eps_u + 2 eps_d."""
    shift = vector_charge(target, u, d, 1.0)
    return shifted_square(weak_charge(target), shift, coherent_shape(target, recoil_energy_MeV))


def axial_terms(target: Target, recoil_energy_MeV: FloatArray) -> tuple[Term, ...]:
    """Eq. (7): axial-vector mediator; the longitudinal response is negligible."""
    m, T = target.mass_MeV, recoil_energy_MeV
    q = momentum_transfer(target, T)
    structure = ISOSCALAR_AXIAL_CHARGE**2 * spin_structure_function(target, q, "transverse")
    strength = 2 * m / (2 * target.spin + 1) * structure
    return (Term(2, 2, strength * energy_polynomial(np.full_like(m * T, 2), -2 * T, m * T)),)


def tensor_terms(target: Target, recoil_energy_MeV: FloatArray, longitudinal_factor: float = 1) -> tuple[Term, ...]:
    """Eq. (8): tensor mediator; the paper's longitudinal factor is 1, an exact trace gives 4."""
    m, T = target.mass_MeV, recoil_energy_MeV
    q = momentum_transfer(target, T)
    strength = ISOSCALAR_TENSOR_CHARGE**2 * m / (2 * target.spin + 1)
    transverse = strength * spin_structure_function(target, q, "transverse")
    longitudinal = strength * longitudinal_factor * spin_structure_function(target, q, "longitudinal")
    one, zero = np.ones_like(m * T), np.zeros_like(m * T)
    coefficients = transverse * energy_polynomial(2 * one, -2 * T, -m * T)
    coefficients += longitudinal * energy_polynomial(one, -T, zero)
    return (Term(2, 2, coefficients),)
