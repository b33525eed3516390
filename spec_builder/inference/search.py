"""The lowest of several minima of each row, where shapes bend back.

Such a shape gives nearly the same rates at two values of its parameter, on either side of zero: a model with K of them
has up to 2^K minima. From the best so far each parameter is turned to its other side by itself, and again from what
that finds, until no turn leads lower. Starts all over the domain find minima that no turns lead to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from spec_builder.inference.minima import UNSETTLED, is_lower
from spec_builder.inference.row_model import BATCH, Found
from spec_builder.inference.rows import saturated
from spec_builder.inference.starts import scattered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.row_model import RowModel
    from spec_builder.inference.rows import RowArrays

    #: Numbers of rows (n,), and a start for each, shape (P, n).
    Starts = tuple[IndexArray, FloatArray]

__all__ = ["LOOKS", "Search"]

#: How many points all over the domain rows start from in each look. A row is looked at again if this has led lower, or
#: if its fit is poor: the p-value, with a degree of freedom for each bin, is below this (after the last look none is).
LOOKS = ((8, 0.1), (16, 1e-3), (32, 1e-6), (64, 0.0))
#: How often parameters are turned at most, and how far from zero they must be, in widths of their constraint.
_ROUNDS, _TURNED = 20, 0.05
#: Parts of the way from a start where a rate is not positive to the model's own, where one is looked for.
_PARTS = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)
#: Starts that are fitted together, or a few more: some take long, and numpy takes as long for one as for many.
_TOGETHER = 2 * BATCH
#: Another minimum is lower by more than this.
_LOWER = 1e-9


class Search:
    """A search of rows for their lowest minima.

    Args:
        model: the likelihood.
        found: a minimum of each row, overwritten where a lower one is found.
        arrays: what the rows have of their own.
        bending: numbers of the parameters whose shapes bend back.
    """

    def __init__(self, model: RowModel, found: Found, arrays: RowArrays, bending: tuple[int, ...]) -> None:
        self._model, self._found, self._arrays, self._bending = model, found, arrays, bending
        self._quick = replace(model, patient=False)

    def run(self) -> None:
        """Look everywhere, the longer the worse the fit is; and as long as that leads lower.

        A row is not valid if the last look still led lower, or a fit came lower than all that have ended.
        """
        points = scattered(self._model.likelihood, sum(count for count, _ in LOOKS))
        rows, begin = np.arange(self._found.value.size), 0
        for count, poor in LOOKS:
            lowered = self._look(points[begin : begin + count], rows)
            rows, begin = rows[lowered | (self._p_values()[rows] < poor)], begin + count
        self._found.reason[rows] = np.where(self._found.reason[rows] == 0, UNSETTLED, self._found.reason[rows])

    def _p_values(self) -> FloatArray:
        """Of the best fits so far, shape (N,); 1 where there is none."""
        spec, counts = self._model.likelihood.specification, self._model.observed(self._arrays)
        chi2 = self._found.value - saturated(spec, counts, self._arrays.auxiliary)
        p: FloatArray = np.where(np.isfinite(chi2), chdtrc(len(counts), np.maximum(chi2, 0.0)), 1.0)
        return p

    def _look(self, points: FloatArray, rows: IndexArray) -> BoolArray:
        """Fit rows from points (M, P) too, and from what turns lead to; end them; and say which have come lower."""
        before = self._found.value[rows]
        self._fit(self._scattered(points, rows))
        left = rows
        for _ in range(_ROUNDS):
            if not left.size:
                break
            now = self._found.value[left]
            self._fit(self._turned(left))
            left = left[self._found.value[left] < now - _LOWER]
        lowered: BoolArray = is_lower(self._found.value[rows], before)
        left = rows[lowered & self._found.not_ended[rows]]
        if left.size and self._model.patient:
            self._improve(left, self._model.minimise(self._found.theta[:, left], self._arrays.take(left)))
        return lowered

    def _scattered(self, points: FloatArray, rows: IndexArray) -> Iterator[Starts]:
        """Rows at each of the points (M, P)."""
        free, own = list(self._model.free), self._found.theta[:, rows]
        for point in points:
            there = own.copy()
            there[free] = point[free, None]
            yield rows, there

    def _turned(self, rows: IndexArray) -> Iterator[Starts]:
        """Rows with one parameter on the other side of zero."""
        own = self._found.theta[:, rows]
        for i in self._bending:
            far = np.abs(own[i]) > _TURNED
            there = own[:, far]
            there[i] = np.clip(-there[i], *self._model.likelihood.bounds[:, i])
            yield rows[far], there

    def _fit(self, starts: Iterable[Starts]) -> None:
        """Fit rows, so many together that it costs no more, and keep what is lower."""
        known = self._found.heights  # the same for all, so that no row depends on which are fitted together
        waiting: list[Starts] = []
        for start in starts:
            waiting.append(start)
            if sum(rows.size for rows, _ in waiting) >= _TOGETHER:
                self._fit_together(waiting, known)
                waiting = []
        if waiting:
            self._fit_together(waiting, known)

    def _fit_together(self, starts: list[Starts], known: FloatArray) -> None:
        """Fit from starts that are moved, where a rate is not positive, on the way to the model's own until all are."""
        places = np.concatenate([rows for rows, _ in starts])
        if not places.size:
            return
        theta = np.ascontiguousarray(np.concatenate([there for _, there in starts], axis=1))
        arrays, own = self._arrays.take(places), self._model.likelihood.init[list(self._model.free)]
        self._model.go_towards(own, theta, arrays, _PARTS)
        fits = self._quick.minimise(theta, arrays, known[places])
        begin = 0
        for rows, _ in starts:
            self._improve(rows, fits.some(slice(begin, begin + rows.size)))
            begin += rows.size

    def _improve(self, places: IndexArray, fits: Found) -> None:
        """Take fits over that are lower, ended or not, and those that have ended where that is not above."""
        now = self._found.some(places)
        end = np.where(now.reason == 0, fits.value < now.value - _LOWER, ~is_lower(now.value, fits.value))
        self._found.take_over(places, fits, np.where(fits.reason == 0, end, is_lower(fits.value, now.value)))
