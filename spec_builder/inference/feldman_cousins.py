"""Intervals, significance, goodness of fit and coverage by toys, after Feldman and Cousins, without CLs.

G. J. Feldman and R. D. Cousins, Phys. Rev. D 57 (1998) 3873, arXiv:physics/9711021. The statistic of a value mu is
t(mu) = 2NLL(mu) - min 2NLL, the minimum within the parameter's domain: their ordering by the ratio of likelihoods. A
value is accepted if t of the observed data is not above the critical value, which the given share of toys thrown at mu
does not exceed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from spec_builder.base.chunks import MemoryStore
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.fit import may_be_absent
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import profile, threshold
from spec_builder.inference.roots import find_roots
from spec_builder.inference.toys import check_toys, hypotheses, search_values, throw

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.base.chunks import Store
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.toys import Ensemble, Toys

__all__ = [
    "COVERAGE_STREAMS",
    "Acceptance",
    "Coverage",
    "CriticalValue",
    "FeldmanCousins",
    "Observed",
    "PValue",
    "accept",
    "coverage_of",
    "critical_value",
    "critical_values",
    "default_values",
    "feldman_cousins",
    "finer_values",
    "local_minima",
    "measure_coverage",
    "p_value",
    "reaches_far_enough",
    "smooth_errors",
]

#: Two values of the statistic that differ by less are the same: counts are discrete, and fits are good to this.
TIE = 1e-6
#: Tolerance of a crossing in units of the best value.
_ROOT = 1e-12
#: Values on the grid of the parameter.
GRID = 61
#: The grid reaches to where the observed statistic is this many times the asymptotic threshold, plus one.
_REACH = 1.5
#: Crossings between which the difference stays within so many of its errors are one crossing, blurred.
_BLUR = 3.0
#: Grid points over which the errors of critical values are averaged.
_NEIGHBOURS = 7
#: Streams of random numbers by their purpose.
_GRID_STREAM, _COVERAGE_STREAM, _CRITICAL_STREAM, _GOODNESS_STREAM, _NULL_STREAM = range(1, 6)
#: Of toys whose coverage is asked for, and of those that give the critical values.
COVERAGE_STREAMS = (_COVERAGE_STREAM, _CRITICAL_STREAM)
_STEEP = 1e100
#: Values of the second grid between two of the first.
_FINER = 8
#: A margin that no error reaches.
_SURE = 1e3
#: Minima nearer to each other than this, in parts of the value, are the same.
_APART = 1e-4


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


@dataclass(frozen=True)
class Acceptance:
    """Where the observed data lie below the critical values.

    Attributes:
        ends: crossings, ascending.
        accepted: whether the first value of the grid is accepted.
        errors: of the crossings: Monte Carlo, and where between grid points a jump of critical values stands.
        interval: (lower, upper), the nearest crossings on either side of the best value; None where there is none.
        interval_error: errors of these.
        jumps: crossings whose error is the jump's, which a finer grid would place.
    """

    ends: tuple[float, ...]
    errors: tuple[float, ...]
    accepted: bool
    interval: tuple[float | None, float | None]
    interval_error: tuple[float | None, float | None]
    jumps: tuple[float, ...] = ()


@dataclass(frozen=True)
class FeldmanCousins:
    """An interval by toys.

    Attributes:
        parameter: the parameter of interest.
        value: at the minimum.
        cl: confidence level.
        toys: at each value of the grid.
        seed: of the random numbers.
        ensemble: ``profiled`` or ``nominal``.
        interval: (lower, upper); None where the domain ends first.
        interval_error: errors of these.
        ends: all crossings of the critical values, where crossings within the errors count as one.
        asymptotic: the interval by the threshold of Wilks' theorem.
        critical: the grid.
        significance: p-value of the null value; None if there is none.
        goodness: p-value of the saturated chi^2 at the best value.
        lost: toys without a valid fit, which are left out.
        problems: why an end is not known.
    """

    parameter: str
    value: float
    cl: float
    toys: int
    seed: int
    ensemble: str
    interval: tuple[float | None, float | None]
    interval_error: tuple[float | None, float | None]
    ends: tuple[float, ...]
    asymptotic: tuple[float | None, float | None]
    critical: tuple[CriticalValue, ...]
    significance: PValue | None
    goodness: PValue
    lost: int
    problems: tuple[str, ...]


# ---------------------------------------------------------------------- shares of toys


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


# ---------------------------------------------------------------------- the observed data


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
            lambda at, _: np.minimum(self.statistic(at) - level, _STEEP),
            (values[place], np.minimum(heights[place], _STEEP)),
            (values[place + 1], np.minimum(heights[place + 1], _STEEP)),
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


# ---------------------------------------------------------------------- crossings of critical values


def accept(observed: Observed, critical: Sequence[CriticalValue], cl: float) -> Acceptance:
    """Where the observed statistic crosses the critical values, which are linear between grid points.

    How sure a value is accepted or not is told by its p-value, whose error is binomial: critical values of few counts
    jump, and order statistics beside a jump know nothing of it.

    Args:
        observed: the observed data; their statistic is exact everywhere.
        critical: on a grid of ascending values.
        cl: confidence level.
    """
    values, levels, heights, margins = _with_hidden_minima(observed, critical, cl)
    difference = heights - levels - TIE
    outside = difference > 0
    place = np.flatnonzero(outside[1:] != outside[:-1])
    ends: list[float] = []
    ties = np.abs(difference + TIE) <= TIE
    if place.size:

        def height(at: FloatArray, row: IndexArray) -> FloatArray:
            del row
            above: FloatArray = np.minimum(observed.statistic(at) - np.interp(at, values, levels) - TIE, _STEEP)
            return above

        bounded = np.minimum(difference, _STEEP)
        roots = find_roots(
            height,
            (values[place], bounded[place]),
            (values[place + 1], bounded[place + 1]),
            relative=1e-9,
            absolute=observed.least,
        )
        # where the observed statistic is itself a critical value, the line between two of them leaves it at once
        tied = ties[place] | ties[place + 1]
        inside, beyond = margins[place], margins[place + 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.nan_to_num(np.clip(inside / (inside - beyond), 0.0, 1.0), nan=0.5)
        by_p_value = values[place] + part * (values[place + 1] - values[place])
        crossed = np.where(tied, by_p_value, roots.x)
        ends = _sharpen(crossed.tolist(), place.tolist(), np.abs(margins) < _BLUR)
    moved = _end_errors(ends, values, margins)
    jumped = _jump_errors(ends, place, values, margins, ties)
    spread = [math.hypot(*both) for both in zip(moved, jumped, strict=True)]
    lower, upper = observed.nearest(ends)
    by_end: dict[float | None, float] = dict(zip(ends, spread, strict=True))
    return Acceptance(
        tuple(ends),
        tuple(spread),
        not bool(outside[0]),
        (lower, upper),
        (by_end.get(lower), by_end.get(upper)),
        tuple(end for end, jump, move in zip(ends, jumped, moved, strict=True) if jump > move),
    )


def finer_values(values: FloatArray, jumps: Sequence[float]) -> FloatArray:
    """Values of a second grid: between the two of the first one beside each end that a jump hides.

    Args:
        values: of the first grid, ascending.
        jumps: ends.

    Examples:
        >>> finer_values(np.array([0.0, 9.0, 18.0]), [10.5]).tolist()
        [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]
    """
    left = np.unique(np.clip(np.searchsorted(values, jumps, side="right") - 1, 0, values.size - 2))
    parts = np.arange(1, _FINER + 1) / (_FINER + 1)
    finer: FloatArray = (values[left, None] + parts * np.diff(values)[left, None]).ravel()
    return finer


def _with_hidden_minima(
    observed: Observed, critical: Sequence[CriticalValue], cl: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Values, critical values, observed statistics and margins on a grid, shape (G,) each.

    The margin is what the p-value is above that of an end, in its standard deviations. Of a minimum that is accepted
    between two values that are not, the place stands in the grid too.
    """
    values, levels, errors, heights, p_values, toys = (
        np.array([getattr(point, name) for point in critical])
        for name in ("value", "critical", "error", "observed", "p_value", "toys")
    )
    margins = (p_values - (1 - cl)) / np.sqrt(cl * (1 - cl) / toys)
    outside = heights > levels + TIE
    more = np.setdiff1d([observed.value, *observed.minima(np.inf)], values)
    more = more[(more > values[0]) & (more < values[-1])]
    left = np.searchsorted(values, more) - 1
    more = more[outside[left] & outside[left + 1]]
    more_heights = observed.statistic(more)
    more_levels, more_errors = (np.interp(more, values, own) for own in (levels, errors))
    hidden = more_heights <= more_levels + TIE
    # no toys are thrown there: what it is below the critical value, in errors of that
    with np.errstate(divide="ignore"):
        more_margins = np.minimum((more_levels + TIE - more_heights) / more_errors, _SURE)[hidden]
    whole = np.append(values, more[hidden])
    order = np.argsort(whole)
    whole = whole[order]
    known = np.append(heights, more_heights[hidden])[order], np.append(margins, more_margins)[order]
    return whole, np.interp(whole, values, levels), *known


