"""Profiled 2NLL against the coupling at each of several mediator masses, its extrema found and refined."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.global_minima import keep_lower
from spec_builder.inference.newton import least_counts, minimise
from spec_builder.inference.roots import STEEP, find_roots
from spec_builder.inference.rows import take_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.data import Problem, Yields
    from spec_builder.inference.minima import BatchFit

__all__ = [
    "Curves",
    "Interval",
    "first_of_lowest",
    "natural_x",
    "polynomial_yields",
    "relative_couplings",
    "total_events",
]

#: Between two values of the parameter. None is no end.
Interval = tuple[float | None, float | None]

#: Couplings of the scan in units of the one whose g^4 term equals the Standard Model: dense where the new physics
#: is of its size, sparse where a limit at an unusual confidence level may lie.
_RELATIVE_COUPLINGS = np.unique(
    np.concatenate([np.logspace(-2, -0.5, 10), np.logspace(-0.5, 0.5, 35), np.logspace(0.5, 1.5, 5)])
)
#: They reach at least to where the highest term is this many times the signal, the data, and ten events.
_FARTHEST = 1e6
#: What stands for infinity in the search for roots.
#: Tolerances of an extremum and of a crossing, in parts of the coupling.
_EXTREMUM, _CROSSING = 1e-8, 1e-12
#: Heights that differ by no more are the same.
_FLAT = 1e-9
#: Step of x for derivatives where shapes change with it, in parts of x or of its natural size.
_STEP = 1e-5


def polynomial_yields(coefficients: FloatArray, mass: IndexArray, g: FloatArray) -> FloatArray:
    """Events per bin, shape (N, bins), at couplings g (N,) and masses given by their index (N,)."""
    x = (g * g)[:, None]
    n0, n1, n2 = coefficients
    events: FloatArray = n0[mass] + x * (n1[mass] + x * n2[mass])
    return events


def total_events(signal: Mapping[str, Yields]) -> FloatArray:
    """n0, n1 and n2 summed over samples and bins, shape (3, M)."""
    total: FloatArray = np.sum([own.nominal.sum(axis=2) for own in signal.values()], axis=0)
    return total


def natural_x(total: FloatArray) -> FloatArray:
    """The x at which the new physics is of the Standard Model's size, shape (M,): n2 x^2 = n0, or n1 x without n2.

    Args:
        total: n0, n1 and n2, shape (3, M).
    """
    n0, n1, n2 = total
    with np.errstate(divide="ignore", invalid="ignore"):
        x: FloatArray = np.where(n2 > 0, np.sqrt(n0 / n2), np.abs(n0 / n1))
    return x


def relative_couplings(total: FloatArray, observed: float) -> FloatArray:
    """Square roots of the scan's x in units of :func:`natural_x`, for data of so many events.

    Args:
        total: n0, n1 and n2, shape (3, M).
        observed: events.
    """
    n0, _, n2 = total
    events, power = float(n0.max()), 0.25 if (n2 > 0).all() else 0.5
    last = float(_RELATIVE_COUPLINGS[-1])
    top = max(last, (_FARTHEST * max(events, observed, 10.0) / events) ** power)
    count = int(np.ceil(2 * np.log10(top / last)))
    return np.concatenate([_RELATIVE_COUPLINGS, np.geomspace(last, top, count + 1)[1:]])


def first_of_lowest(heights: FloatArray) -> IndexArray:
    """Along the last axis, the first of those within 1e-9 of the minimum: where 2NLL is flat, rounding must not choose.

    Examples:
        >>> first_of_lowest(np.array([[3.0, 1.0 + 1e-12, 1.0], [2.0, 1.0, 4.0]])).tolist()
        [1, 1]
    """
    least = np.min(heights, axis=-1, keepdims=True)
    first: IndexArray = np.argmax(heights <= least + _FLAT, axis=-1)
    return first


def _least(heights: FloatArray, values: FloatArray) -> int:
    """Number of the lowest of a curve's points; where others are as low, but not beside it, that nearest to zero."""
    lowest = int(np.argmin(heights))
    level = np.flatnonzero(heights <= heights[lowest] + _FLAT)
    nearest = int(level[np.argmin(np.abs(values[level]))])
    return lowest if abs(nearest - lowest) <= 1 else nearest


class _Points(NamedTuple):
    """Points of the curves, N in all.

    Attributes:
        mass: number of the mass, shape (N,).
        value: of the parameter, shape (N,).
        height: profiled 2NLL, shape (N,).
        theta: parameters at the minimum, shape (N, P).
    """

    mass: IndexArray
    value: FloatArray
    height: FloatArray
    theta: FloatArray

    def with_more(self, more: _Points) -> _Points:
        """These and others, by mass and then by value."""
        joined = _Points(
            np.concatenate([self.mass, more.mass]),
            np.concatenate([self.value, more.value]),
            np.concatenate([self.height, more.height]),
            np.concatenate([self.theta, more.theta]),
        )
        order = np.lexsort((joined.value, joined.mass))
        return _Points(joined.mass[order], joined.value[order], joined.height[order], joined.theta[order])

    def neighbours(self) -> BoolArray:
        """Whether a point and the next are of the same mass, shape (N - 1,)."""
        return np.equal(self.mass[:-1], self.mass[1:])


