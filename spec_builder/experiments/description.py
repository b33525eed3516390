"""What is known of an experiment: data, response, backgrounds and their uncertainties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.response import Response

__all__ = ["Background", "Experiment", "Normalisation", "Observable", "Run"]

SIGNAL_SAMPLE = "cevns"


@dataclass(frozen=True)
class Observable:
    """What is histogrammed: its name and unit."""

    name: str
    unit: str


@dataclass(frozen=True)
class Run:
    """One period of data taking.

    Attributes:
        name: e.g. ``sr0``.
        exposure_t_yr: tonne-years.
        bin_edges: edges of the observable's bins, shape (bins + 1,).
    """

    name: str
    exposure_t_yr: float
    bin_edges: FloatArray


@dataclass(frozen=True)
class Normalisation:
    """The signal's size: this many events at this flux."""

    events: float
    flux_1e6_cm2_s1: float


@dataclass(frozen=True)
class Background:
    """A background component.

    Attributes:
        name: the sample's name.
        expected: events per bin, shape (bins,).
        uncertainties: relative size by parameter name.
    """

    name: str
    expected: FloatArray
    uncertainties: Mapping[str, float]


@dataclass(frozen=True)
class Experiment:
    """A complete description: data, response, signal normalisation, backgrounds, uncertainties.

    Attributes:
        name: e.g. ``xenonnt``.
        title: for figures and tables.
        references: papers and data releases.
        channel: the channel's name in workspaces.
        observable: what is histogrammed.
        runs: periods of data taking; bins are summed over them by index.
        observed: counts per bin, shape (bins,).
        response: how recoils become events.
        normalisation: the signal's size, or None to take the response as it is.
        signal_uncertainties: relative size by parameter name; a name shared with another experiment is one
            shared parameter.
        backgrounds: the background components.
        variant: name of the chosen variant, None for the default.
        variants: description of each variant by name.
        by_construction: what agrees with the paper because it was chosen to, '' if nothing.
        licence: of the tables, '' if it is not stated.
        statuses: status of each table by what it holds.
        folder: where it was read from.
    """

    name: str
    title: str
    references: tuple[str, ...]
    channel: str
    observable: Observable
    runs: tuple[Run, ...]
    observed: FloatArray
    response: Response
    normalisation: Normalisation | None
    signal_uncertainties: Mapping[str, float]
    backgrounds: tuple[Background, ...]
    variant: str | None
    variants: Mapping[str, str]
    by_construction: str
    licence: str
    statuses: Mapping[str, str]
    sources: Mapping[str, str]
    folder: Path

    @property
    def bins(self) -> int:
        """Number of bins."""
        return int(self.observed.size)

    @property
    def exposure_t_yr(self) -> float:
        """Tonne-years of all runs."""
        return sum(run.exposure_t_yr for run in self.runs)
