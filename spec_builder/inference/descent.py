"""Newton steps of 2NLL for many rows side by side, in numpy: damped along their length, or towards a gradient."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.slim import SlimExpansion, solve_slim

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.engine import Engine, Expansion
    from spec_builder.inference.rows import RowArrays

__all__ = [
    "CAREFUL_EVALUATIONS",
    "EDM_GOAL",
    "EDM_VALID",
    "MAX_EVALUATIONS",
    "ROUNDED",
    "UNFINISHED",
    "run",
    "run_damped",
    "solve",
]

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
#: A careful descent whose EDM has not fallen for so many steps, and which rounding would not let be valid, ends.
_HIDDEN = 5
#: Why a row ends without converging, as numbers of :data:`spec_builder.inference.minima.REASONS`.
ROUNDED, UNFINISHED = 2, 3
MAX_EVALUATIONS = 100
_ARMIJO = 1e-4
_ROUNDING = 1e-12
_SHRINK = 0.3
_MARGIN = 0.99
_LEAST_SCALE = 1e-12
#: A pivot below this part of its diagonal has lost most of its digits.
_LOST = 1e-10
#: Damping that a careful descent begins with, in parts of the curvature; what a step that fails or succeeds does to it.
_DAMPING, _MORE, _LESS = 1e-3, 5.0, 0.15
_LEAST_DAMPING, _MOST_DAMPING = 1e-14, 1e14
#: A careful step may raise 2NLL by this part of what a quick one may: in a narrow valley that would lead astray.
_CAREFUL = 1e-2
CAREFUL_EVALUATIONS = 100
#: Free parameters from which on LAPACK decomposes the matrices one by one: twice as quick as a loop over the columns of
#: many side by side, and hundreds of times for hundreds of parameters.
_LARGE = 64
#: A matrix that is not definite even with so much of its diagonal added has a direction of negative curvature.
_NOT_FLAT = 1e-8


def run(
    engine: Engine | JacobianEngine,
    bounds: FloatArray,
    theta: FloatArray,
    arrays: RowArrays,
    barrier: FloatArray,
    *,
    evaluations: int = MAX_EVALUATIONS,
) -> tuple[FloatArray, FloatArray, IndexArray]:
    """Minimise all rows with numpy; :func:`spec_builder.inference.compiled.run` does it in compiled code.

    Args:
        engine: the compiled model.
        bounds: of all parameters, shape (2, P).
        theta: where each row starts, shape (P, N); overwritten by where it ends.
        arrays: what the rows have of their own.
        barrier: least counts, shape (bins or 1, N or 1).
        evaluations: allowed for each row.

    Returns:
        2NLL with the barrier, EDM and reason (0 where it converged, whatever the barrier), shape (N,) each.
    """
    return _in_batches(partial(_Batch.run, evaluations=evaluations), engine, bounds, theta, arrays, barrier)


def run_damped(
    engine: Engine | JacobianEngine, bounds: FloatArray, theta: FloatArray, arrays: RowArrays, barrier: FloatArray
) -> tuple[FloatArray, FloatArray, IndexArray]:
    """The same with steps of Levenberg and Marquardt: many more of them, for rows that :func:`run` does not end.

    D. W. Marquardt, J. Soc. Indust. Appl. Math. 11 (1963) 431; the bounds as active sets.
    """
    return _in_batches(_Batch.run_damped, engine, bounds, theta, arrays, barrier)


@np.errstate(over="ignore", invalid="ignore")  # of steps too wild to be taken, and where a matrix is not definite
def _in_batches(
    descend: Callable[[_Batch], None],
    engine: Engine | JacobianEngine,
    bounds: FloatArray,
    theta: FloatArray,
    arrays: RowArrays,
    barrier: FloatArray,
) -> tuple[FloatArray, FloatArray, IndexArray]:
    count = theta.shape[1]
    value, edm, reason = np.empty(count), np.empty(count), np.empty(count, dtype=np.intp)
    for begin in range(0, count, engine.batch):
        rows = slice(begin, begin + engine.batch)
        own = barrier if barrier.shape[1] == 1 else barrier[:, rows]
        batch = _Batch(engine, bounds, theta[:, rows], arrays.take(rows), own)
        descend(batch)
        theta[:, rows], value[rows], edm[rows], reason[rows] = batch.theta, batch.value, batch.edm, batch.reason
    return value, edm, reason


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
        constant = np.asarray(engine.constant if arrays.constant is None else arrays.constant)
        # 2NLL is the small difference of its constants and of terms as large
        self._noise = np.broadcast_to(_ROUNDING * (1 + np.abs(constant)), theta.shape[1:])
        self.theta = theta.copy()
        self.value = np.full(theta.shape[1], np.inf)
        self.edm = np.full(theta.shape[1], np.inf)
        self.reason = np.full(theta.shape[1], UNFINISHED)

    def run(self, evaluations: int) -> None:
        """Take Newton steps until every row is done or out of evaluations."""
        rows = np.arange(self.theta.shape[1])
        point, arrays, barrier = self.theta.copy(), self._arrays, self._barrier
        base = point[self._free]  # the last accepted points
        value = np.full(rows.size, np.inf)
        edm = np.full(rows.size, np.inf)
        step = np.zeros_like(base)
        slope = np.zeros(rows.size)
        scale = np.ones(rows.size)
        goal, noise = np.full(rows.size, EDM_GOAL), self._noise
        for evaluation in range(evaluations):
            if evaluation >= _PATIENCE:
                goal = _edm_goal(self._rounding(point, arrays, barrier))
            before = edm
            new = self._expand(point, arrays, barrier)
            bar = value + _ARMIJO * scale * slope + _ROUNDING * np.abs(value) + noise
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
                rows, value, edm, slope, scale, goal, noise = (
                    a[keep] for a in (rows, value, edm, slope, scale, goal, noise)
                )
                base, step, point = base[:, keep], step[:, keep], point[:, keep]
                arrays = arrays.take(keep)
                barrier = barrier if barrier.shape[1] == 1 else barrier[:, keep]
                if not rows.size:
                    return
            point[self._free] = self._inside(base + scale * step)
        self.theta[self._free[:, None], rows] = base
        self.value[rows], self.edm[rows] = value, edm
        self.reason[rows] = np.where(edm <= EDM_VALID, 0, UNFINISHED)

    def run_damped(self) -> None:
        """Take damped steps until every row is done or out of evaluations."""
        rows = np.arange(self.theta.shape[1])
        arrays, barrier, noise = self._arrays, self._barrier, _CAREFUL * self._noise
        point = self.theta.copy()
        base = point[self._free]
        now = self._engine(point, arrays, barrier=barrier)
        damping = np.full(rows.size, _DAMPING)
        best = np.full(rows.size, np.inf)  # the least EDM so far
        since = np.zeros(rows.size, dtype=np.intp)  # steps that have not lowered it
        for _ in range(CAREFUL_EVALUATIONS):
            _, edm = self._direction(base, now._replace(hessian=now.hessian.copy()))  # which it overwrites
            lower = edm < _FALL * best
            best, since = np.where(lower, edm, best), np.where(lower, 0, since + 1)
            point[self._free] = base
            left = self._rounding(point, arrays, barrier) if (since > 1).any() else np.zeros(rows.size)
            settled = edm <= np.where(since > 1, _edm_goal(left), EDM_GOAL)
            hidden = (left > _EDM_ROUNDED) & (since > _HIDDEN)
            stuck = ~np.isfinite(now.value) | (damping > _MOST_DAMPING) | hidden
            done = settled | stuck
            if done.any():
                out = rows[done]
                self.theta[self._free[:, None], out] = base[:, done]
                self.value[out], self.edm[out] = now.value[done], edm[done]
                self.reason[out] = np.where(settled[done] | (edm[done] <= EDM_VALID), 0, ROUNDED)
                keep = ~done
                rows, since = rows[keep], since[keep]
                edm, noise, damping, best = (a[keep] for a in (edm, noise, damping, best))
                base, point, arrays, now = base[:, keep], point[:, keep], arrays.take(keep), now.take(keep)
                barrier = barrier if barrier.shape[1] == 1 else barrier[:, keep]
                if not rows.size:
                    return
            step, promised = self._damped_step(base, now, damping)
            end = self._inside(np.clip(base + step, self._lower, self._upper))
            point[self._free] = end
            new = self._engine(point, arrays, barrier=barrier)
            bar = now.value - _ARMIJO * promised + _CAREFUL * _ROUNDING * np.abs(now.value) + noise
            accepted = np.isfinite(new.value) & (new.value <= bar)
            base = np.where(accepted, end, base)
            now = new.where(accepted, now)
            damping = np.where(accepted, np.maximum(damping * _LESS, _LEAST_DAMPING), damping * _MORE)
        self.theta[self._free[:, None], rows] = base
        self.value[rows], self.edm[rows] = now.value, edm
        self.reason[rows] = np.where(edm <= EDM_VALID, 0, UNFINISHED)

    def _damped_step(self, base: FloatArray, now: Expansion, damping: FloatArray) -> tuple[FloatArray, FloatArray]:
        """A step (F, n) of a Hessian whose diagonal is raised by a part of it, and how far 2NLL should fall (n,)."""
        low, high = base <= self._lower, base >= self._upper
        blocked = (low & (now.gradient > 0)) | (high & (now.gradient < 0))
        numbers = range(len(base))
        raised = damping * now.fisher[numbers, numbers]
        least = np.zeros_like(self._engine.stiffness)
        while True:
            gradient = np.where(blocked, 0.0, now.gradient)
            hessian = _without(now.hessian, blocked)
            hessian[numbers, numbers] += raised
            step, definite = solve(hessian, gradient, least)
            if not definite.all():
                rest = ~definite
                fisher = _without(now.fisher[..., rest], blocked[:, rest])
                fisher[numbers, numbers] += raised[:, rest]
                step[:, rest], _ = solve(fisher, gradient[:, rest], self._engine.stiffness)
            outward = ((low & (step < 0)) | (high & (step > 0))) & ~blocked
            if not outward.any():
                break
            blocked |= outward
        promised = np.abs(np.sum(gradient * step, axis=0))
        return step, promised

    def _rounding(self, point: FloatArray, arrays: RowArrays, barrier: FloatArray) -> FloatArray:
        """EDM that rounding leaves, shape (N,): rates that are small differences of large terms are not known better.

        An error e of a rate nu with d counts moves the minimum of 2 (nu - d ln nu) by an EDM of d (e / nu)^2. Infinite
        where e is not less than nu: the rate is not known at all.
        """
        observed = self._engine.specification.observed[:, None] if arrays.observed is None else arrays.observed
        observed = np.maximum(observed, barrier)
        error, rates = _RATE_ROUNDING * self._engine.magnitude(point, arrays), self._engine.rates(point, arrays)
        with np.errstate(divide="ignore"):
            rounding = np.sum(np.where(observed > 0, observed * (error / rates) ** 2, 0.0), axis=0)
        unknown = ((observed > 0) & ~(error < rates)).any(axis=0)
        return np.where(unknown, np.inf, rounding)

    def _expand(self, point: FloatArray, arrays: RowArrays, barrier: FloatArray) -> Expansion | SlimExpansion:
        """2NLL and its derivatives, in the form that suits the model."""
        engine = self._engine
        if isinstance(engine, JacobianEngine) and engine.is_slim:
            return engine.slim(point, arrays, barrier=barrier)
        return engine(point, arrays, barrier=barrier)

    def _direction(self, base: FloatArray, new: Expansion | SlimExpansion) -> tuple[FloatArray, FloatArray]:
        """Newton step (F, n) over the directions that the bounds leave free, and its EDM (n,)."""
        low, high = base <= self._lower, base >= self._upper
        blocked = (low & (new.gradient > 0)) | (high & (new.gradient < 0))
        inside = not (low.any() or high.any())
        while True:
            gradient = new.gradient if inside else np.where(blocked, 0.0, new.gradient)
            if isinstance(new, SlimExpansion):
                step, definite = self._slim_step(new, gradient, blocked)
            else:
                step, definite = self._step(new.hessian, new.fisher, gradient, None if inside else blocked)
            if inside:
                break
            outward = ((low & (step < 0)) | (high & (step > 0))) & ~blocked
            if not outward.any():
                break
            blocked |= outward
        edm = np.abs(0.5 * np.sum(gradient * step, axis=0))
        # away from a region where the Hessian is positive the EDM has no meaning yet
        return step, np.where(definite, edm, np.maximum(edm, 2 * EDM_VALID))

    def _step(
        self, hessian: FloatArray, fisher: FloatArray, gradient: FloatArray, blocked: BoolArray | None
    ) -> tuple[FloatArray, BoolArray]:
        """-H^-1 g (F, n) without the blocked directions, by the Fisher part where H is not positive definite (n,)."""
        stiffness = self._engine.stiffness
        if blocked is not None:
            hessian = _without(hessian, blocked)
        if self._engine.affine:
            return solve(hessian, gradient, stiffness)
        step, definite = solve(hessian, gradient, np.zeros_like(stiffness))
        if not definite.all():
            rest = ~definite
            left = np.zeros_like(gradient, dtype=bool) if blocked is None else blocked
            step[:, rest], _ = solve(_without(fisher[..., rest], left[:, rest]), gradient[:, rest], stiffness)
        return step, definite

    def _slim_step(self, new: SlimExpansion, gradient: FloatArray, blocked: BoolArray) -> tuple[FloatArray, BoolArray]:
        """The same of a slim model."""
        stiffness = self._engine.stiffness
        step, definite, unknown = solve_slim(new.hessian.without(blocked), gradient, stiffness)
        rest = ~definite
        rest[unknown] = False
        if rest.any():
            fisher = new.fisher.take(rest).without(blocked[:, rest])
            step[:, rest], _, more = solve_slim(fisher, gradient[:, rest], stiffness)
            unknown = np.union1d(unknown, np.flatnonzero(rest)[more])
        if unknown.size:
            whole = new.whole()
            parts = whole.hessian[..., unknown], whole.fisher[..., unknown]
            step[:, unknown], definite[unknown] = self._step(*parts, gradient[:, unknown], blocked[:, unknown])
        return step, definite

    def _positive(
        self, point: FloatArray, step: FloatArray, new: Expansion | SlimExpansion, arrays: RowArrays
    ) -> FloatArray:
        """Largest part of the step that keeps all rates positive, with a margin; exact where they are affine."""
        if not self._engine.affine:
            return np.ones(step.shape[1])
        end = point.copy()
        end[self._free] += step
        fall = new.rates - self._engine.rates(end, arrays)
        with np.errstate(divide="ignore"):
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
        with np.errstate(divide="ignore"):
            part = np.where(step != 0, room / step, 1.0)
        reach: FloatArray = np.minimum(1.0, part.min(axis=0, initial=1.0))
        return reach


def _edm_goal(rounding: FloatArray) -> FloatArray:
    """EDM at which a row is at its minimum, for what rounding leaves of it: no excuse where a rate is not known."""
    goal: FloatArray = np.clip(np.where(np.isfinite(rounding), rounding, 0.0), EDM_GOAL, _EDM_ROUNDED)
    return goal


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
    if len(gradient) < _LARGE:
        return _solve_by_columns(hessian, gradient, least)
    x, definite = np.zeros_like(gradient), np.zeros(gradient.shape[1], dtype=bool)
    for row in range(gradient.shape[1]):
        found = _solve_large(hessian[..., row], gradient[:, row], least[:, 0])
        if found is not None:
            x[:, row], definite[row] = found
        else:
            one = slice(row, row + 1)
            x[:, one], definite[one] = _solve_by_columns(hessian[..., one].copy(), gradient[:, one], least)
    return x, definite


def _solve_large(hessian: FloatArray, gradient: FloatArray, least: FloatArray) -> tuple[FloatArray, bool] | None:
    """The same for one large matrix (F, F), which stays; None where directions are flat or rounding hides pivots."""
    from scipy.linalg.lapack import dpotrf, dpotrs  # noqa: PLC0415 - small models do without scipy.linalg

    diagonal = hessian.diagonal()
    factor, failed = dpotrf(hessian.T, lower=0, clean=0)  # in LAPACK's order the lower triangle is the upper one
    if failed:
        if not np.isfinite(diagonal).all():
            return np.zeros_like(gradient), False
        raised = hessian.T.copy()
        numbers = np.arange(len(diagonal))
        raised[numbers, numbers] += np.where(diagonal == 0, 1.0, _NOT_FLAT * np.abs(diagonal))
        bent = dpotrf(raised, lower=0, clean=0)[1] > 0
        return (np.zeros_like(gradient), False) if bent else None
    pivots = factor.diagonal() ** 2
    if (pivots <= np.maximum(_LOST * diagonal, least * (1 - _NOT_FLAT))).any():
        return None
    x: FloatArray = dpotrs(factor, -gradient, lower=0)[0]
    return x, True


def _solve_by_columns(hessian: FloatArray, gradient: FloatArray, least: FloatArray) -> tuple[FloatArray, BoolArray]:
    """See :func:`solve`."""
    size = len(gradient)
    x = -gradient
    diagonal = np.abs(hessian[range(size), range(size)])
    floor = np.where(least == 0, 1e-13 * diagonal, 0.0)
    columns = np.empty_like(hessian)  # of L D, by their number
    inverse = np.empty_like(x)
    definite = np.ones(gradient.shape[1], dtype=bool)
    for j in range(size):
        column = hessian[j:, j]
        if j:
            column -= np.einsum("ikn,kn->in", hessian[j:, :j], columns[:j, j])
            x[j] -= np.einsum("kn,kn->n", hessian[j, :j], x[:j])
        pivot = np.maximum(column[0], least[j]) if least[j] > 0 else column[0]
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
        inverse[j] = 1 / pivot
        columns[j, j + 1 :] = column[1:]
        column[1:] *= inverse[j]
    x *= inverse
    for j in reversed(range(size - 1)):
        x[j] -= np.einsum("kn,kn->n", hessian[j + 1 :, j], x[j + 1 :])
    return x, definite
