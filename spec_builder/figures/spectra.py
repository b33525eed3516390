"""Spectra: data over stacked backgrounds and signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.special import gammaincinv

from spec_builder.figures.style import STYLE, by_construction_note, display_name, small_print

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel, Experiment
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult

__all__ = ["draw_spectra", "poisson_interval"]

_BACKGROUND_COLORS = ("#E69F00", "#56B4E9", "#F0E442", "#D55E00", "#999999")
_SIGNAL_COLOR = "#CC79A7"


def poisson_interval(counts: FloatArray, cl: float = 0.6827) -> tuple[FloatArray, FloatArray]:
    """Lengths (down, up) of the central (Garwood) interval of Poisson means, each of the shape of counts."""
    tail = (1 - cl) / 2
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 0.5), tail), 0.0)
    high = gammaincinv(counts + 1, 1 - tail)
    return counts - low, high - counts


def draw_spectra(analysis: Analysis, result: FitResult) -> Figure:
    """Fig. 1: data, stacked backgrounds and signal at the best fit of the flux, a panel for each experiment.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of the flux.
    """
    likelihood = analysis.likelihood("flux")
    theta = np.array([result.fit.theta[name] for name in likelihood.parameters])
    rates = likelihood.sample_rates(theta)
    with mpl.rc_context(STYLE):
        titles = {channel.name: _title(experiment, channel) for experiment, channel in analysis.pairs}
        count = len(analysis.channels)
        figure = Figure(figsize=(3.6 * count + 0.4, 3.6), layout=None)
        panels = figure.subplots(1, count, squeeze=False)[0]
        figure.subplots_adjust(left=0.09, right=0.985, top=0.9, wspace=0.22)
        for panel, channel in zip(panels, analysis.channels, strict=True):
            place = likelihood.specification.channels[channel.name]
            _draw_spectrum(panel, channel, {k: v[place] for k, v in rates.items() if v[place].any()})
            panel.set_title(titles[channel.name], fontsize=9)
        fit = result.fit
        flux = f"{fit.value:.2f} x 10$^6$ cm$^{{-2}}$ s$^{{-1}}$"
        choices = f"law {analysis.law}; error bars: central 68 % Poisson intervals."
        small_print(
            figure,
            [
                f"{display_name(analysis.name)} fit of the flux: {flux}; {choices}",
                by_construction_note([result.provenance]),
            ],
        )
    return figure


def _title(experiment: Experiment, channel: Channel) -> str:
    """Title of a channel's panel, with a star where something agrees by construction."""
    star = "*" if experiment.by_construction else ""
    name = experiment.title if len(experiment.channels) == 1 else f"{experiment.title}, {channel.name}"
    return f"{name}{star}, {channel.exposure:.3g} t yr"


def _draw_spectrum(panel: Axes, channel: Channel, rates: dict[str, FloatArray]) -> None:
    axis = channel.axes[0]
    common = axis.common_edges if len(channel.axes) == 1 else None
    edges = np.arange(channel.bins + 1) + 0.5 if common is None else common
    bottom = np.zeros(channel.bins)
    backgrounds = sorted((b.name for b in channel.backgrounds), key=lambda name: rates[name].sum())
    colors = dict(zip([b.name for b in channel.backgrounds], _BACKGROUND_COLORS, strict=False))
    for name in (*backgrounds, "cevns"):
        top = bottom + rates[name]
        panel.stairs(
            top,
            edges,
            baseline=bottom,
            fill=True,
            facecolor=_SIGNAL_COLOR if name == "cevns" else colors[name],
            edgecolor="black",
            linewidth=0.5,
            hatch="////" if name == "cevns" else None,
            label=display_name(name),
        )
        bottom = top
    panel.stairs(bottom, edges, color="black", linewidth=1.2, label="total")
    down, up = poisson_interval(channel.observed)
    centres = (edges[1:] + edges[:-1]) / 2
    panel.errorbar(centres, channel.observed, yerr=[down, up], fmt="ko", markersize=3.5, capsize=2, label="data")
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(0, 1.45 * float((channel.observed + up).max()))
    unit = axis.unit
    symbol = {"N_e": "$N_{e^-}$"}.get(axis.name, axis.name)
    if common is not None:
        panel.set_xlabel(f"{symbol} [{unit}]")
        width = np.diff(edges)
        panel.set_ylabel(f"events / {width[0]:g} {unit}" if np.allclose(width, width[0]) else "events / bin")
    else:
        panel.set_xlabel(f"{symbol} bin (edges differ between the runs)")
        panel.set_xticks(np.arange(channel.bins) + 1)
        panel.set_ylabel("events / bin")
    handles, labels = panel.get_legend_handles_labels()
    panel.legend(handles[::-1], labels[::-1], ncols=2, loc="upper center")
