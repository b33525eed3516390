"""Bins with nothing expected and nothing observed add nothing, wherever a model has them."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.inference import descent, minima, minuit, newton
from spec_builder.inference.data import Problem
from spec_builder.inference.exclusion import exclude, plane_minimum
from spec_builder.inference.fit import MINIMISERS, Fit, Minimiser, fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import height_at, profile
from spec_builder.sharing.verify import verify_patch_set, verify_workspace
from spec_builder.studies.patch_scans import scan_patches
from spec_builder.studies.scan_results import ScanResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spec_builder.base.arrays import FloatArray

MINIMISE = {"minuit": minuit.minimise, "newton": newton.minimise}
NEEDED = "every bin with a count needs a positive rate, and none a negative one"
every_minimiser = pytest.mark.parametrize("minimiser", MINIMISERS)


def model(
    observed: Sequence[float],
    signal: Sequence[float],
    background: Sequence[float],
    sigma: float = 0.1,
    *,
    shape: bool = False,
) -> dict[str, Any]:
    """One channel: a signal of free size over a background with an uncertain size, and shape if wanted."""
    size = {"name": "size", "type": "normsys", "data": {"hi": 1 + sigma, "lo": 1 - sigma}}
    own: list[dict[str, Any]] = [size]
    if shape:
        tilt = {
            "hi_data": [1.1 * b for b in background],
            "lo_data": [(0.9 - 0.02 * i) * b for i, b in enumerate(background)],
        }
        own.append({"name": "tilt", "type": "histosys", "data": tilt})
        own.append({"name": "stat", "type": "staterror", "data": [0.05 * b for b in background]})
    free = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "b", "data": list(background), "modifiers": own},
        {"name": "s", "data": list(signal), "modifiers": [free]},
    ]
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": list(observed)}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def with_empty_bins(workspace: dict[str, Any], places: list[int]) -> dict[str, Any]:
    """The same with a bin of zeros inserted at each of the places, one after the other."""
    changed = copy.deepcopy(workspace)
    lists = [changed["observations"][0]["data"]]
    for sample in changed["channels"][0]["samples"]:
        lists.append(sample["data"])
        for modifier in sample["modifiers"]:
            if modifier["type"] == "histosys":
                lists += modifier["data"].values()
            elif modifier["type"] == "staterror":
                lists.append(modifier["data"])
    for values in {id(values): values for values in lists}.values():
        for place in places:
            values.insert(place, 0.0)
    return changed


def start_at(workspace: dict[str, Any], mu: float, *, fixed: bool = False) -> dict[str, Any]:
    """The same with another start of the signal's size."""
    changed = copy.deepcopy(workspace)
    changed["measurements"][0]["config"]["parameters"] = [{"name": "mu", "inits": [mu], "fixed": fixed}]
    return changed


@pytest.fixture
def tight_pyhf() -> Iterator[None]:
    """pyhf with iminuit at a tolerance far below its own."""
    before = pyhf.get_backend()
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-6, strategy=2))
    yield
    pyhf.set_backend(*before)


def by_pyhf(workspace: dict[str, Any], fixed: float | None = None) -> tuple[float, float]:
    """2NLL at pyhf's minimum, and mu there, or held at a value."""
    read = pyhf.Workspace(workspace)
    its = read.model(modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}})
    data = read.data(its)
    if fixed is None:
        found, least = pyhf.infer.mle.fit(data, its, return_fitted_val=True)
    else:
        found, least = pyhf.infer.mle.fixed_poi_fit(fixed, data, its, return_fitted_val=True)
    return float(least), float(found[its.config.poi_index])


def assert_same(found: Fit, expected: Fit) -> None:
    assert found.valid
    assert expected.valid
    assert found.problems == expected.problems == ()
    assert found.ndof == expected.ndof
    # as in pyhf the constraint of a staterror adds its constant for an empty bin too, also to the saturated 2NLL
    assert found.chi2_min == pytest.approx(expected.chi2_min, abs=1e-8)
    assert found.p_value == pytest.approx(expected.p_value, abs=1e-6, nan_ok=True)
    assert found.value == pytest.approx(expected.value, abs=1e-4)
    for length, other in ((found.up, expected.up), (found.down, expected.down)):
        assert (length is None) == (other is None)
        assert length is None or length == pytest.approx(other, abs=1e-4)
    assert found.significance == pytest.approx(expected.significance, abs=1e-4)


