"""Batched minimisation of 2NLL: damped Newton with bounds, for grids of parameter points and toys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import chdtrc

from spec_builder.inference import compiled, descent
from spec_builder.inference.descent import EDM_VALID, ROUNDED, UNFINISHED, run, run_damped
from spec_builder.inference.minima import IMPOSSIBLE, NOT_FINITE, BatchFit, is_lower
from spec_builder.inference.rows import FIXED, Rows, saturated, take_apart
from spec_builder.inference.saddles import off_saddles
from spec_builder.inference.starts import scattered, some_bend_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.histfactory.interpolation import Factor
    from spec_builder.histfactory.specification import Term
    from spec_builder.inference.engine import Engine
    from spec_builder.inference.jacobian import JacobianEngine
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.packing import PackedModel
    from spec_builder.inference.rows import Layout, RowArrays

    #: Parameters (P, N), 2NLL, EDM and reason (N,) of rows.
    _Found: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, IndexArray]

__all__ = ["given_rows", "least_counts", "minimise", "starting_points"]

#: Rows worked on together, or a multiple of them.
BATCH = 2048
#: Count in bins without any while a minimum is sought: it keeps rates that may vanish above zero.
_BARRIER = 1e-9
#: Barriers of another attempt where it is not enough, before the last.
_BARRIERS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
#: Counts that are many; with how few a minimum is sought that steps from the start do not find, and how often as many
#: they become.
_MANY_COUNTS, _FEW_COUNTS, _MORE_COUNTS = 1e4, 100.0, 10**0.5
#: Start values that must not be on a bound are moved inside by this part of the parameter's domain.
INSIDE = 1e-3
#: A parameter so near to its bound, in parts of its domain, is set to it if 2NLL is not higher there.
NEAR = 1e-5
#: Parts of the way from a start where a rate is not positive to the model's own, on which one is looked for.
_PARTS = tuple(4.0**-k for k in range(10, 0, -1))
#: Points of the domain that are tried as starts where no other has positive rates.
_ELSEWHERE = 64
#: Points all over the domain where rows start too whose shapes bend back, and how many more where the fit is poor: its
#: p-value, with a degree of freedom for each bin, is below this. By trial half as many miss twice as many minima.
_STARTS, _MORE_STARTS, _POOR = 8, 64, 1e-3
#: Another minimum is lower by more than this.
_LOWER = 1e-9
#: EDM up to which a row may stand on a saddle.
_SADDLE_EDM = 1e-6


def minimise(
    likelihood: Likelihood,
    *,
    start: FloatArray | None = None,
    fixed: tuple[str, ...] = (),
    rows: Rows | None = None,
    sample: str | None = None,
    yields: FloatArray | None = None,
    patient: bool = True,
) -> BatchFit:
    """Minimise 2NLL at many points.

    Args:
        likelihood: the model.
        start: start values, and the values of fixed parameters, shape (N, P); the model's own by default, and where
            a rate is not positive there.
        fixed: parameters to keep at their start, beside those that the model fixes.
        rows: what the points have of their own.
        sample: a sample whose nominal yields differ from point to point: short for rows with these yields.
        yields: its events per bin, shape (N, bins).
        patient: go on with rows that Newton's steps do not end; not where many starts are tried.

    Returns:
        A row for each point.

    Raises:
        SpecBuilderError: for rows that do not fit the model.
    """
    rows = given_rows(rows, sample, yields)
    free = list(likelihood.free_without(fixed))
    layout, arrays = take_apart(likelihood, rows)
    theta = np.ascontiguousarray(starting_points(likelihood, start, rows, free).T)
    lower, upper = likelihood.bounds[:, free]
    own = likelihood.init[free]
    margin = INSIDE * (upper - lower)
    library = compiled.chosen_library()
    packed = None if library is None else likelihood.packed(tuple(free), layout)
    model = _Model(likelihood, tuple(free), layout, library, packed, patient)
    value, edm, reason = model.minimise(theta, arrays)
    lost = ~np.isfinite(value)
    never_began = np.flatnonzero(lost)
    if lost.any():
        parts = arrays.take(lost)
        empty = model.nothing_expected(theta[:, lost], parts)
        reason[lost] = np.where((empty & (model.observed(parts) > 0)).any(axis=0), IMPOSSIBLE, NOT_FINITE)
    # a rate is not positive where the others start: once more, from the first point on the way to the model's own start
    # values where all are, and inside the bounds
    for begin in (own, np.clip(own, lower + margin, upper - margin)):
        lost = reason == NOT_FINITE
        again = theta[:, lost]
        if (again[free] == begin[:, None]).all():
            continue
        model.go_towards(begin, again, arrays.take(lost))
        value[lost], edm[lost], reason[lost] = model.minimise(again, arrays.take(lost))
        theta[:, lost] = again
        reason[~np.isfinite(value) & (reason != IMPOSSIBLE)] = NOT_FINITE
    if patient:
        model.start_elsewhere((theta, value, edm, reason), arrays)
    if start is None:
        model.start_all_over((theta, value, edm, reason), arrays)
    elif never_began.size:
        given = np.ascontiguousarray(starting_points(likelihood, start, rows, free)[never_began].T)
        model.return_to(given, never_began, (theta, value, edm, reason), arrays)
    inside = theta[free]
    at_bound = ((inside <= lower[:, None]) | (inside >= upper[:, None])).any(axis=0)
    reason = np.where(np.isfinite(value) | (reason == IMPOSSIBLE), reason, NOT_FINITE)
    return BatchFit(value, theta.T, edm, reason, at_bound)


def least_counts(likelihood: Likelihood, theta: FloatArray, layout: Layout, arrays: RowArrays) -> FloatArray:
    """The least counts with which minima are sought, shape (bins, 1): zero where no rate can be negative.

    With them 2NLL has slope zero at a minimum where a rate vanishes.

    Args:
        likelihood: the model, its free parameters fitted.
        theta: all parameters, shape (P, N).
        layout: what comes by row.
        arrays: it.
    """
    model = _Model(likelihood, likelihood.free, layout, None, None, patient=True)
    return model.barrier(theta, arrays)


@dataclass(frozen=True)
class _Model:
    """A model for the engine that the user has or wants, and what it needs where bins are empty."""

    likelihood: Likelihood
    free: tuple[int, ...]
    layout: Layout
    library: compiled.Library | None
    packed: PackedModel | None
    patient: bool

    @property
    def engine(self) -> Engine | JacobianEngine:
        """The model for numpy."""
        return self.likelihood.engine(self.free, self.layout)

    def observed(self, arrays: RowArrays) -> FloatArray:
        """Counts, shape (bins, N or 1)."""
        return self.likelihood.observed[:, None] if arrays.observed is None else arrays.observed

    def barrier(self, theta: FloatArray, arrays: RowArrays) -> FloatArray:
        """Least counts that keep rates above zero which might be negative, shape (bins, 1)."""
        return np.where(self._never_negative(theta, arrays), 0.0, _BARRIER)[:, None]

    def nothing_expected(self, theta: FloatArray, arrays: RowArrays) -> BoolArray:
        """See :meth:`spec_builder.inference.likelihood.Likelihood.nothing_expected`."""
        return self.likelihood.nothing_expected(theta, self.free, self.layout, arrays)

    def minimise(self, theta: FloatArray, arrays: RowArrays) -> tuple[FloatArray, FloatArray, IndexArray]:
        """2NLL, EDM and reason, shape (N,) each, of the minima that start from theta (P, N), which becomes theirs."""
        nothing = np.zeros((1, 1))
        start = theta.copy()
        if not (self.observed(arrays) == 0).any():
            value, edm, reason = self.descend(theta, arrays, nothing)
            self._leave_saddles((theta, value, edm, reason), arrays, nothing)
            self._grow(start, (theta, value, edm, reason), arrays, nothing)
            self._take_care((theta, value, edm, reason), arrays, (nothing, nothing))
            return value, edm, reason
        barrier = self.barrier(theta, arrays)
        without = (self.observed(arrays) == 0).any(axis=0)
        some = np.broadcast_to(without, theta.shape[1:])
        empty = self.nothing_expected(theta[:, some], arrays.take(some))
        possible = np.ones_like(barrier)
        if empty.any():
            possible = np.ones((len(barrier), theta.shape[1]))
            possible[:, some] *= ~empty
            barrier = barrier * possible
        value, edm, reason = self.descend(theta, arrays, barrier)
        self._leave_saddles((theta, value, edm, reason), arrays, barrier)
        self._grow(start, (theta, value, edm, reason), arrays, barrier)
        self._come_down(start, (theta, value, edm, reason), arrays, (barrier, possible))
        self._take_care((theta, value, edm, reason), arrays, (barrier, possible))
        left = reason != 0
        if barrier.any() and left.any():
            # a minimum on a bound where a rate vanishes: the barrier only keeps it away
            there = theta[:, left]
            results = self.descend(there, arrays.take(left), nothing)
            _take_over((theta, value, edm, reason), np.flatnonzero(left), (there, *results), results[2] == 0)
        value[:] = self._bare(value, theta, arrays)
        self._settle(theta, arrays, value)
        return value, edm, reason

    def go_towards(self, end: FloatArray, theta: FloatArray, arrays: RowArrays) -> None:
        """Move rows on the way to a point, as far as all rates are positive, or to its end.

        Where 2NLL is least at a rate of zero, a start from a fit nearby may lie beyond it: the way back is short, and
        from far away the fit may end in another minimum.

        Args:
            end: the free parameters there, shape (F,).
            theta: all parameters, shape (P, N), overwritten.
            arrays: what the rows have of their own.
        """
        free = list(self.free)
        begin, left = theta.copy(), np.arange(theta.shape[1])
        theta[free] = end[:, None]
        never = self.engine.rates(theta, arrays) == 0
        for part in _PARTS:
            there, own = begin[:, left], arrays.take(left)
            there[free] += part * (end[:, None] - there[free])
            rates = self.engine.rates(there, own)
            positive = ((rates > 0) | ((rates == 0) & never[:, left])).all(axis=0)
            theta[:, left[positive]] = there[:, positive]
            left = left[~positive]

    def start_elsewhere(self, found: _Found, arrays: RowArrays) -> None:
        """Fit rows whose rates are not positive at any start so far: from the best of points all over the domain.

        Args:
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where a point has positive rates.
            arrays: what the rows have of their own.
        """
        theta = found[0]
        lost = np.flatnonzero(found[-1] == NOT_FINITE)
        for begin in range(0, lost.size, BATCH // _ELSEWHERE):
            some = lost[begin : begin + BATCH // _ELSEWHERE]
            points = np.repeat(theta[:, some], _ELSEWHERE, axis=1)
            free = list(self.free)
            points[free] = np.tile(scattered(self.likelihood, _ELSEWHERE)[:, free].T, some.size)
            own = arrays.take(np.repeat(some, _ELSEWHERE))
            with np.errstate(all="ignore"):
                heights = self.engine(points, own, barrier=_BARRIER).value.reshape(some.size, _ELSEWHERE)
            best = np.argmin(np.where(np.isfinite(heights), heights, np.inf), axis=1)
            there = points[:, np.arange(some.size) * _ELSEWHERE + best]
            results = self.minimise(there, arrays.take(some))
            _take_over(found, some, (there, *results), np.isfinite(results[0]))

    def return_to(self, start: FloatArray, places: IndexArray, found: _Found, arrays: RowArrays) -> None:
        """Put rows that other starts lead higher than their own back there, and down from there if any step leads down.

        Where nothing is counted and a rate is zero, 2NLL is finite but has no slope with a barrier. Where every way
        makes the rate negative, a row stays, and is not valid.

        Args:
            start: where some of the rows started, shape (P, M).
            places: their numbers, shape (M,).
            found: theta (P, N), 2NLL, EDM and reason (N,), overwritten where the start is lower.
            arrays: what the rows have of their own.
        """
        heights = self._value(start, arrays.take(places))
        lower = is_lower(heights, found[1][places])
        if not lower.any():
            return
        there = start[:, lower]
        results = self.descend(there, arrays.take(places[lower]), np.zeros((1, 1)))
        _take_over(found, places[lower], (there, *results), np.isfinite(results[0]))

    def _grow(
        self,
        start: FloatArray,
        found: _Found,
        arrays: RowArrays,
        barrier: FloatArray,
    ) -> None:
        """Fit rows with many counts that have not ended again from their start, with few counts first and then more.

        Where rates bend and are known to 1e-4 by their counts, 2NLL is a narrow valley that turns. With a part of the
        rates and of the counts it is wide, and its lowest place is near that of the next larger part.

        Args:
            start: where the rows started, shape (P, N).
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where the row ends.
            arrays: what the rows have of their own.
            barrier: least counts, shape (bins or 1, N or 1).
        """
        theta, reason = found[0], found[-1]
        largest = np.broadcast_to(self.observed(arrays).max(axis=0, initial=0.0), theta.shape[1:])
        left = np.flatnonzero(_not_ended(reason) & (largest > _MANY_COUNTS))
        if not (left.size and self.patient):
            return
        there, own, least = start[:, left], arrays.take(left), _of_rows(barrier, left)
        # by row, so that none depends on the others
        steps = np.ceil(np.log(largest[left] / _FEW_COUNTS) / np.log(_MORE_COUNTS)).astype(np.intp)
        for step in range(steps.max(), -1, -1):
            rows = np.flatnonzero(steps >= step)
            points, part = there[:, rows], _MORE_COUNTS**-step
            results = self._thinned(part).descend(points, own.take(rows).thinned(part), _of_rows(least, rows))
            there[:, rows] = points
        fits = there, *results
        _take_over(found, left, fits, _come_to_an_end(found, left, fits))

    def _thinned(self, part: float) -> _Model:
        """The model with a part of its rates and counts."""
        if self.packed is not None:
            return replace(self, packed=self.packed.thinned(part))
        return self if part == 1 else replace(self, likelihood=self.likelihood.thinned(part))

    def start_all_over(self, found: _Found, arrays: RowArrays) -> None:
        """Fit rows whose shapes bend back from all over the domain too, and keep the lowest minima.

        Data near to what the model expects are hardly ever fitted by several minima, and by a few starts if they are.
        Rows that nothing found so far fits well start from many more.

        Args:
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where another minimum is lower.
            arrays: what the rows have of their own.
        """
        if not some_bend_back(self.likelihood, self.free, self.layout, arrays):
            return
        points = scattered(self.likelihood, _STARTS + _MORE_STARTS)
        self._keep_lower(points[:_STARTS], np.arange(found[1].size), found, arrays)
        spec, counts = self.likelihood.specification, self.observed(arrays)
        chi2 = found[1] - saturated(spec, counts, arrays.auxiliary)
        poor = np.flatnonzero(np.isfinite(chi2) & (chdtrc(len(counts), np.maximum(chi2, 0.0)) < _POOR))
        self._keep_lower(points[_STARTS:], poor, found, arrays)

    def _keep_lower(self, points: FloatArray, places: IndexArray, found: _Found, arrays: RowArrays) -> None:
        """Fit some rows from other starts too, and keep the lowest minima.

        A fit that has not ended, but came lower than all that have, goes on with patience. A row is not valid where a
        point stays lower than all its minima.

        Args:
            points: where each starts, shape (M, P).
            places: numbers of the rows.
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where another minimum is lower.
            arrays: what the rows have of their own.
        """
        count, free, quick = places.size, list(self.free), replace(self, patient=False)
        if not count:
            return
        before = found[0].copy(), found[1].copy(), found[2].copy(), found[3].copy()
        furthest = found[0].copy(), _heights(found), found[2].copy(), found[3].copy()
        together = max(BATCH // count, 1)  # few rows cost as much as many
        for first in range(0, len(points), together):
            some = points[first : first + together]
            there = np.tile(found[0][:, places], len(some))
            there[free] = np.repeat(some[:, free].T, count, axis=1)
            fits = there, *quick.minimise(there, arrays.take(np.tile(places, len(some))))
            for k in range(len(some)):
                own = _some_of(fits, slice(k * count, (k + 1) * count))
                _take_over(found, places, own, _heights(own) < _heights(found)[places] - _LOWER)
                _take_over(furthest, places, own, (own[3] != 0) & (own[1] < furthest[1][places]))
        left = np.flatnonzero(is_lower(furthest[1], _heights(found)))
        if left.size and self.patient:
            there = furthest[0][:, left]
            fits = there, *self.minimise(there, arrays.take(left))
            _take_over(found, left, fits, _heights(fits) < _heights(found)[left] - _LOWER)
        everywhere = np.arange(found[1].size)
        for known in (before, furthest):
            _take_over(found, everywhere, known, is_lower(known[1], found[1]))

    def _come_down(
        self,
        start: FloatArray,
        found: _Found,
        arrays: RowArrays,
        barriers: tuple[FloatArray, FloatArray],
    ) -> None:
        """Fit rows that have not ended from their start again, with barriers that come down to the last one.

        Where rates bend and vanish at the minimum, Newton's steps end at a thin barrier before they feel it; where
        nothing is counted and rates do not bend, they have no length without one.

        Args:
            start: where the rows started, shape (P, N).
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where the row ends.
            arrays: what the rows have of their own.
            barriers: the last one, and where one is possible (1, else 0), shape (bins, 1 or N).
        """
        left = np.flatnonzero(found[-1] == UNFINISHED)
        if not left.size:
            return
        there, own = start[:, left], arrays.take(left)
        last, possible = (_of_rows(part, left) for part in barriers)
        for height in _BARRIERS:
            results = self.descend(there, own, height * possible)
        before = there.copy(), *results
        ends = before, (there, *self.descend(there, own, last))
        # ten times the last barrier raises 2NLL by 2e-8 for each bin where a rate vanishes
        for theta, value, edm, reason in ends:
            fits = theta, self._bare(value, theta, own), edm, reason
            _take_over(found, left, fits, _come_to_an_end(found, left, fits, raised=20 * _BARRIER * len(last)))

    def _leave_saddles(
        self,
        found: _Found,
        arrays: RowArrays,
        barrier: FloatArray,
    ) -> None:
        """Go on with rows that stand on a saddle, on both sides of it, and keep the lower end.

        Args:
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where the row ends.
            arrays: what the rows have of their own.
            barrier: least counts, shape (bins or 1, N or 1).
        """
        theta, value, edm, reason = found
        # where the Hessian is not positive an EDM is not below this; far above it there is a slope
        left = np.flatnonzero(np.isfinite(value) & (edm >= 2 * EDM_VALID) & (edm <= _SADDLE_EDM))
        if not left.size or self.engine.affine:
            return
        own = arrays.take(left)
        least = _of_rows(barrier, left)
        numbers, *sides = off_saddles(self.engine, self.likelihood.bounds, theta[:, left], own, least)
        places = left[numbers]
        height = np.full(places.size, np.inf)
        reason[places] = UNFINISHED
        own, least = own.take(numbers), _of_rows(least, numbers)
        for there in sides:
            results = self.descend(there, own, least)
            better = (results[2] == 0) & (results[0] <= height)
            _take_over(found, places, (there, *results), better)
            height = np.where(better, results[0], height)

    def _take_care(
        self,
        found: _Found,
        arrays: RowArrays,
        barriers: tuple[FloatArray, FloatArray],
    ) -> None:
        """Go on with rows that have not ended, by steps that bend towards the slope; by numpy, they are few.

        Where rates are known to 1e-4 by their counts and bend, 2NLL is a narrow valley with turns: whole Newton steps
        cross it, parts of them get nowhere. A thin barrier is such a valley too, along a wall: it is come down to.

        Args:
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where the row ends.
            arrays: what the rows have of their own.
            barriers: the last one, and where one is possible (1, else 0), shape (bins or 1, N or 1).
        """
        theta, value, _, reason = found
        left = np.flatnonzero(_not_ended(reason) & np.isfinite(value))
        if not (left.size and self.patient):
            return
        there, own = theta[:, left], arrays.take(left)
        last, possible = (_of_rows(part, left) for part in barriers)
        engine, bounds = self.engine, self.likelihood.bounds
        for height in _BARRIERS if last.any() else ():
            run_damped(engine, bounds, there, own, height * possible)
        _, distance, why = run_damped(engine, bounds, there, own, last)
        fits = there, self._value(there, own), distance, why
        _take_over(found, left, fits, _come_to_an_end(found, left, fits))

    def descend(
        self, theta: FloatArray, arrays: RowArrays, barrier: FloatArray, evaluations: int | None = None
    ) -> tuple[FloatArray, FloatArray, IndexArray]:
        """2NLL (numpy: with the barrier), EDM and reason, shape (N,) each; theta (P, N) becomes the minimum's."""
        if self.library is None or self.packed is None:
            return run(self.engine, self.likelihood.bounds, theta, arrays, barrier)
        allowed = descent.MAX_EVALUATIONS if evaluations is None else evaluations
        return compiled.run(self.library, self.packed, theta, arrays, barrier, evaluations=allowed)

    def _bare(self, value: FloatArray, theta: FloatArray, arrays: RowArrays) -> FloatArray:
        """2NLL of a descent without the barrier, which numpy's has; a row that never started stays so."""
        if self.packed is not None:
            return value
        return np.where(np.isfinite(value), self.engine(theta, arrays).value, np.inf)

    def _value(self, theta: FloatArray, arrays: RowArrays) -> FloatArray:
        """2NLL at theta (P, N), shape (N,)."""
        if self.packed is None:
            return self.engine(theta, arrays).value
        return self.descend(theta.copy(), arrays, np.zeros((1, 1)), evaluations=1)[0]

    def _never_negative(self, theta: FloatArray, arrays: RowArrays) -> BoolArray:
        """Bins whose rate is zero or positive wherever the free parameters are within their bounds, shape (bins,).

        There a minimum may lie on a bound where the rate vanishes, and no barrier is needed. False where it is not
        plain.
        """
        if not theta.shape[1]:
            return np.zeros(self.engine.specification.observed.size, dtype=bool)
        low, high = theta.min(axis=1), theta.max(axis=1)
        free = list(self.free)
        low[free], high[free] = self.likelihood.bounds[:, free]
        spec = self.engine.specification
        safe = np.ones(spec.observed.size, dtype=bool)
        ends = [(column.min(axis=1), column.max(axis=1)) for column in arrays.columns]
        for group, column in zip(spec.groups, self.engine.column, strict=True):
            amplitude = _least_amplitude(group.terms, spec.factors, low, high)
            if any((low[spec.vectors[v][spec.channels[group.channel]]] < 0).any() for v in group.gammas):
                amplitude = -np.inf
            events = (group.template,) if column == FIXED else tuple(group.relative * end for end in ends[column])
            safe &= np.all([(e == 0) | ((e >= 0) & (amplitude >= 0)) for e in events], axis=0)
        return safe

    def _settle(self, theta: FloatArray, arrays: RowArrays, value: FloatArray) -> None:
        """Set parameters that the barrier has kept off their bounds to them, and fit the others there."""
        free = list(self.free)
        lower, upper = self.likelihood.bounds[:, free, None]
        near = NEAR * (upper - lower)
        point = theta[free]
        least, most = point.min(axis=1, initial=np.inf), point.max(axis=1, initial=-np.inf)
        if (least >= (lower + near)[:, 0]).all() and (most <= (upper - near)[:, 0]).all():
            return
        moved = np.where(point < lower + near, lower, np.where(point > upper - near, upper, point))
        rows = (moved != point).any(axis=0) & np.isfinite(value)  # a row that never started begins elsewhere
        if not rows.any():
            return
        there = theta[:, rows]
        there[free] = moved[:, rows]
        height = self._value(there, arrays.take(rows))
        lower_there = height <= value[rows]
        theta[:, rows] = np.where(lower_there, there, theta[:, rows])
        value[rows] = np.where(lower_there, height, value[rows])
        # the others were where the barrier wants them
        left = np.flatnonzero(rows)[lower_there]
        there, own = theta[:, left], arrays.take(left)
        results = self.descend(there, own, np.zeros((1, 1)))
        better = (results[2] == 0) & (results[0] < value[left])
        theta[:, left[better]], value[left[better]] = there[:, better], results[0][better]


