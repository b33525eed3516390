"""Models with many nuisance parameters, whose derivatives go by parameter and bin."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference import minuit, newton
from spec_builder.inference.compilation import compile_engine
from spec_builder.inference.engine import Engine
from spec_builder.inference.fit import fit
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import PLAIN, lay_out, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from tests.inference.conftest import PyhfModel


def many_nuisances(count: int, *, samples: int = 3, bins: int = 4, channels: int = 2) -> dict[str, Any]:
    """A workspace with so many ``normsys`` and ``histosys``, ``staterror`` in each channel, and a ``normfactor``."""
    r = random.Random(3)  # noqa: S311
    made, observations = [], []
    for c in range(channels):
        members: list[dict[str, Any]] = []
        for s in range(samples):
            events = [round(20 * (1 + s) * (0.8 + 0.4 * r.random()), 3) for _ in range(bins)]
            modifiers: list[dict[str, Any]] = []
            for k in range(count):
                high, low = round(1 + 0.05 * r.random(), 4), round(1 - 0.05 * r.random(), 4)
                modifiers.append({"name": f"n{k}", "type": "normsys", "data": {"hi": high, "lo": low}})
            for k in range(count):
                up = [round(v * (1 + 0.05 * r.random()), 4) for v in events]
                down = [round(v * (1 - 0.05 * r.random()), 4) for v in events]
                modifiers.append({"name": f"h{k}", "type": "histosys", "data": {"hi_data": up, "lo_data": down}})
            modifiers.append({"name": f"stat_c{c}", "type": "staterror", "data": [round(v * 0.05, 4) for v in events]})
            if s == 0:
                modifiers.append({"name": "mu", "type": "normfactor", "data": None})
            members.append({"name": f"s{s}", "data": events, "modifiers": modifiers})
        made.append({"name": f"c{c}", "samples": members})
        counts = [round(sum(m["data"][b] for m in members)) + r.randint(-8, 8) for b in range(bins)]
        observations.append({"name": f"c{c}", "data": counts})
    measurement = {"name": "m", "config": {"poi": "mu", "parameters": []}}
    return {"channels": made, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def many_bins(count: int) -> dict[str, Any]:
    """A workspace of so many bins, a signal, and a background with a ``shapesys``."""
    rng = np.random.default_rng(1)
    signal, background = rng.uniform(1, 20, count).round(3), rng.uniform(20, 200, count).round(3)
    errors = (background * rng.uniform(0.02, 0.2, count)).round(3)
    samples = [
        {
            "name": "signal",
            "data": signal.tolist(),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {
            "name": "background",
            "data": background.tolist(),
            "modifiers": [{"name": "shape", "type": "shapesys", "data": errors.tolist()}],
        },
    ]
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": rng.poisson(signal + background).tolist()}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def points(likelihood: Likelihood, count: int) -> FloatArray:
    rng = np.random.default_rng(1)
    width = np.where(likelihood.init == 0, 1.2, 0.1)
    theta: FloatArray = likelihood.init + width * rng.normal(size=(count, likelihood.init.size))
    return np.clip(theta, *likelihood.bounds)


# pyhf 0.7.6, tight tolerance: 2NLL at the minimum
MINIMA = {8: 42.3459250, 16: 72.0892689, 32: 130.5966122}


@pytest.mark.parametrize("count", MINIMA)
def test_minima_are_those_of_pyhf(count: int) -> None:
    likelihood = Likelihood.from_workspace(many_nuisances(count))
    assert len(likelihood.free) == 2 * count + 9
    for minimiser in (newton, minuit):
        found = minimiser.minimise(likelihood)
        assert found.valid.all()
        assert found.twice_nll[0] == pytest.approx(MINIMA[count], abs=2e-7)
    best = fit(likelihood)
    assert best.valid
    assert best.up is not None


def test_values_and_slopes_against_pyhf(pyhf_model: Callable[..., PyhfModel]) -> None:
    workspace = many_nuisances(6)
    likelihood, theirs = Likelihood.from_workspace(workspace), pyhf_model(workspace)
    assert isinstance(likelihood.engine(likelihood.free), JacobianEngine)
    theta = points(likelihood, 5)
    np.testing.assert_allclose(likelihood.rates(theta), theirs.rates(theta, likelihood.parameters), rtol=1e-12)
    values = theirs.twice_nll(theta, likelihood.parameters)
    np.testing.assert_allclose(likelihood.twice_nll(theta), values, rtol=1e-12)
    gradient, step = likelihood.gradient(theta), 1e-6
    for i in range(theta.shape[1]):
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[:, i] += sign * step
            ends.append(theirs.twice_nll(moved, likelihood.parameters))
        np.testing.assert_allclose(gradient[:, i], (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("fixed", [(), ("mu",), ("n0", "h1", "stat_c0[1]")])
@pytest.mark.parametrize("strength", [None, 0.0])
def test_both_forms_of_a_model_are_the_same(fixed: tuple[str, ...], strength: float | None) -> None:
    likelihood = Likelihood.from_workspace(many_nuisances(2))
    free = likelihood.free_without(fixed)
    laid = lay_out(likelihood.specification, PLAIN)
    theta = np.ascontiguousarray(points(likelihood, 9).T)
    if strength is not None:  # a factor of zero has no logarithmic derivative
        theta[likelihood.index("mu")] = strength
    pairs, jacobian = Engine(spread(laid), free)(theta), JacobianEngine(laid, free)(theta)
    np.testing.assert_allclose(jacobian.rates, pairs.rates, rtol=1e-13)
    np.testing.assert_allclose(jacobian.value, pairs.value, rtol=1e-13)
    np.testing.assert_allclose(jacobian.gradient, pairs.gradient, rtol=1e-10, atol=1e-10)
    for name in ("fisher", "hessian"):
        one, other = (np.tril(np.moveaxis(getattr(e, name), 2, 0)) for e in (jacobian, pairs))
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-9)


def test_a_parameter_for_each_of_many_bins(pyhf_model: Callable[..., PyhfModel]) -> None:
    workspace = many_bins(150)
    likelihood = Likelihood.from_workspace(workspace)
    best = fit(likelihood)
    assert best.valid
    assert pyhf_model(workspace).at(best) == pytest.approx(best.twice_nll, abs=1e-7)
    assert best.up is not None


def test_rows_of_a_large_model_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = Likelihood.from_workspace(many_nuisances(8))
    start = points(likelihood, 40)
    engine = likelihood.engine(likelihood.free)
    together = newton.minimise(likelihood, start=start)
    assert together.valid.all()
    monkeypatch.setattr(engine, "batch", 7)
    np.testing.assert_allclose(newton.minimise(likelihood, start=start).twice_nll, together.twice_nll, atol=1e-9)


def few_nuisances(bins: int) -> dict[str, Any]:
    """A workspace of three channels with so many bins each, two samples, one ``normsys`` and one ``histosys``."""
    workspace = many_nuisances(1, samples=2, bins=bins, channels=3)
    for channel in workspace["channels"]:
        for sample in channel["samples"]:
            sample["modifiers"] = [m for m in sample["modifiers"] if m["type"] != "staterror"]
    return workspace


@pytest.mark.parametrize(
    ("workspace", "form"),
    [
        (few_nuisances(81), Engine),
        (few_nuisances(1), Engine),
        (many_nuisances(8), JacobianEngine),
        (many_nuisances(4, bins=30), JacobianEngine),
    ],
    ids=["many bins", "few bins", "many nuisances", "many of both"],
)
def test_the_quicker_form_is_chosen_and_both_agree(workspace: dict[str, Any], form: type) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    laid = lay_out(likelihood.specification, PLAIN)
    free = likelihood.free
    chosen = compile_engine(laid, free)
    assert type(chosen) is form
    other = JacobianEngine(laid, free) if form is Engine else Engine(spread(laid), free)
    theta = np.ascontiguousarray(points(likelihood, 5).T)
    ours, theirs = chosen(theta), other(theta)
    finite = np.isfinite(ours.value)
    assert finite.any()
    np.testing.assert_allclose(ours.value[finite], theirs.value[finite], rtol=1e-10)
    np.testing.assert_allclose(ours.gradient[:, finite], theirs.gradient[:, finite], rtol=1e-8, atol=1e-8)
