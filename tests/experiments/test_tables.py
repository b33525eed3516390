"""Tables beside a description: their units, and where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.tables import Tables

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, unit: str, lines: str) -> Tables:
    text = f"# title: x\n# source: nobody\n# status: computed\n# unit: {unit}\n{lines}"
    (folder / "t.csv").write_text(text, "utf-8")
    return Tables(folder)


RESPONSE = "recoil_energy_keV,bin0,bin1\n1,0.1,0.2\n2,0.2,0.3\n"


@pytest.mark.parametrize(
    "unit",
    [
        "recoil_energy_keV: keV; bins: probability",
        "recoil_energy_keV: keVnr; bin0, bin1: 1",
        "recoil_energy_keV: keV",
        "keV",
        "keV, probability",
        "probability",
        "as in the paper",
    ],
)
def test_units_that_are_the_columns(tmp_path: Path, unit: str) -> None:
    assert written(tmp_path, unit, RESPONSE).selection("response", "t.csv", 2).probability.shape == (2, 2)


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (
            "recoil_energy_keV: GeV; bins: probability",
            "the unit of recoil_energy_keV is 'GeV', expected one of: keV, keV",
        ),
        ("GeV", "the unit of recoil_energy_keV is 'GeV', expected one of: keV"),
        ("MeV; bins: probability", "the unit of recoil_energy_keV is 'MeV'"),
        ("recoil_energy_keV: keV; bin1: %", "the unit of bin1 is '%', expected one of: probability, 1, fraction"),
        ("recoil_energy_keV: keV; bins: nonsense", "the unit of bin0 is 'nonsense'"),
        ("events", "the unit of recoil_energy_keV is 'events'"),
        ("events/(t yr)", "the unit of recoil_energy_keV is 'events/(t yr)', expected one of: keV"),
        ("keV, percent", "the unit of recoil_energy_keV is 'percent'"),
        ("energy: MeV; bins: 1", "the unit of recoil_energy_keV is 'MeV'"),
    ],
)
def test_units_of_something_else(tmp_path: Path, unit: str, message: str) -> None:
    with pytest.raises(SpecBuilderError) as caught:
        written(tmp_path, unit, RESPONSE).selection("response", "t.csv", 2)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 't.csv'}: ")


def test_status_and_source_are_kept_by_channel(tmp_path: Path) -> None:
    tables = written(tmp_path, "events", "bin,observed\n0,3\n1,4\n")
    tables.observed("t.csv", 2)
    tables.for_channel("far").observed("t.csv", 2)
    assert tables.statuses == {"observed": "computed", "far.observed": "computed"}
    assert tables.sources == {"observed": "nobody", "far.observed": "nobody"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,0.5\n1,1.2\n", "t.csv:7: efficiency is 1.2, expected a number from 0 to 1"),
        ("0,-0.1\n1,0.2\n", "t.csv:6: efficiency is -0.1, expected a number from 0 to 1"),
        ("1,0.1\n1,0.2\n", "reconstructed_energy_keV is 1, expected more than in the row above"),
    ],
)
def test_efficiencies(tmp_path: Path, rows: str, message: str) -> None:
    unit = "reconstructed_energy_keV: keV; efficiency: 1"
    with pytest.raises(SpecBuilderError, match=message):
        written(tmp_path, unit, f"reconstructed_energy_keV,efficiency\n{rows}").efficiency("t.csv")


def test_fractions_of_time(tmp_path: Path) -> None:
    tables = written(tmp_path, "fractions: 1", "bin,prompt,delayed\n0,0.9,0.2\n1,0.1,0.7\n")
    fractions = tables.fractions("t.csv", ["prompt", "delayed"], 2)
    assert fractions["delayed"].tolist() == [0.2, 0.7]
    tables = written(tmp_path, "fractions: 1", "bin,prompt,delayed\n0,0.9,0.4\n1,0.1,0.7\n")
    with pytest.raises(SpecBuilderError, match=r"delayed must sum to at most 1, found 1\.1"):
        tables.fractions("t.csv", ["prompt", "delayed"], 2)


def test_a_loop_of_links_leads_outside(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SpecBuilderError, match="table 'loop' lies outside this folder, expected one inside it"):
        Tables(tmp_path).inside("loop")


@pytest.mark.parametrize(("kind", "right", "wrong"), [("nucleus", "keVnr", "keVee"), ("electron", "keVee", "keVnr")])
def test_an_energy_is_that_of_what_recoils(tmp_path: Path, kind: str, right: str, wrong: str) -> None:
    written(tmp_path, right, RESPONSE).for_target(kind).selection("response", "t.csv", 2)
    with pytest.raises(SpecBuilderError, match=f"is '{wrong}', expected one of: keV, {right}"):
        written(tmp_path, wrong, RESPONSE).for_target(kind).selection("response", "t.csv", 2)
