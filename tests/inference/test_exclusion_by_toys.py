"""Exclusions by toys: their asymptotic side, minima over the plane by brute force, intervals of both kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.inference.data import Data, Problem
from spec_builder.inference.exclusion import exclude
from spec_builder.inference.exclusion_by_toys import exclude_by_toys
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose

if TYPE_CHECKING:
    from spec_builder.inference.curves import Interval

MASSES = np.array([1.0, 100.0])


@pytest.fixture(scope="module")
def problems() -> dict[str, Problem]:
    analysis = load_analysis("xenonnt")
    return {name: analysis.problem(choose(name)) for name in ("scalar", "vector_universal", "vector_bl", "nsi")}


def assert_same(found: tuple[Interval, ...], expected: tuple[Interval, ...], rel: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert [end is None for end in one] == [end is None for end in other]
        ends = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
        assert [a for a, _ in ends] == pytest.approx([b for _, b in ends], rel=rel, abs=1e-12)


@pytest.mark.parametrize("name", ["scalar", "vector_universal", "vector_bl"])
@pytest.mark.parametrize("dof", [1, 2])
def test_asymptotic_side_is_that_of_the_curves(problems: dict[str, Problem], name: str, dof: int) -> None:
    expected = exclude(problems[name], MASSES, cl=0.9, dof=dof)
    found = exclude_by_toys(problems[name], MASSES, cl=0.9, dof=dof, toys=10, count=4)
    assert found.minimum.twice_nll == pytest.approx(expected.minimum.twice_nll, abs=1e-7)
    for own, other in zip(found.points, expected.points, strict=True):
        assert_same(own.asymptotic, other.excluded, 1e-6)
        assert own.point.delta_chi2_sm == pytest.approx(other.delta_chi2_sm, abs=1e-6)
        assert own.point.minimum == pytest.approx(other.minimum, abs=1e-6)


def test_intervals_by_toys_are_near_the_asymptotic_ones(problems: dict[str, Problem]) -> None:
    found = exclude_by_toys(problems["vector_universal"], np.array([100.0]), cl=0.9, dof=1, toys=400, seed=3, count=31)
    (one,) = found.points
    assert len(one.point.excluded) == len(one.asymptotic) == 2
    assert_same(one.point.excluded, one.asymptotic, 0.15)
    sizes = [error for pair in one.errors for error in pair]
    assert sizes[3] is None
    assert all(size is not None and 0 < size < 1e-5 for size in sizes[:3])
    assert found.lost == 0
    # the second minimum is on the grid, and at values of the coupling
    values = [at.value for at in one.critical]
    assert len(values) >= 31
    assert values == sorted(values)
    assert values[0] == 0.0


def test_a_signed_parameter_is_excluded_on_both_sides(problems: dict[str, Problem]) -> None:
    found = exclude_by_toys(problems["nsi"], np.array([np.nan]), cl=0.9, dof=1, toys=300, seed=1, count=31)
    (one,) = found.points
    assert found.minimum.mass_MeV is None
    first, *_, last = one.point.excluded
    assert first[0] is None
    assert last[1] is None
    assert_same(one.point.excluded, one.asymptotic, 0.25)


def test_other_data_take_the_place_of_the_observed(problems: dict[str, Problem]) -> None:
    problem = problems["scalar"]
    own = problem.likelihood
    asimov = Data.asimov(own, own.init)
    other = Problem(own, asimov, problem.samples, problem.yields)
    found = exclude_by_toys(other, np.array([1.0]), toys=10, count=4)
    assert_same(found.points[0].asymptotic, exclude(other, np.array([1.0]), dof=1).points[0].excluded, 1e-6)
    assert found.points[0].point.best_g == pytest.approx(0.0, abs=1e-7)
