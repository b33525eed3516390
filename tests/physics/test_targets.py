"""Isotopes, electrons, form factors and spin structure functions; a user's target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import spherical_jn

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.physics.targets import (
    form_factor,
    helm_form_factor,
    klein_nystrand_form_factor,
    load_target,
    momentum_transfer,
    shipped_targets,
    spin_structure_function,
)

if TYPE_CHECKING:
    from pathlib import Path

XENON = load_target("xenon")
ROW = {int(A): i for i, A in enumerate(XENON.A[:, 0])}


def test_isotopes_of_natural_xenon() -> None:
    assert XENON.A.shape == (9, 1)
    assert (XENON.Z == 54).all()
    np.testing.assert_array_equal(XENON.N, XENON.A - 54)
    # atoms in 10^6 g at 131.2928 g/mol
    assert XENON.targets_per_tonne.sum() == pytest.approx(4.586803e27, rel=1e-6)


def test_momentum_transfer() -> None:
    # m = 122 GeV, T = 1 keV: q = sqrt(244) MeV = 15.6 MeV
    q = momentum_transfer(XENON, np.array([1e-3]))
    np.testing.assert_allclose(q[:, 0] * 197.3269804, np.sqrt(2e-3 * XENON.mass_MeV[:, 0]), rtol=1e-12)


def test_form_factor_is_one_without_momentum_transfer() -> None:
    np.testing.assert_allclose(klein_nystrand_form_factor(XENON, np.zeros((9, 1))), 1.0, rtol=0, atol=1e-7)


@given(q=st.floats(1e-2, 3.0))
def test_form_factor_is_equation_3(q: float) -> None:
    x = q * 1.23 * XENON.A ** (1 / 3)
    expected = 3 * spherical_jn(1, x) / x / (1 + (0.7 * q) ** 2)
    np.testing.assert_allclose(klein_nystrand_form_factor(XENON, np.full((9, 1), q)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("response", "A", "expected"),
    [
        ("transverse", 129, 0.03647627),
        ("longitudinal", 129, 0.01823813),
        ("transverse", 131, 0.02785467),
        ("longitudinal", 131, 0.01392734),
    ],
)
def test_spin_structure_without_momentum_transfer(
    response: Literal["transverse", "longitudinal"], A: int, expected: float
) -> None:
    structure = spin_structure_function(XENON, np.zeros((9, 1)), response)
    assert structure[ROW[A], 0] == pytest.approx(expected, abs=5e-9)


# expectation values <S_p> + <S_n> of Klos et al., Phys. Rev. D 88 (2013) 083516, Table I
@pytest.mark.parametrize(("A", "total_spin"), [(129, 0.010 + 0.329), (131, -0.009 - 0.272)])
def test_spin_structure_counts_the_nucleons_spins(A: int, total_spin: float) -> None:
    J = XENON.spin[ROW[A], 0]
    expected = (2 * J + 1) * (J + 1) / (4 * np.pi * J) * total_spin**2
    q = np.zeros((9, 1))
    both = spin_structure_function(XENON, q, "transverse") + spin_structure_function(XENON, q, "longitudinal")
    assert both[ROW[A], 0] == pytest.approx(expected, rel=0.01)


@given(q=st.floats(0.0, 2.0))
def test_only_isotopes_with_spin_respond(q: float) -> None:
    spinless = XENON.spin[:, 0] == 0
    for response in ("transverse", "longitudinal"):
        structure = spin_structure_function(XENON, np.full((9, 1), q), response)
        assert (structure >= 0).all()
        assert (structure[spinless] == 0).all()


NUCLEI = ("argon", "csi", "germanium", "silicon", "xenon")

TARGET = """
name = "neon"
title = "Natural neon"
kind = "nuclei"
isotopes = "isotopes.csv"
references = ["a note"]
"""
ISOTOPES = """# title: neon
# source: AME2020, CIAAW
# status: published
# unit: abundance: fraction of atoms; atomic_mass_u: u; spin: hbar
A,Z,abundance,atomic_mass_u,spin
20,10,0.9048,19.9924401753,0
21,10,0.0027,20.99384669,1.5
22,10,0.0925,21.991385114,0
"""
SPIN = """# title: spin responses
# source: made up
# status: computed
# unit: b_fm: fm
Z,A,response,multipole,b_fm,c0,c1,c2,c3,c4,c5,c6
10,21,transverse,1,1.8,0.2,0.1,0,0,0,0,0
10,21,longitudinal,1,1.8,0.15,0,0,0,0,0,0
"""
SHELLS = """# title: shells
# source: made up
# status: computed
# unit: binding_energy_eV: eV
orbital,binding_energy_eV,electrons
outer,20,8
inner,870,2
"""


def write(folder: Path, target: str = TARGET, isotopes: str = ISOTOPES, spin: str = SPIN, shells: str = SHELLS) -> Path:
    for name, text in {
        "target.toml": target, "isotopes.csv": isotopes, "spin.csv": spin, "shells.csv": shells,
    }.items():  # fmt: skip
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "isotopes", "molar_mass_g"),
    # standard atomic weights, IUPAC
    [("argon", 3, 39.948), ("germanium", 5, 72.630), ("silicon", 3, 28.085), ("xenon", 9, 131.293)],
)
def test_natural_elements(name: str, isotopes: int, molar_mass_g: float) -> None:
    target = load_target(name)
    assert (target.name, target.kind) == (name, "nucleus")
    assert target.A.shape == (isotopes, 1)
    np.testing.assert_array_equal(target.N, target.A - target.Z)
    assert target.targets_per_tonne.sum() == pytest.approx(6.02214076e29 / molar_mass_g, rel=2e-4)
    # a nucleus weighs A u less its binding, and 8 to 9 MeV a nucleon are bound
    nucleons = target.Z * 938.272 + target.N * 939.565
    bound = (nucleons - target.mass_MeV) / target.A
    assert ((bound > 8) & (bound < 9)).all()


def test_caesium_iodide() -> None:
    csi = load_target("csi")
    assert csi.A.ravel().tolist() == [127, 133]
    assert csi.spin.ravel().tolist() == [2.5, 3.5]
    # 14.6 kg hold 3.384138e25 of each
    np.testing.assert_allclose(csi.targets_per_tonne * 14.6e-3, 3.384138e25, rtol=1e-6)


def test_electrons() -> None:
    free, bound = load_target("xenon_electrons_free"), load_target("xenon_electrons")
    assert {free.kind, bound.kind, load_target("csi_electrons").kind} == {"electron"}
    T = np.array([0.5, 1.0, 5.0, 20.0, 100.0]) * 1e-3
    assert free.per_tonne(T)[0, 0] == pytest.approx(54 * 4.586803e27, rel=1e-6)
    per_atom = bound.per_tonne(T)[0] / 4.586803e27
    np.testing.assert_allclose(per_atom, [26, 40, 48, 52, 54], rtol=1e-6)
    # 54 electrons an atom on average
    csi = load_target("csi_electrons").targets_per_tonne[0, 0] / load_target("csi").targets_per_tonne.sum()
    assert csi == pytest.approx(54, rel=1e-12)


def test_electrons_of_a_shell_count_above_its_binding_energy() -> None:
    bound = load_target("xenon_electrons")
    for edge, electrons in ((1.17, 44), (5.51, 52), (34.8, 54)):
        near = bound.breaks_keV[np.argmin(np.abs(bound.breaks_keV / edge - 1))]
        assert near == pytest.approx(edge, rel=0.05)
        above = float(bound.shells.free(np.array([near * 1.0001e-3]))[0]) if bound.shells else 0
        assert above == electrons
    assert load_target("xenon").breaks_keV.size == 0


def test_every_shipped_target_loads_and_has_sources() -> None:
    for name in shipped_targets():
        target = load_target(name)
        assert target.name == name
        assert target.references
        assert target.digest is None
        assert (target.mass_MeV > 0).all()


@given(q=st.floats(1e-2, 2.5))
def test_helm_form_factor(q: float) -> None:
    # Lewin and Smith, Astropart. Phys. 6 (1996) 87, Eqs. (4.7), (4.10), (4.11)
    c = 1.23 * XENON.A ** (1 / 3) - 0.60
    radius = np.sqrt(c**2 + 7 / 3 * np.pi**2 * 0.52**2 - 5 * 0.9**2)
    expected = 3 * spherical_jn(1, q * radius) / (q * radius) * np.exp(-((q * 0.9) ** 2) / 2)
    np.testing.assert_allclose(helm_form_factor(XENON, np.full((9, 1), q)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NUCLEI)
def test_form_factors_are_near_one_another(name: str) -> None:
    target, T = load_target(name), np.array([1e-5, 1e-3])
    helm = target.with_form_factor("helm")
    np.testing.assert_allclose(form_factor(helm, T), form_factor(target, T), rtol=0.01)
    q = momentum_transfer(target, T)
    np.testing.assert_array_equal(form_factor(target, T), klein_nystrand_form_factor(target, q))
    np.testing.assert_array_equal(form_factor(helm, T), helm_form_factor(target, q))
    assert (form_factor(helm, T) != form_factor(target, T)).any()


def test_unknown_form_factor() -> None:
    with pytest.raises(SpecBuilderError, match="form factor 'box' is unknown, expected one of klein_nystrand, helm"):
        XENON.with_form_factor("box")
    with pytest.raises(SpecBuilderError, match="target 'csi_electrons' is of electrons, which have no form factor"):
        load_target("csi_electrons").with_form_factor("helm")


@pytest.mark.parametrize(("name", "Z", "A"), [("germanium", 32, 73), ("silicon", 14, 29)])
def test_isotopes_with_spin_and_no_table_are_refused(name: str, Z: int, A: int) -> None:
    target = load_target(name)
    with pytest.raises(SpecBuilderError, match=f"'{name}' has no spin structure of the isotope Z = {Z}, A = {A}"):
        spin_structure_function(target, np.zeros(target.A.shape), "transverse")


def test_argon_has_no_spin() -> None:
    argon = load_target("argon")
    assert (spin_structure_function(argon, np.ones((3, 4)), "transverse") == 0).all()


def test_spin_structure_is_looked_up_by_charge_and_mass_number() -> None:
    csi = load_target("csi")
    iodine = spin_structure_function(csi, np.zeros((2, 1)), "transverse")[0, 0]
    # c0^2 of the only multipole that is left at q = 0
    assert iodine == pytest.approx(0.248999177944**2, rel=1e-12)
    shifted = csi.rows(np.array([True, False]))
    assert shifted.A.ravel().tolist() == [127]
    other = load_target("xenon")
    assert {(r.Z, r.A) for r in other.spin_responses} == {(54, 129), (54, 131)}


# ---------------------------------------------------------------- a user's target


def test_a_target_by_path(tmp_path: Path) -> None:
    target = load_target(write(tmp_path))
    assert target.digest == load_target(str(tmp_path / "target.toml")).digest
    assert (target.name, target.title, target.kind) == ("neon", "Natural neon", "nucleus")
    assert target.N.ravel().tolist() == [10, 11, 12]
    assert target.mass_MeV[0, 0] == pytest.approx(19.9924401753 * 931.49410242 - 10 * 0.51099895, rel=1e-12)
    assert target.references == ("AME2020, CIAAW", "a note")
    assert len(str(target.digest)) == 64


def test_a_target_with_spin(tmp_path: Path) -> None:
    target = load_target(write(tmp_path, TARGET + 'spin_structure = "spin.csv"\nform_factor = "helm"\n'))
    q = np.full((3, 1), 0.5)
    u = (0.5 * 1.8) ** 2 / 2
    found = spin_structure_function(target, q, "transverse")
    np.testing.assert_allclose(found[:, 0], [0, np.exp(-u) * (0.2 + 0.1 * u) ** 2, 0], rtol=1e-12)
    assert target.form_factor == "helm"
    assert target.spin_reference == "made up"


def test_a_target_of_electrons(tmp_path: Path) -> None:
    text = TARGET.replace("nuclei", "electrons") + 'binding = "shells.csv"\n'
    target = load_target(write(tmp_path, text))
    per_atom = target.per_tonne(np.array([1e-5, 1e-4, 1e-3]))[0] / (6.02214076e29 / 20.1800)
    np.testing.assert_allclose(per_atom, [0, 8, 10], rtol=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"nuclei"', '"atoms"', "target.toml: kind must be one of nuclei, electrons, found 'atoms'"),
        ('isotopes = "isotopes.csv"', "", "target.toml: key 'isotopes' is missing"),
        ('"isotopes.csv"', '"none.csv"', "none.csv: no such file"),
        ('"isotopes.csv"', '"/isotopes.csv"', "target.toml: isotopes must be a file inside"),
        ('"nuclei"', '"nuclei"\nform_factor = "box"', "form factor 'box' is unknown"),
        ('"nuclei"', '"nuclei"\ncolour = "red"', "target.toml: unknown key 'colour'"),
        ('"nuclei"', '"nuclei"\nbinding = "shells.csv"', "target.toml: key 'binding' does not apply here"),
        ('name = "neon"', "name = 3", "target.toml: name must be a text, found 3"),
    ],
)
def test_mistakes_in_a_target(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TARGET
    with pytest.raises(SpecBuilderError, match=message):
        load_target(write(tmp_path, TARGET.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.9048", "90.48", "isotopes.csv: abundances sum to 90.5752, expected 1"),
        ("20,10", "0,10", "isotopes.csv:6: A is 0, expected a positive number"),
        ("20,10", "10,20", "isotopes.csv:6: Z is 20, expected at most A, are the two exchanged"),
        (
            "19.9924401753",
            "18622.8",
            "isotopes.csv:6: atomic_mass_u is 18622.8, expected an atomic mass near the mass number",
        ),
        (
            "1.5",
            "1.0",
            "isotopes.csv:7: spin is 1, expected a whole number for even A, or half of an odd one for odd A",
        ),
        ("1.5", "1.3", "isotopes.csv:7: spin is 1.3, expected a whole number for even A"),
        ("atomic_mass_u: u", "atomic_mass_u: MeV", "the unit of atomic_mass_u is 'MeV', expected one of: u"),
        ("A,Z,", "A,Q,", "isotopes.csv:5: unknown column 'Q'"),
    ],
)
def test_mistakes_in_isotopes(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ISOTOPES
    with pytest.raises(SpecBuilderError, match=message):
        load_target(write(tmp_path, isotopes=ISOTOPES.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("132,54,78", "132,54,87", "isotopes.csv:12: N is 87, expected A - Z"),
        (
            "122840.3486",
            "122.8403486",
            "nuclear_mass_MeV is 122.84, expected the atomic mass less that of the electrons",
        ),
    ],
)
def test_neutrons_and_nuclear_masses_are_those_of_the_other_columns(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    shipped = data_path("targets", "xenon_isotopes.csv").read_text("utf-8")
    assert load_target(write(tmp_path, isotopes=shipped)).N[6] == 78
    assert old in shipped
    with pytest.raises(SpecBuilderError, match=message):
        load_target(write(tmp_path, isotopes=shipped.replace(old, new)))


def test_mistakes_in_spins_and_shells(tmp_path: Path) -> None:
    text = TARGET + 'spin_structure = "spin.csv"\n'
    with pytest.raises(SpecBuilderError, match="response 'lateral' is unknown, expected one of transverse, long"):
        load_target(write(tmp_path, text, spin=SPIN.replace("transverse", "lateral")))
    text = TARGET.replace("nuclei", "electrons") + 'binding = "shells.csv"\n'
    with pytest.raises(SpecBuilderError, match=r"shells.csv: 9 electrons in all shells, expected Z = 10"):
        load_target(write(tmp_path, text, shells=SHELLS.replace("20,8", "20,7")))
    with pytest.raises(SpecBuilderError, match="the unit of binding_energy_eV is 'keV', expected one of: eV"):
        load_target(write(tmp_path, text, shells=SHELLS.replace("eV: eV", "eV: keV")))


def test_unknown_name() -> None:
    with pytest.raises(SpecBuilderError, match=r"target 'lead' is unknown, expected one of argon, csi, .*or a path"):
        load_target("lead")
