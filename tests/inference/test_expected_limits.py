"""Limits of toys and of Asimov data against those of single data sets."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.base.executors import process_pool
from spec_builder.inference.data import Data, Problem
from spec_builder.inference.exclusion import exclude
from spec_builder.inference.expected_limits import TOYS_PER_CHUNK, expected_ends
from spec_builder.inference.toys import draw, generator_of, hypothesis
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose

MASSES = np.array([1.0, 100.0])


@pytest.fixture(scope="module")
def vector() -> Problem:
    return load_analysis("xenonnt").problem(choose("vector_universal"))


def limits_of(problem: Problem, data: Data, dof: int) -> tuple[list[float], list[bool]]:
    own = Problem(problem.likelihood, data, problem.samples, problem.yields)
    points = exclude(own, MASSES, cl=0.9, dof=dof).points
    ends = [float(p.excluded[-1][0] or 0.0) for p in points]
    return ends, [len(p.excluded) > 1 for p in points]


@pytest.mark.parametrize("dof", [1, 2])
def test_asimov_data_give_their_own_limit(vector: Problem, dof: int) -> None:
    found = expected_ends(vector, MASSES, cl=0.9, dof=dof, ensemble="nominal")
    own = vector.likelihood
    ends, bands = limits_of(vector, Data.asimov(own, own.init), dof)
    assert found.upper.shape == (1, 2)
    assert found.upper[0] == pytest.approx(ends, rel=1e-3 if dof == 2 else 1e-8)
    assert found.bands[0].tolist() == bands
    assert (found.lower == -np.inf).all()


def test_toys_give_the_limits_of_their_data(vector: Problem) -> None:
    found = expected_ends(vector, MASSES, cl=0.9, toys=TOYS_PER_CHUNK + 2, seed=4)
    theta = hypothesis(vector.likelihood)
    drawn = [draw(vector.likelihood, theta, generator_of(4, (7,), chunk), TOYS_PER_CHUNK) for chunk in (0, 1)]
    for row, data in ((0, drawn[0].take(slice(0, 1))), (TOYS_PER_CHUNK + 1, drawn[1].take(slice(1, 2)))):
        ends, bands = limits_of(vector, data, 1)
        assert found.upper[row] == pytest.approx(ends, rel=1e-6)
        assert found.bands[row].tolist() == bands
    with process_pool(2) as executor:
        again = expected_ends(vector, MASSES, cl=0.9, toys=TOYS_PER_CHUNK + 2, seed=4, executor=executor)
    assert again.upper.tobytes() == found.upper.tobytes()


def test_signed_parameters_have_ends_on_both_sides() -> None:
    problem = load_analysis("xenonnt").problem(choose("nsi"))
    found = expected_ends(problem, np.array([np.nan]), cl=0.9)
    intervals = (
        exclude(
            Problem(
                problem.likelihood,
                Data.asimov(problem.likelihood, hypothesis(problem.likelihood)),
                problem.samples,
                problem.yields,
                signed=True,
            ),
            np.array([np.nan]),
            cl=0.9,
            dof=1,
        )
        .points[0]
        .excluded
    )
    assert found.upper[0, 0] == pytest.approx(intervals[-1][0], rel=1e-6)
    assert found.lower[0, 0] == pytest.approx(intervals[0][1], rel=1e-6)
    assert found.bands[0, 0] == (len(intervals) > 2)
