"""Profiles of 2NLL in one parameter, and intervals as their crossings of a threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaincinv

from spec_builder.base.grids import check_level
from spec_builder.inference import minuit
from spec_builder.inference.diagnosis import rounding
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.minima import BatchFit
from spec_builder.inference.newton import minimise
from spec_builder.inference.roots import STEEP, find_roots
from spec_builder.inference.starts import bends_back, may_have_minima, scattered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.likelihood import Likelihood

__all__ = [
    "Crossings",
    "Profile",
    "crossings",
    "follow",
    "height_at",
    "lowest",
    "profile",
    "reach",
    "search",
    "threshold",
    "through",
    "with_lower_minima",
]

#: Confidence level of one standard deviation of a normal distribution: Delta chi^2 = 1.
ONE_SIGMA = 0.6826894921370859
#: First points of the search for minima and crossings, over the whole domain of the parameter: of a small model, whose
#: fits cost next to nothing, and of a large one, where points are added only where the profile calls for them.
_SEARCH_POINTS, _FEW_SEARCH_POINTS = 401, 41
#: A grid with wider steps than this gets points near the minimum: from a part of the parameter's size on, so many for
#: each power of ten.
_WIDE, _CLOSE, _A_DECADE = 1e4, 1e-2, 4
#: A search adds points as often as this at most; each time it halves intervals.
_REFINEMENTS = 12
#: An interval is halved where 2NLL is not known to this much, or to this part of its height above the minimum.
_SEARCH_ERROR, _SEARCH_PART = 0.1, 0.05
#: Neighbours lie on different branches where 2NLL differs from what their slopes say by this, and part of its height.
_BRANCH_ERROR, _BRANCH_PART = 1e-2, 1e-2
#: A minimum is another one if it is lower by this.
_LOWER = 1e-6
#: Tolerance of a crossing, relative, and in units of the best value.
_ROOT = 1e-10
#: Fits from all over the domain, for the lowest minimum: of a small model, and of a large one whose shapes bend back.
_STARTS, _FEW_STARTS = 200, 16
#: Fits from all over the domain at the ends of an interval, and how often a lower branch that they find is followed.
_END_STARTS, _BRANCHES = 50, 3
#: Of fits from all over the domain that have not ended so many go on: where rates vanish hardly any ends.
_PATIENT = 20
#: A profile jumps where 2NLL differs by this between the ends of a crossing's last bracket, or by so many roundings.
_JUMP, _JUMP_ROUNDED = 1e-3, 20.0
#: Height above a level that stands for an infinite one while a crossing is sought.


def threshold(cl: float, dof: int = 1) -> float:
    """Delta chi^2 of a confidence level, by Wilks' theorem.

    Raises:
        SpecBuilderError: if ``cl`` is not between 0 and 1.

    Examples:
        >>> round(threshold(0.9), 3), round(threshold(0.9, dof=2), 3)
        (2.706, 4.605)
    """
    check_level(cl)
    return float(2 * gammaincinv(dof / 2, cl))  # the inverse of the chi^2 distribution; scipy.stats is slow to import


@dataclass(frozen=True)
class Profile:
    """2NLL minimised over everything but one parameter.

    Attributes:
        parameter: its name.
        values: where, shape (N,).
        fits: the minima.
    """

    parameter: str
    values: FloatArray
    fits: BatchFit


def profile(
    likelihood: Likelihood,
    parameter: str,
    values: FloatArray,
    start: FloatArray | None = None,
    *,
    patient: bool = True,
) -> Profile:
    """Minimise 2NLL at fixed values of a parameter, all at once.

    Args:
        likelihood: the model.
        parameter: the parameter to hold.
        values: shape (N,).
        start: where the fits start, shape (N, P); at the model's own start values by default.
        patient: see :func:`spec_builder.inference.newton.minimise`.
    """
    begin = np.tile(likelihood.init, (len(values), 1)) if start is None else start.copy()
    begin[:, likelihood.index(parameter)] = values
    fits = minimise(likelihood, start=begin, fixed=(parameter,), patient=patient)
    return Profile(parameter, np.asarray(values), fits)


def search(likelihood: Likelihood, parameter: str) -> Profile:
    """A profile over the whole domain of a parameter, fine enough to see every minimum and crossing.

    The slope of the profiled 2NLL is known at each point. Between two points 2NLL changes by the mean of their slopes
    times their distance, if it is a parabola there; where it does not, a point is added halfway, until it does. Of a
    small model so many points are taken that this is hardly ever needed.
    """
    index = likelihood.index(parameter)
    lower, upper = likelihood.bounds[:, index]
    others = likelihood.free_without((parameter,))
    large = isinstance(likelihood.engine(others), JacobianEngine)
    count = _FEW_SEARCH_POINTS if large else _SEARCH_POINTS
    values = np.linspace(lower, upper, count)
    if upper - lower > _WIDE * count:
        values = np.union1d(values, _near_the_minimum(likelihood, index, (upper - lower) / count))
        count = values.size
    found = profile(likelihood, parameter, values)
    if may_have_minima(likelihood, others):
        everywhere, often = np.arange(count), max(_SEARCH_POINTS // count, 1)
        begin = scattered(likelihood, often * count)
        found, _ = _if_lower(likelihood, found, np.tile(everywhere, often), begin, patient=False)
        found, _ = _if_lower(likelihood, found, everywhere, np.tile(lowest(likelihood), (count, 1)))
    elif bends_back(likelihood, others):
        found, count = through(likelihood, found, lowest(likelihood)), count + 1
    tried, best = found.values, found.fits.theta[found.fits.lowest]
    found = _from_each_other(likelihood, found, np.arange(count))
    slopes = likelihood.slope(found.fits.theta, parameter)
    for _ in range(_REFINEMENTS):
        halved = _not_parabolic(found, slopes, _SEARCH_ERROR, _SEARCH_PART)
        if not halved.size:
            break
        theta = (found.fits.theta[halved] + found.fits.theta[halved + 1]) / 2
        added = profile(likelihood, parameter, theta[:, index], theta)
        slopes = np.append(slopes, likelihood.slope(added.fits.theta, parameter))
        values = np.append(found.values, added.values)
        order = np.argsort(values, kind="stable")
        found = Profile(parameter, values[order], found.fits.joined(added.fits).take(order))
        slopes = slopes[order]
    if found.values.size == count:
        return found
    same = np.array_equal(best, found.fits.theta[found.fits.lowest])
    left = ~np.isin(found.values, tried) if same else np.ones(found.values.size, dtype=bool)
    return _from_each_other(likelihood, found, np.flatnonzero(left))


def _near_the_minimum(likelihood: Likelihood, index: int, step: float) -> FloatArray:
    """Values on either side of the minimum, from a part of the parameter's size up to a step of a grid.

    They lie evenly in powers of ten: bounds of 1e30, as good as none, have no point of a grid near the minimum.
    """
    best = float(minimise(likelihood, start=likelihood.init[None]).theta[0, index])
    size = max(abs(best), 1.0)
    if not size < step:
        return np.zeros(0)
    lower, upper = likelihood.bounds[:, index]
    distances = np.geomspace(_CLOSE * size, step, int(_A_DECADE * np.log10(step / size)) + 20)
    near = np.concatenate([best - distances, [best], best + distances])
    inside: FloatArray = near[(near >= lower) & (near <= upper)]
    return inside


def lowest(likelihood: Likelihood) -> FloatArray:
    """The parameters (P,) of the lowest minimum that fits from all over the domain find; else the model's own start.

    Args:
        likelihood: the model.
    """
    small = may_have_minima(likelihood, likelihood.free)
    if not (small or bends_back(likelihood, likelihood.free)):
        return likelihood.init
    begin = np.vstack([likelihood.init, scattered(likelihood, _STARTS if small else _FEW_STARTS)])
    fits = _from_all_over(likelihood, begin)
    heights = np.where(fits.valid, fits.twice_nll, np.inf)
    if not np.isfinite(heights).any():
        return likelihood.init
    best: FloatArray = fits.theta[int(np.argmin(heights))]
    return best


def _from_all_over(likelihood: Likelihood, start: FloatArray, fixed: tuple[str, ...] = ()) -> BatchFit:
    """Fits from many starts (N, P) without patience, and the lowest of those that have not ended with it."""
    fits = minimise(likelihood, start=start, fixed=fixed, patient=False)
    left = np.flatnonzero(~fits.known & np.isfinite(fits.twice_nll))
    left = left[np.argsort(fits.twice_nll[left], kind="stable")][:_PATIENT]
    if not left.size:
        return fits
    begin = np.vstack([fits.theta[left], start[left]])
    return fits.joined(minimise(likelihood, start=begin, fixed=fixed))


def follow(likelihood: Likelihood, scan: Profile, values: FloatArray) -> Profile:
    """A profile at other values that keeps to the lowest branch of a search.

    Args:
        likelihood: the model.
        scan: a profile over the domain, from :func:`search`.
        values: of its parameter, shape (N,).
    """
    found = profile(likelihood, scan.parameter, values)
    everywhere = np.arange(len(values))
    right = np.clip(np.searchsorted(scan.values, values), 0, scan.values.size - 1)
    for start in (np.maximum(right - 1, 0), right, np.full(right.size, scan.fits.lowest)):
        found, _ = _if_lower(likelihood, found, everywhere, scan.fits.theta[start])
    return found


def with_lower_minima(likelihood: Likelihood, scan: Profile) -> Profile:
    """A profile at few values with lower minima, where fits from all over a small model's domain lead to some."""
    if not (scan.values.size and may_have_minima(likelihood, likelihood.free_without((scan.parameter,)))):
        return scan
    fits = _lowest_at(likelihood, scan, scan.values)
    lowered, _ = scan.fits.lowered(fits, np.arange(scan.values.size), _LOWER)
    return replace(scan, fits=lowered)


