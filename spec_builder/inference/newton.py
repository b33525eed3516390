"""Batched minimisation of 2NLL: damped Newton with bounds, for grids of parameter points and toys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.histfactory.specification import Term
    from spec_builder.inference.engine import Engine, Expansion
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["REASONS", "BatchFit", "minimise", "solve", "starting_points"]

#: Stop at this estimated distance to the minimum.
EDM_GOAL = 1e-12
#: A row whose last EDM is above this is not valid.
EDM_VALID = 1e-10
#: Rows worked on together: small enough for the arrays to stay in the processor's cache.
BATCH = 2048
_MAX_EVALUATIONS = 100
_ARMIJO = 1e-4
_ROUNDING = 1e-12
_SHRINK = 0.3
_MARGIN = 0.99
_LEAST_SCALE = 1e-12
#: Count in bins without any while a minimum is sought: it keeps rates that may vanish above zero.
_BARRIER = 1e-9
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
        """Converged (EDM at most 1e-10) at a finite value, shape (N,)."""
        valid: BoolArray = self.reason == 0
        return valid

    @property
    def known(self) -> BoolArray:
        """The row is valid, or its 2NLL is infinite wherever the free parameters are, shape (N,)."""
        known: BoolArray = self.valid | (self.reason == IMPOSSIBLE)
        return known


def minimise(
    likelihood: Likelihood,
    *,
    start: FloatArray | None = None,
    fixed: tuple[str, ...] = (),
    sample: str | None = None,
    yields: FloatArray | None = None,
) -> BatchFit:
    """Minimise 2NLL at many points.

    Args:
        likelihood: the model.
        start: start values, and the values of fixed parameters, shape (N, P); the model's own by default, and where
            a rate is not positive there.
        fixed: parameters to keep at their start, beside those that the model fixes.
        sample: a sample whose nominal yields differ from point to point.
        yields: its events per bin, shape (N, bins).

    Returns:
        A row for each point.
    """
    free = likelihood.free_without(fixed)
    theta = np.ascontiguousarray(starting_points(likelihood, start, yields).T)
    columns = None if yields is None else np.ascontiguousarray(np.asarray(yields, dtype=np.float64).T)
    lower, upper = likelihood.bounds[:, list(free)]
    own = likelihood.init[list(free)]
    margin = INSIDE * (upper - lower)
    value, edm, reason = _minimise_from(likelihood, free, sample, theta, columns)
    lost = ~np.isfinite(value)
    if lost.any():
        parts = None if columns is None else columns[:, lost]
        empty = likelihood.nothing_expected(theta[:, lost], free, sample, parts)
        reason[lost] = np.where((empty & (likelihood.observed[:, None] > 0)).any(axis=0), IMPOSSIBLE, NOT_FINITE)
    # a rate is not positive where the others start: once more, from the model's own start values, and inside the bounds
    for begin in (own, np.clip(own, lower + margin, upper - margin)):
        lost = reason == NOT_FINITE
        again = theta[:, lost]
        if (again[list(free)] == begin[:, None]).all():
            continue
        again[list(free)] = begin[:, None]
        parts = None if columns is None else columns[:, lost]
        value[lost], edm[lost], reason[lost] = _minimise_from(likelihood, free, sample, again, parts)
        theta[:, lost] = again
        reason[~np.isfinite(value) & (reason != IMPOSSIBLE)] = NOT_FINITE
    inside = theta[list(free)]
    at_bound = ((inside <= lower[:, None]) | (inside >= upper[:, None])).any(axis=0)
    reason = np.where(np.isfinite(value) & (edm <= EDM_VALID), 0, reason)
    return BatchFit(value, theta.T, edm, reason, at_bound)


def _minimise_from(
    likelihood: Likelihood,
    free: tuple[int, ...],
    sample: str | None,
    theta: FloatArray,
    columns: FloatArray | None,
) -> tuple[FloatArray, FloatArray, IndexArray]:
    """2NLL, EDM and reason, each of shape (N,), of the minima that start from theta (P, N), which becomes theirs."""
    engine = likelihood.engine(free, sample)
    count = theta.shape[1]
    value, edm, reason = np.empty(count), np.empty(count), np.empty(count, dtype=np.intp)
    for begin in range(0, count, BATCH):
        rows = slice(begin, begin + BATCH)
        yields = None if columns is None else columns[:, rows]
        barrier = np.zeros((1, 1))
        if engine.empty_bins:
            barrier = np.where(_never_negative(likelihood, engine, theta[:, rows], yields), 0.0, _BARRIER)[:, None]
            empty = likelihood.nothing_expected(theta[:, rows], free, sample, yields)
            if empty.any():
                barrier = np.where(empty, 0.0, barrier)
        batch = _Batch(engine, likelihood.bounds, theta[:, rows], yields, barrier)
        batch.run()
        theta[:, rows], value[rows], edm[rows], reason[rows] = batch.theta, batch.value, batch.edm, batch.reason
        left = ~(batch.edm <= EDM_VALID)
        if barrier.any() and left.any():
            # a minimum on a bound where a rate vanishes: the barrier only keeps it away
            parts = None if yields is None else yields[:, left]
            batch = _Batch(engine, likelihood.bounds, batch.theta[:, left], parts, np.zeros((1, 1)))
            batch.run()
            good = batch.edm <= EDM_VALID
            places = begin + np.flatnonzero(left)[good]
            theta[:, places], value[places] = batch.theta[:, good], batch.value[good]
            edm[places], reason[places] = batch.edm[good], batch.reason[good]
    if engine.empty_bins:
        _undo_barrier(likelihood, engine, theta, columns, value)
    return value, edm, reason


def _never_negative(likelihood: Likelihood, engine: Engine, theta: FloatArray, yields: FloatArray | None) -> BoolArray:
    """Bins whose rate is zero or positive wherever the free parameters are within their bounds, shape (bins,).

    There a minimum may lie on a bound where the rate vanishes, and no barrier is needed. False where it is not plain.
    """
    low, high = theta.min(axis=1), theta.max(axis=1)
    free = list(engine.free)
    low[free], high[free] = likelihood.bounds[:, free]
    factors = likelihood.specification.factors

    def positive(f: int) -> bool:
        kind = factors[f].kind
        return kind.startswith("normsys") or kind == "square" or (kind == "identity" and low[factors[f].parameter] >= 0)

    def least(term: Term, common: set[int]) -> float:
        ends = [term.coefficient]
        for f in term.factors:
            if f in common:
                continue
            if factors[f].kind != "identity":
                return -np.inf
            parameter = factors[f].parameter
            ends = [end * value for end in ends for value in (low[parameter], high[parameter])]
        return min(ends)

    safe = np.ones(engine.templates.shape[1], dtype=bool)
    for group, (template, terms) in enumerate(zip(engine.templates, engine.amplitude_terms, strict=True)):
        common = {f for f in set.intersection(*(set(term.factors) for term in terms)) if positive(f)}
        amplitude = sum(least(term, common) for term in terms)
        own = yields if yields is not None and group >= engine.own else None
        events = template[:, None] if own is None else template[:, None] * own
        safe &= (events == 0).all(axis=1) | ((events >= 0).all(axis=1) & (amplitude >= 0))
    return safe


def _undo_barrier(
    likelihood: Likelihood, engine: Engine, theta: FloatArray, columns: FloatArray | None, value: FloatArray
) -> None:
    """Set value to 2NLL without the barrier, and parameters that it has kept off their bounds to them."""
    value[:] = np.where(np.isfinite(value), engine(theta, columns).value, np.inf)  # a row that never started stays so
    free = list(engine.free)
    lower, upper = likelihood.bounds[:, free, None]
    near = NEAR * (upper - lower)
    point = theta[free]
    moved = np.where(point < lower + near, lower, np.where(point > upper - near, upper, point))
    rows = (moved != point).any(axis=0)
    if not rows.any():
        return
    there = theta[:, rows]
    there[free] = moved[:, rows]
    height = engine(there, None if columns is None else columns[:, rows]).value
    lower_there = height <= value[rows]
    theta[:, rows] = np.where(lower_there, there, theta[:, rows])
    value[rows] = np.where(lower_there, height, value[rows])


def starting_points(likelihood: Likelihood, start: FloatArray | None, yields: FloatArray | None) -> FloatArray:
    """A copy of the start values, or the model's own for each row of yields: shape (N, P)."""
    if start is None:
        return np.tile(likelihood.init, (1 if yields is None else len(yields), 1))
    return np.array(start, dtype=np.float64, ndmin=2)


