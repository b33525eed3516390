"""The profiled planes: the same as scans, whoever computes them."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.executors import process_pool
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.limits import find_limits
from spec_builder.studies.plane import Plane, profile_planes
from spec_builder.studies.scans import scan_analysis

if TYPE_CHECKING:
    from collections.abc import Callable

CHOICES = [
    (load_analysis(name, law), choose(interaction))
    for name, law, interaction in (
        ("xenonnt", "normsys", "vector_universal"),
        ("combined", "linear", "tensor"),
        ("pandax4t", "normsys", "scalar"),
    )
]
POINTS = 25


@pytest.fixture(scope="module", params=[1, 2])
def planes(request: pytest.FixtureRequest) -> list[Plane]:
    return profile_planes(CHOICES, points=POINTS, dof=request.param)


def test_grids_are_scans_and_contours_are_limits(planes: list[Plane]) -> None:
    for plane, (analysis, choice) in zip(planes, CHOICES, strict=True):
        scan = scan_analysis(analysis, choice, plane.masses, plane.couplings)
        assert scan is not None
        assert (plane.reason == 0).all()
        np.testing.assert_allclose(plane.twice_nll.ravel(), scan.columns["twice_nll"], rtol=1e-12, atol=1e-9)
        dof = plane.limits.exclusion.dof
        assert plane.limits.to_dict() == find_limits(analysis, choice, plane.masses, dof=dof).to_dict()


def test_delta_chi2_is_above_the_threshold_inside_the_contours(planes: list[Plane]) -> None:
    for plane in planes:
        exclusion = plane.limits.exclusion
        inside = [
            [any(low < g < (high or np.inf) for low, high in point.excluded) for g in plane.couplings]
            for point in exclusion.points
        ]
        np.testing.assert_array_equal(plane.delta_chi2 > exclusion.threshold, inside)
        assert plane.delta_chi2.min() > -1e-9


@pytest.mark.parametrize(
    "make", [partial(ThreadPoolExecutor, 2), partial(process_pool, 2)], ids=["threads", "processes"]
)
def test_the_executor_does_not_matter(make: Callable[[], Executor]) -> None:
    here = profile_planes(CHOICES, points=POINTS)
    with make() as executor:
        there = profile_planes(CHOICES, points=POINTS, executor=executor)
    for one, other in zip(here, there, strict=True):
        assert one.twice_nll.tobytes() == other.twice_nll.tobytes()
        assert one.limits.to_json() == other.limits.to_json()


def test_a_grid_reaches_what_is_excluded() -> None:
    """Electron recoils exclude couplings below the range that the interaction has for nuclear ones."""
    axial, points = choose("axial"), 9
    recoils, nuclei = profile_planes([(load_analysis(name), axial) for name in ("eves", "xenonnt")], points=points)
    ends = [end for point in recoils.limits.exclusion.points for pair in point.excluded for end in pair if end]
    assert min(ends) < axial.default_range[0]
    assert recoils.couplings[0] == pytest.approx(min(ends) / 5, rel=0.05)  # two digits
    assert (nuclei.couplings[0], nuclei.couplings[-1]) == pytest.approx(axial.default_range)
    assert (recoils.delta_chi2[:, 0] < recoils.limits.exclusion.threshold).all()
