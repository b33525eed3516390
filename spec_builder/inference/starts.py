"""Points for fits to start from where 2NLL may have several minima.

A shape that bends back, with hi_data and lo_data of a histosys on the same side of the nominal events in some
bin, gives the same rate at two values of its parameter, and 2NLL a minimum near each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from spec_builder.inference.expectation import centre_and_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.rows import Layout, RowArrays

__all__ = ["MOST_SIDES", "bent_shapes", "may_have_minima", "mirrored", "scattered", "sides"]

#: Free parameters of a model up to which a search looks for several minima.
_MOST = 30
#: Free parameters of a model up to which shapes that bend back start mirrored, one after the other, and up to which
#: all at once on either side, too: far from the minimum a fit of 30 parameters takes as long as ten near it.
_MOST_BENT, MOST_SIDES = 40, 16
#: How far constrained parameters are scattered, in widths of their constraints.
_SPREAD = 1.5
#: Constrained parameters that cannot be negative stay above this part of their centre.
_LEAST = 0.05
#: Parameters without a constraint are scattered over so many powers of ten of their domain, in every second point.
_DECADES = 4.0
#: Where parameters of shapes that bend back start too, in standard deviations, with their signs in turn; mirrored they
#: are as far from their centres at least. Chosen by trial: fewer lead to higher minima, more to hardly a lower one.
_DISTANCE = 2.0
_SIGNS = ((1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0))


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


def bent_shapes(likelihood: Likelihood, free: tuple[int, ...], layout: Layout, arrays: RowArrays) -> list[int]:
    """Positions of the free parameters whose shapes bend back, in the model or in a row; none in a large model.

    Args:
        likelihood: the model.
        free: indices of the free parameters.
        layout: what comes by row.
        arrays: it.
    """
    if len(free) > _MOST_BENT:
        return []
    bent = set(likelihood.specification.bent)
    columns = arrays.columns[len(layout.yields) :]
    shapes = {(s.sample, s.parameter, s.part): column for s, column in zip(layout.shapes, columns, strict=False)}
    for (sample, parameter, part), even in shapes.items():
        odd = shapes.get((sample, parameter, "odd"), np.zeros_like(even))
        if part == "even" and (np.abs(even) > np.abs(odd)).any():
            bent.add(likelihood.index(parameter))
    return sorted(bent & set(free))


def sides(likelihood: Likelihood, bent: list[int]) -> list[FloatArray]:
    """Values of the parameters of bent shapes, on either side of their centres: shape (len(bent),) each.

    Args:
        likelihood: the model.
        bent: their positions.
    """
    lower, upper = likelihood.bounds[:, bent]
    constraints = [likelihood.specification.parameters[i].constraint for i in bent]
    places = [centre_and_width(constraint) for constraint in constraints if constraint is not None]
    centre, width = np.array(places).T
    return [
        np.clip(centre + _DISTANCE * width * np.resize(signs, len(bent)), lower, upper)
        for signs in (_SIGNS if len(bent) > 1 else _SIGNS[:2])
    ]


def mirrored(likelihood: Likelihood, bent: list[int], theta: FloatArray) -> Iterator[tuple[int, FloatArray]]:
    """Each parameter of a bent shape, and its values (N,) on the other side of its centre than at some points.

    Args:
        likelihood: the model.
        bent: their positions.
        theta: the points, shape (P, N).
    """
    for i in bent:
        constraint = likelihood.specification.parameters[i].constraint
        assert constraint is not None  # noqa: S101 - a shape has one
        centre, width = centre_and_width(constraint)
        distance = np.maximum(np.abs(theta[i] - centre), _DISTANCE * width)
        yield i, np.clip(centre + np.where(theta[i] < centre, distance, -distance), *likelihood.bounds[:, i])