def reaches_far_enough(observed: Observed, critical: Sequence[CriticalValue]) -> bool:
    """Whether nothing changes beyond a grid: all of it is accepted there, or nothing, as at the grid's end.

    Args:
        observed: the observed data.
        critical: on a grid of ascending values; beyond, its first and last critical values stand for those there.
    """
    for edge, beyond in ((critical[0], observed.heights_below), (critical[-1], observed.heights_above)):
        outside = ~(beyond(edge.value) <= edge.critical + TIE)
        if (outside != (edge.observed > edge.critical + TIE)).any():
            return False
    return True


def _sharpen(ends: list[float], place: list[int], unsure: BoolArray) -> list[float]:
    """Crossings of which those that lie together within the errors are one, or none if their number is even.

    The one is where the accepted length stays the same.
    """
    groups: list[list[float]] = []
    for i, end in enumerate(ends):
        together = i > 0 and bool(unsure[place[i - 1] + 1 : place[i] + 1].all())
        if together:
            groups[-1].append(end)
        else:
            groups.append([end])
    return [sum(group[::2]) - sum(group[1::2]) for group in groups if len(group) % 2]


def smooth_errors(errors: FloatArray) -> FloatArray:
    """Root mean square over neighbours on the grid: an error from order statistics is not well known itself."""
    window = np.ones(min(_NEIGHBOURS, errors.size))
    weight = np.convolve(np.ones(errors.size), window, mode="same")
    smooth: FloatArray = np.sqrt(np.convolve(errors**2, window, mode="same") / weight)
    return smooth


