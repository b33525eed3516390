"""Limits that data of a hypothesis would give: one chunk of toys after the other, or Asimov data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.chunks import MemoryStore, compute_chunks
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.curves import Curves
from spec_builder.inference.data import Data, Problem
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.plane import PLANE_MASSES, Lattice, plane_minima
from spec_builder.inference.plane_toys import LEVELS, YieldTable
from spec_builder.inference.profile import threshold
from spec_builder.inference.toys import check_toys, draw, generator_of, hypotheses, hypothesis

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Mapping, Sequence

    from spec_builder.base.arrays import BoolArray, Columns, FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.histfactory.specification import Specification
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.data import Yields
    from spec_builder.inference.toys import Ensemble

__all__ = ["ExpectedEnds", "LimitChunk", "UpperChunk", "expected_ends", "expected_upper_limits"]

#: Toys of a chunk: each has its own scan at every mass.
TOYS_PER_CHUNK = 8
_STREAM = 7


@dataclass(frozen=True)
class ExpectedEnds:
    """Ends of what is excluded, for N data sets at M masses.

    Attributes:
        upper: where the outermost excluded interval of high values begins, shape (N, M); infinite if there is none.
        lower: where that of low values ends, likewise; minus infinite if there is none, and for unsigned parameters.
        bands: an allowed band lies between excluded intervals, or between zero and one, shape (N, M).
        valid: every fit behind it converged, shape (N, M).
    """

    upper: FloatArray
    lower: FloatArray
    bands: BoolArray
    valid: BoolArray


@dataclass(frozen=True)
class LimitChunk:
    """Limits of a chunk of toys, or of Asimov data, as executors get them.

    Attributes:
        specification: the model, ``new_physics`` measurement.
        signal: yields at the M masses.
        signed: the parameter may be negative.
        theta: the hypothesis, shape (P,).
        seed: of the random numbers; None for Asimov data.
        chunk: its number.
        count: toys that are kept of it.
        level: threshold of Delta chi^2.
        table: yields over the plane where the minimum is that over the plane; None where it is that of each mass.
    """

    specification: Specification
    signal: Mapping[str, Yields]
    signed: bool
    theta: FloatArray
    seed: int | None
    chunk: int
    count: int
    level: float
    table: YieldTable | None

    def compute(self) -> Columns:
        """Columns ``upper``, ``lower``, ``bands`` and ``valid``, shape (N, M) each."""
        likelihood = Likelihood(self.specification)
        if self.seed is None:
            data = Data.asimov(likelihood, self.theta)
        else:
            data = draw(likelihood, self.theta, generator_of(self.seed, (_STREAM,), self.chunk), TOYS_PER_CHUNK)
        rows = [self._limits(likelihood, data.take(slice(i, i + 1))) for i in range(self.count)]
        names = ("upper", "lower", "bands", "valid")
        return {name: np.array([row[k] for row in rows]) for k, name in enumerate(names)}

    def _limits(self, likelihood: Likelihood, data: Data) -> tuple[list[float], list[float], list[bool], list[bool]]:
        """The ends of one data set at each mass."""
        problem = Problem(likelihood, data, tuple(self.signal), lambda _: self.signal, self.signed)
        curves = Curves(problem, self.signal)
        reference, valid = curves.minimum, curves.valid
        if self.table is not None:
            plane = Problem(likelihood, data, tuple(self.signal), self.table, self.signed)
            ends = float(self.table.masses[0]), float(self.table.masses[-1])
            least = plane_minima(plane, data, Lattice(plane, ends), levels=LEVELS)
            # the plane holds the masses of the curves too, which the lattice may miss
            reference = np.full(reference.size, min(float(least.twice_nll[0]), float(reference.min())))
        intervals = curves.excluded(reference + self.level)
        upper, lower = zip(*(_outermost(one, signed=self.signed) for one in intervals), strict=True)
        bands = [len(one) > 1 + self.signed for one in intervals]
        return list(upper), list(lower), bands, valid.tolist()


def _outermost(intervals: list[Interval], *, signed: bool) -> tuple[float, float]:
    """Where the outermost excluded intervals of high and of low values end."""
    upper, lower = np.inf, -np.inf
    if intervals and intervals[-1][1] is None:
        low = intervals[-1][0]
        upper = -np.inf if low is None else float(low)
    if signed and intervals and intervals[0][0] is None:
        high = intervals[0][1]
        lower = np.inf if high is None else high
    return upper, lower


def expected_ends(
    problem: Problem,
    masses: FloatArray,
    *,
    cl: float = 0.9,
    dof: int = 1,
    toys: int | None = None,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    plane: tuple[float, float] = PLANE_MASSES,
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ExpectedEnds:
    """Limits by Wilks' theorem that data of the Standard Model would give.

    Args:
        problem: the model, ``new_physics`` measurement.
        masses: mediator masses [MeV], shape (M,); one that is nan where there is no mediator.
        cl: confidence level.
        dof: 1: Delta chi^2 against the minimum at each mass; 2: over the plane.
        toys: N; None for Asimov data, one data set.
        seed: of the random numbers. The result is a function of it and of ``toys``.
        ensemble: where the nuisance parameters of the Standard Model are.
        plane: the first and the last mass of the plane that dof = 2 refers to [MeV].
        executor: any ``concurrent.futures.Executor``; None computes here.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys, a seed or a confidence level that is none.
    """
    level = threshold(cl, dof)
    likelihood = problem.likelihood if problem.data is None else problem.data.into(problem.likelihood)
    theta = hypothesis(likelihood, ensemble)
    signal = dict(problem.yields(masses))
    table = YieldTable.of(problem, plane, LEVELS - 1) if dof == 2 else None

    def chunk(number: int, count: int, its_seed: int | None) -> LimitChunk:
        model = likelihood.specification
        return LimitChunk(model, signal, problem.signed, theta, its_seed, number, count, level, table)

    columns = _computed(chunk, toys, seed, store, executor, report)
    return ExpectedEnds(columns["upper"], columns["lower"], columns["bands"], columns["valid"])


def _computed(
    chunk: Callable[[int, int, int | None], LimitChunk | UpperChunk],
    toys: int | None,
    seed: int,
    store: Store | None,
    executor: concurrent.futures.Executor | None,
    report: Parts,
) -> Columns:
    """Columns of all chunks, made by their number, count and seed."""
    if toys is None:
        chunks = [chunk(0, 1, None)]
    else:
        check_toys(toys, seed)
        sizes = [min(TOYS_PER_CHUNK, toys - begin) for begin in range(0, toys, TOYS_PER_CHUNK)]
        chunks = [chunk(number, size, seed) for number, size in enumerate(sizes)]
    kept = MemoryStore() if store is None else store
    compute_chunks([lambda one=one: one for one in chunks], kept, executor=executor, report=report)  # type: ignore[misc]
    names = ("upper", "lower", "bands", "valid")
    return {name: np.concatenate([kept.load(index, name) for index in range(len(chunks))]) for name in names}


# ---------------------------------------------------------------- a parameter of interest


@dataclass(frozen=True)
class UpperChunk:
    """Upper limits on the parameters of interest of M models, for a chunk of toys or for Asimov data.

    Attributes:
        specifications: the models.
        theta: the hypothesis in each.
        seed: of the random numbers, the same ones for all models; None for Asimov data.
        chunk: its number.
        count: toys that are kept of it.
        cl: confidence level.
    """

    specifications: tuple[Specification, ...]
    theta: tuple[FloatArray, ...]
    seed: int | None
    chunk: int
    count: int
    cl: float

    def compute(self) -> Columns:
        """Columns ``upper``, ``lower``, ``bands`` and ``valid``, shape (N, M) each."""
        shape = (self.count, len(self.specifications))
        upper, valid = np.full(shape, np.inf), np.zeros(shape, dtype=bool)
        for place, (specification, theta) in enumerate(zip(self.specifications, self.theta, strict=True)):
            likelihood = Likelihood(specification)
            if self.seed is None:
                data = Data.asimov(likelihood, theta)
            else:
                data = draw(likelihood, theta, generator_of(self.seed, (_STREAM,), self.chunk), TOYS_PER_CHUNK)
            for toy in range(self.count):
                found = fit(data.take(slice(toy, toy + 1)).into(likelihood), cl=self.cl, null=None)
                valid[toy, place] = found.valid
                if found.up is not None:
                    upper[toy, place] = found.value + found.up
        return {"upper": upper, "lower": np.full(shape, -np.inf), "bands": np.zeros(shape, dtype=bool), "valid": valid}


def expected_upper_limits(
    likelihoods: Sequence[Likelihood],
    *,
    cl: float = 0.9,
    toys: int | None = None,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ExpectedEnds:
    """Upper limits on each model's parameter of interest that data without it, at 0, would give.

    Args:
        likelihoods: M models of the same data.
        cl: confidence level.
        toys: N; None for Asimov data, one data set.
        seed: of the random numbers. The result is a function of it and of ``toys``.
        ensemble: where the nuisance parameters of the hypothesis are.
        executor: any ``concurrent.futures.Executor``; None computes here.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys or a seed that is none, or if no fit of the observed data converges.
    """
    nothing = np.zeros(1)
    theta = tuple(hypotheses(one, one.poi, nothing, ensemble)[0] for one in likelihoods)
    specifications = tuple(one.specification for one in likelihoods)

    def chunk(number: int, count: int, its_seed: int | None) -> UpperChunk:
        return UpperChunk(specifications, theta, its_seed, number, count, cl)

    columns = _computed(chunk, toys, seed, store, executor, report)
    return ExpectedEnds(columns["upper"], columns["lower"], columns["bands"], columns["valid"])
