"""Intervals by toys: against exact Feldman-Cousins intervals, brute force, and 13 million toys of another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import norm, poisson

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.critical_values import critical_value, p_value
from spec_builder.inference.feldman_cousins import feldman_cousins
from spec_builder.inference.observed import Observed
from spec_builder.inference.toys import hypotheses, throw
from spec_builder.model.analysis import load_analysis
from tests.inference.counting import counting, exact_acceptance, exact_interval

if TYPE_CHECKING:
    from spec_builder.inference.likelihood import Likelihood

#: Standard Model flux [1e6 cm^-2 s^-1].
REFERENCE = 5.46


# ---------------------------------------------------------------- a counting experiment


@pytest.mark.parametrize(
    ("count", "published"),
    [(2, (0.00, 3.04)), (4, (0.00, 5.60)), (10, (2.63, 13.50))],
)
def test_published_intervals_of_a_counting_experiment(count: int, published: tuple[float, float]) -> None:
    # Table IV of arXiv:physics/9711021: 90 % intervals of a Poisson signal, background 3
    exact = exact_interval(count, 3.0, 0.9)
    assert exact == pytest.approx(published, abs=0.03)
    likelihood = counting([count], [1.0], [3.0])
    values = np.unique(np.concatenate([np.arange(0, 4, 0.1), np.arange(4, 16, 0.25)]))
    found = feldman_cousins(likelihood, "mu", cl=0.9, toys=4000, seed=3, values=values)
    lower, upper = found.interval
    assert (0.0 if lower is None else lower) == pytest.approx(exact[0], abs=0.26)
    assert upper == pytest.approx(exact[1], abs=0.26)


def test_an_interval_without_counts_is_the_one_before_the_papers_lengthening() -> None:
    # the table has 1.08 without counts at background 3: upper ends are lengthened there so that they never rise with
    # the background, and the longest beyond 3 is reached just below 3.5
    longest = max(exact_interval(0, background, 0.9)[1] for background in np.arange(3.45, 3.5, 0.005))
    assert longest == pytest.approx(1.08, abs=0.02)
    exact = exact_interval(0, 3.0, 0.9)
    assert exact == pytest.approx((0.0, 0.95), abs=0.02)
    values = np.arange(0, 2, 0.04)
    found = feldman_cousins(counting([0], [1.0], [3.0]), "mu", cl=0.9, toys=8000, seed=3, values=values)
    assert found.interval[0] is None
    assert found.interval[1] == pytest.approx(exact[1], abs=0.09)


@pytest.mark.parametrize(("count", "published"), [(4, (0.00, 5.60)), (10, (2.63, 13.50))])
def test_a_finer_grid_finds_published_ends_within_their_errors(count: int, published: tuple[float, float]) -> None:
    # Table IV again: without values of their own, ends were known to a step of the grid, 0.2 to 0.4
    found = feldman_cousins(counting([count], [1.0], [3.0], top=40.0), "mu", cl=0.9, toys=8000, seed=1)
    assert 61 <= len(found.critical) <= 61 + 2 * 8
    for end, error, its in zip(found.interval, found.interval_error, published, strict=True):
        if end is None:
            assert its == 0
            continue
        assert error is not None
        assert error < 0.08
        assert abs(end - its) < 3 * error + 0.005  # two digits are published


@pytest.mark.parametrize(("count", "background", "cl"), [(3, 0.5, 0.95), (6, 3.0, 0.9), (1, 3.0, 0.9), (4, 0.0, 0.9)])
def test_errors_of_ends_hold_the_jumps_of_critical_values(count: int, background: float, cl: float) -> None:
    # counts are discrete: p-values jump, and stay close to 10 % over many values. Errors of critical values, as order
    # statistics have them, knew nothing of it: 4e-16, and 0.07 where an end stood 0.37 off
    found = feldman_cousins(counting([count], [1.0], [background], top=20.0), "mu", cl=cl, toys=2000, seed=1)
    exact = exact_interval(count, background, cl)
    for end, error, its in zip(found.interval, found.interval_error, exact, strict=True):
        if end is None:
            assert its == 0
            continue
        assert error is not None
        assert abs(end - its) < 2.5 * error < 0.6


def test_values_in_the_order_of_a_result_give_its_numbers_again() -> None:
    likelihood = counting([4], [1.0], [0.0])
    found = feldman_cousins(likelihood, "mu", cl=0.9, toys=1000, seed=2)
    numbers = [point.number for point in found.critical]
    assert sorted(numbers) == list(range(len(numbers)))
    assert numbers != sorted(numbers), "finer values stand behind the others"
    thrown = sorted(found.critical, key=lambda point: point.number)
    again = feldman_cousins(
        likelihood, "mu", cl=0.9, toys=1000, seed=2, values=np.array([point.value for point in thrown])
    )
    assert again.critical == found.critical
    assert again.interval == found.interval


def test_two_bins_by_brute_force() -> None:
    likelihood = counting([6, 1], [2.0, 1.0], [3.0, 2.0], top=10.0)
    signal, background, counts = np.array([2.0, 1.0]), np.array([3.0, 2.0]), np.arange(40)
    pairs = np.stack(np.meshgrid(counts, counts, indexing="ij"), axis=-1).reshape(-1, 2)
    grid = np.linspace(0, 10, 4001)
    rates = grid[:, None] * signal + background
    heights = 2 * (rates.sum(axis=1)[:, None] - np.log(rates) @ pairs.T)
    least = heights.min(axis=0)
    values = np.array([0.0, 1.0, 3.0])
    thrown = throw(likelihood, "mu", hypotheses(likelihood, "mu", values), toys=20_000, seed=6)
    for value, toys in zip(values, thrown, strict=True):
        rate = value * signal + background
        statistic = 2 * (rate.sum() - pairs @ np.log(rate)) - least
        chance = poisson.pmf(pairs, rate).prod(axis=1)
        for level in (0.5, 2.0, 4.0):
            exact = float(chance[statistic >= level].sum())
            share = p_value(toys.statistic, level)
            assert abs(share.p_value - exact) < 4 * share.p_error


# ---------------------------------------------------------------- against another program

#: XENONnT `linear` and combined `normsys` against the 8B flux in units of the Standard Model, measurement b8_flux:
#: critical values at 68.27, 90, 95 % and errors at some mu (100 000 toys), Feldman-Cousins intervals with errors,
#: p-values of mu = 0 (2 million toys; nominal ensemble 500 000), goodness of fit (400 000).
#: From an independent program that drew 13 million toys a configuration.
REFERENCES: dict[tuple[str, str], dict[str, Any]] = {
    ("xenonnt", "linear"): {
        "critical": {
            0.0: [(0.19217, 0.00352), (1.55246, 0.01313), (2.59921, 0.02114)],
            0.5: [(1.01279, 0.00604), (2.4645, 0.01135), (3.2814, 0.01494)],
            2.0: [(1.0058, 0.00632), (2.7282, 0.01359), (3.88504, 0.02471)],
        },
        "observed": {0.0: 4.64039, 0.5: 1.11532, 2.0: 2.48547},
        "intervals": {
            0.6827: ((0.524287, 1.63362), (0.00103954, 0.00152541), (0.527351, 1.63148)),
            0.9: ((0.318546, 2.04998), (0.000801353, 0.00269945), (0.223652, 2.04528)),
            0.95: ((0.232174, 2.26138), (0.00153757, 0.00305058), (0.083646, 2.25866)),
        },
        "null": (4.64039, 0.0147105, 8.51296e-05),
        "null_nominal": (0.014446, 0.000168744),
        "goodness": (3.82919, 0.152885, 0.000569015),
    },
    ("combined", "normsys"): {
        "critical": {
            0.0: [(0.16368, 0.00333), (1.48254, 0.01293), (2.53023, 0.02155)],
            0.5: [(1.00969, 0.00616), (2.54917, 0.01112), (3.40111, 0.01637)],
            2.0: [(1.01177, 0.00599), (2.73514, 0.01342), (3.87707, 0.02353)],
        },
        "observed": {0.0: 6.43477, 0.5: 1.85272, 2.0: 2.67652},
        "intervals": {
            0.6827: ((0.656641, 1.64941), (0.00127861, 0.00152654), (0.662361, 1.64578)),
            0.9: ((0.416038, 2.01044), (0.000885555, 0.00199012), (0.375099, 2.00509)),
            0.95: ((0.343184, 2.19747), (0.00122341, 0.00305776), (0.239342, 2.18954)),
        },
        "null": (6.43477, 0.0046875, 4.82987e-05),
        "null_nominal": (0.005216, 0.00010187),
        "goodness": (17.8693, 0.0590475, 0.000372696),
    },
}
CONFIGURATIONS = list(REFERENCES)


@pytest.fixture(scope="module", params=CONFIGURATIONS, ids="-".join)
def configuration(request: pytest.FixtureRequest) -> tuple[Likelihood, dict[str, Any]]:
    analysis, law = request.param
    return load_analysis(analysis, law).likelihood("flux"), REFERENCES[request.param]


def test_critical_values_of_the_flux(configuration: tuple[Likelihood, dict[str, Any]]) -> None:
    likelihood, reference = configuration
    values = np.array(list(reference["critical"])) * REFERENCE
    thrown = throw(likelihood, "flux", hypotheses(likelihood, "flux", values), toys=10_000, seed=17)
    heights = Observed.of(likelihood, "flux").statistic(values)
    for mu, toys, height in zip(reference["critical"], thrown, heights, strict=True):
        assert height == pytest.approx(reference["observed"][mu], abs=2e-5)
        for cl, (expected, its_error) in zip((0.6827, 0.9, 0.95), reference["critical"][mu], strict=True):
            critical, error = critical_value(toys.statistic, cl)
            assert abs(critical - expected) < 4 * np.hypot(error, its_error)


@pytest.mark.parametrize("cl", [0.6827, 0.9, 0.95])
def test_interval_of_the_flux(configuration: tuple[Likelihood, dict[str, Any]], cl: float) -> None:
    likelihood, reference = configuration
    ends, errors, asymptotic = reference["intervals"][cl]
    found = feldman_cousins(likelihood, "flux", cl=cl, toys=1000, seed=5)
    assert found.problems == ()
    assert found.lost == 0
    for end, own, expected, its in zip(found.interval, found.interval_error, ends, errors, strict=True):
        assert end is not None
        assert own is not None
        assert 0 < own < 0.06 * REFERENCE
        assert abs(end / REFERENCE - expected) < 4 * np.hypot(own / REFERENCE, its)
    assert np.array(found.asymptotic) / REFERENCE == pytest.approx(asymptotic, abs=2e-5)


def test_significance_and_goodness_of_fit(configuration: tuple[Likelihood, dict[str, Any]]) -> None:
    likelihood, reference = configuration
    how: dict[str, Any] = {"toys": 12_000, "seed": 2, "values": np.array([4.0, 6.0])}
    found = feldman_cousins(likelihood, "flux", **how)
    assert found.significance is not None
    height, share, its_error = reference["null"]
    assert found.significance.observed == pytest.approx(height, abs=2e-5)
    assert abs(found.significance.p_value - share) < 4 * np.hypot(found.significance.p_error, its_error)
    assert found.significance.z == pytest.approx(norm.isf(found.significance.p_value), abs=1e-9)
    chi2, share, its_error = reference["goodness"]
    assert found.goodness.observed == pytest.approx(chi2, abs=1e-4)
    assert abs(found.goodness.p_value - share) < 4 * np.hypot(found.goodness.p_error, its_error)
    nominal = feldman_cousins(likelihood, "flux", ensemble="nominal", **how)
    assert nominal.significance is not None
    share, its_error = reference["null_nominal"]
    assert abs(nominal.significance.p_value - share) < 4 * np.hypot(nominal.significance.p_error, its_error)


def test_an_interval_that_reaches_the_domain_has_no_end_there() -> None:
    found = feldman_cousins(counting([3], [1.0], [3.0]), "mu", cl=0.9, toys=200, seed=1)
    assert found.interval[0] is None
    assert found.interval_error[0] is None
    assert found.interval[1] is not None
    assert found.problems == ()
    assert found.significance is not None
    assert found.significance.observed == pytest.approx(0.0, abs=1e-9)
    assert found.significance.p_value == 1.0


def test_a_null_that_cannot_be_is_told() -> None:
    # nothing is expected without a signal where something was counted
    found = feldman_cousins(counting([4], [1.0], [0.0]), "mu", cl=0.9, toys=100, seed=1)
    assert found.significance is None
    assert found.problems == ("significance: 2NLL is not finite at mu = 0",)
    assert found.interval[0] is not None
    assert found.interval[0] > 1.0


def test_a_domain_in_part_of_which_a_rate_is_negative() -> None:
    found = feldman_cousins(counting([6], [1.0], [3.0], low=-5.0), "mu", cl=0.9, toys=400, seed=1)
    assert found.problems == ()
    assert found.critical[0].value > -3.0
    # without a boundary in reach the interval is the one of a Poisson mean of 6, less the background
    assert found.value == pytest.approx(3.0, abs=1e-6)
    assert found.interval == pytest.approx(np.array(exact_mean_interval(6)) - 3.0, abs=0.35)


def exact_mean_interval(count: int) -> tuple[float, float]:
    means = np.arange(0.02, 20, 0.02)
    inside = [mean for mean in means if count in exact_acceptance(mean, 0.0, 0.9)]
    return float(inside[0]), float(inside[-1])


def test_an_end_beyond_the_grid_is_told() -> None:
    likelihood = counting([9], [1.0], [3.0])
    found = feldman_cousins(likelihood, "mu", cl=0.9, toys=100, seed=1, values=np.array([5.0, 7.0]))
    assert found.interval == (None, None)
    assert found.problems[1] == "upper end of the interval: not within the grid, which ends at 7"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 1.0], "must hold two different values"),
        ([1.0], "must hold two different values"),
        ([1.0, 31.0], "leaves its domain, 0 to 30"),
    ],
)
def test_a_bad_grid_is_refused(values: list[float], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        feldman_cousins(counting([3], [1.0], [3.0]), "mu", toys=10, values=np.array(values))
