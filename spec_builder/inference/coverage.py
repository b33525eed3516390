"""How often intervals cover the truth, measured with toys: those by Wilks' theorem and those by toys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.critical_values import TIE, critical_value
from spec_builder.inference.profile import threshold
from spec_builder.inference.toys import (
    COVERAGE_STREAM,
    CRITICAL_STREAM,
    Chunk,
    check_toys,
    compute_toys,
    hypotheses,
    throw,
)

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.mass_models import MassModel
    from spec_builder.inference.toys import Ensemble, Toys

__all__ = ["Coverage", "cover_at_mass", "coverage_of", "measure_coverage"]

#: Of toys whose coverage is asked for, and of those that give the critical values.
_STREAMS = (COVERAGE_STREAM, CRITICAL_STREAM)


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
    streams = [(stream, i) for stream in _STREAMS for i in range(count)]
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


def cover_at_mass(
    model: MassModel,
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
    """How often what limits at one mass leave (dof = 1) holds the true value.

    Args:
        model: at the mass.
        values: truths, of the model's variable, shape (N,).
        cl: confidence level of the limits.
        toys: at each truth; as many more give its critical value.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are.
        executor: any ``concurrent.futures.Executor``; None computes here.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys, a seed or a confidence level that is none, or fits that do not converge.
    """
    threshold(cl)
    check_toys(toys, seed, cl)
    work: list[Chunk] = []
    for stream in _STREAMS:
        work += model.chunks(values, ensemble, toys, seed, stream)
    thrown = compute_toys(work, executor=executor, store=store, report=report)
    return coverage_of(values, thrown[: values.size], thrown[values.size :], cl)


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
