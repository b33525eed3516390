"""What a minimum does not settle: parameters that 2NLL does not depend on, and how far 2NLL itself is rounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.specification import Constraint
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["all_above", "flat_directions", "rounding"]

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
#: Parameters and rates of the points that are looked at together.
_NUMBERS = 1_000_000


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
    moved = set(likelihood.free) - set(alone)
    left = [i for i in likelihood.free if inside[i] and i in moved]
    information = _information(likelihood, theta, left)
    scale = np.sqrt(np.diag(information))
    names = likelihood.parameters
    flat: list[tuple[str, ...]] = [(names[i],) for i in alone]
    if not left or not np.isfinite(information).all() or not (scale > 0).all():
        return tuple(flat)
    scaled = information / np.outer(scale, scale)
    if all_above(scaled, _FLAT * len(left)):
        return tuple(flat)
    try:
        values, vectors = np.linalg.eigh(scaled)
    except np.linalg.LinAlgError:  # numbers too far apart to say
        return tuple(flat)
    for value, vector in zip(values, vectors.T, strict=True):
        if value < _FLAT * len(left):
            flat.append(tuple(names[left[k]] for k in np.flatnonzero(np.abs(vector) > _SHARE)))
    return tuple(flat)


def all_above(matrix: FloatArray, least: float) -> bool:
    """Whether all eigenvalues of a symmetric matrix are above a number, a tenth as costly as to find them."""
    try:
        np.linalg.cholesky(matrix - least * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        return False
    return True


def _information(likelihood: Likelihood, theta: FloatArray, indices: list[int]) -> FloatArray:
    """Expected information on some parameters (F,), of rates and constraints: shape (F, F)."""
    rates = likelihood.rates(theta)[0]
    steps = _STEP * np.maximum(np.abs(theta[indices]), 1.0)
    slopes = np.zeros((len(indices), rates.size))
    for part in _parts(likelihood, len(indices)):
        places, step = indices[part], steps[part]
        there = np.repeat(theta[None], len(places), axis=0)
        back = there.copy()
        there[range(len(places)), places] += step
        back[range(len(places)), places] -= step
        slopes[part] = (likelihood.rates(there) - likelihood.rates(back)) / (2 * step[:, None])
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
    here = float(likelihood.twice_nll(theta)[0])
    error = 4 * rounding(likelihood, theta)
    same = np.array(likelihood.free, dtype=np.intp)
    for place in _PLACES:
        flat = np.zeros(same.size, dtype=bool)
        for part in _parts(likelihood, same.size):
            lower, upper = likelihood.bounds[:, same[part]]
            points = np.repeat(theta[None], lower.size, axis=0)
            points[range(lower.size), same[part]] = lower + (upper - lower) * place
            with np.errstate(all="ignore"):  # a rate may be negative, or not a number, at a bound
                flat[part] = np.abs(likelihood.twice_nll(points) - here) <= error
        same = same[flat]
    return [int(i) for i in same]


def _parts(likelihood: Likelihood, count: int) -> list[slice]:
    """So many points in parts that take little memory."""
    size = max(_NUMBERS // (len(likelihood.parameters) + likelihood.observed.size), 1)
    return [slice(begin, begin + size) for begin in range(0, count, size)]


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
