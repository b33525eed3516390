"""Curves of the profiled 2NLL: what the scan reaches, its extrema, and crossings of a level."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spec_builder.inference import curves
from spec_builder.inference.curves import Curves, Interval, first_of_lowest, natural_x, relative_couplings, total_events
from spec_builder.inference.data import Problem, Yields
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import take_apart
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose


def problem(n: tuple[float, float, float], observed: float, background: float = 5.0, **how: Any) -> Problem:
    """One bin, a signal of n0 + n1 x + n2 x^2 events without uncertainty."""
    samples = [
        {"name": "signal", "data": [n[0]], "modifiers": []},
        {
            "name": "background",
            "data": [background],
            "modifiers": [{"name": "b", "type": "normsys", "data": {"hi": 1.0001, "lo": 0.9999}}],
        },
    ]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [observed]}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    nominal = np.array(n).reshape(3, 1, 1)
    return Problem(
        Likelihood.from_workspace(workspace), None, ("signal",), lambda _: {"signal": Yields(nominal)}, **how
    )


def drawn_at(of: Problem, mass: float) -> Curves:
    return Curves(of, of.yields(np.array([mass])))


def drawn(of: Problem) -> Curves:
    return Curves(of, of.yields(np.zeros(1)))


def ends(intervals: list[Interval]) -> list[tuple[float, float]]:
    """Ends as numbers, NaN where there is none."""
    return [(np.nan if low is None else low, np.nan if high is None else high) for low, high in intervals]


def poisson_height(events: float, observed: float) -> float:
    return float(2 * (events - observed * np.log(events)))


def test_crossings_are_those_of_a_poisson_count() -> None:
    found = drawn(problem((10.0, 0.0, 1.0), 15.0))
    assert found.standard_model[0] == found.minimum[0]
    (((low, high),),) = found.excluded(found.minimum + 2.7)
    assert high is None
    assert low is not None
    events = 15.0 + low**4
    assert poisson_height(events, 15) - poisson_height(15.0, 15) == pytest.approx(2.7, abs=1e-5)


def test_a_destructive_signal_has_an_allowed_band() -> None:
    """10 - 8 x + x^2 events beside 5 of background: 15 counts again at x = 8, and between them too few."""
    found = drawn(problem((10.0, -8.0, 1.0), 15.0))
    (intervals,) = found.excluded(found.minimum + 1.0)
    assert len(intervals) == 2
    (low, high), (again, _) = ends(intervals)
    assert low < 2 < high < np.sqrt(8) < again
    assert found.minimum[0] == pytest.approx(found.standard_model[0], abs=1e-6)


def test_a_parameter_with_a_sign_is_scanned_on_both_sides() -> None:
    found = drawn(problem((10.0, -8.0, 1.0), 15.0, signed=True))
    (intervals,) = found.excluded(found.minimum + 1.0)
    assert intervals[0][0] is None
    (_, negative), (positive, _), *_ = ends(intervals)
    assert negative < 0 < positive
    assert intervals[-1][1] is None


@pytest.mark.parametrize("observed", [1e3, 1e5])
def test_the_scan_reaches_far_beyond_the_data(observed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal of one event at x = 1 under so many counts: the minimum is at large x, the limit beyond it."""
    found = drawn(problem((1.0, 0.0, 1.0), observed))
    assert found.best[0] ** 4 == pytest.approx(observed - 6, rel=1e-3)
    assert found.excluded(found.minimum + 2.7)[0][-1][1] is None
    top = (relative_couplings(np.array([[1.0], [0.0], [1.0]]), observed)[-1]) ** 4
    assert top > 0.999e6 * observed
    monkeypatch.setattr(curves, "_FARTHEST", 1e2)
    assert (relative_couplings(np.array([[1.0], [0.0], [1.0]]), observed)[-1]) ** 4 < top


def test_extrema_between_the_points_of_the_scan_are_found() -> None:
    """The best point is where the signal gives exactly the counts, not the nearest of the scan's couplings."""
    for observed in (17.0, 23.0, 31.0):
        found = drawn(problem((10.0, 0.0, 1.0), observed))
        assert found.best[0] == pytest.approx((observed - 15) ** 0.25, rel=1e-4)


def test_units_of_the_scan() -> None:
    assert natural_x(np.array([[4.0], [3.0], [1.0]]))[0] == 2.0
    assert natural_x(np.array([[6.0], [-3.0], [0.0]]))[0] == 2.0
    signal = {"a": Yields(np.ones((3, 2, 4))), "b": Yields(np.full((3, 2, 1), 0.5))}
    np.testing.assert_array_equal(total_events(signal), np.full((3, 2), 4.5))
    events = curves.polynomial_yields(np.arange(6.0).reshape(3, 1, 2), np.array([0]), np.array([2.0]))
    np.testing.assert_array_equal(events, [[0 + 4 * (2 + 4 * 4), 1 + 4 * (3 + 4 * 5)]])