def _end_errors(ends: list[float], values: FloatArray, margins: FloatArray) -> list[float]:
    """By how much the accepted length around each of the ends changes when p-values move by their errors.

    All move together: where they stay close to that of an end over many grid points, as those of few counts do, each of
    these points is as likely on the wrong side, and errors that averaged out over them would say too little.
    """
    borders = (np.array(ends[1:]) + np.array(ends[:-1])) / 2
    near = np.searchsorted(borders, (values[1:] + values[:-1]) / 2)
    lengths = []
    for moved in (margins + 1.0, margins - 1.0):
        left, right = np.maximum(moved[:-1], 0.0), np.maximum(moved[1:], 0.0)
        change = np.abs(moved[:-1]) + np.abs(moved[1:])
        part = np.divide(left + right, change, out=np.zeros_like(change), where=change > 0)
        lengths.append(np.bincount(near, part * np.diff(values), minlength=len(ends)))
    return [float(more - less) / 2 for more, less in zip(*lengths, strict=True)] if ends else []


def _jump_errors(
    ends: list[float], place: IndexArray, values: FloatArray, margins: FloatArray, ties: BoolArray
) -> list[float]:
    """What is not known of the ends because p-values may jump between grid points, as those of few counts do.

    A jump is what a step of the p-values has beyond the steps beside it and their errors. It stands anywhere between
    the two grid points: the end's distance to a place there, root mean square, counts by the jump's part of the change
    that makes the crossing. Where the observed statistic is itself a critical value data are discrete, and all of it is
    a jump.
    """
    steps = np.diff(margins)
    found = []
    for end in ends:
        i = int(place[np.argmin(np.maximum(values[place] - end, end - values[place + 1]))])
        beside = np.median(steps[max(i - 1, 0) : i + 2])
        jump = math.sqrt(max(float(steps[i] - beside) ** 2 - 2.0, 0.0))  # a step of two margins has variance two
        change = abs(float(steps[i]))
        part = 1.0 if ties[i : i + 2].any() else min(jump / change, 1.0) if change > 0 else 0.0
        left, right = end - values[i], values[i + 1] - end
        found.append(part * math.sqrt(max(left**3 + right**3, 0.0) / (3 * (left + right))))
    return found


