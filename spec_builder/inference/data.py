"""Data apart from the model: what one data set, or each of many, has counted; and a problem to fit them with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.likelihood import Likelihood

    #: Yields of the samples that change, as polynomials in x: masses (M,) -> (n0, n1, n2) by sample, (3, M, bins).
    YieldFunction: TypeAlias = Callable[[FloatArray], Mapping[str, FloatArray]]

__all__ = ["Data", "Problem"]


@dataclass(frozen=True)
class Data:
    """Counts and auxiliary data of N data sets.

    Attributes:
        observed: shape (bins, N).
        auxiliary: shape (K, N), in the order of ``likelihood.constrained()``.
    """

    observed: FloatArray
    auxiliary: FloatArray

    def __post_init__(self) -> None:
        if self.observed.ndim != 2 or self.observed.shape[1:] != self.auxiliary.shape[1:]:
            raise SpecBuilderError(
                f"data: counts of shape {self.observed.shape} and auxiliary data of shape {self.auxiliary.shape}, "
                "expected (bins, N) and (K, N)"
            )

    @classmethod
    def of(cls, likelihood: Likelihood) -> Data:
        """What the workspace holds: one data set."""
        constraints = [spec.constraint for spec in likelihood.specification.parameters if spec.constraint]
        return cls(likelihood.observed[:, None], np.array([c.auxiliary for c in constraints])[:, None])

    @classmethod
    def asimov(cls, likelihood: Likelihood, theta: FloatArray) -> Data:
        """What is expected at parameters theta (N, P): N data sets."""
        points = np.atleast_2d(theta)
        parameters = likelihood.specification.parameters
        auxiliary = np.array(
            [
                points[:, i] * (c.scale if c.kind == "poisson" else 1.0)
                for i in likelihood.constrained()
                if (c := parameters[i].constraint) is not None
            ]
        )
        return cls(likelihood.rates(points).T, auxiliary.reshape(-1, len(points)))

    @property
    def count(self) -> int:
        """N."""
        return int(self.observed.shape[1])

    def take(self, rows: IndexArray | BoolArray | slice) -> Data:
        """Some of the data sets."""
        return Data(self.observed[:, rows], self.auxiliary[:, rows])

    def rows(self) -> Rows:
        """They as rows of a batch."""
        return Rows(observed=self.observed, auxiliary=self.auxiliary)


@dataclass(frozen=True)
class Problem:
    """A model with new physics of one mediator mass and coupling, and the data to compare it with.

    Attributes:
        likelihood: the model.
        data: the data; those of the likelihood's workspace by default.
        samples: the samples that change, the first of which holds most of the signal.
        yields: their yields against x (the squared coupling, or the parameter itself) at given masses.
    """

    likelihood: Likelihood
    data: Data
    samples: tuple[str, ...]
    yields: YieldFunction
