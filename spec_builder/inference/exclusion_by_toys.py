"""Exclusions in the plane of mediator mass and coupling with critical values from toys, without CLs.

With one degree of freedom the statistic of a coupling at a mass is 2NLL less its minimum over the couplings of that
mass; with two it is less the minimum over the plane, found for every toy. At each mass the signal is a polynomial in a
variable y that is fitted with the nuisance parameters: x in a unit in which the new physics is of the Standard Model's
size at y = 1, or x^2 where nothing interferes, so that the rates are linear in it. Where shape uncertainties change
with the coupling it is scanned, for one degree of freedom (:mod:`spec_builder.inference.shaped_toys`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.chunks import MemoryStore
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.curves import natural_x, relative_couplings, total_events
from spec_builder.inference.data import Data, Problem, Yields
from spec_builder.inference.exclusion import PLANE_MASSES, Exclusion, MassPoint, Minimum
from spec_builder.inference.feldman_cousins import (
    COVERAGE_STREAMS,
    GRID,
    Observed,
    accept,
    coverage_of,
    critical_values,
    default_values,
    finer_values,
    local_minima,
    reaches_far_enough,
)
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.plane import Lattice, plane_minima, plane_minimum
from spec_builder.inference.profile import threshold
from spec_builder.inference.rows import saturated
from spec_builder.inference.shaped_toys import ShapedSignal, ShapedToyChunk
from spec_builder.inference.toys import (
    TOYS_PER_CHUNK,
    ToyChunk,
    check_toys,
    chunk_sizes,
    compute_toys,
    draw,
    fit_toys,
    generator_of,
    hypotheses,
)

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import Columns, FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.histfactory.specification import Specification
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.feldman_cousins import Acceptance, Coverage, CriticalValue
    from spec_builder.inference.toys import Chunk, Ensemble, Toys

__all__ = [
    "MassModel",
    "PlaneToyChunk",
    "ToyExclusion",
    "ToyMassPoint",
    "YieldTable",
    "cover_at_mass",
    "exclude_by_toys",
    "mass_models",
    "refuse_shapes",
]

#: Values of the parameter at a mass.
_MOST_VALUES = 10_001
#: Name of the fitted variable; no workspace has such a parameter.
VARIABLE = "y of x"
#: Levels of the lattice of masses on which each toy's minimum over the plane is found.
_LEVELS = 3


@dataclass(frozen=True)
class MassModel:
    """The model at one mediator mass, with the variable y as its parameter of interest.

    Attributes:
        mass_MeV: the mass.
        likelihood: the model; y is its parameter :data:`VARIABLE`, unless shapes change with it.
        unit: x at y = 1.
        power: y = (x / unit)^power.
        signed: x is the parameter itself, else its square.
        ends: of the domain of y.
        shaped: the signal whose shapes change with y; None where none do.
    """

    mass_MeV: float
    likelihood: Likelihood
    unit: float
    power: int
    signed: bool
    ends: tuple[float, float]
    shaped: ShapedSignal | None = None

    def value(self, y: float) -> float:
        """The parameter at y."""
        x = self.unit * (y if self.power == 1 else np.sqrt(y))
        return float(x if self.signed else np.sqrt(x))

    def y(self, value: float) -> float:
        """The variable at a value of the parameter."""
        x = value if self.signed else value * value
        return float((x / self.unit) ** self.power)

    def observed(self) -> Observed:
        """The observed data's statistic against y.

        Raises:
            SpecBuilderError: if no fit converges.
        """
        if self.shaped is None:
            return Observed.of(self.likelihood, VARIABLE)
        shaped, likelihood = self.shaped, self.likelihood
        scan = shaped.profile(likelihood, shaped.ladder)
        heights = np.where(scan.known, scan.twice_nll, np.nan)
        lowest = local_minima(np.where(scan.valid, scan.twice_nll, np.inf))
        data = Data.of(likelihood)
        values, fits = shaped.descend(
            likelihood, lowest, scan.theta[lowest], data.take(np.zeros(lowest.size, dtype=np.intp))
        )
        least = np.where(fits.valid, fits.twice_nll, np.inf)
        if not np.isfinite(least).any():
            raise SpecBuilderError("toys: no fit of the observed data converges")

        def height(at: FloatArray) -> FloatArray:
            found = shaped.profile(likelihood, self._values(at))
            return np.where(found.known, found.twice_nll, np.nan)

        y = np.array([self.y(value) for value in [*shaped.ladder.tolist(), *values.tolist()]])
        ordered, unique = np.unique(y, return_index=True)
        joined = np.append(heights, np.where(fits.valid, fits.twice_nll, np.nan))[unique]
        best = self.y(float(values[np.argmin(least)])), float(least.min())
        chi2 = max(best[1] - likelihood.saturated, 0.0)
        return Observed(height, self.ends, (ordered, joined), best, chi2)

    def _values(self, y: FloatArray) -> FloatArray:
        return np.array([self.value(one) for one in y.tolist()])

    def chunks(
        self, grid: FloatArray, ensemble: Ensemble, toys: int, seed: int, number: int, first: int = 0
    ) -> list[ToyChunk] | list[ShapedToyChunk]:
        """The work of toys at values of y.

        Args:
            grid: the values, shape (G,).
            ensemble: where the nuisance parameters of the hypotheses are.
            toys: at each value.
            seed: of the random numbers.
            number: tells the masses apart.
            first: number of the first value: numbers tell the values apart.

        Raises:
            SpecBuilderError: where no fit of the observed data converges.
        """
        sizes = list(enumerate(chunk_sizes(toys)))
        if self.shaped is None:
            truths = hypotheses(self.likelihood, VARIABLE, grid, ensemble)
            model = self.likelihood.specification
            return [
                ToyChunk(model, VARIABLE, truth, seed, (number, h), c, size)
                for h, truth in enumerate(truths, start=first)
                for c, size in sizes
            ]
        values = self._values(grid)
        truths = self.shaped.hypotheses(values, ensemble)
        return [
            ShapedToyChunk(self.shaped, value, truth, seed, (number, h), c, size)
            for h, (value, truth) in enumerate(zip(values.tolist(), truths, strict=True), start=first)
            for c, size in sizes
        ]


def mass_models(problem: Problem, masses: FloatArray) -> list[MassModel]:
    """The model at each mass.

    Args:
        problem: the model, ``new_physics`` measurement, and the data.
        masses: mediator masses [MeV], shape (M,).
    """
    signal = problem.yields(masses)
    shaped = any(own.variations for own in signal.values())
    base = problem.likelihood if problem.data is None else problem.data.into(problem.likelihood)
    total = total_events(signal)
    units = natural_x(total)
    relative = relative_couplings(total, float(base.observed.sum()))
    top = float(relative[-1]) ** 2
    interferes = any(own.nominal[1].any() for own in signal.values())
    power = 1 if interferes or problem.signed else 2
    models = []
    for i, (mass, unit) in enumerate(zip(masses.tolist(), units.tolist(), strict=True)):
        ends = (-top if problem.signed else 0.0, top**power)
        if shaped:
            own_signal = {sample: own.at_mass(i) for sample, own in signal.items()}
            ladder = _ladder(unit, relative, signed=problem.signed)
            one = ShapedSignal(base.specification, own_signal, problem.signed, ladder)
            models.append(MassModel(mass, base, unit, power, problem.signed, ends, one))
            continue
        likelihood = base
        for sample, own in signal.items():
            n0, n1, n2 = own.nominal[:, i]
            scaled = np.stack([n0, n1 * unit, n2 * unit**2])
            if power == 2:
                scaled = np.stack([n0, n2 * unit**2, np.zeros_like(n0)])
            by_channel = {name: scaled[:, place] for name, place in base.specification.channels.items()}
            likelihood = likelihood.with_polynomial(sample, VARIABLE, by_channel, init=1.0, bounds=ends)
        models.append(MassModel(mass, likelihood, unit, power, problem.signed, ends))
    return models


def _ladder(unit: float, relative: FloatArray, *, signed: bool) -> FloatArray:
    """Values of the parameter over its domain, ascending, zero among them."""
    if not signed:
        return np.append(0.0, np.sqrt(unit) * relative)
    positive = unit * relative**2
    return np.concatenate([-positive[::-1], [0.0], positive])


def refuse_shapes(signal: Mapping[str, Yields], what: str) -> None:
    """Refuse a signal whose shape uncertainties change with the coupling.

    Args:
        signal: its yields by sample.
        what: what is not computed with it.

    Raises:
        SpecBuilderError: naming the uncertainties.
    """
    for sample, own in signal.items():
        if own.variations:
            raise SpecBuilderError(
                f"{what}: sample '{sample}' has shape uncertainties ({', '.join(own.variations)}) that change with the "
                "coupling; expected a signal without them"
            )


@dataclass(frozen=True)
class YieldTable:
    """Yields at the masses of a lattice, for workers that know no physics.

    Attributes:
        masses: equally spaced in their logarithm [MeV], shape (M,).
        nominal: (n0, n1, n2) by sample, shape (3, M, bins) each.
    """

    masses: FloatArray
    nominal: Mapping[str, FloatArray]

    @classmethod
    def of(cls, problem: Problem, ends: tuple[float, float], level: int) -> YieldTable:
        """The yields of a problem at the masses of a level of its lattice."""
        lattice = Lattice(problem, ends)
        masses = lattice.mass(np.arange(lattice.last(level) + 1), level)
        signal = problem.yields(masses)
        refuse_shapes(signal, "toys with their minimum over the plane")
        return cls(masses, {sample: own.nominal for sample, own in signal.items()})

    def __call__(self, masses: FloatArray) -> Mapping[str, Yields]:
        """Yields at masses that are among the table's."""
        places = np.searchsorted(np.sqrt(self.masses[1:] * self.masses[:-1]), masses)
        return {sample: Yields(own[:, places]) for sample, own in self.nominal.items()}


