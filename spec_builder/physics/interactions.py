"""Cross sections of coherent elastic neutrino-nucleus scattering, Eqs. (1)-(10) of arXiv:2411.11749.

Every cross section is a sum of :class:`Term`: a power of a parameter x (the squared coupling g^2, or the weak
mixing angle), a power of the propagator 1/(M^2 + 2 m T) with mediator mass M, and a quadratic polynomial in
1/E. So neither another coupling nor another mediator mass needs another flux integral.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.tables import packaged_table
from spec_builder.physics.constants import (
    FERMI_CONSTANT,
    ISOSCALAR_AXIAL_CHARGE,
    ISOSCALAR_TENSOR_CHARGE,
    NEUTRON_MASS,
    PROTON_MASS,
    SIN2_THETA_W,
)
from spec_builder.physics.nuclei import (
    klein_nystrand_form_factor,
    momentum_transfer,
    spin_structure_function,
)

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table
    from spec_builder.physics.nuclei import Isotopes

__all__ = [
    "DEFAULT_COUPLING_SET",
    "Interaction",
    "NewPhysics",
    "Term",
    "check_longitudinal_factor",
    "coupling_sets",
    "coupling_table",
    "interaction_terms",
    "parse_interaction",
    "parse_new_physics",
    "scalar_charge",
    "standard_model_terms",
    "weak_mixing_angle_terms",
]

DEFAULT_COUPLING_SET = "B"


class Interaction(StrEnum):
    """The interactions of the paper, by the names used on the command line, in files and in Python."""

    SM = "sm"
    SCALAR = "scalar"
    VECTOR_UNIVERSAL = "vector_universal"
    VECTOR_BL = "vector_bl"
    AXIAL = "axial"
    TENSOR = "tensor"


def parse_interaction(name: str) -> Interaction:
    """An interaction by its name.

    Raises:
        SpecBuilderError: naming the ones there are.
    """
    try:
        return Interaction(name)
    except ValueError:
        known = ", ".join(interaction.value for interaction in Interaction)
        raise SpecBuilderError(f"interaction '{name}' is unknown, expected one of {known}") from None


def check_longitudinal_factor(factor: int) -> int:
    """The factor itself.

    Raises:
        SpecBuilderError: unless it is 1 or 4.
    """
    if factor not in (1, 4):
        raise SpecBuilderError(f"longitudinal factor {factor}: expected 1 or 4")
    return factor


@dataclass(frozen=True)
class Term:
    """x^order (M^2 + 2 m T)^-propagator_power sum_k coefficients[k] E^-k [MeV^-3], for E > E_min.

    Attributes:
        order: power of the parameter x.
        propagator_power: 0, 1 or 2.
        coefficients: shape (3, isotopes, T).
    """

    order: int
    propagator_power: int
    coefficients: FloatArray


def _energy_polynomial(constant: FloatArray, inverse: FloatArray, inverse_squared: FloatArray) -> FloatArray:
    return np.stack(np.broadcast_arrays(constant, inverse, inverse_squared))


def _standard_model_shape(isotopes: Isotopes, recoil_energy_MeV: FloatArray) -> FloatArray:
    """Eq. (1) without (Q_V)^2, shape (3, isotopes, T)."""
    m, T = isotopes.mass_MeV, recoil_energy_MeV
    form_factor = klein_nystrand_form_factor(isotopes, momentum_transfer(isotopes, T))
    strength = FERMI_CONSTANT**2 * m / np.pi * form_factor**2
    return strength * _energy_polynomial(np.ones_like(m * T), -T, -m * T / 2)


def weak_charge(isotopes: Isotopes, sin2_theta_w: float = SIN2_THETA_W) -> FloatArray:
    """Q_V of Eq. (2) with tree-level couplings, shape (isotopes, 1)."""
    charge: FloatArray = (1 - 4 * sin2_theta_w) / 2 * isotopes.Z - isotopes.N / 2
    return charge


def standard_model_terms(
    isotopes: Isotopes, recoil_energy_MeV: FloatArray, sin2_theta_w: float = SIN2_THETA_W
) -> tuple[Term, ...]:
    """Eq. (1): the Standard Model cross section."""
    shape = _standard_model_shape(isotopes, recoil_energy_MeV)
    return (Term(0, 0, weak_charge(isotopes, sin2_theta_w) ** 2 * shape),)


def weak_mixing_angle_terms(isotopes: Isotopes, recoil_energy_MeV: FloatArray) -> tuple[Term, ...]:
    """Eq. (1) as a quadratic polynomial in x = sin^2 theta_W, from Q_V = (Z - N)/2 - 2 Z x."""
    shape = _standard_model_shape(isotopes, recoil_energy_MeV)
    at_zero, slope = (isotopes.Z - isotopes.N) / 2, -2 * isotopes.Z
    return (
        Term(0, 0, at_zero**2 * shape),
        Term(1, 0, 2 * at_zero * slope * shape),
        Term(2, 0, slope**2 * shape),
    )


def _scalar_terms(isotopes: Isotopes, recoil_energy_MeV: FloatArray, coupling_set: str) -> tuple[Term, ...]:
    """Eq. (5): scalar mediator, no interference with the Standard Model; C_S^4 = (C_S^2)^2."""
    m, T = isotopes.mass_MeV, recoil_energy_MeV
    form_factor = klein_nystrand_form_factor(isotopes, momentum_transfer(isotopes, T))
    strength = m * scalar_charge(isotopes, coupling_set) ** 2 / (4 * np.pi) * form_factor**2
    zero = np.zeros_like(m * T)
    return (Term(2, 2, strength * _energy_polynomial(zero, zero, m * T)),)


def _vector_terms(isotopes: Isotopes, recoil_energy_MeV: FloatArray, kappa: float) -> tuple[Term, ...]:
    """Eq. (6) less the Standard Model, with C_V^2 = 3 A g^2 in the bracket.

    The paper prints C_V there; only C_V^2, its Eq. (10), is of second order in g, as the exchange of a mediator is.
    """
    (standard_model,) = standard_model_terms(isotopes, recoil_energy_MeV)
    ratio = kappa * 3 * isotopes.A / (np.sqrt(2) * FERMI_CONSTANT * weak_charge(isotopes))
    return (
        Term(1, 1, 2 * ratio * standard_model.coefficients),
        Term(2, 2, ratio**2 * standard_model.coefficients),
    )


def _axial_terms(isotopes: Isotopes, recoil_energy_MeV: FloatArray) -> tuple[Term, ...]:
    """Eq. (7): axial-vector mediator; the longitudinal response is negligible."""
    m, T = isotopes.mass_MeV, recoil_energy_MeV
    q = momentum_transfer(isotopes, T)
    structure = ISOSCALAR_AXIAL_CHARGE**2 * spin_structure_function(isotopes, q, "transverse")
    strength = 2 * m / (2 * isotopes.spin + 1) * structure
    return (Term(2, 2, strength * _energy_polynomial(np.full_like(m * T, 2), -2 * T, m * T)),)


def _tensor_terms(isotopes: Isotopes, recoil_energy_MeV: FloatArray, longitudinal_factor: float) -> tuple[Term, ...]:
    """Eq. (8): tensor mediator; the paper's longitudinal factor is 1, an exact trace gives 4."""
    m, T = isotopes.mass_MeV, recoil_energy_MeV
    q = momentum_transfer(isotopes, T)
    strength = ISOSCALAR_TENSOR_CHARGE**2 * m / (2 * isotopes.spin + 1)
    transverse = strength * spin_structure_function(isotopes, q, "transverse")
    longitudinal = strength * longitudinal_factor * spin_structure_function(isotopes, q, "longitudinal")
    one, zero = np.ones_like(m * T), np.zeros_like(m * T)
    coefficients = transverse * _energy_polynomial(2 * one, -2 * T, -m * T)
    coefficients += longitudinal * _energy_polynomial(one, -T, zero)
    return (Term(2, 2, coefficients),)