# ---------------------------------------------------------------- bins in which nothing is expected at all


@every_minimiser
def test_a_bin_of_zeros_changes_nothing(minimiser: Minimiser) -> None:
    found = fit(Likelihood.from_workspace(model([10, 12, 0], [2, 3, 0], [8, 9, 0])), minimiser=minimiser)
    assert_same(found, fit(Likelihood.from_workspace(model([10, 12], [2, 3], [8, 9])), minimiser=minimiser))
    assert found.twice_nll == pytest.approx(10.33167, abs=1e-5)
    assert found.up == pytest.approx(1.0476, abs=2e-3)
    assert found.down == pytest.approx(0.926, abs=2e-3)
    assert found.ndof == 1


@st.composite
def small_models(draw: st.DrawFn) -> dict[str, Any]:
    bins = draw(st.integers(1, 4))
    signal = draw(st.lists(st.floats(0.5, 8), min_size=bins, max_size=bins))
    background = draw(st.lists(st.one_of(st.just(0.0), st.floats(0.5, 20)), min_size=bins, max_size=bins))
    observed = draw(st.lists(st.integers(0, 30), min_size=bins, max_size=bins))
    shape = draw(st.booleans())
    return model([float(n) for n in observed], signal, background, draw(st.floats(0.02, 0.5)), shape=shape)


@settings(max_examples=40, deadline=None)
@given(small_models(), st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from(MINIMISERS))
def test_empty_bins_change_nothing(workspace: dict[str, Any], places: list[int], minimiser: Minimiser) -> None:
    without = Likelihood.from_workspace(workspace)
    likelihood = Likelihood.from_workspace(with_empty_bins(workspace, places))
    assert verify_workspace(with_empty_bins(workspace, places)) == verify_workspace(workspace) == []
    assert likelihood.degrees_of_freedom() == without.degrees_of_freedom()
    assert_same(fit(likelihood, minimiser=minimiser), fit(without, minimiser=minimiser))
    values = np.linspace(0, 10, 7)
    here, there = profile(likelihood, "mu", values).fits, profile(without, "mu", values).fits
    assert here.known.all()
    np.testing.assert_array_equal(here.reason, there.reason)
    heights, expected = here.twice_nll - likelihood.saturated, there.twice_nll - without.saturated
    np.testing.assert_allclose(heights, expected, rtol=0, atol=1e-8)


PYHF_CASES = {
    "empty": model([10, 12, 0], [2, 3, 0], [8, 9, 0]),
    "empty with shapes": with_empty_bins(model([10, 12, 5], [2, 3, 4], [8, 9, 2], shape=True), [0, 2, 2]),
    "signal only": model([20, 0], [10, 1], [10, 0], 0.5),
    "signal only, counted": model([20, 1], [10, 1], [10, 0], 0.5),
    "signal only, minimum on the bound": model([7, 0], [2, 3], [10, 0], 0.1),
    "all of it": model([20, 0, 0, 3], [10, 1, 0, 2], [10, 0, 0, 1], 0.3, shape=True),
}


@pytest.mark.usefixtures("tight_pyhf")
@every_minimiser
@pytest.mark.parametrize("case", PYHF_CASES)
def test_pyhf_agrees(case: str, minimiser: Minimiser) -> None:
    likelihood = Likelihood.from_workspace(PYHF_CASES[case])
    least, value = by_pyhf(PYHF_CASES[case])
    found = fit(likelihood, minimiser=minimiser)
    assert found.valid
    assert found.twice_nll == pytest.approx(least, abs=1e-6)
    assert found.value == pytest.approx(value, abs=2e-3)
    assert found.at_bound == (found.value == 0)
    for mu in (0.5, 3.0):
        held = start_at(PYHF_CASES[case], mu, fixed=True)
        one = MINIMISE[minimiser](Likelihood.from_workspace(held))
        assert one.valid.all()
        assert one.twice_nll[0] == pytest.approx(by_pyhf(PYHF_CASES[case], mu)[0], abs=1e-6)


