"""Fits of many bins, to be read: the projection on the first observable, and the bins richest in signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from spec_builder.figures.spectra import poisson_interval
from spec_builder.figures.style import PALETTE, STYLE, by_construction_note, display_name, small_print

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult

__all__ = ["Bins", "draw_bins", "fitted_bins", "projected", "ranked"]

#: Bins that are shown by rank.
_RANKED = 24
_SIGNAL_COLOR = "#CC79A7"
#: Of the figure's height: names of bins, and the small print.
_ROOM_BELOW = 0.34


@dataclass(frozen=True)
class Bins:
    """Bins with what is expected in them and what was seen.

    Attributes:
        names: of each bin.
        observed: counts, shape (bins,).
        backgrounds: events by name, each of shape (bins,).
        signal: events of all signal samples, shape (bins,).
    """

    names: tuple[str, ...]
    observed: FloatArray
    backgrounds: Mapping[str, FloatArray]
    signal: FloatArray


def fitted_bins(analysis: Analysis, result: FitResult) -> Bins:
    """All bins of an analysis at the minimum of a fit, in the order of its channels.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of a parameter of the Standard Model.
    """
    likelihood = analysis.likelihood(result.fit.parameter)
    rates = likelihood.sample_rates(np.array([result.fit.theta[name] for name in likelihood.parameters]))
    places = [likelihood.specification.channels[channel.name] for channel in analysis.channels]
    order = np.concatenate([np.arange(place.start, place.stop) for place in places])
    signals = {signal.name for channel in analysis.channels for signal in channel.signals}
    backgrounds = {name: rates[name][order] for name in rates if name not in signals}
    signal = np.sum([rates[name][order] for name in signals], axis=0)
    labels = tuple(f"{channel.name} {i}" for channel in analysis.channels for i in range(channel.bins))
    return Bins(labels, likelihood.observed[order], backgrounds, signal)


def projected(analysis: Analysis, bins: Bins) -> Bins:
    """The same summed over the second axis of each channel."""
    names, groups, place = [], [], 0
    for channel in analysis.channels:
        first = channel.axes[0].bins
        width = channel.bins // first
        names += [f"{channel.name} {i}" for i in range(first)]
        groups += [np.arange(place + i * width, place + (i + 1) * width) for i in range(first)]
        place += channel.bins
    return _gathered(bins, names, groups)


def ranked(bins: Bins, count: int = _RANKED) -> Bins:
    """The bins with the largest ratio of signal to background, the largest first."""
    background = np.sum(list(bins.backgrounds.values()), axis=0)
    ratio = bins.signal / np.maximum(background, np.finfo(np.float64).tiny)
    order = np.argsort(-ratio, kind="stable")[:count]
    return _gathered(bins, [bins.names[i] for i in order], [np.array([i]) for i in order])


def _gathered(bins: Bins, names: Sequence[str], groups: Sequence[IndexArray]) -> Bins:
    def sums(values: FloatArray) -> FloatArray:
        return np.array([values[group].sum() for group in groups])

    backgrounds = {name: sums(values) for name, values in bins.backgrounds.items()}
    return Bins(tuple(names), sums(bins.observed), backgrounds, sums(bins.signal))


def draw_bins(analysis: Analysis, result: FitResult) -> Figure:
    """Data over stacked backgrounds and signal: projected on the first observable, and in the bins richest in signal.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of a parameter of the Standard Model.
    """
    bins = fitted_bins(analysis, result)
    projection, rank = projected(analysis, bins), ranked(bins)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 5.2), layout=None)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.8))
        _draw(left, projection)
        _draw(right, rank)
        observable = " and ".join(dict.fromkeys(channel.axes[0].name for channel in analysis.channels))
        left.set_title(f"summed over all but {observable}", fontsize=9)
        right.set_title(f"{len(rank.names)} of {len(bins.names)} bins: the largest signal to background", fontsize=9)
        right.legend(loc="upper right", ncols=2)
        notes = [f"{result.report().title}; {result.provenance.line}; error bars: central 68 % Poisson intervals."]
        small_print(figure, [*notes, by_construction_note([result.provenance])])
        figure.subplots_adjust(left=0.07, right=0.985, top=0.91, bottom=_ROOM_BELOW, wspace=0.14)
    return figure


def _draw(panel: Axes, bins: Bins) -> None:
    edges = np.arange(len(bins.names) + 1) - 0.5
    bottom = np.zeros(len(bins.names))
    layers = [
        (name, events, line.color) for (name, events), line in zip(bins.backgrounds.items(), PALETTE, strict=False)
    ]
    for name, events, color in [*layers, ("signal, best fit", bins.signal, _SIGNAL_COLOR)]:
        top = bottom + events
        panel.stairs(top, edges, baseline=bottom, fill=True, facecolor=color, label=display_name(name))
        bottom = top
    panel.stairs(bottom, edges, color="black", linewidth=1.0, label="total")
    down, up = poisson_interval(bins.observed)
    seen = bins.observed > 0  # an empty bin's interval would hide the others
    panel.errorbar(
        np.flatnonzero(seen), bins.observed[seen], yerr=[down[seen], up[seen]], fmt="ko", markersize=3.5, label="data"
    )
    panel.set_xticks(np.arange(len(bins.names)), bins.names, rotation=90, fontsize=6)
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(0, 1.25 * float(max((bins.observed + up)[seen].max(initial=0), bottom.max())))
    panel.set_ylabel("events / bin")