def _lowest_at(likelihood: Likelihood, scan: Profile, values: Sequence[float] | FloatArray) -> BatchFit:
    """The lowest fit from all over the domain with the parameter of a profile at each value, if any is known."""
    index = likelihood.index(scan.parameter)
    begin = np.vstack([likelihood.init, scan.fits.theta[scan.fits.lowest], scattered(likelihood, _END_STARTS)])
    rows = []
    for value in values:
        begin[:, index] = value
        fits = _from_all_over(likelihood, begin, (scan.parameter,))
        best = fits.lowest
        rows.append(fits.take(slice(best, best + 1)))
    return reduce(BatchFit.joined, rows)


def through(likelihood: Likelihood, scan: Profile, theta: FloatArray) -> Profile:
    """The profile with the point of a minimum (P,) among its own."""
    index = likelihood.index(scan.parameter)
    point = profile(likelihood, scan.parameter, theta[[index]], theta[None])
    values = np.append(scan.values, point.values)
    order = np.argsort(values, kind="stable")
    return Profile(scan.parameter, values[order], scan.fits.joined(point.fits).take(order))


def _from_each_other(likelihood: Likelihood, scan: Profile, left: IndexArray) -> Profile:
    """The profile with lower minima, where the fits of other points lead to some.

    2NLL may have several minima in the other parameters. All points start from the best one's parameters, and then
    from those of a neighbour where the slopes say that it lies on another branch, as far as that goes.

    Args:
        likelihood: the model.
        scan: the profile.
        left: the points that have not yet started from the best one's parameters.
    """
    best = scan.fits.theta[scan.fits.lowest]
    scan, _ = _if_lower(likelihood, scan, left, np.tile(best, (left.size, 1)))
    look = np.ones(scan.values.size - 1, dtype=bool)
    slopes = likelihood.slope(scan.fits.theta, scan.parameter)
    for _ in range(scan.values.size):
        jumps = _not_parabolic(scan, slopes, _BRANCH_ERROR, _BRANCH_PART)
        left = jumps[look[jumps]]
        if not left.size:
            break
        theta = scan.fits.theta
        scan, moved = _if_lower(likelihood, scan, left + 1, theta[left])
        scan, more = _if_lower(likelihood, scan, left, theta[left + 1])
        moved = np.union1d(moved, more)
        slopes[moved] = likelihood.slope(scan.fits.theta[moved], scan.parameter)
        look[:] = False
        look[np.clip(np.concatenate([moved - 1, moved]), 0, look.size - 1)] = True
    return scan


