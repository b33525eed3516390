"""Fits of many bins, to be read: the projection on the first observable, and the bins richest in signal."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown
from spec_builder.drawing.page import Page, entries_of, legend_above, new_figure, styled, width_of
from spec_builder.drawing.spectra import BACKGROUND_LOOKS, SIGNAL_COLORS, Layer, counts_text, draw_counts, draw_stack
from spec_builder.drawing.style import display_name, plain, sample_name
from spec_builder.figures.pages import caption_of
from spec_builder.figures.spectra import can_be_spectra, draw_spectra, fit_text
from spec_builder.inference.fit import Fit
from spec_builder.model.given import as_analysis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.studies.fits import FitResult

__all__ = ["Bins", "draw_bins", "draw_fit", "fitted_bins", "projected", "ranked"]

#: Bins that are shown by rank.
_RANKED = 24
#: Letters of a bin's name, which stands on its side.
_LETTERS = 24


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


def draw_fit(analysis: GivenAnalysis, result: FitResult, *, width: str | None = None) -> Page:
    """Data over the samples of a fit: spectra, or of too many bins the projection and the bins richest in signal.

    Args:
        analysis: the one that was fitted: loaded, or by its name.
        result: its fit of a parameter of the Standard Model.
        width: ``single`` or ``double``; what the panels need by default.

    Raises:
        SpecBuilderError: for what is no fit of the analysis, or another width.
    """
    loaded = as_analysis(analysis)
    fit = getattr(result, "fit", None)
    if not isinstance(fit, Fit) or fit.parameter not in loaded.parameters or result.provenance.analysis != loaded.name:
        raise SpecBuilderError(f"result {shown(result)}: expected a fit of a parameter of {loaded.name}")
    if width is not None:
        width_of(width)
    return (draw_spectra if can_be_spectra(loaded) else draw_bins)(loaded, result, width=width)


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


def draw_bins(analysis: Analysis, result: FitResult, *, width: str | None = None) -> Page:
    """Data over stacked backgrounds and signal: projected on the first observable, and in the bins richest in signal.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of a parameter of the Standard Model.
        width: ``single`` or ``double``, which it is by default.
    """
    bins = fitted_bins(analysis, result)
    projection, rank = projected(analysis, bins), ranked(bins)
    size = width or "double"
    with styled():
        figure = new_figure(size, 3.4 if size == "double" else 6.4)
        if size == "double":
            left, right = figure.subplots(1, 2, width_ratios=(1, 1.7))
        else:
            left, right = figure.subplots(2, 1)
        _draw(left, projection)
        _draw(right, rank)
        observable = " and ".join(dict.fromkeys(channel.axes[0].name for channel in analysis.channels))
        left.set_title(f"summed over all but {observable}")
        right.set_title(f"{len(rank.names)} of {len(bins.names)} bins: the largest signal to background")
        legend_above(figure, entries_of([right]), 6 if size == "double" else 3)
    what = f"{counts_text(len(bins.names), empty=False)} over the samples after the fit, stacked."
    return Page(figure, caption_of(f"Bins of {display_name(analysis.name)}: {fit_text(result)}", [result], what))


def _draw(panel: Axes, bins: Bins) -> None:
    places = np.arange(len(bins.names), dtype=np.float64)
    edges: FloatArray = np.append(places, places.size) - 0.5
    layers = [
        Layer(sample_name(name), events, *look)
        for (name, events), look in zip(bins.backgrounds.items(), itertools.cycle(BACKGROUND_LOOKS), strict=False)
    ]
    layers.append(Layer("signal", bins.signal, SIGNAL_COLORS[0], "////"))
    total = draw_stack(panel, edges, layers)
    tops = draw_counts(panel, places, bins.observed, empty=False)  # its interval would hide others
    names = [plain(name.replace("_", " "), _LETTERS) for name in bins.names]
    panel.set_xticks(np.arange(len(names)), names, rotation=90)
    panel.tick_params(axis="x", labelsize=6)
    panel.set_ylim(0, 1.15 * float(max(tops.max(initial=0), total.max())))
    panel.set_ylabel("events / bin")
