"""A user's own interaction by TOML, by Python file, and as an object."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics import rates
from spec_builder.physics.interactions import choose
from spec_builder.physics.rates import minimum_neutrino_energy, rate
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target
from spec_builder.physics.terms import Term
from tests.interactions import BL, FREE

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = """
import numpy as np
from spec_builder.physics.targets import form_factor
from spec_builder.physics.terms import Term

name = "my_moment"
title = "Magnetic moment by terms"
references = ("Vogel and Engel",)
parameter = "mu"
unit = "mu_B"
mediator = False
default_range = (1e-12, 1e-8)


def terms(scatterers, T, flavour):
    charge = scatterers.Z * form_factor(scatterers, T) if scatterers.kind == "nucleus" else 1.0
    size = np.pi / 137.035999084**2 / 0.51099895**2 * charge**2
    return [Term(1, 0, (size / T, -size, 0.0))]
"""

MASSES = np.array([0.01, 10.0, 1000.0])
CASES = [
    ("solar_8b", "xenon", np.linspace(0.2, 3.7, 36)),
    ("solar_hep", "argon", np.linspace(0.5, 15.0, 30)),
    ("sns", "csi", np.linspace(1.0, 44.0, 44)),
    ("reactor", "germanium", np.linspace(0.2, 2.6, 13)),
]


def write(folder: Path, text: str, name: str = "model.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# ---------------------------------------------------------------- TOML


@pytest.mark.parametrize(
    ("source", "target", "energies"), [*CASES, ("solar", "xenon_electrons", np.linspace(1, 100, 9))]
)
def test_b_minus_l_by_toml(tmp_path: Path, source: str, target: str, energies: np.ndarray) -> None:
    mine = choose(write(tmp_path, BL, "bl.toml"))
    arguments = (energies, np.array([*MASSES, np.inf]))
    neutrinos, scatterers = load_source(source), load_target(target)
    expected = rate(neutrinos, scatterers, choose("vector_bl"), *arguments)
    np.testing.assert_allclose(rate(neutrinos, scatterers, mine, *arguments), expected, rtol=1e-12)


def test_what_a_toml_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, BL + "default_range = [1e-6, 1e-3]\n", "bl.toml")
    mine = choose(str(path))
    assert (mine.name, mine.title, mine.references) == ("my_bl", "B-L once more", ("an internal note",))
    assert mine.default_range == (1e-6, 1e-3)
    assert mine.options == {"u": 0.3333333333333333, "d": 0.3333333333333333, "nu": -1.0, "e": -1.0}
    assert mine.changed == {}
    assert mine.digest is not None
    assert len(mine.digest) == 64
    assert "an internal note" in mine.sources(load_source("solar_8b"), load_target("xenon"))


@pytest.mark.parametrize(
    ("kind", "line", "changed"),
    [
        ("scalar", 'coupling_set = "A"', {"coupling_set": "A"}),
        ("scalar", 'scalar_form = "nuclear"', {"scalar_form": "nuclear"}),
        ("axial", 'axial_sign = "-"', {"axial_sign": "-"}),
        ("tensor", "longitudinal_factor = 4", {"longitudinal_factor": 4}),
    ],
)
def test_other_kinds_with_their_options(tmp_path: Path, kind: str, line: str, changed: dict[str, object]) -> None:
    mine = choose(write(tmp_path, f'name = "mine"\nkind = "{kind}"\n{line}\n', "mine.toml"))
    target = load_target("xenon")
    found = rate(load_source("solar_8b"), target, mine, np.ones(1), MASSES)
    expected = rate(load_source("solar_8b"), target, choose(kind, **changed), np.ones(1), MASSES)
    np.testing.assert_array_equal(found, expected)
    assert mine.changed == {}
    assert mine.title == "mine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "vector"', 'kind = "spinor"', "bl.toml: kind must be one of vector, scalar, axial, tensor"),
        ('kind = "vector"', "", "bl.toml: key 'kind' is missing"),
        ('name = "my_bl"', 'name = "my bl"', "bl.toml: name must be a name of letters, digits and underscores"),
        ('name = "my_bl"', 'name = "axial"', "bl.toml: name 'axial' is that of a shipped interaction"),
        ("nu = -1.0, ", "", "bl.toml: key 'charges.nu' is missing"),
        ("nu = -1.0, ", "nu = 'a', ", "bl.toml: charges.nu must be a number, found 'a'"),
        ("nu = -1.0, ", "nu = -1.0, s = 1, ", "bl.toml: unknown key 'charges.s', expected one of u, d, nu, e"),
        ("charges = {", "charge = {", "bl.toml: unknown key 'charge'; did you mean 'charges'"),
        ('kind = "vector"', 'kind = "vector"\ncoupling_set = "A"', "bl.toml: unknown key 'coupling_set'"),
        ('kind = "vector"', 'kind = "axial"', "bl.toml: unknown key 'charges'"),
        (
            'kind = "vector"',
            'kind = "vector"\ndefault_range = [1, 0.1]',
            "default_range must be two increasing numbers",
        ),
        ('["an internal note"]', "[3]", "bl.toml: references must be a list of texts"),
    ],
)
def test_mistakes_in_toml(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in BL
    with pytest.raises(SpecBuilderError, match=message):
        choose(write(tmp_path, BL.replace(old, new), "bl.toml"))


def test_a_wrong_option_in_toml_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "mine"\nkind = "scalar"\ncoupling_set = "Z"\n', "mine.toml")
    with pytest.raises(SpecBuilderError, match=r"mine.toml: interaction 'scalar': coupling set 'Z', expected one of A"):
        choose(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"none.toml: no such file"):
        choose(tmp_path / "none.toml")
    with pytest.raises(SpecBuilderError, match=r"model.txt: expected an interaction's file, .toml or .py"):
        choose(str(write(tmp_path, "", "model.txt")))


# ---------------------------------------------------------------- Python


@pytest.mark.parametrize(("source", "target", "energies"), CASES)
def test_free_cross_section_of_b_minus_l(tmp_path: Path, source: str, target: str, energies: np.ndarray) -> None:
    mine = choose(write(tmp_path, FREE))
    neutrinos, scatterers = load_source(source), load_target(target)
    found = rate(neutrinos, scatterers, mine, energies, MASSES)
    expected = rate(neutrinos, scatterers, choose("vector_bl"), energies, MASSES)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0)


def test_free_cross_section_on_a_coarse_table_and_lines(tmp_path: Path) -> None:
    (tmp_path / "coarse.csv").write_text(
        "# title: t\n# source: s\n# status: computed\n# unit: E_MeV: MeV; spectrum: 1/MeV\n"
        "E_MeV,spectrum\n5,0\n15,3\n22,1\n40,0\n",
        encoding="utf-8",
    )
    component = '[[components]]\nflavour = "nue"\nparameter = "flux_mine"\n'
    (tmp_path / "source.toml").write_text(
        'name = "mine"\ntitle = "Mine"\nkind = "flux"\n'
        f'{component}name = "table"\nspectrum = "table"\ntable = "coarse.csv"\ntotal = 1e7\n'
        f'{component}name = "lines"\nspectrum = "lines"\nenergies_MeV = [12.0, 30.0]\ntotals = [1e7, 2e7]\n',
        encoding="utf-8",
    )
    source, target, T = load_source(tmp_path), load_target("csi"), np.linspace(0.5, 25.0, 50)
    found = rate(source, target, choose(write(tmp_path, FREE)), T, MASSES)
    expected = rate(source, target, choose("vector_bl"), T, MASSES)
    assert (expected[1, 2] > 0).any()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_blocks_of_recoil_energies_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (load_source("solar_8b"), load_target("xenon"), choose(write(tmp_path, FREE)), np.linspace(0.2, 3, 7))
    whole = rate(*arguments, MASSES)
    monkeypatch.setattr(rates, "_BLOCK", 1)
    np.testing.assert_allclose(rate(*arguments, MASSES), whole, rtol=1e-13)


def test_free_cross_section_on_electrons_knows_the_flavour(tmp_path: Path) -> None:
    text = """
