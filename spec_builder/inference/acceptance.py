"""Where the observed statistic crosses the critical values, and how well those ends are known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.critical_values import TIE, CriticalValue
from spec_builder.inference.roots import STEEP, find_roots
from spec_builder.inference.toys import ERROR_STREAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.observed import Observed

__all__ = ["Acceptance", "accept", "reaches_far_enough", "smooth_errors"]

#: Crossings between which the difference stays within so many of its errors are one crossing, blurred.
_BLUR = 3.0
#: Resamplings of the critical values for the error of an interval's end.
_RESAMPLINGS = 400
#: Grid points over which the errors of critical values are averaged.
_NEIGHBOURS = 7


@dataclass(frozen=True)
class Acceptance:
    """Where the observed data lie below the critical values.

    Attributes:
        ends: crossings, ascending.
        accepted: whether the first value of the grid is accepted.
        errors: of the crossings: Monte Carlo, and where between grid points a jump of critical values stands.
        interval: (lower, upper), the nearest crossings on either side of the best value; None where there is none.
        interval_error: errors of these.
    """

    ends: tuple[float, ...]
    errors: tuple[float, ...]
    accepted: bool
    interval: tuple[float | None, float | None]
    interval_error: tuple[float | None, float | None]


def accept(observed: Observed, critical: Sequence[CriticalValue], seed: int) -> Acceptance:
    """Where the observed statistic crosses the critical values, which are linear between grid points.

    Args:
        observed: the observed data; their statistic is exact everywhere.
        critical: on a grid of ascending values.
        seed: of the resamplings that errors come from.
    """
    values, levels, errors, heights = _with_hidden_minima(observed, critical)
    difference = heights - levels - TIE
    outside = difference > 0
    place = np.flatnonzero(outside[1:] != outside[:-1])
    ends: list[float] = []
    if place.size:

        def height(at: FloatArray, row: IndexArray) -> FloatArray:
            del row
            above: FloatArray = np.minimum(observed.statistic(at) - np.interp(at, values, levels) - TIE, STEEP)
            return above

        bounded = np.minimum(difference, STEEP)
        roots = find_roots(
            height,
            (values[place], bounded[place]),
            (values[place + 1], bounded[place + 1]),
            relative=1e-9,
            absolute=observed.least,
        )
        ends = _sharpen(roots.x.tolist(), place.tolist(), np.abs(difference) < _BLUR * errors)
    smooth = smooth_errors(errors)
    moved = _end_errors(ends, values, difference, smooth, seed)
    jumped = _jump_errors(ends, place, (values, levels, smooth), difference)
    spread = [math.hypot(*both) for both in zip(moved, jumped, strict=True)]
    lower, upper = observed.nearest(ends)
    by_end: dict[float | None, float] = dict(zip(ends, spread, strict=True))
    return Acceptance(
        tuple(ends),
        tuple(spread),
        not bool(outside[0]),
        (lower, upper),
        (by_end.get(lower), by_end.get(upper)),
    )


def _with_hidden_minima(
    observed: Observed, critical: Sequence[CriticalValue]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Values, critical values, their errors and observed statistics on a grid, shape (G,) each.

    Of a minimum that is accepted between two values that are not, the place stands in the grid too.
    """
    values, levels, errors, heights = (
        np.array([getattr(point, name) for point in critical]) for name in ("value", "critical", "error", "observed")
    )
    outside = heights > levels + TIE
    more = np.setdiff1d([observed.value, *observed.minima(np.inf)], values)
    more = more[(more > values[0]) & (more < values[-1])]
    left = np.searchsorted(values, more) - 1
    more = more[outside[left] & outside[left + 1]]
    more_heights = observed.statistic(more)
    hidden = more_heights <= np.interp(more, values, levels) + TIE
    whole = np.append(values, more[hidden])
    order = np.argsort(whole)
    whole = whole[order]
    between = np.interp(whole, values, levels), np.interp(whole, values, errors)
    return whole, *between, np.append(heights, more_heights[hidden])[order]


