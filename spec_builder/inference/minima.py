"""Minima of many problems side by side: where, how high, and which of them are valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray

__all__ = ["IMPOSSIBLE", "NOT_FINITE", "REASONS", "UNSETTLED", "BatchFit", "is_lower"]

#: What the end of a fit leaves of 2NLL at most, and what rounding does in parts of it.
_LEFT, _ROUNDED = 1e-7, 1e-11
#: Why a row is not valid, by the number in :attr:`BatchFit.reason`.
REASONS = (
    "valid",
    "2NLL is not finite where the fit starts: a rate is not positive",
    "no step lowers 2NLL any more, but its slope is not zero: rounding, or a rate that vanishes, hides the minimum",
    "not converged within the evaluations allowed",
    "2NLL is infinite: nothing is expected in a bin with counts, whatever the free parameters are",
    "of several minima lower ones were found as long as they were looked for",
)
NOT_FINITE, IMPOSSIBLE, UNSETTLED = 1, 4, 5


@dataclass(frozen=True)
class BatchFit:
    """Minima of N problems.

    Attributes:
        twice_nll: at the minimum, shape (N,).
        theta: all parameters at the minimum, shape (N, P).
        edm: estimated distance to the minimum, g^T H^-1 g / 2 over the free directions, or a bound of it where the
            compiled minimiser's last step is sure to end there, shape (N,).
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

    @property
    def heights(self) -> FloatArray:
        """2NLL where it is known, else infinite, shape (N,)."""
        heights: FloatArray = np.where(self.known, self.twice_nll, np.inf)
        return heights

    @property
    def lowest(self) -> int:
        """Number of the lowest row whose 2NLL is known, unless a row that has not converged is lower still."""
        known = int(np.argmin(self.heights))
        reached = np.where(np.isnan(self.twice_nll), np.inf, self.twice_nll)
        least = int(np.argmin(reached))
        return least if is_lower(reached[least], self.heights[known]) else known

    def take(self, rows: IndexArray | BoolArray | slice) -> BatchFit:
        """Some of the rows."""
        return BatchFit(self.twice_nll[rows], self.theta[rows], self.edm[rows], self.reason[rows], self.at_bound[rows])

    def lowered(self, others: BatchFit, places: IndexArray, least: float) -> tuple[BatchFit, IndexArray]:
        """These rows with others in their places, where those are lower; and the rows that are others now.

        A row that has not converged, but come lower than all the others, stays.

        Args:
            others: other fits of some of the rows.
            places: the row of each, shape (N,); of several fits of one row the lowest counts.
            least: by which it must be lower.
        """
        by_height = np.lexsort((others.heights, places))
        place, first = np.unique(places[by_height], return_index=True)
        best = by_height[first]
        lower = others.heights[best] < self.heights[place] - least
        lower &= ~is_lower(self.twice_nll[place], others.heights[best])
        if not lower.any():
            return self, place[lower]
        order = np.arange(len(self.heights))
        order[place[lower]] = len(order) + best[lower]
        return self.joined(others).take(order), place[lower]

    def joined(self, other: BatchFit) -> BatchFit:
        """These rows and then the other's."""
        return BatchFit(
            np.concatenate([self.twice_nll, other.twice_nll]),
            np.concatenate([self.theta, other.theta]),
            np.concatenate([self.edm, other.edm]),
            np.concatenate([self.reason, other.reason]),
            np.concatenate([self.at_bound, other.at_bound]),
        )


def is_lower(height: FloatArray, other: FloatArray) -> BoolArray:
    """Whether 2NLL is lower than another by more than the end of a fit leaves of it, and than rounding."""
    size = np.where(np.isfinite(other), np.abs(other), 0.0)
    lower: BoolArray = height < other - _LEFT - _ROUNDED * size
    return lower
