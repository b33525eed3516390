"""Points all over a model's domain for fits to start from, where 2NLL may have several minima."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from spec_builder.inference.expectation import centre_and_width

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["may_have_minima", "scattered"]

#: Free parameters of a model up to which a search looks for several minima.
_MOST = 30

#: How far constrained parameters are scattered, in widths of their constraints.
_SPREAD = 1.5
#: Constrained parameters that cannot be negative stay above this part of their centre.
_LEAST = 0.05
#: Parameters without a constraint are scattered over so many powers of ten of their domain, in every second point.
_DECADES = 4.0


def may_have_minima(likelihood: Likelihood, free: tuple[int, ...]) -> bool:
    """Whether 2NLL may have more than one minimum, and a search can afford to look for them.

    Where rates are linear in the parameters it is convex.

    Args:
        likelihood: the model.
        free: indices of the free parameters.
    """
    return 0 < len(free) <= _MOST and not likelihood.engine(free).affine


def scattered(likelihood: Likelihood, count: int) -> FloatArray:
    """Points that fill the domain of the free parameters evenly, shape (count, P): the same every time.

    Constrained parameters lie around their constraints, the others between their bounds. The sequence is the
    additive one of the generalised golden ratio (M. Roberts, "The unreasonable effectiveness of quasirandom
    sequences", 2018).

    Args:
        likelihood: the model.
        count: how many.
    """
    points = np.tile(likelihood.init, (count, 1))
    free = likelihood.free
    golden = 2.0
    for _ in range(40):  # the root of x^(d+1) = x + 1
        golden = (1 + golden) ** (1 / (len(free) + 1))
    numbers = np.arange(1, count + 1)
    for k, i in enumerate(free):
        part = (0.5 + numbers * golden ** -(k + 1.0)) % 1.0
        spec = likelihood.specification.parameters[i]
        if spec.constraint is None:
            part = np.where(numbers % 2 == 0, part, 10 ** (-_DECADES * part))
            points[:, i] = spec.lower + (spec.upper - spec.lower) * part
            continue
        centre, width = centre_and_width(spec.constraint)
        place = centre + _SPREAD * width * ndtri(np.clip(part, 1e-3, 1 - 1e-3))
        least = _LEAST * centre if spec.lower >= 0 else -np.inf
        points[:, i] = np.clip(np.maximum(place, least), spec.lower, spec.upper)
    return points