def interaction_terms(
    interaction: Interaction,
    isotopes: Isotopes,
    recoil_energy_MeV: FloatArray,
    *,
    coupling_set: str = DEFAULT_COUPLING_SET,
    longitudinal_factor: int = 1,
) -> tuple[Term, ...]:
    """What an interaction adds to the Standard Model, as terms in x = g^2.

    Args:
        interaction: which one; the Standard Model adds nothing.
        isotopes: the target nuclei.
        recoil_energy_MeV: shape (T,).
        coupling_set: f_Tq set A to E of the scalar charge, Eq. (9).
        longitudinal_factor: 1 as Eq. (8) is printed, or 4, the exact trace.

    Raises:
        SpecBuilderError: for an unknown coupling set or longitudinal factor.
    """
    check_longitudinal_factor(longitudinal_factor)
    match interaction:
        case Interaction.SM:
            return ()
        case Interaction.SCALAR:
            return _scalar_terms(isotopes, recoil_energy_MeV, coupling_set)
        case Interaction.VECTOR_UNIVERSAL:
            return _vector_terms(isotopes, recoil_energy_MeV, kappa=1.0)
        case Interaction.VECTOR_BL:
            return _vector_terms(isotopes, recoil_energy_MeV, kappa=-1 / 3)
        case Interaction.AXIAL:
            return _axial_terms(isotopes, recoil_energy_MeV)
        case Interaction.TENSOR:
            return _tensor_terms(isotopes, recoil_energy_MeV, longitudinal_factor)


