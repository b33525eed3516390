"""Toys: data sets drawn at a hypothesis, and the statistic of each.

The ensemble is unconditional: counts and the auxiliary data of the free parameters fluctuate. Toys come in chunks of
a constant number, and what a chunk draws is a function of the seed, the stream (the number of the hypothesis, as a
rule) and the chunk's number alone: it does not matter who computes it, or when.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from spec_builder.base.chunks import MemoryStore, Work, compute_chunks
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_whole
from spec_builder.base.names import unknown_name
from spec_builder.base.printing import percent
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.data import Data
from spec_builder.inference.global_minima import global_minima
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.row_model import BATCH
from spec_builder.inference.rows import saturated

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Sequence

    from spec_builder.base.arrays import BoolArray, Columns, FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.histfactory.specification import Specification

__all__ = [
    "ENSEMBLES",
    "TOYS_MODULES",
    "TOYS_PER_CHUNK",
    "Chunk",
    "Ensemble",
    "ToyChunk",
    "Toys",
    "check_toys",
    "chunk_sizes",
    "collect",
    "compute_toys",
    "draw",
    "ensemble_start",
    "fit_toys",
    "generator_of",
    "hypotheses",
    "hypothesis",
    "throw",
]

Ensemble = Literal["profiled", "nominal"]
#: Where the nuisance parameters of a hypothesis are: at their best values for the observed data, or at nominal ones.
ENSEMBLES: tuple[Ensemble, ...] = get_args(Ensemble)
#: What worker processes need to throw them.
TOYS_MODULES = ("spec_builder.inference.exclusion_by_toys",)
#: Streams of random numbers by their purpose.
GRID_STREAM, COVERAGE_STREAM, CRITICAL_STREAM, GOODNESS_STREAM, NULL_STREAM = range(1, 6)
#: Toys of a chunk: a whole batch of the minimiser.
TOYS_PER_CHUNK = BATCH
#: Largest mean that a Poisson number is drawn for: its rounding is still far below one.
_LARGEST_MEAN = 1e15
#: A free minimum may lie above one with the parameter held by this much: rounding.
_ROUNDING = 1e-6
#: A number of toys that is whole but for rounding.
_WHOLE = 1e-6
#: Largest share of toys whose fits may not be valid.
_MOST_LOST = 1e-3
#: Toys at a value: five standard deviations need fewer.
MOST_TOYS = 10_000_000
_LARGEST_SEED = 2**128 - 1
#: Characters of a number in a message.
_SHOWN = 40


def check_toys(toys: int, seed: int, cl: float | None = None) -> None:
    """Refuse a number of toys or a seed that is none, and fewer toys than a critical value needs.

    Args:
        toys: how many.
        seed: of the random numbers.
        cl: confidence level of a critical value. At least one toy has to lie beyond it.

    Raises:
        SpecBuilderError: saying what was expected.
    """
    check_whole("toys", toys)
    check_whole("seed", seed)
    if toys < 1:
        raise SpecBuilderError(f"toys {toys}: expected at least 1")
    if toys > MOST_TOYS:
        raise SpecBuilderError(f"toys {toys}: expected at most {MOST_TOYS}")
    if seed > _LARGEST_SEED:
        raise SpecBuilderError(f"seed {str(seed)[:_SHOWN]}: expected at most {_LARGEST_SEED}")
    if seed < 0:
        raise SpecBuilderError(f"seed {seed}: expected a number >= 0")
    if cl is None:
        return
    needed = math.ceil(1 / (1 - cl) - _WHOLE)
    if toys < needed:
        raise SpecBuilderError(f"toys {toys}: too few for {percent(cl)} CL, expected at least {needed}")


def chunk_sizes(toys: int) -> list[int]:
    """How many toys each chunk keeps: all of a chunk's but in the last one.

    Examples:
        >>> chunk_sizes(5000)
        [2048, 2048, 904]
    """
    return [min(TOYS_PER_CHUNK, toys - begin) for begin in range(0, toys, TOYS_PER_CHUNK)]


def generator_of(seed: int, stream: Sequence[int], chunk: int) -> np.random.Generator:
    """The random numbers of one chunk."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*stream, chunk)))


