"""Survival probabilities of solar neutrinos."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.physics.oscillation import SIN2_THETA_12, SIN2_THETA_13, survival_probability

DENSITIES = {"pp": 60.64, "7be": 79.58, "pep": 66.55, "13n": 73.80, "15o": 86.22, "8b": 87.93}


@pytest.mark.parametrize(
    ("component", "energy", "expected"),
    # an independent calculation at the mean densities of the B16-GS98 model
    [
        ("pp", 0.1, 0.548188), ("pp", 0.4, 0.542325), ("7be", 0.8613, 0.527133), ("pep", 1.442, 0.517142),
        ("13n", 1.0, 0.525246), ("15o", 1.5, 0.504497), ("8b", 3.0, 0.451683), ("8b", 10.0, 0.326103),
    ],
)  # fmt: skip
def test_against_an_independent_calculation(component: str, energy: float, expected: float) -> None:
    found = survival_probability(np.array([energy]), DENSITIES[component])[0]
    assert found == pytest.approx(expected, abs=1e-5)


def test_limits_of_low_and_high_energies() -> None:
    low, high = survival_probability(np.array([1e-6, 1e6]), 80.0)
    cos4, sin4 = (1 - SIN2_THETA_13) ** 2, SIN2_THETA_13**2
    sin2_2theta = 4 * SIN2_THETA_12 * (1 - SIN2_THETA_12)
    assert low == pytest.approx(cos4 * (1 - sin2_2theta / 2) + sin4, rel=1e-6)
    assert high == pytest.approx(cos4 * SIN2_THETA_12 + sin4, rel=1e-5)


def test_falls_with_energy_and_keeps_its_shape() -> None:
    energy = np.linspace(0.1, 18.0, 60).reshape(3, 20)
    found = survival_probability(energy, 87.93)
    assert found.shape == energy.shape
    assert (np.diff(found.ravel()) < 0).all()
