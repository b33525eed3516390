"""Rates against an independent calculation; its settings stand in ``reference_rates.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE, choose
from spec_builder.physics.rates import flux_averaged_cross_section, rate, rate_above
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference_rates.json").read_text(encoding="utf-8"))
EXPECTED = REFERENCE["standard_model"]
B8, XENON = load_source("solar_8b"), load_target("xenon")
NEW_PHYSICS = [
    pytest.param(case, id=f"{case['interaction']}-{case['m_MeV']:g}MeV") for case in REFERENCE["interactions"]
]
WINDOWS = {"window_0.97_5.10": (0.97, 5.10), "window_0.66_1.19": (0.66, 1.19)}
#: Largest relative difference; the reference's own flux table is rounded, which shows near the end of the spectrum.
TOLERANCE = 1e-3
TOLERANCE_AT_3_KEV = 5e-3


def assert_spectrum_agrees(found: FloatArray, reference: dict[str, Any]) -> None:
    tolerance = np.where(np.array(reference["T_keV"]) < 3, TOLERANCE, TOLERANCE_AT_3_KEV)
    difference = found / np.array(reference["dRdT"]) - 1
    assert (np.abs(difference) < tolerance).all(), difference


def at_coupling(case: dict[str, Any], coefficients: FloatArray) -> FloatArray:
    """Coefficients (3, ...) of x = g^2 at the case's coupling; the vectors come with the Standard Model."""
    x = case["g"] ** 2
    added: FloatArray = x * coefficients[1] + x**2 * coefficients[2]
    return added + coefficients[0] if str(case["interaction"]).startswith("vector") else added


def test_standard_model_spectrum() -> None:
    found = rate(B8, XENON, STANDARD_MODEL, np.array(EXPECTED["T_keV"]))[0, 0, 0]
    assert_spectrum_agrees(found, EXPECTED)


@pytest.mark.parametrize("threshold", EXPECTED["above_keV"])
def test_standard_model_rate_above_threshold(threshold: str) -> None:
    found = rate_above(B8, XENON, STANDARD_MODEL, float(threshold))[0, 0, 0]
    assert found == pytest.approx(EXPECTED["above_keV"][threshold], rel=TOLERANCE)


@pytest.mark.parametrize("window", WINDOWS)
def test_standard_model_rate_in_the_experiments_windows(window: str) -> None:
    low, high = WINDOWS[window]
    found = rate_above(B8, XENON, STANDARD_MODEL, low, upper_keV=high)[0, 0, 0]
    assert found == pytest.approx(EXPECTED[window], rel=TOLERANCE)


def test_flux_averaged_cross_section() -> None:
    found = flux_averaged_cross_section(B8, XENON)
    assert found == pytest.approx(EXPECTED["flux_averaged_cross_section_cm2"], rel=TOLERANCE)


@pytest.mark.parametrize("angle", REFERENCE["window_0.97_5.10_by_sin2thetaW"])
def test_weak_mixing_angle(angle: str) -> None:
    expected = REFERENCE["window_0.97_5.10_by_sin2thetaW"][angle]
    low, high = WINDOWS["window_0.97_5.10"]
    polynomial = rate_above(B8, XENON, WEAK_MIXING_ANGLE, low, upper_keV=high)[0, :, 0]
    assert polynomial @ float(angle) ** np.arange(3) == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("case", NEW_PHYSICS)
def test_new_physics_spectrum(case: dict[str, Any]) -> None:
    energies, mass = np.array(case["T_keV"]), np.array([case["m_MeV"]])
    found = rate(B8, XENON, choose(case["interaction"]), energies, mass)[0, :, 0]
    assert_spectrum_agrees(at_coupling(case, found), case)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("case", NEW_PHYSICS)
def test_new_physics_rate_in_the_experiments_windows(case: dict[str, Any], window: str) -> None:
    low, high = WINDOWS[window]
    found = rate_above(B8, XENON, choose(case["interaction"]), low, np.array([case["m_MeV"]]), upper_keV=high)
    assert at_coupling(case, found[0, :, 0]) == pytest.approx(case[window], rel=TOLERANCE)


def test_stopped_pions_on_caesium_iodide(reference: Callable[[str], dict[str, Any]]) -> None:
    numbers = reference("coherent_csi")
    source, target = load_source("sns"), load_target("csi")
    for case in numbers["rates"]:
        energy = np.array([case["T_keV"]])
        if case["interaction"] == "sm":
            found = rate(source, target, STANDARD_MODEL, energy)[:, 0, 0, 0]
        else:
            polynomial = rate(source, target, choose(case["interaction"]), energy, np.array([case["mass_MeV"]]))
            x = case["g"] ** 2
            found = (x * polynomial[:, 1] + x**2 * polynomial[:, 2])[:, 0, 0]
        # events/keV in 14.6 kg
        expected = [case["numu"], case["nue"], case["numub"]]
        np.testing.assert_allclose(found * 14.6e-3, expected, rtol=numbers["tolerances"]["rates"])
