"""A fit of one parameter: best value, interval, pulls, goodness of fit and significance."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.special import chdtrc

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import unknown_name
from spec_builder.inference import minuit, newton
from spec_builder.inference.cancellation import cancellation_of
from spec_builder.inference.descent import UNFINISHED
from spec_builder.inference.diagnosis import all_above, flat_directions, rounding
from spec_builder.inference.expectation import BOUND_MARGIN, centre_and_width, covariance
from spec_builder.inference.profile import Crossings, crossings, height_at, lowest, search, threshold, through

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.minima import BatchFit
    from spec_builder.inference.profile import Profile

__all__ = ["Correlations", "Fit", "Minimiser", "bounds_reached", "fit", "may_be_absent"]

Minimiser = Literal["minuit", "newton"]
MINIMISERS: tuple[Minimiser, ...] = get_args(Minimiser)
#: A minimum that is higher than a known point by more than this is another one.
_LOWER = 1e-7
#: How far rounding may take an eigenvalue of a matrix of correlations below zero.
_ROUNDED = 1e-9
#: How often the search for the ends of an interval may find a lower minimum.
_LOWER_MINIMA = 3


@dataclass(frozen=True)
class Pull:
    """A constrained parameter at the minimum, in units of its constraint's width."""

    value: float
    uncertainty: float


@dataclass(frozen=True)
class Correlations:
    """Correlations of parameters at a minimum, from the Hessian.

    Attributes:
        parameters: names of those that were free, in the order of the model; without those on a bound, and those that
            2NLL does not depend on, which have no error that means anything.
        matrix: shape (N, N), one on the diagonal.
    """

    parameters: tuple[str, ...]
    matrix: FloatArray


