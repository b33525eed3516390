"""Fits at random masses and couplings: all converge, whichever minimiser and however far from the Standard Model."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_builder.analysis import ANALYSES, load_analysis
from spec_builder.experiments.description import load_experiment
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference import minuit, newton
from spec_builder.inference.exclusion import PLANE_MASSES, polynomial_yields
from spec_builder.physics.interactions import parse_new_physics
from spec_builder.plane import PLANE_INTERACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spec_builder.analysis import Analysis
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.tables import FloatArray

EXPERIMENTS = ("xenonnt", "pandax4t")


@lru_cache
def analysis(name: str, law: str, variants: tuple[tuple[str, str], ...] = ()) -> Analysis:
    return load_analysis(name, law, dict(variants))


@lru_cache
def model(
    name: str, law: str, variants: tuple[tuple[str, str], ...], interaction: str
) -> tuple[Likelihood, Callable[[FloatArray], FloatArray]]:
    return analysis(name, law, variants).new_physics(parse_new_physics(interaction))


@st.composite
def variants(draw: st.DrawFn, name: str) -> tuple[tuple[str, str], ...]:
    """None or one of the variants of each experiment of an analysis."""
    chosen = []
    for experiment in EXPERIMENTS if name == "combined" else (name,):
        variant = draw(st.sampled_from([None, *load_experiment(experiment).variants]))
        if variant is not None:
            chosen.append((experiment, variant))
    return tuple(chosen)


@st.composite
def points(draw: st.DrawFn) -> tuple[Likelihood, FloatArray]:
    """A likelihood and its signal (1, bins) somewhere in the plane of an interaction."""
    name, law = draw(st.sampled_from(ANALYSES)), draw(st.sampled_from(LAWS))
    interaction = draw(st.sampled_from(PLANE_INTERACTIONS))
    likelihood, yields = model(name, law, draw(variants(name)), interaction)
    low, high = np.log(parse_new_physics(interaction).default_couplings)
    mass = np.exp([draw(st.floats(*np.log(PLANE_MASSES)))])
    g = np.exp([draw(st.floats(low, high))])
    return likelihood, polynomial_yields(yields(mass), np.array([0]), g)


@given(point=points())
@settings(max_examples=250)
def test_every_fit_converges_and_both_minimisers_agree(point: tuple[Likelihood, FloatArray]) -> None:
    likelihood, yields = point
    fits = newton.minimise(likelihood, sample="cevns", yields=yields)
    assert fits.valid.all()
    assert fits.edm[0] <= 1e-10
    other = minuit.minimise(likelihood, sample="cevns", yields=yields)
    assert other.valid.all()
    # 2NLL is up to 1e9 at the largest couplings, where a double has no more digits
    assert other.twice_nll[0] == pytest.approx(fits.twice_nll[0], abs=1e-6, rel=1e-13)


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("law", LAWS)
def test_twenty_thousand_points_are_all_valid(name: str, law: str) -> None:
    rng = np.random.default_rng(17)
    for interaction in PLANE_INTERACTIONS:
        likelihood, yields = model(name, law, (), interaction)
        masses = np.exp(rng.uniform(*np.log(PLANE_MASSES), 40))
        couplings = np.exp(rng.uniform(*np.log(parse_new_physics(interaction).default_couplings), 4000))
        signal = polynomial_yields(yields(masses), rng.integers(0, 40, 4000), couplings)
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
        near = likelihood.engine((), "cevns")(np.ascontiguousarray(moved.T), np.ascontiguousarray(signal[inside].T))
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
        coefficients = yields(np.exp(rng.uniform(*np.log(PLANE_MASSES), 1)))
        n0, _, n2 = coefficients.sum(axis=(1, 2))
        g = (n0 / n2 * np.exp(rng.uniform(np.log(0.01), np.log(30)))) ** 0.25
        signal = polynomial_yields(coefficients, np.array([0]), np.array([g]))
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
