"""Recoil spectra as they are printed."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.interactions import shipped_interactions
from spec_builder.studies.spectrum import recoil_spectrum

NEW_PHYSICS = [interaction.name for interaction in shipped_interactions() if interaction.has_mediator]


def test_standard_model() -> None:
    # an independent calculation
    spectrum = recoil_spectrum([0.1, 1.0, 2.0])
    np.testing.assert_allclose(spectrum.rate, [1732.24, 238.645, 17.388], rtol=1e-3)
    assert spectrum.rate == spectrum.standard_model
    assert spectrum.new_physics == (0, 0, 0)


@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_parts_add_up(interaction: str) -> None:
    spectrum = recoil_spectrum("0.3:3:4", interaction=interaction, mass=10, coupling=1e-4)
    assert spectrum.energies_keV == pytest.approx((0.3, 0.6463304, 1.3924767, 3.0))
    np.testing.assert_allclose(spectrum.rate, np.add(spectrum.standard_model, spectrum.new_physics), rtol=1e-14)
    assert any(spectrum.new_physics)


def test_options_change_the_rate_and_are_recorded() -> None:
    plain = recoil_spectrum([1.0])
    assert recoil_spectrum([1.0], sin2thetaw=0.3).rate > plain.rate
    assert recoil_spectrum([1.0], hep=True).rate > plain.rate
    content = json.loads(recoil_spectrum([1.0], interaction="tensor", mass=1, coupling=0.1).to_json())
    assert content["schema"] == "spec_builder/spectrum/1"
    assert (content["interaction"], content["mass_MeV"], content["coupling"]) == ("tensor", 1, 0.1)
    assert (content["longitudinal_factor"], content["coupling_set"]) == (1, None)
    assert content["unit"] == "events/(t yr keV)"


def test_text_holds_the_numbers() -> None:
    spectrum = recoil_spectrum([0.5, 1.0], interaction="scalar", mass=10, coupling=1e-5)
    title, columns, *rows = str(spectrum).splitlines()
    assert "events/(t yr keV)" in title
    assert "coupling set B" in title
    assert columns.split() == ["T", "[keV]", "total", "SM", "new", "physics"]
    numbers = np.array([[float(word) for word in row.split()] for row in rows])
    np.testing.assert_allclose(numbers[:, 1], spectrum.rate, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interaction": "pseudoscalar"}, "interaction 'pseudoscalar' is unknown, expected one of scalar, "),
        ({"mass": 1.0}, "interaction 'sm' has no mediator: mass and coupling do not apply"),
        ({"coupling": 1.0}, "interaction 'sm' has no mediator: mass and coupling do not apply"),
        ({"interaction": "scalar", "coupling": 1.0}, "interaction 'scalar': give the mass (MeV)"),
        ({"interaction": "scalar", "mass": 1.0}, "interaction 'scalar': give the coupling (no unit)"),
        ({"interaction": "axial", "mass": 0.0, "coupling": 1.0}, "mass 0: expected a positive number below"),
        ({"interaction": "axial", "mass": 1.0, "coupling": -1.0}, "coupling -1: expected a positive number below"),
        ({"interaction": "axial", "mass": float("nan"), "coupling": 1.0}, "mass nan: expected a positive number below"),
        (
            {"interaction": "axial", "mass": 1e-9, "coupling": 1e140},
            "coupling 1e+140: the rate is beyond floating range",
        ),
        ({"sin2thetaw": 1.2}, "sin2thetaw 1.2: expected a number from 0 to 1"),
        (
            {"interaction": "scalar", "mass": 1.0, "coupling": 1.0, "sin2thetaw": 0.2},
            "sin2thetaw applies to interaction 'sm' only; the others use 0.23857",
        ),
        (
            {"interaction": "scalar", "mass": 1.0, "coupling": 1.0, "coupling_set": "Z"},
            "interaction 'scalar': coupling set 'Z', expected one of A, B, C, D, E",
        ),
        (
            {"interaction": "tensor", "mass": 1.0, "coupling": 1.0, "longitudinal_factor": 8},
            "interaction 'tensor': longitudinal factor '8', expected 1 or 4",
        ),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        recoil_spectrum([1.0], **options)


@pytest.mark.parametrize("energies", [[0.0], [-1.0], [float("nan")], [], "1:0.1:3"])
def test_bad_energies(energies: Any) -> None:
    with pytest.raises(SpecBuilderError, match="energies"):
        recoil_spectrum(energies)
