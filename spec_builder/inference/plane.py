"""The least 2NLL over the plane of mediator mass and coupling, for one data set or for many.

The signal is a polynomial n0 + n1 x + n2 x^2, so x is fitted with the other parameters: about a hundred fits at masses
over the whole plane, and some more around the best.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spec_builder.inference.curves import Curves, first_of_lowest, natural_x, relative_couplings, total_events
from spec_builder.inference.data import Data
from spec_builder.inference.newton import minimise
from spec_builder.inference.rows import Polynomial, Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.data import Problem, Yields

__all__ = ["PLANE_MASSES", "Lattice", "Minimum", "PlaneMinima", "plane_minima", "plane_minimum"]

#: The plane whose minimum dof = 2 refers to [MeV].
PLANE_MASSES = (0.01, 1000.0)
#: Masses of the first search over the plane, and levels of the lattice, each around the best of the last.
_FIRST_MASSES, _LEVELS = 31, 6
#: A minimum that is not lower than the Standard Model by this much is the Standard Model: rounding.
_NO_LOWER = 1e-11
#: Name of the fitted variable; no workspace has such a parameter.
_X = "x = g^2"


@dataclass(frozen=True)
class Minimum:
    """Least 2NLL of a scan.

    Attributes:
        twice_nll: its value.
        mass_MeV: where; None if it is the Standard Model, g = 0, which has no mediator.
        g: where.
    """

    twice_nll: float
    mass_MeV: float | None
    g: float


@dataclass(frozen=True)
class PlaneMinima:
    """Least 2NLL over the plane for each of N data sets.

    Attributes:
        twice_nll: its value, shape (N,).
        mass_MeV: where, shape (N,); infinite at the Standard Model.
        value: the parameter there, shape (N,).
        valid: a fit converged, shape (N,).
    """

    twice_nll: FloatArray
    mass_MeV: FloatArray
    value: FloatArray
    valid: BoolArray


def plane_minimum(problem: Problem, masses: tuple[float, float] = PLANE_MASSES) -> Minimum:
    """Least 2NLL over mediator masses and couplings, by successive refinement in mass.

    Args:
        problem: the model, ``new_physics`` measurement, and the data.
        masses: the plane's first and last mass [MeV].

    Raises:
        SpecBuilderError: for a model that allows no finite 2NLL.
    """
    lattice = Lattice(problem, masses)
    if any(own.variations for own in lattice.signal(np.zeros(1, dtype=np.intp), 0).values()):
        return _scanned_minimum(problem, masses)
    found = plane_minima(problem, problem.data or Data.of(problem.likelihood), lattice, levels=_LEVELS)
    if not found.valid[0]:
        return _scanned_minimum(problem, masses)
    mass = float(found.mass_MeV[0])
    # the curve at this mass has the last word: its minimum is a root of the slope, to more digits than 2NLL tells
    curve = Curves(problem, problem.yields(np.array([mass if np.isfinite(mass) else masses[0]])))
    value, twice_nll = float(curve.best[0]), float(curve.minimum[0])
    return Minimum(twice_nll, None if value == 0 else mass, value)


def _scanned_minimum(problem: Problem, masses: tuple[float, float]) -> Minimum:
    """The same by a scan over the coupling at every mass: where x cannot be fitted with the other parameters."""
    grid = np.geomspace(*masses, _FIRST_MASSES)
    for _ in range(_LEVELS):
        curves = Curves(problem, problem.yields(grid))
        curves.refuse_infinite()
        best = int(first_of_lowest(curves.minimum))
        value, twice_nll, mass = float(curves.best[best]), float(curves.minimum[best]), float(grid[best])
        if value == 0:
            return Minimum(twice_nll, None, 0.0)
        grid = np.geomspace(grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)], 9)
    return Minimum(twice_nll, mass, value)


class Lattice:
    """Masses of a plane, equally spaced in their logarithm, each level with four times the last one's intervals.

    The yields at a mass are computed once, whatever data sets ask for it.

    Args:
        problem: whose yields.
        masses: the first and the last mass [MeV].
    """

    def __init__(self, problem: Problem, masses: tuple[float, float] = PLANE_MASSES) -> None:
        self._problem, self._ends = problem, masses
        self._known: dict[tuple[int, int], dict[str, FloatArray]] = {}

    def last(self, level: int) -> int:
        """Number of the last mass of a level; the first is 0."""
        return int((_FIRST_MASSES - 1) * 4**level)

    def mass(self, place: IndexArray, level: int) -> FloatArray:
        """Masses [MeV] by their numbers."""
        masses = np.geomspace(*self._ends, self.last(level) + 1)
        found: FloatArray = masses[place]
        return found

    def signal(self, place: IndexArray, level: int) -> Mapping[str, Yields]:
        """Yields at masses given by their numbers."""
        return self._problem.yields(self.mass(place, level))

    def coefficients(self, place: IndexArray, level: int) -> dict[str, FloatArray]:
        """Nominal yields by sample, shape (3, bins, N), at masses given by their numbers (N,)."""
        unique, where = np.unique(place, return_inverse=True)
        missing = np.array([i for i in unique if (int(i), level) not in self._known], dtype=np.intp)
        if missing.size:
            signal = self.signal(missing, level)
            for k, i in enumerate(missing):
                self._known[int(i), level] = {sample: own.nominal[:, k] for sample, own in signal.items()}
        samples = self._known[int(unique[0]), level]
        return {
            sample: np.stack([self._known[int(i), level][sample] for i in unique], axis=2)[:, :, where]
            for sample in samples
        }


def plane_minima(problem: Problem, data: Data, lattice: Lattice, *, levels: int = 3) -> PlaneMinima:
    """Least 2NLL over mediator masses and couplings for each of N data sets, in few large batches.

    At each mass x is fitted with the other parameters, from starts on either side of where the signal may have a
    minimum of its own: the universal vector's 2NLL has two minima. Then the best mass from each start is refined. Where
    nothing interferes the rates are linear in x^2, which is fitted in the place of x from one start.

    Args:
        problem: the model; its own data are not used. Its signal has no shape uncertainties.
        data: N data sets.
        lattice: masses, which keep their yields from call to call.
        levels: of the lattice: the last one's intervals are 4^(levels - 1) times shorter than the first one's.
    """
    search = _PlaneSearch(problem, data, lattice)
    count, starts = data.count, search.starts.size
    first = np.arange(lattice.last(0) + 1)
    shape = (count, starts, first.size)
    which, start, place = (part.ravel() for part in np.indices(shape))
    fits = search.fit(which, place, 0, search.starts[start])
    best = fits.best(shape)  # one mass for each data set and start
    for level in range(1, levels):
        around = np.clip(4 * best.place[:, None] + np.arange(-4, 5), 0, lattice.last(level))
        repeated = np.repeat(np.arange(best.place.size), around.shape[1])
        near = search.fit(best.which[repeated], around.ravel(), level, best.x[repeated], theta=best.theta[repeated])
        best = near.best((count, starts, around.shape[1]))
    least = best.of_data_set((count, starts))
    values = least.x if problem.signed else np.sqrt(least.x)
    masses = lattice.mass(least.place, levels - 1)
    # where 2NLL rises from the Standard Model on, x ends next to zero
    nominal = lattice.coefficients(np.zeros(count, dtype=np.intp), 0)
    standard = {sample: own[0] for sample, own in nominal.items()}
    sm = minimise(problem.likelihood, rows=replace(data.rows(), yields=standard))
    at_sm = sm.valid & (sm.twice_nll <= least.height + _NO_LOWER)
    height = np.where(at_sm, sm.twice_nll, least.height)
    return PlaneMinima(height, np.where(at_sm, np.inf, masses), np.where(at_sm, 0.0, values), np.isfinite(height))


class _Fitted(NamedTuple):
    """Fits of x with the other parameters: data set, mass, x, 2NLL (infinite if not valid), (N,) each; theta (N, P)."""

    which: IndexArray
    place: IndexArray
    x: FloatArray
    height: FloatArray
    theta: FloatArray

    def best(self, shape: tuple[int, int, int]) -> _Fitted:
        """The lowest over the last axis of fits in such an order."""
        lowest = first_of_lowest(self.height.reshape(shape[0] * shape[1], shape[2]))
        return self._take(np.arange(shape[0] * shape[1]) * shape[2] + lowest)

    def of_data_set(self, shape: tuple[int, int]) -> _Fitted:
        """The lowest of each data set."""
        lowest = first_of_lowest(self.height.reshape(shape))
        return self._take(np.arange(shape[0]) * shape[1] + lowest)

    def _take(self, rows: IndexArray) -> _Fitted:
        return _Fitted(self.which[rows], self.place[rows], self.x[rows], self.height[rows], self.theta[rows])


class _PlaneSearch:
    """Fits of x together with the other parameters, in units of the x where the new physics is as large as the rest.

    Where no n1 is there the fitted variable is x^2.
    """

    def __init__(self, problem: Problem, data: Data, lattice: Lattice) -> None:
        self._data, self._lattice = data, lattice
        signal = lattice.signal(np.arange(lattice.last(0) + 1), 0)
        top = float(relative_couplings(total_events(signal), float(data.observed.sum(axis=0).max()))[-1]) ** 2
        self._linear = not problem.signed and not any(own.nominal[1].any() for own in signal.values())
        ends = (-top if problem.signed else 0.0, top**2 if self._linear else top)
        self._likelihood = problem.likelihood.with_polynomial(problem.samples, _X, None, init=1.0, bounds=ends)
        if problem.signed:
            self.starts = np.array([-2.0, -0.2, 0.2, 2.0])
        else:
            self.starts = np.array([0.6]) if self._linear else np.array([0.02, 0.6, 2.5])
        self._x = self._likelihood.index(_X)

    def fit(
        self, which: IndexArray, place: IndexArray, level: int, x: FloatArray, theta: FloatArray | None = None
    ) -> _Fitted:
        """Fit from x (in its unit at the first call, which has no theta).

        Args:
            which: data set of each row.
            place: number of its mass.
            level: of the lattice.
            x: where x starts.
            theta: where the other parameters start.
        """
        coefficients = self._lattice.coefficients(place, level)
        unit = natural_x(np.sum([own.sum(axis=1) for own in coefficients.values()], axis=0))
        powers = np.stack([np.ones_like(unit), unit, unit * unit])
        scaled = {sample: own * powers[:, None] for sample, own in coefficients.items()}
        if self._linear:
            scaled = {sample: np.stack([own[0], own[2], own[1]]) for sample, own in scaled.items()}  # own[1] is zero
        begin = np.tile(self._likelihood.init, (which.size, 1)) if theta is None else theta.copy()
        variable = x if theta is None else x / unit
        if self._linear:
            variable = variable**2
        begin[:, self._x] = np.clip(variable, *self._likelihood.bounds[:, self._x])
        data = self._data.take(which)
        rows = Rows(observed=data.observed, auxiliary=data.auxiliary, polynomial=Polynomial(_X, scaled))
        fits = minimise(self._likelihood, start=begin, rows=rows)
        height = np.where(fits.valid, fits.twice_nll, np.inf)
        best = fits.theta[:, self._x]
        return _Fitted(which, place, (np.sqrt(best) if self._linear else best) * unit, height, fits.theta)
