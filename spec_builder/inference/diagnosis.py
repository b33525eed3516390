"""What a minimum does not settle: parameters that 2NLL does not depend on, and how far 2NLL itself is rounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import BoolArray, FloatArray
    from spec_builder.histfactory.specification import Constraint
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["flat_directions", "rounding"]

#: Information below this part of the largest, in parameters scaled to information one, is none.
_FLAT = 1e-8
#: Share of a parameter in a flat direction, from which on it is named.
_SHARE = 0.05
#: Distance to a bound, in parts of the domain, below which a parameter does not move.
_EDGE = 1e-9
#: Where 2NLL is compared, in parts of the domain.
_PLACES = np.array([0.0, 0.03, 0.31, 0.62, 1.0])
#: Step of differences, in parts of the parameter or of one.
_STEP = 1e-5


def flat_directions(likelihood: Likelihood, theta: FloatArray) -> tuple[tuple[str, ...], ...]:
    """Free parameters that 2NLL does not depend on at its minimum: alone, or only in a combination with others.

    A combination is found in the information that rates and constraints hold on the parameters: unlike the Hessian it
    is exactly zero along a flat direction, also a little beside the minimum.

    Args:
        likelihood: the model.
        theta: all parameters at the minimum, shape (P,).

    Returns:
        The names of the parameters of each flat direction.
    """
    lower, upper = likelihood.bounds
    edge = _EDGE * (upper - lower)
    alone = _without_effect(likelihood, theta)
    inside = (theta > lower + edge) & (theta < upper - edge)
    left = [i for i in likelihood.free if inside[i] and i not in alone]
    information = _information(likelihood, theta, left)
    scale = np.sqrt(np.diag(information))
    names = likelihood.parameters
    flat: list[tuple[str, ...]] = [(names[i],) for i in alone]
    if not left or not np.isfinite(information).all() or not (scale > 0).all():
        return tuple(flat)
    try:
        values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    except np.linalg.LinAlgError:  # numbers too far apart to say
        return tuple(flat)
    for value, vector in zip(values, vectors.T, strict=True):
        if value < _FLAT * len(left):
            flat.append(tuple(names[left[k]] for k in np.flatnonzero(np.abs(vector) > _SHARE)))
    return tuple(flat)


def _information(likelihood: Likelihood, theta: FloatArray, indices: list[int]) -> FloatArray:
    """Expected information on some parameters (F,), of rates and constraints: shape (F, F)."""
    points = np.repeat(theta[None], 2 * len(indices), axis=0)
    steps = _STEP * np.maximum(np.abs(theta[indices]), 1.0)
    for k, (i, step) in enumerate(zip(indices, steps, strict=True)):
        points[2 * k, i] += step
        points[2 * k + 1, i] -= step
    rates = likelihood.rates(theta)[0]
    moved = likelihood.rates(points) if indices else np.zeros((0, rates.size))
    slopes = (moved[::2] - moved[1::2]) / (2 * steps[:, None])
    information = (slopes * np.where(rates > 0, 1 / np.where(rates > 0, rates, 1.0), 0.0)) @ slopes.T
    for k, i in enumerate(indices):
        constraint = likelihood.specification.parameters[i].constraint
        if constraint is not None:
            normal = constraint.kind == "normal"
            information[k, k] += constraint.scale**-2 if normal else constraint.scale / theta[i]
    matrix: FloatArray = information
    return matrix


def _without_effect(likelihood: Likelihood, theta: FloatArray) -> list[int]:
    """Free parameters with the same 2NLL at either bound and in between, as far as it is known at all."""
    free = likelihood.free
    places = len(_PLACES)
    points = np.tile(theta, (places * len(free), 1))
    for k, i in enumerate(free):
        lower, upper = likelihood.bounds[:, i]
        points[k * places : (k + 1) * places, i] = lower + (upper - lower) * _PLACES
    with np.errstate(all="ignore"):  # a rate may be negative, or not a number, at a bound
        heights = likelihood.twice_nll(points).reshape(len(free), places)
    here = float(likelihood.twice_nll(theta)[0])
    same: BoolArray = np.all(np.abs(heights - here) <= 4 * rounding(likelihood, theta), axis=1)
    return [i for i, flat in zip(free, same, strict=True) if flat]


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
    sizes += sum(_poisson_size(spec.constraint) for spec in likelihood.specification.parameters if spec.constraint)
    return 2 * sizes * float(np.finfo(np.float64).eps)


def _poisson_size(constraint: Constraint) -> float:
    """Size of the terms of a Poisson constraint near its minimum, which hardly leave anything of each other."""
    return constraint.auxiliary * float(np.log1p(constraint.auxiliary)) if constraint.kind == "poisson" else 0.0
