"""Batched minimisation of 2NLL: damped Newton with bounds, for grids of parameter points and toys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference import compiled
from spec_builder.inference.rows import FIXED, Rows, take_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.histfactory.interpolation import Factor
    from spec_builder.histfactory.specification import Term
    from spec_builder.inference.engine import Engine, Expansion
    from spec_builder.inference.jacobian import JacobianEngine
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.packing import PackedModel
    from spec_builder.inference.rows import Layout, RowArrays

__all__ = ["REASONS", "BatchFit", "given_rows", "minimise", "run", "solve", "starting_points"]

#: Stop at this estimated distance to the minimum.
EDM_GOAL = 1e-12
#: A row whose last EDM is above this is not valid.
EDM_VALID = 1e-10
#: A row still on its way after so many evaluations is asked how far rounding lets it come.
_PATIENCE = 12
#: An EDM that falls by less than this factor in a step is held up by rounding.
_FALL = 0.1
#: EDM up to which rounding is believed to hide the minimum, and the row is valid.
_EDM_ROUNDED = 1e-8
#: Rounding of a rate, in parts of the sum of its terms' absolute values.
_RATE_ROUNDING = float(np.finfo(np.float64).eps)
#: Rows worked on together, or a multiple of them.
BATCH = 2048
_MAX_EVALUATIONS = 100
_ARMIJO = 1e-4
_ROUNDING = 1e-12
_SHRINK = 0.3
_MARGIN = 0.99
_LEAST_SCALE = 1e-12
#: A pivot below this part of its diagonal has lost most of its digits.
_LOST = 1e-10
#: Count in bins without any while a minimum is sought: it keeps rates that may vanish above zero.
_BARRIER = 1e-9
#: Barriers of another attempt where it is not enough, before the last.
_BARRIERS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
#: Start values that must not be on a bound are moved inside by this part of the parameter's domain.
INSIDE = 1e-3
#: A parameter so near to its bound, in parts of its domain, is set to it if 2NLL is not higher there.
NEAR = 1e-5
#: Why a row is not valid, by the number in :attr:`BatchFit.reason`.
REASONS = (
    "valid",
    "2NLL is not finite where the fit starts: a rate is not positive",
    "no step lowers 2NLL any more, but its slope is not zero: rounding hides the minimum",
    "not converged within the evaluations allowed",
    "2NLL is infinite: nothing is expected in a bin with counts, whatever the free parameters are",
)
NOT_FINITE, ROUNDED, UNFINISHED, IMPOSSIBLE = 1, 2, 3, 4


@dataclass(frozen=True)
class BatchFit:
    """Minima of N problems.

    Attributes:
        twice_nll: at the minimum, shape (N,).
        theta: all parameters at the minimum, shape (N, P).
        edm: estimated distance to the minimum, g^T H^-1 g / 2 over the free directions, shape (N,).
        reason: 0 for a row that is valid, else why not, as a number of :data:`REASONS`, shape (N,).
        at_bound: a free parameter sits on one of its bounds, shape (N,).
    """

    twice_nll: FloatArray
    theta: FloatArray
    edm: FloatArray
    reason: IndexArray
    at_bound: BoolArray

    @property
    def valid(self) -> BoolArray:
        """Converged (EDM at most 1e-10, or as near as rounding allows) at a finite value, shape (N,)."""
        valid: BoolArray = self.reason == 0
        return valid

    @property
    def known(self) -> BoolArray:
        """The row is valid, or its 2NLL is infinite wherever the free parameters are, shape (N,)."""
        known: BoolArray = self.valid | (self.reason == IMPOSSIBLE)
        return known

    def take(self, rows: IndexArray | BoolArray | slice) -> BatchFit:
        """Some of the rows."""
        return BatchFit(self.twice_nll[rows], self.theta[rows], self.edm[rows], self.reason[rows], self.at_bound[rows])

    def joined(self, other: BatchFit) -> BatchFit:
        """These rows and then the other's."""
        return BatchFit(
            np.concatenate([self.twice_nll, other.twice_nll]),
            np.concatenate([self.theta, other.theta]),
            np.concatenate([self.edm, other.edm]),
            np.concatenate([self.reason, other.reason]),
            np.concatenate([self.at_bound, other.at_bound]),
        )


