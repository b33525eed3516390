"""Events that a model expects, with their errors: before a fit, and at its minimum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.diagnosis import all_above

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.specification import Constraint
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["TOTAL", "Expectation", "centre_and_width", "covariance", "expect", "prior", "sum_errors"]

#: Name of the sum over samples.
TOTAL = "total"
#: Distance to a bound, in units of the domain, below which a parameter counts as being on it.
BOUND_MARGIN = 1e-12
#: Parameters that make a matrix large, and eigenvalues of one scaled to a diagonal of one that are none.
_LARGE, _FLAT = 64, 1e-10


@dataclass(frozen=True)
class Expectation:
    """Events of each sample, and of their sum ``total``.

    Attributes:
        events: by sample, each of shape (bins,), in the order of the likelihood.
        errors: one standard deviation of each.
        channel_events: by sample, each of shape (channels,): the sums over a channel's bins.
        channel_errors: one standard deviation of each, correlations between bins included.
    """

    events: Mapping[str, FloatArray]
    errors: Mapping[str, FloatArray]
    channel_events: Mapping[str, FloatArray]
    channel_errors: Mapping[str, FloatArray]


def centre_and_width(constraint: Constraint) -> tuple[float, float]:
    """Where a constraint has its parameter, and its one standard deviation."""
    if constraint.kind == "normal":
        return constraint.auxiliary, constraint.scale
    mean = constraint.auxiliary / constraint.scale
    # an auxiliary count of zero is known to about one
    return mean, float(np.sqrt(constraint.auxiliary or 1.0) / constraint.scale)


def covariance(likelihood: Likelihood, theta: FloatArray) -> FloatArray:
    """Covariance of the free parameters at a minimum, from the Hessian: shape (P, P).

    Held parameters, and those on a bound, have none. All is NaN where it cannot be known.

    Args:
        likelihood: the model.
        theta: the minimum, shape (P,).
    """
    lower, upper = likelihood.bounds
    margin = BOUND_MARGIN * (upper - lower)
    inside = (theta > lower + margin) & (theta < upper - margin)
    moving = np.ix_(*[[i for i in likelihood.free if inside[i]]] * 2)  # on a bound a parameter does not vary
    information = likelihood.hessian(theta)[0][moving] / 2
    scale = np.sqrt(np.abs(np.diag(information)))
    scale[scale == 0] = 1.0  # each in units of its own size: they may differ by any power of ten
    found = np.zeros((theta.size, theta.size))
    try:
        found[moving] = _inverse(information / np.outer(scale, scale)) / np.outer(scale, scale)
    except np.linalg.LinAlgError:
        found[:] = np.nan
    return found


def _inverse(matrix: FloatArray) -> FloatArray:
    """The inverse of a symmetric matrix, zero along its flat directions."""
    if len(matrix) >= _LARGE and all_above(matrix, _FLAT):  # the eigenvectors would take ten times as long
        inverse = np.linalg.inv(matrix)
        return np.asarray((inverse + inverse.T) / 2, dtype=np.float64)
    return np.asarray(np.linalg.pinv(matrix, hermitian=True), dtype=np.float64)


def prior(likelihood: Likelihood) -> tuple[FloatArray, FloatArray]:
    """Parameters before a fit, shape (P,), and their covariance (P, P).

    What is free and constrained is where its constraint has it, with the constraint's width; all else is at its start
    value, without an error.
    """
    theta = likelihood.init.copy()
    widths = np.zeros(theta.size)
    for i in likelihood.free:
        constraint = likelihood.specification.parameters[i].constraint
        if constraint is not None:
            theta[i], widths[i] = centre_and_width(constraint)
    return theta, np.diag(widths**2)


def expect(likelihood: Likelihood, theta: FloatArray, errors: FloatArray) -> Expectation:
    """Events at a point, and their errors from those of the parameters.

    Half the difference between one standard deviation up and down is a parameter's part; the parts add up with the
    correlations of the parameters.

    Args:
        likelihood: the model.
        theta: the point, shape (P,).
        errors: covariance of the parameters, shape (P, P).
    """
    central = _table(likelihood, theta)
    spread = _spread(partial(_table, likelihood), theta, errors)
    bins = likelihood.observed.size
    names = [*likelihood.sample_rates(theta), TOTAL]

    def by_sample(table: FloatArray) -> dict[str, FloatArray]:
        return dict(zip(names, table, strict=True))

    return Expectation(
        by_sample(central[:, :bins]), by_sample(spread[:, :bins]),
        by_sample(central[:, bins:]), by_sample(spread[:, bins:]),
    )  # fmt: skip


def sum_errors(
    likelihood: Likelihood, theta: FloatArray, errors: FloatArray, sums: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """One standard deviation of sums of bins, over all samples, correlations included; as :func:`expect` has them.

    Args:
        likelihood: the model.
        theta: the point, shape (P,).
        errors: covariance of the parameters, shape (P, P).
        sums: from rates (N, bins) to the sums (N, S).

    Returns:
        Shape (S,).
    """
    return _spread(lambda point: sums(likelihood.rates(point[None]))[0], theta, errors)


def _spread(numbers: Callable[[FloatArray], FloatArray], theta: FloatArray, errors: FloatArray) -> FloatArray:
    """One standard deviation of numbers that follow the parameters, of the shape of the numbers.

    Args:
        numbers: from a point (P,) to an array.
        theta: the point, shape (P,).
        errors: covariance of the parameters, shape (P, P).
    """
    widths = np.sqrt(np.diag(errors))
    moving = np.flatnonzero(widths)
    shape = numbers(theta).shape
    parts = np.zeros((moving.size, int(np.prod(shape))))
    for part, i in zip(parts, moving, strict=True):
        step = np.zeros(theta.size)
        step[i] = widths[i]
        part[:] = (numbers(theta + step) - numbers(theta - step)).ravel() / 2
    correlation = errors[np.ix_(moving, moving)] / np.outer(widths[moving], widths[moving])
    variance = np.sum(parts * (correlation @ parts), axis=0)
    spread: FloatArray = np.sqrt(np.maximum(variance, 0.0)).reshape(shape)
    return spread


def _table(likelihood: Likelihood, theta: FloatArray) -> FloatArray:
    """Events by sample and their total, in each bin and then in each channel: shape (samples + 1, bins + channels)."""
    samples = np.array(list(likelihood.sample_rates(theta).values()))
    rows = np.vstack([samples, samples.sum(axis=0)])
    channels = [rows[:, place].sum(axis=1) for place in likelihood.specification.channels.values()]
    return np.column_stack([rows, *channels])
