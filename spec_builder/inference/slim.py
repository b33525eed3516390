"""Newton steps of models with many more parameters than bins, whose Hessians are a diagonal and a few columns more.

A rate's slopes are one column of numbers for each bin, the product of a sample's factors bends along two. With r
columns U, signs S and the diagonal D of the constraints, H = D + U S U^T; the columns' own unknowns y = S U^T x make
H x = -g a system in x and y, from which the constrained parameters are eliminated one by one (Woodbury's formula, with
the unconstrained ones left in). What is left has r rows. By Sylvester's law the signs of its eigenvalues say whether H
is positive definite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.engine import Expansion

__all__ = ["SlimExpansion", "SlimMatrix", "is_slim", "solve_slim"]

#: Parameters for each column from which on this is quicker than a decomposition of the whole matrix.
_PARAMETERS = 8
#: A diagonal below this part of the constraint's is as good as zero, an eigenvalue below this part of the largest too.
_LEAST, _FLAT = 1e-6, 1e-11


@dataclass(frozen=True)
class SlimMatrix:
    """Symmetric matrices D + U S U^T, for N points.

    Attributes:
        diagonal: D, shape (N, F).
        columns: U, shape (N, F, r).
        signs: S, +1 or -1, shape (r,).
    """

    diagonal: FloatArray
    columns: FloatArray
    signs: FloatArray

    def take(self, rows: BoolArray) -> SlimMatrix:
        """Some of the points."""
        return SlimMatrix(self.diagonal[rows], self.columns[rows], self.signs)

    def without(self, blocked: BoolArray) -> SlimMatrix:
        """The blocked directions (F, N) replaced by the unit matrix."""
        if not blocked.any():
            return self
        mine = blocked.T
        return SlimMatrix(np.where(mine, 1.0, self.diagonal), np.where(mine[..., None], 0.0, self.columns), self.signs)


class SlimExpansion(NamedTuple):
    """As :class:`spec_builder.inference.engine.Expansion`.

    Attributes:
        rates: expected events, shape (bins, N).
        value: 2NLL, shape (N,).
        gradient: shape (F, N).
        fisher: the part of the Hessian with first derivatives of the rates and the constraints.
        hessian: all of it; NaN where it cannot be told in this form.
        whole: makes the expansion with whole matrices.
    """

    rates: FloatArray
    value: FloatArray
    gradient: FloatArray
    fisher: SlimMatrix
    hessian: SlimMatrix
    whole: Callable[[], Expansion]


def is_slim(parameters: int, constrained: int, columns: int) -> bool:
    """Whether a model of so many free parameters, so many of them with a normal constraint, is solved this way."""
    return parameters >= _PARAMETERS * (columns + parameters - constrained)


def solve_slim(
    matrix: SlimMatrix, gradient: FloatArray, stiffness: FloatArray
) -> tuple[FloatArray, BoolArray, IndexArray]:
    """Solve H x = -g.

    Args:
        matrix: of N points.
        gradient: shape (F, N).
        stiffness: what normal constraints add to the diagonal, shape (F, 1); zero where there is none.

    Returns:
        x (F, N), whether each matrix is positive definite (N,), and the numbers of the points where this cannot be
        told, nor x: directions are flat, or nearly.
    """
    held = stiffness[:, 0] > 0
    own, g = matrix.diagonal[:, held], gradient.T
    near_zero = (np.abs(own) < _LEAST * stiffness[held, 0]).any(axis=1)
    inverse = 1 / np.where(near_zero[:, None], 1.0, own)
    columns, others = matrix.columns[:, held], matrix.columns[:, ~held]
    points, left, size = len(g), others.shape[1], matrix.signs.size
    core = np.zeros((points, left + size, left + size))
    numbers = np.arange(left)
    core[:, numbers, numbers] = matrix.diagonal[:, ~held]
    core[:, :left, left:], core[:, left:, :left] = others, others.swapaxes(1, 2)
    core[:, left:, left:] = -np.diag(matrix.signs) - (columns * inverse[..., None]).swapaxes(1, 2) @ columns
    right = np.zeros((points, left + size, 1))
    right[:, :left, 0] = -g[:, ~held]
    right[:, left:, 0] = np.sum(columns * (inverse * g[:, held])[..., None], axis=1)
    unknown = near_zero | ~np.isfinite(core).all(axis=(1, 2))
    core[unknown], right[unknown] = np.eye(left + size), 0.0
    values, vectors = np.linalg.eigh(core)
    sizes = np.abs(values)
    unknown |= sizes.min(axis=1) <= _FLAT * sizes.max(axis=1)
    values = np.where(unknown[:, None], 1.0, values)
    found = (vectors @ ((vectors.swapaxes(1, 2) @ right) / values[..., None]))[..., 0]
    x = np.zeros_like(g)
    x[:, ~held] = found[:, :left]
    x[:, held] = -inverse * (g[:, held] + (columns @ found[:, left:, None])[..., 0])
    negative = (own < 0).sum(axis=1) + (values < 0).sum(axis=1) - np.sum(matrix.signs > 0)
    definite = (negative == 0) & ~unknown
    return np.ascontiguousarray(x.T), definite, np.flatnonzero(unknown)