def _if_lower(
    likelihood: Likelihood, scan: Profile, places: IndexArray, start: FloatArray, *, patient: bool = True
) -> tuple[Profile, IndexArray]:
    """The profile with fits at some places from other starts, where they are lower; and where they are.

    A place may be named several times, with a start each: the lowest of its fits counts.
    """
    fits = profile(likelihood, scan.parameter, scan.values[places], start, patient=patient).fits
    lowered, moved = scan.fits.lowered(fits, places, _LOWER)
    return replace(scan, fits=lowered), moved


def _not_parabolic(scan: Profile, slopes: FloatArray, error: float, part: float) -> IndexArray:
    """Numbers of the intervals in which 2NLL is not known to an error and a part of its height between its points."""
    heights = np.where(scan.fits.known, scan.fits.twice_nll, np.nan)
    if not np.isfinite(heights).any():
        return np.zeros(0, dtype=np.intp)
    with np.errstate(invalid="ignore"):
        difference = np.abs(np.diff(heights) - np.diff(scan.values) * (slopes[1:] + slopes[:-1]) / 2)
        above = np.minimum(heights[1:], heights[:-1]) - np.nanmin(heights[np.isfinite(heights)])
        return np.flatnonzero(difference > error + part * above)


def height_at(likelihood: Likelihood, parameter: str, value: float, scan: Profile | None = None) -> float:
    """Profiled 2NLL at one value of a parameter; infinite where it truly is, NaN if no minimiser converges.

    Args:
        likelihood: the model.
        parameter: the parameter to hold.
        value: its value.
        scan: a profile over the domain whose lowest branch is kept to, if there is one.
    """
    at = np.array([value])
    fits = (profile(likelihood, parameter, at) if scan is None else follow(likelihood, scan, at)).fits
    if not fits.known[0]:
        fits = minuit.minimise(likelihood, start=fits.theta, fixed=(parameter,))
    return float(fits.twice_nll[0]) if fits.known[0] else float("nan")


