"""Single fits with iminuit, on the analytic gradient."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from iminuit import Minuit

from spec_builder.histfactory.interpolation import scalar_factor
from spec_builder.inference import newton
from spec_builder.inference.descent import UNFINISHED, solve
from spec_builder.inference.engine import Engine
from spec_builder.inference.expectation import BOUND_MARGIN
from spec_builder.inference.minima import IMPOSSIBLE, NOT_FINITE, UNSETTLED, BatchFit, is_lower
from spec_builder.inference.newton import INSIDE, given_rows, starting_points
from spec_builder.inference.row_model import NEAR
from spec_builder.inference.rows import FIXED, PLAIN, SHARED, Layout, Rows, take_apart
from spec_builder.inference.starts import bending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.histfactory.specification import Term
    from spec_builder.inference.engine import Expansion
    from spec_builder.inference.jacobian import JacobianEngine
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.rows import RowArrays

    #: A parameter, its auxiliary datum, and the width or scale of its constraint.
    Constrained = tuple[int, float, float]

__all__ = ["make_minuit", "minimise", "minos"]

#: Minuit stops at an EDM of 0.002 x tolerance: 2e-9 here.
TOLERANCE = 1e-6
_CALLS = 500
_FEW_CALLS = 60
_SETTLED = 1e-7
#: Rounding of 2NLL, in parts of its constant terms.
_ROUNDING = 1e-14


def _derivatives(engine: Engine) -> Iterator[tuple[int, int, int, tuple[Term, ...]]]:
    """Group, position of the parameter, factor and remaining terms of every first derivative."""
    for group, slopes in enumerate(engine.slopes):
        for slope in slopes:
            yield group, slope.position, slope.factor, slope.terms


class PointFunction:
    """2NLL and its gradient at one point, in plain numbers: arrays of length one would cost ten times as much.

    Args:
        engine: the compiled model.
    """

    def __init__(self, engine: Engine) -> None:
        free = engine.free
        spec = engine.specification
        position = {p: i for i, p in enumerate(free)}
        functions = [(i, factor.parameter, scalar_factor(factor)) for i, factor in enumerate(spec.factors)]
        self._factors, self._ratios = spec.factors, engine.ratios
        self._fixed = [(i, p, f) for i, p, f in functions if p not in position]
        self._varied = [(i, position[p], f) for i, p, f in functions if p in position]
        self._values, self._slopes = [0.0] * len(functions), [0.0] * len(functions)
        self._all_amplitudes = engine.amplitude_terms
        self._all_derivatives = list(_derivatives(engine))
        self._runs = engine.runs
        self._shapes = engine.templates
        self._templates, self._transposed = engine.templates, np.ascontiguousarray(engine.templates.T)
        self._observed, self._empty = spec.observed, spec.observed == 0
        self._ones = np.ones(spec.observed.size)
        self._position = position
        self._constraints = [(i, p.constraint) for i, p in enumerate(spec.parameters) if p.constraint]
        self._constrain([c.auxiliary for _, c in self._constraints])
        self.stiffness = engine.stiffness
        self._affine = engine.affine
        self._base, self._jacobian = np.zeros(0), np.zeros((0, 0))
        self._engine_constant = self._constant = engine.constant
        self._held: list[float] | None = None
        self._last: list[float] = []
        self._value = 0.0
        self._rates = np.zeros(0)
        self._partials: list[float] = []

    def _constrain(self, auxiliary: Sequence[float]) -> None:
        """Set the auxiliary data."""
        data = list(zip(self._constraints, auxiliary, strict=True))
        normal = [(i, a, c.scale**-2) for (i, c), a in data if c.kind == "normal"]
        poisson = [(i, a, c.scale) for (i, c), a in data if c.kind == "poisson"]
        self._normal, self._fixed_normal = self._sorted_out(normal)
        self._poisson, self._fixed_poisson = self._sorted_out(poisson)

    def _sorted_out(self, constraints: Sequence[Constrained]) -> tuple[list[Constrained], list[Constrained]]:
        """Constraints of the free parameters, by their position among these, and those of the fixed ones."""
        free = [(self._position[i], datum, width) for i, datum, width in constraints if i in self._position]
        return free, [constraint for constraint in constraints if constraint[0] not in self._position]

    def _place_row(self, row: RowArrays) -> None:
        """Set what one row has of its own."""
        if row.columns:
            self._templates = self._shapes.copy()
            for column, a, b in self._runs:
                if column != FIXED:
                    self._templates[a:b] *= row.columns[column][:, 0]
            self._transposed = np.ascontiguousarray(self._templates.T)
        if row.observed is not None:
            self._observed = row.observed[:, 0]
            self._empty = self._observed == 0
        if row.auxiliary is not None:
            self._constrain(row.auxiliary[:, 0].tolist())
        if row.constant is not None:
            self._engine_constant = float(row.constant[0])
        if row.interpolations is not None:
            self._interpolate(row.interpolations[:, :, 0])

    def _interpolate(self, coefficients: FloatArray) -> None:
        """Set the interpolations that come by row; shape (coefficients, factors)."""
        own = {f: scalar_factor(self._factors[f], coefficients[:, k].tolist()) for k, f in enumerate(self._ratios)}
        self._fixed = [(i, p, own.get(i, function)) for i, p, function in self._fixed]
        self._varied = [(i, p, own.get(i, function)) for i, p, function in self._varied]

    def place(self, theta: FloatArray, row: RowArrays = SHARED) -> None:
        """Set the parameters that are not free from theta (P,), and what the row has of its own."""
        self._last = []
        self._place_row(row)
        self._hold([function(float(theta[p]))[0] for _, p, function in self._fixed])
        self._constant = self._engine_constant
        for i, centre, weight in self._fixed_normal:
            self._constant += (float(theta[i]) - centre) ** 2 * weight
        for i, count, scale in self._fixed_poisson:
            mean = scale * float(theta[i])
            self._constant += 2 * (mean - count * math.log(mean))
        if self._affine:
            self._vary([0.0] * len(self.stiffness))
            self._differentiate()
            self._base = self._transposed @ [_number(terms, self._values) for terms in self._amplitudes]
            self._jacobian = self._slopes_of_rates()

    def _hold(self, held: list[float]) -> None:
        """Multiply the factors of fixed parameters into the terms, where they are not those of the last row."""
        if held == self._held:
            return
        self._held = held
        for (i, _, _), value in zip(self._fixed, held, strict=True):
            self._values[i] = value
        varied = {i for i, _, _ in self._varied}
        self._amplitudes = [_fold(terms, self._values, varied) for terms in self._all_amplitudes]
        self._derivatives = [(g, p, f, _fold(terms, self._values, varied)) for g, p, f, terms in self._all_derivatives]

    def value(self, x: FloatArray) -> float:
        """2NLL; infinite where a rate is not allowed."""
        self._evaluate(x.tolist())
        return self._value

    def gradient(self, x: FloatArray) -> list[float]:
        """Gradient in the free parameters; MIGRAD asks for it at every other point only."""
        point = x.tolist()
        self._evaluate(point)
        gradient = [0.0] * len(point)
        for p, centre, weight in self._normal:
            gradient[p] = 2 * (point[p] - centre) * weight
        for p, count, scale in self._poisson:
            gradient[p] = 2 * (scale - count / point[p])
        pulled = self._ones - self._observed / self._rates
        if self._affine:
            for p, slope in enumerate((self._jacobian @ pulled).tolist()):
                gradient[p] += 2 * slope
            return gradient
        self._differentiate()
        slopes = (self._templates @ pulled).tolist()
        for (group, p, _, _), slope in zip(self._derivatives, self._partials, strict=True):
            gradient[p] += 2 * slopes[group] * slope
        return gradient

    def fisher(self, x: FloatArray) -> FloatArray:
        """The Hessian without second derivatives of the rates, shape (F, F)."""
        self._evaluate(x.tolist())
        if self._affine:
            jacobian = self._jacobian
        else:
            self._differentiate()
            jacobian = self._slopes_of_rates()
        matrix = (jacobian * (2 * self._observed / self._rates**2)) @ jacobian.T
        for p, _, weight in self._normal:
            matrix[p, p] += 2 * weight
        for p, count, _ in self._poisson:
            matrix[p, p] += 2 * count / self._last[p] ** 2
        return matrix

    def seed(self, x: FloatArray) -> FloatArray:
        """What MIGRAD starts from: it stops on a matrix that is not positive definite, as one without data is."""
        return positive_definite(self.fisher(x))

    def _evaluate(self, x: list[float]) -> None:
        if x == self._last:
            return
        self._last = x
        if self._affine:
            rates = self._base + np.array(x) @ self._jacobian
        else:
            self._vary(x)
            rates = self._transposed @ [_number(terms, self._values) for terms in self._amplitudes]
        value = self._constant
        for p, centre, weight in self._normal:
            pull = x[p] - centre
            value += pull * pull * weight
        for p, count, scale in self._poisson:
            value += 2 * (scale * x[p] - count * math.log(scale * x[p]))
        safe = rates
        if not min(rates.tolist()) > 0:
            if (rates < 0).any() or (rates[~self._empty] <= 0).any():
                value = math.inf
            safe = np.where(rates > 0, rates, 1.0)
        self._rates = safe
        self._value = value + 2 * float(rates @ self._ones - self._observed @ np.log(safe))

    def _vary(self, x: list[float]) -> None:
        """Set the factors of the free parameters."""
        values, slopes = self._values, self._slopes
        for i, p, function in self._varied:
            values[i], slopes[i] = function(x[p])

    def _differentiate(self) -> None:
        """Set the amplitudes' derivatives in the free parameters."""
        values, slopes = self._values, self._slopes
        self._partials = [_number(terms, values) * slopes[f] for _, _, f, terms in self._derivatives]

    def _slopes_of_rates(self) -> FloatArray:
        """Derivatives of the rates in the free parameters, shape (F, bins)."""
        jacobian = np.zeros((len(self.stiffness), self._observed.size))
        for (group, p, _, _), slope in zip(self._derivatives, self._partials, strict=True):
            jacobian[p] += slope * self._templates[group]
        return jacobian


