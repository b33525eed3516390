"""Uncertainties of parameters and of expected events at a minimum, from the Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.specification import Constraint
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["BOUND_MARGIN", "constraint_scale", "covariance", "covariance_before", "rate_errors"]

#: Distance to a bound below which a parameter counts as being on it.
BOUND_MARGIN = 1e-9
#: Step of derivatives of rates, in standard deviations.
_STEP = 1e-3


def constraint_scale(constraint: Constraint) -> tuple[float, float]:
    """Centre and standard deviation of a constraint."""
    if constraint.kind == "normal":
        return constraint.auxiliary, constraint.scale
    mean = constraint.auxiliary / constraint.scale
    return mean, float(np.sqrt(mean / constraint.scale))


def covariance(likelihood: Likelihood, theta: FloatArray) -> FloatArray:
    """Covariance of all parameters at a minimum, shape (P, P); zero for those that are held or on a bound.

    Args:
        likelihood: the model.
        theta: the minimum, shape (P,).
    """
    lower, upper = likelihood.bounds
    inside = (theta > lower + BOUND_MARGIN) & (theta < upper - BOUND_MARGIN)
    moving = [i for i in likelihood.free if inside[i]]  # on a bound a parameter does not vary
    result: FloatArray = np.zeros((theta.size, theta.size))
    result[np.ix_(moving, moving)] = np.linalg.pinv(
        likelihood.hessian(theta)[0][np.ix_(moving, moving)] / 2, hermitian=True
    )
    return result


def covariance_before(likelihood: Likelihood) -> FloatArray:
    """Covariance of all parameters before a fit, from their constraints alone, shape (P, P)."""
    widths = np.zeros(len(likelihood.parameters))
    for i in likelihood.free:
        constraint = likelihood.specification.parameters[i].constraint
        if constraint is not None:
            widths[i] = constraint_scale(constraint)[1]
    return np.diag(widths**2)


def rate_errors(
    likelihood: Likelihood,
    theta: FloatArray,
    covariances: FloatArray,
    sums: Callable[[FloatArray], FloatArray] = lambda rates: rates,
) -> FloatArray:
    """Standard deviation of what is expected in each bin, or in sums of bins, to first order, shape (bins,).

    Args:
        likelihood: the model.
        theta: a point, shape (P,).
        covariances: of the parameters there, shape (P, P).
        sums: from rates (N, all bins) to the sums (N, bins).
    """
    sigma = np.sqrt(np.maximum(np.diag(covariances), 0.0))
    moving = np.flatnonzero(sigma > 0)
    step = np.zeros((moving.size, theta.size))
    step[np.arange(moving.size), moving] = _STEP * sigma[moving]
    if not moving.size:
        return np.zeros(sums(likelihood.rates(theta[None])).shape[1])
    change = sums(likelihood.rates(theta + step)) - sums(likelihood.rates(theta - step))
    slopes = change / (2 * _STEP * sigma[moving, None])  # (moving, bins)
    variance = np.einsum("ib,ij,jb->b", slopes, covariances[np.ix_(moving, moving)], slopes)
    errors: FloatArray = np.sqrt(np.maximum(variance, 0.0))
    return errors