def reaches_far_enough(observed: Observed, critical: Sequence[CriticalValue]) -> bool:
    """Whether nothing changes beyond a grid: all of it is accepted there, or nothing, as at the grid's end.

    Args:
        observed: the observed data.
        critical: on a grid of ascending values; beyond, its first and last critical values stand for those there.
    """
    for edge, beyond in ((critical[0], observed.heights_below), (critical[-1], observed.heights_above)):
        outside = ~(beyond(edge.value) <= edge.critical + TIE)
        if (outside != (edge.observed > edge.critical + TIE)).any():
            return False
    return True


def _sharpen(ends: list[float], place: list[int], unsure: BoolArray) -> list[float]:
    """Crossings of which those that lie together within the errors are one, or none if their number is even.

    The one is where the accepted length stays the same.
    """
    groups: list[list[float]] = []
    for i, end in enumerate(ends):
        together = i > 0 and bool(unsure[place[i - 1] + 1 : place[i] + 1].all())
        if together:
            groups[-1].append(end)
        else:
            groups.append([end])
    return [sum(group[::2]) - sum(group[1::2]) for group in groups if len(group) % 2]


def smooth_errors(errors: FloatArray) -> FloatArray:
    """Root mean square over neighbours on the grid: an error from order statistics is not well known itself."""
    window = np.ones(min(_NEIGHBOURS, errors.size))
    weight = np.convolve(np.ones(errors.size), window, mode="same")
    smooth: FloatArray = np.sqrt(np.convolve(errors**2, window, mode="same") / weight)
    return smooth


def _end_errors(
    ends: list[float], values: FloatArray, difference: FloatArray, errors: FloatArray, seed: int
) -> list[float]:
    """Standard deviations of the accepted length around each of the ends when critical values move."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(ERROR_STREAM,)))
    moved = np.minimum(difference, STEEP) + errors * generator.normal(size=(_RESAMPLINGS, values.size))
    left, right = np.maximum(-moved[:, :-1], 0.0), np.maximum(-moved[:, 1:], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (left + right) / (np.abs(moved[:, :-1]) + np.abs(moved[:, 1:]))
    lengths = np.nan_to_num(part) * np.diff(values)
    borders = (np.array(ends[1:]) + np.array(ends[:-1])) / 2
    near = np.searchsorted(borders, (values[1:] + values[:-1]) / 2)
    return [float(np.std(lengths[:, near == i].sum(axis=1))) for i in range(len(ends))]


def _jump_errors(
    ends: list[float], place: IndexArray, grid: tuple[FloatArray, FloatArray, FloatArray], difference: FloatArray
) -> list[float]:
    """What is not known of the ends because critical values may jump between grid points, as those of few counts do.

    A jump is what a step of the critical values has beyond the steps beside it and its errors. It stands anywhere
    between the two grid points: the end's distance to a place there, root mean square, counts by the jump's part of
    the change that makes the crossing. Where the observed statistic is itself a critical value all of it does: the
    line between leaves it at once.
    """
    values, levels, errors = grid
    steps = np.diff(levels)
    found = []
    for end in ends:
        i = int(place[np.argmin(np.maximum(values[place] - end, end - values[place + 1]))])
        beside = np.median(steps[max(i - 1, 0) : i + 2])
        jump = max(abs(float(steps[i] - beside)) - float(errors[i] + errors[i + 1]), 0.0)
        change = abs(float(difference[i + 1] - difference[i]))
        at_tie = bool((np.abs(difference[i : i + 2] + TIE) <= TIE).any())
        part = 1.0 if at_tie else min(jump / change, 1.0) if 0 < change < np.inf else 0.0
        left, right = end - values[i], values[i + 1] - end
        found.append(part * math.sqrt(max(left**3 + right**3, 0.0) / (3 * (left + right))))
    return found
