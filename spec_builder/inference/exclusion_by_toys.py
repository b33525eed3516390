"""Exclusions in the plane of mediator mass and coupling with critical values from toys, without CLs.

With one degree of freedom the statistic of a coupling at a mass is 2NLL less its minimum over the couplings of that
mass (:mod:`spec_builder.inference.mass_models`); with two it is less the minimum over the plane, found for every toy
(:mod:`spec_builder.inference.plane_toys`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.chunks import MemoryStore
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.acceptance import Acceptance, accept, finer_values, reaches_far_enough
from spec_builder.inference.critical_values import GRID, CriticalValue, critical_values, default_values
from spec_builder.inference.exclusion import PLANE_MASSES, Exclusion, MassPoint, Minimum
from spec_builder.inference.mass_models import MassModel, mass_models
from spec_builder.inference.plane import plane_minimum
from spec_builder.inference.plane_toys import over_the_plane, refuse_shapes
from spec_builder.inference.profile import threshold
from spec_builder.inference.toys import check_toys, compute_toys

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.data import Problem
    from spec_builder.inference.observed import Observed
    from spec_builder.inference.toys import Chunk, Ensemble, Toys

__all__ = ["ToyExclusion", "ToyMassPoint", "exclude_by_toys"]

#: Values of the parameter at a mass.
_MOST_VALUES = 10_001


@dataclass(frozen=True)
class ToyMassPoint:
    """Exclusion at one mediator mass.

    Attributes:
        point: as for asymptotic limits, but that the intervals come from the critical values. It is not valid, and
            has none, where the grid of the parameter ends before they do.
        errors: of each interval's (low, high); None where it has no end or begins at zero.
        asymptotic: excluded intervals by the threshold of Wilks' theorem.
        critical: on the grid, at values of the parameter.
    """

    point: MassPoint
    errors: tuple[Interval, ...]
    asymptotic: tuple[Interval, ...]
    critical: tuple[CriticalValue, ...]


@dataclass(frozen=True)
class ToyExclusion:
    """Exclusion at a set of masses, by toys.

    Attributes:
        cl: confidence level.
        dof: 1: the minimum over the parameter at each mass; 2: over the plane.
        toys: at each point.
        seed: of the random numbers.
        ensemble: ``profiled`` or ``nominal``.
        minimum: over the plane for dof = 2, over the given masses for dof = 1.
        points: one for each mass.
        lost: toys without a valid fit, which are left out.
    """

    cl: float
    dof: int
    toys: int
    seed: int
    ensemble: str
    minimum: Minimum
    points: tuple[ToyMassPoint, ...]
    lost: int

    @property
    def exclusion(self) -> Exclusion:
        """The same as asymptotic limits have it; its threshold is that of Wilks' theorem."""
        points = tuple(one.point for one in self.points)
        return Exclusion(self.cl, self.dof, threshold(self.cl, self.dof), self.minimum, points)


