"""Critical values and p-values: what the statistic of the observed data is held against.

A value of the parameter is accepted if the observed statistic there is not above its critical value, which the given
share of toys thrown at it does not exceed. Critical values are computed on a grid of the parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.profile import threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.observed import Observed
    from spec_builder.inference.toys import Toys

__all__ = [
    "CriticalValue",
    "PValue",
    "critical_value",
    "critical_values",
    "default_values",
    "p_value",
]

#: Two values of the statistic that differ by less are the same: counts are discrete, and fits are good to this.
TIE = 1e-6
#: Values on the grid of the parameter.
GRID = 61
#: The grid reaches to where the observed statistic is this many times the asymptotic threshold, plus one.
_REACH = 1.5


@dataclass(frozen=True)
class CriticalValue:
    """What the statistic of the observed data is held against at one value of the parameter.

    Attributes:
        value: of the parameter.
        critical: the share ``cl`` of the toys have a statistic that is not above it.
        error: half the distance of the order statistics one binomial standard deviation to either side.
        toys: behind it.
        observed: statistic of the observed data.
        p_value: share of the toys whose statistic is not below that.
        p_error: its binomial error.
        number: of its random numbers: the place of the value among those that toys were thrown at, in this order.
    """

    value: float
    critical: float
    error: float
    toys: int
    observed: float
    p_value: float
    p_error: float
    number: int = 0


@dataclass(frozen=True)
class PValue:
    """A p-value by toys.

    Attributes:
        observed: the observed statistic.
        p_value: share of the toys whose statistic is not below it.
        p_error: its binomial error; without any such toy, that of one.
        z: the p-value as standard deviations of a normal distribution, one-sided; None if no toy is so far out, and
            zero where all are.
        z_error: from p_error; None likewise.
        toys: behind it.
    """

    observed: float
    p_value: float
    p_error: float
    z: float | None
    z_error: float | None
    toys: int


def critical_value(statistic: FloatArray, cl: float) -> tuple[float, float]:
    """The least value that the share ``cl`` of the toys does not exceed, and its error.

    Args:
        statistic: of the toys, shape (N,).
        cl: confidence level.

    Examples:
        >>> import numpy as np
        >>> critical_value(np.arange(1.0, 101.0), 0.9)
        (90.0, 3.0)
    """
    ordered = np.sort(statistic)
    count = ordered.size
    wanted = cl * count
    spread = np.sqrt(count * cl * (1 - cl))

    def order_statistic(rank: float) -> float:
        return float(ordered[int(np.clip(np.ceil(rank - 1e-9), 1, count)) - 1])

    error = (order_statistic(wanted + spread) - order_statistic(wanted - spread)) / 2
    return order_statistic(wanted), error


def p_value(statistic: FloatArray, observed: float) -> PValue:
    """The share of toys whose statistic is not below the observed one."""
    count = statistic.size
    beyond = int(np.sum(statistic >= observed - TIE))
    share = beyond / count
    error = float(np.sqrt(max(share * (1 - share), 1 / count) / count))
    if beyond == 0:
        return PValue(observed, share, error, None, None, count)
    if beyond == count:
        return PValue(observed, share, error, 0.0, 0.0, count)
    z = -float(ndtri(share))
    density = float(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
    return PValue(observed, share, error, z, error / density, count)


def default_values(observed: Observed, cl: float, count: int = GRID, dof: int = 1) -> FloatArray:
    """A grid of the parameter that holds the interval, ascending; ``count`` values and second minima."""
    level = _REACH * threshold(cl, dof) + 1
    ends = observed.crossings(level)
    # where no fit converges, as where a rate would be negative, the statistic is beyond any level
    begins, stops = ~(observed.statistic(np.array([observed.low, observed.high])) <= level)
    first, last = observed.known_range()
    low = (ends[0] if ends and ends[0] < observed.value else first) if begins else observed.low
    high = (ends[-1] if ends and ends[-1] > observed.value else last) if stops else observed.high
    inside = [value for value in observed.minima(level) if low < value < high]
    return np.union1d(np.linspace(low, high, count), inside)


def critical_values(
    observed: Observed, grid: FloatArray, thrown: Sequence[Toys], cl: float
) -> tuple[CriticalValue, ...]:
    """Critical values and p-values on a grid, in ascending order.

    Args:
        observed: the observed data.
        grid: values, shape (G,), in the order in which toys were thrown.
        thrown: the toys of each.
        cl: confidence level.

    Raises:
        SpecBuilderError: where no fit of the observed data converges.
    """
    heights = observed.statistic(grid)
    found = []
    for number, (value, height, toys) in enumerate(zip(grid.tolist(), heights.tolist(), thrown, strict=True)):
        if np.isnan(height):
            raise SpecBuilderError(f"toys: no fit of the observed data converges at {value:g}")
        share = p_value(toys.statistic, height)
        critical, error = critical_value(toys.statistic, cl)
        found.append(CriticalValue(value, critical, error, toys.count, height, share.p_value, share.p_error, number))
    return tuple(sorted(found, key=lambda point: point.value))
