"""The search over a parameter's whole domain: it sees every minimum, of small models and of large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest

from spec_builder.inference import compiled
from spec_builder.inference import profile as module
from spec_builder.inference.engine import Engine
from spec_builder.inference.fit import fit
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import crossings, follow, profile, reach, search, with_lower_minima
from spec_builder.studies.fits import fit_workspace

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

#: Where the second bin's signal is least; the first one's is at 20.
VERTEX = 20.6


def two_minima(nuisances: int, upper: float, data: tuple[float, float], vertex: float = VERTEX) -> Likelihood:
    """Signals 50 + (x - 20)^2 and 50 + (x - 20.6)^2 in two bins, over a background with shapes."""
    shapes: list[dict[str, Any]] = [
        {
            "name": f"shape{k}",
            "type": "histosys",
            "data": {"hi_data": [101.0 + k % 3, 100.5], "lo_data": [99.2, 99.0 - k % 2]},
        }
        for k in range(nuisances)
    ]
    workspace = {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {"name": "signal", "data": [1.0, 1.0], "modifiers": []},
                    {"name": "background", "data": [100.0, 100.0], "modifiers": shapes},
                ],
            }
        ],
        "observations": [{"name": "c", "data": list(data)}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    vertices = np.array([20.0, vertex])
    coefficients = np.array([50 + vertices**2, -2 * vertices, [1.0, 1.0]])
    return Likelihood.from_workspace(workspace).with_polynomial(
        "signal", "x", {"c": coefficients}, init=1.0, bounds=(0.0, upper)
    )


def minima(heights: FloatArray) -> int:
    """How many points of a profile lie below both neighbours."""
    inner = (heights[1:-1] < heights[:-2]) & (heights[1:-1] <= heights[2:])
    return int(inner.sum())


CASES = [
    # data, and the side of the vertex that they prefer
    ((255.0, 280.0), "left"),
    ((280.0, 255.0), "right"),
]


@pytest.mark.parametrize(("data", "side"), CASES)
@pytest.mark.parametrize("upper", [60.0, 400.0, 1500.0])
@pytest.mark.parametrize("nuisances", [1, 40])
def test_the_deeper_of_two_minima_is_found(nuisances: int, upper: float, data: tuple[float, float], side: str) -> None:
    likelihood = two_minima(nuisances, upper, data)
    engine = likelihood.engine(likelihood.free_without(("x",)))
    assert isinstance(engine, Engine if nuisances == 1 else JacobianEngine)
    scan = search(likelihood, "x")
    assert minima(scan.fits.twice_nll) == 2
    dense = profile(likelihood, "x", np.linspace(0, 60, 301)).fits.twice_nll
    best = fit(likelihood)
    assert best.twice_nll <= dense.min() + 1e-9
    assert (best.value < 20) == (side == "left")
    below, above, problems, _ = crossings(likelihood, scan, best.value, best.twice_nll + 30)
    assert problems == ()
    assert len(below) + len(above) == 4
    assert profile(likelihood, "x", np.array(below + above)).fits.twice_nll == pytest.approx(
        best.twice_nll + 30, abs=1e-6
    )


def test_a_large_models_search_is_not_made_of_hundreds_of_points() -> None:
    scan = search(two_minima(40, 60.0, (255.0, 280.0)), "x")
    assert scan.values.size < 120
    assert (np.diff(scan.values) > 0).all()


def test_without_added_points_a_minimum_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the tests above do test the refinement."""
    monkeypatch.setattr(module, "_REFINEMENTS", 0)
    scan = search(two_minima(40, 1500.0, (255.0, 280.0)), "x")
    assert minima(scan.fits.twice_nll) < 2


@pytest.mark.parametrize(("upper", "too_few"), [(320 / 3, 9), (1600.0, 41)])
def test_a_small_models_search_is_fine_enough_for_what_slopes_do_not_tell(
    monkeypatch: pytest.MonkeyPatch, upper: float, too_few: int
) -> None:
    """Two minima within one interval, symmetric in it: 2NLL and slopes at its ends are those of a parabola."""
    likelihood = two_minima(1, upper, (180.0, 180.0), vertex=20.0)
    assert minima(search(likelihood, "x").fits.twice_nll) == 2
    monkeypatch.setattr(module, "_SEARCH_POINTS", too_few)
    assert minima(search(likelihood, "x").fits.twice_nll) < 2


def bent() -> dict[str, Any]:
    """One bin whose events bend back in the parameter of interest: two values of it give 130 events."""
    shape = {"name": "x", "type": "histosys", "data": {"hi_data": [134.0], "lo_data": [126.0]}}
    return {
        "channels": [{"name": "c", "samples": [{"name": "b", "data": [100.0], "modifiers": [shape]}]}],
        "observations": [{"name": "c", "data": [130]}],
        "measurements": [{"name": "m", "config": {"poi": "x", "parameters": [{"name": "x", "bounds": [[-5.0, 5.0]]}]}}],
        "version": "1.0.0",
    }