def exclude_by_toys(
    problem: Problem,
    masses: FloatArray,
    *,
    cl: float = 0.9,
    dof: int = 1,
    toys: int = 1000,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    count: int = GRID,
    values: Sequence[FloatArray] | None = None,
    plane: tuple[float, float] = PLANE_MASSES,
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ToyExclusion:
    """Exclude couplings at given masses by toys.

    Args:
        problem: the model, ``new_physics`` measurement, and the data.
        masses: mediator masses [MeV], shape (M,).
        cl: confidence level.
        dof: 1 or 2, see :class:`ToyExclusion`.
        toys: at each point.
        seed: of the random numbers. The result is a function of it and of ``toys``.
        ensemble: where the nuisance parameters of the points are.
        count: values of the parameter at each mass.
        values: they themselves at each mass, in the place of a grid over what the intervals may be and a finer one
            around each end that a jump of p-values hides; their order tells their random numbers apart.
        plane: the first and the last mass of the plane that dof = 2 refers to [MeV].
        executor: any ``concurrent.futures.Executor``; None computes here.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys, a seed or a confidence level that is none, with dof = 2 a signal whose
            shapes change with the coupling, or fits that do not converge.
    """
    level = threshold(cl, dof)
    check_toys(toys, seed, cl)
    if not 2 <= count <= _MOST_VALUES:
        raise SpecBuilderError(f"points {shown(count)}: expected 2 to {_MOST_VALUES} values of the parameter")
    if dof == 2:
        refuse_shapes(problem.yields(masses), "toys with their minimum over the plane (dof 2)")
    models = mass_models(problem, masses)
    observed = [model.observed() for model in models]
    minimum = _least(models, observed) if dof == 1 else plane_minimum(problem, plane)
    if dof == 2:
        for one in observed:
            one.lower_to(minimum.twice_nll)
    if values is None:
        grids = [default_values(one, cl, count, dof) for one in observed]
    else:
        grids = [np.array([model.y(v) for v in own.tolist()]) for model, own in zip(models, values, strict=True)]

    def work_at(grids: Sequence[FloatArray], firsts: Sequence[int]) -> list[Chunk]:
        found: list[Chunk] = []
        for i, (model, grid, first) in enumerate(zip(models, grids, firsts, strict=True)):
            found += model.chunks(grid, ensemble, toys, seed, i, first)
        return found if dof == 1 else over_the_plane(found, problem, plane)

    kept = MemoryStore() if store is None else store
    work = work_at(grids, [0] * len(models))
    thrown = compute_toys(work, executor=executor, store=kept, report=report)
    tables = _by_mass(observed, grids, thrown, cl)
    accepted = [accept(one, critical, cl) for one, critical in zip(observed, tables, strict=True)]
    finer = [finer_values(grid, one.jumps) for grid, one in zip(grids, accepted, strict=True)]
    if values is None and any(grid.size for grid in finer):
        work += work_at(finer, [grid.size for grid in grids])
        thrown = compute_toys(work, executor=executor, store=kept, report=report)
        tables = _by_mass(observed, grids, thrown, cl, finer)
        accepted = [accept(one, critical, cl) for one, critical in zip(observed, tables, strict=True)]
    lost = sum(one.lost for one in thrown)
    points = [
        _mass_point(model, one, critical, found, level)
        for model, one, critical, found in zip(models, observed, tables, accepted, strict=True)
    ]
    return ToyExclusion(cl, dof, toys, seed, ensemble, minimum, tuple(points), lost)


def _by_mass(
    observed: Sequence[Observed],
    grids: Sequence[FloatArray],
    thrown: Sequence[Toys],
    cl: float,
    finer: Sequence[FloatArray] | None = None,
) -> list[tuple[CriticalValue, ...]]:
    """Critical values at each mass, from toys on its grid, and then from those on finer ones.

    Args:
        observed: the data's statistic at each mass.
        grids: values at each mass.
        thrown: toys, mass by mass on the grids, then mass by mass on the finer ones.
        cl: confidence level.
        finer: further values at each mass.
    """
    stages = [grids] if finer is None else [grids, finer]
    left = iter(thrown)
    own: list[list[Toys]] = [[] for _ in observed]
    for stage in stages:
        for i, grid in enumerate(stage):
            own[i] += itertools.islice(left, grid.size)
    whole = [np.concatenate(parts) for parts in zip(*stages, strict=True)]
    return [critical_values(one, grid, toys, cl) for one, grid, toys in zip(observed, whole, own, strict=True)]


def _least(models: Sequence[MassModel], observed: Sequence[Observed]) -> Minimum:
    """The lowest of the minima at each mass."""
    best = int(np.argmin([one.minimum for one in observed]))
    value = models[best].value(observed[best].value)
    mass = models[best].mass_MeV
    return Minimum(observed[best].minimum, None if value == 0 or np.isnan(mass) else mass, value)


def _mass_point(
    model: MassModel, observed: Observed, critical: tuple[CriticalValue, ...], accepted: Acceptance, level: float
) -> ToyMassPoint:
    standard_model = float(observed.statistic(np.array([0.0]))[0])
    valid = reaches_far_enough(observed, critical)
    errors = dict(zip(accepted.ends, accepted.errors, strict=True))
    excluded, sizes = [], []
    for low, high in _outside(accepted.ends, accepted.accepted) if valid else []:
        excluded.append((_end(model, low), None if high is None else model.value(high)))
        sizes.append((_error(model, low, errors), _error(model, high, errors)))
    crossed = observed.crossings(level)
    begins = float(observed.statistic(np.array([observed.low]))[0]) <= level
    asymptotic = [
        (_end(model, low), None if high is None else model.value(high)) for low, high in _outside(crossed, begins)
    ]
    point = MassPoint(
        model.mass_MeV,
        tuple(excluded),
        model.value(observed.value),
        observed.minimum,
        standard_model,
        valid,
    )
    in_parameter = tuple(replace(one, value=model.value(one.value)) for one in critical)
    return ToyMassPoint(point, tuple(sizes), tuple(asymptotic), in_parameter)


def _outside(ends: Sequence[float], begins_inside: bool) -> list[Interval]:
    """Intervals that are not accepted; None is the domain's end."""
    edges: list[float | None] = [*ends] if begins_inside else [None, *ends]
    if len(edges) % 2:
        edges.append(None)
    return list(zip(edges[::2], edges[1::2], strict=True))


def _end(model: MassModel, y: float | None) -> float | None:
    """The low end of an excluded interval: zero, or none if the parameter is signed, where the domain begins there."""
    if y is None:
        return None if model.signed else 0.0
    return model.value(y)


def _error(model: MassModel, y: float | None, errors: Mapping[float, float]) -> float | None:
    """Error of an end in the parameter."""
    if y is None or y not in errors:
        return None
    return abs(model.value(y + errors[y]) - model.value(max(y - errors[y], 0.0 if not model.signed else -np.inf))) / 2
