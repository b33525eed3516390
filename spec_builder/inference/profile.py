"""Profiles of 2NLL in one parameter, and intervals as their crossings of a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaincinv

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference import minuit
from spec_builder.inference.newton import minimise

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.newton import BatchFit

__all__ = ["Crossings", "Profile", "crossings", "height_at", "profile", "threshold"]

#: Confidence level of one standard deviation of a normal distribution: Delta chi^2 = 1.
ONE_SIGMA = 0.6826894921370859
#: Points of the search for crossings, over the whole domain of the parameter.
_SEARCH_POINTS = 401
#: Height above a level that stands for an infinite one while a crossing is sought.
_STEEP = 1e100


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


def height_at(likelihood: Likelihood, parameter: str, value: float) -> float:
    """Profiled 2NLL at one value of a parameter; infinite where it truly is, NaN if no minimiser converges."""
    fits = profile(likelihood, parameter, np.array([value])).fits
    if not fits.known[0]:
        fits = minuit.minimise(likelihood, start=fits.theta, fixed=(parameter,))
    return float(fits.twice_nll[0]) if fits.known[0] else float("nan")


class Crossings(NamedTuple):
    """Where a profile crosses a level.

    Attributes:
        below: the crossings below the best value, nearest first.
        above: those above it, likewise.
        problems: why a side has none although it might, a line each.
    """

    below: list[float]
    above: list[float]
    problems: tuple[str, ...]


class _UnknownHeightError(Exception):
    """No minimiser converges at a value where the height is needed."""


def crossings(likelihood: Likelihood, scan: Profile, best_value: float, level: float) -> Crossings:
    """All values where the profiled 2NLL crosses a level, found by root finding.

    Heights that are not valid are left out: a crossing is sought between the next ones that are.

    Args:
        likelihood: the model.
        scan: a profile over the domain, from :func:`search`.
        best_value: the parameter at the minimum.
        level: 2NLL to cross.

    Returns:
        The crossings on either side; a side without one is empty.
    """
    parameter = scan.parameter

    def height(value: float) -> float:
        found = height_at(likelihood, parameter, value) - level
        if np.isnan(found):
            raise _UnknownHeightError
        return min(found, _STEEP)

    values = np.append(scan.values, best_value)
    own = np.where(scan.fits.known, scan.fits.twice_nll, np.nan)
    heights = np.append(own, height_at(likelihood, parameter, best_value)) - level
    order = np.argsort(values)
    order = order[~np.isnan(heights[order])]
    unknown = values[np.isnan(heights)]
    values, heights = values[order], heights[order]
    below: list[float] = []
    above: list[float] = []
    lost = [False, False]
    for i in np.flatnonzero(np.diff(heights > 0)):
        side = int(values[i] >= best_value)
        try:
            root = float(brentq(height, values[i], values[i + 1], xtol=1e-10, rtol=1e-10))
        except _UnknownHeightError:
            lost[side] = True
        else:
            (above if root > best_value else below).append(root)
    lost[0] |= not below and bool((unknown <= best_value).any())
    lost[1] |= not above and bool((unknown >= best_value).any())
    problems = tuple(
        f"{end} end of the interval: no fit converges where 2NLL would have to be known"
        for end, missing in zip(("lower", "upper"), lost, strict=True)
        if missing
    )
    return Crossings([] if lost[0] else below[::-1], [] if lost[1] else above, problems)
