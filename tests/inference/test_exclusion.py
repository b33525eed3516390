"""Exclusions: every crossing is one and none is missed, and the minima are the least there are."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2

from spec_builder.inference.data import Problem, polynomial
from spec_builder.inference.exclusion import Exclusion, exclude, plane_minimum
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.physics.interactions import choose
from tests.new_physics import new_physics

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.exclusion import MassPoint

INTERACTIONS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")
#: Light, heavy and in between; at 100 to 1000 MeV the two minima of the universal vector are nearly equally deep.
MASSES = (0.01, 1.0, 10.0, 40.0, 150.0, 300.0, 1000.0)
SIGNAL = "cevns"

every_analysis = pytest.mark.parametrize("analysis", ANALYSES)
every_dof = pytest.mark.parametrize("dof", [1, 2])


class Model:
    """Profiled 2NLL at any mass and coupling, point by point."""

    def __init__(self, analysis: str, interaction: str, law: str = "normsys") -> None:
        self.choice = choose(interaction)
        self.likelihood, self.yields = new_physics(load_analysis(analysis, law), self.choice)

    @property
    def problem(self) -> Problem:
        return Problem.of(self.likelihood, SIGNAL, self.yields)

    def __call__(self, mass: float, couplings: FloatArray | list[float]) -> FloatArray:
        """2NLL at couplings (N,)."""
        g = np.asarray(couplings, dtype=float)
        n0, n1, n2 = self.yields(np.array([mass]))
        x = g[:, None] ** 2
        fits = minimise(self.likelihood, sample=SIGNAL, yields=n0 + n1 * x + n2 * x**2)
        assert fits.valid.all()
        return fits.twice_nll

    def at(self, mass: float) -> Callable[[float], float]:
        return lambda g: float(self(mass, [g])[0])

    def scale(self, mass: float) -> float:
        """The coupling whose g^4 term has as many events as the Standard Model."""
        n0, _, n2 = self.yields(np.array([mass])).sum(axis=(1, 2))
        return float((n0 / n2) ** 0.25)


model = lru_cache(Model)


@lru_cache
def _exclusion(analysis: str, interaction: str, law: str, dof: int) -> Exclusion:
    own = model(analysis, interaction, law)
    return exclude(own.problem, np.array(MASSES), dof=dof)


def exclusion(analysis: str, interaction: str, dof: int, law: str = "normsys") -> Exclusion:
    return _exclusion(analysis, interaction, law, dof)


def ends(point: MassPoint) -> list[float]:
    """Finite ends of the excluded intervals, less 0."""
    return [end for interval in point.excluded for end in interval if end]


def reference(result: Exclusion, point: MassPoint, own: Model) -> float:
    """The minimum that Delta chi^2 refers to."""
    return own.at(point.mass_MeV)(point.best_g) if result.dof == 1 else result.minimum.twice_nll


# ---------------------------------------------------------------- crossings


@every_analysis
@pytest.mark.parametrize(
    ("interaction", "law", "dof"),
    [
        *((name, "normsys", 1) for name in INTERACTIONS),
        ("vector_universal", "normsys", 2),
        ("vector_universal", "linear", 2),
        ("tensor", "normsys", 2),
    ],
)
def test_every_end_is_a_crossing(analysis: str, interaction: str, law: str, dof: int) -> None:
    own, result = model(analysis, interaction, law), exclusion(analysis, interaction, dof, law)
    assert [point.mass_MeV for point in result.points] == list(MASSES)
    for point in result.points:
        assert point.valid
        assert point.excluded
        heights = own(point.mass_MeV, ends(point)) - reference(result, point, own)
        np.testing.assert_allclose(heights, chi2.ppf(0.9, dof), rtol=0, atol=1e-6)


@every_dof
@every_analysis
def test_a_fine_scan_finds_the_same_intervals(analysis: str, dof: int) -> None:
    own, result = model(analysis, "vector_universal"), exclusion(analysis, "vector_universal", dof)
    for point in result.points:
        couplings = own.scale(point.mass_MeV) * np.append(0, np.geomspace(0.05, 20, 4000))
        heights = own(point.mass_MeV, couplings) - reference(result, point, own)
        assert heights.min() >= -1e-6
        (cells,) = np.nonzero(np.diff(heights > result.threshold))
        assert len(ends(point)) == len(cells)
        for end, cell in zip(ends(point), cells, strict=True):
            assert couplings[cell] <= end <= couplings[cell + 1]
        # excluded is what lies above the threshold, at the beginning and at the end of the scan too
        assert (heights[0] > result.threshold) == (point.excluded[0][0] == 0)
        assert (heights[-1] > result.threshold) == (point.excluded[-1][1] is None)


@every_analysis
def test_ends_are_precise_to_a_millionth(analysis: str) -> None:
    own, result = model(analysis, "vector_universal"), exclusion(analysis, "vector_universal", 2)
    point = result.points[2]
    height, level = own.at(point.mass_MeV), result.minimum.twice_nll + result.threshold
    for end in ends(point):
        exact = brentq(lambda g: height(g) - level, end * 0.999, end * 1.001, xtol=1e-16)
        assert end == pytest.approx(exact, rel=1e-6)


def hump(own: Model, mass: float) -> tuple[float, float]:
    """Coupling and 2NLL of the maximum between the two minima of the universal vector."""
    couplings = own.scale(mass) * np.linspace(0.2, 1.4, 200)
    heights = own(mass, couplings)
    inner = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])) + 1
    (top,) = inner
    found = minimize_scalar(
        lambda g: -own.at(mass)(g), bounds=tuple(couplings[[top - 1, top + 1]]), options={"xatol": 1e-12}
    )
    return float(found.x), -float(found.fun)


@pytest.mark.parametrize("analysis", ["pandax4t", "xenonnt"])
@pytest.mark.parametrize("mass", [0.01, 300.0])
@pytest.mark.parametrize("above", [1e-4, -1e-4])
def test_an_interval_that_hardly_reaches_the_threshold(analysis: str, mass: float, above: float) -> None:
    """A hump 1e-4 above the threshold is excluded, one 1e-4 below is not."""
    own = model(analysis, "vector_universal")
    place, top = hump(own, mass)
    least = exclude(own.problem, np.array([mass]), dof=1).minimum.twice_nll
    result = exclude(own.problem, np.array([mass]), cl=float(chi2.cdf(top - above - least, 1)), dof=1)
    (point,) = result.points
    assert point.valid
    if above > 0:
        (low, high), (_, no_end) = point.excluded
        assert low is not None
        assert high is not None
        assert low < place < high < 1.1 * low
        assert no_end is None
    else:
        ((low, no_end),) = point.excluded
        assert low is not None
        assert low > place
        assert no_end is None


# ---------------------------------------------------------------- minima


@every_analysis
@pytest.mark.parametrize("interaction", ["vector_universal", "tensor"])
def test_one_degree_of_freedom_has_a_minimum_at_each_mass(analysis: str, interaction: str) -> None:
    own, result = model(analysis, interaction), exclusion(analysis, interaction, 1)
    standard_model = own.at(1.0)(0.0)
    minima = []
    for point in result.points:
        height = own.at(point.mass_MeV)
        couplings = own.scale(point.mass_MeV) * np.append(0, np.linspace(0.05, 2, 400))
        heights = own(point.mass_MeV, couplings)
        minima.append(height(point.best_g))
        assert minima[-1] <= heights.min() + 1e-9
        if point.best_g > 0:  # the minimum's own neighbourhood
            assert minima[-1] <= min(height(point.best_g * f) for f in (0.999, 1.001))
        assert point.delta_chi2_sm == pytest.approx(standard_model - minima[-1], abs=1e-8)
    assert result.minimum.twice_nll == pytest.approx(min(minima), abs=1e-9)


@every_analysis
def test_two_degrees_of_freedom_have_one_minimum_whatever_masses_are_asked_for(analysis: str) -> None:
    own, many = model(analysis, "vector_universal"), exclusion(analysis, "vector_universal", 2)
    few = exclude(own.problem, np.array([77.0, 10.0]), dof=2)
    assert few.minimum == many.minimum == plane_minimum(own.problem)
    # so neither does the answer at a mass
    one, other = few.points[1], many.points[2]
    assert one.mass_MeV == other.mass_MeV == 10.0
    assert ends(one) == pytest.approx(ends(other), rel=1e-8)
    # numpy sums a larger batch in another order
    assert one.delta_chi2_sm == pytest.approx(other.delta_chi2_sm, abs=1e-9)


@pytest.mark.parametrize(
    ("analysis", "interaction"), [*((name, "vector_universal") for name in ANALYSES), ("combined", "tensor")]
)
def test_no_point_of_the_plane_is_below_its_minimum(analysis: str, interaction: str) -> None:
    own, result = model(analysis, interaction), exclusion(analysis, interaction, 2)
    masses = np.geomspace(0.01, 1000, 200)
    couplings = np.geomspace(*own.choice.default_range, 200)
    mass, place = np.divmod(np.arange(40_000), 200)
    events = polynomial(own.yields(masses), mass, couplings[place] ** 2).T
    fits = minimise(own.likelihood, sample=SIGNAL, yields=events)
    assert fits.valid.all()
    minimum = result.minimum
    assert fits.twice_nll.min() >= minimum.twice_nll - 1e-6
    # and it is a point of the plane
    assert minimum.mass_MeV is not None
    assert 0.01 <= minimum.mass_MeV <= 1000
    assert own.at(minimum.mass_MeV)(minimum.g) == pytest.approx(minimum.twice_nll, abs=1e-9)


def test_the_answer_at_a_mass_does_not_depend_on_the_others() -> None:
    own, together = model("xenonnt", "vector_universal"), exclusion("xenonnt", "vector_universal", 1)
    for point in together.points[1::3]:
        (alone,) = exclude(own.problem, np.array([point.mass_MeV]), dof=1).points
        assert ends(alone) == pytest.approx(ends(point), rel=1e-8)
        assert alone.best_g == pytest.approx(point.best_g, rel=1e-4)


# ---------------------------------------------------------------- confidence levels


@every_dof
@pytest.mark.parametrize("cl", [0.5, 0.9, 0.999])
def test_thresholds_are_quantiles_of_chi2(cl: float, dof: int) -> None:
    own = model("xenonnt", "scalar")
    result = exclude(own.problem, np.array([1.0]), cl=cl, dof=dof)
    assert (result.cl, result.dof) == (cl, dof)
    assert result.threshold == pytest.approx(chi2.ppf(cl, dof), rel=1e-12)


def test_a_higher_confidence_level_excludes_less() -> None:
    own = model("xenonnt", "vector_universal")
    couplings = own.scale(10.0) * np.geomspace(0.1, 10, 500)

    def excluded(cl: float) -> set[float]:
        (point,) = exclude(own.problem, np.array([10.0]), cl=cl, dof=1).points
        return {g for g in couplings.tolist() if any(low < g < (high or np.inf) for low, high in point.excluded)}

    shrinking = [excluded(cl) for cl in (0.1, 0.5, 0.9, 0.95, 0.99, 0.9999999)]
    assert all(later < earlier for earlier, later in pairwise(shrinking))


# ---------------------------------------------------------------- physics


@every_dof
def test_the_universal_vector_has_an_allowed_band_in_xenonnt_and_combined(dof: int) -> None:
    """Sec. IV B of arXiv:2411.11749: none in PandaX-4T."""
    for analysis, intervals in {"xenonnt": 2, "combined": 2, "pandax4t": 1}.items():
        points = exclusion(analysis, "vector_universal", dof).points
        assert {len(point.excluded) for point in points} == {intervals}
        assert all(point.excluded[-1][1] is None for point in points)


@every_analysis
def test_the_others_have_one_limit(analysis: str) -> None:
    for interaction in set(INTERACTIONS) - {"vector_universal"}:
        for point in exclusion(analysis, interaction, 1).points:
            ((low, no_end),) = point.excluded
            assert low is not None
            assert low > 0
            assert no_end is None


@every_analysis
def test_axial_and_tensor_are_ten_times_weaker(analysis: str) -> None:
    """They see the spin of some isotopes; scalar and vector see all nucleons at once."""
    limit = {
        name: np.array([point.excluded[-1][0] for point in exclusion(analysis, name, 1).points])
        for name in INTERACTIONS
    }
    for weak in ("axial", "tensor"):
        for strong in ("scalar", "vector_universal", "vector_bl"):
            assert (limit[weak] > 10 * limit[strong]).all()


@every_analysis
@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_limits_are_flat_for_light_and_linear_for_heavy_mediators(analysis: str, interaction: str) -> None:
    own = model(analysis, interaction)
    points = exclude(own.problem, np.array([0.01, 0.03, 500.0, 1000.0]), dof=1).points
    light, less_light, heavy, heavier = (np.array(ends(point)) for point in points)
    np.testing.assert_allclose(less_light / light, 1, rtol=1e-3)
    np.testing.assert_allclose(heavier / heavy, 2, rtol=1e-2)


# ---------------------------------------------------------------- unusual data


@every_dof
@pytest.mark.parametrize("interaction", ["scalar", "vector_bl"])
def test_where_the_standard_model_is_excluded_the_first_interval_starts_at_zero(interaction: str, dof: int) -> None:
    """Counts as a coupling with three times the Standard Model's events predicts them: it is found, and allowed."""
    own = Model("xenonnt", interaction)
    truth = 1.2 * own.scale(10.0)
    backgrounds = own.likelihood.rates(own.likelihood.init)[0] - own.yields(np.array([10.0]))[0, 0]
    signal = polynomial(own.yields(np.array([10.0])), np.array([0]), np.array([truth**2])).T[0]
    own.likelihood = own.likelihood.with_observed(backgrounds + signal)
    result = exclude(own.problem, np.array([1.0, 10.0]), dof=dof)
    for point in result.points:
        (zero, low), (high, no_end) = point.excluded
        assert zero == 0
        assert no_end is None
        assert low is not None
        assert high is not None
        assert low < point.best_g < high
        assert point.delta_chi2_sm > result.threshold
        heights = own(point.mass_MeV, [low, high]) - reference(result, point, own)
        np.testing.assert_allclose(heights, result.threshold, rtol=0, atol=1e-6)
    assert result.points[1].best_g == pytest.approx(truth, rel=1e-4)
    assert result.minimum.twice_nll == pytest.approx(own.at(10.0)(truth), abs=1e-7)


