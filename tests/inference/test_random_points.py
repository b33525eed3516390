"""Fits at random masses and couplings: all converge, whichever minimiser and however far from the Standard Model."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_builder.experiments.reading import load_experiment
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference import minuit, newton
from spec_builder.inference.data import polynomial
from spec_builder.inference.exclusion import PLANE_MASSES
from spec_builder.inference.rows import Rows, take_apart
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.paper.plane import PLANE_INTERACTIONS
from spec_builder.physics.interactions import choose
from tests.new_physics import new_physics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.model.analysis import Analysis

EXPERIMENTS = ("xenonnt", "pandax4t")


@lru_cache
def analysis(name: str, law: str, variants: tuple[tuple[str, str], ...] = ()) -> Analysis:
    return load_analysis(name, law, dict(variants))


@lru_cache
def model(
    name: str, law: str, variants: tuple[tuple[str, str], ...], interaction: str
) -> tuple[Likelihood, Callable[[FloatArray], FloatArray]]:
    return new_physics(analysis(name, law, variants), choose(interaction))


@st.composite
def variants(draw: st.DrawFn, name: str) -> tuple[tuple[str, str], ...]:
    """None or one of the variants of each experiment of an analysis."""
    chosen = []
    for experiment in EXPERIMENTS if name == "combined" else (name,):
        variant = draw(st.sampled_from([None, *load_experiment(experiment).variants]))
        if variant is not None:
            chosen.append((experiment, variant))
    return tuple(chosen)


@dataclass(frozen=True)
class Point:
    """Somewhere in the plane of an interaction."""

    name: str
    law: str
    variants: tuple[tuple[str, str], ...]
    interaction: str
    mass: float
    place: float  # from 0 to 1 over the logarithm of the default couplings

    def signal(self, largest: float = np.inf) -> tuple[Likelihood, FloatArray]:
        """The likelihood and its signal (1, bins), at most so many times the Standard Model's."""
        likelihood, yields = model(self.name, self.law, self.variants, self.interaction)
        coefficients = yields(np.array([self.mass]))
        n0, _, n2 = coefficients.sum(axis=(1, 2))
        low, high = choose(self.interaction).default_range
        high = min(high, float(largest * n0 / n2) ** 0.25)
        g = low * (high / low) ** self.place
        return likelihood, polynomial(coefficients, np.array([0]), np.array([g**2])).T


@st.composite
def points(draw: st.DrawFn) -> Point:
    name = draw(st.sampled_from(ANALYSES))
    return Point(
        name,
        draw(st.sampled_from(LAWS)),
        draw(variants(name)),
        draw(st.sampled_from(PLANE_INTERACTIONS)),
        math.exp(draw(st.floats(*map(math.log, PLANE_MASSES)))),
        draw(st.floats(0, 1)),
    )


@given(point=points())
@settings(max_examples=150)
def test_every_fit_converges(point: Point) -> None:
    likelihood, yields = point.signal()
    fits = newton.minimise(likelihood, sample="cevns", yields=yields)
    assert fits.valid.all()
    assert fits.edm[0] <= 1e-10


@given(point=points())
@settings(max_examples=150)
def test_both_minimisers_agree(point: Point) -> None:
    """As far as Minuit goes: a signal of 1e4 times the Standard Model."""
    likelihood, yields = point.signal(largest=1e4)
    one = newton.minimise(likelihood, sample="cevns", yields=yields)
    other = minuit.minimise(likelihood, sample="cevns", yields=yields)
    assert one.valid.all()
    assert other.valid.all()
    assert other.twice_nll[0] == pytest.approx(one.twice_nll[0], abs=1e-6, rel=0)


