"""Recoil spectra as tables: what is read, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.spectra import read_spectra, read_spectrum

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# title: A falling spectrum
# source: made up
# status: computed
# unit: recoil_energy_keV: keV; rate: events/(t yr keV)
# target: xenon
# labels: mass_GeV = 6, cross_section_cm2 = 1e-45
recoil_energy_keV,rate
0.5,10.0
1.0,4.0
3.0,0.0
"""


def write(path: Path, text: str = TEXT) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_a_spectrum_is_linear_between_its_rows_and_zero_outside(tmp_path: Path) -> None:
    spectrum = read_spectrum(write(tmp_path / "dark-matter 6.csv"))
    assert (spectrum.name, spectrum.title, spectrum.source) == ("dark_matter_6", "A falling spectrum", "made up")
    assert (spectrum.status, spectrum.target) == ("computed", "xenon")
    assert spectrum.labels == {"mass_GeV": 6.0, "cross_section_cm2": 1e-45}
    assert spectrum.at(np.array([0.4, 0.5, 0.75, 2.0, 3.1])).tolist() == [0.0, 10.0, 7.0, 2.0, 0.0]
    assert len(spectrum.sha256) == 64


def test_target_and_labels_may_be_left_out(tmp_path: Path) -> None:
    text = "".join(line for line in TEXT.splitlines(keepends=True) if "target" not in line and "labels" not in line)
    spectrum = read_spectrum(write(tmp_path / "a.csv", text))
    assert (spectrum.target, spectrum.labels) == ("", {})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# source: made up\n", "", "header line '# source: ...' is missing"),
        ("recoil_energy_keV,rate", "energy,rate", "unknown column 'energy'; did you mean 'recoil_energy_keV'?"),
        ("rate: events/(t yr keV)", "rate: keV", "the unit of rate is 'keV', expected one of: events/(t yr keV)"),
        (
            "recoil_energy_keV: keV; rate: events/(t yr keV)",
            "keV, events/(kg d keV)",
            "the unit of rate is 'events/(kg d keV)', expected one of: events/(t yr keV)",
        ),
        ("recoil_energy_keV: keV", "recoil_energy_keV: keVee", "is 'keVee', expected one of: keV, keVnr"),
        ("recoil_energy_keV: keV", "recoil_energy_keV: MeV", "the unit of recoil_energy_keV is 'MeV'"),
        ("1.0,4.0", "0.5,4.0", "a.csv:9: recoil_energy_keV is 0.5, expected more than in the row above"),
        ("1.0,4.0\n3.0,0.0\n", "", "a.csv: the table has 1 row, expected at least two"),
        ("1.0,4.0", "1.0,-4.0", "a.csv:9: rate is -4, expected a number >= 0"),
        ("1.0,4.0", "1.0,nan", "rate is 'nan', expected a finite number"),
        ("mass_GeV = 6", "mass_GeV = six", "must be different names with numbers, such as mass_GeV = 6"),
        ("mass_GeV = 6", "cross_section_cm2 = 6", "must be different names with numbers, such as mass_GeV = 6"),
        ("mass_GeV = 6", "mass [GeV] = 6", "found 'mass [GeV] = 6'"),
    ],
)
def test_what_is_no_spectrum_is_refused_with_its_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    path = write(tmp_path / "a.csv", TEXT.replace(old, new))
    with pytest.raises(SpecBuilderError) as error:
        read_spectrum(path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))


def test_spectra_of_a_folder_come_in_the_order_of_their_labels(tmp_path: Path) -> None:
    for name, mass in (("a", 10), ("b", 4), ("c", 6)):
        write(tmp_path / f"{name}.csv", TEXT.replace("mass_GeV = 6", f"mass_GeV = {mass}"))
    assert [s.name for s in read_spectra(tmp_path)] == ["b", "c", "a"]
    assert [s.name for s in read_spectra(tmp_path / "a.csv")] == ["a"]


def test_a_folder_without_spectra_or_with_different_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"no \.csv files in this folder, expected recoil spectra"):
        read_spectra(tmp_path)
    write(tmp_path / "a.csv")
    write(tmp_path / "b.csv", TEXT.replace("mass_GeV", "m"))
    with pytest.raises(SpecBuilderError, match=r"b has the labels .* expected the same in every file"):
        read_spectra(tmp_path)
    write(tmp_path / "b.csv")
    write(tmp_path / "a b.csv")
    write(tmp_path / "a_b.csv")
    with pytest.raises(SpecBuilderError, match="two spectra are called 'a_b'"):
        read_spectra(tmp_path)