def _some_of(found: _Found, rows: slice) -> _Found:
    """Some of the rows, not copied."""
    theta, value, edm, reason = found
    return theta[:, rows], value[rows], edm[rows], reason[rows]


def _heights(found: _Found) -> FloatArray:
    """2NLL of the rows that have ended, else infinite, shape (N,)."""
    return np.where(found[3] == 0, found[1], np.inf)


def _take_over(found: _Found, places: IndexArray, other: _Found, good: BoolArray) -> None:
    """Overwrite rows by other fits of them where these are good.

    Args:
        found: theta (P, N), 2NLL, EDM and reason (N,).
        places: which of the N rows were fitted again, shape (M,).
        other: the same four, of these.
        good: which of them to take, shape (M,).
    """
    for whole, part in zip(found, other, strict=True):
        whole[..., places[good]] = part[..., good]


def _come_to_an_end(found: _Found, places: IndexArray, other: _Found, raised: float = 0.0) -> BoolArray:
    """Which other fits of rows have ended, and not in another minimum above where the rows are.

    Args:
        found: where the rows are.
        places: the row of each fit.
        other: the fits.
        raised: how far the others' 2NLL may be above that of the same minimum.
    """
    good: BoolArray = (other[3] == 0) & ~is_lower(found[1][places] + raised, other[1])
    return good


