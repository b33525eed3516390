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
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.rows import Layout, RowArrays

__all__ = ["bending", "bends_back", "may_have_minima", "scattered"]

#: Free parameters of a model up to which a search looks for several minima.
_MOST = 30
#: The same of a batch of rows.
_MOST_OF_ROWS = 40
#: How far constrained parameters are scattered, in widths of their constraints: by trial the lowest of several minima
#: is found most often with 2 to 3.
_SPREAD = 2.5
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


def bends_back(likelihood: Likelihood, free: tuple[int, ...]) -> bool:
    """Whether a shape of the model bends back, so that 2NLL may have several minima however large the model is.

    Args:
        likelihood: the model.
        free: indices of the free parameters.
    """
    return not set(free).isdisjoint(likelihood.specification.bent)


def bending(likelihood: Likelihood, free: tuple[int, ...], layout: Layout, arrays: RowArrays) -> tuple[int, ...]:
    """Indices of free parameters whose shapes bend back in the model or in a row.

    None where a batch cannot afford to look for several minima.

    Args:
        likelihood: the model.
        free: indices of the free parameters.
        layout: what comes by row.
        arrays: it.
    """
    if len(free) > _MOST_OF_ROWS:
        return ()
    found = set(likelihood.specification.bent)
    columns = arrays.columns[len(layout.yields) :]
    shapes = {(s.sample, s.parameter, s.part): column for s, column in zip(layout.shapes, columns, strict=False)}
    for (sample, parameter, part), even in shapes.items():
        odd = shapes.get((sample, parameter, "odd"), np.zeros_like(even))
        if part == "even" and (np.abs(even) > np.abs(odd)).any():
            found.add(likelihood.index(parameter))
    return tuple(sorted(found & set(free)))