def hypotheses(
    likelihood: Likelihood, parameter: str, values: FloatArray, ensemble: Ensemble = "profiled"
) -> FloatArray:
    """Parameters that toys are thrown at for each value of one of them, shape (N, P).

    Args:
        likelihood: the model with the observed data.
        parameter: the parameter of interest.
        values: its values, shape (N,).
        ensemble: ``profiled``: the others minimise 2NLL of the observed data; ``nominal``: those with auxiliary data
            stand at them, and only the rest minimise it.

    Raises:
        SpecBuilderError: for an unknown ensemble, or where no fit converges.
    """
    own = likelihood.index(parameter)
    start, fixed = ensemble_start(likelihood, ensemble, parameter)
    start = np.tile(start, (len(values), 1))
    start[:, own] = values
    fits = minimise(likelihood, start=start, fixed=(parameter, *fixed))
    if not fits.valid.all():
        bad = float(values[int(np.argmin(fits.valid))])
        raise SpecBuilderError(f"toys: no fit of the observed data converges at {parameter} = {bad:g}")
    return fits.theta


def hypothesis(likelihood: Likelihood, ensemble: Ensemble = "profiled") -> FloatArray:
    """Parameters of a model without a parameter of interest that toys are thrown at, shape (P,).

    Raises:
        SpecBuilderError: for an unknown ensemble, or if no fit converges.
    """
    start, fixed = ensemble_start(likelihood, ensemble, None)
    fits = minimise(likelihood, start=start[None], fixed=fixed)
    if not fits.valid[0]:
        raise SpecBuilderError("toys: no fit of the observed data converges")
    theta: FloatArray = fits.theta[0]
    return theta


def ensemble_start(
    likelihood: Likelihood, ensemble: Ensemble, parameter: str | None
) -> tuple[FloatArray, tuple[str, ...]]:
    """Where the fit of a hypothesis starts, shape (P,), and which nuisance parameters are kept there."""
    if ensemble not in ENSEMBLES:
        raise unknown_name("ensemble", ensemble, ENSEMBLES)
    start, fixed = likelihood.init.copy(), []
    if ensemble == "nominal":
        for i, mean in zip(likelihood.constrained(), _nominal(likelihood), strict=True):
            name = likelihood.parameters[i]
            if i in likelihood.free and name != parameter:
                start[i] = mean
                fixed.append(name)
    return start, tuple(fixed)


def _nominal(likelihood: Likelihood) -> list[float]:
    """Where the auxiliary data put each constrained parameter."""
    constraints = [spec.constraint for spec in likelihood.specification.parameters if spec.constraint]
    return [c.auxiliary / c.scale if c.kind == "poisson" else c.auxiliary for c in constraints]


def draw(
    likelihood: Likelihood,
    theta: FloatArray,
    generator: np.random.Generator,
    count: int,
    rates: FloatArray | None = None,
) -> Data:
    """Draw data sets: counts first, then auxiliary data.

    The auxiliary data of parameters that the model holds stay as they are: they would only add the same number to
    every 2NLL.

    Args:
        likelihood: the model.
        theta: its parameters, shape (P,).
        generator: of random numbers.
        count: N, the data sets to draw.
        rates: expected events (bins,); those of the model at theta by default.

    Raises:
        SpecBuilderError: if a rate is negative, not finite, or too large to draw counts for.
    """
    if rates is None:
        rates = likelihood.rates(theta)[0]
    _refuse_rates(likelihood, rates)
    observed = generator.poisson(rates[:, None], (rates.size, count)).astype(np.float64)
    auxiliary = np.repeat(Data.of(likelihood).auxiliary, count, axis=1)
    for k, i in enumerate(likelihood.constrained()):
        constraint = likelihood.specification.parameters[i].constraint
        if constraint is None or i not in likelihood.free:
            continue
        if constraint.kind == "normal":
            auxiliary[k] = generator.normal(theta[i], constraint.scale, count)
        else:
            auxiliary[k] = generator.poisson(theta[i] * constraint.scale, count)
    return Data(observed, auxiliary)


def _refuse_rates(likelihood: Likelihood, rates: FloatArray) -> None:
    bad = np.flatnonzero(~((rates >= 0) & (rates <= _LARGEST_MEAN)))
    if bad.size:
        where = likelihood.bin_name(int(bad[0]))
        raise SpecBuilderError(
            f"toys: {where}: the rate at the hypothesis is {rates[bad[0]]:g}, expected a number from 0 to 1e15"
        )


def fit_toys(likelihood: Likelihood, parameter: str, theta: FloatArray, data: Data) -> Columns:
    """The statistic t = 2NLL with the parameter held at its true value, less the least 2NLL, of each data set.

    Args:
        likelihood: the model.
        parameter: the parameter of interest.
        theta: the truth, shape (P,).
        data: N data sets.

    Returns:
        Columns of shape (N,): ``statistic``, ``best`` (the parameter at the minimum), ``chi2`` (the least 2NLL less
        its saturated value) and ``valid``.
    """
    held = minimise(likelihood, start=theta[None], fixed=(parameter,), rows=data.rows())
    free = global_minima(likelihood, parameter, data, held)
    statistic = held.twice_nll - free.twice_nll
    return {
        "statistic": np.maximum(statistic, 0.0),
        "best": free.theta[:, likelihood.index(parameter)],
        "chi2": free.twice_nll - saturated(likelihood.specification, data.observed, data.auxiliary),
        "valid": held.valid & free.valid & (statistic > -_ROUNDING),
    }


