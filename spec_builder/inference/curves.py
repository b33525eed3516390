"""Profiled 2NLL against the coupling at each of several mediator masses, its extrema found and refined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import elementwise

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.newton import minimise

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.newton import BatchFit

__all__ = ["Curves", "Interval", "polynomial_yields"]

#: Ends of an interval of the parameter; None for no end.
Interval = tuple[float | None, float | None]

#: Couplings of the scan in units of the one whose g^4 term equals the Standard Model: dense where the new physics
#: is of its size, sparse where a limit at an unusual confidence level may lie.
_RELATIVE_COUPLINGS = np.unique(
    np.concatenate([np.logspace(-2, -0.5, 10), np.logspace(-0.5, 0.5, 35), np.logspace(0.5, 1.5, 5)])
)
#: They reach at least to where the g^4 term is this many times the signal, the data, and ten events.
_FARTHEST = 1e6
#: What stands for infinity in the search for roots.
_STEEP = 1e100


def polynomial_yields(coefficients: FloatArray, mass: IndexArray, g: FloatArray, *, signed: bool = False) -> FloatArray:
    """Events per bin, shape (N, bins), at couplings g (N,) and masses given by their index (N,).

    The polynomial is in g^2, or in the parameter itself where it has a sign.
    """
    x = (g if signed else g * g)[:, None]
    n0, n1, n2 = coefficients
    events: FloatArray = n0[mass] + x * (n1[mass] + x * n2[mass])
    return events


def _relative_couplings(signal: float, observed: float, power: int) -> FloatArray:
    """Couplings of the scan for a Standard Model signal and data of so many events, and the highest power of g."""
    last = float(_RELATIVE_COUPLINGS[-1])
    top = max(last, (_FARTHEST * max(signal, observed, 10.0) / signal) ** (1 / power))
    count = int(np.ceil(2 * np.log10(top / last)))
    return np.concatenate([_RELATIVE_COUPLINGS, np.geomspace(last, top, count + 1)[1:]])


def _scan_couplings(coefficients: FloatArray, observed: float, *, signed: bool) -> FloatArray:
    """Couplings of the scan at each mass, shape (M, C), in rising order; 0 is one of them.

    Args:
        coefficients: shape (3, M, bins).
        observed: counts in all bins.
        signed: of both signs, else from 0.
    """
    n0, _, n2 = coefficients.sum(axis=2)
    n1 = np.abs(coefficients[1]).sum(axis=1)
    with np.errstate(divide="ignore"):
        # where the new physics is as large as the Standard Model; nowhere if there is none
        scale = np.where(n2 > 0, (n0 / n2) ** 0.25, (n0 / n1) ** 0.5)
    scale[~np.isfinite(scale)] = 1.0
    relative = _relative_couplings(float(n0.max()), observed, 4 if (n2 > 0).any() else 2)
    zero = np.zeros((len(scale), 1))
    if signed:
        above = (scale[:, None] * relative) ** 2
        return np.concatenate([-above[:, ::-1], zero, above], axis=1)
    return np.concatenate([zero, scale[:, None] * relative], axis=1)


class _Points:
    """Profiled 2NLL at N points that each keep to one mass while g moves; a fit starts from the point's last one."""

    def __init__(
        self,
        likelihood: Likelihood,
        sample: str,
        coefficients: FloatArray,
        signed: bool,
        mass: IndexArray,
        theta: FloatArray,
    ) -> None:
        self._likelihood, self._sample, self._coefficients, self.mass = likelihood, sample, coefficients, mass
        self._signed = signed
        self.theta = theta
        self.valid = np.ones(len(theta), dtype=bool)

    def height(self, g: FloatArray, row: IndexArray) -> FloatArray:
        """2NLL, shape (n,), at couplings (n,) of points given by their index (n,)."""
        yields = polynomial_yields(self._coefficients, self.mass[row], g, signed=self._signed)
        fits = minimise(self._likelihood, start=self.theta[row], sample=self._sample, yields=yields)
        self.theta[row] = fits.theta
        self.valid[row] &= fits.known
        return fits.twice_nll

    def slope(self, g: FloatArray, row: IndexArray) -> FloatArray:
        """Derivative of 2NLL in g^2, or in a signed parameter itself, likewise."""
        self.height(g, row)
        return self.last_slope(g, row)

    def last_slope(self, g: FloatArray, row: IndexArray) -> FloatArray:
        """The same where :meth:`height` was asked for last."""
        _, n1, n2 = self._coefficients[:, self.mass[row]]
        yields = polynomial_yields(self._coefficients, self.mass[row], g, signed=self._signed)
        gradient = self._likelihood.engine((), self._sample).yield_gradient(self.theta[row].T, yields.T)
        change = n1 + 2 * (g if self._signed else g * g)[:, None] * n2
        # where a rate vanishes under a count the slope is infinite, but not if nothing changes there
        slope: FloatArray = np.sum(np.where(change != 0, gradient.T, 0.0) * change, axis=1)
        return np.clip(slope, -_STEEP, _STEEP)


