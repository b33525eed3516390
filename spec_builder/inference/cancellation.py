"""Signals that nuisance parameters take away: why a limit has no end, however large the coupling is.

Where uncertainties add up linearly a signal of R (1 + sum of s_i alpha_i) vanishes at pulls of 1 / sqrt(sum of s_i^2)
standard deviations in all. If that costs less than the threshold of a limit, every coupling is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.curves import Curves
from spec_builder.inference.expectation import centre_and_width
from spec_builder.inference.rows import take_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.data import Problem, Yields
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["Cancellation", "cancellation", "cancellation_at_the_end", "cancellation_of"]

#: A signal is cancelled if less than this part of its events is left.
_CANCELLED = 0.25
#: A parameter that brings back this part of them, put where its constraint has it, is one of those that cancel.
_BROUGHT_BACK = 1e-2
#: What is left of a signal of which nothing is left in three digits.
_NOTHING = 5e-4


@dataclass(frozen=True)
class Cancellation:
    """A signal that pulls take away.

    Attributes:
        left: part of the events that is left.
        pulls: of the constrained parameters that do it, in standard deviations, by name.
    """

    left: float
    pulls: Mapping[str, float]

    def words(self, parameter: str) -> str:
        """It in words.

        Args:
            parameter: of the signal's size.

        Examples:
            >>> Cancellation(1e-6, {"flux": -0.8}).words("g")
            'a pull of flux (-0.80) takes away all of the signal, whatever g is'
            >>> Cancellation(0.13, {"flux": -0.5, "efficiency": -0.3}).words("g")
            'pulls of flux (-0.50) and efficiency (-0.30) take away 87 % of the signal'
        """
        words = " and ".join(f"{name} ({pull:+.2f})" for name, pull in self.pulls.items())
        which = f"a pull of {words} takes away" if len(self.pulls) == 1 else f"pulls of {words} take away"
        if self.left < _NOTHING:
            return f"{which} all of the signal, whatever {parameter} is"
        return f"{which} {100 * (1 - self.left):.3g} % of the signal"


def cancellation(
    likelihood: Likelihood, theta: FloatArray, signal: Callable[[FloatArray], FloatArray]
) -> Cancellation | None:
    """What takes a signal away at a minimum; None where most of it is there.

    Args:
        likelihood: the model.
        theta: parameters at the minimum, shape (P,).
        signal: events of the signal, of shape (bins, N), at parameters (P, N).
    """
    specs = likelihood.specification.parameters
    moved = [i for i in likelihood.constrained() if i in likelihood.free]
    known = [centre_and_width(c) for i in moved if (c := specs[i].constraint) is not None]
    central = theta.copy()
    central[moved] = [centre for centre, _ in known]
    one_back = np.repeat(theta[:, None], len(moved), axis=1)
    one_back[moved, np.arange(len(moved))] = central[moved]
    events = np.abs(signal(np.column_stack([central, theta, one_back]))).sum(axis=0)
    whole, left, brought_back = events[0], events[1], events[2:]
    if not left < _CANCELLED * whole:
        return None
    pulls = {
        specs[i].name: float((theta[i] - centre) / width)
        for i, (centre, width), back in zip(moved, known, brought_back, strict=True)
        if back - left > _BROUGHT_BACK * whole
    }
    return Cancellation(float(left / whole), pulls) if pulls else None


def cancellation_of(likelihood: Likelihood, parameter: str, nothing: float, theta: FloatArray) -> Cancellation | None:
    """The same of the signal whose size is a parameter of the model.

    Args:
        likelihood: the model.
        parameter: the signal's size.
        nothing: its value without a signal.
        theta: parameters at a minimum where it has another one, shape (P,).
    """
    place = likelihood.index(parameter)

    def events(points: FloatArray) -> FloatArray:
        without = points.copy()
        without[place] = nothing
        rates: FloatArray = (likelihood.rates(points.T) - likelihood.rates(without.T)).T
        return rates

    return cancellation(likelihood, theta, events)


def cancellation_at_the_end(
    problem: Problem, signal: Mapping[str, Yields], mass: int, *, low: bool = False
) -> tuple[float, Cancellation | None]:
    """The same at the farthest coupling that is looked at, and that coupling.

    Args:
        problem: the model and the data.
        signal: yields at M masses.
        mass: number of the mass.
        low: at the lowest value, of a signed parameter, in the place of the highest.
    """
    here = {sample: own.at_mass(mass) for sample, own in signal.items()}
    nothing = {sample: own.mapped(np.zeros_like) for sample, own in here.items()}
    value, theta = Curves(problem, here).end(0, low=low)
    x = problem.x(np.array([value]))

    def rates(yields: Mapping[str, Yields], points: FloatArray) -> FloatArray:
        count = points.shape[1]
        rows = problem.rows(yields, np.zeros(count, dtype=np.intp), np.repeat(x, count))
        layout, arrays = take_apart(problem.likelihood, rows)
        return problem.likelihood.engine((), layout).rates(np.ascontiguousarray(points), arrays)

    def events(points: FloatArray) -> FloatArray:
        return rates(here, points) - rates(nothing, points)

    return value, cancellation(problem.likelihood, theta, events)