@every_dof
def test_a_free_normalisation_excludes_nothing(dof: int) -> None:
    """With mu_8b free the fit can always do without a signal, at Delta chi^2 of 7.5 at most."""
    own = Model("xenonnt", "scalar")
    own.likelihood = Likelihood.from_workspace(load_analysis("xenonnt").workspace, "b8_flux")
    result = exclude(own.problem, np.array([0.1, 10.0]), cl=0.999, dof=dof)
    assert [point.excluded for point in result.points] == [(), ()]
    assert all(point.valid for point in result.points)
    some = exclude(own.problem, np.array([0.1, 10.0]), cl=0.05, dof=dof)
    assert all(point.excluded for point in some.points)


@pytest.mark.parametrize("interaction", ["tensor", "vector_universal"])
def test_no_coupling_is_excluded_where_nuisance_parameters_can_cancel_any_signal(interaction: str) -> None:
    """Law linear, PandaX-4T: N = R (1 + 0.12 a + 0.22 b) vanishes at a^2 + b^2 = 15.9, below the threshold of 18.4."""
    own = model("pandax4t", interaction, "linear")
    result = exclude(own.problem, np.array([0.1, 100.0]), cl=0.9999)
    assert [point.excluded for point in result.points] == [(), ()]
    assert all(point.valid for point in result.points)
    # a million times the Standard Model's events
    far = own(0.1, [30 * own.scale(0.1)])[0] - result.minimum.twice_nll
    assert 1 / (0.12**2 + 0.22**2) < far < result.threshold
    at_90 = exclude(own.problem, np.array([0.1, 100.0]))
    assert all(point.excluded for point in at_90.points)


