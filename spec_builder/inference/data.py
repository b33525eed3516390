"""Data apart from the model: what one data set, or each of many, has counted; and a problem to fit them with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["Data", "Problem", "Yields", "polynomial"]


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

    def into(self, likelihood: Likelihood) -> Likelihood:
        """The same model with these data, which must be one data set."""
        spec, auxiliary = likelihood.specification, iter(self.auxiliary[:, 0].tolist())
        parameters = tuple(
            p if p.constraint is None else replace(p, constraint=replace(p.constraint, auxiliary=next(auxiliary)))
            for p in spec.parameters
        )
        return type(likelihood)(replace(spec, observed=self.observed[:, 0].copy(), parameters=parameters))

    def rows(self) -> Rows:
        """They as rows of a batch."""
        return Rows(observed=self.observed, auxiliary=self.auxiliary)


@dataclass(frozen=True)
class Yields:
    """What a sample expects as a polynomial in x: n0 + n1 x + n2 x^2 events in each bin, at each of M masses.

    Attributes:
        nominal: shape (3, M, bins).
        variations: the same at +1 and at -1 of each parameter of its shape.
    """

    nominal: FloatArray
    variations: Mapping[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    def mapped(self, change: Callable[[FloatArray], FloatArray]) -> Self:
        """The same with every array of coefficients changed."""
        variations = {name: (change(up), change(down)) for name, (up, down) in self.variations.items()}
        return replace(self, nominal=change(self.nominal), variations=variations)

    def at_mass(self, place: int) -> Self:
        """At one of the masses."""
        return self.mapped(lambda coefficients: coefficients[:, place : place + 1])


@dataclass(frozen=True)
class Problem:
    """A model with new physics, and the data to compare it with.

    Attributes:
        likelihood: the model.
        data: one data set; None for the workspace's own.
        samples: the samples that the new physics changes.
        yields: their yields at given masses, (M,) -> by sample; x is the squared coupling, or the parameter itself.
        signed: the parameter may be negative, and x is the parameter itself.
    """

    likelihood: Likelihood
    data: Data | None
    samples: tuple[str, ...]
    yields: Callable[[FloatArray], Mapping[str, Yields]]
    signed: bool = False

    @classmethod
    def of(cls, likelihood: Likelihood, sample: str, yields: Callable[[FloatArray], FloatArray]) -> Problem:
        """One sample without shape uncertainties: its yields by masses (M,) -> (3, M, bins)."""
        return cls(likelihood, None, (sample,), lambda masses: {sample: Yields(yields(masses))})

    def x(self, values: FloatArray) -> FloatArray:
        """The polynomials' variable for values of the parameter."""
        return values if self.signed else values * values

    @property
    def observed(self) -> FloatArray:
        """Counts, shape (bins,)."""
        return self.likelihood.observed if self.data is None else self.data.observed[:, 0]

    def rows(self, signal: Mapping[str, Yields], mass: IndexArray, x: FloatArray) -> Rows:
        """N points as rows of a batch, with the problem's own data.

        Args:
            signal: yields at M masses.
            mass: number of the mass of each point, shape (N,).
            x: the polynomials' variable, shape (N,).

        Raises:
            SpecBuilderError: for a shape that the model does not have.
        """
        nominal = {sample: polynomial(own.nominal, mass, x) for sample, own in signal.items()}
        variations: dict[tuple[str, str], tuple[FloatArray, FloatArray]] = {}
        ratios: dict[tuple[str, str, str], tuple[FloatArray, FloatArray]] = {}
        for sample, own in signal.items():
            for parameter, ends in own.variations.items():
                high, low = (polynomial(end, mass, x) for end in ends)
                channels = _scaled_channels(self.likelihood, sample, parameter)
                for channel in channels:
                    place = self.likelihood.specification.channels[channel]
                    base = nominal[sample][place]
                    ratios[channel, sample, parameter] = _take_ratio(high[place], base), _take_ratio(low[place], base)
                if (sample, parameter) in self.likelihood.specification.shaped or not channels:
                    variations[sample, parameter] = high, low
        if self.data is None:
            return Rows(nominal, variations, ratios)
        data = self.data.take(np.zeros(mass.size, dtype=np.intp))
        return Rows(nominal, variations, ratios, data.observed, data.auxiliary)


def polynomial(coefficients: FloatArray, mass: IndexArray, x: FloatArray) -> FloatArray:
    """n0 + n1 x + n2 x^2, shape (bins, N), with coefficients (3, M, bins) and the number of each point's mass (N,)."""
    n0, n1, n2 = coefficients
    events: FloatArray = n0[mass].T + x * (n1[mass].T + x * n2[mass].T)
    return np.ascontiguousarray(events)


def _scaled_channels(likelihood: Likelihood, sample: str, parameter: str) -> list[str]:
    """Channels in which a ``normsys`` of the parameter acts on the sample."""
    spec = likelihood.specification
    found = set()
    for group in spec.groups:
        factors = (spec.factors[f] for term in group.terms for f in term.factors)
        names = {spec.parameters[f.parameter].name for f in factors if f.kind.startswith("normsys")}
        if group.sample == sample and parameter in names:
            found.add(group.channel)
    return sorted(found)


def _take_ratio(end: FloatArray, nominal: FloatArray) -> FloatArray:
    """Ratio of a channel's totals, shape (N,); divides the end (bins, N) by it, so that the shape is what is left."""
    total, varied = nominal.sum(axis=0), end.sum(axis=0)
    good = (total > 0) & (varied > 0)
    ratio: FloatArray = np.where(good, varied / np.where(good, total, 1.0), 1.0)
    end[...] = np.where(good, end / ratio, nominal)
    return ratio
