"""Spectra: data over stacked backgrounds and signal, before and after a fit."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.drawing.page import Page, new_figure, styled
from spec_builder.drawing.spectra import (
    BACKGROUND_COLORS,
    SIGNAL_COLORS,
    Layer,
    draw_counts,
    draw_ratio,
    draw_stack,
    draw_total_band,
    label_edges,
)
from spec_builder.drawing.style import display_name
from spec_builder.figures.pages import caption_of
from spec_builder.inference.expectation import covariance, prior, sum_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Axis, Channel, Experiment
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult

__all__ = ["can_be_spectra", "draw_spectra", "fit_text", "panel_count"]

#: Panels side by side, by the width.
_COLUMNS = {"single": 1, "double": 3}
#: Bins whose edges have labels of every run; more would not be read.
_LABELLED = 12
#: Height of a row of the legend in that of a panel.
_LEGEND_ROW = 0.075
#: Panels of a figure.
_MOST_PANELS = 9
#: Unit of an axis that counts combinations of several observables.
_CLASSES = "class"


@dataclass(frozen=True)
class _Expected:
    """What is expected in the bins of an analysis before and after a fit.

    Attributes:
        samples: after the fit, by name, each of shape (bins,).
        covariance: of the parameters after the fit, shape (P, P).
        before: the sum of the samples before the fit, shape (bins,).
        theta: parameters after the fit, shape (P,).
    """

    samples: Mapping[str, FloatArray]
    covariance: FloatArray
    before: FloatArray
    theta: FloatArray


def panel_count(analysis: Analysis) -> int:
    """How many panels :func:`draw_spectra` draws: one for each observable of each channel."""
    return sum(len(channel.axes) for channel in analysis.channels)


def can_be_spectra(analysis: Analysis) -> bool:
    """Whether spectra can be read: not too many panels, and no axis of classes, which have no order."""
    units = {axis.unit for channel in analysis.channels for axis in channel.axes}
    return panel_count(analysis) <= _MOST_PANELS and _CLASSES not in units


def draw_spectra(analysis: Analysis, result: FitResult, *, width: str | None = None) -> Page:
    """Data, stacked backgrounds and signal at the best fit, and below the ratio to it; as Fig. 1 of arXiv:2411.11749.

    The dashed line is what is expected before the fit, at the Standard Model and the centres of all constraints. A
    channel of two observables has a panel for each, its bins summed over the other.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of a parameter of the Standard Model.
        width: ``single`` or ``double``; as the number of panels asks for by default.
    """
    likelihood = analysis.likelihood(result.fit.parameter)
    expected = _expected(likelihood, result)
    count = panel_count(analysis)
    size = width or ("single" if count == 1 else "double")
    columns = min(count, _COLUMNS[size])
    rows = math.ceil(count / columns)
    with styled():
        figure = new_figure(size, 3.3 * rows if size == "single" else 3.0 * rows)
        places = itertools.product(range(rows), range(columns))
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=(3.2, 1) * rows)
        for experiment, channel in analysis.pairs:
            for along in range(len(channel.axes)):
                row, column = next(places)
                panel = figure.add_subplot(grid[2 * row, column])
                ratio = figure.add_subplot(grid[2 * row + 1, column])
                _draw_channel(panel, ratio, channel, likelihood, expected, along)
                panel.set_title(_title(experiment, channel), fontsize=7)
    what = (
        (
            "Data with central 68 % Poisson intervals over the samples after the fit, stacked; hatched, grey: error "
            "after the fit, from the Hessian; dashed: expected before the fit. Below: ratio to the fit."
        ),
    )
    return Page(figure, caption_of(f"Spectra of {display_name(analysis.name)}: {fit_text(result)}", [result], *what))


def fit_text(result: FitResult) -> str:
    """The fitted parameter, its best value and its unit."""
    fit = result.fit
    unit = "" if result.unit == "1" else f" [{result.unit}]"
    return f"fit of {fit.parameter}{unit} = {fit.value:.4g}"


def _expected(likelihood: Likelihood, result: FitResult) -> _Expected:
    theta = np.array([result.fit.theta[name] for name in likelihood.parameters])
    before, _ = prior(likelihood)
    samples = likelihood.sample_rates(theta)
    return _Expected(samples, covariance(likelihood, theta), likelihood.rates(before[None])[0], theta)


def _title(experiment: Experiment, channel: Channel) -> str:
    """Title of a channel's panel, with a star where something agrees by construction."""
    star = "*" if experiment.by_construction else ""
    name = experiment.title if len(experiment.channels) == 1 else f"{experiment.title}, {channel.name}"
    return f"{name}{star}\n{channel.exposure:.3g} {channel.exposure_unit}"


