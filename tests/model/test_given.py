"""What a user gave: names, lists, paths and texts, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.model.given import (
    as_analysis,
    as_choice,
    as_choices,
    as_coupling,
    as_couplings,
    as_mass,
    as_masses,
    as_names,
    as_spectra,
    as_spectrum,
    as_workspace,
    mass_axis,
)
from spec_builder.physics.interactions import choose

TABLE = """# title: mine
# source: a test
# status: computed
# unit: keV, events/(t yr keV)
recoil_energy_keV,rate
1,2
2,1
"""


def test_an_analysis_by_name_list_and_itself() -> None:
    loaded = load_analysis("xenonnt", "linear")
    assert as_analysis(loaded) is loaded
    assert as_analysis("xenonnt", "linear").law == "linear"
    assert as_analysis(["xenonnt", "pandax4t"], None, {"pandax4t": "ce_rich"}).variants == {"pandax4t": "ce_rich"}
    with pytest.raises(SpecBuilderError, match="xenonnt: law and variants are chosen where the analysis is loaded"):
        as_analysis(loaded, "normsys")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "analysis: the list is empty, expected at least one name or path"),
        (3, "analysis: expected a name, a path or a list of them, found int"),
        ([None], "analysis: expected a name, a path or a list of them, found NoneType"),
        ("xenont", "analysis 'xenont' is unknown, expected one of xenonnt, "),
    ],
    ids=str,
)
def test_what_is_no_analysis(given: Any, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        as_analysis(given)


def test_names_are_texts_paths_or_lists() -> None:
    assert as_names("combined") == ["combined"]
    assert as_names(Path("mine")) == ["mine"]
    assert as_names(("xenonnt", Path("mine"))) == ["xenonnt", "mine"]


def test_interactions_by_name_choice_and_list() -> None:
    chosen = choose("scalar", coupling_set="A")
    assert as_choice(chosen) == chosen
    assert as_choice("scalar", coupling_set="A") == chosen
    assert [choice.name for choice in as_choices(["scalar", "nsi"])] == ["scalar", "nsi"]
    assert as_choices(chosen) == [chosen]
    with pytest.raises(SpecBuilderError, match="interaction 'axial' is given twice"):
        as_choices(["axial", "scalar", "axial"])
    with pytest.raises(SpecBuilderError, match="interaction: the list is empty"):
        as_choices([])
    with pytest.raises(SpecBuilderError, match="interaction: give one of scalar, "):
        as_choice(None)
    with pytest.raises(SpecBuilderError, match="interaction 'sm' is the Standard Model"):
        as_choice("sm")


@pytest.mark.parametrize(
    ("given", "masses"),
    [
        (3, [3.0]),
        (np.float32(3), [3.0]),
        ([1, 10], [1.0, 10.0]),
        ((0.1, math.inf, 2), [0.1, math.inf, 2.0]),
        ("inf", [math.inf]),
        ("10,1,inf", [10.0, 1.0, math.inf]),
        ("1:100:3", [1.0, 10.0, 100.0]),
        ("1:100:3,inf", [1.0, 10.0, 100.0, math.inf]),
        (np.geomspace(0.1, 1, 2), [0.1, 1.0]),
        (np.array(5.0), [5.0]),
    ],
    ids=str,
)
def test_masses_of_every_form(given: Any, masses: list[float]) -> None:
    np.testing.assert_array_equal(as_masses(given, choose("scalar")), masses)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (-1, "masses '-1': '-1' is not a positive number"),
        ([1, -1], "masses '1,-1': '-1' is not a positive number"),
        (0.0, "masses '0': '0' is not a positive number"),
        (np.array([1, np.nan]), "masses '1,nan': 'nan' is not a positive number"),
        ([], "masses: the list is empty"),
        ([1, 1.0], "masses '1,1': 1 stands twice"),
        ([math.inf, math.inf], "masses: inf stands twice"),
        ("1:2", "masses '1:2': expected LO:HI:N or a comma list of numbers"),
        (["one"], "masses 'one': 'one' is not a positive number"),
        ([[1.0, 2.0]], "masses: expected numbers or the text of a grid, found list"),
        (True, "masses: expected numbers or the text of a grid, found bool"),
        (1e60, "mass 1e\\+60 is beyond floating range"),
        (None, "interaction 'scalar' has a mediator: give its masses"),
    ],
    ids=str,
)
def test_what_are_no_masses(given: Any, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        as_masses(given, choose("scalar"))


def test_masses_by_default_and_without_a_mediator() -> None:
    analysis = load_analysis("xenonnt")
    default = as_masses(None, choose("scalar"), analysis, 5)
    assert default is not None
    np.testing.assert_allclose(default, np.geomspace(*analysis.masses_MeV, 5), rtol=1e-11)
    assert as_masses(None, choose("nsi"), analysis) is None
    assert np.isnan(mass_axis(choose("nsi"), None)).tolist() == [True]
    with pytest.raises(SpecBuilderError, match="interaction 'nsi' has no mediator: masses do not apply"):
        as_masses(1.0, choose("nsi"))
    with pytest.raises(SpecBuilderError, match="masses: expected one mass"):
        as_mass("1,2", choose("scalar"))  # type: ignore[arg-type]  # what is wrong


def test_couplings_of_a_sign_are_evenly_spaced() -> None:
    nsi, scalar = choose("nsi"), choose("scalar")
    assert as_couplings("-1:1:5", nsi).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert as_couplings("1e-6:1e-4:3", scalar).tolist() == pytest.approx([1e-6, 1e-5, 1e-4])
    for wrong in (-1e-5, [0.0, 1e-5]):
        with pytest.raises(SpecBuilderError, match="is not a positive number"):
            as_couplings(wrong, scalar)
    assert as_coupling(0, scalar) == 0
    assert as_coupling(-0.5, nsi) == -0.5
    with pytest.raises(SpecBuilderError, match="coupling -1: interaction 'scalar' has none below 0"):
        as_coupling(-1, scalar)
    with pytest.raises(SpecBuilderError, match="coupling 'nan': 'nan' is not a number"):
        as_coupling(math.nan, scalar)


def test_workspaces_and_spectra_by_path_and_content(tmp_path: Path) -> None:
    content = load_analysis("xenonnt").workspace
    path = tmp_path / "w.json"
    path.write_text(json.dumps(content), "utf-8")
    assert as_workspace(path) == (json.loads(json.dumps(content)), str(path))
    assert as_workspace(content)[1] == "workspace"
    assert as_workspace(content, "mine")[1] == "mine"
    patch = tmp_path / "p.json"
    patch.write_text("[]", "utf-8")
    assert as_workspace(path, patches=[patch])[1] == f"{path} + {patch}"
    table = tmp_path / "mine.csv"
    table.write_text(TABLE, "utf-8")
    spectrum = as_spectrum(table)
    assert (spectrum.name, as_spectrum(spectrum)) == ("mine", spectrum)
    assert [one.name for one in (*as_spectra(tmp_path), *as_spectra(spectrum))] == ["mine", "mine"]
    with pytest.raises(SpecBuilderError, match="a folder, expected one table"):
        as_spectrum(tmp_path)
    with pytest.raises(SpecBuilderError, match="spectra: the list is empty"):
        as_spectra([])
