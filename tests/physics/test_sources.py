"""Shipped sources, and a user's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.interactions import STANDARD_MODEL
from spec_builder.physics.oscillation import survival_probability
from spec_builder.physics.sources import PROMPT_ENERGY, load_source, shipped_sources
from spec_builder.physics.spectra import TableSpectrum
from spec_builder.physics.targets import load_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

SOURCE = """
name = "chromium"
title = "A source of 51Cr"
kind = "fluence"
references = ["a note"]

[[components]]
name = "cr51"
flavour = "nue"
parameter = "flux_cr51"
relative_uncertainty = 0.02
spectrum = "lines"
energies_MeV = [0.427, 0.747]
totals = [1e10, 9e10]

[[components]]
name = "soft"
flavour = "numubar"
parameter = "flux_soft"
timing = "late"
spectrum = "table"
table = "soft.csv"
total = 5e9
"""
TABLE = """# title: a spectrum
# source: a note
# status: computed
# unit: E_MeV: MeV; spectrum: 1/MeV
E_MeV,spectrum
1,0
2,3
4,0
"""


def write(folder: Path, source: str = SOURCE, table: str = TABLE) -> Path:
    (folder / "soft.csv").write_text(table, encoding="utf-8")
    (folder / "source.toml").write_text(source, encoding="utf-8")
    return folder


def test_fluxes_of_the_standard_solar_model() -> None:
    # B16-GS98, Vinyoles et al., ApJ 835 (2017) 202
    expected = {
        "pp": 5.98e10, "7be": 4.93e9, "pep": 1.44e8, "13n": 2.78e8, "15o": 2.05e8, "17f": 5.29e6, "8b": 5.46e6,
    }  # fmt: skip
    assert {c.name: pytest.approx(c.total, rel=1e-6) for c in load_source("solar").components} == expected
    assert load_source("solar_8b").total == pytest.approx(5.46e6, rel=1e-9)
    assert load_source("solar_hep").total == pytest.approx(7.98e3, rel=1e-9)


def test_names_and_parameters() -> None:
    named = {name: load_source(name) for name in shipped_sources()}
    assert all(name == source.name for name, source in named.items())
    assert {name: source.normalisation for name, source in named.items()} == {
        "reactor": "mu_reactor",
        "sns": "mu_sns",
        "solar": "mu_pp",
        "solar_8b": "mu_8b",
        "solar_8b_hep": "mu_8b",
        "solar_hep": "mu_hep",
    }
    assert [c.parameter for c in named["solar"].components] == ["flux_pp", "flux_7be", *["flux_other"] * 5]
    assert [(c.flavour, c.timing) for c in named["sns"].components] == [
        ("numu", "prompt"), ("nue", "delayed"), ("numubar", "delayed"),
    ]  # fmt: skip
    assert {source.kind for name, source in named.items() if name != "sns"} == {"flux"}
    assert named["sns"].kind == "fluence"


def test_stopped_pions_against_an_independent_calculation(reference: Callable[[str], dict[str, Any]]) -> None:
    numbers, sns = reference("coherent_csi"), load_source("sns")
    assert pytest.approx(numbers["constants"]["prompt_energy_MeV"], abs=5e-6) == PROMPT_ENERGY
    for component in sns.components:
        assert component.total == pytest.approx(numbers["constants"]["fluence_cm2"], rel=1e-7)
        short = {"numubar": "numub"}.get(component.name, component.name)
        for row in numbers["moments"]:
            found = component.moments(np.array([row["E_min_MeV"]]))[:, 0] / component.total
            np.testing.assert_allclose(found, row[short], rtol=1e-9, atol=1e-12)


def test_solar_neutrinos_arrive_in_two_parts() -> None:
    for component in load_source("solar").components:
        (nue, electron), (others, rest) = component.flavours()
        assert (nue, others) == ("nue", "numutau")
        minimum = np.array([0.0, 0.3])
        both = electron.moments(minimum) + rest.moments(minimum)
        np.testing.assert_allclose(both, component.moments(minimum), rtol=1e-12)
        assert 0.3 < electron.total / component.total < 0.57


def test_survival_between_the_rows_of_a_coarse_table() -> None:
    """A spectrum of three rows has the survival probabilities of each energy: it is linear, they are not."""
    flux = TableSpectrum(np.array([0.1, 6.0, 15.0]), np.array([0.0, 1.0, 0.0]))
    coarse = replace(load_source("solar").component("8b"), spectrum=flux)
    dense = replace(coarse, spectrum=flux.with_rows(np.linspace(0.1, 15.0, 5961), wider_MeV=0.0))
    minimum = np.array([0.5, 3.0, 8.0, 14.0])
    for (_, found), (_, expected) in zip(coarse.flavours(), dense.flavours(), strict=True):
        np.testing.assert_allclose(found.moments(minimum), expected.moments(minimum), rtol=1e-4)


def test_survival_of_a_line() -> None:
    pep = load_source("solar").component("pep")
    share = pep.flavours()[0][1].total / pep.total
    assert share == pytest.approx(float(survival_probability(np.array([1.442]), 66.55)[0]), rel=1e-14)


def test_components_add() -> None:
    minimum = np.array([0.0, 8.0, 17.0])
    both = load_source("solar_8b_hep").moments(minimum)
    parts = load_source("solar_8b").moments(minimum) + load_source("solar_hep").moments(minimum)
    np.testing.assert_allclose(both, parts, rtol=1e-15)
    assert load_source("solar_8b_hep").endpoint_MeV == load_source("solar_hep").endpoint_MeV


def test_a_source_by_path(tmp_path: Path) -> None:
    source = load_source(write(tmp_path))
    assert source.digest == load_source(str(tmp_path / "source.toml")).digest
    assert (source.name, source.kind, source.normalisation) == ("chromium", "fluence", "mu_chromium")
    assert source.names == ("cr51", "soft")
    assert [c.total for c in source.components] == pytest.approx([1e11, 5e9], rel=1e-14)
    assert [c.relative_uncertainty for c in source.components] == [0.02, None]
    assert source.component("soft").timing == "late"
    assert source.component("soft").references == ("a note",)
    assert source.digest is not None
    assert len(source.digest) == 64
    assert load_source("solar").digest is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "fluence"', 'kind = "dose"', "source.toml: kind must be one of flux, fluence, found 'dose'"),
        ('kind = "fluence"', "", "source.toml: key 'kind' is missing"),
        ('name = "chromium"', 'name = "a-b"', "source.toml: name must be a name of letters, digits and underscores"),
        ('"numubar"', '"nux"', r"source.toml: components\[1\].flavour must be one of nue, .*, found 'nux'"),
        ("[1e10, 9e10]", "[1e10]", r"components\[0\].totals must be a list of 2 numbers, one for each line"),
        ("[1e10, 9e10]", "[1e10, -9e10]", r"components\[0\].totals must be a list of positive numbers"),
        ("total = 5e9", "total = -1", r"components\[1\].total must be a positive number, found -1"),
        (
            "total = 5e9",
            "total = 5e9\nrelative_uncertainty = 12",
            r"components\[1\].relative_uncertainty must be a .*percent",
        ),
        ("total = 5e9", "", r"source.toml: key 'components\[1\].total' is missing"),
        ("total = 5e9", "total = 5e9\ncolour = 1", r"source.toml: unknown key 'components\[1\].colour'"),
        (
            'spectrum = "table"',
            'spectrum = "bins"',
            r"components\[1\].spectrum must be one of table, lines, pion_decay",
        ),
        ('spectrum = "table"', 'spectrum = "muon_decay"', r"unknown key 'components\[1\].table'"),
        ('"numubar"', '"numubar"\nelectron_density_mol_cm3 = 60', "must be left out unless nue come from a table"),
        ('name = "soft"', 'name = "cr51"', "source.toml: two components are called 'cr51'"),
        ('"soft.csv"', '"../soft.csv"', r"components\[1\].table must be a file inside"),
        ('"soft.csv"', '"hard.csv"', "hard.csv: no such file"),
        ('kind = "fluence"', "kind = fluence", "source.toml: not valid TOML"),
        ('references = ["a note"]', 'references = "a note"', "source.toml: references must be a list of texts"),
    ],
)
def test_mistakes_in_a_source(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SOURCE
    with pytest.raises(SpecBuilderError, match=message):
        load_source(write(tmp_path, SOURCE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("E_MeV: MeV", "E_MeV: GeV", "soft.csv: the unit of E_MeV is 'GeV', expected one of: MeV"),
        ("; spectrum: 1/MeV", "", "must name the unit of column 'spectrum', as in 'spectrum: 1/MeV'"),
        ("2,3", "0.5,3", "soft.csv:7: E_MeV is 0.5, expected more than in the row above"),
        ("2,3", "2,-3", "soft.csv:7: spectrum is -3, expected a number >= 0"),
        ("2,3", "2,0", "soft.csv: column 'spectrum' must be positive somewhere"),
        ("E_MeV,spectrum", "E_MeV,flux", "soft.csv:5: unknown column 'flux'"),
    ],
)
def test_mistakes_in_a_table(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TABLE
    with pytest.raises(SpecBuilderError, match=message):
        load_source(write(tmp_path, table=TABLE.replace(old, new)))


@pytest.mark.parametrize(("flavour", "kind"), [("nue", "pion_decay"), ("numu", "muon_decay")])
def test_decays_have_their_flavours(tmp_path: Path, flavour: str, kind: str) -> None:
    text = f"""
