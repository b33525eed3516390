"""Where the observed statistic crosses the critical values, and how well those ends are known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.critical_values import TIE, CriticalValue
from spec_builder.inference.roots import STEEP, find_roots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.observed import Observed

__all__ = ["Acceptance", "accept", "finer_values", "reaches_far_enough"]

#: Crossings between which the difference stays within so many of its errors are one crossing, blurred.
_BLUR = 3.0
#: Values of the second grid between two of the first.
_FINER = 8
#: A margin that no error reaches.
_SURE = 1e3


@dataclass(frozen=True)
class Acceptance:
    """Where the observed data lie below the critical values.

    Attributes:
        ends: crossings, ascending.
        accepted: whether the first value of the grid is accepted.
        errors: of the crossings: Monte Carlo, and where between grid points a jump of critical values stands.
        interval: (lower, upper), the nearest crossings on either side of the best value; None where there is none.
        interval_error: errors of these.
        jumps: crossings whose error is the jump's, which a finer grid would place.
    """

    ends: tuple[float, ...]
    errors: tuple[float, ...]
    accepted: bool
    interval: tuple[float | None, float | None]
    interval_error: tuple[float | None, float | None]
    jumps: tuple[float, ...] = ()


def accept(observed: Observed, critical: Sequence[CriticalValue], cl: float) -> Acceptance:
    """Where the observed statistic crosses the critical values, which are linear between grid points.

    How sure a value is accepted or not is told by its p-value, whose error is binomial: critical values of few counts
    jump, and order statistics beside a jump know nothing of it.

    Args:
        observed: the observed data; their statistic is exact everywhere.
        critical: on a grid of ascending values.
        cl: confidence level.
    """
    values, levels, heights, margins = _with_hidden_minima(observed, critical, cl)
    difference = heights - levels - TIE
    outside = difference > 0
    place = np.flatnonzero(outside[1:] != outside[:-1])
    ends: list[float] = []
    ties = np.abs(difference + TIE) <= TIE
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
        # where the observed statistic is itself a critical value, the line between two of them leaves it at once
        tied = ties[place] | ties[place + 1]
        inside, beyond = margins[place], margins[place + 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.nan_to_num(np.clip(inside / (inside - beyond), 0.0, 1.0), nan=0.5)
        by_p_value = values[place] + part * (values[place + 1] - values[place])
        crossed = np.where(tied, by_p_value, roots.x)
        ends = _sharpen(crossed.tolist(), place.tolist(), np.abs(margins) < _BLUR)
    moved = _end_errors(ends, values, margins)
    jumped = _jump_errors(ends, place, values, margins, ties)
    spread = [math.hypot(*both) for both in zip(moved, jumped, strict=True)]
    lower, upper = observed.nearest(ends)
    by_end: dict[float | None, float] = dict(zip(ends, spread, strict=True))
    return Acceptance(
        tuple(ends),
        tuple(spread),
        not bool(outside[0]),
        (lower, upper),
        (by_end.get(lower), by_end.get(upper)),
        tuple(end for end, jump, move in zip(ends, jumped, moved, strict=True) if jump > move),
    )


def finer_values(values: FloatArray, jumps: Sequence[float]) -> FloatArray:
    """Values of a second grid: between the two of the first one beside each end that a jump hides.

    Args:
        values: of the first grid, ascending.
        jumps: ends.

    Examples:
        >>> finer_values(np.array([0.0, 9.0, 18.0]), [10.5]).tolist()
        [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]
    """
    left = np.unique(np.clip(np.searchsorted(values, jumps, side="right") - 1, 0, values.size - 2))
    parts = np.arange(1, _FINER + 1) / (_FINER + 1)
    finer: FloatArray = (values[left, None] + parts * np.diff(values)[left, None]).ravel()
    return finer


def _with_hidden_minima(
    observed: Observed, critical: Sequence[CriticalValue], cl: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Values, critical values, observed statistics and margins on a grid, shape (G,) each.

    The margin is what the p-value is above that of an end, in its standard deviations. Of a minimum that is accepted
    between two values that are not, the place stands in the grid too.
    """
    values, levels, errors, heights, p_values, toys = (
        np.array([getattr(point, name) for point in critical])
        for name in ("value", "critical", "error", "observed", "p_value", "toys")
    )
    margins = (p_values - (1 - cl)) / np.sqrt(cl * (1 - cl) / toys)
    outside = heights > levels + TIE
    more = np.setdiff1d([observed.value, *observed.minima(np.inf)], values)
    more = more[(more > values[0]) & (more < values[-1])]
    left = np.searchsorted(values, more) - 1
    more = more[outside[left] & outside[left + 1]]
    more_heights = observed.statistic(more)
    more_levels, more_errors = (np.interp(more, values, own) for own in (levels, errors))
    hidden = more_heights <= more_levels + TIE
    # no toys are thrown there: what it is below the critical value, in errors of that
    with np.errstate(divide="ignore"):
        more_margins = np.minimum((more_levels + TIE - more_heights) / more_errors, _SURE)[hidden]
    whole = np.append(values, more[hidden])
    order = np.argsort(whole)
    whole = whole[order]
    known = np.append(heights, more_heights[hidden])[order], np.append(margins, more_margins)[order]
    return whole, np.interp(whole, values, levels), *known


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


def _end_errors(ends: list[float], values: FloatArray, margins: FloatArray) -> list[float]:
    """By how much the accepted length around each of the ends changes when p-values move by their errors.

    All move together: where they stay close to that of an end over many grid points, as those of few counts do, each of
    these points is as likely on the wrong side, and errors that averaged out over them would say too little.
    """
    borders = (np.array(ends[1:]) + np.array(ends[:-1])) / 2
    near = np.searchsorted(borders, (values[1:] + values[:-1]) / 2)
    lengths = []
    for moved in (margins + 1.0, margins - 1.0):
        left, right = np.maximum(moved[:-1], 0.0), np.maximum(moved[1:], 0.0)
        change = np.abs(moved[:-1]) + np.abs(moved[1:])
        part = np.divide(left + right, change, out=np.zeros_like(change), where=change > 0)
        lengths.append(np.bincount(near, part * np.diff(values), minlength=len(ends)))
    return [float(more - less) / 2 for more, less in zip(*lengths, strict=True)] if ends else []


def _jump_errors(
    ends: list[float], place: IndexArray, values: FloatArray, margins: FloatArray, ties: BoolArray
) -> list[float]:
    """What is not known of the ends because p-values may jump between grid points, as those of few counts do.

    A jump is what a step of the p-values has beyond the steps beside it and their errors. It stands anywhere between
    the two grid points: the end's distance to a place there, root mean square, counts by the jump's part of the change
    that makes the crossing. Where the observed statistic is itself a critical value data are discrete, and all of it is
    a jump.
    """
    steps = np.diff(margins)
    found = []
    for end in ends:
        i = int(place[np.argmin(np.maximum(values[place] - end, end - values[place + 1]))])
        beside = np.median(steps[max(i - 1, 0) : i + 2])
        jump = math.sqrt(max(float(steps[i] - beside) ** 2 - 2.0, 0.0))  # a step of two margins has variance two
        change = abs(float(steps[i]))
        part = 1.0 if ties[i : i + 2].any() else min(jump / change, 1.0) if change > 0 else 0.0
        left, right = end - values[i], values[i + 1] - end
        found.append(part * math.sqrt(max(left**3 + right**3, 0.0) / (3 * (left + right))))
    return found
