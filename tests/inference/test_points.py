"""Points of a scan, chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference import newton
from spec_builder.inference.data import Problem, polynomial
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.points import CHUNK, GridPoints, ListedPoints, chunk_size
from tests.inference.test_large_models import many_nuisances
from tests.points import COLUMNS, small_chunks, small_likelihood

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

    Columns = dict[str, np.ndarray[Any, np.dtype[Any]]]


@pytest.fixture(scope="module")
def likelihood() -> Likelihood:
    return small_likelihood()


@pytest.fixture
def chunks(likelihood: Likelihood) -> list[ListedPoints]:
    return small_chunks(likelihood)


def yields_of(points: ListedPoints) -> FloatArray:
    """Of the one sample that differs, shape (N, bins)."""
    assert points.rows is not None
    (yields,) = points.rows.yields.values()
    return yields.T


# ---------------------------------------------------------------- points


def test_listed_points_are_minimised_one_by_one(likelihood: Likelihood, chunks: list[ListedPoints]) -> None:
    columns = chunks[-1].compute()
    assert tuple(columns) == COLUMNS
    yields = yields_of(chunks[-1])
    fits = newton.minimise(likelihood, sample="signal", yields=yields)
    assert fits.valid.all()
    np.testing.assert_array_equal(columns["twice_nll"], fits.twice_nll)
    np.testing.assert_array_equal(columns["theta_tilt"], fits.theta[:, likelihood.index("tilt")])


def test_the_model_as_it_is_is_one_point(likelihood: Likelihood) -> None:
    columns = ListedPoints.of(likelihood.specification, None, None).compute()
    assert columns["twice_nll"].tolist() == newton.minimise(likelihood).twice_nll.tolist()


def test_a_large_model_is_shared_out_in_small_chunks(likelihood: Likelihood) -> None:
    assert chunk_size(likelihood) == CHUNK
    large = Likelihood.from_workspace(many_nuisances(52, samples=11, bins=14, channels=1))
    batch = large.engine(large.free).batch
    assert 1 < batch < 50
    assert chunk_size(large) == 8 * batch
    problem = Problem.of(large, "s0", lambda _: np.ones((3, 1, 14)))
    grid = GridPoints(problem, problem.yields(np.ones(1)), np.linspace(0, 1, 20 * batch))
    assert grid.chunks == 3
    assert [grid.places(index)[1].size for index in range(3)] == [8 * batch, 8 * batch, 4 * batch]
    assert np.concatenate([grid.places(index)[1] for index in range(3)]).tolist() == list(range(20 * batch))


def test_a_grid_goes_mass_by_mass(likelihood: Likelihood) -> None:
    rng = np.random.default_rng(7)
    coefficients, couplings = rng.uniform(0, 2, (3, 70, 2)), rng.uniform(0, 2, 301)
    problem = Problem.of(likelihood, "signal", lambda _: coefficients)
    grid = GridPoints(problem, problem.yields(np.ones(70)), couplings)
    assert len(grid) == 70 * 301
    assert grid.chunks == 3
    parts = [yields_of(grid.chunk(i)) for i in range(grid.chunks)]
    assert [len(part) for part in parts] == [CHUNK, CHUNK, len(grid) - 2 * CHUNK]
    expected = [polynomial(coefficients, np.full(301, mass), couplings**2).T for mass in range(70)]
    np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(expected))