def _not_ended(reason: IndexArray) -> BoolArray:
    """Rows that another way to the minimum may help."""
    left: BoolArray = (reason == UNFINISHED) | (reason == ROUNDED)
    return left


def _of_rows(barrier: FloatArray, rows: IndexArray) -> FloatArray:
    """A barrier (bins or 1, N or 1) for some of the rows."""
    return barrier if barrier.shape[1] == 1 else barrier[:, rows]


def _least_amplitude(terms: Sequence[Term], factors: Sequence[Factor], low: FloatArray, high: FloatArray) -> float:
    """A lower bound of an amplitude, up to a positive factor, for parameters between low and high (P,)."""

    def positive(f: int) -> bool:
        kind = factors[f].kind
        return kind.startswith("normsys") or kind == "square" or (kind == "identity" and low[factors[f].parameter] >= 0)

    common = {f for f in set.intersection(*(set(term.factors) for term in terms)) if positive(f)}
    least = 0.0
    for term in terms:
        ends = [term.coefficient]
        for f in term.factors:
            if f in common:
                continue
            if factors[f].kind != "identity":
                return -np.inf
            parameter = factors[f].parameter
            ends = [end * value for end in ends for value in (low[parameter], high[parameter])]
        least += min(ends)
    return least


def given_rows(rows: Rows | None, sample: str | None, yields: FloatArray | None) -> Rows:
    """Rows, or those that differ in the yields (N, bins) of one sample."""
    if sample is None or yields is None:
        return rows or Rows()
    return Rows(yields={sample: np.ascontiguousarray(np.asarray(yields, dtype=np.float64).T)})


def starting_points(likelihood: Likelihood, start: FloatArray | None, rows: Rows, free: Sequence[int]) -> FloatArray:
    """A copy of the start values, or the model's own for each row: shape (N, P).

    A free parameter whose auxiliary datum comes by row starts where that puts it, as it does in a model of its own.
    """
    count = rows.count()
    if start is not None:
        points = np.array(start, dtype=np.float64, ndmin=2)
        return np.repeat(points, count, axis=0) if len(points) == 1 and count is not None else points
    points = np.tile(likelihood.init, (1 if count is None else count, 1))
    if rows.auxiliary is None:
        return points
    lower, upper = likelihood.bounds
    margin = INSIDE * (upper - lower)
    for i, data in zip(likelihood.constrained(), rows.auxiliary, strict=True):
        constraint = likelihood.specification.parameters[i].constraint
        if i in free and constraint is not None:
            points[:, i] = np.clip(data / constraint.unit, lower[i] + margin[i], upper[i] - margin[i])
    return points