class ArrayFunction:
    """The same by the engine of a large model, whose arrays are long enough at one point.

    Args:
        likelihood: the model.
        engine: the compiled model.
    """

    def __init__(self, likelihood: Likelihood, engine: JacobianEngine) -> None:
        self._engine, self._free = engine, list(engine.free)
        self.stiffness = engine.stiffness
        self._theta, self._row = likelihood.init[:, None].copy(), SHARED
        self._last = np.zeros(0)
        self._expansion: Expansion | None = None

    def place(self, theta: FloatArray, row: RowArrays = SHARED) -> None:
        """Set the parameters that are not free from theta (P,), and what the row has of its own."""
        self._theta, self._row, self._expansion = theta[:, None].copy(), row, None

    def value(self, x: FloatArray) -> float:
        """2NLL; infinite where a rate is not allowed. Without derivatives, which MIGRAD wants at every other point."""
        if self._expansion is None or not np.array_equal(x, self._last):
            self._theta[self._free, 0] = x
            return float(self._engine.value(self._theta, self._row)[0])
        return float(self._expansion.value[0])

    def gradient(self, x: FloatArray) -> list[float]:
        """Gradient in the free parameters."""
        gradient: list[float] = self._expand(x).gradient[:, 0].tolist()
        return gradient

    def fisher(self, x: FloatArray) -> FloatArray:
        """The Hessian without second derivatives of the rates, shape (F, F)."""
        lower = np.tril(self._expand(x).fisher[..., 0])
        matrix: FloatArray = lower + np.tril(lower, -1).T
        return matrix

    def seed(self, x: FloatArray) -> FloatArray:
        """See :meth:`PointFunction.seed`."""
        return positive_definite(self.fisher(x))

    def _expand(self, x: FloatArray) -> Expansion:
        if self._expansion is None or not np.array_equal(x, self._last):
            self._last = np.array(x)
            self._theta[self._free, 0] = x
            self._expansion = self._engine(self._theta, self._row)
        return self._expansion


