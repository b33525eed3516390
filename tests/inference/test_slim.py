"""Models with many more parameters than bins: the same steps as from whole matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference import newton
from spec_builder.inference.descent import solve
from spec_builder.inference.fit import fit
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.slim import SlimMatrix, is_slim, solve_slim

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from tests.inference.conftest import PyhfModel


def many_normsys(count: int, bins: int = 6) -> dict[str, Any]:
    """A workspace of three samples that share so many ``normsys``, five of them on all, and a ``normfactor``."""
    rng = np.random.default_rng(1)
    samples, total = [], np.zeros(bins)
    for s in range(3):
        events = rng.uniform(20, 200, bins).round(3)
        modifiers: list[dict[str, Any]] = [{"name": "mu", "type": "normfactor", "data": None}] if s == 0 else []
        for i in range(count):
            if i % 3 == s or i < 5:
                size = round(rng.uniform(0.005, 0.05), 4)
                data = {"hi": 1 + size, "lo": 1 - size}
                modifiers.append({"name": f"n{i:04d}", "type": "normsys", "data": data})
        samples.append({"name": f"s{s}", "data": events.tolist(), "modifiers": modifiers})
        total += events
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": rng.poisson(total).tolist()}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def whole(matrix: SlimMatrix) -> FloatArray:
    """D + U S U^T, shape (N, F, F)."""
    matrices: FloatArray = (matrix.columns * matrix.signs) @ matrix.columns.swapaxes(1, 2)
    return matrices + matrix.diagonal[:, None] * np.eye(matrix.diagonal.shape[1])


def engine_of(likelihood: Likelihood) -> JacobianEngine:
    engine = likelihood.engine(likelihood.free)
    assert isinstance(engine, JacobianEngine)
    return engine


def test_only_many_parameters_are_slim() -> None:
    assert engine_of(Likelihood.from_workspace(many_normsys(200))).is_slim
    assert not engine_of(Likelihood.from_workspace(many_normsys(60, bins=20))).is_slim
    assert is_slim(100, 99, 10)
    assert not is_slim(100, 80, 10)


@pytest.mark.parametrize("distance", [0.0, 0.3, 3.0])
def test_the_matrices_are_those_of_the_whole_expansion(distance: float) -> None:
    likelihood = Likelihood.from_workspace(many_normsys(200))
    engine = engine_of(likelihood)
    theta = likelihood.init[:, None] + distance * np.random.default_rng(2).normal(size=(likelihood.init.size, 3))
    theta[likelihood.index("mu")] = 1e-3, 1.0, 4.0
    expansion, slim = engine(theta), engine.slim(theta)
    np.testing.assert_allclose(slim.value, expansion.value, rtol=1e-13)
    np.testing.assert_allclose(slim.gradient, expansion.gradient, rtol=1e-12, atol=1e-9)
    assert np.array_equal(slim.whole().hessian, expansion.hessian)
    lower = np.tril_indices(len(engine.free))
    for name in ("fisher", "hessian"):
        ours, theirs = whole(getattr(slim, name)).T[lower], getattr(expansion, name)[lower]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10 * np.abs(theirs).max())


def test_a_factor_of_zero_has_no_such_form() -> None:
    likelihood = Likelihood.from_workspace(many_normsys(200))
    engine = engine_of(likelihood)
    theta = np.tile(likelihood.init[:, None], 2)
    theta[likelihood.index("mu"), 1] = 0.0
    slim = engine.slim(theta)
    _, _, unknown = solve_slim(slim.hessian, slim.gradient, engine.stiffness)
    assert unknown.tolist() == [1]
    at_zero = newton.minimise(likelihood, start=theta.T)
    assert at_zero.valid.all()
    assert at_zero.twice_nll[1] == pytest.approx(at_zero.twice_nll[0], abs=1e-9)


def matrices(least: float) -> tuple[SlimMatrix, FloatArray, FloatArray]:
    """40 parameters, two of them without a constraint; negative curvature where ``least`` is negative."""
    rng = np.random.default_rng(4)
    stiffness = np.full((40, 1), 2.0)
    stiffness[[3, 17]] = 0.0
    diagonal = np.where(stiffness.T > 0, rng.uniform(1, 4, (3, 40)), 0.0)
    diagonal[1, 5] = least
    signs = np.array([1.0, 1.0, 1.0, 1.0, -1.0])
    columns = rng.normal(size=(3, 40, 5))
    columns[..., 4] *= 0.1
    return SlimMatrix(diagonal, columns, signs), rng.normal(size=(40, 3)), stiffness


@pytest.mark.parametrize("least", [1.0, -5.0])
def test_steps_are_those_of_whole_matrices(least: float) -> None:
    matrix, gradient, stiffness = matrices(least)
    x, definite, unknown = solve_slim(matrix, gradient, stiffness)
    assert not unknown.size
    dense = whole(matrix)
    assert definite.tolist() == [bool((np.linalg.eigvalsh(one) > 0).all()) for one in dense]
    assert definite[1] == (least > 0)
    theirs = np.linalg.solve(dense, -gradient.T[..., None])[..., 0].T
    np.testing.assert_allclose(x, theirs, rtol=1e-9, atol=1e-12)


def test_blocked_directions_stay() -> None:
    matrix, gradient, stiffness = matrices(1.0)
    blocked = np.zeros(gradient.shape, dtype=bool)
    blocked[[0, 3], 1] = True
    left = np.where(blocked, 0.0, gradient)
    x, definite, _ = solve_slim(matrix.without(blocked), left, stiffness)
    assert definite.all()
    assert (x[blocked] == 0).all()
    theirs, _ = solve(np.ascontiguousarray(whole(matrix.without(blocked)).T), left, np.zeros_like(stiffness))
    np.testing.assert_allclose(x, theirs, rtol=1e-9, atol=1e-12)


def test_flat_directions_are_left_to_whole_matrices() -> None:
    matrix, gradient, stiffness = matrices(1.0)
    matrix.columns[2, 17] = 0.0  # the second unconstrained parameter moves nothing
    matrix.diagonal[0, 8] = 0.0  # and here a constrained one has no curvature of its own
    _, definite, unknown = solve_slim(matrix, gradient, stiffness)
    assert unknown.tolist() == [0, 2]
    assert definite.tolist() == [False, True, False]


def test_a_parameter_without_effect_does_not_stop_a_fit() -> None:
    workspace = many_normsys(200)
    nothing = {"name": "idle", "data": [0.0] * 6, "modifiers": [{"name": "f", "type": "normfactor", "data": None}]}
    workspace["channels"][0]["samples"].append(nothing)
    plain, likelihood = Likelihood.from_workspace(many_normsys(200)), Likelihood.from_workspace(workspace)
    assert engine_of(likelihood).is_slim
    ours, theirs = newton.minimise(likelihood), newton.minimise(plain)
    assert ours.valid.all()
    assert ours.twice_nll[0] == pytest.approx(theirs.twice_nll[0], abs=1e-9)


def test_a_fit_is_pyhfs(pyhf_model: Callable[..., PyhfModel]) -> None:
    workspace = many_normsys(200)
    likelihood = Likelihood.from_workspace(workspace)
    best = fit(likelihood)
    assert best.valid
    assert pyhf_model(workspace).at(best) == pytest.approx(best.twice_nll, abs=1e-8)
    assert best.twice_nll == pytest.approx(424.4331701347472, abs=1e-6)  # pyhf 0.7.6 with Minuit, tolerance 1e-6
    assert best.up is not None
    held = likelihood.holding({"mu": best.value + best.up})
    assert newton.minimise(held).twice_nll[0] == pytest.approx(best.twice_nll + best.threshold, abs=1e-6)