def coupling_table() -> Table:
    """Quark-mass fractions of the scalar coupling sets."""
    numbers = ("f_Tu_p", "f_Td_p", "f_Tu_n", "f_Td_n", "m_u_MeV", "m_d_MeV")
    return packaged_table("couplings/scalar_coupling_sets", numbers, ("set", "status", "reference"))


def _coupling_row(coupling_set: str) -> dict[str, float]:
    table, names = coupling_table(), coupling_sets()
    if coupling_set not in names:
        raise SpecBuilderError(f"coupling set '{coupling_set}' is unknown, expected one of {', '.join(names)}")
    return {name: float(column[names.index(coupling_set)]) for name, column in table.columns.items()}


def coupling_sets() -> tuple[str, ...]:
    """Names of the scalar coupling sets."""
    return coupling_table().labels["set"]


def scalar_charge(isotopes: Isotopes, coupling_set: str = DEFAULT_COUPLING_SET) -> FloatArray:
    """C_S^2 / g_S^2 of Eq. (9), shape (isotopes, 1).

    Raises:
        SpecBuilderError: for an unknown set.
    """
    value = _coupling_row(coupling_set)
    proton = PROTON_MASS * (value["f_Tu_p"] / value["m_u_MeV"] + value["f_Td_p"] / value["m_d_MeV"])
    neutron = NEUTRON_MASS * (value["f_Tu_n"] / value["m_u_MeV"] + value["f_Td_n"] / value["m_d_MeV"])
    return isotopes.Z * proton + isotopes.N * neutron


@dataclass(frozen=True)
class NewPhysics:
    """An interaction with the choices that belong to it.

    Attributes:
        interaction: any but ``sm``.
        coupling_set: f_Tq set of the scalar; None for the others.
        longitudinal_factor: of the tensor's Eq. (8); None for the others.
    """

    interaction: Interaction
    coupling_set: str | None
    longitudinal_factor: int | None

    def terms(self, isotopes: Isotopes, recoil_energy_MeV: FloatArray) -> tuple[Term, ...]:
        """What it adds to the Standard Model; see :func:`interaction_terms`."""
        return interaction_terms(
            self.interaction,
            isotopes,
            recoil_energy_MeV,
            coupling_set=self.coupling_set or DEFAULT_COUPLING_SET,
            longitudinal_factor=self.longitudinal_factor or 1,
        )

    @property
    def default_couplings(self) -> tuple[float, float]:
        """Range of g that holds the 90 % CL limits of the shipped analyses from 0.01 MeV to 1 GeV."""
        return _COUPLINGS[self.interaction]


#: The limits lie between 7e-6 and 6e-4 (scalar), 5e-6 and 2e-3 (vectors), 6e-4 and 8e-2 (axial, tensor).
_COUPLINGS: dict[Interaction, tuple[float, float]] = {
    Interaction.SCALAR: (2e-6, 1e-3),
    Interaction.VECTOR_UNIVERSAL: (3e-6, 4e-3),
    Interaction.VECTOR_BL: (6e-6, 4e-3),
    Interaction.AXIAL: (2e-4, 1e-1),
    Interaction.TENSOR: (2e-4, 1e-1),
}


def parse_new_physics(name: str, coupling_set: str | None = None, longitudinal_factor: int | None = None) -> NewPhysics:
    """An interaction by its name on the command line, with its choices or their defaults.

    Raises:
        SpecBuilderError: for an unknown name or choice, or a choice that does not belong to the interaction.
    """
    known = [interaction.value for interaction in Interaction if interaction is not Interaction.SM]
    if name == Interaction.SM:
        raise SpecBuilderError(f"interaction 'sm' is the Standard Model, expected one of {', '.join(known)}")
    if name not in known:
        raise SpecBuilderError(f"interaction '{name}' is unknown, expected one of {', '.join(known)}")
    interaction = Interaction(name)
    if coupling_set is not None and interaction is not Interaction.SCALAR:
        raise SpecBuilderError(f"coupling set '{coupling_set}' belongs to interaction 'scalar', not '{name}'")
    if longitudinal_factor is not None and interaction is not Interaction.TENSOR:
        raise SpecBuilderError(f"longitudinal factor {longitudinal_factor} belongs to 'tensor', not '{name}'")
    if interaction is Interaction.SCALAR:
        _coupling_row(coupling_set or DEFAULT_COUPLING_SET)
        return NewPhysics(interaction, coupling_set or DEFAULT_COUPLING_SET, None)
    if interaction is Interaction.TENSOR:
        return NewPhysics(interaction, None, check_longitudinal_factor(longitudinal_factor or 1))
    return NewPhysics(interaction, None, None)