# ---------------------------------------------------------------------- questions


def feldman_cousins(
    likelihood: Likelihood,
    parameter: str,
    *,
    cl: float = 0.6827,
    toys: int = 1000,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    values: FloatArray | None = None,
    null: float | None = 0.0,
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> FeldmanCousins:
    """An interval by toys with its critical values, the significance and the goodness of fit.

    Args:
        likelihood: the model with the observed data.
        parameter: the parameter of interest.
        cl: confidence level.
        toys: at each value of the grid, at the null value and at the best value.
        seed: of the random numbers. The result is a function of it and of ``toys``, whoever computes it.
        ensemble: where the nuisance parameters of the hypotheses are, see :func:`hypotheses`.
        values: grid, shape (G,), whose order tells the random numbers of its values apart; by default 61 over what the
            interval may be, and finer ones around each end that a jump of p-values hides.
        null: the value without a signal; None if there is none. A parameter with a constraint has none.
        executor: any ``concurrent.futures.Executor``; None computes here.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys, a seed, an ensemble or a confidence level that is none, a held
            parameter, or fits that do not converge.
    """
    level = threshold(cl)
    check_toys(toys, seed, cl)
    observed = Observed.of(likelihood, parameter)
    grid = default_values(observed, cl) if values is None else np.asarray(values, dtype=np.float64)
    _check_grid(grid, observed, parameter)
    absent = null is not None and may_be_absent(likelihood, parameter, null)
    null_height = _height_at(observed, null if absent else None)
    more = [observed.value, *([null] if null_height is not None and np.isfinite(null_height) else [])]
    kept = MemoryStore() if store is None else store

    def thrown_at(grid: FloatArray, finer: FloatArray) -> tuple[list[Toys], list[Toys]]:
        """Toys on a grid with a finer one, and at the best and the null value; what is in the store is not thrown."""
        truths = np.concatenate([grid, np.array(more, dtype=np.float64), finer])
        places = range(grid.size + finer.size)
        streams = [(_GRID_STREAM, i) for i in places]
        streams[grid.size : grid.size] = [(_GOODNESS_STREAM, 0), (_NULL_STREAM, 0)][: len(more)]
        thrown = throw(
            likelihood,
            parameter,
            hypotheses(likelihood, parameter, truths, ensemble),
            toys=toys,
            seed=seed,
            streams=streams,
            executor=executor,
            store=kept,
            report=report,
        )
        beyond = grid.size + len(more)
        return [*thrown[: grid.size], *thrown[beyond:]], thrown[grid.size : beyond]

    on_grid, others = thrown_at(grid, np.empty(0))
    critical = critical_values(observed, grid, on_grid, cl)
    accepted = accept(observed, critical, cl)
    if values is None and accepted.jumps:
        finer = finer_values(grid, accepted.jumps)
        on_grid, others = thrown_at(grid, finer)
        critical = critical_values(observed, np.append(grid, finer), on_grid, cl)
        accepted = accept(observed, critical, cl)
    significance = None
    problems = _problems(accepted, critical, observed)
    if len(more) > 1 and null_height is not None:
        significance = p_value(others[-1].statistic, null_height)
    elif null_height is not None:
        problems += (f"significance: 2NLL is not finite at {parameter} = {null:g}",)
    return FeldmanCousins(
        parameter,
        observed.value,
        cl,
        toys,
        seed,
        ensemble,
        accepted.interval,
        accepted.interval_error,
        accepted.ends,
        observed.nearest(observed.crossings(level)),
        critical,
        significance,
        p_value(others[0].chi2, observed.chi2),
        sum(one.lost for one in (*on_grid, *others)),
        problems,
    )


def _height_at(observed: Observed, null: float | None) -> float | None:
    """The observed statistic of the null value, zero below it; None if there is no such value in the domain."""
    if null is None or not observed.low <= null <= observed.high:
        return None
    return float(observed.statistic(np.array([null]))[0]) if observed.value > null else 0.0


def _check_grid(grid: FloatArray, observed: Observed, parameter: str) -> None:
    if grid.ndim != 1 or grid.size < 2 or np.unique(grid).size < grid.size:
        raise SpecBuilderError(f"toys: the grid of {parameter} must hold two different values or more")
    if grid.min() < observed.low or grid.max() > observed.high:
        raise SpecBuilderError(
            f"toys: the grid of {parameter} leaves its domain, {observed.low:g} to {observed.high:g}"
        )


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


def _problems(accepted: Acceptance, critical: Sequence[CriticalValue], observed: Observed) -> tuple[str, ...]:
    """Ends that are not known because the grid ends before the domain does."""
    problems = []
    last_values, edges = (critical[0].value, critical[-1].value), (observed.low, observed.high)
    for end, side, last, edge in zip(accepted.interval, ("lower", "upper"), last_values, edges, strict=True):
        if end is None and last != edge:
            problems.append(f"{side} end of the interval: not within the grid, which ends at {last:g}")
    return tuple(problems)


@dataclass(frozen=True)
class Coverage:
    """How often an interval covers one true value.

    Attributes:
        value: the truth.
        toys: thrown there.
        covers: share whose interval by Wilks' theorem covers it.
        error: its binomial error.
        critical: critical value of the truth, from other toys; its share is ``covers_by_toys``.
        critical_error: its error.
        covers_by_toys: share whose interval by toys covers it.
        error_by_toys: its error, that of the critical value included.
    """

    value: float
    toys: int
    covers: float
    error: float
    critical: float
    critical_error: float
    covers_by_toys: float
    error_by_toys: float


def measure_coverage(
    likelihood: Likelihood,
    parameter: str,
    values: FloatArray,
    *,
    cl: float = 0.9,
    toys: int = 10_000,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> list[Coverage]:
    """How often intervals cover the truth, for several true values: asymptotic ones and those by toys.

    Args:
        likelihood: the model.
        parameter: the parameter of interest.
        values: the truths, shape (N,).
        cl: confidence level of the intervals.
        toys: at each truth; as many more give its critical value.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are.
        executor: any ``concurrent.futures.Executor``; None computes here.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys, a seed, an ensemble or a confidence level that is none, a value beyond
            the parameter's domain, or fits that do not converge.
    """
    threshold(cl)
    check_toys(toys, seed, cl)
    low, high = likelihood.bounds[:, likelihood.index(parameter)]
    outside = values[~((values >= low) & (values <= high))]
    if outside.size:
        raise SpecBuilderError(f"value {outside[0]:g}: beyond the domain of {parameter}, {low:g} to {high:g}")
    truths = hypotheses(likelihood, parameter, values, ensemble)
    count = len(truths)
    streams = [(stream, i) for stream in COVERAGE_STREAMS for i in range(count)]
    thrown = throw(
        likelihood,
        parameter,
        np.concatenate([truths, truths]),
        toys=toys,
        seed=seed,
        streams=streams,
        executor=executor,
        store=store,
        report=report,
    )
    return coverage_of(values, thrown[:count], thrown[count:], cl)


def coverage_of(values: FloatArray, thrown: Sequence[Toys], others: Sequence[Toys], cl: float) -> list[Coverage]:
    """How often intervals of toys cover the truth.

    Args:
        values: the truths, shape (N,).
        thrown: toys of each.
        others: as many of each, which give its critical value.
        cl: confidence level.
    """
    level = threshold(cl)
    found = []
    for value, own, other in zip(values.tolist(), thrown, others, strict=True):
        covers, error = _share(own.statistic <= level + TIE)
        critical, critical_error = critical_value(other.statistic, cl)
        by_toys, own_error = _share(own.statistic <= critical + TIE)
        both = float(np.hypot(own_error, np.sqrt(cl * (1 - cl) / other.count)))
        found.append(Coverage(value, own.count, covers, error, critical, critical_error, by_toys, both))
    return found


def _share(inside: BoolArray) -> tuple[float, float]:
    share = float(np.mean(inside))
    return share, float(np.sqrt(max(share * (1 - share), 1 / inside.size) / inside.size))
