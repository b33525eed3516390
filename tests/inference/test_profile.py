"""The search over a parameter's whole domain: it sees every minimum, of small models and of large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference import profile as module
from spec_builder.inference.engine import Engine
from spec_builder.inference.fit import fit
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import crossings, profile, search

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
    below, above, problems = crossings(likelihood, scan, best.value, best.twice_nll + 30)
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
    assert again is found