def positive_definite(matrix: FloatArray) -> FloatArray:
    """A matrix (F, F) without directions that are flat."""
    diagonal = np.diag(matrix)
    positive: FloatArray = matrix + np.diag(np.where(diagonal > 0, 1e-6 * diagonal, 1.0))
    return positive


def point_function(
    likelihood: Likelihood, free: tuple[int, ...], layout: Layout = PLAIN
) -> PointFunction | ArrayFunction:
    """2NLL and its gradient at one point."""
    engine = likelihood.engine(free, layout)
    return PointFunction(engine) if isinstance(engine, Engine) else ArrayFunction(likelihood, engine)


def _fold(terms: Sequence[Term], values: list[float], varied: set[int]) -> list[tuple[float, tuple[int, ...]]]:
    """The terms with the factors of fixed parameters multiplied into their coefficients."""
    folded: dict[tuple[int, ...], float] = {}
    for coefficient, factors in terms:
        for f in factors:
            if f not in varied:
                coefficient *= values[f]  # noqa: PLW2901
        left = tuple(f for f in factors if f in varied)
        folded[left] = folded.get(left, 0.0) + coefficient
    return [(coefficient, factors) for factors, coefficient in folded.items()]


def _number(terms: Sequence[tuple[float, tuple[int, ...]]], values: list[float]) -> float:
    total = 0.0
    for coefficient, factors in terms:
        product = coefficient
        for f in factors:
            product *= values[f]
        total += product
    return total