class Curves:
    """Profiled 2NLL against g at each of M masses: a scan, with the extrema between its points found and inserted.

    Args:
        likelihood: the model.
        sample: the sample that the yields replace.
        coefficients: its yields against g^2, or against a signed parameter itself, shape (3, M, bins).
        signed: the parameter has a sign: it is scanned on both sides of 0.
        start: parameters that the fits of the scan start from at every mass, shape (C, P): those of a mass nearby.
        maxima: whether maxima are wanted too.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        sample: str,
        coefficients: FloatArray,
        *,
        signed: bool = False,
        start: FloatArray | None = None,
        maxima: bool = True,
    ) -> None:
        self._model = (likelihood, sample, coefficients, signed)
        couplings = _scan_couplings(coefficients, float(likelihood.observed.sum()), signed=signed)
        rows = np.arange(couplings.size)
        begin = np.broadcast_to(likelihood.init if start is None else start, (*couplings.shape, likelihood.init.size))
        points = _Points(*self._model, rows // couplings.shape[1], begin.reshape(rows.size, -1).copy())
        heights = points.height(couplings.ravel(), rows).reshape(couplings.shape)
        slopes = points.last_slope(couplings.ravel(), rows).reshape(couplings.shape)
        self.valid = np.logical_and.reduce(points.valid.reshape(couplings.shape), axis=1)
        self.standard_model = heights[:, couplings.shape[1] // 2 if signed else 0]
        self._couplings, self._heights = couplings, heights
        self.theta = self._theta = points.theta.reshape(*couplings.shape, -1)
        self._insert_extrema(slopes, maxima=maxima)
        best = np.argmin(self._heights, axis=1)[:, None]
        self.best_g = np.take_along_axis(self._couplings, best, axis=1)[:, 0]
        self.minimum = np.take_along_axis(self._heights, best, axis=1)[:, 0]

    def refuse_infinite(self) -> None:
        """Refuse a model that allows no finite 2NLL.

        Raises:
            SpecBuilderError: naming the bin with counts in which nothing is expected, if that is why.
        """
        bad = np.flatnonzero(~np.isfinite(self.minimum))
        if bad.size:
            likelihood, sample, coefficients, signed = self._model
            yields = polynomial_yields(coefficients, bad[:1], self._couplings[bad[0], -1:], signed=signed)[0]
            why = likelihood.impossible_bin(sample, yields)
            raise SpecBuilderError(why or "2NLL is not finite at any coupling: a rate is negative or zero")

    def grid(self, couplings: FloatArray) -> BatchFit:
        """Minima at couplings (G,) at each mass, mass by mass: the fits start between those of the scan."""
        mass, g = np.repeat(np.arange(len(self._couplings)), couplings.size), np.tile(couplings, len(self._couplings))
        place = np.array([np.searchsorted(row, couplings, side="right") for row in self._couplings]).ravel() - 1
        place = np.maximum(place, 0)
        after = np.minimum(place + 1, self._couplings.shape[1] - 1)
        here, there = self._couplings[mass, place], self._couplings[mass, after]
        part = np.divide(g - here, there - here, out=np.zeros_like(g), where=there > here)[:, None].clip(0, 1)
        start = (1 - part) * self._theta[mass, place] + part * self._theta[mass, after]
        likelihood, sample, coefficients, signed = self._model
        yields = polynomial_yields(coefficients, mass, g, signed=signed)
        return minimise(likelihood, start=start, sample=sample, yields=yields)

    def _between(
        self, mass: IndexArray, place: IndexArray, function: Callable[..., FloatArray], tolerance: float
    ) -> tuple[FloatArray, _Points]:
        """Roots in g of a function of the points, each between a place of the scan and the next."""
        points = _Points(*self._model, mass, self._theta[mass, place])
        found = elementwise.find_root(
            lambda g, row: function(points, g, row),
            (self._couplings[mass, place], self._couplings[mass, place + 1]),
            args=(np.arange(mass.size),),
            tolerances={"xrtol": tolerance, "xatol": 0.0},
        )
        np.logical_and.at(self.valid, mass, points.valid & found.success)
        return found.x, points

    def _insert_extrema(self, slopes: FloatArray, *, maxima: bool) -> None:
        """Insert the places where the slope changes its sign; the maxima only if they are wanted."""
        left, right = slopes[:, :-1], slopes[:, 1:]
        mass, place = np.nonzero(((left < 0) & (right > 0)) | (maxima & (left > 0) & (right < 0)))
        if not mass.size:
            return
        g, points = self._between(mass, place, _Points.slope, 1e-8)
        # as many columns as the mass with most extrema has; the others repeat their last point there
        column = np.arange(mass.size) - np.searchsorted(mass, mass)
        more = [np.repeat(a[:, -1:], column.max() + 1, axis=1) for a in (self._couplings, self._heights, self._theta)]
        more[0][mass, column], more[1][mass, column] = g, points.height(g, np.arange(mass.size))
        more[2][mass, column] = points.theta
        order = np.argsort(np.concatenate([self._couplings, more[0]], axis=1), axis=1, kind="stable")
        self._couplings, self._heights, self._theta = (
            np.take_along_axis(np.concatenate([old, new], axis=1), order[..., None] if old.ndim == 3 else order, axis=1)
            for old, new in zip((self._couplings, self._heights, self._theta), more, strict=True)
        )

    def excluded(self, level: FloatArray) -> list[list[Interval]]:
        """Intervals of g where 2NLL is above a level, shape (M,), at each mass; None for no end."""
        above = self._heights > level[:, None]
        mass, place = np.nonzero(above[:, 1:] != above[:, :-1])
        roots: FloatArray = np.zeros(0)
        if mass.size:
            roots, _ = self._between(
                mass, place, lambda p, g, row: np.minimum(p.height(g, row) - level[p.mass[row]], _STEEP), 1e-12
            )
        first = None if self._model[3] else 0.0
        intervals: list[list[Interval]] = []
        for row in range(len(above)):
            edges: list[float | None] = [first] if above[row, 0] else []
            edges += [float(root) for root in roots[mass == row]]
            if len(edges) % 2:
                edges.append(None)
            intervals.append(list(zip(edges[::2], edges[1::2], strict=True)))
        return intervals
