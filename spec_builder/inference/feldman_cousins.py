"""Intervals, significance and goodness of fit by toys, after Feldman and Cousins, without CLs.

G. J. Feldman and R. D. Cousins, Phys. Rev. D 57 (1998) 3873, arXiv:physics/9711021. The statistic of a value mu is
t(mu) = 2NLL(mu) - min 2NLL, the minimum within the parameter's domain: their ordering by the ratio of likelihoods. A
value is accepted if t of the observed data is not above the critical value, which the given share of toys thrown at mu
does not exceed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.chunks import MemoryStore
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.acceptance import Acceptance, accept, finer_values
from spec_builder.inference.critical_values import CriticalValue, PValue, critical_values, default_values, p_value
from spec_builder.inference.fit import may_be_absent
from spec_builder.inference.observed import Observed
from spec_builder.inference.profile import threshold
from spec_builder.inference.toys import GOODNESS_STREAM, GRID_STREAM, NULL_STREAM, check_toys, hypotheses, throw

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.toys import Ensemble, Toys

__all__ = ["FeldmanCousins", "feldman_cousins"]


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
    tested = null is not None and null_height is not None and np.isfinite(null_height)
    more = np.array([observed.value, null] if tested else [observed.value], dtype=np.float64)
    kept = MemoryStore() if store is None else store

    def thrown_at(truths: FloatArray, streams: Sequence[tuple[int, ...]]) -> list[Toys]:
        """Toys of hypotheses; those that are in the store are not thrown again."""
        return throw(
            likelihood,
            parameter,
            truths,
            toys=toys,
            seed=seed,
            streams=streams,
            executor=executor,
            store=kept,
            report=report,
        )

    truths = hypotheses(likelihood, parameter, np.append(grid, more), ensemble)
    streams = [(GRID_STREAM, i) for i in range(grid.size)] + [(GOODNESS_STREAM, 0), (NULL_STREAM, 0)][: len(more)]
    thrown = thrown_at(truths, streams)
    on_grid, others = thrown[: grid.size], thrown[grid.size :]
    critical = critical_values(observed, grid, on_grid, cl)
    accepted = accept(observed, critical, cl)
    if values is None and accepted.jumps:
        finer = finer_values(grid, accepted.jumps)
        truths = np.concatenate([truths, hypotheses(likelihood, parameter, finer, ensemble)])
        streams += [(GRID_STREAM, grid.size + i) for i in range(finer.size)]
        on_grid += thrown_at(truths, streams)[len(thrown) :]
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


def _problems(accepted: Acceptance, critical: Sequence[CriticalValue], observed: Observed) -> tuple[str, ...]:
    """Ends that are not known because the grid ends before the domain does."""
    problems = []
    last_values, edges = (critical[0].value, critical[-1].value), (observed.low, observed.high)
    for end, side, last, edge in zip(accepted.interval, ("lower", "upper"), last_values, edges, strict=True):
        if end is None and last != edge:
            problems.append(f"{side} end of the interval: not within the grid, which ends at {last:g}")
    return tuple(problems)