@dataclass(frozen=True)
class Fit:
    """A minimum with its interval and goodness of fit.

    Attributes:
        parameter: the parameter of interest, '' if there is none.
        fixed: it is held, so it has no interval.
        value: at the minimum; NaN without a parameter of interest.
        up, down: lengths of the interval, positive; None where 2NLL has no crossing in the parameter's domain or
            the parameter is fixed.
        cl: confidence level of the interval.
        threshold: Delta chi^2 of the interval.
        twice_nll: 2NLL at the minimum, with all constants, as pyhf prints it.
        chi2_min: 2NLL less its saturated value, Eq. (17) of arXiv:2411.11749.
        ndof: bins less free unconstrained parameters.
        p_value: goodness of fit from chi2_min and ndof, asymptotic.
        significance: sqrt(q0) against no signal, asymptotic; infinite if there would be no counts without a signal
            where there are some; None if no value of the parameter means that, or no fit converges there.
        edm: estimated distance to the minimum.
        valid: the minimiser converged.
        at_bound: a parameter sits on a bound.
        bounds: which one, and which bound: ``lower`` or ``upper`` by the parameter's name.
        theta: all parameters at the minimum.
        pulls: the constrained parameters that were free.
        correlations: of the parameters that were free; None where the fit is not valid, or the Hessian gives none.
        negative_components: samples with a negative rate at the minimum, as ``sample bin``.
        rounding: how far 2NLL is rounded; its last digits mean nothing below that.
        flat: parameters that 2NLL does not depend on, alone or only together: the names of each flat direction.
        elsewhere: other intervals of the parameter with 2NLL below the same height, where the interval around the best
            value is not the only one.
        problems: why the interval has no end, or the signal no significance, where a fit did not converge or pulls
            take the signal away.
    """

    parameter: str
    fixed: bool
    value: float
    up: float | None
    down: float | None
    cl: float
    threshold: float
    twice_nll: float
    chi2_min: float
    ndof: int
    p_value: float
    significance: float | None
    edm: float
    valid: bool
    at_bound: bool
    theta: Mapping[str, float]
    pulls: Mapping[str, Pull]
    negative_components: tuple[str, ...]
    problems: tuple[str, ...] = ()
    rounding: float = 0.0
    flat: tuple[tuple[str, ...], ...] = ()
    bounds: Mapping[str, str] = field(default_factory=dict)
    elsewhere: tuple[tuple[float, float], ...] = ()
    correlations: Correlations | None = field(default=None, compare=False)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Ends of the interval; None where it has no end."""
        low = None if self.down is None else self.value - self.down
        return low, None if self.up is None else self.value + self.up


def fit(
    likelihood: Likelihood,
    parameter: str | None = None,
    *,
    cl: float = 0.68,
    minimiser: Minimiser = "minuit",
    null: float | None = 0.0,
    scan: Profile | None = None,
) -> Fit:
    """Fit a likelihood and find the interval of one parameter.

    The minimum is sought from the best point of a profile over the parameter's whole domain, so that a second
    minimum is not missed; the interval's ends are the nearest crossings of Delta chi^2 on either side.

    Args:
        likelihood: the model.
        parameter: the parameter of interest; the model's own by default. With '' there is none, and no interval.
        cl: confidence level of the interval.
        minimiser: ``minuit`` (iminuit) or ``newton``.
        null: the parameter's value without a signal, for the significance; None if there is no such value. A
            parameter with a constraint has none.
        scan: a profile over the parameter's domain, from :func:`spec_builder.inference.profile.search`; made here by
            default.

    Raises:
        SpecBuilderError: for an unknown parameter or minimiser, or if no finite minimum is found.
    """
    name = _parameter_of_interest(likelihood) if parameter is None else parameter
    minimise = _minimiser(minimiser)
    delta, index = threshold(cl), likelihood.index(name) if name else None
    if scan is None and index in likelihood.free:
        scan = search(likelihood, name)
    best = minimise(likelihood, start=_start(likelihood, scan))
    crossed = None
    if index is not None and scan is not None and np.isfinite(best.twice_nll[0]):
        best, crossed = _with_ends(likelihood, minimise, scan, best, delta)
        scan = crossed.scan
    theta, minimum = best.theta[0], float(best.twice_nll[0])
    if not np.isfinite(minimum):
        why = likelihood.impossible_bin()
        raise SpecBuilderError(why or "2NLL is not finite at the start of the fit: a rate is negative or zero there")

    value = float("nan") if index is None else float(theta[index])
    down = up = significance = None
    problems: tuple[str, ...] = ()
    elsewhere: tuple[tuple[float, float], ...] = ()
    if scan is not None and crossed is not None:
        problems = crossed.problems
        down = value - crossed.below[0] if crossed.below else None
        up = crossed.above[0] - value if crossed.above else None
        if null is not None and up is None and not problems:
            problems += _open_end(likelihood, scan, null)
        elsewhere = _elsewhere(crossed, *likelihood.bounds[:, likelihood.index(name)].tolist())
        if null is not None and may_be_absent(likelihood, name, null):
            significance = _significance(likelihood, scan, null, value, minimum)
            if significance is None:
                problems += (f"significance: no fit converges at {name} = {null:g}",)
    chi2_min = max(minimum - likelihood.saturated, 0.0)  # rounding may take it below
    ndof = likelihood.degrees_of_freedom()
    errors, flat = covariance(likelihood, theta), flat_directions(likelihood, theta)
    return Fit(
        parameter=name,
        fixed=bool(name) and scan is None,
        value=value,
        up=up,
        down=down,
        cl=cl,
        threshold=delta,
        twice_nll=minimum,
        chi2_min=chi2_min,
        ndof=ndof,
        p_value=float(chdtrc(ndof, chi2_min)) if ndof > 0 else float("nan"),
        significance=significance,
        edm=float(best.edm[0]),
        valid=bool(best.valid[0]),
        at_bound=bool(bounds_reached(likelihood, theta)),
        theta=dict(zip(likelihood.parameters, theta.tolist(), strict=True)),
        pulls=_pulls(likelihood, theta, errors),
        negative_components=_negative(likelihood, theta),
        problems=problems,
        rounding=rounding(likelihood, theta),
        flat=flat,
        bounds=bounds_reached(likelihood, theta),
        elsewhere=elsewhere,
        correlations=_correlations(likelihood, errors, flat) if best.valid[0] else None,
    )


def _open_end(likelihood: Likelihood, scan: Profile, null: float) -> tuple[str, ...]:
    """That pulls take the signal away, where that is why an interval has no upper end."""
    name, end = scan.parameter, scan.fits.theta[-1]
    found = cancellation_of(likelihood, name, null, end)
    return () if found is None else (f"upper end: at {name} = {scan.values[-1]:.4g} {found.words(name)}",)


def bounds_reached(likelihood: Likelihood, theta: FloatArray) -> dict[str, str]:
    """The free parameters on a bound, each with the bound: ``lower`` or ``upper``."""
    lower, upper = likelihood.bounds
    names = likelihood.parameters
    margin = BOUND_MARGIN * (upper - lower)
    low = {names[i]: "lower" for i in likelihood.free if theta[i] <= lower[i] + margin[i]}
    return low | {names[i]: "upper" for i in likelihood.free if theta[i] >= upper[i] - margin[i]}


def _significance(likelihood: Likelihood, scan: Profile, null: float, value: float, minimum: float) -> float | None:
    """sqrt(q0) of the parameter's best value against its null value; None if 2NLL is not known there."""
    if value <= null:
        return 0.0
    nothing = height_at(likelihood, scan.parameter, null, scan)
    return None if np.isnan(nothing) else float(np.sqrt(max(nothing - minimum, 0.0)))


