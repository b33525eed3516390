"""Exclusions in the plane of mediator mass and coupling, by Delta chi^2 and without CLs.

At a fixed mass the yields are n0 + n1 g^2 + n2 g^4 in every bin. The profiled 2NLL is scanned over the whole range of
g, its extrema are refined and every crossing of the threshold is found by root finding: the universal vector has
two minima and an allowed band between two excluded intervals, so one local fit would not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from spec_builder.inference.curves import Curves, Interval
from spec_builder.inference.profile import threshold

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["Exclusion", "MassPoint", "Minimum", "YieldFunction", "exclude", "plane_minimum"]

#: Yields of the signal sample against g^2 at given masses: masses (M,) -> coefficients (3, M, bins).
YieldFunction: TypeAlias = "Callable[[FloatArray], FloatArray]"
#: The plane whose minimum dof = 2 refers to [MeV].
PLANE_MASSES = (0.01, 1000.0)


@dataclass(frozen=True)
class Minimum:
    """Least 2NLL of a scan.

    Attributes:
        twice_nll: its value.
        mass_MeV: where; None if it is the Standard Model, g = 0, which has no mediator.
        g: where.
    """

    twice_nll: float
    mass_MeV: float | None
    g: float


@dataclass(frozen=True)
class MassPoint:
    """Exclusion at one mediator mass.

    Attributes:
        mass_MeV: the mass; nan where there is no mediator, inf for the contact limit.
        excluded: intervals of g, each (low, high); high is None where it has no end, low is 0 where the Standard
            Model itself is excluded. Of a signed parameter low is None where it has no end.
        best_g: g at this mass's minimum.
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
        minimum: over the plane for dof = 2, over the given masses for dof = 1.
        points: one for each mass.
    """

    cl: float
    dof: int
    threshold: float
    minimum: Minimum
    points: tuple[MassPoint, ...]


def plane_minimum(
    likelihood: Likelihood,
    sample: str,
    yields: YieldFunction,
    *,
    plane: tuple[float, float] = PLANE_MASSES,
    signed: bool = False,
) -> Minimum:
    """Least 2NLL over a range of mediator masses and g >= 0, by successive refinement in mass.

    Args:
        likelihood: the model, ``new_physics`` measurement.
        sample: the sample that the yields replace.
        yields: its yields against g^2, or a signed parameter itself, at given masses.
        plane: the range of masses [MeV].
        signed: the parameter has a sign.
    """
    masses, start = np.geomspace(*plane, 31), None
    for _ in range(6):
        curves = Curves(likelihood, sample, yields(masses), signed=signed, start=start, maxima=False)
        best = int(np.argmin(curves.minimum))
        g, value, mass = float(curves.best_g[best]), float(curves.minimum[best]), float(masses[best])
        curves.refuse_infinite()
        if g == 0:
            return Minimum(value, None, 0.0)
        start = curves.theta[best]
        masses = np.geomspace(masses[max(best - 1, 0)], masses[min(best + 1, masses.size - 1)], 9)
    return Minimum(value, mass, g)


def exclude(
    likelihood: Likelihood,
    sample: str,
    yields: YieldFunction,
    masses: FloatArray,
    *,
    cl: float = 0.9,
    dof: int = 2,
    plane: tuple[float, float] = PLANE_MASSES,
    signed: bool = False,
    curves: Curves | None = None,
) -> Exclusion:
    """Exclude couplings at given masses.

    Args:
        likelihood: the model, ``new_physics`` measurement.
        sample: the sample that the yields replace.
        yields: its yields against g^2, or a signed parameter itself, at given masses.
        masses: mediator masses [MeV], shape (M,); nan for one point without a mediator.
        cl: confidence level.
        dof: 1 or 2 degrees of freedom; see :class:`Exclusion`.
        plane: range of masses that the minimum of dof = 2 is over [MeV].
        signed: the parameter has a sign.
        curves: at the masses, if they are there already.
    """
    level = threshold(cl, dof)
    curves = curves or Curves(likelihood, sample, yields(masses), signed=signed)
    curves.refuse_infinite()
    if dof == 1:
        reference = curves.minimum
        best = int(np.argmin(reference))
        g = float(curves.best_g[best])
        somewhere = g != 0 and not np.isnan(masses[best])
        minimum = Minimum(float(reference[best]), float(masses[best]) if somewhere else None, g)
    else:
        minimum = plane_minimum(likelihood, sample, yields, plane=plane, signed=signed)
        reference = np.full(len(masses), minimum.twice_nll)
    intervals = curves.excluded(reference + level)
    points = tuple(
        MassPoint(float(mass), tuple(interval), float(g), float(least), float(sm - least), bool(valid))
        for mass, interval, g, sm, least, valid in zip(
            masses, intervals, curves.best_g, curves.standard_model, reference, curves.valid, strict=True
        )
    )
    return Exclusion(cl, dof, level, minimum, points)
