"""Damped steps: where whole ones, and parts of them, do not come to the minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference import compiled, descent, newton, row_model
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import SHARED, Rows, take_apart

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray


def valley(bins: int = 12, shapes: int = 9, events: float = 1e8) -> Likelihood:
    """So many events, and shapes that bend: every rate is known to 1e-4, and 2NLL is a narrow valley with turns."""
    rng = np.random.default_rng(84)
    samples = []
    for name, size in (("signal", 0.2), ("background", 1.0)):
        nominal = size * events * rng.uniform(0.05, 1, bins)
        modifiers: list[dict[str, Any]] = [
            {
                "name": f"shape{k}",
                "type": "histosys",
                "data": {
                    "hi_data": (nominal * (1 + rng.uniform(-0.1, 0.1, bins))).tolist(),
                    "lo_data": (nominal * (1 + rng.uniform(-0.1, 0.1, bins))).tolist(),
                },
            }
            for k in range(shapes)
        ]
        modifiers += [
            {"name": f"size{k}", "type": "normsys", "data": {"hi": rng.uniform(1.01, 1.3), "lo": 0.9}} for k in range(2)
        ]
        if name == "signal":
            modifiers.append({"name": "mu", "type": "normfactor", "data": None})
        samples.append({"name": name, "data": nominal.tolist(), "modifiers": modifiers})
    total = np.sum([sample["data"] for sample in samples], axis=0)
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": np.round(total * rng.uniform(0.9, 1.15, bins)).tolist()}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    return Likelihood.from_workspace(workspace)


def starts(likelihood: Likelihood, count: int) -> FloatArray:
    lower, upper = likelihood.bounds
    rng = np.random.default_rng(5)
    near = likelihood.init + 0.1 * (upper - lower) * rng.uniform(-0.5, 0.5, (count, lower.size))
    points: FloatArray = np.ascontiguousarray(np.clip(near, lower, upper).T)
    return points


def test_a_narrow_valley_is_followed_to_its_end() -> None:
    likelihood = valley()
    engine = likelihood.engine(likelihood.free)
    theta = starts(likelihood, 20)
    nothing = np.zeros((1, 1))
    _, _, why = descent.run(engine, likelihood.bounds, theta, SHARED, nothing)
    assert (why != 0).any()  # or this test says nothing
    value, edm, reason = descent.run_damped(engine, likelihood.bounds, theta, SHARED, nothing)
    assert (reason == 0).all()
    assert edm.max() <= 1e-8
    np.testing.assert_allclose(value, likelihood.twice_nll(theta.T), rtol=0, atol=2e-5)  # of 1e9
    lower, upper = likelihood.bounds
    inside = np.all((theta.T - lower) * (upper - theta.T) > 0, axis=1)
    slopes = np.abs(likelihood.gradient(theta.T[inside]))
    curvatures = np.abs(np.diagonal(likelihood.hessian(theta.T[inside]), axis1=1, axis2=2))
    assert (slopes**2 / curvatures).max() < 1e-6


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_rows_of_either_engine_that_have_not_ended_go_on(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    if engine == "compiled" and isinstance(compiled.find_library(), str):
        pytest.skip("there is no compiled library")
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    monkeypatch.setattr(row_model, "_MANY_COUNTS", np.inf)  # or another way to the minimum is found before
    likelihood = valley()
    fits = newton.minimise(likelihood, start=starts(likelihood, 20).T)
    assert fits.valid.all()
    monkeypatch.setattr(descent, "CAREFUL_EVALUATIONS", 1)
    assert not newton.minimise(likelihood, start=starts(likelihood, 20).T).valid.all()


def test_a_minimum_that_rounding_hides_is_not_waited_for() -> None:
    shape = {"name": "shape", "type": "histosys", "data": {"hi_data": [0.3, 0.2], "lo_data": [0.4, 0.3]}}
    signal = {"name": "signal", "data": [1.0, 5.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
    background = {"name": "background", "data": [1e9, 0.3], "modifiers": [shape]}
    likelihood = Likelihood.from_workspace(
        {
            "channels": [{"name": "c", "samples": [signal, background]}],
            "observations": [{"name": "c", "data": [0.0, 3.0]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
    )
    engine = likelihood.engine(likelihood.free)
    reasons = {}
    for barrier in (1e-5, 1e-7):  # a rate near 1e-7 of terms of 1e9 is not known
        theta = np.array([[0.4], [1.0]])
        _, _, why = descent.run_damped(engine, likelihood.bounds, theta, SHARED, np.full((1, 1), barrier))
        reasons[barrier] = int(why[0])
    assert reasons == {1e-5: 0, 1e-7: descent.ROUNDED}


def test_rows_may_end_with_the_last_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = valley()
    engine = likelihood.engine(likelihood.free)
    ended = []
    for evaluations in range(1, 40):
        monkeypatch.setattr(descent, "CAREFUL_EVALUATIONS", evaluations)
        theta = starts(likelihood, 8)
        value, edm, reason = descent.run_damped(engine, likelihood.bounds, theta, SHARED, np.zeros((1, 1)))
        np.testing.assert_allclose(value, likelihood.twice_nll(theta.T), rtol=0, atol=2e-5)
        assert (edm[reason == 0] <= 1e-8).all()
        ended.append(int(np.sum(reason == 0)))
    assert ended[0] == 0
    assert ended[-1] > 0
    assert (np.diff(ended) >= 0).all()


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_many_counts_are_reached_by_way_of_few(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    if engine == "compiled" and isinstance(compiled.find_library(), str):
        pytest.skip("there is no compiled library")
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    likelihood = valley(bins=3, events=1e10)
    start = np.tile(likelihood.init, (21, 1))
    start[:, likelihood.index("mu")] = np.linspace(0, 10, 21)
    fits = newton.minimise(likelihood, start=start, fixed=("mu",))
    assert fits.valid.all()
    np.testing.assert_allclose(fits.twice_nll, likelihood.twice_nll(fits.theta), rtol=0, atol=2e-3)  # of 1e11
    alone = newton.minimise(likelihood, start=start[7:8], fixed=("mu",))
    np.testing.assert_allclose(alone.twice_nll, fits.twice_nll[7], rtol=0, atol=2e-3)
    counts = likelihood.observed[:, None] * np.array([1.0, 1e-3])
    rows = Rows(observed=np.round(counts))
    both = newton.minimise(likelihood, start=start[:2], fixed=("mu",), rows=rows)
    np.testing.assert_allclose(both.twice_nll[0], fits.twice_nll[0], rtol=0, atol=2e-3)
    monkeypatch.setattr(row_model, "_MANY_COUNTS", np.inf)
    assert newton.minimise(likelihood, start=start, fixed=("mu",)).valid.sum() < 15


def test_a_part_of_a_model_has_a_part_of_its_rates_and_counts() -> None:
    likelihood = valley(bins=3, shapes=2)
    thinned = likelihood.thinned(0.25)
    theta = starts(likelihood, 4).T
    np.testing.assert_allclose(thinned.rates(theta), likelihood.rates(theta) / 4, rtol=1e-12)
    np.testing.assert_array_equal(thinned.observed, likelihood.observed / 4)
    assert likelihood.thinned(0.25) is thinned
    rows = Rows(yields={"signal": np.full((3, 2), 8.0)}, observed=np.full((3, 2), 4.0))
    _, arrays = take_apart(likelihood, rows)
    part = arrays.thinned(0.25)
    assert part.observed is not None
    assert (part.columns[0] == 2).all()
    assert (part.observed == 1).all()


def large_matrices() -> tuple[FloatArray, FloatArray]:
    """Four matrices (80, 80, 4) and gradients: positive definite, flat in a parameter, in two together, indefinite."""
    rng = np.random.default_rng(5)
    slopes = rng.normal(size=(4, 80, 200)) * 10 ** rng.uniform(-2, 2, (80, 1))
    slopes[1, 7] = 0.0
    slopes[2, 11] = slopes[2, 40]
    matrices = slopes @ slopes.swapaxes(1, 2)
    matrices[3, 20, 20] = -1.0
    # no slope where there is no curvature
    gradient = (matrices @ rng.normal(size=(4, 80, 1)))[..., 0]
    return np.ascontiguousarray(np.moveaxis(matrices, 0, 2)), np.ascontiguousarray(gradient.T)


def test_large_matrices_are_solved_like_small_ones() -> None:
    matrices, gradient = large_matrices()
    nothing = np.zeros((80, 1))
    x, definite = descent.solve(matrices.copy(), gradient, nothing)
    assert definite.tolist() == [True, True, True, False]
    residual = np.einsum("pqn,qn->pn", matrices, x) + gradient
    assert (np.abs(residual) <= 1e-8 * np.abs(gradient).max(axis=0))[:, :3].all()
    assert x[7, 1] == 0.0


def test_a_pivot_is_never_below_its_constraint() -> None:
    matrices, gradient = large_matrices()
    least = np.full((80, 1), 2.0)
    lost = matrices[..., :1].copy()
    lost[3], lost[:, 3] = 0.0, 0.0  # rounding has taken the constraint's part away
    gradient[3] = 4.0
    x, definite = descent.solve(lost, gradient[:, :1], least)
    assert definite.all()
    assert x[3, 0] == -2.0


def test_what_overflows_on_the_way_is_no_warning() -> None:
    """Warnings are errors here."""
    size = {"name": "a", "type": "normsys", "data": {"hi": 1e80, "lo": 1e-80}}
    channel = {"name": "c", "samples": [{"name": "s", "data": [1.0], "modifiers": [size]}]}
    likelihood = Likelihood.from_workspace(
        {
            "channels": [channel],
            "observations": [{"name": "c", "data": [5.0]}],
            "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
            "version": "1.0.0",
        },
        normsys="code1",
    )
    theta = np.array([[0.01, -5.0, 4.9]])
    value, _, reason = descent.run(likelihood.engine((0,)), likelihood.bounds, theta, SHARED, np.zeros((1, 1)))
    assert reason[0] == 0
    assert theta[0, 0] == pytest.approx(np.log(5) / np.log(1e80), abs=1e-4)
    assert value[0] == pytest.approx(float(likelihood.twice_nll(theta[:, :1].T)[0]), abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_equations_are_solved_and_matrices_that_are_not_definite_are_told(size: int) -> None:
    rng = np.random.default_rng(size)
    root, gradient = rng.normal(size=(5, size, size + 1)), rng.normal(size=(size, 5))
    matrices = root @ np.swapaxes(root, 1, 2)
    matrices[3] -= 2 * np.diag(np.diag(matrices[3]))
    step, definite = descent.solve(np.moveaxis(matrices, 0, 2).copy(), gradient, np.zeros((size, 1)))
    assert definite.tolist() == [True, True, True, False, True]
    expected = np.linalg.solve(matrices[definite], -gradient.T[definite][..., None])[..., 0]
    np.testing.assert_allclose(step.T[definite], expected, rtol=1e-9)


def test_a_flat_direction_is_not_gone_along() -> None:
    hessian = np.array([[2.0, 0.0], [0.0, 0.0]])[..., None]
    step, definite = descent.solve(hessian, np.array([[1.0], [0.0]]), np.zeros((2, 1)))
    assert definite.all()
    assert step[:, 0].tolist() == [-0.5, 0.0]
