"""What Delta chi^2 between two hypotheses is made of: each bin's part, and each pull's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

from spec_builder.base.errors import SpecBuilderError

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.specification import Constraint
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["BinPart", "Decomposition", "PullPart", "decompose"]


@dataclass(frozen=True)
class BinPart:
    """A bin's part.

    Attributes:
        channel: name of its channel.
        bin: its number in the channel, from 0.
        observed: counts.
        reference: events expected under the reference.
        point: events expected at the point.
        delta_chi2: part of 2NLL(point) - 2NLL(reference).
    """

    channel: str
    bin: int
    observed: float
    reference: float
    point: float
    delta_chi2: float


@dataclass(frozen=True)
class PullPart:
    """A constrained parameter's part.

    Attributes:
        parameter: its name.
        reference: its value under the reference.
        point: its value at the point.
        delta_chi2: part of 2NLL(point) - 2NLL(reference).
    """

    parameter: str
    reference: float
    point: float
    delta_chi2: float


@dataclass(frozen=True)
class Decomposition:
    """2NLL(point) - 2NLL(reference) and its parts, in the order of the likelihood.

    Attributes:
        delta_chi2: the sum of all parts.
        bins: one for each bin.
        pulls: one for each constrained parameter.
    """

    delta_chi2: float
    bins: tuple[BinPart, ...]
    pulls: tuple[PullPart, ...]


def decompose(
    point: Likelihood, theta: FloatArray, reference: Likelihood, reference_theta: FloatArray
) -> Decomposition:
    """Take Delta chi^2 between two hypotheses about the same data apart.

    Args:
        point: model of the hypothesis in question.
        theta: its parameters, shape (P,).
        reference: model of the reference: the same channels, counts and constrained parameters.
        reference_theta: its parameters.

    Raises:
        SpecBuilderError: if the two are not about the same data.
    """
    known = reference.specification.channels
    if point.specification.channels != known or not np.array_equal(point.observed, reference.observed):
        raise SpecBuilderError("two hypotheses about the same data are needed: their channels or counts differ")
    d = reference.observed
    first, second = reference.rates(reference_theta[None])[0], point.rates(theta[None])[0]
    parts = 2 * (second - xlogy(d, second)) - 2 * (first - xlogy(d, first))
    bins = [
        BinPart(channel, i, *(float(values[i + place.start]) for values in (d, first, second, parts)))
        for channel, place in known.items()
        for i in range(place.stop - place.start)
    ]
    pulls = _pulls(point, theta, reference, reference_theta)
    total = float(parts.sum()) + sum(pull.delta_chi2 for pull in pulls)
    return Decomposition(total, tuple(bins), pulls)


def _pulls(
    point: Likelihood, theta: FloatArray, reference: Likelihood, reference_theta: FloatArray
) -> tuple[PullPart, ...]:
    names, known = ([model.parameters[i] for i in model.constrained()] for model in (point, reference))
    if names != known:
        raise SpecBuilderError("two hypotheses about the same data are needed: their constrained parameters differ")
    pulls = []
    for name in names:
        before, after = float(reference_theta[reference.index(name)]), float(theta[point.index(name)])
        constraint = point.specification.parameters[point.index(name)].constraint
        assert constraint is not None  # noqa: S101 - it is one of the constrained ones
        pulls.append(PullPart(name, before, after, _penalty(constraint, after) - _penalty(constraint, before)))
    return tuple(pulls)


def _penalty(constraint: Constraint, value: float) -> float:
    """2NLL of an auxiliary datum, but for constants."""
    if constraint.kind == "normal":
        return ((value - constraint.auxiliary) / constraint.scale) ** 2
    mean = constraint.scale * value
    return 2 * float(mean - xlogy(constraint.auxiliary, mean))