import numpy as np
name = "only_others"
title = "Only muon and tau neutrinos"
parameter = "g"
def cross_section(E, T, m, scatterers, flavour):
    D = m**2 + 2 * scatterers.mass_MeV * T
    size = (flavour != "nue") * scatterers.mass_MeV**2 * T / (4 * np.pi * E**2 * D**2)
    return np.stack([0 * size, 0 * size, size])
"""
    source, target, T = load_source("solar"), load_target("xenon_electrons"), np.array([2.0, 20.0, 200.0])
    found = rate(source, target, choose(write(tmp_path, text)), T, MASSES)[:, 2]
    scalar = rate(source, target, choose("scalar", scalar_form="nuclear"), T, MASSES)[:, 2]
    lowest = minimum_neutrino_energy(target.mass_MeV, T * 1e-3)
    for mine, all_of_them, component in zip(found, scalar, source.components, strict=True):
        others = component.flavours()[1][1]
        share = others.moments(lowest)[2, 0] / component.spectrum.moments(lowest)[2, 0]
        np.testing.assert_allclose(mine, share * all_of_them, rtol=1e-5)


def test_magnetic_moment_by_terms(tmp_path: Path) -> None:
    mine, shipped = choose(write(tmp_path, MOMENT)), choose("magnetic_moment")
    assert (mine.parameter, mine.unit, mine.has_mediator, mine.default_range) == ("mu", "mu_B", False, (1e-12, 1e-8))
    for source, target in (("solar_8b", "xenon"), ("solar", "xenon_electrons")):
        arguments = (load_source(source), load_target(target))
        found, expected = rate(*arguments, mine, np.array([1.0, 2.0])), rate(*arguments, shipped, np.array([1.0, 2.0]))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_file_may_hold_classes(tmp_path: Path) -> None:
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    text = head + MOMENT + "\n\n@dataclass\nclass Parameters:\n    size: float = 1.0\n"
    assert choose(write(tmp_path, text)).name == "my_moment"


@pytest.mark.parametrize(("power", "signed"), [(2, False), (0, False), (1, True)])
def test_the_contact_limit_is_one_of_squared_couplings(tmp_path: Path, power: int, signed: bool) -> None:
    """Its parameter is g/m: of a product of couplings, or of y = g^4, the numbers would have another unit."""
    terms = MOMENT.replace("mediator = False", f"signed = {signed}").replace("(1e-12, 1e-8)", "(1e-9, 1e-6)")
    terms = terms.replace("Term(1, 0,", f"Term(1, {power},")
    own, source, target = choose(write(tmp_path, terms)), load_source("solar_8b"), load_target("xenon")
    assert rate(source, target, own, np.ones(1), np.array([1e3])).shape == (1, 3, 1, 1)
    with pytest.raises(SpecBuilderError, match="'my_moment' has no contact limit, whose parameter is g/m"):
        rate(source, target, own, np.ones(1), np.array([1e3, np.inf]))


def test_a_free_cross_section_has_no_contact_limit(tmp_path: Path) -> None:
    mine = choose(write(tmp_path, FREE))
    with pytest.raises(SpecBuilderError, match="'free_bl' is a free cross section: it has no contact limit"):
        rate(load_source("solar_8b"), load_target("xenon"), mine, np.ones(1), np.array([np.inf]))
    with pytest.raises(SpecBuilderError, match="'free_bl' is a free cross section, not a sum of terms"):
        mine.terms(load_target("xenon"), np.ones(1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "my_moment"', "", "model.py: 'name' is missing, expected a text"),
        ('name = "my_moment"', "name = 3", "model.py: name must be a text of letters, digits and underscores, found 3"),
        ('name = "my_moment"', 'name = "tensor"', "model.py: name 'tensor' is that of a shipped interaction"),
        ("mediator = False", "mediator = 'no'", "model.py: mediator must be True or False, found 'no'"),
        ("(1e-12, 1e-8)", "(1e-8, 1e-12)", "model.py: default_range must be two increasing positive numbers"),
        ("(1e-12, 1e-8)", "(-1, 1)", "model.py: default_range must be two increasing positive numbers"),
        ('("Vogel and Engel",)', "(1,)", "model.py: references must be a list of texts"),
        ("def terms", "def others", "model.py: expected one of the functions 'terms' and 'cross_section'"),
        ("def terms", "cross_section = 1\ndef terms", "model.py: expected one of the functions"),
        (
            "import numpy as np",
            "import numpi",
            "model.py: its code failed .ModuleNotFoundError: No module",
        ),
        (
            'parameter = "mu"',
            'parameter = ""',
            "model.py: parameter must be a symbol of letters, .* found ''",
        ),
        ('parameter = "mu"', 'parameter = "a, b"', "model.py: parameter must be a symbol"),
        ('parameter = "mu"', 'parameter = "a\\nb"', "model.py: parameter must be a symbol"),
        ('parameter = "mu"', 'parameter = "@SUM(A1)"', "model.py: parameter must be a symbol"),
        ('parameter = "mu"', 'parameter = "theta_flux"', "model.py: parameter 'theta_flux' is a column of every scan"),
        ('parameter = "mu"', 'parameter = "12"', "model.py: parameter must be a symbol"),
        ('parameter = "mu"', "parameter = 'g' * 41", "model.py: parameter must be a symbol"),
        ('parameter = "mu"', 'parameter = "valid"', "model.py: parameter 'valid' is a column of every scan"),
        ('parameter = "mu"', "parameter = True", "model.py: parameter must be a text, found True"),
        ('unit = "mu_B"', 'unit = "a\\nb"', "model.py: unit must be a text of one line"),
        ('unit = "mu_B"', 'unit = " "', "model.py: unit must be a text of one line"),
        ('unit = "mu_B"', 'unit = "mu_B"\ntitle = ""', "model.py: title must be a text of one line, found ''"),
        ("(1e-12, 1e-8)", "(False, True)", "model.py: default_range must be two increasing positive numbers"),
        ("import numpy as np", "import numpy as", "model.py: its code failed .SyntaxError"),
        ("import numpy as np", "raise SystemExit(0)", "model.py: its code failed .SystemExit: 0"),
    ],
)
def test_mistakes_in_python(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MOMENT
    with pytest.raises(SpecBuilderError, match=message):
        choose(write(tmp_path, MOMENT.replace(old, new)))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("[Term(0, 0, (size / T, -size, 0.0))]", "order of a Term must be 1 or 2, found 0"),
        ("[Term(True, 0, (size / T, -size, 0.0))]", "order of a Term must be 1 or 2, found True"),
        ("[Term(1, False, (size / T, -size, 0.0))]", "propagator power of a Term must be 0 .*, found False"),
        ("[Term(1, 1, (size / T, -size, 0.0))]", "propagator power of a Term must be 0 without a mediator, found 1"),
        ("[Term(1, 0, (size / T, -size))]", r"coefficients of a Term must be \(a0, a1, a2\)"),
        ("[Term(1, 0, (np.ones(5), 0, 0))]", r"coefficients of a Term must be \(a0, a1, a2\), .* of shape \(9, 2\)"),
        ("[Term(1, 0, (np.nan, 0, 0))]", "coefficients of a Term are not finite"),
        ("[1.0]", "terms must be a list of Term, found 1.0"),
        ("Term(1, 0, (0, 0, 0))", "terms failed .TypeError: 'Term' object is not iterable"),
        ("[undefined]", "terms failed .NameError: name 'undefined' is not defined"),
    ],
)
def test_mistakes_in_terms(tmp_path: Path, new: str, message: str) -> None:
    old = "[Term(1, 0, (size / T, -size, 0.0))]"
    assert old in MOMENT
    mine = choose(write(tmp_path, MOMENT.replace(old, new)))
    with pytest.raises(SpecBuilderError, match=f"model.py: {message}"):
        rate(load_source("solar_8b"), load_target("xenon"), mine, np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("base", "cross_section must return three arrays, per power 0, 1, 2 of x, found shape"),
        ("np.stack([base, base, base])", "cross_section at power 0 of x must be 0"),
        ("np.zeros((3, 7))", r"cross_section must return shape \(3, .*\), found \(3, 7\)"),
        ("np.stack([0 * base, base, base / 0.0])", "cross_section is not finite at a mass of 0.01 MeV"),
        ("1 / 0", "cross_section failed .ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_mistakes_in_a_cross_section(tmp_path: Path, new: str, message: str) -> None:
    old = "np.stack([0 * base, 2 * weak_charge(scatterers) * shift * base, shift**2 * base])"
    assert old in FREE
    mine = choose(write(tmp_path, FREE.replace(old, new)))
    with pytest.raises(SpecBuilderError, match=f"model.py: {message}"):
        rate(load_source("solar_8b"), load_target("xenon"), mine, np.array([1.0, 2.0]), MASSES)


@pytest.mark.parametrize(("name", "text"), [("bl.toml", BL), ("model.py", FREE)])
def test_another_process_loads_the_file_again(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path, text, name)
    mine = choose(path)
    assert pickle.loads(pickle.dumps(mine)) == mine  # noqa: S301
    (tmp_path / "choice.pickle").write_bytes(pickle.dumps(mine))
    code = (
        "import pickle, sys, numpy as np\n"
        "from spec_builder.physics.rates import rate\n"
        "from spec_builder.physics.sources import load_source\n"
        "from spec_builder.physics.targets import load_target\n"
        "choice = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(repr(float(rate(load_source('sns'), load_target('csi'), choice, np.ones(1), np.ones(1))[0, 2, 0, 0])))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "choice.pickle")],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    expected = rate(load_source("sns"), load_target("csi"), mine, np.ones(1), np.ones(1))[0, 2, 0, 0]
    assert float(run.stdout) == expected


def test_a_file_that_changed_is_not_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, FREE)
    mine = choose(path)
    travelling = pickle.dumps(mine)
    path.write_text(FREE + "\n# changed\n", encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=r"model.py: has changed since it was loaded"):
        pickle.loads(travelling)  # noqa: S301
    assert choose(path).digest != mine.digest
    assert choose(path) != mine


# ---------------------------------------------------------------- objects


class Signed:
    """A contact interaction of x = epsilon, as an object."""

    name = "mine"
    title = "Mine"
    parameter = "epsilon"
    signed = True
    mediator = False

    def terms(self, scatterers: object, recoil_energy_MeV: np.ndarray, flavour: str) -> list[Term]:
        assert flavour in ("nue", "numutau")
        assert scatterers is not None
        return [Term(1, 0, (-2.0, 0.0, 0.0)), Term(2, 0, (1.0, recoil_energy_MeV, 0.0))]  # type: ignore[arg-type]


def test_an_object_from_python() -> None:
    mine = choose(Signed())
    assert (mine.name, mine.signed, mine.has_mediator, mine.digest) == ("mine", True, False, None)
    assert mine.default_range == (-1.0, 1.0)
    assert float(mine.x(-0.5)) == -0.5
    found = rate(load_source("solar_8b"), load_target("xenon"), mine, np.ones(1))[0, :, 0, 0]
    assert found[1] < 0 < found[2]


def test_an_object_that_is_no_interaction() -> None:
    with pytest.raises(SpecBuilderError, match="interaction 'int': 'name' is missing"):
        choose(3)
    with pytest.raises(SpecBuilderError, match="interaction 'x': terms must be a function, found 3"):
        choose(SimpleNamespace(name="x", terms=3))


def _answers(body: str) -> str:
    return (
        f"import numpy as np\nimport sys\nname = 'bad'\ndef cross_section(E, T, m, scatterers, flavour):\n    {body}\n"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.exit(0)", r"cross_section failed \(SystemExit: 0\)"),
        ("return np.zeros((3, *E.shape)) + 1j", "cross_section must be real numbers, found complex128"),
        ("return 'abc'", "cross_section must be real numbers, found str"),
        ("return None", "cross_section must be real numbers, found object"),
        ("return np.full((3, *E.shape), np.nan)", "cross_section is not finite at a mass of 1 MeV"),
        ("return np.zeros((2, 2))", r"must return three arrays, per power 0, 1, 2 of x, found shape \(2, 2\)"),
        ("T[...] *= 1000; return np.zeros((3, *E.shape))", "cross_section failed .*read-only"),
        ("scatterers.mass_MeV[...] = 1", "cross_section failed .*read-only"),
    ],
)
def test_whatever_a_cross_section_does_names_its_file(tmp_path: Path, body: str, words: str) -> None:
    (tmp_path / "bad.py").write_text(_answers(body))
    choice = choose(str(tmp_path / "bad.py"))
    with pytest.raises(SpecBuilderError, match=rf"bad\.py: .*{words}"):
        rate(load_source("solar_8b"), load_target("xenon"), choice, np.array([1.0]), np.array([1.0]))


def test_terms_without_end_are_refused() -> None:
    def terms(scatterers: object, T: object, flavour: str) -> object:
        del scatterers, T, flavour
        return itertools.repeat(Term(1, 0, np.zeros(3)))

    choice = choose(SimpleNamespace(name="endless", terms=terms))
    with pytest.raises(SpecBuilderError, match="'endless': terms must be at most 1000"):
        rate(load_source("solar_8b"), load_target("xenon"), choice, np.array([1.0]), np.array([1.0]))


def test_complex_coefficients_are_refused() -> None:
    choice = choose(SimpleNamespace(name="turned", terms=lambda *_: [Term(1, 0, np.array([1j, 0, 0]))]))
    with pytest.raises(SpecBuilderError, match="'turned': coefficients of a Term must be real numbers"):
        rate(load_source("solar_8b"), load_target("xenon"), choice, np.array([1.0]), np.array([1.0]))


def test_an_object_whose_attributes_end_the_program() -> None:
    class Hostile:
        @property
        def name(self) -> str:
            sys.exit(0)

    with pytest.raises(SpecBuilderError, match=r"Hostile: its name failed \(SystemExit: 0\)"):
        choose(Hostile())


def test_the_charge_of_the_electron_may_be_left_out_where_nuclei_are_the_targets(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nkind = "vector"\ncharges = { u = 1, d = 1, nu = 1 }\n', "utf-8")
    mine = choose(path)
    assert mine.interaction.acts_on == ("nucleus",)
    xenon = load_target("xenon")
    recoil = np.array([1e-3])
    for one, other in zip(mine.terms(xenon, recoil), choose("vector_universal").terms(xenon, recoil), strict=True):
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
    with pytest.raises(SpecBuilderError, match="interaction 'mine' has no cross section on target 'xenon_electrons'"):
        mine.terms(load_target("xenon_electrons"), recoil)