name = "decay"
title = "Decay"
kind = "flux"
[[components]]
name = "one"
flavour = "{flavour}"
parameter = "flux_one"
spectrum = "{kind}"
total = 1.0
"""
    with pytest.raises(SpecBuilderError, match=rf"components\[0\].flavour must be .*, found '{flavour}'"):
        load_source(write(tmp_path, text))


def test_fission_needs_a_range_its_flavour_and_fractions(tmp_path: Path) -> None:
    text = """
name = "pile"
title = "Pile"
kind = "flux"
[[components]]
name = "nuebar"
flavour = "nuebar"
parameter = "flux_pile"
spectrum = "fission"
table = "fission.csv"
range_MeV = [8.0, 2.0]
total = 1.0
"""
    header = "# title: t\n# source: s\n# status: published\n# unit: per fission\n"
    table = "isotope,fission_fraction,c0,c1,c2,c3,c4,c5\nU235,1,4.367,-4.577,2.1,-0.5294,0.06186,-0.002777\n"
    (tmp_path / "fission.csv").write_text(header + table, "utf-8")
    with pytest.raises(SpecBuilderError, match=r"components\[0\].range_MeV must be two increasing energies"):
        load_source(write(tmp_path, text))
    text = text.replace("[8.0, 2.0]", "[2.0, 8.0]")
    with pytest.raises(
        SpecBuilderError, match=r"components\[0\].flavour must be nuebar, as fissions give, found 'nue'"
    ):
        load_source(write(tmp_path, text.replace('flavour = "nuebar"', 'flavour = "nue"')))
    (tmp_path / "fission.csv").write_text(header + table.replace("U235,1", "U235,100"), "utf-8")
    with pytest.raises(SpecBuilderError, match="fission fractions sum to 100, expected 1"):
        load_source(write(tmp_path, text))
    (tmp_path / "fission.csv").write_text(header + table, "utf-8")
    good = load_source(write(tmp_path, text))
    assert good.components[0].lowest_MeV == 2.0
    assert good.endpoint_MeV == 8.0


def test_unknown_names() -> None:
    with pytest.raises(
        SpecBuilderError, match=r"source 'moon' is unknown, expected one of reactor, sns, solar, .*or a path"
    ):
        load_source("moon")
    with pytest.raises(
        SpecBuilderError, match=r"moon/source.toml: no such file|moon.toml: no such file|moon: no such file"
    ):
        load_source("./moon")


def test_references_of_the_standard_model() -> None:
    xenon = load_target("xenon")
    plain, hep = (STANDARD_MODEL.sources(load_source(name), xenon) for name in ("solar_8b", "solar_8b_hep"))
    assert plain[-1] == "form factor of Klein and Nystrand, arXiv:hep-ph/9902259"
    assert set(plain) < set(hep)
