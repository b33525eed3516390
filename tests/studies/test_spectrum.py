"""Recoil spectra as they are printed."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import shipped_interactions
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target
from spec_builder.studies.spectrum import recoil_spectrum

if TYPE_CHECKING:
    from pathlib import Path

NEW_PHYSICS = [interaction.name for interaction in shipped_interactions() if interaction.has_mediator]


def test_standard_model() -> None:
    # an independent calculation
    spectrum = recoil_spectrum([0.1, 1.0, 2.0])
    np.testing.assert_allclose(spectrum.rate, [1732.24, 238.645, 17.388], rtol=1e-3)
    assert spectrum.rate == spectrum.standard_model
    assert spectrum.new_physics == (0, 0, 0)


@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_parts_add_up(interaction: str) -> None:
    spectrum = recoil_spectrum("0.3:3:4", interaction, 10, 1e-4)
    assert spectrum.energies_keV == pytest.approx((0.3, 0.6463304, 1.3924767, 3.0))
    np.testing.assert_allclose(spectrum.rate, np.add(spectrum.standard_model, spectrum.new_physics), rtol=1e-14)
    assert any(spectrum.new_physics)


def test_options_change_the_rate_and_are_recorded() -> None:
    plain = recoil_spectrum([1.0])
    assert recoil_spectrum([1.0], sin2thetaw=0.3).rate > plain.rate
    assert recoil_spectrum([1.0], hep=True).rate > plain.rate
    content = json.loads(recoil_spectrum([1.0], "tensor", 1, 0.1).to_json())
    assert content["schema"] == "spec_builder/spectrum/1"
    assert (content["interaction"], content["mass_MeV"], content["coupling"]) == ("tensor", 1, 0.1)
    assert (content["longitudinal_factor"], content["coupling_set"]) == (1, None)
    assert content["unit"] == "events/(t yr keV)"


def test_text_holds_the_numbers() -> None:
    spectrum = recoil_spectrum([0.5, 1.0], "scalar", 10, 1e-5)
    title, columns, *rows = str(spectrum).splitlines()
    assert "events/(t yr keV)" in title
    assert "coupling set B" in title
    assert columns.split() == ["T", "[keV]", "total", "SM", "new", "physics"]
    numbers = np.array([[float(word) for word in row.split()] for row in rows])
    np.testing.assert_allclose(numbers[:, 1], spectrum.rate, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"choice": "pseudoscalar"}, "interaction 'pseudoscalar' is unknown, expected one of scalar, "),
        ({"mass_MeV": 1.0}, "interaction 'sm' has no mediator: mass and coupling do not apply"),
        ({"value": 1.0}, "interaction 'sm' has no mediator: mass and coupling do not apply"),
        ({"choice": "scalar", "value": 1.0}, "interaction 'scalar' has a mediator: give its masses [MeV]"),
        ({"choice": "scalar", "mass_MeV": 1.0}, "interaction 'scalar': give the coupling (no unit)"),
        ({"choice": "axial", "mass_MeV": 0.0, "value": 1.0}, "masses '0': '0' is not a positive number of MeV"),
        ({"choice": "axial", "mass_MeV": 1.0, "value": -1.0}, "coupling -1: interaction 'axial' has none below 0"),
        (
            {"choice": "axial", "mass_MeV": float("nan"), "value": 1.0},
            "masses 'nan': 'nan' is not a positive number of MeV",
        ),
        (
            {"choice": "axial", "mass_MeV": 1e-9, "value": 1e140},
            "coupling 1e+140 is beyond floating range, expected less than 1e+50",
        ),
        ({"sin2thetaw": 1.2}, "sin2thetaw 1.2: expected a number from 0 to 1"),
        (
            {"choice": "scalar", "mass_MeV": 1.0, "value": 1.0, "sin2thetaw": 0.2},
            "sin2thetaw applies to interaction 'sm' only; the others use 0.23857",
        ),
        ({"choice": "weak_mixing_angle"}, "the weak mixing angle is given as sin2thetaw of interaction 'sm'"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        recoil_spectrum([1.0], **options)


@pytest.mark.parametrize("energies", [[0.0], [-1.0], [float("nan")], [], "1:0.1:3"])
def test_bad_energies(energies: Any) -> None:
    with pytest.raises(SpecBuilderError, match="energies"):
        recoil_spectrum(energies)


def test_an_analysis_is_no_energies() -> None:
    with pytest.raises(SpecBuilderError, match="is not a positive number of keV; expected numbers or the text of"):
        recoil_spectrum("xenonnt")
    with pytest.raises(SpecBuilderError, match="energies: expected numbers or the text of a grid, found Analysis"):
        recoil_spectrum(load_analysis("xenonnt"))  # type: ignore[arg-type]


def test_source_and_target_are_names_paths_or_objects(tmp_path: Path) -> None:
    by_name = recoil_spectrum(1, source="sns", target="argon")
    assert recoil_spectrum(1, source=load_source("sns"), target=load_target("argon")).rate == by_name.rate
    text = data_path("sources", "sns.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('"sns"', '"mine"', 1), "utf-8")
    (entry,) = os.scandir(tmp_path)  # a path that is no Path
    assert recoil_spectrum(1, source=entry, target="argon").rate == by_name.rate
