"""Toys of a coupling with which the shape uncertainties of the signal change.

Under ``normsys`` such an uncertainty is a ratio of totals times a shape, which is no polynomial in the coupling: it
cannot be fitted with the nuisance parameters. So 2NLL is followed down a ladder of couplings from each of the minima
that it may have, each rung fitted with its own shapes and ratios, and the minimum is the root of the slope: twenty to
forty fits a toy instead of two to four.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.data import Data, Problem, Yields
from spec_builder.inference.global_minima import candidates, keep_lower, put
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.minima import REASONS
from spec_builder.inference.newton import minimise
from spec_builder.inference.roots import STEEP, find_roots
from spec_builder.inference.rows import saturated, take_apart
from spec_builder.inference.toys import TOYS_PER_CHUNK, draw, ensemble_start, generator_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import Columns, FloatArray, IndexArray
    from spec_builder.histfactory.specification import Specification
    from spec_builder.inference.minima import BatchFit
    from spec_builder.inference.rows import Rows
    from spec_builder.inference.toys import Ensemble

__all__ = ["ShapedSignal", "ShapedToyChunk"]

#: Step of x for its slope, in parts of x: the error of a minimum in 2NLL goes with its fourth power.
_STEP = 1e-2
#: Tolerance of a minimum in parts of the parameter: 2NLL there is good to the square of it.
_TOLERANCE = 1e-5
#: Fits go on this often from where they stopped without having converged: along the curved border of where every rate
#: is positive, which shapes have, they are slow.
_TRIES = 12
_NOT_CONVERGED = REASONS.index("not converged within the evaluations allowed")


@dataclass(frozen=True)
class ShapedSignal:
    """A model and its signal at one mediator mass, without physics.

    Attributes:
        specification: the model with the observed data.
        yields: of each sample at the mass, M = 1.
        signed: the parameter may be negative.
        ladder: values of the parameter over its domain, ascending, shape (K,).
    """

    specification: Specification
    yields: Mapping[str, Yields]
    signed: bool
    ladder: FloatArray

    def rows(self, likelihood: Likelihood, x: FloatArray, data: Data | None = None) -> Rows:
        """The signal at N values of the polynomials' variable as rows, with N data sets or the observed one."""
        problem = Problem(likelihood, None, tuple(self.yields), lambda _: self.yields, self.signed)
        rows = problem.rows(self.yields, np.zeros(x.size, dtype=np.intp), x)
        return rows if data is None else replace(rows, observed=data.observed, auxiliary=data.auxiliary)

    def _x(self, values: FloatArray) -> FloatArray:
        return values if self.signed else values * values

    def profile(
        self,
        likelihood: Likelihood,
        values: FloatArray,
        *,
        start: FloatArray | None = None,
        fixed: tuple[str, ...] = (),
        data: Data | None = None,
    ) -> BatchFit:
        """Minima at values of the parameter, shape (N,), of the observed data or of N data sets.

        Args:
            likelihood: of the specification.
            values: of the parameter.
            start: where the fits start, shape (N, P); at the model's own start values by default.
            fixed: names of parameters that stay there.
            data: N data sets.
        """
        begin = np.tile(likelihood.init, (values.size, 1)) if start is None else start
        return self._fit(likelihood, self._x(values), begin, data, fixed)

    def _fit(
        self,
        likelihood: Likelihood,
        x: FloatArray,
        begin: FloatArray,
        data: Data | None,
        fixed: tuple[str, ...] = (),
    ) -> BatchFit:
        rows = self.rows(likelihood, x, data)
        fits = minimise(likelihood, start=begin, rows=rows, fixed=fixed)
        for _ in range(_TRIES):
            late = np.flatnonzero(fits.reason == _NOT_CONVERGED)
            if not late.size:
                break
            more = minimise(likelihood, start=fits.theta[late], rows=rows.take(late), fixed=fixed)
            fits = put(fits, late, more)
        return fits

    def hypotheses(self, values: FloatArray, ensemble: Ensemble) -> FloatArray:
        """Parameters that toys are thrown at, shape (N, P); see :func:`spec_builder.inference.toys.hypotheses`.

        Raises:
            SpecBuilderError: for an unknown ensemble, or where no fit converges.
        """
        likelihood = Likelihood(self.specification)
        start, fixed = ensemble_start(likelihood, ensemble, None)
        fits = self.profile(likelihood, values, start=np.tile(start, (values.size, 1)), fixed=fixed)
        if not fits.valid.all():
            bad = float(values[int(np.argmin(fits.valid))])
            raise SpecBuilderError(f"toys: no fit of the observed data converges at {bad:g}")
        theta: FloatArray = fits.theta
        return theta

    def rates(self, likelihood: Likelihood, values: FloatArray, theta: FloatArray) -> FloatArray:
        """Expected events at values of the parameter (N,) and the other parameters (P,): shape (N, bins)."""
        layout, arrays = take_apart(likelihood, self.rows(likelihood, self._x(values)))
        columns = np.ascontiguousarray(np.tile(theta[:, None], (1, values.size)))
        rates: FloatArray = likelihood.engine((), layout).rates(columns, arrays).T
        return rates

    def _slopes(
        self, likelihood: Likelihood, values: FloatArray, theta: FloatArray, data: Data
    ) -> tuple[FloatArray, FloatArray]:
        """Slopes of the profiled 2NLL in x, shape (N,), and the other parameters there, shape (N, P).

        They are differences of fits on either side: where a rate is zero at the best parameters, as shapes allow, the
        derivative at fixed parameters is another one. At x = 0 it is the slope towards the first rung: where nothing
        interferes the derivative is zero there.
        """
        x = self._x(values)
        first = np.min(np.abs(self._x(self.ladder[self.ladder != 0])))
        up = np.where(x == 0, first, x + _STEP * np.abs(x))
        down = np.where(x == 0, -first if self.signed else 0.0, x - _STEP * np.abs(x))
        both = Data(np.tile(data.observed, 2), np.tile(data.auxiliary, 2))
        fits = self._fit(likelihood, np.append(up, down), np.tile(theta, (2, 1)), both)
        heights = np.minimum(fits.twice_nll, STEEP)
        slopes: FloatArray = (heights[: x.size] - heights[x.size :]) / (up - down)
        return slopes, (fits.theta[: x.size] + fits.theta[x.size :]) / 2

    def descend(
        self, likelihood: Likelihood, place: IndexArray, theta: FloatArray, data: Data
    ) -> tuple[FloatArray, BatchFit]:
        """The minimum below a rung of the ladder for each of N data sets.

        Args:
            likelihood: of the specification.
            place: numbers of the rungs, shape (N,).
            theta: where the fits start, shape (N, P).
            data: N data sets.

        Returns:
            The values of the parameter, shape (N,), and the fits there.
        """
        here, theta = place.copy(), theta.copy()
        slope = np.zeros(place.size)

        def at(values: FloatArray, rows: IndexArray) -> FloatArray:
            slopes, theta[rows] = self._slopes(likelihood, values, theta[rows], data.take(rows))
            return slopes

        everyone = np.arange(place.size)
        slope[:] = at(self.ladder[here], everyone)
        direction = np.where(slope > 0, -1, 1)
        beyond, slope_beyond = np.full(place.size, -1), np.zeros(place.size)  # the rung behind the minimum
        active, stride = np.flatnonzero(slope != 0), 1
        while active.size:
            there = np.clip(here[active] + direction[active] * stride, 0, self.ladder.size - 1)
            moves = there != here[active]  # else the minimum is the domain's end
            active, there = active[moves], there[moves]
            new = at(self.ladder[there], active)
            crossed = new * direction[active] >= 0
            beyond[active[crossed]], slope_beyond[active[crossed]] = there[crossed], new[crossed]
            active, there, new = active[~crossed], there[~crossed], new[~crossed]
            here[active], slope[active] = there, new
            stride *= 2
        between = np.flatnonzero(beyond >= 0)
        roots = find_roots(
            lambda values, rows: at(values, between[rows]),
            (self.ladder[here[between]], slope[between]),
            (self.ladder[beyond[between]], slope_beyond[between]),
            relative=_TOLERANCE,
            absolute=_TOLERANCE * float(np.min(np.abs(self.ladder[self.ladder != 0]))),
        )
        values = self.ladder[here]
        values[between] = roots.x
        return values, self.profile(likelihood, values, start=theta, data=data)