def minimise(
    likelihood: Likelihood,
    *,
    start: FloatArray | None = None,
    fixed: tuple[str, ...] = (),
    rows: Rows | None = None,
    sample: str | None = None,
    yields: FloatArray | None = None,
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

    Returns:
        A row for each point.

    Raises:
        SpecBuilderError: for rows that do not fit the model.
    """
    rows = given_rows(rows, sample, yields)
    free = list(likelihood.free_without(fixed))
    theta = np.ascontiguousarray(starting_points(likelihood, start, rows).T)
    layout, arrays = take_apart(likelihood, rows)
    lower, upper = likelihood.bounds[:, free]
    own = likelihood.init[free]
    margin = INSIDE * (upper - lower)
    library = compiled.chosen_library()
    packed = None if library is None else likelihood.packed(tuple(free), layout)
    model = _Model(likelihood, tuple(free), layout, library, packed)
    value, edm, reason = model.minimise(theta, arrays)
    lost = ~np.isfinite(value)
    if lost.any():
        parts = arrays.take(lost)
        empty = model.nothing_expected(theta[:, lost], parts)
        reason[lost] = np.where((empty & (model.observed(parts) > 0)).any(axis=0), IMPOSSIBLE, NOT_FINITE)
    # a rate is not positive where the others start: once more, from the model's own start values, and inside the bounds
    for begin in (own, np.clip(own, lower + margin, upper - margin)):
        lost = reason == NOT_FINITE
        again = theta[:, lost]
        if (again[free] == begin[:, None]).all():
            continue
        again[free] = begin[:, None]
        value[lost], edm[lost], reason[lost] = model.minimise(again, arrays.take(lost))
        theta[:, lost] = again
        reason[~np.isfinite(value) & (reason != IMPOSSIBLE)] = NOT_FINITE
    inside = theta[free]
    at_bound = ((inside <= lower[:, None]) | (inside >= upper[:, None])).any(axis=0)
    reason = np.where(np.isfinite(value) | (reason == IMPOSSIBLE), reason, NOT_FINITE)
    return BatchFit(value, theta.T, edm, reason, at_bound)


def run(
    engine: Engine | JacobianEngine, bounds: FloatArray, theta: FloatArray, arrays: RowArrays, barrier: FloatArray
) -> tuple[FloatArray, FloatArray, IndexArray]:
    """Minimise all rows with numpy; :func:`spec_builder.inference.compiled.run` does it in compiled code.

    Args:
        engine: the compiled model.
        bounds: of all parameters, shape (2, P).
        theta: where each row starts, shape (P, N); overwritten by where it ends.
        arrays: what the rows have of their own.
        barrier: least counts, shape (bins or 1, N or 1).

    Returns:
        2NLL with the barrier, EDM and reason (0 where it converged, whatever the barrier), shape (N,) each.
    """
    count = theta.shape[1]
    value, edm, reason = np.empty(count), np.empty(count), np.empty(count, dtype=np.intp)
    for begin in range(0, count, engine.batch):
        rows = slice(begin, begin + engine.batch)
        own = barrier if barrier.shape[1] == 1 else barrier[:, rows]
        batch = _Batch(engine, bounds, theta[:, rows], arrays.take(rows), own)
        batch.run()
        theta[:, rows], value[rows], edm[rows], reason[rows] = batch.theta, batch.value, batch.edm, batch.reason
    return value, edm, reason


@dataclass(frozen=True)
class _Model:
    """A model for the engine that the user has or wants, and what it needs where bins are empty."""

    likelihood: Likelihood
    free: tuple[int, ...]
    layout: Layout
    library: compiled.Library | None
    packed: PackedModel | None

    @property
    def engine(self) -> Engine | JacobianEngine:
        """The model for numpy."""
        return self.likelihood.engine(self.free, self.layout)

    def observed(self, arrays: RowArrays) -> FloatArray:
        """Counts, shape (bins, N or 1)."""
        return self.likelihood.observed[:, None] if arrays.observed is None else arrays.observed

    def nothing_expected(self, theta: FloatArray, arrays: RowArrays) -> BoolArray:
        """See :meth:`spec_builder.inference.likelihood.Likelihood.nothing_expected`."""
        return self.likelihood.nothing_expected(theta, self.free, self.layout, arrays)

    def minimise(self, theta: FloatArray, arrays: RowArrays) -> tuple[FloatArray, FloatArray, IndexArray]:
        """2NLL, EDM and reason, shape (N,) each, of the minima that start from theta (P, N), which becomes theirs."""
        nothing = np.zeros((1, 1))
        if not (self.observed(arrays) == 0).any():
            return self._run(theta, arrays, nothing)
        barrier = np.where(self._never_negative(theta, arrays), 0.0, _BARRIER)[:, None]
        without = (self.observed(arrays) == 0).any(axis=0)
        some = np.broadcast_to(without, theta.shape[1:])
        empty = self.nothing_expected(theta[:, some], arrays.take(some))
        possible = np.ones_like(barrier)
        if empty.any():
            possible = np.ones((len(barrier), theta.shape[1]))
            possible[:, some] *= ~empty
            barrier = barrier * possible
        start = theta.copy()
        value, edm, reason = self._run(theta, arrays, barrier)
        self._come_down(start, (theta, value, edm, reason), arrays, (barrier, possible))
        left = reason != 0
        if barrier.any() and left.any():
            # a minimum on a bound where a rate vanishes: the barrier only keeps it away
            there = theta[:, left]
            found = self._run(there, arrays.take(left), nothing)
            good = found[2] == 0
            places = np.flatnonzero(left)[good]
            theta[:, places] = there[:, good]
            value[places], edm[places], reason[places] = (part[good] for part in found)
        if self.packed is None:
            # a row that never started stays so
            value[:] = np.where(np.isfinite(value), self.engine(theta, arrays).value, np.inf)
        self._settle(theta, arrays, value)
        return value, edm, reason

    def _come_down(
        self,
        start: FloatArray,
        found: tuple[FloatArray, FloatArray, FloatArray, IndexArray],
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
        theta, *rest = found
        left = np.flatnonzero(rest[-1] == UNFINISHED)
        if not left.size:
            return
        there, own = start[:, left], arrays.take(left)
        last, possible = (part if part.shape[1] == 1 else part[:, left] for part in barriers)
        for height in _BARRIERS:
            self._run(there, own, height * possible)
        results = self._run(there, own, last)
        good = results[2] == 0
        theta[:, left[good]] = there[:, good]
        for whole, part in zip(rest, results, strict=True):
            whole[left[good]] = part[good]

    def _run(
        self, theta: FloatArray, arrays: RowArrays, barrier: FloatArray, evaluations: int | None = None
    ) -> tuple[FloatArray, FloatArray, IndexArray]:
        """2NLL (numpy: with the barrier), EDM and reason, shape (N,) each; theta (P, N) becomes the minimum's."""
        if self.library is None or self.packed is None:
            return run(self.engine, self.likelihood.bounds, theta, arrays, barrier)
        allowed = _MAX_EVALUATIONS if evaluations is None else evaluations
        return compiled.run(self.library, self.packed, theta, arrays, barrier, evaluations=allowed)

    def _value(self, theta: FloatArray, arrays: RowArrays) -> FloatArray:
        """2NLL at theta (P, N), shape (N,)."""
        if self.packed is None:
            return self.engine(theta, arrays).value
        return self._run(theta.copy(), arrays, np.zeros((1, 1)), evaluations=1)[0]

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
        """Set parameters that the barrier has kept off their bounds to them, and value to 2NLL there."""
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


def starting_points(likelihood: Likelihood, start: FloatArray | None, rows: Rows) -> FloatArray:
    """A copy of the start values, or the model's own for each row: shape (N, P)."""
    count = rows.count()
    if start is None:
        return np.tile(likelihood.init, (1 if count is None else count, 1))
    points = np.array(start, dtype=np.float64, ndmin=2)
    return np.repeat(points, count, axis=0) if len(points) == 1 and count is not None else points


class _Batch:
    """The points of one batch; finished ones leave the arrays that are worked on."""

    def __init__(
        self,
        engine: Engine | JacobianEngine,
        bounds: FloatArray,
        theta: FloatArray,
        arrays: RowArrays,
        barrier: FloatArray,
    ) -> None:
        self._engine = engine
        self._free = np.array(engine.free, dtype=np.intp)
        self._lower, self._upper = bounds[:, self._free, None]
        self._snap = 1e-12 * (1 + np.abs(self._lower))
        self._arrays, self._barrier = arrays, barrier
        self.theta = theta.copy()
        self.value = np.full(theta.shape[1], np.inf)
        self.edm = np.full(theta.shape[1], np.inf)
        self.reason = np.full(theta.shape[1], UNFINISHED)

    def run(self) -> None:
        """Take Newton steps until every row is done or out of evaluations."""
        rows = np.arange(self.theta.shape[1])
        point, arrays, barrier = self.theta.copy(), self._arrays, self._barrier
        base = point[self._free]  # the last accepted points
        value = np.full(rows.size, np.inf)
        edm = np.full(rows.size, np.inf)
        step = np.zeros_like(base)
        slope = np.zeros(rows.size)
        scale = np.ones(rows.size)
        goal = np.full(rows.size, EDM_GOAL)
        for evaluation in range(_MAX_EVALUATIONS):
            if evaluation == _PATIENCE:
                goal = self._edm_goal(point, arrays)
            before = edm
            new = self._engine(point, arrays, barrier=barrier)
            bar = value + _ARMIJO * scale * slope + _ROUNDING * (1 + np.abs(value))
            accepted = (new.value <= bar) & np.isfinite(new.value)
            if accepted.all():
                base, value = point[self._free], new.value
                step, edm = self._direction(base, new)
                slope = -2 * edm
                scale = np.minimum(self._reach(base, step), self._positive(point, step, new, arrays))
            else:
                base = np.where(accepted, point[self._free], base)
                value = np.where(accepted, new.value, value)
                direction, decrease = self._direction(base, new)
                step = np.where(accepted, direction, step)
                slope = np.where(accepted, -2 * decrease, slope)
                edm = np.where(accepted, decrease, edm)
                reach = np.minimum(self._reach(base, step), self._positive(point, step, new, arrays))
                scale = np.where(accepted, reach, scale * _SHRINK)
            stuck = ~accepted & ((scale < _LEAST_SCALE) | ~np.isfinite(value))
            done = (accepted & ((edm <= EDM_GOAL) | ((edm <= goal) & (edm > _FALL * before)))) | stuck
            if done.any():
                out = rows[done]
                self.theta[self._free[:, None], out] = base[:, done]
                self.value[out], self.edm[out] = value[done], edm[done]
                self.reason[out] = np.where(edm[done] <= np.maximum(goal[done], EDM_VALID), 0, ROUNDED)
                keep = ~done
                rows, value, edm, slope, scale, goal = (a[keep] for a in (rows, value, edm, slope, scale, goal))
                base, step, point = base[:, keep], step[:, keep], point[:, keep]
                arrays = arrays.take(keep)
                barrier = barrier if barrier.shape[1] == 1 else barrier[:, keep]
                if not rows.size:
                    return
            point[self._free] = self._inside(base + scale * step)
        self.theta[self._free[:, None], rows] = base
        self.value[rows], self.edm[rows] = value, edm
        self.reason[rows] = np.where(edm <= EDM_VALID, 0, UNFINISHED)

    def _edm_goal(self, point: FloatArray, arrays: RowArrays) -> FloatArray:
        """Where to stop, shape (N,): rates that are small differences of large terms are not known any better.

        An error e of a rate nu with d counts moves the minimum of 2 (nu - d ln nu) by an EDM of d (e / nu)^2.
        """
        observed = self._engine.specification.observed[:, None] if arrays.observed is None else arrays.observed
        with np.errstate(divide="ignore", invalid="ignore"):
            error = _RATE_ROUNDING * self._engine.magnitude(point, arrays) / self._engine.rates(point, arrays)
            rounding = np.sum(np.where(observed > 0, observed * error**2, 0.0), axis=0)
        goal: FloatArray = np.clip(rounding, EDM_GOAL, _EDM_ROUNDED)
        return goal

    def _direction(self, base: FloatArray, new: Expansion) -> tuple[FloatArray, FloatArray]:
        """Newton step (F, n) over the directions that the bounds leave free, and its EDM (n,)."""
        low, high = base <= self._lower, base >= self._upper
        blocked = (low & (new.gradient > 0)) | (high & (new.gradient < 0))
        inside = not (low.any() or high.any())
        affine, stiffness = self._engine.affine, self._engine.stiffness
        while True:
            gradient = new.gradient if inside else np.where(blocked, 0.0, new.gradient)
            hessian = new.hessian if inside else _without(new.hessian, blocked)
            if affine:
                step, definite = solve(hessian, gradient, stiffness)
            else:
                with np.errstate(over="ignore", invalid="ignore"):  # in rows that are not definite
                    step, definite = solve(hessian, gradient, np.zeros_like(stiffness))
                if not definite.all():
                    rest = ~definite
                    fisher = _without(new.fisher[..., rest], blocked[:, rest])
                    step[:, rest], _ = solve(fisher, gradient[:, rest], stiffness)
            if inside:
                break
            outward = ((low & (step < 0)) | (high & (step > 0))) & ~blocked
            if not outward.any():
                break
            blocked |= outward
        edm = np.abs(0.5 * np.sum(gradient * step, axis=0))
        # away from a region where the Hessian is positive the EDM has no meaning yet
        return step, np.where(definite, edm, np.maximum(edm, 2 * EDM_VALID))

    def _positive(self, point: FloatArray, step: FloatArray, new: Expansion, arrays: RowArrays) -> FloatArray:
        """Largest part of the step that keeps all rates positive, with a margin; exact where they are affine."""
        if not self._engine.affine:
            return np.ones(step.shape[1])
        end = point.copy()
        end[self._free] += step
        fall = new.rates - self._engine.rates(end, arrays)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(fall > _MARGIN * new.rates, _MARGIN * new.rates / fall, 1.0)
        positive: FloatArray = part.min(axis=0)
        return positive

    def _inside(self, point: FloatArray) -> FloatArray:
        """The point with coordinates that have reached a bound set to it exactly."""
        point = np.where(point - self._lower <= self._snap, self._lower, point)
        inside: FloatArray = np.where(self._upper - point <= self._snap, self._upper, point)
        return inside

    def _reach(self, base: FloatArray, step: FloatArray) -> FloatArray:
        """Largest part of the step, at most 1, that stays within the bounds, shape (n,)."""
        end = base + step
        if (end >= self._lower).all() and (end <= self._upper).all():
            return np.ones(step.shape[1])
        room = np.where(step > 0, self._upper - base, self._lower - base)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(step != 0, room / step, 1.0)
        reach: FloatArray = np.minimum(1.0, part.min(axis=0, initial=1.0))
        return reach


def _without(hessian: FloatArray, blocked: BoolArray) -> FloatArray:
    """A copy of the Hessian with the blocked directions replaced by the unit matrix."""
    if not blocked.any():
        return hessian.copy()
    free = ~blocked
    reduced: FloatArray = hessian * (free[:, None] & free[None])
    for i in range(len(blocked)):
        reduced[i, i] += blocked[i]
    return reduced


def _least_pivot(lower: FloatArray, least: FloatArray, j: int) -> FloatArray:
    """What constraints leave of pivot j at least: x^T H x with x = row j of L^-1, and H is not below its constraints.

    Where a signal of 1e10 events has two uncertainties, all digits of the second pivot are lost but for this; a pivot
    that is too small makes steps that overshoot, and the row never settles.
    """
    x = np.ones((j + 1, lower.shape[2]))
    total = np.broadcast_to(least[j], x.shape[1:]).copy()
    for i in reversed(range(j)):
        x[i] = -np.sum(lower[i + 1 : j + 1, i] * x[i + 1 :], axis=0)
        total += least[i] * x[i] ** 2
    return total


def solve(hessian: FloatArray, gradient: FloatArray, least: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Solve H x = -g by an L D L^T decomposition, for n matrices side by side.

    Args:
        hessian: shape (F, F, n), lower triangle; overwritten.
        gradient: shape (F, n).
        least: lower bounds of the pivots, shape (F, 1), zero where there is none. A pivot is never below what the
            parameter's constraint adds, unless the rates bend; rounding loses that where the signal is 1e8 times
            the Standard Model.

    Returns:
        x (F, n), and whether each matrix is positive definite (n,).
    """
    size = len(gradient)
    x = -gradient
    diagonal = np.abs(hessian[range(size), range(size)])
    floor = np.where(least == 0, 1e-13 * diagonal, 0.0)
    work = np.empty_like(hessian)
    definite = np.ones(gradient.shape[1], dtype=bool)
    inverse = []
    for j in range(size):
        pivot = np.maximum(hessian[j, j], least[j]) if least[j] > 0 else hessian[j, j]
        lost = pivot <= _LOST * diagonal[j]
        if lost.any() and least.any():
            pivot = pivot.copy()
            pivot[lost] = np.maximum(pivot[lost], _least_pivot(hessian[..., lost], least, j))
        good = pivot > floor[j]
        if not good.all():
            # a direction in which neither slope nor curvature is left is flat: stay where it is
            flat = ~good & (pivot >= -floor[j]) & (x[j] ** 2 <= EDM_GOAL * diagonal[j])
            x[j] = np.where(flat, 0.0, x[j])
            definite &= good | flat
            pivot = np.where(good, pivot, 1.0)
        inverse.append(1 / pivot)
        if j + 1 < size:
            column = hessian[j + 1 :, j].copy()
            lower = hessian[j + 1 :, j]
            lower *= inverse[j]
            hessian[j + 1 :, j + 1 :] -= np.multiply(lower[:, None], column[None], out=work[j + 1 :, j + 1 :])
            x[j + 1 :] -= lower * x[j]
    for j in reversed(range(size)):
        x[j] *= inverse[j]
        if j + 1 < size:
            x[j] -= np.sum(hessian[j + 1 :, j] * x[j + 1 :], axis=0)
    return x, definite