class Crossings(NamedTuple):
    """Where a profile crosses a level.

    Attributes:
        below: the crossings below the best value, nearest first.
        above: those above it, likewise.
        problems: why a side has none although it might, a line each.
        scan: the profile, with the lower branches that were found at its crossings.
    """

    below: list[float]
    above: list[float]
    problems: tuple[str, ...]
    scan: Profile


def crossings(likelihood: Likelihood, scan: Profile, best_value: float, level: float) -> Crossings:
    """All values where the profiled 2NLL crosses a level, found by root finding.

    Heights that are not valid are left out: a crossing is sought between the next ones that are.

    Args:
        likelihood: the model.
        scan: a profile over the domain, from :func:`search`.
        best_value: the parameter at the minimum.
        level: 2NLL to cross.

    Returns:
        The crossings on either side; a side without one is empty.
    """
    found, jumps = _crossings(likelihood, scan, best_value, level)
    for _ in range(_BRANCHES):
        lower = _with_lower_branch(likelihood, scan, found.below[:1] + found.above[:1] + jumps, level)
        if lower is None:
            break
        scan = lower
        found, jumps = _crossings(likelihood, scan, best_value, level)
    return found


def reach(below: list[float], above: list[float], bounds: tuple[float, float]) -> tuple[float, float]:
    """The ends of the range that holds all values where a profile is below a level.

    Args:
        below: its crossings below the best value, nearest first.
        above: those above it, likewise.
        bounds: of the parameter, which is an end where the profile comes back below the level and stays there.
    """
    # an odd number of crossings ends above the level
    low, high = (side[-1] if len(side) % 2 else bound for side, bound in zip((below, above), bounds, strict=True))
    return low, high