@dataclass(frozen=True)
class ShapedToyChunk:
    """A chunk of toys at one value of the parameter, as executors get it.

    Attributes:
        signal: the model and its signal.
        value: of the parameter.
        theta: all others at the hypothesis, shape (P,).
        seed: of the random numbers.
        stream: the number of the hypothesis.
        chunk: its number.
        count: toys that are kept of it.
    """

    signal: ShapedSignal
    value: float
    theta: FloatArray
    seed: int
    stream: tuple[int, ...]
    chunk: int
    count: int

    def compute(self) -> Columns:
        """Draw the toys and fit them; columns as those of :func:`spec_builder.inference.toys.fit_toys`."""
        likelihood = Likelihood(self.signal.specification)
        (rates,) = self.signal.rates(likelihood, np.array([self.value]), self.theta)
        generator = generator_of(self.seed, self.stream, self.chunk)
        data = draw(likelihood, self.theta, generator, TOYS_PER_CHUNK, rates).take(slice(0, self.count))
        return self._fitted(likelihood, data)

    def _fitted(self, likelihood: Likelihood, data: Data) -> Columns:
        signal, truth = self.signal, np.full(data.count, self.value)
        held = signal.profile(likelihood, truth, start=np.tile(self.theta, (data.count, 1)), data=data)
        # from the truth, and from each minimum that 2NLL has with the other parameters kept
        nearest = int(np.argmin(np.abs(signal.ladder - self.value)))
        found = [(np.arange(data.count), np.full(data.count, nearest))]
        found += candidates(signal.rates(likelihood, signal.ladder, self.theta), data)
        best, fits = truth.copy(), held
        for rows, places in found:
            values, other = signal.descend(likelihood, places, held.theta[rows], data.take(rows))
            lower = other.valid & (other.twice_nll < fits.twice_nll[rows])
            best[rows[lower]] = values[lower]
            fits = keep_lower(fits, rows, other)
        return {
            "statistic": np.maximum(held.twice_nll - fits.twice_nll, 0.0),
            "best": best,
            "chi2": fits.twice_nll - saturated(likelihood.specification, data.observed, data.auxiliary),
            "valid": held.valid & fits.valid,
        }