def _pulls(likelihood: Likelihood, theta: FloatArray, errors: FloatArray) -> dict[str, Pull]:
    widths = np.sqrt(np.maximum(np.diag(errors), 0.0))
    pulls = {}
    for i in likelihood.free:
        spec = likelihood.specification.parameters[i]
        if spec.constraint is None:
            continue
        centre, width = centre_and_width(spec.constraint)
        pulls[spec.name] = Pull((float(theta[i]) - centre) / width, float(widths[i]) / width)
    return pulls


def _correlations(likelihood: Likelihood, errors: FloatArray, flat: tuple[tuple[str, ...], ...]) -> Correlations | None:
    """Of a covariance (P, P), in which those on a bound have none; None where it is no covariance of a minimum."""
    undetermined = set(itertools.chain(*flat))
    names = likelihood.parameters
    kept = [i for i in likelihood.free if errors[i, i] != 0 and names[i] not in undetermined]
    variances = np.diag(errors)[kept]
    if not kept or not (variances > 0).all():  # NaN is not either
        return None
    widths = np.sqrt(variances)
    matrix = errors[np.ix_(kept, kept)] / np.outer(widths, widths)
    matrix = (matrix + matrix.T) / 2  # of a pseudo-inverse they differ by rounding
    if not all_above(matrix, -_ROUNDED):
        return None
    np.fill_diagonal(matrix, 1.0)
    return Correlations(tuple(names[i] for i in kept), np.clip(matrix, -1.0, 1.0))


def _parameter_of_interest(likelihood: Likelihood) -> str:
    if not likelihood.poi:
        raise SpecBuilderError("the measurement names no parameter of interest; name one")
    return likelihood.poi


def _minimiser(name: str) -> Callable[..., BatchFit]:
    if name not in MINIMISERS:
        raise unknown_name("minimiser", name, MINIMISERS)
    return minuit.minimise if name == "minuit" else newton.minimise


def _start(likelihood: Likelihood, scan: Profile | None) -> FloatArray:
    """The best point of a profile, else of fits from all over the domain."""
    if scan is None or not np.isfinite(scan.fits.heights).any():
        return lowest(likelihood)
    best: FloatArray = scan.fits.theta[scan.fits.lowest]
    return best


def _with_ends(
    likelihood: Likelihood, minimise: Callable[..., BatchFit], scan: Profile, best: BatchFit, delta: float
) -> tuple[BatchFit, Crossings]:
    """The minimum and where the profile is higher by delta; the search for the ends may find a lower minimum."""
    index = likelihood.index(scan.parameter)
    for left in reversed(range(_LOWER_MINIMA)):
        minimum = float(best.twice_nll[0])
        through_it = through(likelihood, scan, best.theta[0])
        found = crossings(likelihood, through_it, float(best.theta[0, index]), minimum + delta)
        scan = found.scan
        least = scan.fits.twice_nll[scan.fits.lowest]
        lower = least < minimum - max(_LOWER, 4 * rounding(likelihood, best.theta[0]))
        if not (lower and best.valid[0]):
            break
        if not left:
            return replace(best, reason=np.array([UNFINISHED])), found
        best = minimise(likelihood, start=_start(likelihood, scan))
    return best, found


def _elsewhere(crossed: Crossings, lower: float, upper: float) -> tuple[tuple[float, float], ...]:
    """The other intervals in which the profile is below the level, from the lowest on."""
    below = [*crossed.below[1:], lower] if len(crossed.below) % 2 == 0 else crossed.below[1:]
    above = [*crossed.above[1:], upper] if len(crossed.above) % 2 == 0 else crossed.above[1:]
    left = [(below[k + 1], below[k]) for k in range(0, len(below) - 1, 2)]
    right = [(above[k], above[k + 1]) for k in range(0, len(above) - 1, 2)]
    return (*left[::-1], *right)


def may_be_absent(likelihood: Likelihood, name: str, null: float) -> bool:
    """Whether the parameter is free of constraints and can have the value without a signal."""
    index = likelihood.index(name)
    lower, upper = likelihood.bounds[:, index]
    return likelihood.specification.parameters[index].constraint is None and bool(lower <= null <= upper)


def _negative(likelihood: Likelihood, theta: FloatArray) -> tuple[str, ...]:
    return tuple(
        f"{sample} bin {i}"
        for sample, rates in sorted(likelihood.sample_rates(theta).items())
        for i in np.flatnonzero(rates < 0)
    )