def _with_lower_branch(likelihood: Likelihood, scan: Profile, ends: list[float], level: float) -> Profile | None:
    """The profile with branches that are lower at the ends of an interval, None if fits from all over find none."""
    if not ends or not may_have_minima(likelihood, likelihood.free_without((scan.parameter,))):
        return None
    fits = _lowest_at(likelihood, scan, ends)
    lower = fits.take(fits.heights < level - _LOWER * max(1.0, abs(level)))
    if not lower.twice_nll.size:
        return None
    values = np.append(scan.values, lower.theta[:, likelihood.index(scan.parameter)])
    order = np.argsort(values, kind="stable")
    joined = scan.fits.joined(lower).take(order)
    return _from_each_other(likelihood, Profile(scan.parameter, values[order], joined), np.arange(values.size))


def _crossings(likelihood: Likelihood, scan: Profile, best_value: float, level: float) -> tuple[Crossings, list[float]]:
    """See :func:`crossings`; and where fits jump over the level from one minimum to another."""
    parameter = scan.parameter
    values = np.append(scan.values, best_value)
    nearest = int(np.argmin(np.abs(scan.values - best_value)))
    theta = np.append(scan.fits.theta, scan.fits.theta[nearest : nearest + 1], axis=0)
    known = np.where(scan.fits.known, scan.fits.twice_nll, np.nan)
    heights = np.append(known, height_at(likelihood, parameter, best_value, scan)) - level
    unknown = values[np.isnan(heights)]
    order = np.argsort(values)
    order = order[~np.isnan(heights[order])]
    values, heights, theta = values[order], np.minimum(heights[order], STEEP), theta[order]
    place = np.flatnonzero(np.diff(heights > 0))
    least = scan.fits.theta[scan.fits.lowest]
    everyone = (np.tile(own, (place.size, 1)) for own in (least, likelihood.init))
    starts = np.stack([theta[place], theta[place + 1], *everyone])
    failed = np.zeros(place.size, dtype=bool)

    def height(x: FloatArray, rows: IndexArray) -> FloatArray:
        begin = starts[:, rows]  # they may end in different minima of the other parameters
        fits = profile(likelihood, parameter, np.tile(x, len(begin)), begin.reshape(-1, begin.shape[-1])).fits
        starts[:, rows] = fits.theta.reshape(begin.shape)
        each = np.where(fits.known, fits.twice_nll - level, np.nan).reshape(len(begin), x.size)
        found = np.fmin.reduce(each, axis=0)
        for i in np.flatnonzero(np.isnan(found)):
            found[i] = height_at(likelihood, parameter, float(x[i])) - level
        failed[rows] |= np.isnan(found)
        return np.where(np.isnan(found), 0.0, np.minimum(found, STEEP))  # zero ends the search

    ends = ((values[k], heights[k]) for k in (place, place + 1))
    # in units of the parameter's own size: it may be measured in 1e-10
    found = find_roots(height, *ends, relative=_ROOT, absolute=_ROOT * min(abs(best_value), 1.0))
    roots = found.x
    # where it is finite a profile is continuous: a jump is from one minimum of the other parameters to another
    allowed = max(_JUMP, _JUMP_ROUNDED * rounding(likelihood, least))
    jumps = (found.jump > allowed) & (found.jump < STEEP / 2)
    failed |= jumps
    sides = values[place] >= best_value
    lost = [bool(failed[~sides].any()), bool(failed[sides].any())]
    below = [float(root) for root in roots[~failed & (roots <= best_value)]]
    above = [float(root) for root in roots[~failed & (roots > best_value)]]
    lost[0] |= not below and bool((unknown <= best_value).any())
    lost[1] |= not above and bool((unknown >= best_value).any())
    problems = tuple(
        f"{end} end of the interval: no fit converges where 2NLL would have to be known"
        for end, missing in zip(("lower", "upper"), lost, strict=True)
        if missing
    )
    crossed = Crossings([] if lost[0] else below[::-1], [] if lost[1] else above, problems, scan)
    return crossed, [float(root) for root in roots[jumps]]