@every_minimiser
def test_a_count_where_nothing_is_expected_names_the_bin(minimiser: Minimiser) -> None:
    likelihood = Likelihood.from_workspace(model([10, 12, 2], [2, 3, 0], [8, 9, 0]))
    fits = MINIMISE[minimiser](likelihood)
    assert minima.REASONS[fits.reason[0]].startswith("2NLL is infinite: nothing is expected in a bin with counts")
    with pytest.raises(SpecBuilderError, match=r"^channel 'c', bin 2: 2 observed, but nothing is expected there what"):
        fit(likelihood, minimiser=minimiser)


# ---------------------------------------------------------------- bins in which only the signal is expected


@pytest.mark.usefixtures("tight_pyhf")
@every_minimiser
def test_a_bin_with_signal_only_counts_at_no_signal_too(minimiser: Minimiser) -> None:
    """Its rate vanishes where the height for the significance is taken."""
    workspace = model([20, 0], [10, 1], [10, 0], 0.5)
    found = fit(Likelihood.from_workspace(workspace), minimiser=minimiser)
    assert found.valid
    assert found.significance == pytest.approx(0.7907, abs=1e-3)
    assert found.down is None
    nothing = by_pyhf(workspace, 0.0)[0]
    assert found.significance == pytest.approx(np.sqrt(nothing - by_pyhf(workspace)[0]), abs=1e-4)


@every_minimiser
def test_a_minimum_where_a_rate_vanishes_is_on_the_bound(minimiser: Minimiser) -> None:
    likelihood = Likelihood.from_workspace(model([7, 0], [2, 3], [10, 0]))
    fits = MINIMISE[minimiser](likelihood)
    assert fits.valid.all()
    assert fits.at_bound.all()
    assert fits.theta[0, likelihood.index("mu")] == 0
    assert fits.twice_nll[0] == pytest.approx(height_at(likelihood, "mu", 0.0), abs=1e-9)


@every_minimiser
def test_a_minimum_where_a_rate_vanishes_that_may_be_negative_elsewhere(minimiser: Minimiser) -> None:
    """The shape of the signal takes its rates below zero at five standard deviations."""
    workspace = model([12, 0, 0], [0, 3.1, 2.7], [10.5, 0, 0])
    tilt = {"hi_data": [0, 3.8, 3.4], "lo_data": [0, 2.4, 2.0]}
    workspace["channels"][0]["samples"][1]["modifiers"].append({"name": "tilt", "type": "histosys", "data": tilt})
    found = fit(Likelihood.from_workspace(workspace), minimiser=minimiser)
    alone = fit(Likelihood.from_workspace(start_at(model([12], [1], [10.5]), 0.0, fixed=True)), minimiser=minimiser)
    assert found.valid
    assert found.at_bound
    assert found.value == 0
    assert found.chi2_min == pytest.approx(alone.chi2_min, abs=1e-7)


@every_minimiser
@pytest.mark.parametrize("counted", [0, 3])
def test_a_start_where_a_rate_vanishes(minimiser: Minimiser, counted: int) -> None:
    workspace = model([20, counted], [10, 1], [10, 0], 0.5)
    fits = MINIMISE[minimiser](Likelihood.from_workspace(start_at(workspace, 0.0)))
    expected = MINIMISE[minimiser](Likelihood.from_workspace(workspace))
    assert fits.valid.all()
    assert fits.twice_nll[0] == pytest.approx(expected.twice_nll[0], abs=1e-7)


@every_minimiser
@pytest.mark.parametrize("counted", [0, 3])
def test_no_signal_by_decree(minimiser: Minimiser, counted: int) -> None:
    """A bin with signal only is one without anything then."""
    held = start_at(model([11, counted], [10, 1], [10, 0], 0.5), 0.0, fixed=True)
    likelihood = Likelihood.from_workspace(held)
    if counted:
        with pytest.raises(SpecBuilderError, match=r"channel 'c', bin 1: 3 observed, but nothing is expected"):
            fit(likelihood, minimiser=minimiser)
        return
    without = Likelihood.from_workspace(start_at(model([11], [10], [10], 0.5), 0.0, fixed=True))
    found, expected = fit(likelihood, minimiser=minimiser), fit(without, minimiser=minimiser)
    assert found.valid
    assert found.ndof == expected.ndof == 1
    assert found.twice_nll == pytest.approx(expected.twice_nll, abs=1e-9)


