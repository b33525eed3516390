"""2NLL minimised over everything but two parameters, on a grid of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from spec_builder.inference.diagnosis import rounding
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import lowest
from spec_builder.inference.starts import may_have_minima, scattered

if TYPE_CHECKING:
    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.minima import BatchFit
    from spec_builder.inference.profile import Profile

    _Array = TypeVar("_Array", FloatArray, BoolArray, IndexArray)

__all__ = ["minimise_on_grid"]

#: A minimum is another one if it is lower by this, and by so many roundings of 2NLL.
_LOWER, _ROUNDED = 1e-6, 4.0
#: Neighbours lie on different branches where 2NLL differs from what their slopes say by this, and part of its height.
_BRANCH_ERROR, _BRANCH_PART = 1e-2, 1e-2


def minimise_on_grid(likelihood: Likelihood, scans: tuple[Profile, Profile], a: FloatArray, b: FloatArray) -> BatchFit:
    """The lowest minima over all other parameters at the points of a grid.

    2NLL may have several minima in the others. Fits start from the best point, from either profile's, and, of a small
    model, from all over the domain; then from the neighbours, as long as that leads to lower minima.

    Args:
        likelihood: the model.
        scans: a profile of each of the two parameters over its domain.
        a: values of the first parameter, shape (A,).
        b: values of the second, shape (B,).

    Returns:
        A row for each point, the first parameter outermost.
    """
    names = (scans[0].parameter, scans[1].parameter)
    places = np.indices((a.size, b.size)).reshape(2, -1)
    own = [_nearest(scan, values)[place] for scan, values, place in zip(scans, (a, b), places, strict=True)]
    least = min(scans, key=lambda scan: float(np.min(scan.fits.heights)))
    best = least.fits.theta[least.fits.lowest]
    grid = _Grid(likelihood, names, (a, b))
    fits = grid.fit(grid.everywhere, np.tile(best, (grid.everywhere.size, 1)))
    others = likelihood.free_without(names)
    if likelihood.engine(others).affine:
        return fits  # 2NLL has one minimum
    for scan, place in zip(scans, own, strict=True):
        fits, _ = grid.if_lower(fits, grid.everywhere, scan.fits.theta[place])
    several = may_have_minima(likelihood, others)
    if several:
        fits, _ = grid.if_lower(fits, grid.everywhere, scattered(likelihood, grid.everywhere.size), patient=False)
        for start in (likelihood.init, lowest(likelihood)):
            fits, _ = grid.if_lower(fits, grid.everywhere, np.tile(start, (grid.everywhere.size, 1)))
    return grid.from_neighbours(fits, everywhere=several)


def _nearest(scan: Profile, values: FloatArray) -> IndexArray:
    """Numbers of the points of a profile that lie nearest to values (N,)."""
    right = np.clip(np.searchsorted(scan.values, values), 1, scan.values.size - 1)
    nearer_left = values - scan.values[right - 1] < scan.values[right] - values
    nearest: IndexArray = np.where(nearer_left, right - 1, right)
    return nearest


class _Grid:
    """Points of two parameters, the first outermost.

    Args:
        likelihood: the model.
        names: the two parameters.
        values: of each, shapes (A,) and (B,).
    """

    def __init__(self, likelihood: Likelihood, names: tuple[str, str], values: tuple[FloatArray, FloatArray]) -> None:
        self.likelihood, self.names, self.values = likelihood, names, values
        self.indices = [likelihood.index(name) for name in names]
        self.shape = (values[0].size, values[1].size)
        self.points = np.column_stack([np.repeat(values[0], self.shape[1]), np.tile(values[1], self.shape[0])])
        self.everywhere = np.arange(len(self.points))
        self.least = max(_LOWER, _ROUNDED * rounding(likelihood, likelihood.init))

    def fit(self, places: IndexArray, start: FloatArray, *, patient: bool = True) -> BatchFit:
        """Fits at some places from starts (N, P)."""
        begin = start.copy()
        begin[:, self.indices] = self.points[places]
        return minimise(self.likelihood, start=begin, fixed=self.names, patient=patient)

    def if_lower(
        self, fits: BatchFit, places: IndexArray, start: FloatArray, *, patient: bool = True
    ) -> tuple[BatchFit, IndexArray]:
        """The fits with others from other starts where these are lower; and where they are."""
        return fits.lowered(self.fit(places, start, patient=patient), places, self.least)

    def from_neighbours(self, fits: BatchFit, *, everywhere: bool) -> BatchFit:
        """The fits with lower minima where those of a neighbour lead to some, as far as that goes.

        Args:
            fits: a row for each point.
            everywhere: start from all neighbours; else from those alone whose slopes say that they lie on another
                branch.
        """
        look = np.ones(self.shape, dtype=bool) if everywhere else self._torn(fits)
        for _ in range(sum(self.shape)):
            changed = np.zeros(self.everywhere.size, dtype=bool)
            for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
                numbers = self.everywhere.reshape(self.shape)
                chosen = _shifted(look, axis, -step)
                left, right = _shifted(numbers, axis, -step)[chosen], _shifted(numbers, axis, step)[chosen]
                if left.size:
                    fits, moved = self.if_lower(fits, right, fits.theta[left])
                    changed[moved] = True
            if not changed.any():
                break
            look = changed.reshape(self.shape)
        return fits

    def _torn(self, fits: BatchFit) -> BoolArray:
        """Points with a neighbour on another branch, shape (A, B)."""
        heights = fits.heights.reshape(self.shape)
        names = [self.likelihood.parameters[i] for i in self.indices]
        slopes = np.stack([self.likelihood.slope(fits.theta, name) for name in names], axis=-1).reshape(*self.shape, 2)
        torn = np.zeros(self.shape, dtype=bool)
        least = np.min(heights)
        for axis in (0, 1):
            step = np.expand_dims(np.diff(self.values[axis]), 1 - axis)
            low, high = (_shifted(heights, axis, -1), _shifted(heights, axis, 1))
            mean = (_shifted(slopes[..., axis], axis, -1) + _shifted(slopes[..., axis], axis, 1)) / 2
            with np.errstate(invalid="ignore"):
                apart = ~(
                    np.abs(high - low - step * mean) <= _BRANCH_ERROR + _BRANCH_PART * (np.minimum(high, low) - least)
                )
            _shifted(torn, axis, -1)[apart] = True
            _shifted(torn, axis, 1)[apart] = True
        return torn


def _shifted(array: _Array, axis: int, step: int) -> _Array:
    """The array without its first (step 1) or last (step -1) entry along an axis: a view."""
    cut = slice(1, None) if step > 0 else slice(None, -1)
    part: _Array = array[cut] if axis == 0 else array[:, cut]
    return part
