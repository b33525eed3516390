"""Rates against an independent calculation; its settings stand in ``reference_rates.json``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.physics.interactions import (
    Interaction,
    interaction_terms,
    standard_model_terms,
    weak_mixing_angle_terms,
)
from spec_builder.physics.recoil import flux_averaged_cross_section, rate_above, rate_polynomial

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference_rates.json").read_text(encoding="utf-8"))
STANDARD_MODEL = REFERENCE["standard_model"]
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
    """Coefficients (3, 1, ...) of x = g^2 at the case's coupling; the vectors come with the Standard Model."""
    x = case["g"] ** 2
    total: FloatArray = x * coefficients[1, 0] + x**2 * coefficients[2, 0]
    return total


def terms_of(case: dict[str, Any]) -> Any:
    return partial(interaction_terms, Interaction(case["interaction"]))


def with_standard_model(case: dict[str, Any]) -> bool:
    return str(case["interaction"]).startswith("vector")


def test_standard_model_spectrum() -> None:
    rate = rate_polynomial(standard_model_terms, np.array(STANDARD_MODEL["T_keV"]))[0, 0]
    assert_spectrum_agrees(rate, STANDARD_MODEL)


@pytest.mark.parametrize("threshold", STANDARD_MODEL["above_keV"])
def test_standard_model_rate_above_threshold(threshold: str) -> None:
    expected = STANDARD_MODEL["above_keV"][threshold]
    assert rate_above(float(threshold))[0, 0] == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("window", WINDOWS)
def test_standard_model_rate_in_the_experiments_windows(window: str) -> None:
    low, high = WINDOWS[window]
    assert rate_above(low, upper_keV=high)[0, 0] == pytest.approx(STANDARD_MODEL[window], rel=TOLERANCE)


def test_flux_averaged_cross_section() -> None:
    expected = STANDARD_MODEL["flux_averaged_cross_section_cm2"]
    assert flux_averaged_cross_section() == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("angle", REFERENCE["window_0.97_5.10_by_sin2thetaW"])
def test_weak_mixing_angle(angle: str) -> None:
    expected = REFERENCE["window_0.97_5.10_by_sin2thetaW"][angle]
    low, high = WINDOWS["window_0.97_5.10"]
    direct = rate_above(low, partial(standard_model_terms, sin2_theta_w=float(angle)), upper_keV=high)[0, 0]
    polynomial = rate_above(low, weak_mixing_angle_terms, upper_keV=high)[:, 0]
    assert direct == pytest.approx(expected, rel=TOLERANCE)
    assert polynomial @ float(angle) ** np.arange(3) == pytest.approx(direct, rel=1e-12)


@pytest.mark.parametrize("case", NEW_PHYSICS)
def test_new_physics_spectrum(case: dict[str, Any]) -> None:
    energies = np.array(case["T_keV"])
    rate = at_coupling(case, rate_polynomial(terms_of(case), energies, np.array([case["m_MeV"]])))
    if with_standard_model(case):
        rate = rate + rate_polynomial(standard_model_terms, energies)[0, 0]
    assert_spectrum_agrees(rate, case)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("case", NEW_PHYSICS)
def test_new_physics_rate_in_the_experiments_windows(case: dict[str, Any], window: str) -> None:
    low, high = WINDOWS[window]
    rate = at_coupling(case, rate_above(low, terms_of(case), np.array([case["m_MeV"]]), upper_keV=high))
    if with_standard_model(case):
        rate = rate + rate_above(low, upper_keV=high)[0, 0]
    assert rate == pytest.approx(case[window], rel=TOLERANCE)
