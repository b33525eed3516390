"""Points of a scan, chunk by chunk: the work that executors get."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.row_model import BATCH
from spec_builder.inference.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import Columns, FloatArray, IndexArray
    from spec_builder.histfactory.specification import Specification
    from spec_builder.inference.data import Problem, Yields

__all__ = ["CHUNK", "GridPoints", "ListedPoints", "chunk_size"]

#: Most points of a chunk.
CHUNK = 4 * BATCH
#: Most batches of a chunk: a second or so where a model is large, so that executors share its points too.
_BATCHES = 8


def chunk_size(likelihood: Likelihood) -> int:
    """Points of a chunk: whole batches of the minimiser, so that no result depends on how points are shared out."""
    batch = likelihood.engine(likelihood.free).batch
    return max(1, min(_BATCHES, CHUNK // batch)) * batch


@dataclass(frozen=True)
class ListedPoints:
    """Points of one model that differ in the yields of samples: the work of a chunk, as executors get it.

    Attributes:
        specification: the model.
        rows: what differs from point to point; None for the model as it is, one point.
    """

    specification: Specification
    rows: Rows | None

    @classmethod
    def of(cls, specification: Specification, sample: str | None, yields: FloatArray | None) -> ListedPoints:
        """Points that differ in the yields of one sample, shape (N, bins); None for the model as it is."""
        rows = None if sample is None or yields is None else Rows(yields={sample: yields.T})
        return cls(specification, rows)

    def compute(self) -> Columns:
        """Minimise at every point: columns of shape (N,)."""
        likelihood = Likelihood(self.specification)
        fits = minimise(likelihood, rows=self.rows)
        theta = {f"theta_{name}": fits.theta[:, i] for i, name in enumerate(likelihood.parameters)}
        return {
            "twice_nll": fits.twice_nll,
            "edm": fits.edm,
            "valid": fits.valid,
            "reason": fits.reason.astype(np.int8),
            "at_bound": fits.at_bound,
            **theta,
        }


@dataclass(frozen=True)
class GridPoints:
    """Points on a grid of masses and couplings, mass by mass.

    Attributes:
        problem: the model and the data.
        signal: its yields at the M masses, by sample.
        couplings: values of the parameter, shape (G,).
    """

    problem: Problem
    signal: Mapping[str, Yields]
    couplings: FloatArray

    def __len__(self) -> int:
        masses = next(iter(self.signal.values())).nominal.shape[1]
        return int(masses * self.couplings.size)

    @cached_property
    def size(self) -> int:
        """Points of a chunk, but for the last."""
        return chunk_size(self.problem.likelihood)

    def places(self, index: int) -> tuple[IndexArray, IndexArray]:
        """Positions of a chunk's points among the masses and among the couplings."""
        begin, end = index * self.size, min((index + 1) * self.size, len(self))
        return np.divmod(np.arange(begin, end), self.couplings.size)

    def chunk(self, index: int) -> ListedPoints:
        """The points of one chunk."""
        mass, place = self.places(index)
        rows = self.problem.rows(self.signal, mass, self.problem.x(self.couplings[place]))
        return ListedPoints(self.problem.likelihood.specification, rows)

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-len(self) // self.size)