def make_minuit(likelihood: Likelihood, function: PointFunction | ArrayFunction, free: tuple[int, ...]) -> Minuit:
    """A Minuit object on the free parameters; start values are set with :func:`migrad`.

    Args:
        likelihood: the model.
        function: it, at one point.
        free: indices of the free parameters.
    """
    names = [likelihood.parameters[i] for i in free]
    start = likelihood.init[list(free)]
    minuit = Minuit(function.value, start, grad=function.gradient, hessian=function.seed, name=names)
    minuit.errordef = 1.0
    minuit.tol = TOLERANCE
    minuit.strategy = 0
    minuit.limits = likelihood.bounds[:, list(free)].T.tolist()
    return minuit


def migrad(minuit: Minuit, start: FloatArray, bounds: FloatArray) -> Minuit:
    """Minimise from start values (F,), moved a little inside the bounds (2, F): on a limit MIGRAD sees no slope.

    Its print level is one for all of a process, and others set it (cabinetry does): lines on standard output would
    stand in results.
    """
    margin = INSIDE * (bounds[1] - bounds[0])
    minuit.reset()
    minuit.values = np.clip(start, bounds[0] + margin, bounds[1] - margin)
    level, minuit.print_level = minuit.print_level, 0
    try:
        return minuit.migrad(ncall=_CALLS)
    finally:
        minuit.print_level = level


def minimise(
    likelihood: Likelihood,
    *,
    start: FloatArray | None = None,
    fixed: tuple[str, ...] = (),
    rows: Rows | None = None,
    sample: str | None = None,
    yields: FloatArray | None = None,
) -> BatchFit:
    """Minimise 2NLL with MIGRAD, one point after the other, and end with the steps of ``newton``.

    Where MIGRAD does not converge from the start values within 500 calls, it starts again from the minimum that
    ``newton`` finds, and then from the model's own. Arguments and result are those of
    :func:`spec_builder.inference.newton.minimise`.
    """
    rows = given_rows(rows, sample, yields)
    free = likelihood.free_without(fixed)
    if not free:  # MIGRAD refuses to have nothing to do
        return newton.minimise(likelihood, start=start, fixed=fixed, rows=rows)
    layout, arrays = take_apart(likelihood, rows)
    theta = starting_points(likelihood, start, rows, free)
    count = len(theta)
    begun, known = theta.copy(), np.full(count, np.inf)
    value, edm, reason = np.empty(count), np.empty(count), np.empty(count, dtype=np.intp)
    function = point_function(likelihood, free, layout)
    minuit, bounds = make_minuit(likelihood, function, free), likelihood.bounds[:, list(free)]
    observed = likelihood.observed[:, None] if arrays.observed is None else arrays.observed
    empty = likelihood.nothing_expected(np.ascontiguousarray(theta.T), free, layout, arrays)
    impossible = (empty & (observed > 0)).any(axis=0)
    value[impossible], edm[impossible], reason[impossible] = np.inf, np.inf, IMPOSSIBLE
    for i in np.flatnonzero(~impossible):
        here = slice(i, i + 1)
        function.place(theta[i], arrays.take(here))
        known[i] = function.value(theta[i, list(free)])
        for begin in _starts(likelihood, theta[here], fixed, partial(rows.take, here)):
            if migrad(minuit, begin[list(free)], bounds).valid and _settled(function, minuit, bounds):
                break
        theta[i, list(free)], value[i] = _onto_bounds(function, minuit, bounds)
        edm[i] = minuit.fmin.edm
        reason[i] = 0 if minuit.valid else UNFINISHED if math.isfinite(minuit.fval) else NOT_FINITE
    constant = likelihood.engine(free, layout).constant if arrays.constant is None else arrays.constant
    noise = np.broadcast_to(_SETTLED + _ROUNDING * np.abs(constant), (count,))
    found = theta, value, edm, reason
    _finish(newton.minimise(likelihood, start=theta, fixed=fixed, rows=rows), found, noise)
    searched = None
    if start is None and bending(likelihood, free, layout, arrays):
        searched = newton.minimise(likelihood, fixed=fixed, rows=rows)
        _finish(searched, found, noise)
    # MIGRAD has left the minimum that it began at for a higher one, or has not ended: Newton's steps from there
    left = np.flatnonzero(((reason != 0) & ~impossible) | is_lower(known, value))
    if left.size:
        own = theta[left], value[left], edm[left], reason[left]
        _finish(newton.minimise(likelihood, start=begun[left], fixed=fixed, rows=rows.take(left)), own, noise[left])
        theta[left], value[left], edm[left], reason[left] = own
    reason[(reason == 0) & is_lower(known + noise, value)] = UNFINISHED
    if searched is not None:  # at last, as the fits above know nothing of other minima
        reason[(reason == 0) & ((searched.reason == UNSETTLED) | is_lower(searched.twice_nll, value))] = UNSETTLED
    lower, upper = bounds
    inside, margin = theta[:, list(free)], BOUND_MARGIN * (upper - lower)
    at_bound = ((inside - lower <= margin) | (upper - inside <= margin)).any(axis=1)
    return BatchFit(value, theta, edm, reason, at_bound)