@dataclass(frozen=True)
class PlaneToyChunk:
    """A chunk of toys at one point of the plane, each with its minimum over the plane.

    Attributes:
        toys: the chunk, at the point's mass.
        base: the model that the yields are put into.
        samples: whose yields.
        signed: the parameter may be negative.
        table: the yields.
    """

    toys: ToyChunk
    base: Specification
    samples: tuple[str, ...]
    signed: bool
    table: YieldTable

    @property
    def stream(self) -> tuple[int, ...]:
        """That of the toys."""
        return self.toys.stream

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return float(self.table.masses[0]), float(self.table.masses[-1])

    def compute(self) -> Columns:
        """Draw the toys and fit them: at the point, at its mass, and over the plane."""
        own, base = Likelihood(self.toys.specification), Likelihood(self.base)
        generator = generator_of(self.toys.seed, self.toys.stream, self.toys.chunk)
        data = draw(own, self.toys.theta, generator, TOYS_PER_CHUNK).take(slice(0, self.toys.count))
        columns = fit_toys(own, self.toys.parameter, self.toys.theta, data)
        problem = Problem(base, None, self.samples, self.table, self.signed)
        plane = plane_minima(problem, data, Lattice(problem, self._ends), levels=_LEVELS)
        # the plane holds the point's own mass too, which the lattice may miss
        at_mass = columns["chi2"] + saturated(own.specification, data.observed, data.auxiliary)
        lower = np.where(plane.valid, np.maximum(at_mass - plane.twice_nll, 0.0), 0.0)
        columns["statistic"] = columns["statistic"] + lower
        columns["chi2"] = columns["chi2"] - lower
        columns["valid"] = columns["valid"] & plane.valid
        return columns


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
    table = YieldTable.of(problem, plane, _LEVELS - 1) if dof == 2 else None

    def work_at(grids: Sequence[FloatArray], firsts: Sequence[int]) -> list[Chunk]:
        found: list[Chunk] = []
        for i, (model, grid, first) in enumerate(zip(models, grids, firsts, strict=True)):
            found += model.chunks(grid, ensemble, toys, seed, i, first)
        return found if table is None else _over_the_plane(found, problem, table)

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


