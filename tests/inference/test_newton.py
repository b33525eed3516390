"""Newton's method in batches: rows for themselves, steps that are taken and steps that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference import descent, newton
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import ANALYSES
from tests.inference.signals import random_signals

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.minima import BatchFit


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", ANALYSES)
def test_newton_converges_at_two_thousand_points(
    workspaces: dict[tuple[str, str], dict[str, Any]], name: str, law: str
) -> None:
    workspace = workspaces[name, law]
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    fits = newton.minimise(likelihood, sample="cevns", yields=random_signals(workspace, 2000))
    assert fits.valid.all()
    assert fits.edm.max() <= 1e-10
    low, high = likelihood.bounds
    assert ((fits.theta >= low) & (fits.theta <= high)).all()


@pytest.mark.parametrize("law", LAWS)
def test_newton_rows_do_not_depend_on_their_order(workspaces: dict[tuple[str, str], dict[str, Any]], law: str) -> None:
    workspace = workspaces["combined", law]
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    yields = random_signals(workspace, 300)
    order = np.random.default_rng(8).permutation(len(yields))
    straight = newton.minimise(likelihood, sample="cevns", yields=yields)
    shuffled = newton.minimise(likelihood, sample="cevns", yields=yields[order])
    alone: list[BatchFit] = [newton.minimise(likelihood, sample="cevns", yields=y[None]) for y in yields[:20]]
    np.testing.assert_allclose(shuffled.twice_nll, straight.twice_nll[order], rtol=0, atol=1e-9)
    np.testing.assert_allclose(shuffled.theta, straight.theta[order], rtol=0, atol=1e-5)
    np.testing.assert_allclose([f.twice_nll[0] for f in alone], straight.twice_nll[:20], rtol=0, atol=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_newton_reaches_the_same_minimum_from_anywhere(
    workspaces: dict[tuple[str, str], dict[str, Any]], law: str
) -> None:
    likelihood = Likelihood.from_workspace(workspaces["combined", law], "b8_flux")
    rng = np.random.default_rng(2)
    start = np.tile(likelihood.init, (200, 1))
    free = list(likelihood.free)
    start[:, free] = rng.uniform(-0.9, 3, (200, len(free)))
    start[:, likelihood.index("mu_8b")] = rng.uniform(0.1, 9, 200)
    fits = newton.minimise(likelihood, start=start)
    assert fits.valid.all()
    np.testing.assert_allclose(fits.twice_nll, fits.twice_nll[0], rtol=0, atol=1e-9)


unit = arrays(np.float64, 9, elements=st.floats(-4, 4))


@given(ends=st.tuples(unit, unit), strength=st.floats(0, 50), part=st.floats(0.05, 0.95))
def test_linear_law_is_convex(
    workspaces: dict[tuple[str, str], dict[str, Any]],
    ends: tuple[FloatArray, FloatArray],
    strength: float,
    part: float,
) -> None:
    """2NLL in the nuisance parameters lies below each chord between points with positive rates."""
    likelihood = Likelihood.from_workspace(workspaces["combined", "linear"], "new_physics")
    points = np.stack([*ends, part * ends[0] + (1 - part) * ends[1]])
    points[:, likelihood.index("mu_8b")] = strength
    assume((likelihood.rates(points[:2]) > 0).all())
    first, second, between = likelihood.twice_nll(points)
    assert between <= part * first + (1 - part) * second + 1e-9 * (1 + abs(first) + abs(second))


# ---------------------------------------------------------------- settings of newton


@pytest.mark.parametrize("size", [1e8, 1e9, 1e10, 1e11])
def test_signals_far_beyond_the_standard_model_end_where_rounding_lets_them(
    workspaces: dict[tuple[str, str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch, size: float
) -> None:
    """Under the linear law their rates are small differences of terms of 1e9 events and more."""
    monkeypatch.setattr(descent, "MAX_EVALUATIONS", 40)
    monkeypatch.setattr(descent, "CAREFUL_EVALUATIONS", 1)
    likelihood = Likelihood.from_workspace(workspaces["combined", "linear"], "new_physics")
    signal = sum(g.template for g in likelihood.specification.groups if g.sample == "cevns")
    yields = size * signal * np.random.default_rng(0).uniform(0.5, 2, (500, likelihood.observed.size))
    fits = newton.minimise(likelihood, sample="cevns", yields=yields)
    assert fits.valid.all()
    # the goal is not given up where rounding is far away
    assert fits.edm.max() <= (1e-12 if size <= 1e8 else 1e-8)


def two_valleys() -> Likelihood:
    """A signal of (x - 5)^2 events over 10, and 20 are counted: 2NLL has a maximum at x = 5."""
    samples = [{"name": "s", "data": [1.0], "modifiers": []}, {"name": "b", "data": [10.0], "modifiers": []}]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [20]}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    coefficients = {"c": np.array([[25.0], [-10.0], [1.0]])}
    return Likelihood.from_workspace(workspace).with_polynomial("s", "x", coefficients, init=5.0, bounds=(0.0, 10.0))


@pytest.mark.parametrize("offset", [0.0, 1e-9, 1e-7, 1e-3])
def test_a_maximum_is_not_a_minimum(offset: float) -> None:
    """Its slope vanishes, and so does the EDM that would follow from it."""
    likelihood = two_valleys()
    found = newton.minimise(likelihood, start=np.array([[5.0 + offset]]))
    top, bottom = likelihood.twice_nll(np.array([[5.0], [5.0 + np.sqrt(10)]]))
    assert bottom < top - 1
    assert not found.valid[0] or found.twice_nll[0] == pytest.approx(bottom, abs=1e-9)
    if offset >= 1e-7:
        assert found.valid[0]


def test_a_full_newton_step_is_taken_where_2nll_is_nearly_a_parabola(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lowers 2NLL by half of what its slope promises: a search for more would make every step a short one."""
    monkeypatch.setattr(descent, "MAX_EVALUATIONS", 6)
    monkeypatch.setattr(descent, "CAREFUL_EVALUATIONS", 1)
    samples = [{"name": "s", "data": [1e6], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [1.01e6]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    found = newton.minimise(Likelihood.from_workspace(workspace))
    assert found.valid[0]
    assert found.theta[0, 0] == pytest.approx(1.01, rel=1e-9)


def test_a_step_that_goes_up_is_not_taken() -> None:
    """From a rate far too small a Newton step overshoots by orders of magnitude."""
    modifiers = [{"name": "size", "type": "normsys", "data": {"hi": 8.0, "lo": 0.125}}]
    workspace = {
        "channels": [{"name": "c", "samples": [{"name": "s", "data": [50.0], "modifiers": modifiers}]}],
        "observations": [{"name": "c", "data": [60]}],
        "measurements": [
            {"name": "m", "config": {"poi": "", "parameters": [{"name": "size", "bounds": [[-15.0, 15.0]]}]}}
        ],
        "version": "1.0.0",
    }
    likelihood = Likelihood.from_workspace(workspace)
    fits = newton.minimise(likelihood, start=np.array([[-14.0], [-8.0], [14.0], [0.0]]))
    assert fits.valid.all()
    assert fits.twice_nll == pytest.approx(fits.twice_nll[3], abs=1e-9)


def pocket() -> Likelihood:
    """Counts of zero in three bins, in which a second minimum lies where two rates vanish."""
    low, high = "lo_data", "hi_data"
    signal = [
        {"name": "mu", "type": "normfactor", "data": None},
        {"name": "size0", "type": "normsys", "data": {"hi": 1.3, "lo": 0.769}},
        {
            "name": "shape0",
            "type": "histosys",
            "data": {high: [21.8, 21, 21.1, 0, 21.1], low: [30.1, 20, 16.4, 0, 16.4]},
        },
        {
            "name": "shape1",
            "type": "histosys",
            "data": {high: [20.8, 23.1, 14.2, 0, 26], low: [28.4, 24.2, 19.3, 0, 19.8]},
        },
    ]
    first = {high: [9.38, 29, 38, 13.7, 9.96], low: [13.3, 33.6, 0.03, 12.4, 14.5]}
    second = {high: [13, 30.3, 39.8, 10.1, 13.4], low: [11.8, 30.4, 25.8, 14.5, 8.75]}
    background = [
        {"name": "size0", "type": "normsys", "data": {"hi": 1.28, "lo": 0.937}},
        {"name": "size1", "type": "normsys", "data": {"hi": 1.18, "lo": 0.845}},
        {"name": "shape0", "type": "histosys", "data": first},
        {"name": "shape1", "type": "histosys", "data": second},
    ]
    samples: list[dict[str, Any]] = [
        {"name": "signal", "data": [25.2, 19.5, 34.2, 0, 21.5], "modifiers": signal},
        {"name": "background", "data": [10.9, 36.8, 33.2, 11.9, 5.81], "modifiers": background},
        {"name": "other", "data": [0, 156, 131, 158, 133], "modifiers": []},
    ]
    mu = {"name": "mu", "inits": [1.0], "bounds": [[0.0, 20.0]]}
    return Likelihood.from_workspace(
        {
            "channels": [{"name": "c", "samples": samples}],
            "observations": [{"name": "c", "data": [0, 211, 0, 0, 171]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [mu]}}],
            "version": "1.0.0",
        }
    )


def test_a_start_beyond_a_vanishing_rate_leads_to_the_minimum_nearby() -> None:
    likelihood = pocket()
    engine = likelihood.engine(likelihood.free)
    begin = np.array([[2.67, 3.584, 3.799, -1.238, -3.269]])
    for mu in (2.47, 2.27, 2.07, 1.99, 1.95, 1.91):  # rates grow as it falls
        begin[0, 0] = mu
        begin = newton.minimise(likelihood, start=begin, fixed=("mu",)).theta
    begin[0, 0] = 1.95
    assert engine.rates(begin.T).min() < -1
    fits = newton.minimise(likelihood, start=begin, fixed=("mu",))
    assert fits.valid[0]
    assert fits.twice_nll[0] == pytest.approx(408.1354, abs=1e-3)  # from the model's own start 43 higher