@every_minimiser
def test_without_a_background_the_significance_is_infinite(minimiser: Minimiser) -> None:
    likelihood = Likelihood.from_workspace(model([10, 12], [2, 3], [0, 9]))
    found = fit(likelihood, minimiser=minimiser)
    assert found.valid
    assert found.value == pytest.approx(3.272, abs=0.02)
    assert found.significance == np.inf
    assert found.down == pytest.approx(0.8226, abs=1e-3)
    assert found.problems == ()
    assert height_at(likelihood, "mu", 0.0) == np.inf
    nothing = profile(likelihood, "mu", np.array([0.0, 1.0])).fits
    assert (nothing.valid.tolist(), nothing.known.tolist()) == ([False, True], [True, True])


# ---------------------------------------------------------------- heights that are not valid


@every_minimiser
def test_a_height_that_is_not_valid_is_not_used(monkeypatch: pytest.MonkeyPatch, minimiser: Minimiser) -> None:
    """No interval and no significance come of fits that did not converge, and that is said."""
    likelihood = Likelihood.from_workspace(model([20, 12], [4, 3], [8, 9]))
    sound = fit(likelihood, minimiser=minimiser)

    def spoilt(minimise: Any) -> Any:
        def run(*args: Any, fixed: tuple[str, ...] = (), **how: Any) -> minima.BatchFit:
            fits: minima.BatchFit = minimise(*args, fixed=fixed, **how)
            if fixed:
                bad = fits.theta[:, likelihood.index("mu")] < sound.value - 0.2
                fits.reason[bad] = descent.UNFINISHED
                fits.twice_nll[bad] += 100.0
            return fits

        return run

    monkeypatch.setattr("spec_builder.inference.profile.minimise", spoilt(newton.minimise))
    monkeypatch.setattr(minuit, "minimise", spoilt(minuit.minimise))
    found = fit(likelihood, minimiser=minimiser)
    assert (found.down, found.significance) == (None, None)
    assert found.up == pytest.approx(sound.up, abs=1e-6)
    assert found.problems == (
        "lower end of the interval: no fit converges where 2NLL would have to be known",
        "significance: no fit converges at mu = 0",
    )


# ---------------------------------------------------------------- limits


def signal(masses: FloatArray, empty: int) -> FloatArray:
    """Yields against g^2 in two bins and some empty ones, shape (3, M, bins)."""
    scale = 1 / (1 + masses)[:, None]
    terms = np.array([[2.0, 1.0], [-1.0, 0.5], [4.0, 2.0]])[:, None, :] * np.array([1.0, 1.0, 1.0])[:, None, None]
    terms = terms * np.stack([np.ones_like(scale), scale, scale**2])
    return np.concatenate([terms, np.zeros((3, masses.size, empty))], axis=2)


@pytest.mark.parametrize("dof", [1, 2])
def test_limits_do_not_see_empty_bins(dof: int) -> None:
    masses = np.array([0.1, 3.0])
    results = []
    for empty in (0, 2):
        workspace = start_at(model([9, 8] + [0] * empty, [2, 1] + [0] * empty, [8, 6] + [0] * empty), 1.0, fixed=True)
        likelihood = Likelihood.from_workspace(workspace)
        results.append(exclude(Problem.of(likelihood, "s", partial(signal, empty=empty)), masses, dof=dof))
    without, found = results
    assert found.minimum.twice_nll == pytest.approx(without.minimum.twice_nll, abs=1e-8)
    for point, expected in zip(found.points, without.points, strict=True):
        assert point.valid
        assert expected.valid
        assert point.delta_chi2_sm == pytest.approx(expected.delta_chi2_sm, abs=1e-7)
        assert len(point.excluded) == len(expected.excluded)
        assert point.excluded
        assert point.excluded[0][0] == pytest.approx(expected.excluded[0][0], rel=1e-5)


def new_bin(masses: FloatArray) -> FloatArray:
    """Yields of which the last bin has new physics alone."""
    return np.concatenate([signal(masses, 0), [[[0.0]], [[0.0]], [[1.0]]] * np.ones((1, masses.size, 1))], axis=2)