def _over_the_plane(work: Sequence[Chunk], problem: Problem, table: YieldTable) -> list[Chunk]:
    """Chunks of toys whose minimum is that over the plane."""
    base = problem.likelihood if problem.data is None else problem.data.into(problem.likelihood)
    return [
        PlaneToyChunk(one, base.specification, problem.samples, problem.signed, table)
        for one in work
        if isinstance(one, ToyChunk)
    ]


def cover_at_mass(
    model: MassModel,
    values: FloatArray,
    *,
    cl: float = 0.9,
    toys: int = 10_000,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> list[Coverage]:
    """How often what limits at one mass leave (dof = 1) holds the true value.

    Args:
        model: at the mass.
        values: truths, of the model's variable, shape (N,).
        cl: confidence level of the limits.
        toys: at each truth; as many more give its critical value.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are.
        executor: any ``concurrent.futures.Executor``; None computes here.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys, a seed or a confidence level that is none, or fits that do not converge.
    """
    threshold(cl)
    check_toys(toys, seed, cl)
    work: list[Chunk] = []
    for stream in COVERAGE_STREAMS:
        work += model.chunks(values, ensemble, toys, seed, stream)
    thrown = compute_toys(work, executor=executor, store=store, report=report)
    return coverage_of(values, thrown[: values.size], thrown[values.size :], cl)


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