class Curves:
    """Profiled 2NLL against the parameter at each of M masses: a scan, with the extrema between its points inserted.

    The parameter runs from zero upwards, or over both signs.

    Args:
        problem: the model and the data.
        signal: the yields at the M masses.

    Attributes:
        valid: every fit at a mass converged, shape (M,).
        standard_model: 2NLL without new physics, shape (M,).
        best: the parameter at each mass's minimum, shape (M,).
        minimum: 2NLL there, shape (M,).
    """

    def __init__(self, problem: Problem, signal: Mapping[str, Yields]) -> None:
        self._problem, self._signal = problem, signal
        total = total_events(signal)
        self._natural_x = natural_x(total)
        values = self._scan_values(relative_couplings(total, float(problem.observed.sum())))
        count = len(values)
        scan, known = self._scan(values)
        self.valid = np.ones(count, dtype=bool)
        np.logical_and.at(self.valid, scan.mass, known)
        self._points = scan
        self.standard_model = scan.height[scan.value == 0]
        self._insert_extrema(self._slopes(scan))
        starts = np.searchsorted(self._points.mass, np.arange(count))
        ends = np.append(starts[1:], self._points.mass.size)
        height, value = self._points.height, self._points.value
        best = np.array([a + _least(height[a:b], value[a:b]) for a, b in zip(starts, ends, strict=True)])
        self.best, self.minimum = self._points.value[best], self._points.height[best]

    def _scan_values(self, relative: FloatArray) -> FloatArray:
        """Values of the scan, shape (M, C), with zero among them."""
        zero = np.zeros((self._natural_x.size, 1))
        if not self._problem.signed:
            return np.concatenate([zero, np.sqrt(self._natural_x)[:, None] * relative], axis=1)
        positive = self._natural_x[:, None] * relative**2
        return np.concatenate([-positive[:, ::-1], zero, positive], axis=1)

    def _scan(self, values: FloatArray) -> tuple[_Points, BoolArray]:
        """Fit at the values (M, C), each mass' in ascending order: the points, and whether each is known.

        A fit that does not converge starts again where that of the next value nearer to zero has ended. Far out that
        is the end of a narrow valley, in which the pulls take the signal away.
        """
        count, each = values.shape
        mass, value = np.repeat(np.arange(count), each), values.ravel()
        init = self._problem.likelihood.init
        fits = self._fit(mass, value, np.broadcast_to(init, (mass.size, init.size)))
        inwards = np.arange(mass.size) - np.sign(value).astype(np.intp)
        for column in np.argsort(np.abs(values[0]), kind="stable"):
            rows = np.arange(count) * each + column
            late = rows[~fits.known[rows] & fits.known[inwards[rows]]]
            if late.size:
                fits = keep_lower(fits, late, self._fit(mass[late], value[late], fits.theta[inwards[late]]))
        return _Points(mass, value, fits.twice_nll, fits.theta), fits.known

    def _fit(self, mass: IndexArray, value: FloatArray, start: FloatArray) -> BatchFit:
        rows = self._problem.rows(self._signal, mass, self._problem.x(value))
        return minimise(self._problem.likelihood, start=start, rows=rows)

    def _profile(self, mass: IndexArray, value: FloatArray, start: FloatArray) -> _Points:
        """Fit at values (N,) of the parameter, from start values (N, P)."""
        fits = self._fit(mass, value, start)
        np.logical_and.at(self.valid, mass, fits.known)
        return _Points(mass, value, fits.twice_nll, fits.theta)

    def _slopes(self, points: _Points) -> FloatArray:
        """Derivatives of the profiled 2NLL in x, shape (N,): those at fixed parameters, which are at their best.

        Where a rate without a count vanishes at the minimum, what keeps it from being negative has a slope too: that of
        the minimiser's least counts.
        """
        likelihood, x = self._problem.likelihood, self._problem.x(points.value)
        theta = np.ascontiguousarray(points.theta.T)
        if any(own.variations for own in self._signal.values()):
            return self._slopes_with_shapes(points.mass, x, theta)
        layout, arrays = take_apart(likelihood, self._problem.rows(self._signal, points.mass, x))
        least = least_counts(likelihood, theta, layout, arrays)
        engine = likelihood.engine((), layout)
        gradients = engine.column_gradient(theta, arrays, least)
        slope = np.zeros(x.size)
        for own, gradient in zip(self._signal.values(), gradients, strict=True):
            _, n1, n2 = own.nominal[:, points.mass]
            change = n1.T + 2 * x * n2.T
            # where a rate vanishes under a count the slope is infinite, but not if nothing changes there
            slope += np.sum(np.where(change != 0, gradient, 0.0) * change, axis=0)
        return np.clip(slope, -STEEP, STEEP)

    def _slopes_with_shapes(self, mass: IndexArray, x: FloatArray, theta: FloatArray) -> FloatArray:
        """The same where shapes change with x: by the rates on either side of it, at parameters theta (P, N)."""
        likelihood, count = self._problem.likelihood, x.size
        step = _STEP * np.maximum(np.abs(x), _STEP * self._natural_x[mass])
        # taken apart together: which parts of a shape are zero, up to rounding, may differ beside x
        rows = self._problem.rows(self._signal, np.tile(mass, 3), np.concatenate([x, x + step, x - step]))
        layout, arrays = take_apart(likelihood, rows)
        here, above, below = (arrays.take(slice(i * count, (i + 1) * count)) for i in range(3))
        least = least_counts(likelihood, theta, layout, here)
        engine = likelihood.engine((), layout)
        change = (engine.rates(theta, above) - engine.rates(theta, below)) / (2 * step)
        gradient = engine.rate_gradient(theta, here, least)
        slope = np.sum(np.where(change != 0, gradient, 0.0) * change, axis=0)
        bounded: FloatArray = np.clip(slope, -STEEP, STEEP)
        return bounded

    def _insert_extrema(self, slopes: FloatArray) -> None:
        """Insert the places where the slope changes its sign."""
        left, right = slopes[:-1], slopes[1:]
        changes = ((left < 0) & (right > 0)) | ((left > 0) & (right < 0))
        places = np.flatnonzero(changes & self._points.neighbours())
        extrema = self._roots(places, (left[places], right[places]), self._slopes, _EXTREMUM)
        self._points = self._points.with_more(extrema)

    def _roots(
        self,
        places: IndexArray,
        ends: tuple[FloatArray, FloatArray],
        function: Callable[[_Points], FloatArray],
        tolerance: float,
    ) -> _Points:
        """Roots of a function of the points, each between one of the points and the next, where it has these values."""
        known = self._points
        mass, start = known.mass[places], known.theta[places]

        def at(value: FloatArray, rows: IndexArray) -> FloatArray:
            found = self._profile(mass[rows], value, start[rows])
            start[rows] = found.theta
            return function(found)

        left, right = known.value[places], known.value[places + 1]
        roots = find_roots(at, (left, ends[0]), (right, ends[1]), relative=tolerance)
        np.logical_and.at(self.valid, mass, roots.found)
        return self._profile(mass, roots.x, start)

    def end(self, mass: int, *, low: bool = False) -> tuple[float, FloatArray]:
        """The highest value of the parameter at a mass that is looked at, or the lowest, and the minimum (P,) there."""
        first, beyond = np.searchsorted(self._points.mass, (mass, mass + 1))
        place = first if low else beyond - 1
        return float(self._points.value[place]), self._points.theta[place]

    def refuse_infinite(self) -> None:
        """Refuse a model that allows no finite 2NLL.

        Raises:
            SpecBuilderError: naming the bin with counts in which nothing is expected, if that is why.
        """
        bad = np.flatnonzero(~np.isfinite(self.minimum))
        if bad.size:
            farthest = self._points.value[self._points.mass == bad[0]][-1:]
            rows = self._problem.rows(self._signal, bad[:1], self._problem.x(farthest))
            likelihood = self._problem.likelihood
            why = likelihood.impossible_bin(*take_apart(likelihood, rows))
            raise SpecBuilderError(why or "2NLL is not finite at any coupling: a rate is negative or zero")

    def grid(self, values: FloatArray) -> BatchFit:
        """Minima at values (G,) of the parameter at each mass, mass by mass: the fits start between the curves' points.

        Args:
            values: in ascending order.
        """
        known = self._points
        count = self.valid.size
        place, after = np.empty((2, count, values.size), dtype=np.intp)
        for mass in range(count):
            first, end = np.searchsorted(known.mass, (mass, mass + 1))
            place[mass] = first - 1 + np.searchsorted(known.value[first:end], values, side="right")
            place[mass] = np.maximum(place[mass], first)
            after[mass] = np.minimum(place[mass] + 1, end - 1)
        here, there = place.ravel(), after.ravel()
        value = np.tile(values, count)
        distance = known.value[there] - known.value[here]
        part = np.divide(value - known.value[here], distance, out=np.zeros_like(value), where=distance > 0)[:, None]
        start = (1 - part) * known.theta[here] + part * known.theta[there]
        return self._fit(known.mass[here], value, start)

    def excluded(self, level: FloatArray) -> list[list[Interval]]:
        """Intervals of the parameter where 2NLL is above a level, shape (M,), at each mass."""
        known = self._points
        height = np.minimum(known.height - level[known.mass], STEEP)
        above = height > 0
        places = np.flatnonzero((above[:-1] != above[1:]) & known.neighbours())

        def heights(points: _Points) -> FloatArray:
            return np.minimum(points.height - level[points.mass], STEEP)

        roots = self._roots(places, (height[places], height[places + 1]), heights, _CROSSING)
        first = None if self._problem.signed else 0.0
        intervals: list[list[Interval]] = []
        for mass in range(self.valid.size):
            edges: list[float | None] = roots.value[roots.mass == mass].tolist()
            if above[np.searchsorted(known.mass, mass)]:
                edges.insert(0, first)
            ends = edges[1::2]
            if len(edges) % 2:
                ends.append(None)
            intervals.append(list(zip(edges[::2], ends, strict=True)))
        return intervals