def test_an_interval_that_is_not_the_only_one_says_so() -> None:
    """Regions by pyhf's 2NLL on a fine grid: there is nothing to profile."""
    found = fit_workspace(bent(), "bent")
    model = pyhf.Workspace(bent()).model()
    data = pyhf.Workspace(bent()).data(model)
    grid = np.linspace(-5, 5, 20001)
    heights = np.array([float(-2 * model.logpdf(np.array([x]), data)[0]) for x in grid])
    inside = heights - heights.min() < found.fit.threshold
    edges = grid[1:][np.diff(inside)]
    assert edges.size == 4
    low, high = found.interval
    regions = sorted([(low, high), *found.fit.elsewhere])
    assert np.array(regions).ravel() == pytest.approx(edges, abs=6e-4)
    assert "not the only one: also" in found.report().facts["interval"]
    assert found.to_dict()["elsewhere"] == [list(ends) for ends in found.fit.elsewhere]


def test_one_interval_says_nothing() -> None:
    assert fit_workspace(bent(), "bent", cl=0.9999).fit.elsewhere == ()


@pytest.mark.parametrize(
    ("below", "above", "ends"),
    [
        ([], [], (-5.0, 5.0)),
        ([-1.0], [1.0], (-1.0, 1.0)),
        ([-1.0, -2.0], [1.0, 2.0, 3.0], (-5.0, 3.0)),
    ],
)
def test_a_range_holds_all_regions(below: list[float], above: list[float], ends: tuple[float, float]) -> None:
    assert reach(below, above, (-5.0, 5.0)) == ends


def vanishing() -> dict[str, Any]:
    """Bins without counts whose rates vanish at several places: a shape takes all of the background away."""

    def norm(name: str, hi: float, lo: float) -> dict[str, Any]:
        return {"name": name, "type": "normsys", "data": {"hi": hi, "lo": lo}}

    def shape(name: str, hi: list[float], lo: list[float]) -> dict[str, Any]:
        return {"name": name, "type": "histosys", "data": {"hi_data": hi, "lo_data": lo}}

    other = [norm("n0", 1.2, 1.2), shape("h0", [13.4, 85.4, 51.8], [11.5, 49.2, 42.0]), norm("n1", 1.0, 0.8)]
    background = [
        {"name": "kb", "type": "normfactor", "data": None},
        norm("mu", 1.3, 0.8),
        shape("n1", [0.0, 0.0, 0.0], [90.0, 55.7, 66.4]),
        {"name": "ss", "type": "shapesys", "data": [0.0, 38.1, 28.1]},
    ]
    samples = [
        {"name": "other", "data": [11.9, 70.0, 44.3], "modifiers": other},
        {"name": "background", "data": [60.0, 37.1, 44.3], "modifiers": background},
    ]
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [0, 0, 166]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


@pytest.mark.skipif(compiled.chosen_library() is None, reason="numpy takes a minute")
def test_where_rates_vanish_the_search_is_patient_and_a_jump_is_no_end() -> None:
    """The minimum was 34 too high, and valid; pyhf has the same 2NLL at the parameters found."""
    found = fit_workspace(vanishing(), "vanishing")
    assert found.valid
    assert found.twice_nll < 85.1269
    model = pyhf.Workspace(vanishing()).model()
    data = pyhf.Workspace(vanishing()).data(model)
    theta = [found.fit.theta[name] for name in model.config.par_names]
    assert found.twice_nll == pytest.approx(-2 * float(model.logpdf(np.array(theta), data)[0]), abs=1e-6)

    likelihood = Likelihood.from_workspace(vanishing())
    scan = search(likelihood, "mu")
    for end in found.interval:  # an end is a crossing: a profile is continuous where it is finite
        if end is not None:
            height = float(follow(likelihood, scan, np.array([end])).fits.twice_nll[0])
            assert height == pytest.approx(found.twice_nll + found.fit.threshold, abs=1e-3)
    missing = sum(end is None for end in found.interval)
    assert missing == sum("end of the interval" in problem for problem in found.fit.problems)


@pytest.mark.parametrize("starts", [(1.0, 45.0), (45.0, 1.0)])
def test_of_several_starts_at_one_place_the_lowest_end_counts(starts: tuple[float, float]) -> None:
    likelihood = two_minima(1, 60.0, (280.0, 255.0))
    values, x = np.array([-1.0, 0.0, 1.0]), likelihood.index("x")
    begin = np.tile(likelihood.init, (6, 1))
    begin[:3, x], begin[3:, x] = starts
    left, right = (
        profile(likelihood, "shape0", values, begin[begin[:, x] == start]).fits.twice_nll for start in (1.0, 45.0)
    )
    assert (right < left - 1).all()
    scan = profile(likelihood, "shape0", values)
    found, moved = module._if_lower(likelihood, scan, np.tile(np.arange(3), 2), begin)
    assert moved.tolist() == [0, 1, 2]
    assert found.fits.twice_nll == pytest.approx(right, abs=1e-9)
    again, moved = module._if_lower(likelihood, found, np.tile(np.arange(3), 2), begin)
    assert moved.size == 0
    assert again.fits is found.fits


def test_a_profile_at_no_value_stays_empty() -> None:
    likelihood = two_minima(1, 60.0, (280.0, 255.0))
    nothing = profile(likelihood, "shape0", np.zeros(0))
    assert with_lower_minima(likelihood, nothing).values.size == 0
