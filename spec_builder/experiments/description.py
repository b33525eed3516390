"""What an experiment is: channels with their data, response, signal, backgrounds and uncertainties.

The classes hold numbers only; :mod:`spec_builder.experiments.reading` makes them from ``experiment.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.printing import counted
from spec_builder.base.text import Described, Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.text import Column
    from spec_builder.experiments.response import Response
    from spec_builder.physics.sources import Source
    from spec_builder.physics.targets import Target

__all__ = [
    "SIGNAL_SAMPLE",
    "Axis",
    "Background",
    "Channel",
    "Experiment",
    "LimitsLaw",
    "Normalisation",
    "Run",
    "Signal",
]

#: Name of the signal's sample where a channel has one.
SIGNAL_SAMPLE = "cevns"

_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Axis:
    """One observable that is histogrammed.

    Attributes:
        name: e.g. ``cS2``.
        unit: e.g. ``PE``.
        edges: bin edges by the name of the run, each of shape (bins + 1,). Bins of the runs are added by index.
    """

    name: str
    unit: str
    edges: Mapping[str, FloatArray]

    @property
    def bins(self) -> int:
        """Number of bins along the axis."""
        return next(iter(self.edges.values())).size - 1

    @property
    def common_edges(self) -> FloatArray | None:
        """The edges that all runs share, shape (bins + 1,); None if they differ."""
        first, *others = self.edges.values()
        return first if all(np.array_equal(first, edges) for edges in others) else None


@dataclass(frozen=True)
class Run:
    """One period of data taking.

    Attributes:
        name: e.g. ``sr0``.
        exposure: tonne-years for a source with a flux, tonnes for a source with a fluence.
    """

    name: str
    exposure: float


@dataclass(frozen=True)
class Normalisation:
    """The signal's size: this many events of the Standard Model at this flux.

    Attributes:
        events: events in the whole channel.
        flux_1e6_cm2_s1: the flux that they belong to, None for the source's own.
    """

    events: float
    flux_1e6_cm2_s1: float | None


@dataclass(frozen=True)
class Signal:
    """One sample of the signal.

    Attributes:
        name: the sample's name.
        components: the source's components in it, all of them if None.
        factor: the normfactor on it, such as ``mu_8b``; None if it has none.
        uncertainties: relative size by parameter name; a name that two experiments use is one shared parameter.
    """

    name: str
    components: tuple[str, ...] | None
    factor: str | None
    uncertainties: Mapping[str, float]


@dataclass(frozen=True)
class Background:
    """A background component.

    Attributes:
        name: the sample's name.
        expected: events per bin, shape (bins,).
        uncertainties: relative size by parameter name.
        absolute_uncertainties: size in events of the whole channel by parameter name; added, whatever the law.
        free: whether its size is a free parameter without prior.
    """

    name: str
    expected: FloatArray
    uncertainties: Mapping[str, float]
    absolute_uncertainties: Mapping[str, float] = field(default_factory=dict)
    free: bool = False


@dataclass(frozen=True, repr=False)
class Channel(Described):
    """One histogram of an experiment: what reaches it and what was seen.

    Attributes:
        name: the channel's name in workspaces.
        source: where the neutrinos come from.
        target: what they scatter on.
        axes: one or two observables; the first one is the outer one in the list of bins.
        runs: periods of data taking; bins are summed over them by index.
        observed: counts per bin, shape (bins,).
        response: how recoils become events. Where ``timing`` is given it has the bins of the first axis only.
        variations: for each shape parameter the response at +1 and at -1.
        timing: for each timing group of the source the fraction of its events in the bins of the second axis.
        normalisation: the signal's size, or None to take the response as it is.
        signals: samples of the signal.
        backgrounds: the background components.
    """

    name: str
    source: Source
    target: Target
    axes: tuple[Axis, ...]
    runs: tuple[Run, ...]
    observed: FloatArray
    response: Response
    normalisation: Normalisation | None
    signals: tuple[Signal, ...]
    backgrounds: tuple[Background, ...]
    variations: Mapping[str, tuple[Response, Response]] = field(default_factory=dict)
    timing: Mapping[str, FloatArray] | None = None

    def report(self) -> Report:
        """What it is; a row for each bin."""
        axes = ", ".join(f"{axis.name} [{axis.unit}], {counted(axis.bins, 'bin')}" for axis in self.axes)
        facts = {
            "source": self.source.name,
            "target": self.target.name,
            "exposure": f"{self.exposure:.6g} {self.exposure_unit}",
            "axes": axes,
            "signals": ", ".join(signal.name for signal in self.signals),
        }
        columns: dict[str, Column] = {"bin": np.arange(self.bins), "observed": self.observed}
        columns |= {background.name: background.expected for background in self.backgrounds}
        title = f"{self.name}: {self.source.name} on {self.target.name}, {counted(self.bins, 'bin')}"
        return Report(title, facts, columns)

    @property
    def bins(self) -> int:
        """Number of bins of all axes."""
        return int(self.observed.size)

    @property
    def samples(self) -> tuple[Signal | Background, ...]:
        """Signals and backgrounds."""
        return (*self.signals, *self.backgrounds)

    @property
    def exposure(self) -> float:
        """Exposure of all runs."""
        return sum(run.exposure for run in self.runs)

    @property
    def exposure_key(self) -> str:
        """``exposure_t_yr``, or ``exposure_t`` for a source with a fluence."""
        return "exposure_t_yr" if self.source.kind == "flux" else "exposure_t"

    @property
    def exposure_unit(self) -> str:
        """Unit of the exposure."""
        return "t yr" if self.source.kind == "flux" else "t"

    @property
    def exposures(self) -> tuple[float, ...]:
        """Exposure of each run."""
        return tuple(run.exposure for run in self.runs)

    def resized(self, sizes: Mapping[str, float]) -> Channel:
        """The same channel with other relative sizes of uncertainties, by parameter name, wherever they stand."""

        def own(sample: Signal | Background) -> dict[str, float]:
            return {name: sizes.get(name, size) for name, size in sample.uncertainties.items()}

        signals = tuple(replace(signal, uncertainties=own(signal)) for signal in self.signals)
        backgrounds = tuple(replace(background, uncertainties=own(background)) for background in self.backgrounds)
        return replace(self, signals=signals, backgrounds=backgrounds)

    def scaled(self, exposure: float = 1.0, backgrounds: Mapping[str, float] = _NOTHING) -> Channel:
        """The same channel with another exposure; see :meth:`Experiment.scaled`."""
        size = self.normalisation
        return replace(
            self,
            runs=tuple(replace(run, exposure=run.exposure * exposure) for run in self.runs),
            observed=np.rint(self.observed * exposure),
            normalisation=None if size is None else replace(size, events=size.events * exposure),
            backgrounds=tuple(_scaled(b, exposure, exposure * backgrounds.get(b.name, 1.0)) for b in self.backgrounds),
        )


def _scaled(background: Background, exposure: float, factor: float) -> Background:
    return replace(
        background,
        expected=background.expected * factor,
        absolute_uncertainties={name: events * exposure for name, events in background.absolute_uncertainties.items()},
    )


@dataclass(frozen=True)
class LimitsLaw:
    """The one law that limits may be made with, and why.

    Attributes:
        law: ``normsys`` or ``linear``.
        reason: a clause, for messages.
    """

    law: str
    reason: str


@dataclass(frozen=True, repr=False)
class Experiment(Described):
    """A complete description.

    Attributes:
        name: e.g. ``xenonnt``.
        title: for figures and tables.
        references: papers and data releases.
        data_sets: the data that it holds, by release and selection; the same data may stand in an analysis once.
        licence: of the tables, '' if it is not stated.
        attribution: whom the tables are to be attributed to, and where they are from; '' if it is not stated.
        channels: its histograms.
        variant: name of the chosen variant, None for the default.
        variants: description of each variant by name.
        by_construction: what agrees with something because it was chosen to, one text for each.
        limits_law: the law that limits need, None if either will do.
        statuses: status of each table by what it holds.
        sources: source of each table by what it holds.
        folder: where it was read from.
    """

    name: str
    title: str
    references: tuple[str, ...]
    data_sets: tuple[str, ...]
    licence: str
    attribution: str
    channels: tuple[Channel, ...]
    variant: str | None
    variants: Mapping[str, str]
    by_construction: tuple[str, ...]
    limits_law: LimitsLaw | None
    statuses: Mapping[str, str]
    sources: Mapping[str, str]
    folder: Path

    def report(self) -> Report:
        """What it is and where it comes from; a row for each channel."""
        variants = ", ".join(self.variants) or "none"
        facts = {
            "references": "; ".join(self.references),
            "variant": f"{self.variant or 'default'} (there are: {variants})",
            "licence": self.licence or "not stated",
            "by construction": "; ".join(self.by_construction) or "nothing",
        }
        return Report(f"{self.name}: {self.title}", facts, channel_columns(self.channels))

    @property
    def bins(self) -> int:
        """Number of bins of all channels."""
        return sum(channel.bins for channel in self.channels)

    def scaled(self, exposure: float = 1.0, backgrounds: Mapping[str, float] = _NOTHING) -> Experiment:
        """The same experiment with another exposure or other backgrounds, for projections.

        Signal and backgrounds grow with the exposure. So do the observed counts, rounded to whole numbers: they
        stand in for data that do not exist, and ``sources`` says so.

        Args:
            exposure: factor on the exposure of every run.
            backgrounds: further factor by the name of a background.

        Examples:
            >>> from spec_builder.experiments.reading import load_experiment
            >>> load_experiment("pandax4t").scaled(exposure=10).channels[0].runs[0].exposure
            10.4
        """
        scaled = tuple(channel.scaled(exposure, backgrounds) for channel in self.channels)
        text = f"observed counts times {exposure:g}, rounded: no data of such an exposure exist; "
        sources = {
            what: text + source if exposure != 1 and what.endswith("observed") else source
            for what, source in self.sources.items()
        }
        return replace(self, channels=scaled, sources=sources)


def channel_columns(channels: Sequence[Channel]) -> dict[str, Column]:
    """What channels are, a row each: for the report of what holds them."""
    return {
        "channel": [channel.name for channel in channels],
        "source": [channel.source.name for channel in channels],
        "target": [channel.target.name for channel in channels],
        "bins": [channel.bins for channel in channels],
        "observed": [float(channel.observed.sum()) for channel in channels],
        "exposure": [f"{channel.exposure:.6g} {channel.exposure_unit}" for channel in channels],
        "backgrounds": [", ".join(background.name for background in channel.backgrounds) for channel in channels],
    }
