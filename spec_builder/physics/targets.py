"""Targets: what neutrinos scatter off, as columns of isotopes or as electrons.

A shipped target is ``data/targets/<name>.toml``; a user's is a file or folder of the same form::

    name = "neon"
    title = "Natural neon"
    kind = "nuclei"                  # or "electrons"
    isotopes = "isotopes.csv"        # columns A, Z, abundance, atomic_mass_u, spin
    spin_structure = "spin.csv"      # optional, for axial and tensor: columns as in xenon_spin_structure.csv
    binding = "binding.csv"          # optional, for electrons of one element: orbital, binding_energy_eV, electrons
    form_factor = "klein_nystrand"   # optional, or "helm"
    references = ["..."]

with the tables beside it. ``# unit`` of the isotopes is ``abundance: fraction of atoms; atomic_mass_u: u; spin: hbar``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import shipped_names
from spec_builder.base.names import unknown_name
from spec_builder.base.reading import read_text
from spec_builder.base.text import Described, Report
from spec_builder.physics.constants import (
    ATOMIC_MASS_UNIT,
    AVOGADRO,
    ELECTRON_MASS,
    HBAR_C,
    HELM_DIFFUSENESS,
    HELM_RADIUS,
    HELM_RADIUS_OFFSET,
    HELM_SKIN,
    KLEIN_NYSTRAND_RADIUS,
    KLEIN_NYSTRAND_RANGE,
)
from spec_builder.physics.descriptions import find_description, is_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table
    from spec_builder.base.text import Column
    from spec_builder.physics.descriptions import Description

__all__ = [
    "FORM_FACTORS",
    "Shells",
    "SpinResponse",
    "Target",
    "form_factor",
    "helm_form_factor",
    "klein_nystrand_form_factor",
    "load_target",
    "momentum_transfer",
    "shipped_targets",
    "spin_structure_function",
]

#: Names of the form factors, and their sources.
FORM_FACTORS = {
    "klein_nystrand": "form factor of Klein and Nystrand, arXiv:hep-ph/9902259",
    "helm": "form factor of Helm in the form of Lewin and Smith, Astropart. Phys. 6 (1996) 87",
}
_COEFFICIENTS = tuple(f"c{i}" for i in range(7))
#: Rounding of published abundances.
_SUM_OF_ABUNDANCES = 1e-3
#: Part of a nuclear mass that binding energies of electrons and rounding make up at most.
_OF_NUCLEAR_MASS = 1e-4
#: No atomic mass in u is farther from its mass number.
_FROM_MASS_NUMBER = 0.5


@dataclass(frozen=True)
class SpinResponse:
    """F_+(u) = exp(-u/2) sum_i c_i u^i with u = q^2 b^2/2, of one multipole of an isotope.

    Attributes:
        Z, A: the isotope.
        response: ``transverse`` (Sigma') or ``longitudinal`` (Sigma'').
        b_fm: oscillator length [fm].
        coefficients: c_i.
    """

    Z: int
    A: int
    response: str
    b_fm: float
    coefficients: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Shells:
    """Electrons of an atom by their binding energy.

    Attributes:
        binding_energy_MeV: shape (shells,).
        electrons: how many there are, shape (shells,).
    """

    binding_energy_MeV: FloatArray
    electrons: FloatArray

    def free(self, recoil_energy_MeV: FloatArray) -> FloatArray:
        """Z_eff(T): electrons bound by less than T, shape (T,)."""
        count: FloatArray = self.electrons @ (self.binding_energy_MeV[:, np.newaxis] < recoil_energy_MeV)
        return count


@dataclass(frozen=True, eq=False, repr=False)
class Target(Described):
    """What neutrinos scatter off, as columns of shape (scatterers, 1) that broadcast against recoil energies.

    Attributes:
        name, title: as in lists and headers.
        kind: ``nucleus`` or ``electron``.
        A, Z, N: mass, proton and neutron number; 0 for electrons.
        mass_MeV: of one scatterer.
        spin: ground-state spin J.
        targets_per_tonne: scatterers in a tonne; free electrons where ``shells`` are given are a part of them.
        form_factor: a key of ``FORM_FACTORS``.
        spin_responses: by isotope and multipole; empty where no isotope with spin has one.
        spin_reference: source of the spin responses, or empty.
        shells: electrons by binding energy, for ``electron``; None where all count as free.
        references: sources of the tables.
        statuses: of the tables, by the key of the file.
        digest: SHA-256 of a user's file, else None.
    """

    name: str
    title: str
    kind: Literal["nucleus", "electron"]
    A: FloatArray
    Z: FloatArray
    N: FloatArray
    mass_MeV: FloatArray
    spin: FloatArray
    targets_per_tonne: FloatArray
    form_factor: str = "klein_nystrand"
    spin_responses: tuple[SpinResponse, ...] = ()
    spin_reference: str = ""
    shells: Shells | None = None
    references: tuple[str, ...] = ()
    statuses: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None

    def __post_init__(self) -> None:
        for name in _COLUMNS:  # a user's function gets them, and everybody shares them
            getattr(self, name).flags.writeable = False

    def report(self) -> Report:
        """A row for each kind of scatterer."""
        columns: dict[str, Column] = {
            name: getattr(self, name).ravel() for name in ("Z", "A", "mass_MeV", "spin", "targets_per_tonne")
        }
        facts: dict[str, str] = {"kind": self.kind}
        if self.kind == "nucleus":
            facts["form factor"] = self.form_factor
        facts["references"] = "; ".join(self.references) or "none"
        return Report(f"{self.name}: {self.title}", facts, columns)

    def per_tonne(self, recoil_energy_MeV: FloatArray) -> FloatArray:
        """Scatterers in a tonne that can take a recoil T, shape (scatterers, T) or (scatterers, 1)."""
        if self.shells is None:
            return self.targets_per_tonne
        share: FloatArray = self.shells.free(recoil_energy_MeV) / self.shells.electrons.sum()
        return self.targets_per_tonne * share

    @property
    def breaks_keV(self) -> FloatArray:
        """Recoil energies at which the number of scatterers steps."""
        return np.zeros(0) if self.shells is None else np.unique(self.shells.binding_energy_MeV) * 1e3

    def with_form_factor(self, name: str) -> Target:
        """The same nuclei with another form factor.

        Raises:
            SpecBuilderError: for an unknown name, or a target of electrons, which have none.
        """
        _check_form_factor(name)
        if self.kind == "electron":
            raise SpecBuilderError(f"target '{self.name}' is of electrons, which have no form factor '{name}'")
        return replace(self, form_factor=name)

    def rows(self, keep: FloatArray) -> Target:
        """Only those scatterers whose row is True in ``keep`` (scatterers,)."""
        columns = {name: getattr(self, name)[keep] for name in _COLUMNS}
        return replace(self, **columns)


_COLUMNS = ("A", "Z", "N", "mass_MeV", "spin", "targets_per_tonne")


def _check_form_factor(name: str) -> None:
    if name not in FORM_FACTORS:
        raise unknown_name("form factor", name, FORM_FACTORS)


def shipped_targets() -> tuple[str, ...]:
    """Names of the targets that come with the package.

    Examples:
        >>> shipped_targets()[:3]
        ('argon', 'csi', 'csi_electrons')
    """
    return shipped_names("targets")


@checked
def load_target(name_or_path: str | PathLike[str]) -> Target:
    """A shipped target by its name, or a user's by the path of its file or folder.

    Raises:
        SpecBuilderError: for an unknown name or a broken file, naming file and key.

    Examples:
        >>> float(load_target("xenon").targets_per_tonne.sum())  # doctest: +ELLIPSIS
        4.5868...e+27
    """
    if isinstance(name_or_path, str) and not is_path(name_or_path):
        return _shipped_target(name_or_path)
    return _read_target(find_description("targets", "target", name_or_path))


@cache
def _shipped_target(name: str) -> Target:
    return _read_target(find_description("targets", "target", name))


_KEYS = ("name", "title", "kind", "isotopes", "spin_structure", "binding", "form_factor", "references")


def _read_target(description: Description) -> Target:
    description.only(*_KEYS)
    name, title = description.own_name("target", shipped_targets()), description.text("title")
    kind = description.one_of("kind", ("nuclei", "electrons"))
    isotopes = _isotopes(description)
    target = _electrons(description, isotopes) if kind == "electrons" else _nuclei(description, isotopes)
    references = (isotopes.metadata["source"], *target.references, *description.texts("references"))
    description.finish()
    return replace(
        target,
        name=name,
        title=title,
        references=tuple(dict.fromkeys(references)),
        statuses=description.statuses,
        digest=description.digest,
    )


def _isotopes(description: Description) -> Table:
    """The table of isotopes, with or without columns N and nuclear_mass_MeV."""
    units = {"abundance": ("fraction of atoms",), "atomic_mass_u": ("u",), "spin": ("hbar",)}
    others = ["A", "Z"]
    if "nuclear_mass_MeV" in read_text(description.file_inside("isotopes")):
        units["nuclear_mass_MeV"] = ("MeV",)
        others.append("N")
    table = description.table("isotopes", units, others=others)
    for column in ("A", "Z", "abundance", "atomic_mass_u"):
        table.check(column, table[column] > 0, "a positive number")
    for column in ("A", "Z"):
        table.check(column, table[column] % 1 == 0, "a whole number")
    table.check("Z", table["Z"] <= table["A"], "at most A, are the two exchanged?")
    near = np.abs(table["atomic_mass_u"] - table["A"]) <= _FROM_MASS_NUMBER
    table.check("atomic_mass_u", near, "an atomic mass near the mass number A, in u")
    if "N" in others:
        table.check("N", table["N"] == table["A"] - table["Z"], "A - Z")
        bare = table["atomic_mass_u"] * ATOMIC_MASS_UNIT - table["Z"] * ELECTRON_MASS
        near = np.abs(table["nuclear_mass_MeV"] - bare) <= _OF_NUCLEAR_MASS * bare
        table.check("nuclear_mass_MeV", near, "the atomic mass less that of the electrons, in MeV")
    if abs(float(table["abundance"].sum()) - 1) > _SUM_OF_ABUNDANCES:
        total = float(table["abundance"].sum())
        raise SpecBuilderError(f"{table.path}: abundances sum to {total:.6g}, expected 1 (fractions of atoms)")
    halves = (table["spin"] >= 0) & (2 * table["spin"] % 2 == table["A"] % 2)
    table.check("spin", halves, "a whole number for even A, or half of an odd one for odd A")
    return table


def _nuclei(description: Description, table: Table) -> Target:
    columns = {name: values[:, np.newaxis] for name, values in table.columns.items()}
    molar_mass_g = float(np.sum(table["abundance"] * table["atomic_mass_u"]))
    A, Z = columns["A"], columns["Z"]
    bare = columns["atomic_mass_u"] * ATOMIC_MASS_UNIT - Z * ELECTRON_MASS
    form_factor_name = description.text("form_factor", "klein_nystrand")
    _check_form_factor(form_factor_name)
    spins, spin_reference = _spin_responses(description)
    return Target(
        name="",
        title="",
        kind="nucleus",
        A=A,
        Z=Z,
        N=columns.get("N", A - Z),
        mass_MeV=columns.get("nuclear_mass_MeV", bare),
        spin=columns["spin"],
        targets_per_tonne=columns["abundance"] * (1e6 / molar_mass_g * AVOGADRO),
        form_factor=form_factor_name,
        spin_responses=spins,
        spin_reference=spin_reference,
    )


def _spin_responses(description: Description) -> tuple[tuple[SpinResponse, ...], str]:
    if "spin_structure" not in description:
        return (), ""
    units = {"b_fm": ("fm",)}
    table = description.table(
        "spin_structure", units, others=("Z", "A", "multipole", *_COEFFICIENTS), labels=("response",)
    )
    responses = tuple(
        SpinResponse(
            Z=int(table["Z"][row]),
            A=int(table["A"][row]),
            response=response,
            b_fm=float(table["b_fm"][row]),
            coefficients=tuple(float(table[name][row]) for name in _COEFFICIENTS),
        )
        for row, response in enumerate(table.labels["response"])
    )
    for response in responses:
        if response.response not in ("transverse", "longitudinal"):
            told = unknown_name("response", response.response, ("transverse", "longitudinal"))
            raise SpecBuilderError(f"{table.path}: {told}")
    return responses, table.metadata["source"]


def _electrons(description: Description, table: Table) -> Target:
    """The electrons of a substance: free, or with the binding energies of its one element."""
    molar_mass_g = float(np.sum(table["abundance"] * table["atomic_mass_u"]))
    electrons = float(np.sum(table["abundance"] * table["Z"]))
    zero = np.zeros((1, 1))
    target = Target(
        name="",
        title="",
        kind="electron",
        A=zero,
        Z=zero,
        N=zero,
        mass_MeV=np.full((1, 1), ELECTRON_MASS),
        spin=np.full((1, 1), 0.5),
        targets_per_tonne=np.full((1, 1), electrons * 1e6 / molar_mass_g * AVOGADRO),
    )
    if "binding" not in description:
        return target
    units = {"binding_energy_eV": ("eV",)}
    binding = description.table("binding", units, others=("electrons",), labels=("orbital",))
    if binding["electrons"].sum() != electrons:
        raise SpecBuilderError(
            f"{binding.path}: {binding['electrons'].sum():g} electrons in all shells, expected Z = {electrons:g}"
        )
    shells = Shells(binding["binding_energy_eV"] * 1e-6, binding["electrons"])
    return replace(target, shells=shells, references=(binding.metadata["source"],))


def momentum_transfer(target: Target, recoil_energy_MeV: FloatArray) -> FloatArray:
    """|q| = sqrt(2 m T) / hbar c [1/fm], shape (scatterers, T); below Eq. (3) of arXiv:2411.11749."""
    momentum: FloatArray = np.sqrt(2 * target.mass_MeV * recoil_energy_MeV) / HBAR_C
    return momentum


def form_factor(target: Target, recoil_energy_MeV: FloatArray) -> FloatArray:
    """F_W of the target's own choice at recoil energies T, shape (scatterers, T)."""
    q = momentum_transfer(target, recoil_energy_MeV)
    return helm_form_factor(target, q) if target.form_factor == "helm" else klein_nystrand_form_factor(target, q)


def _sphere(x: FloatArray) -> FloatArray:
    """3 j_1(x)/x of a homogeneous sphere."""
    safe = np.maximum(x, 0.02)  # below, the series is exact and the Bessel function cancels
    bessel = np.sin(safe) / safe**2 - np.cos(safe) / safe
    return np.where(x < 0.02, 1 - x**2 / 10 * (1 - x**2 / 28), 3 * bessel / safe)


def klein_nystrand_form_factor(target: Target, q: FloatArray) -> FloatArray:
    """F_W(q) of Eq. (3) of arXiv:2411.11749, normalised to F_W(0) = 1.

    R_A = 1.23 A^(1/3) fm is the radius of the homogeneous sphere that the density folds with a Yukawa
    range a_k = 0.7 fm, not the RMS radius that the paper calls it.

    Args:
        target: the nuclei.
        q: momentum transfer [1/fm], shape (scatterers, T).
    """
    sphere = _sphere(q * (KLEIN_NYSTRAND_RADIUS * np.cbrt(target.A)))
    factor: FloatArray = sphere / (1 + (q * KLEIN_NYSTRAND_RANGE) ** 2)
    return factor


def helm_form_factor(target: Target, q: FloatArray) -> FloatArray:
    """F_W(q) = 3 j_1(q r)/(q r) exp(-(q s)^2/2) of Helm, with the radius of Lewin and Smith.

    r^2 = c^2 + 7/3 pi^2 a^2 - 5 s^2, c = 1.23 A^(1/3) - 0.60 fm, a = 0.52 fm, s = 0.9 fm.

    Args:
        target: the nuclei.
        q: momentum transfer [1/fm], shape (scatterers, T).
    """
    c = HELM_RADIUS * np.cbrt(target.A) - HELM_RADIUS_OFFSET
    radius = np.sqrt(c**2 + 7 / 3 * np.pi**2 * HELM_DIFFUSENESS**2 - 5 * HELM_SKIN**2)
    factor: FloatArray = _sphere(q * radius) * np.exp(-((q * HELM_SKIN) ** 2) / 2)
    return factor


def spin_structure_function(
    target: Target, q: FloatArray, response: Literal["transverse", "longitudinal"]
) -> FloatArray:
    """Isoscalar spin structure function S00, summed over multipoles; zero for spinless isotopes.

    Convention of Hoferichter, Menendez and Schwenk, arXiv:2007.08529: S00 = sum_L F_+^2 with
    F_+(u) = exp(-u/2) sum_i c_i u^i and u = q^2 b^2 / 2.

    Args:
        target: the nuclei.
        q: momentum transfer [1/fm], shape (scatterers, T).
        response: ``transverse`` (Sigma') or ``longitudinal`` (Sigma'').

    Returns:
        S00, shape (scatterers, T).

    Raises:
        SpecBuilderError: if an isotope with spin has no spin responses.
    """
    structure = np.zeros_like(q)
    for row, (Z, A, spin) in enumerate(zip(target.Z[:, 0], target.A[:, 0], target.spin[:, 0], strict=True)):
        if spin == 0:
            continue
        responses = [r for r in target.spin_responses if (r.Z, r.A) == (Z, A)]
        if not responses:
            raise SpecBuilderError(
                f"target '{target.name}' has no spin structure of the isotope Z = {Z:g}, A = {A:g}, which has spin "
                f"{spin:g}: interactions with spin (axial, tensor) cannot be computed on it"
            )
        for term in responses:
            if term.response == response:
                u = (q[row] * term.b_fm) ** 2 / 2
                polynomial = np.polynomial.Polynomial(term.coefficients)
                structure[row] += np.exp(-u) * polynomial(u) ** 2
    return structure
