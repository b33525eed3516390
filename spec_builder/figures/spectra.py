"""Spectra: data over stacked backgrounds and signal."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.special import gammaincinv

from spec_builder.figures.style import STYLE, by_construction_note, display_name, small_print

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Axis, Channel, Experiment
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult

__all__ = ["can_be_spectra", "draw_spectra", "panel_count", "poisson_interval"]

_BACKGROUND_COLORS = ("#E69F00", "#56B4E9", "#F0E442", "#D55E00", "#999999")
_SIGNAL_COLORS = ("#CC79A7", "#E4B7CF", "#F3DEE9")
#: A legend with longer labels is written smaller.
_LONG_LABEL = 23
#: Height of a row of the legend in that of a panel.
_LEGEND_ROW = 0.08
#: Panels of a figure.
_MOST_PANELS = 9
#: Unit of an axis that counts combinations of several observables.
_CLASSES = "class"
#: Panels side by side.
_COLUMNS = 3


def poisson_interval(counts: FloatArray, cl: float = 0.6827) -> tuple[FloatArray, FloatArray]:
    """Lengths (down, up) of the central (Garwood) interval of Poisson means, each of the shape of counts."""
    tail = (1 - cl) / 2
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 0.5), tail), 0.0)
    high = gammaincinv(counts + 1, 1 - tail)
    return counts - low, high - counts


def panel_count(analysis: Analysis) -> int:
    """How many panels :func:`draw_spectra` draws: one for each observable of each channel."""
    return sum(len(channel.axes) for channel in analysis.channels)


def can_be_spectra(analysis: Analysis) -> bool:
    """Whether spectra can be read: not too many panels, and no axis of classes, which have no order."""
    units = {axis.unit for channel in analysis.channels for axis in channel.axes}
    return panel_count(analysis) <= _MOST_PANELS and _CLASSES not in units


def draw_spectra(analysis: Analysis, result: FitResult) -> Figure:
    """Data, stacked backgrounds and signal at the best fit: a panel for each channel, as Fig. 1.

    A channel of two observables has a panel for each, its bins summed over the other.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of a parameter of the Standard Model.
    """
    likelihood = analysis.likelihood(result.fit.parameter)
    theta = np.array([result.fit.theta[name] for name in likelihood.parameters])
    rates = likelihood.sample_rates(theta)
    with mpl.rc_context(STYLE):
        count = panel_count(analysis)
        columns = min(count, _COLUMNS)
        rows = math.ceil(count / columns)
        figure = Figure(figsize=(3.6 * columns + 0.4, 3.4 * rows + 0.2), layout=None)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        figure.subplots_adjust(
            left=0.09 if columns < _COLUMNS else 0.06, right=0.985, top=1 - 0.36 / (3.4 * rows + 0.2),
            wspace=0.22, hspace=0.36,
        )  # fmt: skip
        for panel in panels[count:]:
            panel.set_axis_off()
        free = iter(panels)
        for experiment, channel in analysis.pairs:
            place = likelihood.specification.channels[channel.name]
            own = {name: values[place] for name, values in rates.items() if values[place].any()}
            for axis in range(len(channel.axes)):
                panel = next(free)
                _draw_spectrum(panel, channel, own, axis)
                panel.set_title(_title(experiment, channel), fontsize=9)
        choices = f"law {analysis.law}; error bars: central 68 % Poisson intervals."
        small_print(
            figure,
            [
                f"{display_name(analysis.name)}, fit of {_fitted_text(result)}; {choices}",
                by_construction_note([result.provenance]),
            ],
        )
    return figure


def _fitted_text(result: FitResult) -> str:
    """The fitted parameter, its best value and its unit."""
    fit = result.fit
    if fit.parameter == "flux":
        return f"the flux: {fit.value:.2f} x 10$^6$ cm$^{{-2}}$ s$^{{-1}}$"
    unit = "" if result.unit == "1" else f" [{result.unit}]"
    return f"{fit.parameter}{unit}: {fit.value:.4g}"


def _title(experiment: Experiment, channel: Channel) -> str:
    """Title of a channel's panel, with a star where something agrees by construction."""
    star = "*" if experiment.by_construction else ""
    name = experiment.title if len(experiment.channels) == 1 else f"{experiment.title}, {channel.name}"
    return f"{name}{star}, {channel.exposure:.3g} {channel.exposure_unit}"


def _draw_spectrum(panel: Axes, channel: Channel, rates: dict[str, FloatArray], along: int) -> None:
    """One panel: the bins along one axis, summed over the other if there is one."""
    shape = [axis.bins for axis in channel.axes]
    others = tuple(i for i in range(len(shape)) if i != along)

    def projected(values: FloatArray) -> FloatArray:
        summed: FloatArray = values.reshape(shape).sum(axis=others)
        return summed

    axis = channel.axes[along]
    common = axis.common_edges
    edges = np.arange(axis.bins + 1) + 0.5 if common is None else common
    equal = common is None or np.allclose(np.diff(common), np.diff(common)[0])
    width = np.ones(axis.bins) if equal else np.diff(edges)  # bins of several widths are drawn per unit
    signals = [signal.name for signal in channel.signals if signal.name in rates]
    backgrounds = sorted((b.name for b in channel.backgrounds if b.name in rates), key=lambda name: rates[name].sum())
    colors = dict(zip([b.name for b in channel.backgrounds], itertools.cycle(_BACKGROUND_COLORS), strict=False))
    colors |= dict(zip(signals, itertools.cycle(_SIGNAL_COLORS), strict=False))
    bottom = np.zeros(axis.bins)
    for name in (*backgrounds, *signals):
        top = bottom + projected(rates[name]) / width
        panel.stairs(
            top,
            edges,
            baseline=bottom,
            fill=True,
            facecolor=colors[name],
            edgecolor="black",
            linewidth=0.5,
            hatch="////" if name in signals else None,
            label="EvES" if name == "eves" else display_name(name),
        )
        bottom = top
    panel.stairs(bottom, edges, color="black", linewidth=1.2, label="total")
    counts = projected(channel.observed)
    observed, (down, up) = counts / width, np.stack(poisson_interval(counts)) / width
    centres = (edges[1:] + edges[:-1]) / 2
    panel.errorbar(centres, observed, yerr=[down, up], fmt="ko", markersize=3.5, capsize=2, label="data")
    panel.set_xlim(edges[0], edges[-1])
    _label_axes(panel, axis, common)
    handles, labels = panel.get_legend_handles_labels()
    for_data = 0.94 - _LEGEND_ROW * -(-len(labels) // 2)  # of the panel's height, below the legend
    panel.set_ylim(0, float(max((observed + up).max(), bottom.max())) / for_data)
    crowded = max(map(len, labels)) > _LONG_LABEL
    size = {"fontsize": 6.5, "columnspacing": 1.0, "handlelength": 1.6} if crowded else {}
    panel.legend(handles[::-1], labels[::-1], ncols=2, loc="upper center", **size)


def _label_axes(panel: Axes, axis: Axis, common: FloatArray | None) -> None:
    symbol = {"N_e": "$N_{e^-}$"}.get(axis.name, axis.name)
    if common is None:
        panel.set_xlabel(f"{symbol} bin (edges differ between the runs)")
        panel.set_xticks(np.arange(axis.bins) + 1)
        panel.set_ylabel("events / bin")
        return
    panel.set_xlabel(f"{symbol} [{axis.unit}]" if symbol != axis.unit else symbol)
    width = np.diff(common)
    equal = np.allclose(width, width[0])
    panel.set_ylabel(f"events / {width[0]:g} {axis.unit}" if equal else f"events / {axis.unit}")
