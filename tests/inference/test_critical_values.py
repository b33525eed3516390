"""Critical values and p-values, against exact and known ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from spec_builder.inference.critical_values import critical_value, critical_values, default_values, p_value
from spec_builder.inference.observed import Observed
from spec_builder.inference.profile import threshold
from spec_builder.inference.toys import hypotheses, throw
from tests.inference.counting import counting, exact_acceptance


def test_critical_values_of_a_counting_experiment_are_exact() -> None:
    likelihood = counting([4], [1.0], [3.0])
    observed = Observed.of(likelihood, "mu")
    values = np.array([0.5, 2.0, 6.0])
    thrown = throw(likelihood, "mu", hypotheses(likelihood, "mu", values), toys=20_000, seed=1)
    for point in critical_values(observed, values, thrown, 0.9):
        accepted = exact_acceptance(point.value, 3.0, 0.9)

        def statistic(count: int, mu: float = point.value) -> float:
            best = max(count - 3.0, 0.0) + 3.0
            return float(2 * (poisson.logpmf(count, best) - poisson.logpmf(count, mu + 3.0)))

        assert point.critical == pytest.approx(max(statistic(count) for count in accepted), abs=1e-6)
        assert point.observed == pytest.approx(statistic(4), abs=1e-8)
        beyond = [n for n in range(80) if statistic(n) >= statistic(4) - 1e-9]
        exact = float(poisson.pmf(beyond, point.value + 3.0).sum())
        assert abs(point.p_value - exact) < 4 * point.p_error


# ---------------------------------------------------------------- the parts


def test_critical_value_and_its_error() -> None:
    statistic = np.random.default_rng(4).chisquare(1, 100_000)
    critical, error = critical_value(statistic, 0.9)
    density = float(np.exp(-threshold(0.9) / 2) / np.sqrt(2 * np.pi * threshold(0.9)))
    assert error == pytest.approx(np.sqrt(0.9 * 0.1 / 100_000) / density, rel=0.15)
    assert abs(critical - threshold(0.9)) < 4 * error
    assert critical_value(np.array([1.0]), 0.9) == (1.0, 0.0)


def test_p_values_without_toys_on_one_side() -> None:
    statistic = np.arange(100.0)
    none = p_value(statistic, 1000.0)
    assert (none.p_value, none.z, none.z_error) == (0.0, None, None)
    assert none.p_error == pytest.approx(0.01)
    everything = p_value(statistic, 0.0)
    assert (everything.p_value, everything.z) == (1.0, 0.0)


def test_default_values_hold_the_interval() -> None:
    observed = Observed.of(counting([9], [1.0], [3.0]), "mu")
    values = default_values(observed, 0.9)
    assert values.size == 61
    assert observed.statistic(values[[0, -1]]) == pytest.approx([1.5 * threshold(0.9) + 1] * 2, rel=1e-6)
    assert default_values(Observed.of(counting([3], [1.0], [3.0]), "mu"), 0.9)[0] == 0.0
