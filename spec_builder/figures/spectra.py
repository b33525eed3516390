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
    from spec_builder.experiments.description import Experiment
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
        count = len(analysis.experiments)
        figure = Figure(figsize=(3.6 * count + 0.4, 3.6), layout=None)
        panels = figure.subplots(1, count, squeeze=False)[0]
        figure.subplots_adjust(left=0.09, right=0.985, top=0.9, wspace=0.22)
        for panel, experiment in zip(panels, analysis.experiments, strict=True):
            place = likelihood.specification.channels[experiment.channel]
            _draw_spectrum(panel, experiment, {k: v[place] for k, v in rates.items() if v[place].any()})
        fit = result.fit
        flux = f"{fit.value:.2f} x 10$^6$ cm$^{{-2}}$ s$^{{-1}}$"
        choices = f"law {analysis.law}; error bars: central 68 % Poisson intervals."
        small_print(
            figure,
            [
                f"{display_name(analysis.name)} fit of the flux: {flux}; {choices}",
                by_construction_note([analysis.by_construction]),
            ],
        )
    return figure


def _draw_spectrum(panel: Axes, experiment: Experiment, rates: dict[str, FloatArray]) -> None:
    shared = len({tuple(run.bin_edges) for run in experiment.runs}) == 1
    edges = experiment.runs[0].bin_edges if shared else np.arange(experiment.bins + 1) + 0.5
    bottom = np.zeros(experiment.bins)
    backgrounds = sorted((b.name for b in experiment.backgrounds), key=lambda name: rates[name].sum())
    colors = dict(zip([b.name for b in experiment.backgrounds], _BACKGROUND_COLORS, strict=False))
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
    down, up = poisson_interval(experiment.observed)
    centres = (edges[1:] + edges[:-1]) / 2
    panel.errorbar(centres, experiment.observed, yerr=[down, up], fmt="ko", markersize=3.5, capsize=2, label="data")
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(0, 1.45 * float((experiment.observed + up).max()))
    unit = experiment.observable.unit
    symbol = {"N_e": "$N_{e^-}$"}.get(experiment.observable.name, experiment.observable.name)
    if shared:
        panel.set_xlabel(f"{symbol} [{unit}]")
        width = np.diff(edges)
        panel.set_ylabel(f"events / {width[0]:g} {unit}" if np.allclose(width, width[0]) else "events / bin")
    else:
        panel.set_xlabel(f"{symbol} bin (edges differ between the runs)")
        panel.set_xticks(np.arange(experiment.bins) + 1)
        panel.set_ylabel("events / bin")
    star = "*" if experiment.by_construction else ""
    panel.set_title(f"{experiment.title}{star}, {experiment.exposure_t_yr:.3g} t yr", fontsize=9)
    handles, labels = panel.get_legend_handles_labels()
    panel.legend(handles[::-1], labels[::-1], ncols=2, loc="upper center")
