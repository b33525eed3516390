"""The likelihood compiled by a Jacobian of samples: the same numbers as by pairs of groups, and its own batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.inference.engine import Engine
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import PLAIN, SHARED, lay_out, spread
from tests.inference.random_models import random_model


def both(workspace: dict[str, Any]) -> tuple[Likelihood, Engine, JacobianEngine]:
    likelihood = Likelihood.from_workspace(workspace)
    laid = lay_out(likelihood.specification, PLAIN)
    return likelihood, Engine(spread(laid), likelihood.free), JacobianEngine(laid, likelihood.free)


def points(likelihood: Likelihood, count: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    lower, upper = likelihood.bounds
    theta = likelihood.init[:, None] + rng.normal(0, 0.2, (len(likelihood.parameters), count))
    return np.clip(theta, lower[:, None] + 1e-3, upper[:, None] - 1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_both_forms_agree(seed: int) -> None:
    likelihood, pairs, jacobian = both(random_model(seed, 1)[0])
    theta = points(likelihood, 5)
    one, other = pairs(theta, SHARED), jacobian(theta, SHARED)
    lower = np.tril_indices(len(likelihood.free))
    np.testing.assert_allclose(other.rates, one.rates, rtol=1e-11)
    np.testing.assert_allclose(other.value, one.value, rtol=1e-11)
    np.testing.assert_allclose(other.gradient, one.gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.fisher[lower], one.fisher[lower], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(other.hessian[lower], one.hessian[lower], rtol=1e-8, atol=1e-8)


def test_2nll_alone_is_that_of_the_expansion() -> None:
    likelihood, _, jacobian = both(random_model(3, 1)[0])
    theta = points(likelihood, 20)
    theta[:, 0] = -1e3  # where a rate is negative
    assert np.isinf(jacobian.value(theta)[0])
    assert jacobian.value(theta).tobytes() == jacobian(theta).value.tobytes()


def test_every_modifier(generic: dict[str, Any]) -> None:
    likelihood, pairs, jacobian = both(generic)
    theta = points(likelihood, 3)
    np.testing.assert_allclose(jacobian.rates(theta), pairs.rates(theta), rtol=1e-12)
    np.testing.assert_allclose(jacobian.magnitude(theta), pairs.magnitude(theta), rtol=1e-10)
    assert (jacobian.magnitude(theta) >= np.abs(jacobian.rates(theta)) * (1 - 1e-12)).all()


def test_a_larger_model_has_fewer_rows_at_once() -> None:
    small, large = (JacobianEngine(*arguments) for arguments in (sized(1), sized(40)))
    assert small.batch > large.batch >= 1


def sized(count: int) -> tuple[Any, tuple[int, ...]]:
    modifiers = [{"name": f"n{i}", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}} for i in range(count)]
    workspace = {
        "channels": [{"name": "c", "samples": [{"name": "s", "data": [10.0] * 40, "modifiers": modifiers}]}],
        "observations": [{"name": "c", "data": [10] * 40}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    likelihood = Likelihood.from_workspace(workspace)
    return lay_out(likelihood.specification, PLAIN), likelihood.free