class _Batch:
    """The points of one batch; finished ones leave the arrays that are worked on."""

    def __init__(
        self,
        engine: Engine,
        bounds: FloatArray,
        theta: FloatArray,
        yields: FloatArray | None,
        barrier: FloatArray,
    ) -> None:
        self._engine = engine
        self._free = np.array(engine.free, dtype=np.intp)
        self._lower, self._upper = bounds[:, self._free, None]
        self._snap = 1e-12 * (1 + np.abs(self._lower))
        self._yields, self._barrier = yields, barrier
        self.theta = theta.copy()
        self.value = np.full(theta.shape[1], np.inf)
        self.edm = np.full(theta.shape[1], np.inf)
        self.reason = np.full(theta.shape[1], UNFINISHED)

    def run(self) -> None:
        """Take Newton steps until every row is done or out of evaluations."""
        rows = np.arange(self.theta.shape[1])
        point, yields, barrier = self.theta.copy(), self._yields, self._barrier
        base = point[self._free]  # the last accepted points
        value = np.full(rows.size, np.inf)
        edm = np.full(rows.size, np.inf)
        step = np.zeros_like(base)
        slope = np.zeros(rows.size)
        scale = np.ones(rows.size)
        for _ in range(_MAX_EVALUATIONS):
            new = self._engine(point, yields, barrier=barrier)
            bar = value + _ARMIJO * scale * slope + _ROUNDING * (1 + np.abs(value))
            accepted = (new.value <= bar) & np.isfinite(new.value)
            if accepted.all():
                base, value = point[self._free], new.value
                step, edm = self._direction(base, new)
                slope = -2 * edm
                scale = np.minimum(self._reach(base, step), self._positive(point, step, new, yields))
            else:
                base = np.where(accepted, point[self._free], base)
                value = np.where(accepted, new.value, value)
                direction, decrease = self._direction(base, new)
                step = np.where(accepted, direction, step)
                slope = np.where(accepted, -2 * decrease, slope)
                edm = np.where(accepted, decrease, edm)
                reach = np.minimum(self._reach(base, step), self._positive(point, step, new, yields))
                scale = np.where(accepted, reach, scale * _SHRINK)
            stuck = ~accepted & ((scale < _LEAST_SCALE) | ~np.isfinite(value))
            done = (accepted & (edm <= EDM_GOAL)) | stuck
            if done.any():
                out = rows[done]
                self.theta[self._free[:, None], out] = base[:, done]
                self.value[out], self.edm[out], self.reason[out] = value[done], edm[done], ROUNDED * stuck[done]
                keep = ~done
                rows, value, edm, slope, scale = (a[keep] for a in (rows, value, edm, slope, scale))
                base, step, point = base[:, keep], step[:, keep], point[:, keep]
                yields = None if yields is None else yields[:, keep]
                barrier = barrier if barrier.shape[1] == 1 else barrier[:, keep]
                if not rows.size:
                    return
            point[self._free] = self._inside(base + scale * step)
        self.theta[self._free[:, None], rows] = base
        self.value[rows], self.edm[rows] = value, edm

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

    def _positive(self, point: FloatArray, step: FloatArray, new: Expansion, yields: FloatArray | None) -> FloatArray:
        """Largest part of the step that keeps all rates positive, with a margin; exact where they are affine."""
        if not self._engine.affine:
            return np.ones(step.shape[1])
        end = point.copy()
        end[self._free] += step
        fall = new.rates - self._engine.rates(end, yields)
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
        pivot = np.maximum(hessian[j, j], least[j])
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
