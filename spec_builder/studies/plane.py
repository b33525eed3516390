"""The plane of mediator mass and coupling: contours and profiled grids."""

from __future__ import annotations

import concurrent.futures
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.executors import loss_is_told, submit
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.curves import Curves
from spec_builder.inference.exclusion import exclude
from spec_builder.model.given import mass_axis
from spec_builder.model.provenance import Choices
from spec_builder.studies.limits import LimitsResult, limits_problem
from spec_builder.studies.open_ends import notes_on_open_ends, open_ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.exclusion import Exclusion
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.choices import Choice

__all__ = ["LINE_POINTS", "Plane", "line_values", "parameter_grid", "profile_planes"]

#: Values of a parameter without a mass at least: a line costs nothing, and fewer would hide what is in it.
LINE_POINTS = 401


@dataclass(frozen=True)
class Plane:
    """One interaction in one analysis.

    Attributes:
        limits: contours, from root finding.
        masses: mediator masses [MeV], shape (M,); one that is nan where there is no mediator.
        couplings: g, shape (G,).
        twice_nll: profiled 2NLL, shape (M, G).
        reason: 0 where the fit is valid, else a number of :data:`spec_builder.inference.minima.REASONS`, shape (M, G).
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
    choices: Sequence[tuple[Analysis, Choice]],
    *,
    points: int = 121,
    cl: float = 0.9,
    dof: int = 2,
    executor: concurrent.futures.Executor | None = None,
    report: Parts = silent,
) -> list[Plane]:
    """Profile 2NLL on square grids and find the contours.

    Args:
        choices: analyses with interactions.
        points: masses over the analysis' range, and couplings over each interaction's default range. Where there is
            no mediator the plane is a line, of :data:`LINE_POINTS` values at least; see :func:`line_values`.
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
        futures = {i: submit(executor, _profile_plane, *choices[i], points, cl, dof) for i in order}
        for done, _ in enumerate(concurrent.futures.as_completed(futures.values()), start=1):
            report(done, len(choices))
        return [futures[i].result() for i in range(len(choices))]


def _profile_plane(analysis: Analysis, choice: Choice, points: int, cl: float, dof: int) -> Plane:
    masses = mass_axis(choice, np.geomspace(*analysis.masses_MeV, points) if choice.has_mediator else None)
    problem, signal = limits_problem(analysis, choice, masses)
    curves = Curves(problem, signal)
    dof_here = dof if choice.has_mediator else 1
    exclusion = exclude(problem, masses, cl=cl, dof=dof_here, curves=curves, plane=analysis.masses_MeV)
    grid = parameter_grid if choice.has_mediator else line_values
    couplings = grid(choice, points, exclusion)
    fits = curves.grid(couplings)
    shape = (masses.size, couplings.size)
    about = Choices.of(analysis, choice, masses, cl=cl, dof=dof_here)
    about = about.noting(notes_on_open_ends(analysis, choice, problem, signal, masses, *open_ends(exclusion)))
    return Plane(
        LimitsResult(about, choice, exclusion),
        masses,
        couplings,
        fits.twice_nll.reshape(shape),
        fits.reason.reshape(shape),
    )


def parameter_grid(choice: Choice, points: int, exclusion: Exclusion | None = None) -> FloatArray:
    """Values of the parameter: log-spaced, or evenly where it has a sign.

    Args:
        choice: the interaction.
        points: how many.
        exclusion: what they are to show; None for the default range of the interaction. Without a sign the values lie
            over that range, and where an end of what is excluded lies outside of it they reach to a factor of five
            beyond the end: electron recoils exclude couplings below the range for nuclear ones. With a sign they lie
            from one outermost end to the other and half of their distance beyond: all of the range would hide ends
            that are close to zero. Computed ends of a range have two digits.

    Examples:
        >>> from spec_builder.physics.interactions import choose
        >>> parameter_grid(choose("nsi"), 3).tolist()
        [-1.0, 0.0, 1.0]
    """
    low, high = choice.default_range
    intervals = [interval for point in exclusion.points for interval in point.excluded] if exclusion else []
    ends = [end for interval in intervals for end in interval if end]
    if choice.signed:
        if len(ends) > 1:
            beyond = (max(ends) - min(ends)) / 2
            low, high = _rounded(min(ends) - beyond), _rounded(max(ends) + beyond)
        return np.linspace(low, high, points)
    below, above = [_rounded(end / 5) for end in ends if end < low], [_rounded(end * 5) for end in ends if end > high]
    return np.geomspace(min([low, *below]), max([high, *above]), points)


def _rounded(end: float) -> float:
    return float(f"{end:.1e}")


def line_values(choice: Choice, points: int, exclusion: Exclusion) -> FloatArray:
    """Values of a parameter without a mass: a grid around what is excluded, and the ends and the best value.

    Args:
        choice: the interaction.
        points: how many; :data:`LINE_POINTS` at least.
        exclusion: what is excluded, see :func:`parameter_grid`.
    """
    (point,) = exclusion.points
    grid = parameter_grid(choice, max(points, LINE_POINTS), exclusion)
    own = np.array([*(end for interval in point.excluded for end in interval if end), point.best_g])
    return np.unique([*grid, *own[(own >= grid[0]) & (own <= grid[-1])]])
