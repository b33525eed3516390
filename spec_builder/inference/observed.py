"""The observed data's statistic t(mu) = 2NLL(mu) - min 2NLL against one parameter: heights, crossings, minima."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.global_minima import search_values
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import profile
from spec_builder.inference.roots import STEEP, find_roots

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.likelihood import Likelihood

__all__ = ["Observed", "local_minima"]

#: Tolerance of a crossing in units of the best value.
_ROOT = 1e-12
#: Minima nearer to each other than this, in parts of the value, are the same.
_APART = 1e-4


class Observed:
    """The observed data's statistic against one parameter.

    Args:
        height: profiled 2NLL at values of the parameter, (N,) -> (N,); NaN where no fit converges.
        ends: of the parameter's domain.
        scan: values over it, ascending, and the heights there; every minimum is among them.
        best: the value at the minimum over the domain, and the height there.
        chi2: the least 2NLL less its saturated value.

    Attributes:
        value: of the parameter at the minimum over its domain.
        minimum: 2NLL there.
        chi2: as given.
    """

    def __init__(
        self,
        height: Callable[[FloatArray], FloatArray],
        ends: tuple[float, float],
        scan: tuple[FloatArray, FloatArray],
        best: tuple[float, float],
        chi2: float,
    ) -> None:
        self._height, self.chi2 = height, chi2
        self.low, self.high = ends
        self.value, self.minimum = best
        self._scan = scan[0], scan[1] - self.minimum

    @classmethod
    def of(cls, likelihood: Likelihood, parameter: str) -> Observed:
        """That of a parameter of a model.

        Args:
            likelihood: the model with the observed data.
            parameter: the parameter of interest.

        Raises:
            SpecBuilderError: if the parameter is held, or no fit converges.
        """
        index = likelihood.index(parameter)
        if index not in likelihood.free:
            raise SpecBuilderError(f"toys: the measurement holds {parameter}, which therefore has no interval")
        low, high = (float(end) for end in likelihood.bounds[:, index])
        scan = profile(likelihood, parameter, search_values(likelihood, parameter))
        lowest = local_minima(np.where(scan.fits.valid, scan.fits.twice_nll, np.inf))
        fits = minimise(likelihood, start=scan.fits.theta[lowest])
        heights = np.where(fits.valid, fits.twice_nll, np.inf)
        best = int(np.argmin(heights)) if heights.size else 0
        if not (heights.size and np.isfinite(heights[best])):
            why = likelihood.impossible_bin()
            raise SpecBuilderError(why or "toys: no fit of the observed data converges")
        chi2 = max(float(heights[best]) - likelihood.saturated, 0.0)
        known = np.where(scan.fits.known, scan.fits.twice_nll, np.nan)
        values, unique = np.unique(np.append(scan.values, fits.theta[fits.valid, index]), return_index=True)
        joined = np.append(known, fits.twice_nll[fits.valid])[unique]

        def height(at: FloatArray) -> FloatArray:
            found = profile(likelihood, parameter, at).fits
            return np.where(found.known, found.twice_nll, np.nan)

        return cls(height, (low, high), (values, joined), (float(fits.theta[best, index]), float(heights[best])), chi2)

    @property
    def least(self) -> float:
        """What a crossing is known to where it is zero: in units of the parameter, which may be measured in 1e-10."""
        return _ROOT * min(abs(self.value), 1.0)

    def lower_to(self, minimum: float) -> None:
        """Take the statistic against a lower minimum, such as that over a plane."""
        fall = max(self.minimum - minimum, 0.0)
        self.minimum -= fall
        self._scan = self._scan[0], self._scan[1] + fall

    def statistic(self, values: FloatArray) -> FloatArray:
        """The statistic at some values, shape (N,); NaN where no fit converges."""
        heights: FloatArray = np.maximum(self._height(values) - self.minimum, 0.0)
        return heights

    def known_range(self) -> tuple[float, float]:
        """The first and the last value of the scan at which a fit converged to a finite height."""
        known = self._scan[0][np.isfinite(self._scan[1])]
        return float(known[0]), float(known[-1])

    def heights_below(self, value: float) -> FloatArray:
        """The statistic at the places of the scan below a value; NaN where no fit converged."""
        heights: FloatArray = self._scan[1][self._scan[0] < value]
        return heights

    def heights_above(self, value: float) -> FloatArray:
        """The statistic at the places of the scan above a value; NaN where no fit converged."""
        heights: FloatArray = self._scan[1][self._scan[0] > value]
        return heights

    def crossings(self, level: float) -> list[float]:
        """Values where t crosses a level, ascending."""
        values, heights = self._scan[0], self._scan[1] - level
        keep = ~np.isnan(heights)
        values, heights = values[keep], heights[keep]
        place = np.flatnonzero(np.diff(heights > 0))
        roots = find_roots(
            lambda at, _: np.minimum(self.statistic(at) - level, STEEP),
            (values[place], np.minimum(heights[place], STEEP)),
            (values[place + 1], np.minimum(heights[place + 1], STEEP)),
            relative=1e-10,
            absolute=self.least,
        )
        return [float(root) for root in roots.x[roots.found]]

    def minima(self, level: float) -> list[float]:
        """Where the statistic has minima below a level, but for the least: an allowed band may be narrow there."""
        values, heights = self._scan
        lowest = local_minima(np.where(np.isnan(heights), np.inf, heights))
        found: list[float] = []
        for value in values[lowest[heights[lowest] < level]].tolist():
            # two fits end in one minimum at places that differ by rounding
            if all(abs(value - other) > _APART * max(abs(value), abs(other)) for other in (self.value, *found)):
                found.append(value)
        return found

    def nearest(self, ends: Sequence[float]) -> tuple[float | None, float | None]:
        """The nearest of some crossings on either side of the best value."""
        below = [end for end in ends if end < self.value]
        above = [end for end in ends if end > self.value]
        return (max(below) if below else None, min(above) if above else None)


def local_minima(heights: FloatArray) -> IndexArray:
    """Places of finite heights that are lower than their neighbours."""
    padded = np.pad(heights, 1, constant_values=np.inf)
    return np.flatnonzero((heights < padded[:-2]) & (heights <= padded[2:]))
