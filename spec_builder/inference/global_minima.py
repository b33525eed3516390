"""The least 2NLL of each data set where the parameter of interest may have several minima."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.inference.newton import minimise

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.data import Data
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.minima import BatchFit

__all__ = [
    "candidates",
    "global_minima",
    "keep_lower",
    "put",
    "search_values",
]

#: Points on either side of zero of the search for minima, and how near to zero they come in parts of the start value.
_SEARCH_POINTS, _NEAREST = 81, 1e-3
#: Values of the search nearer to each other than this, in parts of them, are the same.
_SAME = 1e-9
#: Most minima that a toy's search follows.
_MOST_MINIMA = 3


def _rates_are_linear(likelihood: Likelihood, parameter: str) -> bool:
    """Whether the rates are linear in a parameter, so that no second minimum is to be feared."""
    spec, index = likelihood.specification, likelihood.index(parameter)
    used = {f for group in spec.groups for term in group.terms for f in term.factors}
    return all(spec.factors[f].kind == "identity" for f in used if spec.factors[f].parameter == index)


def search_values(likelihood: Likelihood, parameter: str) -> FloatArray:
    """Values over a parameter's domain, dense towards zero, ascending, shape (G,)."""
    index = likelihood.index(parameter)
    low, high = (float(end) for end in likelihood.bounds[:, index])
    scale = abs(float(likelihood.init[index])) or _NEAREST * max(high, -low)
    sides = [np.linspace(low, high, _SEARCH_POINTS)]
    if high > 0:
        sides.append(np.geomspace(min(_NEAREST * scale, high), high, _SEARCH_POINTS))
    if low < 0:
        sides.append(-np.geomspace(min(_NEAREST * scale, -low), -low, _SEARCH_POINTS))
    values = np.unique(np.concatenate(sides))
    apart = np.append(True, np.diff(values) > _SAME * np.abs(values[1:]))  # the same from two ladders, but for rounding
    return values[apart & (values >= low) & (values <= high)]


def candidates(rates: FloatArray, data: Data) -> list[tuple[IndexArray, IndexArray]]:
    """Where 2NLL with all other parameters kept has its minima in one parameter.

    Args:
        rates: at ascending values of the parameter, shape (G, bins).
        data: N data sets.

    Returns:
        Numbers of data sets and the number of a value for each: those of the lowest minima, then of the second ones,
        and so on.
    """
    expected = (rates > 0).any(axis=0)  # a bin with nothing expected holds no counts
    good = np.flatnonzero((rates[:, expected] > 0).all(axis=1))
    rates = rates[np.ix_(good, expected)]
    heights = rates.sum(axis=1)[:, None] - np.log(rates) @ data.observed[expected]
    padded = np.pad(heights, ((1, 1), (0, 0)), constant_values=np.inf)
    lowest = (heights < padded[:-2]) & (heights <= padded[2:])
    order = np.argsort(np.where(lowest, heights, np.inf), axis=0, kind="stable")[:_MOST_MINIMA]
    found = []
    for place in order:
        rows = np.flatnonzero(lowest[place, np.arange(data.count)])
        if rows.size:
            found.append((rows, good[place[rows]]))
    return found


def _vertex(likelihood: Likelihood, parameter: str, theta: FloatArray) -> float:
    """Where the sum of the rates, a parabola in a parameter, is least; NaN without such a place in its domain."""
    index = likelihood.index(parameter)
    low, high = (float(end) for end in likelihood.bounds[:, index])
    points = np.tile(theta, (3, 1))
    points[:, index] = low, (low + high) / 2, high
    first, middle, last = likelihood.rates(points).sum(axis=1)
    bend = first - 2 * middle + last
    if not bend > 0:
        return float("nan")
    place = (low + high) / 2 - (last - first) / bend * (high - low) / 4
    return float(place) if low < place < high else float("nan")


def put(fits: BatchFit, places: IndexArray, other: BatchFit) -> BatchFit:
    """Fits with those at some places (n,) replaced by others, n of them."""

    def merged(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        whole = old.copy()
        whole[places] = new
        return whole

    return replace(
        fits,
        twice_nll=merged(fits.twice_nll, other.twice_nll),
        theta=merged(fits.theta, other.theta),
        edm=merged(fits.edm, other.edm),
        reason=merged(fits.reason, other.reason),
        at_bound=merged(fits.at_bound, other.at_bound),
    )


def keep_lower(best: BatchFit, rows: IndexArray, other: BatchFit) -> BatchFit:
    """Fits with some rows replaced by others where those are valid and lower, or the old ones are not valid."""
    lower = np.flatnonzero(other.valid & (~best.valid[rows] | (other.twice_nll < best.twice_nll[rows])))
    return put(best, rows[lower], other.take(lower))


def global_minima(likelihood: Likelihood, parameter: str, data: Data, held: BatchFit) -> BatchFit:
    """The least 2NLL of each data set over all free parameters.

    Rates that are linear in the parameter have one minimum. Else the fits start from each of the minima that 2NLL has
    in the parameter with the others kept, and from the mirror image of the lowest they find: the couplings of a
    universal vector have two minima on either side of where the rates are least.

    Args:
        likelihood: the model.
        parameter: the one that may have several minima.
        data: N data sets.
        held: their minima with that parameter held, where the fits start and above which none may end.
    """
    rows = data.rows()
    if _rates_are_linear(likelihood, parameter):
        return minimise(likelihood, start=held.theta, rows=rows)
    index = likelihood.index(parameter)
    best = replace(held, reason=np.full_like(held.reason, -1))  # held, but no minimum
    middle = np.median(held.theta, axis=0)
    values = search_values(likelihood, parameter)
    points = np.tile(middle, (values.size, 1))
    points[:, index] = values
    for places, numbers in candidates(likelihood.rates(points), data):
        start = held.theta[places]
        start[:, index] = values[numbers]
        best = keep_lower(best, places, minimise(likelihood, start=start, rows=rows.take(places)))
    vertex, (low, high) = _vertex(likelihood, parameter, middle), likelihood.bounds[:, index]
    if np.isfinite(vertex):
        start = best.theta.copy()
        start[:, index] = np.clip(2 * vertex - start[:, index], low, high)
        best = keep_lower(best, np.arange(data.count), minimise(likelihood, start=start, rows=rows))
    above = np.flatnonzero(~best.valid | (best.twice_nll > held.twice_nll))
    if above.size:
        best = keep_lower(best, above, minimise(likelihood, start=held.theta[above], rows=rows.take(above)))
    return best
