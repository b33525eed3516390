"""Exclusions in the plane of mediator mass and coupling, by Delta chi^2 and without CLs.

At a fixed mass the yields are n0 + n1 g^2 + n2 g^4 in every bin. The profiled 2NLL is scanned over the whole range of
g, its extrema are refined and every crossing of the threshold is found by root finding: the universal vector has
two minima and an allowed band between two excluded intervals, so one local fit would not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.curves import Curves, first_of_lowest
from spec_builder.inference.plane import PLANE_MASSES, Minimum, plane_minimum
from spec_builder.inference.profile import threshold

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.data import Problem

__all__ = ["PLANE_MASSES", "Exclusion", "MassPoint", "Minimum", "exclude", "plane_minimum"]


@dataclass(frozen=True)
class MassPoint:
    """Exclusion at one mediator mass.

    Attributes:
        mass_MeV: the mass; nan where there is no mediator, inf for the contact limit.
        excluded: intervals of g, each (low, high); None where there is no end, low is 0 where the Standard Model
            itself is excluded.
        best_g: g, or the signed parameter, at this mass's minimum.
        minimum: the least 2NLL, which the limit refers to: at this mass for dof = 1, over the plane for dof = 2.
        delta_chi2_sm: 2NLL of the Standard Model less that minimum.
        valid: every fit behind it converged.
    """

    mass_MeV: float
    excluded: tuple[Interval, ...]
    best_g: float
    minimum: float
    delta_chi2_sm: float
    valid: bool


@dataclass(frozen=True)
class Exclusion:
    """Exclusion at a set of masses.

    Attributes:
        cl: confidence level.
        dof: 1: Delta chi^2 is against the minimum over g at each mass; 2: against the minimum over the plane.
        threshold: Delta chi^2.
        minimum: over the plane for dof = 2, over the given masses for dof = 1; at the lowest mass within 1e-9 of it.
        points: one for each mass.
    """

    cl: float
    dof: int
    threshold: float
    minimum: Minimum
    points: tuple[MassPoint, ...]


def exclude(
    problem: Problem,
    masses: FloatArray,
    *,
    cl: float = 0.9,
    dof: int = 2,
    curves: Curves | None = None,
    plane: tuple[float, float] = PLANE_MASSES,
) -> Exclusion:
    """Exclude couplings at given masses.

    Args:
        problem: the model, ``new_physics`` measurement, and the data.
        masses: mediator masses [MeV], shape (M,); one that is nan where there is no mediator.
        cl: confidence level.
        dof: 1 or 2 degrees of freedom; see :class:`Exclusion`.
        curves: at the masses, if they are there already.
        plane: the first and the last mass of the plane that dof = 2 refers to [MeV].
    """
    level = threshold(cl, dof)
    curves = curves or Curves(problem, problem.yields(masses))
    curves.refuse_infinite()
    if dof == 1:
        reference = curves.minimum
        best = int(first_of_lowest(reference))
        value = float(curves.best[best])
        somewhere = value != 0 and not np.isnan(masses[best])
        minimum = Minimum(float(reference[best]), float(masses[best]) if somewhere else None, value)
    else:
        minimum = plane_minimum(problem, plane)
        reference = np.full(len(masses), minimum.twice_nll)
    intervals = curves.excluded(reference + level)
    points = tuple(
        MassPoint(float(mass), tuple(interval), float(best), float(least), float(sm - least), bool(valid))
        for mass, interval, best, sm, least, valid in zip(
            masses, intervals, curves.best, curves.standard_model, reference, curves.valid, strict=True
        )
    )
    return Exclusion(cl, dof, level, minimum, points)