@pytest.mark.parametrize("interaction", ["scalar", "vector_universal"])
def test_slopes_where_rates_vanish_are_those_of_the_profile(interaction: str) -> None:
    """What keeps a rate from being negative holds the parameters, and so has a part of the slope."""
    analysis = load_analysis("coherent_csi", "normsys", variants={"coherent_csi": "response_shapes"})
    problem = analysis.problem(choose(interaction))
    found = drawn_at(problem, 30.0)
    points, x = found._points, problem.x(found._points.value)
    layout, arrays = take_apart(problem.likelihood, problem.rows(found._signal, points.mass, x))
    rates = problem.likelihood.engine((), layout).rates(np.ascontiguousarray(points.theta.T), arrays)
    vanishing = (rates.min(axis=0) < 1e-8) & (points.height < points.height.min() + 2000)
    assert vanishing.sum() > 5
    beside = [
        found._profile(points.mass, np.sqrt(x * (1 + part)), points.theta).height[vanishing] for part in (1e-5, -1e-5)
    ]
    slopes = (beside[0] - beside[1]) / (2e-5 * x[vanishing])
    np.testing.assert_allclose(found._slopes(points)[vanishing], slopes, rtol=1e-3)


def test_slopes_follow_a_shape_that_is_none_without_new_physics() -> None:
    """With it, the columns of the other shape stand elsewhere."""
    coefficients = np.array([[10.0, 8.0], [1.0, 3.0], [0.0, 0.0]]).reshape(3, 1, 2)

    def changed(*factors: float) -> Any:
        return coefficients * np.array(factors).reshape(3, 1, 1)

    variations = {"a": (changed(1, 1.3, 1), changed(1, 0.7, 1)), "b": (changed(1.2, 1.2, 1), changed(0.8, 0.8, 1))}
    shapes = [("a", [11.0, 8.0], [9.0, 8.0]), ("b", [12.0, 9.6], [8.0, 6.4])]
    modifiers = [
        {"name": name, "type": "histosys", "data": {"hi_data": high, "lo_data": low}} for name, high, low in shapes
    ]
    observed = np.array([14.0, 12.0])
    workspace = {
        "channels": [{"name": "c", "samples": [{"name": "signal", "data": [10.0, 8.0], "modifiers": modifiers}]}],
        "observations": [{"name": "c", "data": observed.tolist()}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    yields = {"signal": Yields(coefficients, variations)}
    found = drawn(Problem(Likelihood.from_workspace(workspace), None, ("signal",), lambda _: yields))
    alone = curves._Points(np.zeros(1, dtype=np.intp), np.zeros(1), np.zeros(1), np.array([[0.0, 1.0]]))
    rates, change = 1.2 * coefficients[0, 0], 1.2 * coefficients[1, 0]  # at b = 1
    assert found._slopes(alone)[0] == pytest.approx(2 * np.sum(change * (1 - observed / rates)), rel=1e-5)


def test_a_fit_far_out_starts_where_the_one_before_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """So in valleys that are too narrow to be found from the model's own start values."""
    of = problem((10.0, 0.0, 1.0), 15.0)
    expected = drawn(of)
    plain = Curves._fit

    def stuck(self: Curves, mass: Any, value: Any, start: Any) -> Any:
        fits = plain(self, mass, value, start)
        late = (value > 10.0) & (start == of.likelihood.init).all(axis=1)
        reason, height = np.where(late, 3, fits.reason), np.where(late, 1e9, fits.twice_nll)
        return replace(fits, reason=reason, twice_nll=height)

    monkeypatch.setattr(Curves, "_fit", stuck)
    found = drawn(of)
    assert found.valid.all()
    np.testing.assert_allclose(found._points.height, expected._points.height, rtol=1e-9)


def test_where_heights_are_the_same_the_first_is_the_lowest() -> None:
    heights = np.array([[5.0, 1.0 + 5e-10, 1.0, 1.0], [2.0, 1.0 + 5e-9, 3.0, 1.0]])
    assert first_of_lowest(heights).tolist() == [1, 3]


def test_a_flat_curve_has_its_minimum_nearest_to_zero() -> None:
    flat = np.array([3.0, 1.0, 1.0 + 1e-10, 1.0 - 1e-10, 1.0 - 2e-10])
    assert curves._least(flat, np.arange(5.0)) == 1
    # a point beside the lowest is on its slopes
    assert curves._least(np.array([3.0, 1.0, 1.0 - 1e-10, 2.0]), np.arange(4.0)) == 2