def test_no_events_exclude_whatever_adds_some() -> None:
    own = Model("xenonnt", "vector_universal")
    own.likelihood = own.likelihood.with_observed(np.zeros(3))
    result = exclude(own.problem, np.array([10.0]), dof=1)
    (point,) = result.points
    assert point.valid
    # least signal is best: near the coupling where the universal vector cancels the Standard Model
    total = own.yields(np.array([10.0])).sum(axis=2)[:, 0]
    assert point.best_g**2 == pytest.approx(-total[1] / (2 * total[2]), rel=0.05)
    assert point.excluded[0][0] == 0


def test_yields_are_a_polynomial_in_the_squared_coupling() -> None:
    rng = np.random.default_rng(11)
    coefficients = rng.normal(size=(3, 2, 4))
    mass, g = np.array([1, 0, 1]), np.array([0.0, 0.5, 2.0])
    events = polynomial(coefficients, mass, g**2).T
    assert events.shape == (3, 4)
    for row in range(3):
        n0, n1, n2 = coefficients[:, mass[row]]
        np.testing.assert_allclose(events[row], n0 + n1 * g[row] ** 2 + n2 * g[row] ** 4, rtol=1e-12)


def test_a_limit_far_beyond_the_standard_model_is_found() -> None:
    """A small exposure: new physics must be a million times the Standard Model before it shows."""
    likelihood = Likelihood.from_workspace(load_analysis("xenonnt").workspace, "new_physics")
    small = np.array([[[1e-7, 1e-7, 1e-7]], [[0.0, 0.0, 0.0]], [[1e20, 1e20, 1e20]]])
    result = exclude(
        Problem.of(likelihood, SIGNAL, lambda masses: np.repeat(small, masses.size, axis=1)), np.array([1.0]), dof=1
    )
    ((low, high),) = result.points[0].excluded[-1:]
    assert low is not None
    assert high is None
    fits = minimise(likelihood, sample=SIGNAL, yields=np.full((1, 3), 1e20 * low**4))
    reference = min(result.minimum.twice_nll, result.points[0].minimum)
    assert fits.twice_nll[0] - reference == pytest.approx(result.threshold, abs=1e-6)
    assert 1e20 * low**4 > 1e5 * 3e-7


def test_a_limit_far_beyond_the_data_is_found() -> None:
    """A signal of uncertain size hides: its limit lies where it would be thousands of times what is counted."""
    modifiers = [{"name": "size", "type": "normsys", "data": {"hi": 2.0, "lo": 0.5}}]
    samples = [
        {"name": "s", "data": [1e-3], "modifiers": modifiers},
        {"name": "b", "data": [15.0], "modifiers": []},
    ]
    likelihood = Likelihood.from_workspace(
        {
            "channels": [{"name": "c", "samples": samples}],
            "observations": [{"name": "c", "data": [15]}],
            "measurements": [
                {"name": "m", "config": {"poi": "", "parameters": [{"name": "size", "bounds": [[-15.0, 15.0]]}]}}
            ],
            "version": "1.0.0",
        }
    )
    problem = Problem.of(likelihood, "s", lambda m: np.array([1e-3, 0.0, 1.0])[:, None, None] * np.ones((m.size, 1)))
    (point,) = exclude(problem, np.array([1.0]), cl=1 - 1e-14, dof=1).points
    ((low, high),) = point.excluded
    assert low is not None
    assert high is None
    assert low**4 > 100 * 15
    assert point.valid