# ---------------------------------------------------------------------- chunks


@dataclass(frozen=True)
class ToyChunk:
    """A chunk of toys at one hypothesis, as executors get it.

    Attributes:
        specification: the model.
        parameter: the parameter of interest.
        theta: the hypothesis, shape (P,).
        seed: of the random numbers.
        stream: the number of the hypothesis among those that share a seed, and what else tells it from others.
        chunk: its number.
        count: toys that are kept of it.
    """

    specification: Specification
    parameter: str
    theta: FloatArray
    seed: int
    stream: tuple[int, ...]
    chunk: int
    count: int

    def compute(self) -> Columns:
        """Draw the toys and fit them; see :func:`fit_toys`."""
        likelihood = Likelihood(self.specification)
        data = draw(likelihood, self.theta, generator_of(self.seed, self.stream, self.chunk), TOYS_PER_CHUNK)
        return fit_toys(likelihood, self.parameter, self.theta, data.take(slice(0, self.count)))


@dataclass(frozen=True)
class Toys:
    """Toys of one hypothesis whose fits are valid.

    Attributes:
        statistic: t at the truth, shape (N,).
        best: the parameter at each toy's minimum, shape (N,).
        chi2: the least 2NLL less its saturated value, shape (N,).
        lost: toys without a valid fit, which are left out.
    """

    statistic: FloatArray
    best: FloatArray
    chi2: FloatArray
    lost: int

    @property
    def count(self) -> int:
        """N."""
        return int(self.statistic.size)


def throw(
    likelihood: Likelihood,
    parameter: str,
    truths: FloatArray,
    *,
    toys: int,
    seed: int,
    streams: Sequence[tuple[int, ...]] | None = None,
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> list[Toys]:
    """Throw and fit toys at several hypotheses.

    Args:
        likelihood: the model.
        parameter: the parameter of interest.
        truths: the hypotheses, shape (H, P); from :func:`hypotheses`.
        toys: how many at each.
        seed: of the random numbers.
        streams: what tells the hypotheses apart, H different ones; their numbers by default.
        executor: any ``concurrent.futures.Executor``; None computes here. The result does not depend on it.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for a number of toys or a seed that is none, or if too many toys have no valid fit.
    """
    check_toys(toys, seed)
    own = [(h,) for h in range(len(truths))] if streams is None else streams
    chunks = [
        ToyChunk(likelihood.specification, parameter, truth, seed, stream, c, size)
        for truth, stream in zip(truths, own, strict=True)
        for c, size in enumerate(chunk_sizes(toys))
    ]
    return compute_toys(chunks, executor=executor, store=store, report=report)


class Chunk(Work, Protocol):
    """Work on a chunk of toys, which tells the hypotheses apart."""

    @property
    def stream(self) -> tuple[int, ...]:
        """The same for chunks of one hypothesis, which stand together."""


def compute_toys(
    chunks: Sequence[Chunk],
    *,
    executor: concurrent.futures.Executor | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> list[Toys]:
    """The toys of each hypothesis from chunks of work; see :func:`throw`."""
    kept = MemoryStore() if store is None else store
    compute_chunks([partial(_itself, chunk) for chunk in chunks], kept, executor=executor, report=report)
    found = []
    for _, members in itertools.groupby(range(len(chunks)), key=lambda index: chunks[index].stream):
        found.append(collect(kept, list(members)))
    return found


def _itself(chunk: Chunk) -> Chunk:
    return chunk


def collect(store: Store, indices: Sequence[int]) -> Toys:
    """The toys of one hypothesis from its chunks.

    Raises:
        SpecBuilderError: if more than one toy in a thousand has no valid fit.
    """
    columns = {
        name: np.concatenate([store.load(index, name) for index in indices])
        for name in ("statistic", "best", "chi2", "valid")
    }
    valid: BoolArray = columns.pop("valid")
    lost = int(np.sum(~valid))
    if lost > max(_MOST_LOST * valid.size, 1):
        raise SpecBuilderError(f"toys: {lost} of {valid.size} have no valid fit, expected at most one in a thousand")
    return Toys(columns["statistic"][valid], columns["best"][valid], columns["chi2"][valid], lost)
