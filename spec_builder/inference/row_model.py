"""A likelihood whose rows are minimised: with what helps where bins are empty, rates bend, or counts are many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spec_builder.inference import compiled, descent
from spec_builder.inference.descent import EDM_VALID, ROUNDED, UNFINISHED, run, run_damped
from spec_builder.inference.minima import NOT_FINITE, is_lower
from spec_builder.inference.rows import FIXED
from spec_builder.inference.saddles import off_saddles
from spec_builder.inference.starts import scattered

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

__all__ = ["BATCH", "NEAR", "Found", "RowModel"]

#: Rows worked on together, or a multiple of them.
BATCH = 2048
#: Count in bins without any while a minimum is sought: it keeps rates that may vanish above zero.
_BARRIER = 1e-9
#: Barriers of another attempt where it is not enough, before the last.
_BARRIERS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
#: A barrier raises the lowest 2NLL by this part of it for each bin whose rate vanishes, if rates are straight there.
_RAISED = 2.0
#: Barriers up to which this is relied upon, and how much lower than a minimum that is known another one must be.
_SURE, _MUCH = 1e-3, 1e-6
#: Evaluations where another minimum is known: from the start, and with barriers that come down.
_QUICK, _QUICK_DOWN = 30, 50
#: Counts that are many; with how few a minimum is sought that steps from the start do not find, and how often as many
#: they become.
_MANY_COUNTS, _FEW_COUNTS, _MORE_COUNTS = 1e4, 100.0, 10**0.5
#: A parameter so near to its bound, in parts of its domain, is set to it if 2NLL is not higher there.
NEAR = 1e-5
#: Parts of the way from a start where a rate is not positive to the model's own, on which one is looked for.
_PARTS = tuple(4.0**-k for k in range(10, 0, -1))
#: Points of the domain that are tried as starts where no other has positive rates.
_ELSEWHERE = 64
#: EDM up to which a row may stand on a saddle.
_SADDLE_EDM = 1e-6


class Found(NamedTuple):
    """Minima of N rows, or where the way to them has come.

    Attributes:
        theta: all parameters, shape (P, N).
        value: 2NLL, shape (N,).
        edm: estimated distance to the minimum, shape (N,).
        reason: a number of :data:`spec_builder.inference.minima.REASONS`, shape (N,).
    """

    theta: FloatArray
    value: FloatArray
    edm: FloatArray
    reason: IndexArray

    @property
    def heights(self) -> FloatArray:
        """2NLL of the rows that have ended, else infinite, shape (N,)."""
        return np.where(self.reason == 0, self.value, np.inf)

    @property
    def not_ended(self) -> BoolArray:
        """Rows that another way to the minimum may help, shape (N,)."""
        left: BoolArray = (self.reason == UNFINISHED) | (self.reason == ROUNDED)
        return left

    def some(self, rows: slice | IndexArray | BoolArray) -> Found:
        """Some of the rows; of a slice, not copied."""
        return Found(self.theta[:, rows], self.value[rows], self.edm[rows], self.reason[rows])

    def take_over(self, places: IndexArray, other: Found, good: BoolArray) -> None:
        """Overwrite rows by other fits of them where these are good.

        Args:
            places: which of the N rows were fitted again, shape (M,).
            other: M fits.
            good: which of them to take, shape (M,).
        """
        for whole, part in zip(self, other, strict=True):
            whole[..., places[good]] = part[..., good]

    def comes_to_an_end(self, places: IndexArray, other: Found, raised: float = 0.0) -> BoolArray:
        """Which other fits of rows have ended, and not in another minimum above where the rows are.

        Args:
            places: the row of each fit.
            other: the fits.
            raised: how far the others' 2NLL may be above that of the same minimum.
        """
        good: BoolArray = (other.reason == 0) & ~is_lower(self.value[places] + raised, other.value)
        return good


@dataclass(frozen=True)
class RowModel:
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

    def minimise(self, theta: FloatArray, arrays: RowArrays, known: FloatArray | None = None) -> Found:
        """The minima that start from theta (P, N), which becomes theirs.

        Args:
            theta: all parameters, shape (P, N).
            arrays: what the rows have of their own.
            known: heights of minima that are known, shape (N,): where only a lower one is of interest.
        """
        nothing = np.zeros((1, 1))
        start = theta.copy()
        if not (self.observed(arrays) == 0).any():
            found = self.descend(theta, arrays, nothing)
            self._leave_saddles(found, arrays, nothing)
            self._grow(start, found, arrays, nothing)
            self._take_care(found, arrays, (nothing, nothing))
            return found
        barrier = self.barrier(theta, arrays)
        without = (self.observed(arrays) == 0).any(axis=0)
        some = np.broadcast_to(without, theta.shape[1:])
        empty = self.nothing_expected(theta[:, some], arrays.take(some))
        possible = np.ones_like(barrier)
        if empty.any():
            possible = np.ones((len(barrier), theta.shape[1]))
            possible[:, some] *= ~empty
            barrier = barrier * possible
        allowed = None if known is None else _QUICK
        found = self.descend(theta, arrays, barrier, evaluations=allowed)
        self._leave_saddles(found, arrays, barrier)
        self._grow(start, found, arrays, barrier)
        given_up = self._come_down(start, found, arrays, (barrier, possible), known)
        self._take_care(found, arrays, (barrier, possible))
        left = np.setdiff1d(np.flatnonzero(found.reason), given_up)
        if barrier.any() and left.size:
            # a minimum on a bound where a rate vanishes: the barrier only keeps it away
            fits = self.descend(theta[:, left], arrays.take(left), nothing)
            found.take_over(left, fits, fits.reason == 0)
        found.value[:] = self._bare(found, arrays)
        self._settle(found, arrays)
        return found

    def go_towards(
        self, end: FloatArray, theta: FloatArray, arrays: RowArrays, parts: tuple[float, ...] = _PARTS
    ) -> None:
        """Move rows on the way to a point, as far as all rates are positive, or to its end.

        Where 2NLL is least at a rate of zero, a start from a fit nearby may lie beyond it: the way back is short, and
        from far away the fit may end in another minimum.

        Args:
            end: the free parameters there, shape (F,).
            theta: all parameters, shape (P, N), overwritten.
            arrays: what the rows have of their own.
            parts: of the way, ascending, after which rates are looked at.
        """
        free = list(self.free)
        begin, left = theta.copy(), np.arange(theta.shape[1])
        theta[free] = end[:, None]
        never = self.engine.rates(theta, arrays) == 0
        for part in parts:
            if not left.size:
                return
            there, own = begin[:, left], arrays.take(left)
            there[free] += part * (end[:, None] - there[free])
            rates = self.engine.rates(there, own)
            positive = ((rates > 0) | ((rates == 0) & never[:, left])).all(axis=0)
            theta[:, left[positive]] = there[:, positive]
            left = left[~positive]

    def start_elsewhere(self, found: Found, arrays: RowArrays) -> None:
        """Fit rows whose rates are not positive at any start so far: from the best of points all over the domain.

        Args:
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where a point has positive rates.
            arrays: what the rows have of their own.
        """
        lost = np.flatnonzero(found.reason == NOT_FINITE)
        for begin in range(0, lost.size, BATCH // _ELSEWHERE):
            some = lost[begin : begin + BATCH // _ELSEWHERE]
            points = np.repeat(found.theta[:, some], _ELSEWHERE, axis=1)
            free = list(self.free)
            points[free] = np.tile(scattered(self.likelihood, _ELSEWHERE)[:, free].T, some.size)
            own = arrays.take(np.repeat(some, _ELSEWHERE))
            with np.errstate(all="ignore"):
                heights = self.engine(points, own, barrier=_BARRIER).value.reshape(some.size, _ELSEWHERE)
            best = np.argmin(np.where(np.isfinite(heights), heights, np.inf), axis=1)
            there = points[:, np.arange(some.size) * _ELSEWHERE + best]
            fits = self.minimise(there, arrays.take(some))
            found.take_over(some, fits, np.isfinite(fits.value))

    def return_to(self, start: FloatArray, places: IndexArray, found: Found, arrays: RowArrays) -> None:
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
        lower = is_lower(heights, found.value[places])
        if not lower.any():
            return
        fits = self.descend(start[:, lower], arrays.take(places[lower]), np.zeros((1, 1)))
        found.take_over(places[lower], fits, np.isfinite(fits.value))

    def _grow(
        self,
        start: FloatArray,
        found: Found,
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
        largest = np.broadcast_to(self.observed(arrays).max(axis=0, initial=0.0), found.value.shape)
        left = np.flatnonzero(found.not_ended & (largest > _MANY_COUNTS))
        if not (left.size and self.patient):
            return
        there, own, least = start[:, left], arrays.take(left), _of_rows(barrier, left)
        # by row, so that none depends on the others
        steps = np.ceil(np.log(largest[left] / _FEW_COUNTS) / np.log(_MORE_COUNTS)).astype(np.intp)
        for step in range(steps.max(), -1, -1):
            rows = np.flatnonzero(steps >= step)
            part = _MORE_COUNTS**-step
            fits = self._thinned(part).descend(there[:, rows], own.take(rows).thinned(part), _of_rows(least, rows))
            there[:, rows] = fits.theta
        found.take_over(left, fits, found.comes_to_an_end(left, fits))

    def _thinned(self, part: float) -> RowModel:
        """The model with a part of its rates and counts."""
        if self.packed is not None:
            return replace(self, packed=self.packed.thinned(part))
        return self if part == 1 else replace(self, likelihood=self.likelihood.thinned(part))

    def _come_down(
        self,
        start: FloatArray,
        found: Found,
        arrays: RowArrays,
        barriers: tuple[FloatArray, FloatArray],
        known: FloatArray | None,
    ) -> IndexArray:
        """Fit rows that have not ended from their start again, with barriers that come down to the last one.

        Where rates bend and vanish at the minimum, Newton's steps end at a thin barrier before they feel it; where
        nothing is counted and rates do not bend, they have no length without one.

        Args:
            start: where the rows started, shape (P, N).
            found: theta (P, N), 2NLL, EDM and reason (N,) so far, overwritten where the row ends.
            arrays: what the rows have of their own.
            barriers: the last one, and where one is possible (1, else 0), shape (bins, 1 or N).
            known: see :meth:`minimise`.

        Returns:
            Rows that will not be lower than what is known.
        """
        unfinished = left = np.flatnonzero(found.reason == UNFINISHED)
        if not left.size:
            return left
        there, own = start[:, left], arrays.take(left)
        last, possible = (_of_rows(part, left) for part in barriers)
        allowed = None if known is None else _QUICK_DOWN
        for height in _BARRIERS:
            before = self.descend(there, own, height * possible, evaluations=allowed)
            if known is None or height > _SURE:
                continue
            promising = self._bare(before, own) < known[left] + _RAISED * height * len(last) - _MUCH
            promising |= before.reason != 0
            left, there, own, before = left[promising], there[:, promising], own.take(promising), before.some(promising)
            last, possible = _of_rows(last, promising), _of_rows(possible, promising)
        for ends in (before, self.descend(there.copy(), own, last)):
            fits = ends._replace(value=self._bare(ends, own))
            good = found.comes_to_an_end(left, fits, raised=_RAISED * _BARRIERS[-1] * len(last))
            if known is not None:  # to be gone on with, if it is lower than that
                good |= (fits.reason != 0) & is_lower(fits.value, found.value[left])
            found.take_over(left, fits, good)
        return np.setdiff1d(unfinished, left)

    def _leave_saddles(
        self,
        found: Found,
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
            fits = self.descend(there, own, least)
            better = (fits.reason == 0) & (fits.value <= height)
            found.take_over(places, fits, better)
            height = np.where(better, fits.value, height)

    def _take_care(
        self,
        found: Found,
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
        left = np.flatnonzero(found.not_ended & np.isfinite(found.value))
        if not (left.size and self.patient):
            return
        there, own = found.theta[:, left], arrays.take(left)
        last, possible = (_of_rows(part, left) for part in barriers)
        engine, bounds = self.engine, self.likelihood.bounds
        for height in _BARRIERS if last.any() else ():
            run_damped(engine, bounds, there, own, height * possible)
        _, distance, why = run_damped(engine, bounds, there, own, last)
        fits = Found(there, self._value(there, own), distance, why)
        found.take_over(left, fits, found.comes_to_an_end(left, fits))

    def descend(
        self,
        theta: FloatArray,
        arrays: RowArrays,
        barrier: FloatArray,
        *,
        evaluations: int | None = None,
    ) -> Found:
        """Where Newton's steps from theta (P, N) end, which becomes that; 2NLL is with the barrier if it is numpy's."""
        allowed = descent.MAX_EVALUATIONS if evaluations is None else evaluations
        bounds = self.likelihood.bounds
        if self.library is None or self.packed is None:
            return Found(theta, *run(self.engine, bounds, theta, arrays, barrier, evaluations=allowed))
        results = compiled.run(self.library, self.packed, theta, arrays, barrier, evaluations=allowed)
        return Found(theta, *results)

    def _bare(self, found: Found, arrays: RowArrays) -> FloatArray:
        """2NLL of a descent without the barrier, which numpy's has; a row that never started stays so."""
        if self.packed is not None:
            return found.value
        return np.where(np.isfinite(found.value), self.engine(found.theta, arrays).value, np.inf)

    def _value(self, theta: FloatArray, arrays: RowArrays) -> FloatArray:
        """2NLL at theta (P, N), shape (N,)."""
        if self.packed is None:
            return self.engine(theta, arrays).value
        return self.descend(theta.copy(), arrays, np.zeros((1, 1)), evaluations=1).value

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

    def _settle(self, found: Found, arrays: RowArrays) -> None:
        """Set parameters that the barrier has kept off their bounds to them, and fit the others there."""
        theta, value = found.theta, found.value
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
        fits = self.descend(theta[:, left], arrays.take(left), np.zeros((1, 1)))
        better = (fits.reason == 0) & (fits.value < value[left])
        theta[:, left[better]], value[left[better]] = fits.theta[:, better], fits.value[better]


def _of_rows(barrier: FloatArray, rows: IndexArray | BoolArray) -> FloatArray:
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