def test_limits_where_only_new_physics_explains_a_count() -> None:
    """The Standard Model is excluded then by any distance."""
    workspace = start_at(model([9, 8, 1], [2, 1, 0], [8, 6, 0]), 1.0, fixed=True)
    point = exclude(Problem.of(Likelihood.from_workspace(workspace), "s", new_bin), np.array([0.1]), dof=1).points[0]
    assert point.valid
    assert point.delta_chi2_sm == np.inf
    assert point.excluded[0][0] == 0
    end = point.excluded[0][1]
    assert end is not None
    assert 0 < end < point.best_g
    fits = newton.minimise(
        Likelihood.from_workspace(workspace),
        sample="s",
        yields=np.array([np.polynomial.polynomial.polyval(end**2, new_bin(np.array([0.1]))[:, 0])]),
    )
    assert fits.twice_nll[0] - point.minimum == pytest.approx(2.7055, abs=1e-3)


def test_limits_name_a_bin_that_nothing_explains() -> None:
    workspace = start_at(model([9, 8, 1], [2, 1, 0], [8, 6, 0]), 1.0, fixed=True)
    likelihood = Likelihood.from_workspace(workspace)
    for run in (
        lambda: exclude(Problem.of(likelihood, "s", lambda m: signal(m, 1)), np.array([0.1, 3.0]), dof=1),
        lambda: plane_minimum(Problem.of(likelihood, "s", lambda m: signal(m, 1))),
    ):
        with pytest.raises(SpecBuilderError, match="channel 'c', bin 2: 1 observed, but nothing is expected there"):
            run()


# ---------------------------------------------------------------- patch sets and verify


def patch_set(workspace: dict[str, Any], yields: list[list[float]]) -> dict[str, Any]:
    """Patches that replace the signal."""
    return {
        "metadata": {
            "references": {"hepdata": "ins1234567"},
            "description": "empty bins",
            "digests": {"sha256": digest(workspace)},
            "labels": ["x"],
        },
        "patches": [
            {
                "metadata": {"name": f"x_{i}", "values": [i]},
                "patch": [{"op": "replace", "path": "/channels/0/samples/1/data", "value": row}],
            }
            for i, row in enumerate(yields)
        ],
        "version": "1.0.0",
    }


@pytest.mark.usefixtures("tight_pyhf")
@pytest.mark.parametrize("shape", [False, True])
def test_patches_with_and_without_empty_bins(*, shape: bool) -> None:
    """Also patches that fill a bin which the others leave empty."""
    base = model([10, 12, 0], [2, 3, 0], [8, 9, 0], shape=shape)
    rows = [[2.0, 3.0, 0.0], [1.0, 0.0, 0.0], [4.0, 1.0, 2.0], [0.5, 0.5, 0.1]]
    content = patch_set(base, rows)
    assert verify_patch_set(base, content, "patches.json") == []
    found = scan_patches(base, content, measurement=None)
    assert isinstance(found, ScanResult)
    assert found.columns["valid"].all()
    for row, height in zip(rows, found.columns["twice_nll"], strict=True):
        patched = model([10, 12, 0], row, [8, 9, 0], shape=shape)
        assert height == pytest.approx(by_pyhf(patched)[0], abs=1e-6)


def test_a_patch_that_leaves_a_count_unexplained() -> None:
    base = model([10, 12, 1], [2, 3, 1], [8, 9, 0])
    content = patch_set(base, [[2.0, 3.0, 1.0], [2.0, 3.0, 0.0]])
    assert verify_patch_set(base, content, "patches.json") == [
        "patch 'x_1': channel 'c', bin 2: 0 events expected, 1 observed; " + NEEDED
    ]
    found = scan_patches(base, content, measurement=None)
    assert isinstance(found, ScanResult)
    assert found.columns["valid"].tolist() == [True, False]
    assert minima.REASONS[found.columns["reason"][1]].startswith("2NLL is infinite")


def test_verify_takes_an_empty_bin_and_refuses_a_count_in_it() -> None:
    assert verify_workspace(model([10, 12, 0], [2, 3, 0], [8, 9, 0])) == []
    assert verify_workspace(model([10, 12, 2], [2, 3, 0], [8, 9, 0])) == [
        "channel 'c', bin 2: 0 events expected at the start of measurement 'm', 2 observed; " + NEEDED
    ]