def _finish(ended: BatchFit, found: tuple[FloatArray, FloatArray, FloatArray, IndexArray], noise: FloatArray) -> None:
    """Take the end that Newton's steps find, unless MIGRAD has come lower: that is another minimum, ended or not.

    MIGRAD's differences of 2NLL drown in rounding where counts are large, and it knows no edge on which a rate is zero.

    Args:
        ended: where the steps end.
        found: theta (N, P), 2NLL, EDM and reason (N,) of MIGRAD, overwritten.
        noise: how far rounding takes 2NLL, shape (N,).
    """
    theta, value, edm, reason = found
    better = ended.valid & ~(ended.twice_nll > value + noise)
    theta[better], value[better], edm[better] = ended.theta[better], ended.twice_nll[better], ended.edm[better]
    reason[better] = 0


def _onto_bounds(
    function: PointFunction | ArrayFunction, minuit: Minuit, bounds: FloatArray
) -> tuple[FloatArray, float]:
    """The minimum (F,) and 2NLL there: MIGRAD comes close to a bound only."""
    x, value = np.array(minuit.values), float(minuit.fval)
    lower, upper = bounds
    near = NEAR * (upper - lower)
    low, high = x < lower + near, x > upper - near
    if not (low.any() or high.any()):
        return x, value
    there = np.where(low, lower, np.where(high, upper, x))
    height = function.value(there)
    return (there, height) if height <= value else (x, value)


def _settled(function: PointFunction | ArrayFunction, minuit: Minuit, bounds: FloatArray) -> bool:
    """Whether the exact gradient agrees that this is a minimum: MIGRAD may stop where a rate nearly vanishes.

    It does so far from its start only, after many calls.
    """
    if minuit.nfcn < _FEW_CALLS:
        return True
    x = np.array(minuit.values)
    moving = (x > bounds[0] + 1e-6) & (x < bounds[1] - 1e-6)
    gradient = np.where(moving, function.gradient(x), 0.0)
    matrix = np.where(np.outer(moving, moving), function.fisher(x), np.eye(x.size))
    step, _ = solve(matrix[..., None], gradient[:, None], function.stiffness)
    return bool(np.abs(gradient @ step[:, 0]) / 2 < _SETTLED)


def _starts(
    likelihood: Likelihood,
    theta: FloatArray,
    fixed: tuple[str, ...],
    row: Callable[[], Rows],
) -> Iterator[FloatArray]:
    """Where to start, shape (P,), one after the other until MIGRAD converges.

    It does not from a bound, for a signal 1e4 times the data, or where the minimum is on a bound.
    """
    yield theta[0]
    yield newton.minimise(likelihood, start=theta, fixed=fixed, rows=row()).theta[0]
    yield likelihood.init


def minos(likelihood: Likelihood, parameter: str, cl: float) -> tuple[float | None, float | None]:
    """MINOS lengths (up, down) of a parameter's interval around the minimum; None where there is no crossing.

    Args:
        likelihood: the model.
        parameter: a free parameter.
        cl: confidence level, e.g. 0.68.
    """
    free = likelihood.free
    function = point_function(likelihood, free)
    function.place(likelihood.init)
    bounds = likelihood.bounds[:, list(free)]
    minuit = migrad(make_minuit(likelihood, function, free), likelihood.init[list(free)], bounds)
    minuit.minos(parameter, cl=cl)
    errors = minuit.merrors[parameter]
    return (
        errors.upper if errors.upper_valid and not errors.at_upper_limit else None,
        -errors.lower if errors.lower_valid and not errors.at_lower_limit else None,
    )
