"""Batched minimisation of 2NLL: damped Newton with bounds, for grids of parameter points and toys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference import compiled
from spec_builder.inference.minima import IMPOSSIBLE, NOT_FINITE, BatchFit
from spec_builder.inference.row_model import RowModel
from spec_builder.inference.rows import Rows, take_apart
from spec_builder.inference.search import Search
from spec_builder.inference.starts import bending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.rows import Layout, RowArrays

__all__ = ["INSIDE", "given_rows", "least_counts", "minimise", "starting_points"]

#: Start values that must not be on a bound are moved inside by this part of the parameter's domain.
INSIDE = 1e-3


def minimise(
    likelihood: Likelihood,
    *,
    start: FloatArray | None = None,
    fixed: tuple[str, ...] = (),
    rows: Rows | None = None,
    sample: str | None = None,
    yields: FloatArray | None = None,
    patient: bool = True,
) -> BatchFit:
    """Minimise 2NLL at many points.

    Args:
        likelihood: the model.
        start: start values, and the values of fixed parameters, shape (N, P); the model's own by default, and where
            a rate is not positive there.
        fixed: parameters to keep at their start, beside those that the model fixes.
        rows: what the points have of their own.
        sample: a sample whose nominal yields differ from point to point: short for rows with these yields.
        yields: its events per bin, shape (N, bins).
        patient: go on with rows that Newton's steps do not end; not where many starts are tried.

    Returns:
        A row for each point.

    Raises:
        SpecBuilderError: for rows that do not fit the model.
    """
    rows = given_rows(rows, sample, yields)
    free = list(likelihood.free_without(fixed))
    layout, arrays = take_apart(likelihood, rows)
    theta = np.ascontiguousarray(starting_points(likelihood, start, rows, free).T)
    lower, upper = likelihood.bounds[:, free]
    own = likelihood.init[free]
    margin = INSIDE * (upper - lower)
    library = compiled.chosen_library()
    packed = None if library is None else likelihood.packed(tuple(free), layout)
    model = RowModel(likelihood, tuple(free), layout, library, packed, patient)
    found = model.minimise(theta, arrays)
    value, reason = found.value, found.reason
    lost = ~np.isfinite(value)
    never_began = np.flatnonzero(lost)
    if lost.any():
        parts = arrays.take(lost)
        empty = model.nothing_expected(theta[:, lost], parts)
        reason[lost] = np.where((empty & (model.observed(parts) > 0)).any(axis=0), IMPOSSIBLE, NOT_FINITE)
    # a rate is not positive where the others start: once more, from the first point on the way to the model's own start
    # values where all are, and inside the bounds
    for begin in (own, np.clip(own, lower + margin, upper - margin)):
        left = np.flatnonzero(reason == NOT_FINITE)
        again = theta[:, left]
        if (again[free] == begin[:, None]).all():
            continue
        model.go_towards(begin, again, arrays.take(left))
        fits = model.minimise(again, arrays.take(left))
        found.take_over(left, fits, fits.reason >= 0)
        reason[~np.isfinite(value) & (reason != IMPOSSIBLE)] = NOT_FINITE
    if patient:
        model.start_elsewhere(found, arrays)
    if start is None:
        bends = bending(likelihood, tuple(free), layout, arrays)
        if bends:
            Search(model, found, arrays, bends).run()
    elif never_began.size:
        given = np.ascontiguousarray(starting_points(likelihood, start, rows, free)[never_began].T)
        model.return_to(given, never_began, found, arrays)
    inside = theta[free]
    at_bound = ((inside <= lower[:, None]) | (inside >= upper[:, None])).any(axis=0)
    reason = np.where(np.isfinite(value) | (reason == IMPOSSIBLE), reason, NOT_FINITE)
    return BatchFit(value, theta.T, found.edm, reason, at_bound)


def least_counts(likelihood: Likelihood, theta: FloatArray, layout: Layout, arrays: RowArrays) -> FloatArray:
    """The least counts with which minima are sought, shape (bins, 1): zero where no rate can be negative.

    With them 2NLL has slope zero at a minimum where a rate vanishes.

    Args:
        likelihood: the model, its free parameters fitted.
        theta: all parameters, shape (P, N).
        layout: what comes by row.
        arrays: it.
    """
    model = RowModel(likelihood, likelihood.free, layout, None, None, patient=True)
    return model.barrier(theta, arrays)


def given_rows(rows: Rows | None, sample: str | None, yields: FloatArray | None) -> Rows:
    """Rows, or those that differ in the yields (N, bins) of one sample."""
    if sample is None or yields is None:
        return rows or Rows()
    return Rows(yields={sample: np.ascontiguousarray(np.asarray(yields, dtype=np.float64).T)})


def starting_points(likelihood: Likelihood, start: FloatArray | None, rows: Rows, free: Sequence[int]) -> FloatArray:
    """A copy of the start values, or the model's own for each row: shape (N, P).

    A free parameter whose auxiliary datum comes by row starts where that puts it, as it does in a model of its own.
    """
    count = rows.count()
    if start is not None:
        points = np.array(start, dtype=np.float64, ndmin=2)
        return np.repeat(points, count, axis=0) if len(points) == 1 and count is not None else points
    points = np.tile(likelihood.init, (1 if count is None else count, 1))
    if rows.auxiliary is None:
        return points
    lower, upper = likelihood.bounds
    margin = INSIDE * (upper - lower)
    for i, data in zip(likelihood.constrained(), rows.auxiliary, strict=True):
        constraint = likelihood.specification.parameters[i].constraint
        if i in free and constraint is not None:
            points[:, i] = np.clip(data / constraint.unit, lower[i] + margin[i], upper[i] - margin[i])
    return points
