"""Ways off saddles: points where the slope of 2NLL is zero and its curvature is not positive.

A shape whose hi and lo are the same (or a ``normsys`` with hi = lo) makes 2NLL even in its parameter: at zero, where
fits start, it has no slope, whatever the data ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.engine import Engine
    from spec_builder.inference.jacobian import JacobianEngine
    from spec_builder.inference.rows import RowArrays

__all__ = ["off_saddles"]

#: Curvature that is negative, in units of the parameters' own.
_NEGATIVE = -1e-6
#: Slope that is none: 2NLL falls by this along it, in a step of the length of a standard deviation.
_LEVEL = 1e-3
#: How far to go, in standard deviations: 2NLL falls by a twentieth.
_STEP = 0.3


def off_saddles(
    engine: Engine | JacobianEngine, bounds: FloatArray, theta: FloatArray, arrays: RowArrays, barrier: FloatArray
) -> tuple[IndexArray, FloatArray, FloatArray]:
    """The rows that stand on a saddle, and points on either side of it, along the most negative curvature.

    Args:
        engine: the compiled model.
        bounds: of all parameters, shape (2, P).
        theta: the points, shape (P, N).
        arrays: what the rows have of their own.
        barrier: least counts, shape (bins or 1, N or 1).

    Returns:
        The numbers of the S rows, and two points for each, shape (P, S).
    """
    free = np.array(engine.free, dtype=np.intp)
    parts = engine(theta, arrays, barrier=barrier)
    lower, upper = bounds[:, free]
    rows, directions = [], []
    for row in range(theta.shape[1]):
        point, slope = theta[free, row], parts.gradient[:, row]
        blocked = ((point <= lower) & (slope > 0)) | ((point >= upper) & (slope < 0))
        half = np.tril(parts.hessian[..., row])
        direction = _downward(half + np.tril(half, -1).T, slope, np.flatnonzero(~blocked))
        if direction is not None:
            rows.append(row)
            directions.append(direction)
    numbers = np.array(rows, dtype=np.intp)
    there, back = theta[:, numbers], theta[:, numbers]
    if numbers.size:
        step = np.stack(directions, axis=1)
        there[free] = np.clip(there[free] + step, lower[:, None], upper[:, None])
        back[free] = np.clip(back[free] - step, lower[:, None], upper[:, None])
    return numbers, there, back


def _downward(hessian: FloatArray, slope: FloatArray, moving: IndexArray) -> FloatArray | None:
    """A step (F,) along the most negative curvature, None where there is none or the slope is not zero."""
    curvature = hessian[np.ix_(moving, moving)]
    scale = np.sqrt(np.abs(np.diag(curvature)))
    scale[scale == 0] = 1.0
    if not moving.size or not np.isfinite(curvature).all() or (np.abs(slope[moving]) > _LEVEL * scale).any():
        return None
    try:
        values, vectors = np.linalg.eigh(curvature / np.outer(scale, scale))
    except np.linalg.LinAlgError:  # numbers too far apart to say
        return None
    if values[0] > _NEGATIVE:
        return None
    step = np.zeros(slope.size)
    step[moving] = _STEP * vectors[:, 0] / scale / np.sqrt(-values[0])
    return step
