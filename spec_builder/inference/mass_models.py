"""The model at one mediator mass, with its coupling as one fitted variable.

The signal is a polynomial in a variable y that is fitted with the nuisance parameters: x in a unit in which the new
physics is of the Standard Model's size at y = 1, or x^2 where nothing interferes, so that the rates are linear in it.
Where shape uncertainties change with the coupling it is scanned (:mod:`spec_builder.inference.shaped_toys`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.curves import natural_x, relative_couplings, total_events
from spec_builder.inference.data import Data, Problem
from spec_builder.inference.observed import Observed, local_minima
from spec_builder.inference.shaped_toys import ShapedSignal, ShapedToyChunk
from spec_builder.inference.toys import ToyChunk, chunk_sizes, hypotheses

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.toys import Ensemble

__all__ = ["MassModel", "mass_models"]

#: Name of the fitted variable; no workspace has such a parameter.
VARIABLE = "y of x"


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