@pytest.mark.parametrize("law", LAWS)
def test_minuit_does_not_call_another_place_the_minimum(law: str) -> None:
    """Beyond, where two nuisance parameters cancel to nine digits: the same minimum, or not valid."""
    rng = np.random.default_rng(3)
    for mass, place in zip(np.exp(rng.uniform(-4, 6, 20)).tolist(), rng.uniform(0.8, 1, 20).tolist(), strict=True):
        point = Point("pandax4t", law, (), "vector_universal", mass, place)
        likelihood, yields = point.signal()
        one = newton.minimise(likelihood, sample="cevns", yields=yields)
        other = minuit.minimise(likelihood, sample="cevns", yields=yields)
        if other.valid[0]:
            assert other.twice_nll[0] == pytest.approx(one.twice_nll[0], abs=1e-3, rel=1e-10), point


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int) -> FloatArray:
    return np.exp(rng.uniform(math.log(low), math.log(high), size))


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("law", LAWS)
def test_twenty_thousand_points_are_all_valid(name: str, law: str) -> None:
    rng = np.random.default_rng(17)
    for interaction in PLANE_INTERACTIONS:
        likelihood, yields = model(name, law, (), interaction)
        masses = log_uniform(rng, *PLANE_MASSES, 40)
        couplings = log_uniform(rng, *choose(interaction).default_range, 4000)
        signal = polynomial(yields(masses), rng.integers(0, 40, 4000), couplings**2).T
        fits = newton.minimise(likelihood, sample="cevns", yields=signal)
        assert fits.valid.all()
        assert fits.edm.max() <= 1e-10
        low, high = likelihood.bounds
        assert ((low <= fits.theta) & (fits.theta <= high)).all()
        # no step from a minimum that is not at a bound goes down
        inside = rng.permutation(np.flatnonzero(~fits.at_bound))[:200]
        step = 1e-3 * rng.normal(size=(inside.size, len(likelihood.free)))
        moved = fits.theta[inside]
        moved[:, list(likelihood.free)] += step
        layout, arrays = take_apart(likelihood, Rows(yields={"cevns": signal[inside].T}))
        near = likelihood.engine((), layout)(np.ascontiguousarray(moved.T), arrays)
        assert (near.value >= fits.twice_nll[inside] * (1 - 1e-14) - 1e-9).all()


# ---------------------------------------------------------------- pyhf


@pytest.fixture
def tight_pyhf() -> Iterator[None]:
    """pyhf with scipy's optimiser, converged far below its default tolerance."""
    before = pyhf.get_backend()
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-10))
    yield
    pyhf.set_backend(*before)


def with_signal(workspace: dict[str, Any], yields: dict[str, FloatArray]) -> dict[str, Any]:
    """The workspace with other signal yields, its histosys scaled with them."""
    edited = copy.deepcopy(workspace)
    for channel in edited["channels"]:
        for sample in channel["samples"]:
            if sample["name"] != "cevns":
                continue
            ratio = yields[channel["name"]] / np.array(sample["data"])
            sample["data"] = yields[channel["name"]].tolist()
            for modifier in sample["modifiers"]:
                if modifier["type"] == "histosys":
                    modifier["data"] = {key: (ratio * data).tolist() for key, data in modifier["data"].items()}
    return edited


@pytest.mark.parametrize("law", LAWS)
def test_tightly_converged_pyhf_agrees(tight_pyhf: None, law: str) -> None:
    """From a hundredth of the Standard Model's events to thirty times as many."""
    del tight_pyhf
    rng = np.random.default_rng(41)
    for count in range(20):
        name, interaction = ANALYSES[count % 3], PLANE_INTERACTIONS[count % 5]
        likelihood, yields = model(name, law, (), interaction)
        coefficients = yields(log_uniform(rng, *PLANE_MASSES, 1))
        n0, _, n2 = coefficients.sum(axis=(1, 2))
        g = (n0 / n2 * log_uniform(rng, 0.01, 30, 1)) ** 0.25
        signal = polynomial(coefficients, np.array([0]), g**2).T
        fits = newton.minimise(likelihood, sample="cevns", yields=signal)
        assert fits.valid.all()
        by_channel = {channel: signal[0, place] for channel, place in likelihood.specification.channels.items()}
        workspace = pyhf.Workspace(with_signal(analysis(name, law).workspace, by_channel))
        theirs = workspace.model(
            measurement_name="new_physics",
            modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}},
        )
        _, value = pyhf.infer.mle.fit(workspace.data(theirs), theirs, return_fitted_val=True)
        assert fits.twice_nll[0] == pytest.approx(float(value), abs=1e-6, rel=0)
