"""What a minimum does not settle: parameters that 2NLL does not depend on, and how far 2NLL itself is rounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["flat_directions", "rounding"]

#: Curvature below this part of the largest, in parameters scaled to curvature one, is none.
_FLAT = 1e-10
#: Share of a parameter in a flat direction, from which on it is named.
_SHARE = 0.05
#: Distance to a bound, in parts of the domain, below which a parameter does not move.
_EDGE = 1e-9


def flat_directions(likelihood: Likelihood, theta: FloatArray) -> tuple[tuple[str, ...], ...]:
    """Free parameters that 2NLL does not depend on at its minimum: alone, or only in a combination with others.

    Args:
        likelihood: the model.
        theta: all parameters at the minimum, shape (P,).

    Returns:
        The names of the parameters of each flat direction.
    """
    lower, upper = likelihood.bounds
    edge = _EDGE * (upper - lower)
    moving = [i for i in likelihood.free if lower[i] + edge[i] < theta[i] < upper[i] - edge[i]]
    resting = [i for i in likelihood.free if i not in moving]
    names = likelihood.parameters
    alone = [i for i in (*moving, *resting) if _without_effect(likelihood, theta, i)]
    left = [i for i in moving if i not in alone]
    hessian = likelihood.hessian(theta)[0][np.ix_(left, left)]
    scale = np.sqrt(np.abs(np.diag(hessian)))
    if not (np.isfinite(hessian).all() and (scale > 0).all()):
        return tuple((names[i],) for i in alone)
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    together = [
        tuple(names[left[k]] for k in np.flatnonzero(np.abs(vector) > _SHARE))
        for value, vector in zip(values, vectors.T, strict=True)
        if abs(value) < _FLAT * len(left)
    ]
    return (*((names[i],) for i in alone), *together)


def _without_effect(likelihood: Likelihood, theta: FloatArray, index: int) -> bool:
    """Whether 2NLL is the same at either bound of a parameter, and in between, as far as it is known at all."""
    lower, upper = likelihood.bounds[:, index]
    places = lower + (upper - lower) * np.array([0.0, 0.03, 0.31, 0.62, 1.0])
    points = np.tile(theta, (places.size, 1))
    points[:, index] = places
    with np.errstate(all="ignore"):
        heights = likelihood.twice_nll(points)
    here = float(likelihood.twice_nll(theta)[0])
    return bool(np.isfinite(here) and (np.abs(heights - here) <= 4 * rounding(likelihood, theta)).all())


def rounding(likelihood: Likelihood, theta: FloatArray) -> float:
    """How far 2NLL is rounded: the sum of its terms' sizes times the spacing of floating-point numbers.

    Args:
        likelihood: the model.
        theta: all parameters, shape (P,).
    """
    observed = likelihood.observed
    rates = likelihood.rates(theta)[0]
    logarithms = np.abs(np.log(np.where(rates > 0, rates, 1.0)))
    sizes = float(np.sum(np.abs(rates) + observed * logarithms)) + abs(likelihood.saturated) / 2
    return 2 * sizes * float(np.finfo(np.float64).eps)