def _sums(channel: Channel, along: int) -> FloatArray:
    """What adds the bins of a channel up along one of its axes, shape (bins of the axis, bins)."""
    shape = [axis.bins for axis in channel.axes]
    place = np.indices(shape)[along].ravel()
    matrix: FloatArray = (place[None, :] == np.arange(shape[along])[:, None]).astype(np.float64)
    return matrix


def _draw_channel(
    panel: Axes, ratio: Axes, channel: Channel, likelihood: Likelihood, expected: _Expected, along: int
) -> None:
    """A panel and its ratio: the bins along one axis, summed over the other if there is one."""
    place, sums = likelihood.specification.channels[channel.name], _sums(channel, along)
    axis = channel.axes[along]
    common = axis.common_edges
    edges: FloatArray = np.arange(axis.bins + 1, dtype=np.float64) + 0.5 if common is None else common
    equal = common is None or np.allclose(np.diff(common), np.diff(common)[0])
    width = np.ones(axis.bins) if equal else np.diff(edges)  # bins of several widths are drawn per unit
    samples = {name: sums @ values[place] for name, values in expected.samples.items() if values[place].any()}
    layers = _layers(channel, {name: values / width for name, values in samples.items()})
    total = draw_stack(panel, edges, layers)
    error = _summed_errors(likelihood, expected, place, sums)
    before, counts = sums @ expected.before[place], sums @ channel.observed
    draw_total_band(panel, edges, total, error / width)
    panel.stairs(before / width, edges, baseline=None, color="#0072B2", linestyle="--", linewidth=0.9, label="pre-fit")
    tops = draw_counts(panel, (edges[1:] + edges[:-1]) / 2, counts, width)
    draw_ratio(ratio, edges, counts, total * width, error, before)
    panel.tick_params(labelbottom=False)
    _label_axes(panel, ratio, axis, common)
    handles, labels = panel.get_legend_handles_labels()
    for_data = 0.93 - _LEGEND_ROW * math.ceil(len(labels) / 2)  # of the panel's height, below the legend
    panel.set_ylim(0, float(max(tops.max(), total.max(), (before / width).max())) / for_data)
    panel.legend(handles[::-1], labels[::-1], ncols=2, loc="upper center", fontsize=5.5, columnspacing=0.8)


def _summed_errors(likelihood: Likelihood, expected: _Expected, place: slice, sums: FloatArray) -> FloatArray:
    """Uncertainty of sums of bins of a channel, which move together, shape (bins of the axis,)."""
    return sum_errors(likelihood, expected.theta, expected.covariance, lambda rates: rates[:, place] @ sums.T)


def _layers(channel: Channel, samples: Mapping[str, FloatArray]) -> list[Layer]:
    """Backgrounds from the smallest, then the signals, hatched."""
    signals = [signal.name for signal in channel.signals if signal.name in samples]
    names = [b.name for b in channel.backgrounds]
    backgrounds = sorted((name for name in names if name in samples), key=lambda name: samples[name].sum())
    colors = dict(zip(names, itertools.cycle(BACKGROUND_COLORS), strict=False))
    colors |= dict(zip(signals, itertools.cycle(SIGNAL_COLORS), strict=False))
    return [
        Layer(
            "EvES" if name == "eves" else display_name(name),
            samples[name],
            colors[name],
            "////" if name in signals else None,
        )
        for name in (*backgrounds, *signals)
    ]


def _label_axes(panel: Axes, ratio: Axes, axis: Axis, common: FloatArray | None) -> None:
    symbol = {"N_e": "$N_{e^-}$"}.get(axis.name, axis.name)
    if common is None:
        if axis.bins <= _LABELLED:
            label_edges(ratio, axis.edges, symbol, axis.unit)
            panel.set_xticks(ratio.get_xticks())
        else:
            ratio.set_xlabel(f"{symbol} bin (edges differ between the runs)")
        panel.set_ylabel("events / bin")
        return
    ratio.set_xlabel(f"{symbol} [{axis.unit}]" if symbol != axis.unit else symbol)
    width = np.diff(common)
    equal = np.allclose(width, width[0])
    panel.set_ylabel(f"events / {width[0]:g} {axis.unit}" if equal else f"events / {axis.unit}")
