"""Random models of all kinds against pyhf: no fit of pyhf's objective is lower, and intervals end where it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference import newton
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import profile, search
from tests.inference.pyhf_objective import reference

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.fit import Fit
    from spec_builder.inference.profile import Profile
    from tests.inference.pyhf_objective import Reference


def modifiers(
    rng: np.random.Generator, nominal: FloatArray, where: tuple[str, str], counts: tuple[int, int], kinds: list[str]
) -> list[dict[str, Any]]:
    """Modifiers of one sample: so many ``normsys`` and ``histosys``, and those of the kinds that go bin by bin."""
    channel, sample = where
    found: list[dict[str, Any]] = []
    for k in range(counts[0]):
        high = float(rng.uniform(1.01, 1.3))
        low = 1 / high if rng.random() < 0.5 else float(rng.uniform(0.75, 1.1))
        found.append({"name": f"size{k}", "type": "normsys", "data": {"hi": high, "lo": low}})
    for k in range(counts[1]):
        up, down = (nominal * (1 + rng.uniform(-0.1, 0.1, nominal.size)) for _ in range(2))
        data = {"hi_data": up.tolist(), "lo_data": down.tolist()}
        found.append({"name": f"shape{k}", "type": "histosys", "data": data})
    width = nominal * rng.uniform(0.02, 0.3, nominal.size)
    if sample == "signal":
        found.append({"name": "mu", "type": "normfactor", "data": None})
    elif "staterror" in kinds:
        found.append({"name": f"stat_{channel}", "type": "staterror", "data": width.tolist()})
    if sample == "other" and "shapesys" in kinds:
        found.append({"name": f"bins_{channel}", "type": "shapesys", "data": width.tolist()})
    if sample == "background" and "factor" in kinds:
        found.append({"name": "factor", "type": "normfactor", "data": None})
    return found


@st.composite
def workspaces(draw: st.DrawFn) -> dict[str, Any]:
    """One or two channels of 1 to 12 bins in all, some empty, with 1 to 60 parameters and up to 1e9 counts."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = draw(st.sampled_from([[1], [2], [3], [5], [12], [1, 1], [2, 3], [4, 8]]))
    scale = 10 ** draw(st.floats(-1, 8.5))
    counts = draw(st.tuples(st.integers(0, 15), st.integers(0, 15)))
    kinds = draw(st.lists(st.sampled_from(["staterror", "shapesys", "factor"]), unique=True))
    empty_sample, empty_bin = draw(st.sampled_from([(0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.6, 0.4)]))
    names = ["signal", "background", "other"][: draw(st.integers(2, 3))]
    channels, observations = [], []
    for c, bins in enumerate(sizes):
        nothing = rng.random(bins) < empty_bin
        samples, total = [], np.zeros(bins)
        for name in names:
            nominal = scale * rng.uniform(0.05, 1, bins) * (rng.random(bins) >= empty_sample) * ~nothing
            nominal *= 0.2 if name == "signal" else 1.0
            own = modifiers(rng, nominal, (f"c{c}", name), counts, kinds)
            samples.append({"name": name, "data": nominal.tolist(), "modifiers": own})
            total += nominal
        observed = rng.poisson(total * rng.uniform(0.9, 1.15)).astype(float)
        channels.append({"name": f"c{c}", "samples": samples})
        observations.append({"name": f"c{c}", "data": observed.tolist()})
    return {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


@given(workspace=workspaces())
@settings(max_examples=120, derandomize=True)
def test_no_fit_of_pyhfs_objective_is_lower(workspace: dict[str, Any]) -> None:
    theirs = reference(workspace)
    likelihood, tolerance = theirs.likelihood, theirs.tolerance()
    fits = newton.minimise(likelihood)
    if not fits.valid[0]:
        return  # refused
    value = float(fits.twice_nll[0])
    assert theirs.twice_nll(fits.theta[0]) == pytest.approx(value, abs=tolerance, rel=0)
    assert theirs.lowest(fits.theta[0]) >= value - tolerance
    elsewhere = theirs.lowest(likelihood.init)
    if elsewhere < value - tolerance:  # another minimum, which a fit that searches finds
        assert fit(likelihood).twice_nll <= elsewhere + tolerance


def test_few_are_refused() -> None:
    """Else the test above would say nothing."""
    refused = 0

    @given(workspace=workspaces())
    @settings(max_examples=200, database=None, derandomize=True)
    def count(workspace: dict[str, Any]) -> None:
        nonlocal refused
        refused += not newton.minimise(Likelihood.from_workspace(workspace)).valid[0]

    count()
    assert refused <= 2


def is_end(theirs: Reference, found: Fit, scan: Profile, end: float, outwards: float) -> bool:
    """Whether pyhf's profile crosses the level at an end of the interval, to 1e-4 of the interval's length."""
    likelihood, level = theirs.likelihood, found.twice_nll + found.threshold
    length = abs(end - found.value)
    near = end + np.array([-1e-4, 1e-4]) * length * outwards
    lower, upper = likelihood.bounds[:, likelihood.index("mu")]
    near = np.clip(near, lower, upper)
    best = np.array([found.theta[name] for name in likelihood.parameters])
    heights = np.full(2, np.inf)
    nearest = np.argsort(np.abs(scan.values - end))[:4]  # on whatever branch of the profile they are
    for start in (best, likelihood.init, *scan.fits.theta[nearest]):
        fits = profile(likelihood, "mu", near, np.tile(start, (2, 1))).fits
        heights = np.minimum(heights, [theirs.lowest(theta, held=("mu",)) for theta in fits.theta])
    return bool(heights[0] <= level + theirs.tolerance() and heights[1] >= level - theirs.tolerance())


def as_pyhf_says(workspace: dict[str, Any]) -> bool:
    """Whether a fit is refused, or its minimum and the ends of its interval are those of pyhf's objective."""
    theirs = reference(workspace)
    try:
        scan = search(theirs.likelihood, "mu")
        found = fit(theirs.likelihood, scan=scan)
    except SpecBuilderError:
        return True
    if not found.valid:
        return True
    start = np.array([found.theta[name] for name in theirs.likelihood.parameters])
    if theirs.lowest(start) < found.twice_nll - theirs.tolerance():
        return False
    up = found.up is None or is_end(theirs, found, scan, found.value + found.up, 1.0)
    return up and (found.down is None or is_end(theirs, found, scan, found.value - found.down, -1.0))


@given(workspace=workspaces())
@settings(max_examples=40, derandomize=True)
def test_intervals_end_where_pyhfs_profile_crosses(workspace: dict[str, Any]) -> None:
    assert as_pyhf_says(workspace)
