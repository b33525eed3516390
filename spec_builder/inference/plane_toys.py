"""Toys with their minimum over the plane of mediator mass and coupling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.data import Problem, Yields
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.plane import Lattice, plane_minima
from spec_builder.inference.rows import saturated
from spec_builder.inference.toys import TOYS_PER_CHUNK, ToyChunk, draw, fit_toys, generator_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import Columns, FloatArray
    from spec_builder.histfactory.specification import Specification
    from spec_builder.inference.toys import Chunk

__all__ = ["LEVELS", "PlaneToyChunk", "YieldTable", "over_the_plane", "refuse_shapes"]

#: Levels of the lattice of masses on which each toy's minimum over the plane is found.
LEVELS = 3


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
        plane = plane_minima(problem, data, Lattice(problem, self._ends), levels=LEVELS)
        # the plane holds the point's own mass too, which the lattice may miss
        at_mass = columns["chi2"] + saturated(own.specification, data.observed, data.auxiliary)
        lower = np.where(plane.valid, np.maximum(at_mass - plane.twice_nll, 0.0), 0.0)
        columns["statistic"] = columns["statistic"] + lower
        columns["chi2"] = columns["chi2"] - lower
        columns["valid"] = columns["valid"] & plane.valid
        return columns


def over_the_plane(work: Sequence[Chunk], problem: Problem, plane: tuple[float, float]) -> list[Chunk]:
    """Chunks of toys whose minimum is that over the plane."""
    table = YieldTable.of(problem, plane, LEVELS - 1)
    base = problem.likelihood if problem.data is None else problem.data.into(problem.likelihood)
    return [
        PlaneToyChunk(one, base.specification, problem.samples, problem.signed, table)
        for one in work
        if isinstance(one, ToyChunk)
    ]
