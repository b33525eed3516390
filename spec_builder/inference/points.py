"""Points of a scan, chunk by chunk: the work that executors get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.curves import polynomial_yields
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import BATCH, minimise

if TYPE_CHECKING:
    from spec_builder.base.arrays import Columns, FloatArray, IndexArray
    from spec_builder.histfactory.specification import Specification

__all__ = ["CHUNK", "GridPoints", "ListedPoints"]

#: Points of a chunk: whole batches of the minimiser, so that no result depends on how points are shared out.
CHUNK = 4 * BATCH


@dataclass(frozen=True)
class ListedPoints:
    """Points of one model that differ in the yields of one sample: the work of a chunk, as executors get it.

    Attributes:
        specification: the model.
        sample: the sample that the yields replace; None for the model as it is, one point.
        yields: events per bin, shape (N, bins); None likewise.
    """

    specification: Specification
    sample: str | None
    yields: FloatArray | None

    def compute(self) -> Columns:
        """Minimise at every point: columns of shape (N,)."""
        likelihood = Likelihood(self.specification)
        fits = minimise(likelihood, sample=self.sample, yields=self.yields)
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
        specification: the model.
        sample: the sample that the yields replace.
        coefficients: its yields against g^2, or against a signed parameter itself, shape (3, M, bins).
        couplings: g, shape (G,).
        signed: the parameter has a sign.
    """

    specification: Specification
    sample: str
    coefficients: FloatArray
    couplings: FloatArray
    signed: bool = False

    def __len__(self) -> int:
        return int(self.coefficients.shape[1] * self.couplings.size)

    def places(self, index: int) -> tuple[IndexArray, IndexArray]:
        """Positions of a chunk's points among the masses and among the couplings."""
        return np.divmod(np.arange(index * CHUNK, min((index + 1) * CHUNK, len(self))), self.couplings.size)

    def chunk(self, index: int) -> ListedPoints:
        """The points of one chunk."""
        mass, place = self.places(index)
        yields = polynomial_yields(self.coefficients, mass, self.couplings[place], signed=self.signed)
        return ListedPoints(self.specification, self.sample, yields)

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-len(self) // CHUNK)
