"""The plane of mediator mass and coupling: contours and profiled grids."""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.executors import loss_is_told
from spec_builder.inference.curves import Curves
from spec_builder.inference.exclusion import PLANE_MASSES, exclude
from spec_builder.model.provenance import Provenance
from spec_builder.studies.limits import LimitsResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["Plane", "profile_planes"]


@dataclass(frozen=True)
class Plane:
    """One interaction in one analysis.

    Attributes:
        limits: contours, from root finding.
        masses: mediator masses [MeV], shape (M,).
        couplings: g, shape (G,).
        twice_nll: profiled 2NLL, shape (M, G).
        reason: 0 where the fit is valid, else a number of :data:`spec_builder.inference.newton.REASONS`, shape (M, G).
    """

    limits: LimitsResult
    masses: FloatArray
    couplings: FloatArray
    twice_nll: FloatArray
    reason: IndexArray

    @property
    def delta_chi2(self) -> FloatArray:
        """2NLL less the minimum that the contours refer to: over the plane, or for dof = 1 at each mass; (M, G)."""
        minima = np.array([[point.minimum] for point in self.limits.exclusion.points])
        delta: FloatArray = self.twice_nll - minima
        return delta


def profile_planes(
    choices: Sequence[tuple[Analysis, NewPhysics]],
    *,
    points: int = 121,
    cl: float = 0.9,
    dof: int = 2,
    executor: concurrent.futures.Executor | None = None,
    report: Callable[[int, int], object] = lambda *_: None,
) -> list[Plane]:
    """Profile 2NLL on square grids and find the contours.

    Args:
        choices: analyses with interactions.
        points: masses from 0.01 MeV to 1 GeV, and couplings over each interaction's default range.
        cl: confidence level of the contours.
        dof: their degrees of freedom.
        executor: any ``concurrent.futures.Executor``; None computes here.
        report: told how many planes are done, and of how many.
    """
    if executor is None:
        planes = []
        for done, choice in enumerate(choices):
            report(done, len(choices))
            planes.append(_profile_plane(*choice, points, cl, dof))
        return planes
    with loss_is_told():
        # the slowest first: analyses with most bins
        order = sorted(range(len(choices)), key=lambda i: -len(choices[i][0].experiments))
        futures = {i: executor.submit(_profile_plane, *choices[i], points, cl, dof) for i in order}
        for done, _ in enumerate(concurrent.futures.as_completed(futures.values()), start=1):
            report(done, len(choices))
        return [futures[i].result() for i in range(len(choices))]


def _profile_plane(analysis: Analysis, choice: NewPhysics, points: int, cl: float, dof: int) -> Plane:
    masses, couplings = np.geomspace(*PLANE_MASSES, points), np.geomspace(*choice.default_couplings, points)
    problem = analysis.problem(choice)
    curves = Curves(problem, problem.yields(masses))
    exclusion = exclude(problem, masses, cl=cl, dof=dof, curves=curves)
    fits = curves.grid(couplings)
    return Plane(
        LimitsResult(Provenance.of(analysis), choice, exclusion),
        masses,
        couplings,
        fits.twice_nll.reshape(points, points),
        fits.reason.reshape(points, points),
    )
