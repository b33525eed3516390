"""Xenon isotopes, their form factor and spin structure functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from spec_builder.base.tables import packaged_table
from spec_builder.physics.constants import AVOGADRO, HBAR_C, KLEIN_NYSTRAND_RADIUS, KLEIN_NYSTRAND_RANGE

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table

__all__ = [
    "Isotopes",
    "isotope_table",
    "klein_nystrand_form_factor",
    "momentum_transfer",
    "spin_structure_function",
    "spin_structure_table",
    "xenon",
]

_COEFFICIENTS = tuple(f"c{i}" for i in range(7))


@dataclass(frozen=True)
class Isotopes:
    """The isotopes of a target, as columns of shape (isotopes, 1) that broadcast against recoil energies.

    Attributes:
        A, Z, N: mass, proton and neutron number.
        mass_MeV: nuclear mass.
        spin: ground-state spin J.
        targets_per_tonne: nuclei of this isotope in a tonne of the natural element.
    """

    A: FloatArray
    Z: FloatArray
    N: FloatArray
    mass_MeV: FloatArray
    spin: FloatArray
    targets_per_tonne: FloatArray


def isotope_table() -> Table:
    """Masses, abundances and spins of the stable isotopes."""
    columns = ("A", "Z", "N", "abundance", "atomic_mass_u", "nuclear_mass_MeV", "spin")
    return packaged_table("targets/xenon_isotopes", columns)


def spin_structure_table() -> Table:
    """Coefficients of the isoscalar spin responses."""
    return packaged_table("targets/xenon_spin_structure", ("A", "multipole", "b_fm", *_COEFFICIENTS), ("response",))


@cache
def xenon() -> Isotopes:
    """Natural xenon (AME2020 masses, IUPAC abundances).

    Examples:
        >>> float(xenon().targets_per_tonne.sum())  # doctest: +ELLIPSIS
        4.5868...e+27
    """
    table = isotope_table()
    columns = {name: values[:, np.newaxis] for name, values in table.columns.items()}
    molar_mass_g = float(np.sum(table["abundance"] * table["atomic_mass_u"]))
    return Isotopes(
        A=columns["A"],
        Z=columns["Z"],
        N=columns["N"],
        mass_MeV=columns["nuclear_mass_MeV"],
        spin=columns["spin"],
        targets_per_tonne=columns["abundance"] * (1e6 / molar_mass_g * AVOGADRO),
    )


def momentum_transfer(isotopes: Isotopes, recoil_energy_MeV: FloatArray) -> FloatArray:
    """|q| = sqrt(2 m T) / hbar c [1/fm], shape (isotopes, T); below Eq. (3) of arXiv:2411.11749."""
    momentum: FloatArray = np.sqrt(2 * isotopes.mass_MeV * recoil_energy_MeV) / HBAR_C
    return momentum


def klein_nystrand_form_factor(isotopes: Isotopes, q: FloatArray) -> FloatArray:
    """F_W(q) of Eq. (3) of arXiv:2411.11749, normalised to F_W(0) = 1.

    R_A = 1.23 A^(1/3) fm is the radius of the homogeneous sphere that the density folds with a Yukawa
    range a_k = 0.7 fm, not the RMS radius that the paper calls it.

    Args:
        isotopes: the target nuclei.
        q: momentum transfer [1/fm], shape (isotopes, T).
    """
    x = q * (KLEIN_NYSTRAND_RADIUS * np.cbrt(isotopes.A))
    safe = np.maximum(x, 0.02)  # below, the series is exact and the Bessel function cancels
    bessel = np.sin(safe) / safe**2 - np.cos(safe) / safe
    sphere = np.where(x < 0.02, 1 - x**2 / 10 * (1 - x**2 / 28), 3 * bessel / safe)
    factor: FloatArray = sphere / (1 + (q * KLEIN_NYSTRAND_RANGE) ** 2)
    return factor


def spin_structure_function(
    isotopes: Isotopes, q: FloatArray, response: Literal["transverse", "longitudinal"]
) -> FloatArray:
    """Isoscalar spin structure function S00, summed over multipoles; zero for spinless isotopes.

    Convention of Hoferichter, Menendez and Schwenk, arXiv:2007.08529: S00 = sum_L F_+^2 with
    F_+(u) = exp(-u/2) sum_i c_i u^i and u = q^2 b^2 / 2.

    Args:
        isotopes: the target nuclei.
        q: momentum transfer [1/fm], shape (isotopes, T).
        response: ``transverse`` (Sigma') or ``longitudinal`` (Sigma'').

    Returns:
        S00, shape (isotopes, T).
    """
    table = spin_structure_table()
    structure = np.zeros_like(q)
    for row, kind in enumerate(table.labels["response"]):
        if kind != response:
            continue
        isotope = int(np.flatnonzero(isotopes.A[:, 0] == table["A"][row])[0])
        u = (q[isotope] * table["b_fm"][row]) ** 2 / 2
        polynomial = np.polynomial.Polynomial([table[c][row] for c in _COEFFICIENTS])
        structure[isotope] += np.exp(-u) * polynomial(u) ** 2
    return structure
