"""Profiles of 2NLL in one parameter, and intervals as their crossings of a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaincinv

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.newton import minimise

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.newton import BatchFit

__all__ = ["Profile", "crossings", "profile", "threshold"]

#: Confidence level of one standard deviation of a normal distribution: Delta chi^2 = 1.
ONE_SIGMA = 0.6826894921370859
#: Points of the search for crossings, over the whole domain of the parameter.
_SEARCH_POINTS = 401


def threshold(cl: float, dof: int = 1) -> float:
    """Delta chi^2 of a confidence level, by Wilks' theorem.

    Raises:
        SpecBuilderError: if ``cl`` is not between 0 and 1.

    Examples:
        >>> round(threshold(0.9), 3), round(threshold(0.9, dof=2), 3)
        (2.706, 4.605)
    """
    if not 0 < cl < 1:
        raise SpecBuilderError(f"confidence level {cl:g}: expected a number between 0 and 1, such as 0.68")
    return float(2 * gammaincinv(dof / 2, cl))  # the inverse of the chi^2 distribution; scipy.stats is slow to import


@dataclass(frozen=True)
class Profile:
    """2NLL minimised over everything but one parameter.

    Attributes:
        parameter: its name.
        values: where, shape (N,).
        fits: the minima.
    """

    parameter: str
    values: FloatArray
    fits: BatchFit


def profile(likelihood: Likelihood, parameter: str, values: FloatArray) -> Profile:
    """Minimise 2NLL at fixed values of a parameter, all at once.

    Args:
        likelihood: the model.
        parameter: the parameter to hold.
        values: shape (N,).
    """
    start = np.tile(likelihood.init, (len(values), 1))
    start[:, likelihood.index(parameter)] = values
    return Profile(parameter, np.asarray(values), minimise(likelihood, start=start, fixed=(parameter,)))


def search(likelihood: Likelihood, parameter: str) -> Profile:
    """A profile over the whole domain of a parameter, fine enough to see every minimum and crossing."""
    lower, upper = likelihood.bounds[:, likelihood.index(parameter)]
    return profile(likelihood, parameter, np.linspace(lower, upper, _SEARCH_POINTS))


def crossings(
    likelihood: Likelihood, scan: Profile, best_value: float, level: float
) -> tuple[list[float], list[float]]:
    """All values where the profiled 2NLL crosses a level, found by root finding.

    Args:
        likelihood: the model.
        scan: a profile over the domain, from :func:`search`.
        best_value: the parameter at the minimum.
        level: 2NLL to cross.

    Returns:
        The crossings below the best value and those above it, each nearest first; a side without one is empty.
    """
    parameter = scan.parameter

    def height(value: float) -> float:
        return float(profile(likelihood, parameter, np.array([value])).fits.twice_nll[0]) - level

    values = np.append(scan.values, best_value)
    heights = np.append(scan.fits.twice_nll - level, height(best_value))
    order = np.argsort(values)
    values, heights = values[order], heights[order]
    roots = [
        float(brentq(height, values[i], values[i + 1], xtol=1e-10, rtol=1e-10))
        for i in np.flatnonzero(np.diff(heights > 0))
    ]
    return [r for r in reversed(roots) if r <= best_value], [r for r in roots if r > best_value]
