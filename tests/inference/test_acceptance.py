"""Where critical values are crossed, and the errors of those ends."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.inference.acceptance import accept
from spec_builder.inference.critical_values import CriticalValue
from spec_builder.inference.observed import Observed
from spec_builder.inference.profile import threshold
from tests.inference.counting import counting


def constant_levels(observed: Observed, levels: list[float], errors: float) -> list[CriticalValue]:
    """Levels with errors, and p-values that are as many of theirs from 10 % as the levels from the statistic."""
    values = np.linspace(observed.low, observed.high, len(levels))
    heights = observed.statistic(values)
    spread = np.sqrt(0.09 / 10_000)
    return [
        CriticalValue(float(v), level, errors, 10_000, float(h), 0.1 + spread * (level - h) / errors, spread)
        for v, level, h in zip(values, levels, heights, strict=True)
    ]


def test_crossings_with_constant_levels_are_the_asymptotic_interval() -> None:
    observed = Observed.of(counting([9], [1.0], [3.0]), "mu")
    level = threshold(0.9)
    found = accept(observed, constant_levels(observed, [level] * 31, 0.1), 0.9)
    assert found.ends == pytest.approx(observed.crossings(level + 1e-6), abs=1e-6)
    assert not found.accepted
    # the error of an end is that of the level over the slope
    assert found.interval[1] is not None
    slope = float(np.diff(observed.statistic(found.interval[1] + np.array([-0.01, 0.01])))[0]) / 0.02
    assert found.interval_error[1] is not None
    assert found.interval_error[1] == pytest.approx(0.1 / slope, rel=0.1)


def test_crossings_within_their_errors_are_one() -> None:
    observed = Observed.of(counting([9], [1.0], [3.0]), "mu")
    level = threshold(0.9)
    values = np.linspace(observed.low, observed.high, 301)
    heights = observed.statistic(values)
    end = int(np.flatnonzero(heights[150:] > level)[0]) + 150
    levels = np.full(301, level)
    plain = accept(observed, constant_levels(observed, levels.tolist(), 0.2), 0.9)
    noisy = levels.copy()
    noisy[end - 1], noisy[end + 1] = heights[end - 1] - 0.1, heights[end + 1] + 0.1  # out, and in again
    blurred = accept(observed, constant_levels(observed, noisy.tolist(), 0.2), 0.9)
    assert len(plain.ends) == len(blurred.ends) == 2
    assert blurred.ends[1] == pytest.approx(plain.ends[1], abs=0.3)
    # the same with errors that do not explain it: four crossings
    sharp = accept(observed, constant_levels(observed, noisy.tolist(), 0.001), 0.9)
    assert len(sharp.ends) == 4
